//! Calls that wait for descriptors, and the objects that are made for waiting.

use renacer_events::Abi;

use super::super::effect;
use super::super::number::{push_decimal, push_unsigned};
use super::super::spec::Kind::{
    self, Complex as Memory, Fd, Flags, In, Int, Names, Path, Pointer, Seen, Select, Uint, Ulong, WideFlags, Word,
};
use super::super::spec::{Complex, Spec, Struct, arg, call};
use super::super::values as v;
use super::super::values::tables::{file as t, socket};
use super::super::view::{Observed, View};
use super::signal::{SET_BY_FIFTH, SET_BY_SIXTH, SET_BY_THIRD};
use super::structures::*;
use crate::capture::{Copier, number, summary_of};

const POLLFD: usize = 8;

/// An array of `struct pollfd`: its length is the second argument.
static POLLFDS: Complex = Complex {
    at_entry: Some(|copier, address| {
        let count = copier.arguments[1] as u32;
        if copier.options.all_descriptors {
            copier.as_many(address, count as usize * POLLFD);
        } else {
            copier.array(address, count.into(), POLLFD);
        }
    }),
    at_return: Some(|copier, address, result| {
        // Only those that are ready are kept: there may be thousands of the others.
        if result > 0 {
            let most = copier.options.string_limit.saturating_add(1);
            let all = copier.read(address, copier.arguments[1] as u32 as usize * POLLFD);
            let ready = all.chunks_exact(POLLFD).filter(|element| number(&element[6..]) != 0).take(most);
            copier.keep(summary_of(address), &ready.flatten().copied().collect::<Vec<_>>());
        }
    }),
    write: |out, view, address| {
        let count = view.arguments[1] as u32 as u64;
        view.array(out, address, count, POLLFD, view.before, |out, element| {
            let descriptor = number(&element[..4]) as i32;
            out.push_str("{fd=");
            view.descriptor(out, descriptor);
            if descriptor >= 0 {
                out.push_str(", events=");
                socket::POLL.write(out, number(&element[4..6]));
            }
            out.push('}');
        });
    },
};

/// The calls that wait for descriptors which they get in memory.
pub(crate) const WAITS: [&str; 7] =
    ["poll", "ppoll", "ppoll_time64", "select", "_newselect", "pselect6", "pselect6_time64"];

/// The descriptors that one of [`WAITS`] gets, as far as they were copied.
pub(crate) fn waited_for(observed: &Observed<'_>) -> Vec<i32> {
    if observed.call.name.contains("poll") {
        let pieces = observed.before.from(observed.arguments[0]).unwrap_or(&[]);
        let most = observed.arguments[1] as u32 as usize;
        return pieces.chunks_exact(POLLFD).take(most).map(|element| number(&element[..4]) as i32).collect();
    }
    let count = select_count(observed.arguments);
    let size = count.div_ceil(8).next_multiple_of(observed.word_size());
    let sets = observed.arguments[1..4].iter().filter_map(|&address| observed.given(address, size));
    sets.flat_map(|bytes| members(bytes, count)).map(|number| number as i32).collect()
}

/// The most text in an explanation: what does not fit is left out, as strace does.
const MOST_NOTE: usize = 1024;

fn poll_note(out: &mut String, view: &View<'_>) {
    match view.result {
        Some(0) if !view.failed => return out.push_str("Timeout"),
        Some(1..) if !view.failed => {}
        _ => return,
    }
    let start = out.len();
    let ready = view.after.from(summary_of(view.arguments[0])).unwrap_or(&[]);
    for (shown, element) in ready.chunks_exact(POLLFD).enumerate() {
        let events = number(&element[6..]);
        out.push_str(if out.len() == start { "[" } else { ", " });
        if shown >= view.options.string_limit || out.len() - start > MOST_NOTE - 100 {
            out.push_str("...");
            break;
        }
        out.push_str("{fd=");
        push_decimal(out, (number(&element[..4]) as i32).into());
        out.push_str(", revents=");
        socket::POLL.write(out, events);
        out.push('}');
    }
    if out.len() > start {
        out.push(']');
    }
    let left = match view.call.name {
        "ppoll" => Some(old_timespec(view.abi)),
        "ppoll_time64" => Some(&TIMESPEC64),
        _ => None,
    };
    if let Some(structure) = left
        && view.arguments[2] != 0
    {
        out.push_str(if out.len() == start { "left " } else { ", left " });
        write_left(out, view, view.arguments[2], structure);
    }
}

