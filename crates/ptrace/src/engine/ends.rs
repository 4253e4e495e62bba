//! What ends: programs that another one replaces, threads and processes.

use renacer_events::{Event, EventKind, ExitStatus, Pid, Tid};

use super::{Emit, Process, Thread, Tracer};
use crate::proc;
use crate::sys::clock::monotonic;
use crate::tracee::Change;

impl Tracer {
    pub(super) fn exec(&mut self, tid: Tid, former: Tid, emit: Emit) {
        if self.is_launching(tid) {
            for event in self.launch.take().map(|launch| launch.held).unwrap_or_default() {
                emit(event);
            }
        }
        let unknown = self.processes.get(&tid).is_some_and(|process| process.resting > 0);
        self.end_rest(former, emit);
        // The kernel has given the process's id to the thread that called exec, and ended all others.
        let caller = self.threads.remove(&former);
        self.threads.retain(|_, thread| thread.pid != tid);
        let before = self.processes.get(&tid).map(|process| &process.image);
        let mut image = proc::image_after_exec(tid, before);
        if let (None, Some(before)) = (&image.working_directory, before) {
            // Not permitted to look: what was known still holds, since exec does not change it.
            image.working_directory.clone_from(&before.working_directory);
        }
        let mut thread = Thread::new(tid, image.name.clone());
        if let Some(caller) = caller {
            thread = Thread { pid: tid, name: thread.name, ..caller };
        }
        if let Some(placement) = self.placement.as_mut().filter(|_| former != tid) {
            placement.renamed(former, tid);
        }
        let mut process = match self.processes.get(&tid) {
            Some(before) => before.replaced(image.clone()),
            None => Process::new(image.clone()),
        };
        process.passes = self.passes(&image.name);
        self.threads.insert(tid, thread);
        self.processes.insert(tid, process);
        if let Some(walker) = &mut self.stacks {
            walker.image_replaced(tid);
        }
        if let Some(source) = &mut self.contexts {
            source.image_replaced(tid);
        }
        let kind = EventKind::ImageReplaced { former_tid: former, image: Box::new(image) };
        emit(Event { at: monotonic(), tid, kind });
        if unknown {
            self.look_again(tid, emit);
        }
    }

    pub(super) fn forget_process(&mut self, pid: Pid) {
        self.processes.remove(&pid);
        if let Some(walker) = &mut self.stacks {
            walker.exited(pid);
        }
        if let Some(source) = &mut self.contexts {
            source.exited(pid);
        }
    }

    pub(super) fn ended(&mut self, tid: Tid, change: Change, emit: Emit) {
        if let Some(newborn) = self.newborns.remove(&tid) {
            // Killed while it was held: the stop that we keep is worth nothing any more.
            self.born(tid, None, newborn.family, emit);
        }
        if let Some(placement) = &mut self.placement {
            placement.ended(tid);
        }
        let at = monotonic();
        let status = match change {
            Change::Exited(code) => ExitStatus::Exited(code),
            Change::Killed { signal, core_dumped } => ExitStatus::Killed { signal, core_dumped },
            Change::Stopped { .. } => ExitStatus::Unknown,
        };
        let launching = self.is_launching(tid);
        if launching && self.launch.as_ref().is_some_and(|launch| launch.failed.is_none()) {
            // Killed before the program ran.
            self.launch = None;
        }
        self.tell_missed(tid, tid, false, emit);
        match self.threads.remove(&tid) {
            Some(thread) => {
                if let Some(source) = &mut self.contexts {
                    source.thread_ended(thread.pid, tid);
                }
                if self.main == Some(tid) {
                    self.outcome.status = Some(status);
                }
                if thread.pid == tid {
                    self.forget_process(tid);
                }
                if !launching {
                    emit(Event { at, tid, kind: EventKind::ThreadExited(status) });
                    if thread.pid == tid {
                        emit(Event { at, tid, kind: EventKind::ProcessExited(status) });
                    }
                }
                if thread.slice.is_some_and(|slice| slice.rests()) {
                    self.rests_no_more(thread.pid, emit);
                }
            }
            None if self.processes.contains_key(&tid) => {
                // The first thread of a process whose threads were forgotten; its end is the process's.
                self.forget_process(tid);
                emit(Event { at, tid, kind: EventKind::ProcessExited(status) });
            }
            None => {
                self.early_ends.insert(tid, change);
            }
        }
        self.adopt(emit);
    }
}
