//! Calls that set how the kernel treats a process or the system: ioctl, capabilities, seccomp, ptrace, modules, rings.

use renacer_events::Abi;

use super::super::effect;
use super::super::number::{hex, push_decimal, push_unsigned};
use super::super::spec::Kind::{
    self, Absent, Complex as Memory, Fd, Flags, Hex, HexInt, In, Int, LongFlags, Names, Out, Pointer, Select, Str,
    Uint, Ulong, Word,
};
use super::super::spec::{Complex, ResultKind, Spec, arg, call};
use super::super::values as v;
use super::super::values::tables::process as t;
use super::signal::SET_BY_SIXTH;
use super::structures::*;
use crate::capture::number;

/// A filter program of classic BPF: only its length and where it stands are shown.
pub(super) static FILTER: Complex = Complex {
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

/// `struct user_desc`, in which the kernel may choose the entry's number.
static SEGMENT: Complex = Complex {
    at_entry: Some(|copier, address| {
        copier.bytes(address, v::USER_DESC_SIZE);
    }),
    at_return: Some(|copier, address, _| {
        copier.bytes(address, v::USER_DESC_SIZE);
    }),
    write: |out, view, address| {
        let Some(before) = view.given(address, v::USER_DESC_SIZE) else { return view.address(out, address) };
        v::user_desc(out, view.abi, before);
        if let Some(after) = view.returned(address, 4).filter(|after| *after != &before[..4]) {
            out.push_str(" => {entry_number=");
            push_unsigned(out, number(after));
            out.push('}');
        }
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
    call("ioctl", &[arg("fd", Fd), arg("op", Word(v::ioctl)), arg("argp", Select(ioctl_argument))])
        .effect(effect::ioctl),
    call("set_thread_area", &[arg("u_info", Memory(&SEGMENT))]),
    call("get_thread_area", &[arg("u_info", Memory(&SEGMENT))]),
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
