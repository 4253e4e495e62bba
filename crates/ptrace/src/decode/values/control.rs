//! Arguments of calls that control the kernel: quotas, keys, io_uring, Landlock, message queues, futex_waitv.

use renacer_events::Abi;

use super::fields::Fields;
use super::tables::{file, process};
use super::{field, int};
use crate::decode::number::{hex, push_decimal};

/// Appends a command of quotactl: `QCMD(Q_GETQUOTA, USRQUOTA)`.
pub(crate) fn quota_command(out: &mut String, value: u64) {
    let value = value & 0xffff_ffff;
    out.push_str("QCMD(");
    file::QUOTA_COMMAND.write(out, value >> 8);
    out.push_str(", ");
    file::QUOTA_TYPE.write(out, value & 0xff);
    out.push(')');
}

/// Appends the number of a key: `KEY_SPEC_SESSION_KEYRING`, or the number itself.
pub(crate) fn key_serial(out: &mut String, value: u64) {
    let number = value as i32;
    out.push_str(match number {
        -1 => "KEY_SPEC_THREAD_KEYRING",
        -2 => "KEY_SPEC_PROCESS_KEYRING",
        -3 => "KEY_SPEC_SESSION_KEYRING",
        -4 => "KEY_SPEC_USER_KEYRING",
        -5 => "KEY_SPEC_USER_SESSION_KEYRING",
        -6 => "KEY_SPEC_GROUP_KEYRING",
        -7 => "KEY_SPEC_REQKEY_AUTH_KEY",
        -8 => "KEY_SPEC_REQUESTOR_KEYRING",
        _ => return push_decimal(out, number.into()),
    });
}

/// Size of a `struct io_uring_params`.
pub(crate) const IO_URING_PARAMS_SIZE: usize = 120;

/// Appends a `struct io_uring_params`. `returned` tells that the kernel has filled in the rest.
pub(crate) fn io_uring_params(out: &mut String, bytes: &[u8], returned: bool) {
    const SETUP_ATTACH_WQ: u64 = 0x20;
    let get = |index: usize| field(bytes, 4 * index, 4);
    let mut fields = Fields::new(out);
    process::IO_URING_SETUP.write(fields.name("flags"), get(2));
    fields.hex("sq_thread_cpu", get(3));
    fields.unsigned("sq_thread_idle", get(4));
    if get(2) & SETUP_ATTACH_WQ != 0 {
        fields.signed("wq_fd", int(bytes, 24));
    }
    if (7..10).any(|index| get(index) != 0) {
        let out = fields.name("resv");
        out.push('[');
        for index in 7..10 {
            if index > 7 {
                out.push_str(", ");
            }
            hex(out, get(index));
        }
        out.push(']');
    }
    if returned {
        fields.unsigned("sq_entries", get(0));
        fields.unsigned("cq_entries", get(1));
        process::IO_URING_FEATURES.write(fields.name("features"), get(5));
        let submission = ["head", "tail", "ring_mask", "ring_entries", "flags", "dropped", "array"];
        offsets(fields.name("sq_off"), bytes.get(40..).unwrap_or_default(), &submission);
        let completion = ["head", "tail", "ring_mask", "ring_entries", "overflow", "cqes", "flags"];
        offsets(fields.name("cq_off"), bytes.get(80..).unwrap_or_default(), &completion);
    }
    fields.end();
}

fn offsets(out: &mut String, bytes: &[u8], names: &[&str; 7]) {
    let mut fields = Fields::new(out);
    for (index, name) in names.iter().enumerate() {
        fields.unsigned(name, field(bytes, 4 * index, 4));
    }
    for (name, offset, size) in [("resv1", 28, 4), ("resv2", 32, 8)] {
        let reserved = field(bytes, offset, size);
        if reserved != 0 {
            fields.hex(name, reserved);
        }
    }
    fields.end();
}

/// Size of `struct landlock_ruleset_attr` in its first version: less is not accepted.
pub(crate) const LEAST_LANDLOCK_RULESET: usize = 8;

/// Appends a `struct landlock_ruleset_attr`, of which the call tells a size.
pub(crate) fn landlock_ruleset(out: &mut String, bytes: &[u8], size: u64) {
    let mut fields = Fields::new(out);
    process::LANDLOCK_FILE_ACCESS.write(fields.name("handled_access_fs"), field(bytes, 0, 8));
    if size > LEAST_LANDLOCK_RULESET as u64 { fields.end_cut() } else { fields.end() }
}

/// Size of a `struct landlock_path_beneath_attr`.
pub(crate) const LANDLOCK_PATH_SIZE: usize = 12;

/// Appends a `struct landlock_path_beneath_attr`.
pub(crate) fn landlock_path(out: &mut String, bytes: &[u8]) {
    let mut fields = Fields::new(out);
    process::LANDLOCK_FILE_ACCESS.write(fields.name("allowed_access"), field(bytes, 0, 8));
    fields.signed("parent_fd", int(bytes, 8));
    fields.end();
}

/// Size of a `struct mq_attr`.
pub(crate) fn mq_attr_size(word: usize) -> usize {
    8 * word
}

