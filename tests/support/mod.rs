//! What the integration tests share: building the C programs, running commands with a deadline, reading what came out.

#![allow(dead_code, unused_imports, reason = "each test binary uses a part of it")]

mod build;
pub mod contexts;
mod processes;
mod pty;
mod run;
pub mod spans;
pub mod strace;
pub mod tokens;

pub use build::{available, program};
pub use processes::{Leftover, busy_counters, child_of, is_alive, signal, state, tracer};
pub use pty::Terminal;
pub use run::{Finished, describe, finish, finish_within, renacer, wait_until};
