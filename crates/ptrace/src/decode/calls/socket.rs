//! Calls on sockets.

use renacer_events::Peer;

use super::super::effect;
use super::super::number::push_decimal;
use super::super::spec::Kind::{
    self, Complex as Memory, Fd, Flags, Int, Names, Read, Seen, Uint, Ulong, Word, Written,
};
use super::super::spec::{Complex, Parameter, Spec, arg, call};
use super::super::values as v;
use super::super::values::tables::socket as t;
use super::super::view::{Observed, View};
use super::message::{
    Header, RECEIVED, RECEIVED_MANY, SENT, SENT_MANY, TIMEOUT, header_size_of, received, recvmmsg_note,
};
use super::structures::*;
use crate::capture::number;

pub(super) fn length(value: u64) -> usize {
    (value as i32).clamp(0, v::MOST_ADDRESS as i32) as usize
}

/// Appends a socket address that stands in `bytes`.
pub(super) fn write_address(out: &mut String, view: &View<'_>, address: u64, bytes: Option<&[u8]>) {
    match bytes {
        Some(bytes) if bytes.len() >= 2 => v::sockaddr(out, bytes),
        _ => view.address(out, address),
    }
}

/// A socket address that the call gets, with its length in that register.
macro_rules! address_given {
    ($name:ident, $register:expr) => {
        static $name: Complex = Complex {
            at_entry: Some(|copier, address| {
                copier.bytes(address, length(copier.arguments[$register]));
            }),
            at_return: None,
            write: |out, view, address| {
                let bytes = view.given(address, length(view.arguments[$register]));
                write_address(out, view, address, bytes);
            },
        };
    };
}

address_given!(ADDRESS_BY_THIRD, 2);

address_given!(ADDRESS_BY_SIXTH, 5);

/// A socket address that the call returns, with its length behind the pointer in that register.
macro_rules! address_returned {
    ($name:ident, $length:ident, $register:expr, $pointer:expr) => {
        static $name: Complex = Complex {
            at_entry: None,
            at_return: Some(|copier, address, _| {
                let room = copier.at_entry(copier.arguments[$register], 4).map(number);
                let filled = copier.bytes(copier.arguments[$register], 4).map(number);
                if let (Some(room), Some(filled)) = (room, filled) {
                    copier.bytes(address, length(room).min(length(filled)));
                }
            }),
            write: |out, view, address| {
                let (room, filled) = lengths(view, view.arguments[$register]);
                let bytes = room
                    .zip(filled)
                    .and_then(|(room, filled)| view.returned(address, length(room).min(length(filled))));
                write_address(out, view, address, bytes);
            },
        };
        static $length: Complex = Complex {
            at_entry: Some(|copier, address| {
                if copier.arguments[$pointer] != 0 {
                    copier.bytes(address, 4);
                }
            }),
            at_return: None,
            write: |out, view, address| write_lengths(out, view, address),
        };
    };
}

address_returned!(ADDRESS_SECOND, LENGTH_THIRD, 2, 1);

address_returned!(ADDRESS_FIFTH, LENGTH_SIXTH, 5, 4);

/// The length that the caller had room for, and the one that the kernel filled in.
fn lengths(view: &View<'_>, address: u64) -> (Option<u64>, Option<u64>) {
    (view.given(address, 4).map(number), view.returned(address, 4).map(number))
}

/// `[128 => 16]`, or `[16]` if that did not change.
fn write_lengths(out: &mut String, view: &View<'_>, address: u64) {
    let (Some(room), filled) = lengths(view, address) else { return view.address(out, address) };
    out.push('[');
    push_decimal(out, (room as i32).into());
    if let Some(filled) = filled.filter(|&filled| filled != room) {
        out.push_str(" => ");
        push_decimal(out, (filled as i32).into());
    }
    out.push(']');
}

/// Two new descriptors.
pub(super) static PAIR: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, _| {
        copier.bytes(address, 8);
    }),
    write: |out, view, address| match view.returned(address, 8) {
        Some(bytes) => {
            out.push('[');
            view.descriptor(out, number(&bytes[..4]) as i32);
            out.push_str(", ");
            view.descriptor(out, number(&bytes[4..]) as i32);
            out.push(']');
        }
        None => view.address(out, address),
    },
};

