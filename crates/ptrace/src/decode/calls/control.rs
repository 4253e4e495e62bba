//! Calls that set how the kernel treats a process or the system: prctl, capabilities, seccomp, ptrace, ioctl, mounts, modules, keys.

use renacer_events::Abi;

use super::super::effect;
use super::super::number::{hex, push_decimal, push_unsigned};
use super::super::quote::quote_until_nul;
use super::super::spec::Kind::{
    self, Absent, Complex as Memory, DirFd, Fd, Flags, Hex, HexInt, In, Int, Long, LongFlags, LongNames, Names, Out,
    Path, Pointer, Seen, Select, Str, Uint, Ulong, Word,
};
use super::super::spec::{Complex, ResultKind, Spec, arg, call};
use super::super::values::tables::{file, process as t};
use super::super::values::{self as v, Flags as FlagNames, Names as ValueNames};
use super::super::view::View;
use super::signal::SET_BY_SIXTH;
use super::structures::*;
use crate::capture::number;

/// The name of a thread, at most 15 bytes.
static THREAD_NAME: Complex = Complex {
    at_entry: Some(|copier, address| copier.string(address, 16)),
    at_return: None,
    write: |out, view, address| match view.given_string(address) {
        Some((name, ended)) => super::super::quote::quote(out, &name[..name.len().min(15)], !ended || name.len() > 15),
        None => view.address(out, address),
    },
};

static THREAD_NAME_RETURNED: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, _| {
        copier.bytes(address, 16);
    }),
    write: |out, view, address| match view.returned(address, 16) {
        Some(name) => quote_until_nul(out, name),
        None => view.address(out, address),
    },
};

/// The arguments that an option of prctl has; behind them nothing is shown, or the rest in hexadecimal.
fn with_rest<const N: usize>(kinds: [Kind; N], rest: Kind) -> [Kind; 4] {
    std::array::from_fn(|index| kinds.get(index).copied().unwrap_or(rest))
}

/// The second to fifth arguments of prctl.
fn prctl_arguments(arguments: &[u64; 6]) -> [Kind; 4] {
    match arguments[0] as u32 {
        // PR_SET_PDEATHSIG
        1 if arguments[1] > 128 => with_rest([Ulong], Absent),
        1 => with_rest([Word(v::signal)], Absent),
        // PR_GET_PDEATHSIG
        2 => with_rest([Out(&SIGNAL)], Absent),
        // PR_GET_DUMPABLE, PR_GET_KEEPCAPS, PR_GET_TIMING, PR_GET_SECCOMP, PR_GET_SECUREBITS, PR_GET_TIMERSLACK,
        // PR_TASK_PERF_EVENTS_DISABLE, PR_TASK_PERF_EVENTS_ENABLE, PR_GET_FP_MODE
        3 | 7 | 13 | 21 | 27 | 30 | 31 | 32 | 46 => with_rest([], Absent),
        // PR_SET_DUMPABLE
        4 => with_rest([LongNames(&DUMPABLE)], Absent),
        // PR_SET_UNALIGN, PR_SET_FPEMU, PR_SET_FPEXC, PR_SET_KEEPCAPS, PR_SET_TIMING, PR_SET_ENDIAN, PR_SET_CHILD_SUBREAPER
        8 | 10 | 12 | 14 | 20 | 36 => with_rest([Ulong], Absent),
        // PR_GET_FPEMU, PR_GET_FPEXC, PR_GET_ENDIAN, PR_GET_CHILD_SUBREAPER
        9 | 11 | 19 | 37 => with_rest([Out(&UINT)], Absent),
        // PR_SET_NAME
        15 => with_rest([Memory(&THREAD_NAME)], Absent),
        // PR_GET_NAME
        16 => with_rest([Memory(&THREAD_NAME_RETURNED)], Absent),
        // PR_SET_SECCOMP
        22 => match arguments[1] {
            1 => with_rest([LongNames(&SECCOMP_MODE)], Absent),
            2 => with_rest([LongNames(&SECCOMP_MODE), Memory(&FILTER)], Absent),
            _ => with_rest([LongNames(&SECCOMP_MODE)], Hex),
        },
        // PR_CAPBSET_READ, PR_CAPBSET_DROP
        23 | 24 => with_rest([LongNames(&t::CAPABILITY)], Absent),
        // PR_SET_SECUREBITS
        28 => with_rest([LongFlags(&SECUREBITS)], Absent),
        // PR_SET_TIMERSLACK
        29 => with_rest([Long], Absent),
        // PR_SET_NO_NEW_PRIVS, PR_SET_THP_DISABLE, PR_SET_IO_FLUSHER
        38 | 41 | 57 => with_rest([Ulong], Hex),
        // PR_GET_TID_ADDRESS
        40 => with_rest([Out(&WORD_POINTER)], Absent),
        // PR_CAP_AMBIENT
        47 => match arguments[1] {
            1..=3 => with_rest([LongNames(&CAP_AMBIENT), LongNames(&t::CAPABILITY)], Hex),
            _ => with_rest([LongNames(&CAP_AMBIENT)], Hex),
        },
        // PR_SET_VMA, PR_SET_VMA_ANON_NAME
        0x5356_4d41 if arguments[1] == 0 => with_rest([LongNames(&SET_VMA), Pointer, Ulong, Str], Absent),
        0x5356_4d41 => with_rest([LongNames(&SET_VMA)], Hex),
        // PR_SET_PTRACER
        0x5961_6d61 => with_rest([Word(ptracer)], Absent),
        _ => with_rest([], Hex),
    }
}

