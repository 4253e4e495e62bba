//! The values that arguments hold, as text: flags, enumerations and structures, as strace 6.1 writes them by default.
//!
//! Everything here turns numbers or bytes into text that is appended to a string. Nothing reads memory. A structure's function gets
//! at least as many bytes as its `size` function says; what is missing anyway reads as zeros.

mod errno;
mod flags;
mod memory;
mod open;
mod process;
mod signal;
mod socket;
pub(crate) mod tables;

pub(crate) use errno::errno;
pub(crate) use flags::{Flags, Names};
pub(crate) use memory::{ipc_command, ipc_get, memfd_flags, mempolicy, mmap_flags, shmget_flags};
pub(crate) use open::{fanotify_init, file_flags, mode, open_flags, statx_flags, swap_flags};
pub(crate) use process::{clone_flags, futex_operation, personality, wait_status};
pub(crate) use signal::{signal, signal_name, signal_set};
pub(crate) use socket::{protocol, socket_type};

/// The number in the `size` bytes at `offset`.
fn field(bytes: &[u8], offset: usize, size: usize) -> u64 {
    bytes.get(offset..).map_or(0, |rest| crate::capture::number(&rest[..rest.len().min(size)]))
}

/// The signed number in the 4 bytes at `offset`.
fn int(bytes: &[u8], offset: usize) -> i64 {
    (field(bytes, offset, 4) as i32).into()
}

/// What a function appends.
#[cfg(test)]
fn text(write: impl FnOnce(&mut String)) -> String {
    let mut out = String::new();
    write(&mut out);
    out
}
