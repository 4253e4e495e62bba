//! Signals and sets of signals.

use renacer_events::signal_name;

/// Appends a signal: `SIGCHLD`, `SIGRT_3`, or the number if there is no such signal.
pub(crate) fn signal(out: &mut String, number: u64) {
    out.push_str(&signal_name(number as i32));
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
        let name = signal_name(set.trailing_zeros() as i32 + 1);
        out.push_str(name.trim_start_matches("SIG"));
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
