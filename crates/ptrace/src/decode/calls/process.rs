//! Calls on processes and threads: creation, exec, end, waiting, limits.

use renacer_events::Abi;

use super::super::effect;
use super::super::number::{hex, push_decimal, push_hex, push_unsigned};
use super::super::quote::quote_hex;
use super::super::spec::Kind::{
    self, Absent, Complex as Memory, DirFd, Fd, Flags, HexInt, In, Int, LongFlags, Names, Out, Path, Pointer, Seen,
    Select, Ulong,
};
use super::super::spec::{Complex, ResultKind, Spec, arg, arg_at, call};
use super::super::values as v;
use super::super::values::tables::{file, process as t};
use super::super::view::View;
use super::structures::*;
use crate::capture::{number, summary_of};

/// The pointers of an argument vector, up to and with the NULL, and the strings behind those that are shown.
static ARGV: Complex = Complex {
    at_entry: Some(|copier, address| {
        let word = copier.abi.word_size();
        let shown = copier.options.string_limit.saturating_add(1).min(1024);
        let mut pointers = Vec::new();
        for bytes in copier.read(address, shown * word).chunks_exact(word) {
            pointers.extend_from_slice(bytes);
            if number(bytes) == 0 {
                break;
            }
        }
        copier.keep(address, &pointers);
        let limit = copier.options.string_limit.saturating_add(1);
        for pointer in pointers.chunks_exact(word).take(copier.options.string_limit) {
            copier.string(number(pointer), limit);
        }
    }),
    at_return: None,
    write: |out, view, address| {
        let word = view.word_size();
        let pointers = view.before.from(address).unwrap_or(&[]);
        if pointers.len() < word {
            return view.address(out, address);
        }
        out.push('[');
        let mut index = 0;
        loop {
            let at = index * word;
            let Some(pointer) = pointers.get(at..at + word).map(number) else {
                out.push_str(", ... /* ");
                push_hex(out, address.wrapping_add(at as u64));
                out.push_str(" */");
                break;
            };
            if pointer == 0 {
                break;
            }
            if index > 0 {
                out.push_str(", ");
            }
            if index >= view.options.string_limit {
                out.push_str("...");
                break;
            }
            view.string(out, pointer);
            index += 1;
        }
        out.push(']');
    },
};

/// The environment: only how many variables there are, for what stands in them is nobody's business.
static ENVP: Complex = Complex {
    at_entry: Some(|copier, address| {
        let word = copier.abi.word_size();
        // No more than the limit for one stop is looked at; what is longer is shown without its size.
        let (mut count, mut ended, mut at) = (0u32, false, address);
        while address != 0 && !ended {
            let wanted = 64 * word;
            let pointers = copier.read(at, wanted);
            if pointers.len() < wanted && copier.is_exhausted() {
                return;
            }
            let terminator = pointers.chunks_exact(word).position(|pointer| number(pointer) == 0);
            ended = terminator.is_some();
            count += terminator.unwrap_or(pointers.len() / word) as u32;
            if pointers.len() < wanted {
                break;
            }
            at = at.wrapping_add(wanted as u64);
        }
        if ended || count > 0 {
            copier.keep(summary_of(address), &[count.to_le_bytes(), u32::from(ended).to_le_bytes()].concat());
        }
    }),
    at_return: None,
    write: |out, view, address| {
        view.address(out, address);
        if let Some(bytes) = view.given(summary_of(address), 8) {
            let count = number(&bytes[..4]);
            out.push_str(" /* ");
            push_unsigned(out, count);
            out.push_str(if count == 1 { " var" } else { " vars" });
            out.push_str(if number(&bytes[4..]) == 0 { ", unterminated */" } else { " */" });
        }
    },
};

const CLONE_PIDFD: u64 = 0x1000;

const CLONE_SETTLS: u64 = 0x8_0000;

const CLONE_PARENT_SETTID: u64 = 0x10_0000;

const CLONE_CHILD_CLEARTID: u64 = 0x20_0000;

const CLONE_CHILD_SETTID: u64 = 0x100_0000;

fn clone_parent(_: Abi, arguments: &[u64; 6]) -> Kind {
    match arguments[0] & (CLONE_PARENT_SETTID | CLONE_PIDFD) {
        0 => Absent,
        _ => Out(&INT),
    }
}

fn clone_tls(abi: Abi, arguments: &[u64; 6]) -> Kind {
    match (arguments[0] & CLONE_SETTLS, abi) {
        (0, _) => Absent,
        (_, Abi::I386) => In(&USER_DESC),
        _ => Pointer,
    }
}

fn clone_child(_: Abi, arguments: &[u64; 6]) -> Kind {
    if arguments[0] & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID) != 0 { Pointer } else { Absent }
}

/// `clone` where the child's thread id comes before the thread-local storage: 64-bit x86.
const CLONE: Spec = call(
    "clone",
    &[
        arg_at(1, "child_stack", Pointer),
        arg_at(0, "flags", Seen(|out, view, value| v::clone_flags(out, view.unsigned(value)))),
        arg_at(2, "parent_tid", Select(clone_parent)),
        arg_at(4, "tls", Select(clone_tls)),
        arg_at(3, "child_tidptr", Select(clone_child)),
    ],
);

