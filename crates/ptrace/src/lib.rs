//! Runs or attaches to programs under ptrace and reads their system calls.
//!
//! [`Tracer`] is the only part of Renacer that calls ptrace, fork or wait. It turns stops into `renacer_events::Event`s;
//! [`decode::Decoder`], which another thread runs, understands the calls that they describe.

pub mod arch;
mod attach;
mod blocked;
pub mod capture;
mod choice;
pub mod decode;
pub mod descriptors;
mod engine;
pub mod facts;
pub mod find;
mod interrupts;
mod launch;
mod markers;
mod memory;
mod placement;
pub mod probe;
pub mod proc;
mod seccomp;
mod streams;
mod sys;
pub mod table;
mod tracee;

pub use attach::AttachError;
pub use choice::{Choice, Fate, Needs};
pub use engine::{AtTimeout, Options, Outcome, Pin, TraceError, Tracer};
pub use interrupts::{Ender, Interrupt, Interrupts};
pub use launch::{Command, LaunchError};
pub use seccomp::{Unfiltered, available as filter_available};
pub use sys::clock::{monotonic, realtime};
pub use sys::process::write_to_the_end;
pub use sys::signal::{die_by, kill};