fn prctl_second(_: Abi, arguments: &[u64; 6]) -> Kind {
    prctl_arguments(arguments)[0]
}

fn prctl_third(_: Abi, arguments: &[u64; 6]) -> Kind {
    prctl_arguments(arguments)[1]
}

fn prctl_fourth(_: Abi, arguments: &[u64; 6]) -> Kind {
    prctl_arguments(arguments)[2]
}

fn prctl_fifth(_: Abi, arguments: &[u64; 6]) -> Kind {
    prctl_arguments(arguments)[3]
}

fn ptracer(out: &mut String, value: u64) {
    match value as i32 {
        -1 => out.push_str("PR_SET_PTRACER_ANY"),
        pid => push_decimal(out, pid.into()),
    }
}

/// What the result of prctl means.
fn prctl_note(out: &mut String, view: &View<'_>) {
    let Some(value) = view.result.filter(|_| !view.failed).map(|value| value as u64) else { return };
    match view.arguments[0] as u32 {
        3 => out.push_str(DUMPABLE.name(value).unwrap_or("")),
        27 if value != 0 => SECUREBITS.write(out, value),
        _ => {}
    }
}

static DUMPABLE: ValueNames = ValueNames {
    names: &[(0, "SUID_DUMP_DISABLE"), (1, "SUID_DUMP_USER"), (2, "SUID_DUMP_ROOT")],
    unknown: "SUID_DUMP_???",
};

static SECCOMP_MODE: ValueNames = ValueNames {
    names: &[(0, "SECCOMP_MODE_DISABLED"), (1, "SECCOMP_MODE_STRICT"), (2, "SECCOMP_MODE_FILTER")],
    unknown: "SECCOMP_MODE_???",
};

static CAP_AMBIENT: ValueNames = ValueNames {
    names: &[
        (1, "PR_CAP_AMBIENT_IS_SET"),
        (2, "PR_CAP_AMBIENT_RAISE"),
        (3, "PR_CAP_AMBIENT_LOWER"),
        (4, "PR_CAP_AMBIENT_CLEAR_ALL"),
    ],
    unknown: "PR_CAP_AMBIENT_???",
};

static SET_VMA: ValueNames = ValueNames { names: &[(0, "PR_SET_VMA_ANON_NAME")], unknown: "PR_SET_VMA_???" };

static SECUREBITS: FlagNames = FlagNames {
    names: &[
        (1, "SECBIT_NOROOT"),
        (2, "SECBIT_NOROOT_LOCKED"),
        (4, "SECBIT_NO_SETUID_FIXUP"),
        (8, "SECBIT_NO_SETUID_FIXUP_LOCKED"),
        (16, "SECBIT_KEEP_CAPS"),
        (32, "SECBIT_KEEP_CAPS_LOCKED"),
        (64, "SECBIT_NO_CAP_AMBIENT_RAISE"),
        (128, "SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED"),
    ],
    unknown: "SECBIT_???",
};

