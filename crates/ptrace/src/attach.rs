//! Starts tracing processes that run already, with all their threads.

use std::collections::BTreeSet;
use std::io;

use renacer_events::{Pid, Tid};

use crate::proc;
use crate::sys::ptrace;
use crate::tracee;

/// Why a process could not be traced.
#[derive(Debug, thiserror::Error)]
pub enum AttachError {
    /// There is no such process.
    #[error("cannot attach to {0}: there is no such process")]
    NoSuchProcess(Pid),
    /// It has ended, but its parent has not taken its status yet.
    #[error("cannot attach to {0}: it has ended already (it is a zombie)")]
    Zombie(Pid),
    /// We cannot trace ourselves.
    #[error("cannot attach to {0}: that is Renacer itself")]
    Ourselves(Pid),
    /// Another tracer has it.
    #[error(
        "cannot attach to {pid}: process {tracer} ({name}) traces it already, and a process can have one tracer only"
    )]
    TracedAlready {
        /// The process.
        pid: Pid,
        /// Its tracer.
        tracer: Pid,
        /// The tracer's name.
        name: String,
    },
    /// The kernel does not permit it.
    #[error("cannot attach to {pid}: ptrace is not permitted: {reason}")]
    NotPermitted {
        /// The process.
        pid: Pid,
        /// What is probably in the way, and what helps.
        reason: String,
    },
    /// Anything else.
    #[error("cannot attach to {pid}: {source}")]
    Other {
        /// The process.
        pid: Pid,
        /// The kernel's answer.
        source: io::Error,
    },
}

/// Seizes all threads of the process that `id` (a process or one of its threads) belongs to, and asks them to stop.
/// Returns the process and its threads.
pub fn seize_all(id: Pid, options: i32) -> Result<(Pid, Vec<Tid>), AttachError> {
    let status = proc::status(id).ok_or(AttachError::NoSuchProcess(id))?;
    let pid = status.pid.unwrap_or(id);
    if pid == std::process::id() as Pid {
        return Err(AttachError::Ourselves(pid));
    }
    let mut seized = BTreeSet::new();
    // Threads may be created while we go through them. Those of a seized thread are traced from birth and report themselves;
    // those of one that we had not reached are found in the next pass.
    loop {
        let mut found_new = false;
        for tid in proc::threads(pid).map_err(|_| AttachError::NoSuchProcess(pid))? {
            if seized.contains(&tid) {
                continue;
            }
            match ptrace::seize(tid, options) {
                Ok(()) => {
                    seized.insert(tid);
                    found_new = true;
                }
                Err(error) if error.raw_os_error() == Some(libc::ESRCH) => {}
                Err(_) if is_ours(tid) => {}
                Err(error) => return Err(explain(pid, tid, error)),
            }
        }
        if !found_new {
            break;
        }
    }
    if seized.is_empty() {
        return Err(AttachError::Zombie(pid));
    }
    for &tid in &seized {
        // One that is gone by now reports its end.
        let _ = tracee::interrupt(tid);
    }
    let mut threads: Vec<Tid> = seized.into_iter().collect();
    threads.sort_by_key(|&tid| (tid != pid, tid));
    Ok((pid, threads))
}

fn is_ours(tid: Tid) -> bool {
    proc::status(tid).and_then(|status| status.tracer) == Some(std::process::id() as Pid)
}

fn explain(pid: Pid, tid: Tid, error: io::Error) -> AttachError {
    let status = proc::status(tid).unwrap_or_default();
    if error.raw_os_error() != Some(libc::EPERM) {
        return AttachError::Other { pid, source: error };
    }
    if status.state == Some('Z') {
        return AttachError::Zombie(pid);
    }
    if let Some(tracer) = status.tracer.filter(|&tracer| tracer != 0) {
        return AttachError::TracedAlready { pid, tracer, name: proc::name(tracer) };
    }
    AttachError::NotPermitted { pid, reason: why_not_permitted(status.user_id) }
}

/// What is probably in the way of tracing a process of user `owner`.
pub fn why_not_permitted(owner: Option<u32>) -> String {
    let own = proc::status(std::process::id() as Pid).unwrap_or_default().user_id;
    if let Ok(scope) = std::fs::read_to_string("/proc/sys/kernel/yama/ptrace_scope") {
        match scope.trim() {
            "1" if owner == own => {
                return "the kernel's Yama module (kernel.yama.ptrace_scope=1) lets you trace only programs that you start; \
                        start it as `renacer trace -- PROGRAM`, or run Renacer as root or with CAP_SYS_PTRACE"
                    .into();
            }
            "2" => return "kernel.yama.ptrace_scope=2 needs CAP_SYS_PTRACE: run Renacer as root".into(),
            "3" => return "kernel.yama.ptrace_scope=3 forbids ptrace on this machine until it is booted anew".into(),
            _ => {}
        }
    }
    match owner {
        Some(owner) if Some(owner) != own => format!(
            "the process belongs to user {owner}; run Renacer as that user, as root, or with CAP_SYS_PTRACE \
             (in a container: --cap-add SYS_PTRACE)"
        ),
        _ => "it may be a set-user-id program or have more rights than Renacer; run Renacer as root or with CAP_SYS_PTRACE \
              (in a container: --cap-add SYS_PTRACE, and a seccomp profile that allows ptrace)"
            .into(),
    }
}
