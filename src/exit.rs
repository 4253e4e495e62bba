//! How Renacer ends: with the program's own status, by the program's own signal, or with a status for its own failures.

use std::io::Write;

use renacer_events::ExitStatus;
use renacer_ptrace::LaunchError;

/// Renacer itself failed, or was called wrongly.
pub const OWN_FAILURE: i32 = 125;
/// The program is there but cannot be run.
pub const NOT_RUNNABLE: i32 = 126;
/// The program is not there.
pub const NOT_FOUND: i32 = 127;

/// How to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// With this status.
    Status(i32),
    /// By this signal.
    Signal(i32),
}

impl Ending {
    /// As the traced program ended.
    pub fn like(status: ExitStatus) -> Ending {
        match status {
            ExitStatus::Exited(code) => Ending::Status(code),
            ExitStatus::Killed { signal, .. } => Ending::Signal(signal),
            ExitStatus::Unknown => Ending::Status(OWN_FAILURE),
        }
    }

    /// Ends the process so.
    pub fn enter(self) -> ! {
        match self {
            Ending::Status(status) => with(status),
            Ending::Signal(signal) => {
                renacer_ptrace::die_by(signal);
                // A signal that does not end a process by default cannot have ended the program either.
                with(128 + signal)
            }
        }
    }
}

/// Ends the process with this status.
pub fn with(status: i32) -> ! {
    std::process::exit(status)
}

/// The status for an error that ends the run.
pub fn status_of(error: &anyhow::Error) -> i32 {
    match error.downcast_ref::<LaunchError>() {
        Some(launch) if launch.is_not_found() => NOT_FOUND,
        Some(launch) if launch.is_the_programs() => NOT_RUNNABLE,
        _ => OWN_FAILURE,
    }
}

/// Tells an error, with its causes, on standard error.
pub fn complain(error: &anyhow::Error) {
    say(&format!("renacer: {error:#}"));
}

/// A line on standard error. Where nobody reads it there is nobody to tell.
pub fn say(line: &str) {
    let _ = writeln!(std::io::stderr(), "{line}");
}