/// A filter program of classic BPF: only its length and where it stands are shown.
static FILTER: Complex = Complex {
    at_entry: Some(|copier, address| {
        copier.bytes(address, 2 * copier.abi.word_size());
    }),
    at_return: None,
    write: |out, view, address| {
        let word = view.word_size();
        let Some(bytes) = view.given(address, 2 * word) else { return view.address(out, address) };
        out.push_str("{len=");
        push_unsigned(out, number(&bytes[..2]));
        out.push_str(", filter=");
        view.address(out, number(&bytes[word..]));
        out.push('}');
    },
};

fn arch_prctl_argument(_: Abi, arguments: &[u64; 6]) -> Kind {
    match arguments[0] as u32 {
        // ARCH_GET_FS, ARCH_GET_GS
        0x1003 | 0x1004 => Out(&WORD_POINTER),
        // ARCH_GET_CPUID
        0x1011 => Absent,
        // ARCH_GET_XCOMP_SUPP, ARCH_GET_XCOMP_PERM, ARCH_GET_XCOMP_GUEST_PERM
        0x1021 | 0x1022 | 0x1024 => Out(&LONG_HEX),
        _ => Hex,
    }
}

/// What seccomp does decides what its flags and its argument are.
fn seccomp_flags(_: Abi, arguments: &[u64; 6]) -> Kind {
    if arguments[0] as u32 == 1 { Flags(&t::SECCOMP_FILTER) } else { HexInt }
}

fn seccomp_argument(_: Abi, arguments: &[u64; 6]) -> Kind {
    match arguments[0] as u32 {
        1 => Memory(&FILTER),
        2 => In(&SECCOMP_ACTION),
        3 => Out(&NOTIFICATION_SIZES),
        _ => Pointer,
    }
}

/// The capability sets of capget and capset, whose size depends on the version in the header.
fn capability_size(version: u64) -> usize {
    v::capability_sets_size(version)
}

static CAPABILITIES_GIVEN: Complex = Complex {
    at_entry: Some(|copier, address| {
        let version = copier.here(copier.arguments[0], 4).map(number);
        if let Some(version) = version {
            copier.bytes(address, capability_size(version));
        }
    }),
    at_return: None,
    write: |out, view, address| {
        let size = view.given(view.arguments[0], 4).map_or(0, |version| capability_size(number(version)));
        match view.given(address, size).filter(|_| size > 0) {
            Some(bytes) => v::capability_sets(out, bytes),
            None => view.address(out, address),
        }
    },
};

static CAPABILITIES_RETURNED: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, _| {
        if let Some(version) = copier.at_entry(copier.arguments[0], 4).map(number) {
            copier.bytes(address, capability_size(version));
        }
    }),
    write: |out, view, address| {
        let size = view.given(view.arguments[0], 4).map_or(0, |version| capability_size(number(version)));
        match view.returned(address, size).filter(|_| size > 0) {
            Some(bytes) => v::capability_sets(out, bytes),
            None => view.address(out, address),
        }
    },
};

/// Flags of mount, behind a magic number of old.
fn mount_flags(out: &mut String, view: &View<'_>, value: u64) {
    let value = view.unsigned(value);
    if value & 0xffff_0000 != 0xc0ed_0000 {
        return file::MOUNT.write(out, value);
    }
    out.push_str("MS_MGC_VAL");
    if value & !0xffff_0000 != 0 {
        out.push('|');
        file::MOUNT.write(out, value & !0xffff_0000);
    }
}

const MS_REMOUNT: u64 = 32;
/// MS_BIND, MS_MOVE, MS_UNBINDABLE, MS_PRIVATE, MS_SLAVE, MS_SHARED.
const MS_MOVES: u64 = 0x1000 | 0x2000 | 0x2_0000 | 0x4_0000 | 0x8_0000 | 0x10_0000;

fn mount_type(_: Abi, arguments: &[u64; 6]) -> Kind {
    if mount_bits(arguments) & (MS_REMOUNT | MS_MOVES) != 0 { Pointer } else { Str }
}