fn protocol(out: &mut String, view: &View<'_>, value: u64) {
    v::protocol(out, view.arguments[0], value);
}

fn option_set(out: &mut String, view: &View<'_>, value: u64) {
    v::socket_option(out, view.arguments[1], value, false);
}

fn option_got(out: &mut String, view: &View<'_>, value: u64) {
    v::socket_option(out, view.arguments[1], value, true);
}

/// An option's value that the call gets; the fifth argument is its length.
static OPTION_GIVEN: Complex = Complex {
    at_entry: Some(|copier, address| {
        let length = (copier.arguments[4] as i32).clamp(0, 1024) as usize;
        copier.bytes(address, length);
    }),
    at_return: None,
    write: |out, view, address| {
        let length = view.arguments[4] as i32;
        match view.given(address, length.clamp(0, 1024) as usize) {
            Some(bytes) if v::socket_option_given(out, view.abi, view.arguments[1], view.arguments[2], bytes) => {}
            Some(bytes) if length == 4 => INT_WRITE(out, view, bytes),
            Some(_) => view.bytes(out, address, length as u64, view.before),
            None => view.address(out, address),
        }
    },
};

const INT_WRITE: fn(&mut String, &View<'_>, &[u8]) = |out, view, bytes| (INT.write)(out, view, bytes);

/// An option's value that the call returns; the fifth argument points to its length.
static OPTION_RETURNED: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, _| {
        if let Some(length) = copier.bytes(copier.arguments[4], 4).map(number) {
            copier.bytes(address, (length as i32).clamp(0, 1024) as usize);
        }
    }),
    write: |out, view, address| {
        let (Some(_), Some(length)) = lengths(view, view.arguments[4]) else { return view.address(out, address) };
        let length = length as i32;
        match view.returned(address, length.clamp(0, 1024) as usize) {
            Some(bytes) if v::socket_option_returned(out, view.abi, view.arguments[1], view.arguments[2], bytes) => {}
            Some(bytes) if length == 4 => INT_WRITE(out, view, bytes),
            Some(_) => view.bytes(out, address, length as u64, view.after),
            None => view.address(out, address),
        }
    },
};

static OPTION_LENGTH: Complex = Complex {
    at_entry: Some(|copier, address| {
        copier.bytes(address, 4);
    }),
    at_return: None,
    write: |out, view, address| write_lengths(out, view, address),
};

/// The other end that a call's own arguments tell.
pub(super) fn told_peer(observed: &Observed<'_>) -> Option<Peer> {
    match observed.call.name {
        "connect" => effect::given_address(observed),
        "sendto" => effect::address(observed.given(observed.arguments[4], length(observed.arguments[5]))?),
        "recvfrom" => effect::address(observed.after.from(observed.arguments[4])?),
        "sendmsg" | "recvmsg" => {
            let memory = if observed.call.name == "sendmsg" { observed.before } else { observed.after };
            let word = observed.word_size();
            let header = Header::parse(memory.get(observed.arguments[1], header_size_of(word))?, word);
            effect::address(memory.get(header.name, length(header.name_length))?)
        }
        _ => None,
    }
}

/// Flags of a new socket in a separate argument.
const SOCKET_FLAGS: Kind = Flags(&t::SOCK_FLAGS);

