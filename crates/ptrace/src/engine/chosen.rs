//! Where only some calls are asked for: which of them stop a tracee, and how it goes on after each stop.
//!
//! A launched program has a seccomp filter where that is possible. Then it runs with PTRACE_CONT, the filter's report is the
//! call's entry, and PTRACE_SYSCALL is used only from there to the return of a call whose return matters. Without the filter
//! every call stops the tracee twice, and those that nobody asked for are let by here.

use renacer_events::{Event, EventKind, Memory, Return, Tid};

use super::{Emit, Outcome, Slice, Thread, TraceError, Tracer, calls};
use crate::arch::{self, Role};
use crate::choice::Fate;
use crate::interrupts::Interrupts;
use crate::sys::clock::monotonic;
use crate::sys::signal;
use crate::tracee::{self, Gone, Report, Stop, Stopped, SyscallInfo};

impl Tracer {
    /// Lets a tracee go on to the next stop that matters.
    pub(super) fn resume(&mut self, stopped: Stopped, signal: i32) -> Result<(), Gone> {
        self.charge(stopped.tid());
        match self.stops_at_calls(stopped.tid()) {
            true => stopped.resume(signal),
            false => stopped.run_on(signal),
        }
    }

    /// Whether the thread has to stop at its next entry or return.
    fn stops_at_calls(&self, tid: Tid) -> bool {
        let Some(thread) = self.threads.get(&tid) else { return !self.filtered };
        if thread.slice.as_ref().is_some_and(Slice::rests) {
            return false;
        }
        if self.is_launching(tid) || thread.returns {
            return true;
        }
        if self.passing {
            return false;
        }
        match self.processes.get(&thread.pid) {
            Some(process) => !process.passes && (!self.filtered || process.filters_itself),
            None => !self.filtered,
        }
    }

    /// The filter reports a call.
    pub(super) fn filtered(&mut self, stopped: Stopped, emit: Emit) -> Result<(), Gone> {
        match self.stops_at_calls(stopped.tid()) {
            // Its entry was a stop of its own.
            true => self.go_on(stopped, 0, emit),
            false => self.syscall(stopped, emit),
        }
    }

    /// What is to be done with a call that is entered.
    pub(super) fn fate(&self, tid: Tid, info: &SyscallInfo) -> Fate {
        let (Some(choice), &SyscallInfo::Entry { arch, number, ref arguments, .. }) = (&self.options.choice, info)
        else {
            return Fate::Wanted;
        };
        // What is of no convention that we know is counted.
        let Some((abi, number)) = arch::abi(arch, number) else { return Fate::Wanted };
        if self.is_launching(tid) && arch::role(abi, number) == Some(Role::Exec) {
            // Where it fails, that must be known.
            return match choice.fate(abi, number, arguments) {
                Fate::Wanted => Fate::Wanted,
                _ => Fate::Watched,
            };
        }
        let fate = choice.fate(abi, number, arguments);
        let passes = self
            .threads
            .get(&tid)
            .and_then(|thread| self.processes.get(&thread.pid))
            .is_some_and(|process| process.passes);
        match fate {
            // What comes of it must be known all the same.
            _ if passes && calls::makes_tracees(arch::role(abi, number)) => Fate::Entered,
            _ if passes => Fate::Ignored,
            fate => fate,
        }
    }

    /// Whether nobody asks for the calls of a process with this name.
    pub(super) fn passes(&self, name: &str) -> bool {
        !self.options.follow_only.is_empty() && !self.options.follow_only.iter().any(|wanted| wanted == name)
    }

    /// The program of the process has a filter of its own from now on, at least for the thread that installed it: what that
    /// refuses is seen only where each call stops the tracee.
    pub(super) fn filters_itself(&mut self, tid: Tid) {
        let Some(pid) = self.threads.get(&tid).map(|thread| thread.pid) else { return };
        let Some(process) = self.processes.get_mut(&pid) else { return };
        if !self.filtered || std::mem::replace(&mut process.filters_itself, true) {
            return;
        }
        let others = self.threads.iter().filter(|(other, thread)| thread.pid == pid && **other != tid);
        for (&other, _) in others {
            // The filter may be theirs as well. One that is gone reports its end.
            let _ = tracee::interrupt(other);
        }
    }

    /// Tracing is over, but what has a filter fails in it without a tracer: stays until the last of them has ended, and lets all
    /// calls by.
    pub(super) fn pass(mut self, interrupts: &Interrupts, emit: Emit) -> Result<Outcome, TraceError> {
        let at = monotonic();
        for (&tid, thread) in &mut self.threads {
            thread.returns = false;
            emit(Event { at, tid, kind: EventKind::Detached });
        }
        if let Some(told) = &self.told_of_passing {
            told();
        }
        let nowhere: Emit = &mut drop;
        loop {
            if interrupts.take().is_some() {
                for &pid in self.processes.keys() {
                    let _ = signal::kill(pid, libc::SIGKILL);
                }
            }
            match self.next_report() {
                Ok(Report::Stopped(stopped, Stop::Filtered)) => drop(stopped.run_on(0)),
                Ok(Report::Stopped(stopped, Stop::Syscall)) => drop(stopped.run_on(0)),
                Ok(Report::Stopped(stopped, stop)) => drop(self.stopped(stopped, stop, nowhere)),
                Ok(Report::Ended(tid, change)) => self.ended(tid, change, nowhere),
                Err(error) if error.raw_os_error() == Some(libc::EINTR) => {}
                Err(error) if error.raw_os_error() == Some(libc::ECHILD) => return Ok(self.outcome),
                Err(error) => return Err(TraceError::Wait(error)),
            }
        }
    }

    /// Calls `told` when tracing is over but Renacer has to stay. To be called before [`Tracer::run`].
    pub fn tell_of_passing(&mut self, told: Box<dyn Fn()>) {
        self.told_of_passing = Some(told);
    }

    /// Lets a process go that runs another program now (`-b execve`). Its exec has succeeded, which nothing else will tell.
    pub(super) fn leave(&mut self, stopped: Stopped, emit: Emit) -> Result<(), Gone> {
        let tid = stopped.tid();
        let at = monotonic();
        if let Some(Thread { returns: true, .. }) = self.threads.remove(&tid) {
            let kind = EventKind::Returned(Return { value: 0, is_error: false, memory: Memory::new() });
            emit(Event { at, tid, kind });
        }
        self.forget_process(tid);
        stopped.detach(0)?;
        emit(Event { at, tid, kind: EventKind::Detached });
        Ok(())
    }
}