fn mount_data(_: Abi, arguments: &[u64; 6]) -> Kind {
    let bits = mount_bits(arguments);
    if bits & MS_REMOUNT == 0 && bits & MS_MOVES != 0 { Pointer } else { Str }
}

fn mount_bits(arguments: &[u64; 6]) -> u64 {
    let bits = arguments[3];
    if bits & 0xffff_0000 == 0xc0ed_0000 { bits & !0xffff_0000 } else { bits }
}

fn fsconfig_key(_: Abi, arguments: &[u64; 6]) -> Kind {
    if arguments[1] as u32 <= 5 { Str } else { Pointer }
}

fn fsconfig_value(_: Abi, arguments: &[u64; 6]) -> Kind {
    match arguments[1] as u32 {
        // FSCONFIG_SET_STRING; FSCONFIG_SET_PATH and FSCONFIG_SET_PATH_EMPTY
        1 => Str,
        3 | 4 => Path,
        _ => Pointer,
    }
}

fn fsconfig_aux(_: Abi, arguments: &[u64; 6]) -> Kind {
    match arguments[1] as u32 {
        3 | 4 => DirFd,
        5 => Fd,
        _ => Int,
    }
}

/// `struct mount_attr`: its size is the fifth argument.
static MOUNT_ATTRIBUTES: Complex = Complex {
    at_entry: Some(|copier, address| {
        if copier.arguments[4] >= 32 {
            copier.bytes(address, 32);
        }
    }),
    at_return: None,
    write: |out, view, address| {
        let Some(bytes) = view.given(address, 32) else { return view.address(out, address) };
        let field = |index: usize| number(&bytes[8 * index..8 * index + 8]);
        out.push_str("{attr_set=");
        file::MOUNT_ATTR.write(out, field(0));
        out.push_str(", attr_clr=");
        file::MOUNT_ATTR.write(out, field(1));
        out.push_str(", propagation=");
        PROPAGATION.write(out, field(2));
        out.push_str(", userns_fd=");
        push_unsigned(out, field(3));
        out.push('}');
    },
};

static PROPAGATION: ValueNames = ValueNames {
    names: &[
        (0, "0"),
        (0x2_0000, "MS_UNBINDABLE"),
        (0x4_0000, "MS_PRIVATE"),
        (0x8_0000, "MS_SLAVE"),
        (0x10_0000, "MS_SHARED"),
    ],
    unknown: "MS_???",
};

fn kcmp_index(_: Abi, arguments: &[u64; 6]) -> Kind {
    match arguments[2] as u32 {
        0 => Int,
        1..=6 => Absent,
        _ => Hex,
    }
}

fn kcmp_first(abi: Abi, arguments: &[u64; 6]) -> Kind {
    // KCMP_EPOLL_TFD
    if arguments[2] as u32 == 7 { Int } else { kcmp_index(abi, arguments) }
}

fn kcmp_second(abi: Abi, arguments: &[u64; 6]) -> Kind {
    if arguments[2] as u32 == 7 { Pointer } else { kcmp_index(abi, arguments) }
}

/// A name that the kernel would take, which is not longer than 64 bytes.
fn host_name(_: Abi, arguments: &[u64; 6]) -> Kind {
    if arguments[1] as u32 <= 64 { Kind::BytesIn(1) } else { Pointer }
}

fn syslog_type(out: &mut String, value: u64) {
    push_decimal(out, (value as i32).into());
    out.push_str(" /* ");
    out.push_str(t::SYSLOG.name(value & 0xffff_ffff).unwrap_or("SYSLOG_ACTION_???"));
    out.push_str(" */");
}

fn syslog_buffer(_: Abi, arguments: &[u64; 6]) -> Kind {
    match arguments[0] as i32 {
        0 | 1 | 5..=7 | 9 | 10 => Absent,
        2..=4 => Kind::Read(2),
        _ => Pointer,
    }
}

fn syslog_length(_: Abi, arguments: &[u64; 6]) -> Kind {
    match arguments[0] as i32 {
        0 | 1 | 5..=7 | 9 | 10 => Absent,
        _ => Int,
    }
}

