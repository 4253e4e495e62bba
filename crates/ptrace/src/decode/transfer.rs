//! What a call moves over a connection, for those who follow what is said there.

use renacer_events::{Abi, Entry, Memory, Moves, Part, Way};

use super::calls::message::{Header, header_size_of};
use super::spec::resolved;
use crate::capture::number;
use crate::descriptors::Process;

/// Flags of recv and send.
const MSG_OOB: u64 = 1;
const MSG_PEEK: u64 = 2;
const MSG_TRUNC: u64 = 0x20;

/// Where a call has its data.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Data {
    /// In the buffer that the second argument points to.
    Buffer,
    /// In the buffers of an iovec: second and third argument.
    Vector,
    /// In those of a message: the second argument.
    Message,
    /// Nowhere in the program's memory.
    Elsewhere,
}

/// Which way the call with this name moves data, where it has it, and which argument holds flags as recv and send have them.
fn transfer(name: &str) -> Option<(Way, Data, Option<usize>)> {
    Some(match name {
        "read" => (Way::In, Data::Buffer, None),
        "recv" | "recvfrom" => (Way::In, Data::Buffer, Some(3)),
        "readv" | "preadv2" => (Way::In, Data::Vector, None),
        "recvmsg" => (Way::In, Data::Message, Some(2)),
        "write" => (Way::Out, Data::Buffer, None),
        "send" | "sendto" => (Way::Out, Data::Buffer, Some(3)),
        "writev" | "pwritev2" => (Way::Out, Data::Vector, None),
        "sendmsg" => (Way::Out, Data::Message, Some(2)),
        "sendfile" | "sendfile64" => (Way::Out, Data::Elsewhere, None),
        _ => return None,
    })
}

/// The way that a call moves data, if it is one of those that are followed.
pub(crate) fn way(abi: Abi, number: u64) -> Option<Way> {
    Some(transfer(resolved(abi, number)?.name)?.0)
}

/// What a call that begins does on its process's connections.
pub(super) fn moves(process: &Process, entry: &Entry) -> Moves {
    let Some(call) = resolved(entry.abi, entry.number) else { return Moves::Nothing };
    let stream = |register: usize| process.stream(entry.arguments[register] as i32);
    if let Some((way, _, flags)) = transfer(call.name) {
        let flags = flags.map_or(0, |register| entry.arguments[register]);
        return match stream(0) {
            Some(stream) if flags & MSG_OOB != 0 => {
                stream.lose();
                Moves::Nothing
            }
            Some(stream) => Moves::Bytes(stream, way),
            None => Moves::Nothing,
        };
    }
    match call.name {
        "accept" | "accept4" => Moves::Accepts,
        "epoll_wait" | "epoll_pwait" | "epoll_pwait2" | "io_uring_enter" | "io_getevents" => Moves::WaitsForMany,
        "select" | "_newselect" | "pselect6" | "pselect6_time64" => Moves::WaitsForMany,
        // Of one alone, it is a read with a time limit.
        "poll" | "ppoll" | "ppoll_time64" if entry.arguments[1] as u32 > 1 => Moves::WaitsForMany,
        // Not EPOLL_CTL_DEL.
        "epoll_ctl" if entry.arguments[1] != 2 => stream(2).map_or(Moves::Nothing, Moves::Registers),
        // What these move is not followed.
        "splice" | "sendmmsg" | "recvmmsg" | "recvmmsg_time64" => {
            let others = [0, 2].into_iter().filter(|&register| register == 0 || call.name == "splice");
            others.filter_map(stream).for_each(|stream| stream.lose());
            Moves::Nothing
        }
        _ => Moves::Nothing,
    }
}

/// The parts of what a call has moved that returned `moved`.
pub(crate) fn parts<'a>(entry: &'a Entry, after: &'a Memory, moved: i64) -> Vec<Part<'a>> {
    let data = resolved(entry.abi, entry.number).and_then(|call| transfer(call.name));
    let (Some((way, data, flags)), Ok(left)) = (data, u64::try_from(moved)) else { return Vec::new() };
    let flags = flags.map_or(0, |register| entry.arguments[register]);
    let (word, [_, second, third, ..]) = (entry.abi.word_size(), entry.arguments);
    let memory = if way == Way::In { after } else { &entry.memory };
    let mut parts = Parts { memory, left, parts: Vec::new() };
    if way == Way::In && flags & MSG_PEEK != 0 {
        return parts.parts;
    }
    match data {
        // The bytes are thrown away.
        _ if way == Way::In && flags & MSG_TRUNC != 0 => {}
        Data::Buffer => parts.take(second, third),
        Data::Vector => parts.vector(&entry.memory, second, third, word),
        Data::Message => {
            let header = entry.memory.get(second, header_size_of(word)).map(|bytes| Header::parse(bytes, word));
            if let Some(header) = header {
                parts.vector(&entry.memory, header.iov, header.iov_count, word);
            }
        }
        Data::Elsewhere => {}
    }
    parts.gap(parts.left);
    parts.parts
}

struct Parts<'a> {
    memory: &'a Memory,
    left: u64,
    parts: Vec<Part<'a>>,
}

impl Parts<'_> {
    fn gap(&mut self, count: u64) {
        if count > 0 {
            self.parts.push(Part::Gap(count));
        }
        self.left -= count;
    }

    /// Up to `length` bytes at an address: what was copied of them, and how many were not.
    fn take(&mut self, address: u64, length: u64) {
        let length = length.min(self.left);
        let known = self.memory.from(address).unwrap_or_default();
        let known = &known[..known.len().min(usize::try_from(length).unwrap_or(usize::MAX))];
        if !known.is_empty() {
            self.parts.push(Part::Bytes(known));
            self.left -= known.len() as u64;
        }
        self.gap(length - known.len() as u64);
    }

    fn vector(&mut self, before: &Memory, address: u64, count: u64, word: usize) {
        let elements = before.from(address).unwrap_or_default().chunks_exact(2 * word);
        for element in elements.take(usize::try_from(count).unwrap_or(usize::MAX)) {
            if self.left == 0 {
                break;
            }
            self.take(number(&element[..word]), number(&element[word..]));
        }
    }
}
