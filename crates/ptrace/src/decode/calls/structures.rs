//! Structures of a fixed size, as arguments: how large they are and who writes them.

use renacer_events::Abi;

use super::super::number::{hex, push_decimal, push_unsigned};
use super::super::spec::{Kind, Struct};
use super::super::values::tables::file;
use super::super::values::{self as v, Width};
use super::super::view::id;
use crate::capture::number;

macro_rules! structures {
    ($($(#[$doc:meta])* $name:ident: $size:expr, $write:expr;)*) => {
        $($(#[$doc])* pub(super) static $name: Struct = Struct { size: $size, write: $write };)*
    };
}

/// Seconds and fractions have 64 bits each, but in the old calls of i386.
fn width(abi: Abi) -> Width {
    if abi == Abi::I386 { Width::Narrow } else { Width::Wide }
}

/// Size of `long` as the kernel sees it: x32 has 64-bit ones.
fn long_size(abi: Abi) -> usize {
    if abi == Abi::I386 { 4 } else { 8 }
}

/// Appends a number in brackets, as something that a pointer leads to.
fn bracketed(out: &mut String, write: impl FnOnce(&mut String)) {
    out.push('[');
    write(out);
    out.push(']');
}

structures! {
    /// `int`, as `[3]`.
    INT: |_| 4, |out, _, bytes| bracketed(out, |out| push_decimal(out, (number(bytes) as i32).into()));
    /// `unsigned int`.
    UINT: |_| 4, |out, _, bytes| bracketed(out, |out| push_unsigned(out, number(bytes)));
    /// A user or group id.
    ID: |_| 4, |out, _, bytes| bracketed(out, |out| id(out, number(bytes) as u32));
    /// `unsigned long`.
    WORD: Abi::word_size, |out, _, bytes| bracketed(out, |out| push_unsigned(out, number(bytes)));
    /// A pointer behind a pointer.
    WORD_POINTER: Abi::word_size, |out, view, bytes| bracketed(out, |out| view.address(out, number(bytes)));
    /// 64 bits in hexadecimal.
    LONG_HEX: |_| 8, |out, _, bytes| bracketed(out, |out| hex(out, number(bytes)));

    STAT: v::stat_size, |out, view, bytes| v::stat(out, view.abi, bytes);
    STAT64: |_| v::STAT64_SIZE, |out, _, bytes| v::stat64(out, bytes);
    OLD_STAT: |_| v::OLD_STAT_SIZE, |out, _, bytes| v::old_stat(out, bytes);
    STATX: |_| v::STATX_SIZE, |out, _, bytes| v::statx(out, bytes);
    STATFS: v::statfs_size, |out, view, bytes| v::statfs(out, view.abi, bytes);
    STATFS64: |_| v::STATFS64_SIZE, |out, _, bytes| v::statfs64(out, bytes);

    FLOCK: v::flock_size, |out, view, bytes| v::flock(out, view.abi, bytes, false);
    FLOCK_FOUND: v::flock_size, |out, view, bytes| v::flock(out, view.abi, bytes, true);
    FLOCK64: |_| v::FLOCK64_SIZE, |out, _, bytes| v::flock64(out, bytes, false);
    FLOCK64_FOUND: |_| v::FLOCK64_SIZE, |out, _, bytes| v::flock64(out, bytes, true);
    OWNER: |_| v::OWNER_SIZE, |out, _, bytes| v::owner(out, bytes);

    SCHED_PARAM: |_| v::SCHED_PARAM_SIZE, |out, _, bytes| v::sched_param(out, bytes);
    USER_DESC: |_| v::USER_DESC_SIZE, |out, view, bytes| v::user_desc(out, view.abi, bytes);
    CAPABILITY_HEADER: |_| v::CAPABILITY_HEADER_SIZE, |out, _, bytes| v::capability_header(out, bytes);
    /// What a seccomp filter may answer.
    SECCOMP_ACTION: |_| 4, |out, _, bytes| bracketed(out, |out| SECCOMP_ACTIONS.write(out, number(bytes)));
    /// Sizes of the structures of seccomp's notifications.
    NOTIFICATION_SIZES: |_| 6, |out, _, bytes| {
        out.push_str("{seccomp_notif=");
        push_unsigned(out, number(&bytes[..2]));
        out.push_str(", seccomp_notif_resp=");
        push_unsigned(out, number(&bytes[2..4]));
        out.push_str(", seccomp_data=");
        push_unsigned(out, number(&bytes[4..]));
        out.push('}');
    };
    /// A signal's number.
    SIGNAL: |_| 4, |out, _, bytes| bracketed(out, |out| v::signal(out, number(bytes)));
    /// A file's flags of FS_IOC_GETFLAGS.
    FILE_FLAGS: |_| 4, |out, _, bytes| bracketed(out, |out| file::INODE_FLAGS.write(out, number(bytes)));

    SIGINFO: |_| v::SIGINFO_SIZE, |out, view, bytes| v::siginfo(out, view.abi, bytes);
    SIGACTION: |abi| v::sigaction_size(abi.word_size()), |out, view, bytes| v::sigaction(out, view.word_size(), bytes);
    OLD_SIGACTION: |_| v::OLD_SIGACTION_SIZE, |out, _, bytes| v::old_sigaction(out, bytes);
    OLD_SIGSET: |_| 4, |out, _, bytes| v::signal_set(out, bytes);
    SIGALTSTACK: |abi| v::stack_size(abi.word_size()), |out, view, bytes| v::stack(out, view.word_size(), bytes);

    PATH_BENEATH: |_| v::LANDLOCK_PATH_SIZE, |out, _, bytes| v::landlock_path(out, bytes);
    TERMIOS: |_| v::TERMIOS_SIZE, |out, _, bytes| v::termios(out, bytes);
    WINSIZE: |_| v::WINSIZE_SIZE, |out, _, bytes| v::winsize(out, bytes);

    TIMESPEC32: |_| 8, |out, _, bytes| v::timespec(out, Width::Narrow, bytes);
    TIMESPEC64: |_| 16, |out, _, bytes| v::timespec(out, Width::Wide, bytes);
    TIMEVAL: |abi| width(abi).size(), |out, view, bytes| v::timeval(out, width(view.abi), bytes);
    TIMEZONE: |_| 8, |out, _, bytes| v::timezone(out, bytes);
    ITIMERSPEC32: |_| 16, |out, _, bytes| v::itimerspec(out, Width::Narrow, bytes);
    ITIMERSPEC64: |_| 32, |out, _, bytes| v::itimerspec(out, Width::Wide, bytes);
    ITIMERVAL: |abi| 2 * width(abi).size(), |out, view, bytes| v::itimerval(out, width(view.abi), bytes);
    UTIMBUF: |abi| 2 * long_size(abi), |out, view, bytes| v::utimbuf(out, long_size(view.abi), bytes);
    UTIMES: |abi| 2 * width(abi).size(), |out, view, bytes| v::utimes_times(out, width(view.abi), bytes);
    UTIMENS: |abi| 2 * width(abi).size(), |out, view, bytes| v::utimensat_times(out, width(view.abi), bytes);
    UTIMENS64: |_| 32, |out, _, bytes| v::utimensat_times(out, Width::Wide, bytes);
    TIME: long_size, |out, view, bytes| bracketed(out, |out| {
        let value = number(bytes);
        v::unix_time(out, if long_size(view.abi) == 4 { (value as i32).into() } else { value as i64 });
    });
    TMS: |abi| 4 * long_size(abi), |out, view, bytes| v::tms(out, long_size(view.abi), bytes);
    SIGEVENT: |abi| v::sigevent_size(abi.word_size()), |out, view, bytes| v::sigevent(out, view.word_size(), bytes);
    UTSNAME: |_| v::UTSNAME_SIZE, |out, _, bytes| v::utsname(out, bytes);
    SYSINFO: |abi| v::sysinfo_size(long_size(abi)), |out, view, bytes| v::sysinfo(out, long_size(view.abi), bytes);
    RLIMIT: |abi| 2 * long_size(abi), |out, view, bytes| v::rlimit(out, long_size(view.abi), bytes);
    RLIMIT64: |_| 16, |out, _, bytes| v::rlimit(out, 8, bytes);
    RUSAGE: |abi| v::rusage_size(width(abi)), |out, view, bytes| v::rusage(out, width(view.abi), bytes);
    TIMEX: |abi| v::timex_size(long_size(abi)), |out, view, bytes| v::timex(out, long_size(view.abi), bytes);
    TIMEX64: |_| v::timex_size(8), |out, _, bytes| v::timex(out, 8, bytes);
}

static SECCOMP_ACTIONS: v::Names = v::Names {
    names: &[
        (0, "SECCOMP_RET_KILL_THREAD"),
        (0x3_0000, "SECCOMP_RET_TRAP"),
        (0x5_0000, "SECCOMP_RET_ERRNO"),
        (0x7fc0_0000, "SECCOMP_RET_USER_NOTIF"),
        (0x7ff0_0000, "SECCOMP_RET_TRACE"),
        (0x7ffc_0000, "SECCOMP_RET_LOG"),
        (0x7fff_0000, "SECCOMP_RET_ALLOW"),
        (0x8000_0000, "SECCOMP_RET_KILL_PROCESS"),
    ],
    unknown: "SECCOMP_RET_???",
};

/// The structure of calls that have a variant with `_time64` on 32-bit ABIs.
pub(super) fn old_timespec(abi: Abi) -> &'static Struct {
    if abi == Abi::I386 { &TIMESPEC32 } else { &TIMESPEC64 }
}

fn old_itimerspec(abi: Abi) -> &'static Struct {
    if abi == Abi::I386 { &ITIMERSPEC32 } else { &ITIMERSPEC64 }
}

/// A `struct timespec` that the call gets.
pub(super) const TIMESPEC_IN: Kind = Kind::Select(|abi, _| Kind::In(old_timespec(abi)));
/// A `struct timespec` that the call returns.
pub(super) const TIMESPEC_OUT: Kind = Kind::Select(|abi, _| Kind::Out(old_timespec(abi)));
/// A `struct itimerspec` that the call gets.
pub(super) const ITIMERSPEC_IN: Kind = Kind::Select(|abi, _| Kind::In(old_itimerspec(abi)));
/// A `struct itimerspec` that the call returns.
pub(super) const ITIMERSPEC_OUT: Kind = Kind::Select(|abi, _| Kind::Out(old_itimerspec(abi)));