/// Appends a `struct mq_attr`.
pub(crate) fn mq_attr(out: &mut String, abi: Abi, bytes: &[u8]) {
    let word = abi.word_size();
    let get = |index: usize| match word {
        8 => field(bytes, 8 * index, 8) as i64,
        _ => int(bytes, 4 * index),
    };
    let mut fields = Fields::new(out);
    file::QUEUE.write(fields.name("mq_flags"), field(bytes, 0, word));
    for (index, name) in ["mq_maxmsg", "mq_msgsize", "mq_curmsgs"].into_iter().enumerate() {
        fields.signed(name, get(index + 1));
    }
    fields.end();
}

/// Size of a `struct futex_waitv`.
pub(crate) const FUTEX_WAITV_SIZE: usize = 24;

/// Appends a `struct futex_waitv`.
pub(crate) fn futex_waitv(out: &mut String, bytes: &[u8]) {
    let mut fields = Fields::new(out);
    fields.hex("val", field(bytes, 0, 8));
    fields.address("uaddr", field(bytes, 8, 8));
    process::FUTEX_WAITV.write(fields.name("flags"), field(bytes, 16, 4));
    let reserved = field(bytes, 20, 4);
    if reserved != 0 {
        fields.hex("__reserved", reserved);
    }
    fields.end();
}

#[cfg(test)]
mod tests {
    use super::super::{text, words};
    use super::*;

    // The expected texts are what strace 6.1 prints for these numbers and bytes.

    #[test]
    fn quotas_and_keys() {
        let command = |value| text(|out| quota_command(out, value));
        assert_eq!(command(0x8000_0700), "QCMD(Q_GETQUOTA, USRQUOTA)");
        assert_eq!(command(0x58_0301), "QCMD(Q_XGETQUOTA, GRPQUOTA)");
        assert_eq!(command(0x99), "QCMD(0 /* Q_??? */, 0x99 /* ???QUOTA */)");
        let key = |value: i64| text(|out| key_serial(out, value as u64));
        assert_eq!([key(-3), key(-99), key(5)], ["KEY_SPEC_SESSION_KEYRING", "-99", "5"]);
    }

    #[test]
    fn rings() {
        let mut numbers = vec![8, 16, 2, 2, 3, 7, 0, 0, 0, 0];
        numbers.extend(0..20);
        let bytes = words(4, &numbers);
        assert_eq!(
            text(|out| io_uring_params(out, &bytes, false)),
            "{flags=IORING_SETUP_SQPOLL, sq_thread_cpu=0x2, sq_thread_idle=3}"
        );
        assert_eq!(
            text(|out| io_uring_params(out, &bytes, true)),
            "{flags=IORING_SETUP_SQPOLL, sq_thread_cpu=0x2, sq_thread_idle=3, sq_entries=8, cq_entries=16, \
             features=IORING_FEAT_SINGLE_MMAP|IORING_FEAT_NODROP|IORING_FEAT_SUBMIT_STABLE, \
             sq_off={head=0, tail=1, ring_mask=2, ring_entries=3, flags=4, dropped=5, array=6, resv1=0x7, \
             resv2=0x900000008}, cq_off={head=10, tail=11, ring_mask=12, ring_entries=13, overflow=14, cqes=15, flags=16, \
             resv1=0x11, resv2=0x1300000012}}"
        );
        let attached = words(4, &[0, 0, 0x20, 0, 0, 0, 0xffff_ffff, 4]);
        assert_eq!(
            text(|out| io_uring_params(out, &attached, false)),
            "{flags=IORING_SETUP_ATTACH_WQ, sq_thread_cpu=0, sq_thread_idle=0, wq_fd=-1, resv=[0x4, 0, 0]}"
        );
    }

    #[test]
    fn sandboxes() {
        let set = words(8, &[1]);
        let expected = "{handled_access_fs=LANDLOCK_ACCESS_FS_EXECUTE}";
        assert_eq!(text(|out| landlock_ruleset(out, &set, 8)), expected);
        let expected = "{handled_access_fs=LANDLOCK_ACCESS_FS_EXECUTE, ...}";
        assert_eq!(text(|out| landlock_ruleset(out, &set, 16)), expected);
        let rule = words(4, &[1, 0, 7]);
        let expected = "{allowed_access=LANDLOCK_ACCESS_FS_EXECUTE, parent_fd=7}";
        assert_eq!(text(|out| landlock_path(out, &rule)), expected);
    }

    #[test]
    fn queues_and_futexes() {
        let expected = "{mq_flags=O_NONBLOCK, mq_maxmsg=10, mq_msgsize=100, mq_curmsgs=3}";
        assert_eq!(text(|out| mq_attr(out, Abi::X86_64, &words(8, &[0x800, 10, 100, 3]))), expected);
        assert_eq!(text(|out| mq_attr(out, Abi::I386, &words(4, &[0x800, 10, 100, 3]))), expected);
        let waiter = words(8, &[1, 0x1000, 0x82]);
        let expected = "{val=0x1, uaddr=0x1000, flags=FUTEX_32|FUTEX_PRIVATE_FLAG}";
        assert_eq!(text(|out| futex_waitv(out, &waiter)), expected);
        let waiter = words(8, &[1, 0x1000, 0x5_ffff_ffff]);
        let expected = "{val=0x1, uaddr=0x1000, flags=FUTEX_32|FUTEX_PRIVATE_FLAG|0xffffff7d, __reserved=0x5}";
        assert_eq!(text(|out| futex_waitv(out, &waiter)), expected);
    }
}
