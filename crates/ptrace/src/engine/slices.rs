//! Where tracing may take a share of each thread's time only: threads are traced in slices of time, and rest in between.
//!
//! What a stop costs its thread is the time from the report to the resume, what it may have waited before the tracer looked, and the
//! switch to the tracer and back. A thread that has had more than its share rests from its next return on: it runs with
//! PTRACE_CONT, which leaves signals, births and its end to be reported, but no calls. When the rest is over it is interrupted.
//! While any thread of a process rests, nothing is known of what the process has open and where its code is; so threads of a process
//! rest at the same time where they can.

use std::time::Duration;

use renacer_events::{Entry, Event, EventKind, Missed, Pid, Tid};

use super::budget::Budget;
use super::{Emit, Tracer};
use crate::memory::TraceeMemory;
use crate::sys::clock::monotonic;
use crate::sys::timer::Timer;
use crate::tracee::{self, Report, Stop, Stopped};
use crate::{arch, blocked, capture, interrupts, proc};

/// How soon a thread that could not be interrupted is looked at again, in nanoseconds: sooner at first.
const PATIENCE: std::ops::RangeInclusive<u64> = 10_000_000..=160_000_000;
/// A switch to the tracer and back is never taken for longer, in nanoseconds: calls that block are no measure.
const SLOWEST_SWITCH: u64 = 200_000;

/// The measure of all threads.
pub(super) struct Slices {
    /// What tracing may take.
    share: f64,
    /// What a switch to the tracer and back takes, in nanoseconds: of the times between a resume and the next stop a quarter is shorter,
    /// as most calls take no time of their own.
    switch: u64,
    /// When the reports that are being answered were taken, and those before.
    taken: u64,
    taken_before: u64,
    /// They were waited for, and so did not wait themselves.
    waited: bool,
    /// The threads that have just begun to rest.
    begun: Vec<Tid>,
    /// When the first rest is over.
    due: Option<u64>,
    timer: Option<Timer>,
}

/// The measure of one thread.
#[derive(Debug)]
pub(super) struct Slice {
    budget: Budget,
    /// When it last went on.
    resumed: u64,
    rest: Option<Rest>,
}

#[derive(Debug)]
struct Rest {
    /// When it is over.
    until: u64,
    /// It has been interrupted.
    is_ending: bool,
    patience: u64,
}

impl Slice {
    pub(super) fn rests(&self) -> bool {
        self.rest.is_some()
    }
}

impl Slices {
    pub(super) fn new(share: f64) -> Slices {
        Slices { share, switch: 0, taken: 0, taken_before: 0, waited: false, begun: Vec::new(), due: None, timer: None }
    }

    /// The next report of any tracee; notes whether it was there already.
    pub(super) fn wait(&mut self) -> std::io::Result<Report> {
        let (report, waited) = match tracee::poll() {
            Some(report) => (Ok(report), false),
            None => (tracee::wait(), true),
        };
        // Also when nothing came but a signal to the tracer: what is there the next time has not waited for longer than since now.
        (self.taken_before, self.taken, self.waited) = (self.taken, monotonic(), waited);
        report
    }

    /// A stop came this long after the thread had gone on, with the tracer waiting for it.
    fn observe(&mut self, nanos: u64) {
        let step = self.switch / 64 + 1;
        self.switch = match self.switch {
            0 => nanos,
            switch if nanos > switch => switch + step,
            // Three times as far down as up: so it stays where three times as many are above as below.
            switch => switch.saturating_sub(3 * step).max(nanos),
        };
        self.switch = self.switch.min(SLOWEST_SWITCH);
    }

    /// What the stop cost a thread that goes on now.
    fn cost(&self, slice: &Slice, now: u64) -> u64 {
        // All reports that were there were taken the last time.
        let unseen = match self.waited {
            true => 0,
            false => self.taken.saturating_sub(self.taken_before.max(slice.resumed)),
        };
        now.saturating_sub(self.taken) + unseen + self.switch
    }

    fn wake_at(&mut self, due: Option<u64>) {
        self.due = due;
        let Some(timer) = &self.timer else { return };
        match due {
            Some(due) => {
                let delay = Duration::from_nanos(due.saturating_sub(monotonic()));
                timer.start(delay, Duration::from_nanos(*PATIENCE.start()));
            }
            None => timer.stop(),
        }
    }
}

impl Tracer {
    /// To be called by the thread that traces.
    pub(super) fn start_slices(&mut self) {
        if let Some(slices) = &mut self.slices {
            // Without it rests end when something else happens.
            slices.timer = Timer::new(interrupts::WAKE).ok();
        }
    }

    /// A stopped thread is about to go on: takes off what the stop cost it. It rests if that was too much and it is in no call.
    pub(super) fn charge(&mut self, tid: Tid) {
        let launching = self.launch.is_some();
        let Some(slices) = self.slices.as_mut().filter(|_| !launching) else { return };
        let Some(thread) = self.threads.get_mut(&tid) else { return };
        let now = monotonic();
        let slice = thread.slice.get_or_insert_with(|| Slice {
            budget: Budget::new(slices.share, now),
            resumed: now,
            rest: None,
        });
        let cost = slices.cost(slice, now);
        slice.budget.spend(slices.share, now, cost);
        slice.resumed = now;
        if slice.rest.is_some() || thread.inside || !slice.budget.is_spent() {
            return;
        }
        let Some(process) = self.processes.get_mut(&thread.pid) else { return };
        let until = match process.rests_until > now {
            // Together with the others.
            true => process.rests_until.max(slice.budget.even_at(slices.share)),
            false => slice.budget.full_at(slices.share),
        };
        slice.rest = Some(Rest { until, is_ending: false, patience: *PATIENCE.start() });
        thread.returns = false;
        process.rests_until = until;
        process.resting += 1;
        // To be looked up again.
        process.image.user_id = None;
        process.makes_namespaces = true;
        slices.begun.push(tid);
        if slices.due.is_none_or(|due| until < due) {
            slices.wake_at(Some(until));
        }
    }

