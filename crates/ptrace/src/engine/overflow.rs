//! What happens when there is no room for more events and the tracee must not wait: its calls go by untold, and are counted.
//!
//! Calls that the tracer itself must understand (exec, the creation of processes) are always told of, and before them and
//! once there is room again, how things stand in the process.

use renacer_events::{Event, EventKind, Missed, Pid, Tid};

use super::{Emit, Tracer};
use crate::arch;
use crate::proc;
use crate::sys::clock::monotonic;
use crate::tracee::SyscallInfo;

impl Tracer {
    /// Lets calls go by untold while `has_room` says no. To be called before [`Tracer::run`].
    pub fn drop_when_full(&mut self, has_room: Box<dyn Fn() -> bool>) {
        self.has_room = Some(has_room);
    }

    /// Whether the call that the thread enters goes by untold.
    pub(super) fn goes_by(&mut self, tid: Tid, info: &SyscallInfo, emit: Emit) -> bool {
        let Some(has_room) = &self.has_room else { return false };
        let Some(thread) = self.threads.get(&tid) else { return false };
        let &SyscallInfo::Entry { arch, number, .. } = info else { return false };
        let essential = arch::abi(arch, number).is_none_or(|(abi, number)| arch::role(abi, number).is_some());
        let pid = thread.pid;
        if essential || has_room() {
            self.tell_missed(pid, tid, true, emit);
            return false;
        }
        self.outcome.dropped_calls += 1;
        if let Some(process) = self.processes.get_mut(&pid) {
            process.dropped_calls += 1;
        }
        true
    }

    /// Tells what went by untold in this process, if anything did. `lives`: there is something to look at.
    pub(super) fn tell_missed(&mut self, pid: Pid, tid: Tid, lives: bool, emit: Emit) {
        let Some(process) = self.processes.get_mut(&pid) else { return };
        let calls = std::mem::take(&mut process.dropped_calls);
        if calls == 0 {
            return;
        }
        let mut missed = Missed { calls, ..Missed::default() };
        if lives {
            missed.descriptors = proc::descriptors::open(pid);
            missed.working_directory = proc::working_directory(pid);
            // Mappings may have changed.
            if let Some(walker) = &mut self.stacks {
                walker.image_replaced(pid);
            }
            if let Some(source) = &mut self.contexts {
                source.missed(pid);
            }
        }
        emit(Event { at: monotonic(), tid, kind: EventKind::Missed(Box::new(missed)) });
    }
}
