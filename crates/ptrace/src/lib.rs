//! Runs or attaches to programs under ptrace and reads their system calls.
//!
//! [`Tracer`] is the only part of Renacer that calls ptrace, fork or wait. It turns stops into `renacer_events::Event`s;
//! [`decode::Decoder`], which another thread runs, understands the calls that they describe.

pub mod arch;
mod attach;
pub mod capture;
pub mod decode;
pub mod descriptors;
mod engine;
pub mod facts;
mod interrupts;
mod launch;
mod memory;
pub mod proc;
mod sys;
pub mod table;
mod tracee;

pub use attach::AttachError;
pub use engine::{AtTimeout, Options, Outcome, TraceError, Tracer};
pub use interrupts::{Interrupt, Interrupts};
pub use launch::{Command, LaunchError};
pub use sys::clock::{monotonic, realtime};
pub use sys::signal::{die_by, kill};