/// `clone` with its last two arguments the other way round: everywhere else.
pub(super) static CLONE_BACKWARDS: Spec = call(
    "clone",
    &[
        arg_at(1, "child_stack", Pointer),
        arg_at(0, "flags", Seen(|out, view, value| v::clone_flags(out, view.unsigned(value)))),
        arg_at(2, "parent_tid", Select(clone_parent)),
        arg_at(3, "tls", Select(clone_tls)),
        arg_at(4, "child_tidptr", Select(clone_child)),
    ],
);

/// Size of `struct clone_args` in its first version: less is not accepted.
const LEAST_CLONE_ARGS: usize = 64;

/// Size of its newest known version.
const MOST_CLONE_ARGS: usize = 88;

/// `struct clone_args` of `clone3`, with what the kernel wrote through its pointers.
static CLONE_ARGS: Complex = Complex {
    at_entry: Some(|copier, address| {
        let size = copier.arguments[1];
        if size >= LEAST_CLONE_ARGS as u64 {
            copier.bytes(address, size.min(MOST_CLONE_ARGS as u64) as usize);
            let field = |index: u64| copier.here(address.wrapping_add(8 * index), 8).map_or(0, number);
            let (ids, count) = (field(8), field(9));
            copier.array(ids, count.min(32), 4);
        }
    }),
    at_return: Some(|copier, address, _| {
        let field = |index: u64| copier.at_entry(address.wrapping_add(8 * index), 8).map_or(0, number);
        let (flags, pidfd, parent_tid) = (field(0), field(1), field(3));
        if flags & CLONE_PIDFD != 0 {
            copier.bytes(pidfd, 4);
        }
        if flags & CLONE_PARENT_SETTID != 0 {
            copier.bytes(parent_tid, 4);
        }
    }),
    write: |out, view, address| {
        let size = view.arguments[1].min(MOST_CLONE_ARGS as u64) as usize;
        let bytes = if size < LEAST_CLONE_ARGS { None } else { view.given(address, size) };
        let Some(bytes) = bytes else { return view.address(out, address) };
        write_clone_args(out, view, bytes);
        let field = |index: usize| number(&bytes[8 * index..8 * index + 8]);
        let (flags, mut opened) = (field(0), false);
        let written = [(CLONE_PIDFD, "pidfd=[", field(1)), (CLONE_PARENT_SETTID, "parent_tid=[", field(3))];
        for (flag, name, address) in written {
            if flags & flag != 0
                && let Some(value) = view.returned(address, 4)
            {
                out.push_str(if opened { ", " } else { " => {" });
                opened = true;
                out.push_str(name);
                push_decimal(out, (number(value) as i32).into());
                out.push(']');
            }
        }
        if opened {
            out.push('}');
        }
    },
};

fn write_clone_args(out: &mut String, view: &View<'_>, bytes: &[u8]) {
    let field = |index: usize| bytes.get(8 * index..8 * index + 8).map_or(0, number);
    let [flags, pidfd, child_tid, parent_tid, exit_signal, stack, stack_size, tls] = std::array::from_fn(field);
    let named = |out: &mut String, name: &str, value: u64| {
        out.push_str(name);
        view.address(out, value);
    };
    out.push_str("{flags=");
    v::clone3_flags(out, flags);
    if flags & CLONE_PIDFD != 0 {
        named(out, ", pidfd=", pidfd);
    }
    if flags & (CLONE_CHILD_SETTID | CLONE_CHILD_CLEARTID) != 0 {
        named(out, ", child_tid=", child_tid);
    }
    if flags & CLONE_PARENT_SETTID != 0 {
        named(out, ", parent_tid=", parent_tid);
    }
    out.push_str(", exit_signal=");
    if exit_signal < i32::MAX as u64 {
        v::signal(out, exit_signal)
    } else {
        push_unsigned(out, exit_signal)
    }
    named(out, ", stack=", stack);
    out.push_str(", stack_size=");
    hex(out, stack_size);
    if flags & CLONE_SETTLS != 0 {
        named(out, ", tls=", tls);
    }
    let (ids, count) = (field(8), field(9));
    if ids != 0 || count != 0 {
        out.push_str(", set_tid=");
        if ids == 0 || count == 0 || count > 32 {
            view.address(out, ids);
        } else {
            view.array(out, ids, count, 4, view.before, |out, id| push_decimal(out, (number(id) as i32).into()));
        }
        out.push_str(", set_tid_size=");
        push_unsigned(out, count);
    }
    // CLONE_INTO_CGROUP
    if bytes.len() > 80 && (field(10) != 0 || flags & 1 << 33 != 0) {
        out.push_str(", cgroup=");
        push_unsigned(out, field(10));
    }
    out.push('}');
}

/// A wait status that was returned, unless there was no child to report.
static STATUS: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, result| {
        if result != 0 {
            copier.bytes(address, 4);
        }
    }),
    write: |out, view, address| match view.returned(address, 4) {
        Some(status) => v::wait_status(out, number(status)),
        None => view.address(out, address),
    },
};