fn write_left(out: &mut String, view: &View<'_>, address: u64, structure: &Struct) {
    match view.returned(address, (structure.size)(view.abi)) {
        Some(bytes) => (structure.write)(out, view, bytes),
        None => view.address(out, address),
    }
}

/// A timeout that the kernel replaces by what is left of it.
macro_rules! timeout {
    ($name:ident, $structure:expr) => {
        static $name: Complex = Complex {
            at_entry: Some(|copier, address| {
                copier.bytes(address, ($structure(copier.abi).size)(copier.abi));
            }),
            at_return: Some(|copier, address, result| {
                if result > 0 {
                    copier.bytes(address, ($structure(copier.abi).size)(copier.abi));
                }
            }),
            write: |out, view, address| {
                let structure = $structure(view.abi);
                match view.given(address, (structure.size)(view.abi)) {
                    Some(bytes) => (structure.write)(out, view, bytes),
                    None => view.address(out, address),
                }
            },
        };
    };
}

timeout!(LEFT_TIMESPEC, old_timespec);
timeout!(LEFT_TIMESPEC64, |_: Abi| &TIMESPEC64);
timeout!(LEFT_TIMEVAL, |_: Abi| &TIMEVAL);

/// How many descriptors select looks at: as many as its first argument says, but no more than strace shows.
fn select_count(arguments: &[u64; 6]) -> usize {
    (arguments[0] as i32).clamp(0, 64 * 1024) as usize
}

fn copy_descriptor_set(copier: &mut Copier<'_>, address: u64) {
    copier.mask(address, select_count(copier.arguments) as u64, 8192);
}

fn descriptor_set_size(view: &View<'_>) -> usize {
    select_count(view.arguments).div_ceil(8).next_multiple_of(view.word_size())
}

fn members(bytes: &[u8], count: usize) -> impl Iterator<Item = usize> {
    (0..count).filter(|&bit| bytes.get(bit / 8).is_some_and(|byte| byte >> (bit % 8) & 1 != 0))
}

/// A set of descriptors of select: only what the call got; what it returned stands behind the result.
static DESCRIPTORS: Complex = Complex {
    at_entry: Some(copy_descriptor_set),
    at_return: Some(|copier, address, result| {
        if result > 0 {
            copy_descriptor_set(copier, address);
        }
    }),
    write: |out, view, address| match view.given(address, descriptor_set_size(view)) {
        Some(bytes) => {
            out.push('[');
            for (index, number) in members(bytes, select_count(view.arguments)).enumerate() {
                if index > 0 {
                    out.push(' ');
                }
                view.descriptor(out, number as i32);
            }
            out.push(']');
        }
        None => view.address(out, address),
    },
};

fn select_note(out: &mut String, view: &View<'_>) {
    let mut ready = match view.result {
        Some(0) if !view.failed => return out.push_str("Timeout"),
        Some(ready @ 1..) if !view.failed => ready,
        _ => return,
    };
    let start = out.len();
    for (name, &address) in ["in [", "out [", "except ["].iter().zip(&view.arguments[1..4]) {
        let Some(bytes) = view.returned(address, descriptor_set_size(view)).filter(|_| ready > 0) else { continue };
        let mut first = true;
        for number in members(bytes, select_count(view.arguments)) {
            if out.len() - start < MOST_NOTE - 40 {
                if first {
                    if out.len() > start {
                        out.push_str(", ");
                    }
                    out.push_str(name);
                } else {
                    out.push(' ');
                }
                push_unsigned(out, number as u64);
            }
            first = false;
            ready -= 1;
            if ready == 0 {
                break;
            }
        }
        if !first {
            out.push(']');
        }
    }
    if view.arguments[4] != 0 {
        out.push_str(if out.len() == start { "left " } else { ", left " });
        let structure = match view.call.name {
            "pselect6" => old_timespec(view.abi),
            "pselect6_time64" => &TIMESPEC64,
            _ => &TIMEVAL,
        };
        write_left(out, view, view.arguments[4], structure);
    }
}

