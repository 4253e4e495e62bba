//! How processes are created, how they ended, and what threads do with a futex.

use renacer_events::Abi;

use super::fields::Fields;
use super::signal::signal;
use super::tables::process;
use super::{field, int, padded_hex};
use crate::decode::number::{hex, push_decimal, push_hex, push_unsigned};

/// Appends the flags of clone with the signal at the child's exit: `CLONE_VM|CLONE_VFORK|SIGCHLD`.
pub(crate) fn clone_flags(out: &mut String, value: u64) {
    let (flags, exit) = (value & !0xff, value & 0xff);
    if flags != 0 {
        process::CLONE.write(out, flags);
        if exit != 0 {
            out.push('|');
        }
    }
    if exit != 0 || flags == 0 {
        signal(out, exit);
    }
}

/// Appends a wait status: `[{WIFEXITED(s) && WEXITSTATUS(s) == 0}]`.
pub(crate) fn wait_status(out: &mut String, value: u64) {
    let value = value & 0xffff_ffff;
    let (low, high) = (value & 0x7f, value >> 8 & 0xff);
    out.push('[');
    // What the status proper does not account for.
    let rest = if value & 0xffff == 0xffff {
        out.push_str("{WIFCONTINUED(s)}");
        0
    } else if value & 0xff == 0x7f {
        out.push_str("{WIFSTOPPED(s) && WSTOPSIG(s) == ");
        signal(out, high & 0x7f);
        out.push_str(if high & 0x80 == 0 { "}" } else { " | 0x80}" });
        0
    } else if low == 0x7f {
        push_hex(out, value);
        return out.push(']');
    } else if low != 0 {
        out.push_str("{WIFSIGNALED(s) && WTERMSIG(s) == ");
        signal(out, low);
        out.push_str(if value & 0x80 == 0 { "}" } else { " && WCOREDUMP(s)}" });
        value & 0xff00
    } else {
        out.push_str("{WIFEXITED(s) && WEXITSTATUS(s) == ");
        push_unsigned(out, high);
        out.push('}');
        value & 0x80
    };
    let event = value >> 16;
    if event != 0 {
        out.push('|');
        process::PTRACE_EVENT.write(out, event);
        out.push_str("<<16");
    }
    if rest != 0 {
        out.push('|');
        push_hex(out, rest);
    }
    out.push(']');
}

/// Appends an operation of futex: `FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME`.
pub(crate) fn futex_operation(out: &mut String, value: u64) {
    let (operation, private, realtime) = (value & 0xffff_fe7f, value & 0x80 != 0, value & 0x100 != 0);
    match process::FUTEX.name(operation) {
        // Only these wait, and so only these have a clock.
        Some(name) if !realtime || matches!(operation, 0 | 9 | 11) => {
            out.push_str(name);
            match (private, operation) {
                (true, 2) => out.push_str("|FUTEX_PRIVATE_FLAG"),
                (true, _) => out.push_str("_PRIVATE"),
                (false, _) => {}
            }
            if realtime {
                out.push_str("|FUTEX_CLOCK_REALTIME");
            }
        }
        _ => {
            hex(out, value & 0xffff_ffff);
            out.push_str(" /* FUTEX_??? */");
        }
    }
}

/// Appends the flags of clone3, whose exit signal is a member of its own.
pub(crate) fn clone3_flags(out: &mut String, value: u64) {
    process::CLONE3.write(out, value);
}

/// Size of a `struct sched_param`.
pub(crate) const SCHED_PARAM_SIZE: usize = 4;

/// Appends a `struct sched_param`: `[7]`.
pub(crate) fn sched_param(out: &mut String, bytes: &[u8]) {
    out.push('[');
    push_decimal(out, int(bytes, 0));
    out.push(']');
}

/// Size of a `struct sched_attr`, as far as it is looked at. It starts with its own size, which may be less.
pub(crate) const SCHED_ATTR_SIZE: usize = 56;

/// Appends a `struct sched_attr`.
pub(crate) fn sched_attr(out: &mut String, bytes: &[u8]) {
    const KEEP_POLICY: u64 = 8;
    const KEEP_PARAMS: u64 = 0x10;
    let (size, flags) = (field(bytes, 0, 4), field(bytes, 8, 8));
    let mut fields = Fields::new(out);
    fields.unsigned("size", size);
    // 0 stands for the first version.
    if (1..48).contains(&size) {
        return fields.end();
    }
    let policy = int(bytes, 4);
    if policy < 0 || flags & (KEEP_POLICY | KEEP_PARAMS) == 0 {
        process::SCHED_POLICY.write(fields.name("sched_policy"), policy as u32 as u64);
    }
    process::SCHED_FLAG.write(fields.name("sched_flags"), flags);
    if flags & KEEP_PARAMS == 0 {
        fields.signed("sched_nice", int(bytes, 16));
        fields.unsigned("sched_priority", field(bytes, 20, 4));
        fields.unsigned("sched_runtime", field(bytes, 24, 8));
        fields.unsigned("sched_deadline", field(bytes, 32, 8));
        fields.unsigned("sched_period", field(bytes, 40, 8));
    }
    if size >= 56 {
        fields.unsigned("sched_util_min", field(bytes, 48, 4));
        fields.unsigned("sched_util_max", field(bytes, 52, 4));
    }
    if size > 56 {
        return fields.end_cut();
    }
    fields.end();
}