/// Resources used by the child that was waited for.
static CHILD_USAGE: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, result| {
        if result > 0 {
            copier.bytes(address, (RUSAGE.size)(copier.abi));
        }
    }),
    write: |out, view, address| match view.returned(address, (RUSAGE.size)(view.abi)) {
        Some(bytes) => (RUSAGE.write)(out, view, bytes),
        None => view.address(out, address),
    },
};

fn waitid_id(_: Abi, arguments: &[u64; 6]) -> Kind {
    // P_PIDFD
    if arguments[0] as u32 == 3 { Fd } else { Int }
}

/// Random bytes, which may become a key: shown only on request, in hexadecimal.
static RANDOM: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, result| copier.data(address, result.max(0) as u64)),
    write: |out, view, address| {
        let length = view.result.unwrap_or(0).max(0) as usize;
        match view.returned(address, length.min(view.options.string_limit)) {
            Some(bytes) => {
                quote_hex(out, bytes);
                if length > bytes.len() {
                    out.push_str("...");
                }
            }
            None => view.address(out, address),
        }
    },
};

/// `getpid` and its like say nothing but a number.
const NOTHING: &[super::super::spec::Parameter] = &[];

pub(super) static CALLS: &[Spec] = &[
    call("execve", &[arg("pathname", Path), arg("argv", Memory(&ARGV)), arg("envp", Memory(&ENVP))]),
    call(
        "execveat",
        &[
            arg("dirfd", DirFd),
            arg("pathname", Path),
            arg("argv", Memory(&ARGV)),
            arg("envp", Memory(&ENVP)),
            arg("flags", Flags(&file::AT_FLAGS)),
        ],
    ),
    CLONE,
    call("clone3", &[arg("cl_args", Memory(&CLONE_ARGS)), arg("size", Ulong)]),
    call("fork", NOTHING),
    call("vfork", NOTHING),
    call("exit", &[arg("status", Int)]).returns(ResultKind::Never),
    call("exit_group", &[arg("status", Int)]).returns(ResultKind::Never),
    call(
        "wait4",
        &[
            arg("pid", Int),
            arg("wstatus", Memory(&STATUS)),
            arg("options", Flags(&t::WAIT)),
            arg("rusage", Memory(&CHILD_USAGE)),
        ],
    ),
    call("waitpid", &[arg("pid", Int), arg("wstatus", Memory(&STATUS)), arg("options", Flags(&t::WAIT))]),
    call(
        "waitid",
        &[
            arg("idtype", Names(&t::WAITID_TYPE)),
            arg("id", Select(waitid_id)),
            arg("infop", Out(&SIGINFO)),
            arg("options", Flags(&t::WAIT)),
            arg("rusage", Out(&RUSAGE)),
        ],
    ),
    call("getpid", NOTHING),
    call("getppid", NOTHING),
    call("gettid", NOTHING),
    call("getpgrp", NOTHING),
    call("getpgid", &[arg("pid", Int)]),
    call("setpgid", &[arg("pid", Int), arg("pgid", Int)]),
    call("getsid", &[arg("pid", Int)]),
    call("setsid", NOTHING),
    call("set_tid_address", &[arg("tidptr", Pointer)]),
    call("getrlimit", &[arg("resource", Names(&t::RLIMIT)), arg("rlim", Out(&RLIMIT))]),
    call("ugetrlimit", &[arg("resource", Names(&t::RLIMIT)), arg("rlim", Out(&RLIMIT))]),
    call("setrlimit", &[arg("resource", Names(&t::RLIMIT)), arg("rlim", In(&RLIMIT))]),
    call(
        "prlimit64",
        &[
            arg("pid", Int),
            arg("resource", Names(&t::RLIMIT)),
            arg("new_limit", In(&RLIMIT64)),
            arg("old_limit", Out(&RLIMIT64)),
        ],
    ),
    call("getrusage", &[arg("who", Names(&t::RUSAGE)), arg("usage", Out(&RUSAGE))]),
    call("nice", &[arg("inc", Int)]),
    call("getcpu", &[arg("cpu", Out(&UINT)), arg("node", Out(&UINT)), arg("tcache", Pointer)]),
    call("uname", &[arg("buf", Out(&UTSNAME))]),
    call("sysinfo", &[arg("info", Out(&SYSINFO))]),
    call("unshare", &[arg("flags", LongFlags(&t::UNSHARE))]).effect(effect::unshare),
    call("setns", &[arg("fd", Fd), arg("nstype", Flags(&t::SETNS))]),
    call("pidfd_open", &[arg("pid", Int), arg("flags", Flags(&t::PIDFD_OPEN))]).opens(effect::pidfd_open),
    call("pidfd_getfd", &[arg("pidfd", Fd), arg("targetfd", Int), arg("flags", HexInt)]).opens(effect::forget),
    call("getrandom", &[arg("buf", Memory(&RANDOM)), arg("buflen", Ulong), arg("flags", Flags(&t::GETRANDOM))]),
];
