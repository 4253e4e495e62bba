//! Where the tracer and its tracees run: see [`crate::placement`].

use renacer_events::{Entry, Pid, Tid};
use rustix::thread::{CpuSet, sched_getcpu, sched_setaffinity};

use super::Tracer;
use crate::arch::{self, Role};
use crate::facts;
use crate::placement::Placement;
use crate::tracee::SyscallInfo;

/// Where a launched program and the tracer run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Pin {
    /// Together while that is faster and the program cannot notice.
    #[default]
    Auto,
    /// On one processor, and so does all that the program starts: it can notice, and has no parallelism.
    Always,
    /// Wherever the kernel puts them.
    Never,
}

impl Tracer {
    /// Settles where the launched program runs, before it does.
    pub(super) fn place(&mut self, pid: Pid) {
        match self.options.pin {
            // What would show it has to stop the program.
            // Between slices it could see where it runs.
            Pin::Auto if self.slices.is_some() => {}
            Pin::Auto if self.options.choice.as_ref().is_none_or(|choice| choice.sees_opens()) => {
                self.placement = Placement::new();
            }
            Pin::Auto | Pin::Never => {}
            Pin::Always => {
                let mut one = CpuSet::new();
                one.set(sched_getcpu());
                // Where it is not permitted, nothing is lost but time.
                let _ = sched_setaffinity(None, &one);
                let _ = sched_setaffinity(rustix::process::Pid::from_raw(pid), &one);
            }
        }
    }

    /// A tracee has stopped at a call.
    pub(super) fn place_at(&mut self, tid: Tid, info: &SyscallInfo) {
        let Some(thread) = self.threads.get_mut(&tid) else { return };
        thread.inside = matches!(info, SyscallInfo::Entry { .. });
        let Some(placement) = &mut self.placement else { return };
        let role = match *info {
            SyscallInfo::Entry { arch, number, .. } => {
                arch::abi(arch, number).and_then(|(abi, number)| arch::role(abi, number))
            }
            _ => None,
        };
        match role {
            Some(Role::Fork | Role::Clone | Role::Clone3) => placement.makes_another(tid),
            Some(Role::Affinity | Role::Identity) => placement.reveal(),
            _ if self.processes.get(&thread.pid).is_some_and(|process| process.sees_placement) => {}
            _ => placement.stopped(tid, |other| self.threads.get(&other).is_some_and(|thread| thread.inside)),
        }
    }
}

/// Whether the call names a file like `/proc/PID/status`.
pub(super) fn looks_at_status(entry: &Entry) -> bool {
    let path = facts::path(entry.abi, entry.number).and_then(|register| entry.memory.from(entry.arguments[register]));
    path.is_some_and(|path| {
        let path = path.split(|&byte| byte == 0).next().unwrap_or_default();
        path.rsplit(|&byte| byte == b'/').next().is_some_and(|name| name.starts_with(b"status"))
    })
}