fn reboot_argument(_: Abi, arguments: &[u64; 6]) -> Kind {
    // LINUX_REBOOT_CMD_RESTART2
    if arguments[2] as u32 == 0xa1b2_c3d4 { Str } else { Absent }
}

/// The third argument of `ioctl`, where the request says what it is.
fn ioctl_argument(abi: Abi, arguments: &[u64; 6]) -> Kind {
    match arguments[1] as u32 {
        // TCGETS, TCSETS, TCSETSW, TCSETSF
        0x5401 => Out(&TERMIOS),
        0x5402..=0x5404 => In(&TERMIOS),
        // TIOCGWINSZ, TIOCSWINSZ
        0x5413 => Out(&WINSIZE),
        0x5414 => In(&WINSIZE),
        // TIOCGPGRP, TIOCGSID, FIONREAD, TIOCOUTQ, TIOCGETD, TIOCGPTN, TIOCGPTLCK
        0x540f | 0x5429 | 0x541b | 0x5411 | 0x5424 | 0x8004_5430 | 0x8004_5439 => Out(&INT),
        // TIOCSPGRP, FIONBIO, FIOASYNC, TIOCSETD, TIOCSPTLCK
        0x5410 | 0x5421 | 0x5452 | 0x5423 | 0x4004_5431 => In(&INT),
        // FIONCLEX, FIOCLEX, TIOCEXCL, TIOCNXCL, TIOCNOTTY
        0x5450 | 0x5451 | 0x540c | 0x540d | 0x5422 => Absent,
        // TIOCSCTTY, TCSBRK, TCXONC, TCFLSH, TCSBRKP
        0x540e | 0x5409 | 0x540a | 0x540b | 0x5425 => Int,
        // FICLONE
        0x4004_9409 => Fd,
        // FS_IOC_GETFLAGS with the size of long in its number, FS_IOC_SETFLAGS
        0x8008_6601 if abi != Abi::I386 => Out(&FILE_FLAGS),
        0x8004_6601 if abi == Abi::I386 => Out(&FILE_FLAGS),
        0x4008_6602 if abi != Abi::I386 => In(&FILE_FLAGS),
        0x4004_6602 if abi == Abi::I386 => In(&FILE_FLAGS),
        // SIOCGIFNAME and what follows about interfaces
        0x8910..=0x894f => Memory(&INTERFACE),
        _ => Hex,
    }
}

/// `struct ifreq`: the kernel fills in what the request asks for.
static INTERFACE: Complex = Complex {
    at_entry: Some(|copier, address| {
        copier.bytes(address, v::ifreq_size(copier.abi.word_size()));
    }),
    at_return: Some(|copier, address, _| {
        copier.bytes(address, v::ifreq_size(copier.abi.word_size()));
    }),
    write: |out, view, address| {
        let (size, request) = (v::ifreq_size(view.word_size()), view.arguments[1] & 0xffff_ffff);
        let before = out.len();
        let known = match (view.returned(address, size), view.given(address, size)) {
            (Some(bytes), _) => v::ifreq(out, request, true, bytes),
            (None, Some(bytes)) => v::ifreq(out, request, false, bytes),
            (None, None) => false,
        };
        if !known {
            out.truncate(before);
            hex(out, view.unsigned(address));
        }
    },
};

/// `struct io_uring_params`, of which the kernel fills in the rest.
static RING_PARAMETERS: Complex = Complex {
    at_entry: Some(|copier, address| {
        copier.bytes(address, v::IO_URING_PARAMS_SIZE);
    }),
    at_return: Some(|copier, address, _| {
        copier.bytes(address, v::IO_URING_PARAMS_SIZE);
    }),
    write: |out, view, address| {
        let size = v::IO_URING_PARAMS_SIZE;
        match (view.returned(address, size), view.given(address, size)) {
            (Some(bytes), _) => v::io_uring_params(out, bytes, true),
            (None, Some(bytes)) => v::io_uring_params(out, bytes, false),
            (None, None) => view.address(out, address),
        }
    },
};

/// `struct perf_event_attr`, its first members.
static COUNTER: Complex = Complex {
    at_entry: Some(|copier, address| {
        copier.bytes(address, v::PERF_EVENT_ATTR_SIZE);
    }),
    at_return: None,
    write: |out, view, address| match view.given(address, v::PERF_EVENT_ATTR_SIZE) {
        Some(bytes) => v::perf_event_attr(out, bytes),
        None => view.address(out, address),
    },
};

