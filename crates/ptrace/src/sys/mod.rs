//! The system calls that Renacer itself makes and that no safe library offers. All `unsafe` of this crate is in this folder.
#![allow(unsafe_code)]

pub mod clock;
pub mod memory;
pub mod probe;
pub mod process;
pub mod ptrace;
pub mod registers;
pub mod seccomp;
pub mod signal;
pub mod timer;

use std::io;

/// Turns the result of a libc call into the errno it left.
fn check(result: libc::c_long) -> io::Result<libc::c_long> {
    if result == -1 { Err(io::Error::last_os_error()) } else { Ok(result) }
}