/// The signal mask of pselect6, behind one more pointer and with its size.
pub(super) static MASK_AND_SIZE: Complex = Complex {
    at_entry: Some(|copier, address| {
        let word = copier.abi.word_size();
        if let Some(bytes) = copier.bytes(address, 2 * word) {
            let (mask, size) = (number(&bytes[..word]), number(&bytes[word..]));
            if size == 8 {
                copier.bytes(mask, 8);
            }
        }
    }),
    at_return: None,
    write: |out, view, address| {
        let word = view.word_size();
        let Some(bytes) = view.given(address, 2 * word) else { return view.address(out, address) };
        let (mask, size) = (number(&bytes[..word]), number(&bytes[word..]));
        out.push_str("{sigmask=");
        match view.given(mask, 8).filter(|_| size == 8) {
            Some(set) => v::signal_set(out, set),
            None => view.address(out, mask),
        }
        out.push_str(", sigsetsize=");
        push_unsigned(out, size);
        out.push('}');
    },
};

/// Size of `struct epoll_event`, which is packed on x86.
fn epoll_event_size(abi: Abi) -> usize {
    if abi == Abi::Aarch64 { 16 } else { 12 }
}

fn write_epoll_event(out: &mut String, bytes: &[u8]) {
    let data = &bytes[bytes.len() - 8..];
    out.push_str("{events=");
    socket::EPOLL.write(out, number(&bytes[..4]));
    out.push_str(", data={u32=");
    push_unsigned(out, number(&data[..4]));
    out.push_str(", u64=");
    push_unsigned(out, number(data));
    out.push_str("}}");
}

static EPOLL_EVENT: Struct = Struct { size: epoll_event_size, write: |out, _, bytes| write_epoll_event(out, bytes) };

fn epoll_event(_: Abi, arguments: &[u64; 6]) -> Kind {
    // EPOLL_CTL_DEL does not look at it.
    if arguments[1] as u32 == 2 { Pointer } else { In(&EPOLL_EVENT) }
}

/// The events that epoll_wait returns: the result is their number.
static EPOLL_EVENTS: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, result| {
        copier.array(address, result.max(0) as u64, epoll_event_size(copier.abi));
    }),
    write: |out, view, address| {
        let count = if view.failed { u64::MAX } else { view.result.unwrap_or(0).max(0) as u64 };
        let size = epoll_event_size(view.abi);
        view.array(out, address, count, size, view.after, write_epoll_event);
    },
};

fn marked_directory(out: &mut String, view: &View<'_>, value: u64) {
    match value as i32 {
        -1 => out.push_str("FAN_NOFD"),
        number => view.directory(out, number),
    }
}

/// The signal mask of epoll_pwait, which strace shows only if the call succeeded.
static SET_IF_WAITED: Complex = Complex {
    at_entry: SET_BY_SIXTH.at_entry,
    at_return: None,
    write: |out, view, address| {
        if view.failed { view.address(out, address) } else { (SET_BY_SIXTH.write)(out, view, address) }
    },
};

/// The timeout of epoll_pwait2, which strace shows only if the call succeeded.
static TIMEOUT_IF_WAITED: Complex = Complex {
    at_entry: Some(|copier, address| {
        copier.bytes(address, 16);
    }),
    at_return: None,
    write: |out, view, address| match view.given(address, 16) {
        Some(bytes) if !view.failed => (TIMESPEC64.write)(out, view, bytes),
        _ => view.address(out, address),
    },
};