/// `struct landlock_ruleset_attr`: its size is the second argument.
static RULESET: Complex = Complex {
    at_entry: Some(|copier, address| {
        if copier.arguments[1] >= v::LEAST_LANDLOCK_RULESET as u64 {
            copier.bytes(address, v::LEAST_LANDLOCK_RULESET);
        }
    }),
    at_return: None,
    write: |out, view, address| match view.given(address, v::LEAST_LANDLOCK_RULESET) {
        Some(bytes) => v::landlock_ruleset(out, bytes, view.arguments[1]),
        None => view.address(out, address),
    },
};

fn landlock_rule(_: Abi, arguments: &[u64; 6]) -> Kind {
    // LANDLOCK_RULE_PATH_BENEATH
    if arguments[1] as u32 == 1 { In(&PATH_BENEATH) } else { Pointer }
}

pub(super) static CALLS: &[Spec] = &[
    call(
        "prctl",
        &[
            arg("option", Names(&t::PRCTL)),
            arg("arg2", Select(prctl_second)),
            arg("arg3", Select(prctl_third)),
            arg("arg4", Select(prctl_fourth)),
            arg("arg5", Select(prctl_fifth)),
        ],
    )
    .returns(ResultKind::Select(
        |arguments| {
            if arguments[0] as u32 == 27 { ResultKind::Hex } else { ResultKind::Decimal }
        },
    ))
    .note(prctl_note),
    call("arch_prctl", &[arg("op", Names(&t::ARCH_PRCTL)), arg("addr", Select(arch_prctl_argument))]),
    call("ioctl", &[arg("fd", Fd), arg("op", Word(v::ioctl)), arg("argp", Select(ioctl_argument))])
        .effect(effect::ioctl),
    call(
        "seccomp",
        &[
            arg("operation", Names(&t::SECCOMP)),
            arg("flags", Select(seccomp_flags)),
            arg("args", Select(seccomp_argument)),
        ],
    ),
    call("capget", &[arg("hdrp", In(&CAPABILITY_HEADER)), arg("datap", Memory(&CAPABILITIES_RETURNED))]),
    call("capset", &[arg("hdrp", In(&CAPABILITY_HEADER)), arg("datap", Memory(&CAPABILITIES_GIVEN))]),
    call(
        "mount",
        &[
            arg("source", Path),
            arg("target", Path),
            arg("filesystemtype", Select(mount_type)),
            arg("mountflags", Seen(mount_flags)),
            arg("data", Select(mount_data)),
        ],
    ),
    call("umount2", &[arg("target", Path), arg("flags", Flags(&file::UMOUNT))]),
    call("umount", &[arg("target", Path)]),
    call("pivot_root", &[arg("new_root", Path), arg("put_old", Path)]),
    call("swapon", &[arg("path", Path), arg("swapflags", Word(v::swap_flags))]),
    call("swapoff", &[arg("path", Path)]),
    call("acct", &[arg("filename", Path)]),
    call("fsopen", &[arg("fsname", Str), arg("flags", Flags(&file::FSOPEN))]).opens(effect::forget),
    call(
        "fsmount",
        &[arg("fs_fd", Fd), arg("flags", Flags(&file::FSMOUNT)), arg("attr_flags", Flags(&file::MOUNT_ATTR))],
    )
    .opens(effect::forget),
    call("fspick", &[arg("dirfd", DirFd), arg("pathname", Path), arg("flags", Flags(&file::FSPICK))])
        .opens(effect::forget),
    call("open_tree", &[arg("dirfd", DirFd), arg("pathname", Path), arg("flags", Flags(&file::OPEN_TREE))])
        .opens(effect::open_tree),
    call(
        "move_mount",
        &[
            arg("from_dirfd", DirFd),
            arg("from_pathname", Path),
            arg("to_dirfd", DirFd),
            arg("to_pathname", Path),
            arg("flags", Flags(&file::MOVE_MOUNT)),
        ],
    ),
    call(
        "fsconfig",
        &[
            arg("fd", Fd),
            arg("cmd", Names(&file::FSCONFIG)),
            arg("key", Select(fsconfig_key)),
            arg("value", Select(fsconfig_value)),
            arg("aux", Select(fsconfig_aux)),
        ],
    ),
    call(
        "mount_setattr",
        &[
            arg("dirfd", DirFd),
            arg("pathname", Path),
            arg("flags", Flags(&file::MOUNT_SETATTR)),
            arg("attr", Memory(&MOUNT_ATTRIBUTES)),
            arg("size", Ulong),
        ],
    ),
    call("sethostname", &[arg("name", Select(host_name)), arg("len", Uint)]),
    call("setdomainname", &[arg("name", Select(host_name)), arg("len", Uint)]),
    call(
        "reboot",
        &[
            arg("magic", Names(&t::REBOOT_MAGIC1)),
            arg("magic2", Names(&t::REBOOT_MAGIC2)),
            arg("op", Names(&t::REBOOT_CMD)),
            arg("arg", Select(reboot_argument)),
        ],
    ),
    call(
        "syslog",
        &[arg("type", Word(syslog_type)), arg("bufp", Select(syslog_buffer)), arg("len", Select(syslog_length))],
    ),
    call("init_module", &[arg("module_image", Pointer), arg("len", Ulong), arg("param_values", Str)]),
    call("finit_module", &[arg("fd", Fd), arg("param_values", Str), arg("flags", Flags(&t::FINIT_MODULE))]),
    call("delete_module", &[arg("name", Str), arg("flags", Flags(&t::DELETE_MODULE))]),
    call(
        "kcmp",
        &[
            arg("pid1", Int),
            arg("pid2", Int),
            arg("type", Names(&t::KCMP)),
            arg("idx1", Select(kcmp_first)),
            arg("idx2", Select(kcmp_second)),
        ],
    ),
    call("ptrace", &[arg("op", Names(&t::PTRACE)), arg("pid", Int), arg("addr", Hex), arg("data", Hex)]),
    call(
        "perf_event_open",
        &[
            arg("attr", Memory(&COUNTER)),
            arg("pid", Int),
            arg("cpu", Int),
            arg("group_fd", Fd),
            arg("flags", LongFlags(&t::PERF_EVENT_OPEN)),
        ],
    )
    .opens(effect::perf_event_open),
    call("quotactl", &[arg("op", Word(v::quota_command)), arg("special", Path), arg("id", Uint), arg("addr", Pointer)]),
    call("quotactl_fd", &[arg("fd", Fd), arg("op", Word(v::quota_command)), arg("id", Uint), arg("addr", Pointer)]),
    call("bpf", &[arg("cmd", Names(&t::BPF)), arg("attr", Pointer), arg("size", Uint)]),
    call("io_uring_setup", &[arg("entries", Uint), arg("params", Memory(&RING_PARAMETERS))])
        .opens(effect::io_uring_setup),
    call(
        "io_uring_enter",
        &[
            arg("fd", Fd),
            arg("to_submit", Uint),
            arg("min_complete", Uint),
            arg("flags", Flags(&t::IO_URING_ENTER)),
            arg("sig", Memory(&SET_BY_SIXTH)),
            arg("sz", Ulong),
        ],
    ),
    call(
        "io_uring_register",
        &[arg("fd", Fd), arg("opcode", Names(&t::IO_URING_REGISTER)), arg("arg", Pointer), arg("nr_args", Uint)],
    ),
    call(
        "landlock_create_ruleset",
        &[arg("attr", Memory(&RULESET)), arg("size", Ulong), arg("flags", Flags(&t::LANDLOCK_CREATE))],
    )
    .returns(ResultKind::Select(
        |arguments| {
            if arguments[2] & 1 == 0 { ResultKind::Fd } else { ResultKind::Decimal }
        },
    )),
    call(
        "landlock_add_rule",
        &[
            arg("ruleset_fd", Fd),
            arg("rule_type", Names(&t::LANDLOCK_RULE)),
            arg("rule_attr", Select(landlock_rule)),
            arg("flags", HexInt),
        ],
    ),
    call("landlock_restrict_self", &[arg("ruleset_fd", Fd), arg("flags", HexInt)]),
];