    /// Tells of the rests that have begun, after what came before them.
    pub(super) fn tell_rests(&mut self, emit: Emit) {
        let Some(slices) = &mut self.slices else { return };
        for tid in slices.begun.drain(..) {
            if let Some(slice) = self.threads.get(&tid).and_then(|thread| thread.slice.as_ref()) {
                emit(Event { at: slice.resumed, tid, kind: EventKind::Rests });
            }
        }
    }

    /// Interrupts the threads whose rest is over, as far as they do not notice.
    pub(super) fn end_rests(&mut self) {
        let Some(slices) = &mut self.slices else { return };
        let Some(due) = slices.due else { return };
        let now = monotonic();
        if now < due {
            return;
        }
        let mut next = None;
        for (&tid, thread) in &mut self.threads {
            let Some(rest) = thread.slice.as_mut().and_then(|slice| slice.rest.as_mut()) else { continue };
            if rest.is_ending || thread.stopped {
                continue;
            }
            if rest.until <= now {
                if blocked::may_interrupt(tid) {
                    rest.is_ending = true;
                    // One that is gone reports its end.
                    let _ = tracee::interrupt(tid);
                    continue;
                }
                rest.until = now + rest.patience;
                rest.patience = (rest.patience * 2).min(*PATIENCE.end());
            }
            next = Some(next.map_or(rest.until, |next: u64| next.min(rest.until)));
        }
        slices.wake_at(next);
    }

    /// A thread has stopped: it is traced again if its rest is over. Tells whether it was interrupted for that.
    pub(super) fn wake(&mut self, tid: Tid, stop: Stop, emit: Emit) -> bool {
        let Some(slices) = &mut self.slices else { return false };
        let Some(slice) = self.threads.get_mut(&tid).and_then(|thread| thread.slice.as_mut()) else { return false };
        let Some(rest) = &mut slice.rest else {
            if slices.waited && stop == Stop::Syscall {
                slices.observe(slices.taken.saturating_sub(slice.resumed));
            }
            return false;
        };
        let (until, is_ending) = (rest.until, rest.is_ending);
        if matches!(stop, Stop::Group(_) | Stop::Exec) {
            return false;
        }
        if is_ending || until <= slices.taken {
            self.end_rest(tid, emit);
        } else if stop == Stop::Event && slices.due.is_none_or(|due| until < due) {
            // While it was stopped by job control nobody waited for the end of its rest.
            slices.wake_at(Some(until));
        }
        is_ending
    }

    /// The thread is traced again, if it was not.
    pub(super) fn end_rest(&mut self, tid: Tid, emit: Emit) {
        let Some(thread) = self.threads.get_mut(&tid) else { return };
        if thread.slice.as_mut().and_then(|slice| slice.rest.take()).is_none() {
            return;
        }
        let pid = thread.pid;
        emit(Event { at: monotonic(), tid, kind: EventKind::Rested });
        let name = proc::name(tid);
        if !name.is_empty() && name != thread.name {
            thread.name.clone_from(&name);
            emit(Event { at: monotonic(), tid, kind: EventKind::Renamed(name) });
        }
        self.rests_no_more(pid, emit);
    }

    /// One thread less of the process rests.
    pub(super) fn rests_no_more(&mut self, pid: Pid, emit: Emit) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        process.resting = process.resting.saturating_sub(1);
        if process.resting == 0
            && let Some((&tid, _)) = self.threads.iter().find(|(_, thread)| thread.pid == pid)
        {
            self.look_again(tid, emit);
        }
    }

    /// Tells how things stand in a process of which all is traced again.
    pub(super) fn look_again(&mut self, tid: Tid, emit: Emit) {
        let Some(thread) = self.threads.get(&tid) else { return };
        let missed = Missed {
            calls: 0,
            descriptors: proc::descriptors::open(thread.pid),
            working_directory: proc::working_directory(thread.pid),
        };
        if let Some(walker) = &mut self.stacks {
            walker.image_replaced(thread.pid);
        }
        if let Some(source) = &mut self.contexts {
            source.missed(thread.pid);
        }
        emit(Event { at: monotonic(), tid, kind: EventKind::Missed(Box::new(missed)) });
    }

    /// A thread that rests has made another one: which call that was is found out now.
    pub(super) fn find_creating_call(&mut self, stopped: &Stopped) {
        let Some(thread) = self.threads.get_mut(&stopped.tid()) else { return };
        if self.slices.is_none() || thread.inside {
            return;
        }
        let Some(process) = self.processes.get_mut(&thread.pid) else { return };
        let Ok(Some(call)) = stopped.call_in_flight() else { return };
        let Some((abi, number)) = arch::abi(call.arch, call.number) else { return };
        let mut memory = TraceeMemory::new(stopped, &mut process.memory);
        let memory = capture::at_entry(abi, number, &call.arguments, 0, &self.options.capture, &mut memory);
        let (instruction_pointer, stack_pointer) = (0, 0);
        let arguments = call.arguments;
        thread.call = Some(Entry {
            abi,
            number,
            arguments,
            instruction_pointer,
            stack_pointer,
            memory,
            stack: None,
            context: None,
            watched: true,
        });
    }
}