pub(super) static CALLS: &[Spec] = &[
    call("socket", &[arg("domain", Names(&t::AF)), arg("type", Word(v::socket_type)), arg("protocol", Seen(protocol))])
        .opens(effect::socket),
    call(
        "socketpair",
        &[
            arg("domain", Names(&t::AF)),
            arg("type", Word(v::socket_type)),
            arg("protocol", Uint),
            arg("sv", Memory(&PAIR)),
        ],
    )
    .effect(effect::socketpair),
    call("pipe", &[arg("pipefd", Memory(&PAIR))]).effect(effect::pipe),
    call("pipe2", &[arg("pipefd", Memory(&PAIR)), arg("flags", Seen(super::file::file_flags))]).effect(effect::pipe),
    call("connect", &[arg("sockfd", Fd), arg("addr", Memory(&ADDRESS_BY_THIRD)), arg("addrlen", Int)])
        .effect(effect::connect),
    call("bind", &[arg("sockfd", Fd), arg("addr", Memory(&ADDRESS_BY_THIRD)), arg("addrlen", Int)])
        .effect(effect::bind),
    call("listen", &[arg("sockfd", Fd), arg("backlog", Int)]),
    call("accept", &[arg("sockfd", Fd), arg("addr", Memory(&ADDRESS_SECOND)), arg("addrlen", Memory(&LENGTH_THIRD))])
        .opens(effect::accept),
    call(
        "accept4",
        &[
            arg("sockfd", Fd),
            arg("addr", Memory(&ADDRESS_SECOND)),
            arg("addrlen", Memory(&LENGTH_THIRD)),
            arg("flags", SOCKET_FLAGS),
        ],
    )
    .opens(effect::accept),
    call(
        "getsockname",
        &[arg("sockfd", Fd), arg("addr", Memory(&ADDRESS_SECOND)), arg("addrlen", Memory(&LENGTH_THIRD))],
    )
    .effect(effect::getsockname),
    call(
        "getpeername",
        &[arg("sockfd", Fd), arg("addr", Memory(&ADDRESS_SECOND)), arg("addrlen", Memory(&LENGTH_THIRD))],
    )
    .effect(effect::getpeername),
    call(
        "sendto",
        &[
            arg("sockfd", Fd),
            arg("buf", Written(2)),
            arg("len", Ulong),
            arg("flags", Flags(&t::MSG)),
            arg("dest_addr", Memory(&ADDRESS_BY_SIXTH)),
            arg("addrlen", Int),
        ],
    )
    .moves_bytes(),
    call("send", &[arg("sockfd", Fd), arg("buf", Written(2)), arg("len", Ulong), arg("flags", Flags(&t::MSG))])
        .moves_bytes(),
    call(
        "recvfrom",
        &[
            arg("sockfd", Fd),
            arg("buf", Read(2)),
            arg("len", Ulong),
            arg("flags", Flags(&t::MSG)),
            arg("src_addr", Memory(&ADDRESS_FIFTH)),
            arg("addrlen", Memory(&LENGTH_SIXTH)),
        ],
    )
    .moves_bytes(),
    call("recv", &[arg("sockfd", Fd), arg("buf", Read(2)), arg("len", Ulong), arg("flags", Flags(&t::MSG))])
        .moves_bytes(),
    call("sendmsg", &[arg("sockfd", Fd), arg("msg", Memory(&SENT)), arg("flags", Flags(&t::MSG))]).moves_bytes(),
    call("recvmsg", &[arg("sockfd", Fd), arg("msg", Memory(&RECEIVED)), arg("flags", Flags(&t::MSG))])
        .effect(received)
        .moves_bytes(),
    call(
        "sendmmsg",
        &[arg("sockfd", Fd), arg("msgvec", Memory(&SENT_MANY)), arg("vlen", Uint), arg("flags", Flags(&t::MSG))],
    ),
    call("recvmmsg", &RECVMMSG).note(recvmmsg_note),
    call("recvmmsg_time64", &RECVMMSG).note(recvmmsg_note),
    call("shutdown", &[arg("sockfd", Fd), arg("how", Names(&t::SHUTDOWN))]),
    call(
        "setsockopt",
        &[
            arg("sockfd", Fd),
            arg("level", Names(&t::SOL)),
            arg("optname", Seen(option_set)),
            arg("optval", Memory(&OPTION_GIVEN)),
            arg("optlen", Int),
        ],
    ),
    call(
        "getsockopt",
        &[
            arg("sockfd", Fd),
            arg("level", Names(&t::SOL)),
            arg("optname", Seen(option_got)),
            arg("optval", Memory(&OPTION_RETURNED)),
            arg("optlen", Memory(&OPTION_LENGTH)),
        ],
    ),
];

static RECVMMSG: [Parameter; 5] = [
    arg("sockfd", Fd),
    arg("msgvec", Memory(&RECEIVED_MANY)),
    arg("vlen", Uint),
    arg("flags", Flags(&t::MSG)),
    arg("timeout", Memory(&TIMEOUT)),
];
