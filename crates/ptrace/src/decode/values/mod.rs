//! The values that arguments hold, as text: flags, enumerations and structures, as strace 6.1 writes them by default.
//!
//! Everything here turns numbers or bytes into text that is appended to a string. Nothing reads memory. A structure's function gets
//! at least as many bytes as its `size` function says; what is missing anyway reads as zeros.

mod address;
mod control;
mod errno;
mod fields;
mod flags;
mod ioctl;
mod memory;
mod open;
mod option;
mod perf;
mod process;
mod siginfo;
mod signal;
mod socket;
mod stat;
mod system;
pub(crate) mod tables;
mod time;

pub(crate) use address::{MOST_ADDRESS, sockaddr};
pub(crate) use control::{
    FUTEX_WAITV_SIZE, IO_URING_PARAMS_SIZE, LANDLOCK_PATH_SIZE, LEAST_LANDLOCK_RULESET, futex_waitv, io_uring_params,
    key_serial, landlock_path, landlock_ruleset, mq_attr, mq_attr_size, quota_command,
};
pub(crate) use errno::{errno, error_table};
pub(crate) use flags::{Flags, Names};
pub(crate) use ioctl::{TERMIOS_SIZE, WINSIZE_SIZE, ifreq, ifreq_size, ioctl, termios, winsize};
pub(crate) use memory::{ipc_command, ipc_get, memfd_flags, mempolicy, mmap_flags, shmget_flags};
pub(crate) use open::{
    FLOCK64_SIZE, LEAST_OPEN_HOW, OWNER_SIZE, fanotify_init, file_flags, flock, flock_size, flock64, mode, open_flags,
    open_how, owner, statx_flags, swap_flags,
};
pub(crate) use option::{control_message, socket_option, socket_option_given, socket_option_returned};
pub(crate) use perf::{PERF_EVENT_ATTR_SIZE, perf_event_attr};
pub(crate) use process::{
    SCHED_ATTR_SIZE, SCHED_PARAM_SIZE, USER_DESC_SIZE, clone_flags, clone3_flags, futex_operation, personality,
    sched_attr, sched_param, user_desc, wait_status,
};
pub(crate) use siginfo::{
    OLD_SIGACTION_SIZE, SIGINFO_SIZE, handler, old_sigaction, sigaction, sigaction_size, siginfo, stack, stack_size,
};
pub(crate) use signal::{signal, signal_set};
pub(crate) use socket::{protocol, socket_type};
pub(crate) use stat::{
    OLD_STAT_SIZE, STAT64_SIZE, STATFS64_SIZE, STATX_SIZE, device, old_stat, stat, stat_size, stat64, statfs,
    statfs_size, statfs64, statx,
};
pub(crate) use system::{
    CAPABILITY_HEADER_SIZE, UTSNAME_SIZE, capability_header, capability_sets, capability_sets_size, rlimit, rusage,
    rusage_size, sysinfo, sysinfo_size, utsname,
};
pub(crate) use time::{
    Width, clock, date, itimerspec, itimerval, sigevent, sigevent_size, timespec, timeval, timex, timex_size, timezone,
    tms, unix_time, utimbuf, utimensat_times, utimes_times,
};

use crate::decode::number::push_unsigned;

/// The number in the `size` bytes at `offset`.
fn field(bytes: &[u8], offset: usize, size: usize) -> u64 {
    bytes.get(offset..).map_or(0, |rest| crate::capture::number(&rest[..rest.len().min(size)]))
}

/// The signed number in the 4 bytes at `offset`.
fn int(bytes: &[u8], offset: usize) -> i64 {
    (field(bytes, offset, 4) as i32).into()
}

/// The signed number in the `size` bytes (4 or 8) at `offset`.
fn word_at(bytes: &[u8], offset: usize, size: usize) -> i64 {
    if size == 4 { int(bytes, offset) } else { field(bytes, offset, 8) as i64 }
}

/// Appends a user or group id: -1 stands for none.
fn id(out: &mut String, value: u64) {
    if value == 0xffff_ffff { out.push_str("-1") } else { push_unsigned(out, value) }
}

/// Appends what stands behind the known part of a structure that may grow: nothing if it is all zeros.
fn rest(fields: &mut fields::Fields<'_>, bytes: &[u8], known: usize) {
    let more = bytes.get(known..).unwrap_or_default();
    if more.iter().any(|&byte| byte != 0) {
        let out = fields.separate();
        out.push_str("/* bytes ");
        push_unsigned(out, known as u64);
        out.push_str("..");
        push_unsigned(out, bytes.len() as u64 - 1);
        out.push_str(" */ ");
        hex_bytes(out, more);
    }
}

/// Appends a number as `0x000005`, or `00000000`: as C's `%#08x` does.
fn padded_hex(out: &mut String, value: u64) {
    out.push_str(if value == 0 { "00" } else { "0x" });
    for position in (0..16).rev() {
        if position < 6 || value >> (4 * position) != 0 {
            out.push(char::from(b"0123456789abcdef"[(value >> (4 * position) & 0xf) as usize]));
        }
    }
}

/// Appends bytes as a string of nothing but escapes: `"\x05\x00"`.
fn hex_bytes(out: &mut String, bytes: &[u8]) {
    out.push('"');
    for byte in bytes {
        out.push_str("\\x");
        for digit in [byte >> 4, byte & 0xf] {
            out.push(char::from(b"0123456789abcdef"[usize::from(digit)]));
        }
    }
    out.push('"');
}

/// What a function appends.
#[cfg(test)]
fn text(write: impl FnOnce(&mut String)) -> String {
    let mut out = String::new();
    write(&mut out);
    out
}

/// Numbers of `size` bytes each.
#[cfg(test)]
fn words(size: usize, numbers: &[u64]) -> Vec<u8> {
    numbers.iter().flat_map(|number| number.to_le_bytes()[..size].to_vec()).collect()
}

#[cfg(test)]
mod tests;