pub(super) static CALLS: &[Spec] = &[
    call("poll", &[arg("fds", Memory(&POLLFDS)), arg("nfds", Uint), arg("timeout", Int)]).note(poll_note),
    call(
        "ppoll",
        &[
            arg("fds", Memory(&POLLFDS)),
            arg("nfds", Uint),
            arg("tmo_p", Memory(&LEFT_TIMESPEC)),
            arg("sigmask", Memory(&SET_BY_FIFTH)),
            arg("sigsetsize", Ulong),
        ],
    )
    .note(poll_note),
    call(
        "ppoll_time64",
        &[
            arg("fds", Memory(&POLLFDS)),
            arg("nfds", Uint),
            arg("tmo_p", Memory(&LEFT_TIMESPEC64)),
            arg("sigmask", Memory(&SET_BY_FIFTH)),
            arg("sigsetsize", Ulong),
        ],
    )
    .note(poll_note),
    call("select", &SELECT).note(select_note),
    call("_newselect", &SELECT).note(select_note),
    call(
        "pselect6",
        &[
            arg("nfds", Int),
            arg("readfds", Memory(&DESCRIPTORS)),
            arg("writefds", Memory(&DESCRIPTORS)),
            arg("exceptfds", Memory(&DESCRIPTORS)),
            arg("timeout", Memory(&LEFT_TIMESPEC)),
            arg("sigmask", Memory(&MASK_AND_SIZE)),
        ],
    )
    .note(select_note),
    call(
        "pselect6_time64",
        &[
            arg("nfds", Int),
            arg("readfds", Memory(&DESCRIPTORS)),
            arg("writefds", Memory(&DESCRIPTORS)),
            arg("exceptfds", Memory(&DESCRIPTORS)),
            arg("timeout", Memory(&LEFT_TIMESPEC64)),
            arg("sigmask", Memory(&MASK_AND_SIZE)),
        ],
    )
    .note(select_note),
    call("epoll_create", &[arg("size", Int)]).opens(effect::epoll_create),
    call("epoll_create1", &[arg("flags", Flags(&t::EPOLL_CREATE))]).opens(effect::epoll_create1),
    call(
        "epoll_ctl",
        &[arg("epfd", Fd), arg("op", Names(&t::EPOLL_CTL)), arg("fd", Fd), arg("event", Select(epoll_event))],
    ),
    call(
        "epoll_wait",
        &[arg("epfd", Fd), arg("events", Memory(&EPOLL_EVENTS)), arg("maxevents", Int), arg("timeout", Int)],
    ),
    call(
        "epoll_pwait",
        &[
            arg("epfd", Fd),
            arg("events", Memory(&EPOLL_EVENTS)),
            arg("maxevents", Int),
            arg("timeout", Int),
            arg("sigmask", Memory(&SET_IF_WAITED)),
            arg("sigsetsize", Ulong),
        ],
    ),
    call(
        "epoll_pwait2",
        &[
            arg("epfd", Fd),
            arg("events", Memory(&EPOLL_EVENTS)),
            arg("maxevents", Int),
            arg("timeout", Memory(&TIMEOUT_IF_WAITED)),
            arg("sigmask", Memory(&SET_IF_WAITED)),
            arg("sigsetsize", Ulong),
        ],
    ),
    call("eventfd", &[arg("initval", Uint)]).opens(effect::eventfd),
    call("eventfd2", &[arg("initval", Uint), arg("flags", Flags(&t::EVENTFD))]).opens(effect::eventfd2),
    call("signalfd", &[arg("fd", Fd), arg("mask", Memory(&SET_BY_THIRD)), arg("sizemask", Ulong)])
        .opens(effect::signalfd),
    call(
        "signalfd4",
        &[arg("fd", Fd), arg("mask", Memory(&SET_BY_THIRD)), arg("sizemask", Ulong), arg("flags", Flags(&t::SIGNALFD))],
    )
    .opens(effect::signalfd),
    call("inotify_init", &[]).opens(effect::inotify_init),
    call("inotify_init1", &[arg("flags", Flags(&t::INOTIFY_INIT))]).opens(effect::inotify_init1),
    call("inotify_add_watch", &[arg("fd", Fd), arg("pathname", Path), arg("mask", Flags(&t::INOTIFY))]),
    call("inotify_rm_watch", &[arg("fd", Fd), arg("wd", Int)]),
    call(
        "fanotify_mark",
        &[
            arg("fanotify_fd", Fd),
            arg("flags", Flags(&t::FANOTIFY_MARK)),
            arg("mask", WideFlags(&t::FANOTIFY_MASK)),
            arg("dirfd", Seen(marked_directory)),
            arg("pathname", Path),
        ],
    ),
    call("fanotify_init", &[arg("flags", Word(v::fanotify_init)), arg("event_f_flags", Seen(super::file::open_flags))])
        .opens(effect::fanotify_init),
];

static SELECT: [super::super::spec::Parameter; 5] = [
    arg("nfds", Int),
    arg("readfds", Memory(&DESCRIPTORS)),
    arg("writefds", Memory(&DESCRIPTORS)),
    arg("exceptfds", Memory(&DESCRIPTORS)),
    arg("timeout", Memory(&LEFT_TIMEVAL)),
];