/// Size of a `struct user_desc`.
pub(crate) const USER_DESC_SIZE: usize = 16;

/// Appends a `struct user_desc`, as set_thread_area gets it.
pub(crate) fn user_desc(out: &mut String, abi: Abi, bytes: &[u8]) {
    let bits = field(bytes, 12, 4);
    let mut fields = Fields::new(out);
    match field(bytes, 0, 4) {
        // Any free entry.
        0xffff_ffff => fields.name("entry_number").push_str("-1"),
        entry => fields.unsigned("entry_number", entry),
    }
    padded_hex(fields.name("base_addr"), field(bytes, 4, 4));
    padded_hex(fields.name("limit"), field(bytes, 8, 4));
    fields.unsigned("seg_32bit", bits & 1);
    fields.unsigned("contents", bits >> 1 & 3);
    fields.unsigned("read_exec_only", bits >> 3 & 1);
    fields.unsigned("limit_in_pages", bits >> 4 & 1);
    fields.unsigned("seg_not_present", bits >> 5 & 1);
    fields.unsigned("useable", bits >> 6 & 1);
    // A 32-bit process has no say in this.
    if abi != Abi::I386 {
        fields.unsigned("lm", bits >> 7 & 1);
    }
    fields.end();
}

/// Appends a personality: `PER_LINUX|ADDR_NO_RANDOMIZE`. All ones ask for the current one.
pub(crate) fn personality(out: &mut String, value: u64) {
    let value = value & 0xffff_ffff;
    if value == 0xffff_ffff {
        return push_hex(out, value);
    }
    process::PERSONALITY.write(out, value & 0xff);
    process::PERSONALITY_FLAGS.write_more(out, value & !0xff);
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    // The expected texts are what strace 6.1 prints for these numbers.

    #[test]
    fn flags_of_clone() {
        let flags = |value| text(|out| clone_flags(out, value));
        assert_eq!(flags(0), "0");
        assert_eq!(flags(17), "SIGCHLD");
        assert_eq!(flags(0x1200011), "CLONE_CHILD_CLEARTID|CLONE_CHILD_SETTID|SIGCHLD");
        assert_eq!(flags(0x4100), "CLONE_VM|CLONE_VFORK");
        assert!(flags(0xffff_ffff_ffff).ends_with("|CLONE_NEWNET|CLONE_IO|0xffff00400000|255"));
    }

    #[test]
    fn wait_statuses() {
        let status = |value| text(|out| wait_status(out, value));
        assert_eq!(status(0), "[{WIFEXITED(s) && WEXITSTATUS(s) == 0}]");
        assert_eq!(status(0xff00), "[{WIFEXITED(s) && WEXITSTATUS(s) == 255}]");
        assert_eq!(status(0x80), "[{WIFEXITED(s) && WEXITSTATUS(s) == 0}|0x80]");
        assert_eq!(status(9), "[{WIFSIGNALED(s) && WTERMSIG(s) == SIGKILL}]");
        assert_eq!(status(0x8b), "[{WIFSIGNALED(s) && WTERMSIG(s) == SIGSEGV && WCOREDUMP(s)}]");
        assert_eq!(status(0x12345), "[{WIFSIGNALED(s) && WTERMSIG(s) == 69}|PTRACE_EVENT_FORK<<16|0x2300]");
        assert_eq!(status(0x137f), "[{WIFSTOPPED(s) && WSTOPSIG(s) == SIGSTOP}]");
        assert_eq!(status(0x857f), "[{WIFSTOPPED(s) && WSTOPSIG(s) == SIGTRAP | 0x80}]");
        assert_eq!(status(0x80057f), "[{WIFSTOPPED(s) && WSTOPSIG(s) == SIGTRAP}|PTRACE_EVENT_STOP<<16]");
        assert_eq!(status(0xffff), "[{WIFCONTINUED(s)}]");
        assert_eq!(status(0x3ff), "[0x3ff]");
    }

    #[test]
    fn operations_of_futex() {
        let operation = |value| text(|out| futex_operation(out, value));
        assert_eq!(operation(0), "FUTEX_WAIT");
        assert_eq!(operation(0x81), "FUTEX_WAKE_PRIVATE");
        assert_eq!(operation(0x82), "FUTEX_FD|FUTEX_PRIVATE_FLAG");
        assert_eq!(operation(0x189), "FUTEX_WAIT_BITSET_PRIVATE|FUTEX_CLOCK_REALTIME");
        assert_eq!(operation(0x10a), "0x10a /* FUTEX_??? */");
        assert_eq!(operation(0x200), "0x200 /* FUTEX_??? */");
        assert_eq!(operation(0x7f), "0x7f /* FUTEX_??? */");
    }

    #[test]
    fn personalities() {
        let name = |value| text(|out| personality(out, value));
        assert_eq!(name(0xffff_ffff), "0xffffffff");
        assert_eq!(name(0x40008), "PER_LINUX32|ADDR_NO_RANDOMIZE");
        assert_eq!(name(0x400000c), "PER_RISCOS|STICKY_TIMEOUTS");
        assert_eq!(name(0x99), "0x99 /* PER_??? */");
    }
}
