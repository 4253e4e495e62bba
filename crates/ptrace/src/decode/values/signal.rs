//! Signals and sets of signals.

use crate::decode::number::{push_decimal, push_unsigned};

/// The signals below the real-time ones, without `SIG`.
const NAMES: [&str; 31] = [
    "HUP", "INT", "QUIT", "ILL", "TRAP", "ABRT", "BUS", "FPE", "KILL", "USR1", "SEGV", "USR2", "PIPE", "ALRM", "TERM",
    "STKFLT", "CHLD", "CONT", "STOP", "TSTP", "TTIN", "TTOU", "URG", "XCPU", "XFSZ", "VTALRM", "PROF", "WINCH", "IO",
    "PWR", "SYS",
];

/// Where the real-time signals start, for the kernel; C libraries take some for themselves.
const FIRST_REAL_TIME: u64 = 32;
const LAST: u64 = 64;

/// Appends a signal's name without `SIG`. Says whether it has one.
fn short_name(out: &mut String, number: u64) -> bool {
    match number {
        1..FIRST_REAL_TIME => out.push_str(NAMES[number as usize - 1]),
        FIRST_REAL_TIME => out.push_str("RTMIN"),
        FIRST_REAL_TIME..=LAST => {
            out.push_str("RT_");
            push_unsigned(out, number - FIRST_REAL_TIME);
        }
        _ => return false,
    }
    true
}

/// Appends a signal: `SIGCHLD`, `SIGRT_3`, or the number if there is no such signal.
pub(crate) fn signal(out: &mut String, number: u64) {
    let start = out.len();
    out.push_str("SIG");
    if !short_name(out, number & 0xffff_ffff) {
        out.truncate(start);
        push_decimal(out, (number as i32).into());
    }
}

/// A signal's name: `SIGCHLD`; the number if it has none.
pub(crate) fn signal_name(number: i32) -> String {
    let mut name = String::new();
    signal(&mut name, number as u32 as u64);
    name
}

/// Appends a set of signals, from its bytes (8 or, for old 32-bit calls, 4): `[INT CHLD]`, and `~[KILL STOP]` if most are in it.
pub(crate) fn signal_set(out: &mut String, bytes: &[u8]) {
    let bytes = &bytes[..bytes.len().min(8)];
    let count = bytes.len() as u32 * 8;
    let mut set = crate::capture::number(bytes);
    if count > 0 && set.count_ones() >= count * 2 / 3 {
        out.push('~');
        set = !set & (u64::MAX >> (64 - count));
    }
    out.push('[');
    let mut first = true;
    while set != 0 {
        if !first {
            out.push(' ');
        }
        first = false;
        short_name(out, u64::from(set.trailing_zeros()) + 1);
        set &= set - 1;
    }
    out.push(']');
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    // The expected texts are what strace 6.1 prints for these numbers.

    #[test]
    fn signals() {
        let names = [1, 9, 31, 32, 34, 64].map(signal_name);
        assert_eq!(names, ["SIGHUP", "SIGKILL", "SIGSYS", "SIGRTMIN", "SIGRT_2", "SIGRT_32"]);
        assert_eq!([0, 65, 99, -5].map(signal_name), ["0", "65", "99", "-5"]);
    }

    #[test]
    fn sets() {
        let set = |set: u64| text(|out| signal_set(out, &set.to_le_bytes()));
        assert_eq!(set(0), "[]");
        assert_eq!(set(1 << 2 | 1 << 16), "[QUIT CHLD]");
        assert_eq!(set(u64::MAX), "~[]");
        assert_eq!(set(0xffff_fffe_7ffb_feff), "~[KILL STOP RTMIN RT_1]");
        assert_eq!(set(1 << 31 | 1 << 32 | 1 << 63), "[RTMIN RT_1 RT_32]");
        assert!(set((1 << 41) - 1).starts_with("[HUP INT"));
        assert!(set((1 << 42) - 1).starts_with("~[RT_11 RT_12"));
        assert_eq!(text(|out| signal_set(out, &[5, 0, 0, 0])), "[HUP QUIT]");
        assert_eq!(text(|out| signal_set(out, &[0xff; 4])), "~[]");
        assert_eq!(text(|out| signal_set(out, &[])), "[]");
    }
}
