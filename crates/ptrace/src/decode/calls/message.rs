//! The messages of sendmsg and its relatives: where data comes from, addresses, control data.

use renacer_events::Abi;

use super::super::effect::{self, ControlMessages};
use super::super::number::{push_decimal, push_hex, push_unsigned};
use super::super::spec::{Complex, Struct};
use super::super::values as v;
use super::super::values::tables::socket as t;
use super::super::view::{Observed, View, id};
use super::io::{Contents, copy_iovec, copy_iovec_data, write_iovec};
use super::socket::{length, write_address};
use super::structures::{TIMESPEC64, old_timespec};
use crate::capture::{Copier, number};
use crate::descriptors::Process;

/// The members of a `struct msghdr`.
#[derive(Clone, Copy)]
pub(crate) struct Header {
    pub(super) name: u64,
    pub(super) name_length: u64,
    pub(crate) iov: u64,
    pub(crate) iov_count: u64,
    control: u64,
    control_length: u64,
    flags: u64,
}

/// Size of a `struct msghdr`.
fn header_size(abi: Abi) -> usize {
    7 * abi.word_size()
}

impl Header {
    pub(crate) fn parse(bytes: &[u8], word: usize) -> Self {
        let field = |index: usize| bytes.get(index * word..(index + 1) * word).map_or(0, number);
        Header {
            name: field(0),
            name_length: field(1) & 0xffff_ffff,
            iov: field(2),
            iov_count: field(3),
            control: field(4),
            control_length: field(5),
            flags: field(6) & 0xffff_ffff,
        }
    }
}

/// The most control data that is looked at.
const MOST_CONTROL: u64 = 1024;

/// Copies what a `struct msghdr` that is sent points to.
fn copy_sent(copier: &mut Copier<'_>, address: u64) {
    let word = copier.abi.word_size();
    let Some(header) = copier.bytes(address, header_size_of(word)).map(|bytes| Header::parse(bytes, word)) else {
        return;
    };
    copier.bytes(header.name, length(header.name_length));
    copy_iovec(copier, header.iov, header.iov_count);
    copy_iovec_data(copier, header.iov, header.iov_count, u64::MAX, false);
    copier.bytes(header.control, header.control_length.min(MOST_CONTROL) as usize);
}

pub(crate) const fn header_size_of(word: usize) -> usize {
    7 * word
}

/// Copies what the kernel wrote through a `struct msghdr` that received `bytes` bytes.
fn copy_received(copier: &mut Copier<'_>, address: u64, bytes: u64) {
    let word = copier.abi.word_size();
    let Some(header) = copier.bytes(address, header_size_of(word)).map(|bytes| Header::parse(bytes, word)) else {
        return;
    };
    let room = copier.at_entry(address.wrapping_add(word as u64), 4).map_or(0, number);
    copier.bytes(header.name, length(header.name_length).min(length(room)));
    copy_iovec_data(copier, header.iov, header.iov_count, bytes, true);
    copier.bytes(header.control, header.control_length.min(MOST_CONTROL) as usize);
}

/// The message of sendmsg.
pub(super) static SENT: Complex = Complex {
    at_entry: Some(copy_sent),
    at_return: None,
    write: |out, view, address| match view.given(address, header_size(view.abi)) {
        Some(bytes) => write_header(out, view, &Header::parse(bytes, view.word_size()), None, Contents::Given),
        None => view.address(out, address),
    },
};

/// Copies a message that is to be filled, as far as the caller set it up.
fn copy_prepared(copier: &mut Copier<'_>, address: u64) {
    let word = copier.abi.word_size();
    if let Some(header) = copier.bytes(address, header_size_of(word)).map(|bytes| Header::parse(bytes, word)) {
        copy_iovec(copier, header.iov, header.iov_count);
    }
}

/// The message of recvmsg.
pub(super) static RECEIVED: Complex = Complex {
    at_entry: Some(copy_prepared),
    at_return: Some(|copier, address, result| copy_received(copier, address, result.max(0) as u64)),
    write: |out, view, address| {
        let word = view.word_size();
        let Some(before) = view.given(address, header_size(view.abi)).map(|bytes| Header::parse(bytes, word)) else {
            return view.address(out, address);
        };
        match view.returned(address, header_size(view.abi)).map(|bytes| Header::parse(bytes, word)) {
            Some(after) => {
                let contents = Contents::Returned(view.result.unwrap_or(0).max(0) as u64);
                write_header(out, view, &after, Some(before.name_length), contents);
            }
            None => {
                out.push_str("{msg_namelen=");
                push_decimal(out, (before.name_length as i32).into());
                out.push('}');
            }
        }
    },
};

/// Appends a message. `room` is the length of the address that the caller had room for, when the message was received.
fn write_header(out: &mut String, view: &View<'_>, header: &Header, room: Option<u64>, contents: Contents) {
    let memory = if room.is_some() { view.after } else { view.before };
    let name_length = room.map_or(length(header.name_length), |room| length(header.name_length).min(length(room)));
    out.push_str("{msg_name=");
    write_address(out, view, header.name, memory.get(header.name, name_length));
    out.push_str(", msg_namelen=");
    if let Some(room) = room.filter(|&room| room != header.name_length) {
        push_decimal(out, (room as i32).into());
        out.push_str(" => ");
    }
    push_decimal(out, (header.name_length as i32).into());
    out.push_str(", msg_iov=");
    write_iovec(out, view, header.iov, header.iov_count, contents);
    out.push_str(", msg_iovlen=");
    push_unsigned(out, header.iov_count);
    if header.control_length != 0 {
        out.push_str(", msg_control=");
        match memory.get(header.control, header.control_length.min(MOST_CONTROL) as usize) {
            Some(bytes) if bytes.len() >= view.word_size() + 8 => write_control(out, view, bytes, header),
            _ => view.address(out, header.control),
        }
    }
    out.push_str(", msg_controllen=");
    push_unsigned(out, header.control_length);
    out.push_str(", msg_flags=");
    t::MSG.write(out, header.flags);
    out.push('}');
}

fn write_control(out: &mut String, view: &View<'_>, bytes: &[u8], header: &Header) {
    out.push('[');
    for (index, message) in ControlMessages::new(bytes, view.abi).enumerate() {
        if index > 0 {
            out.push_str(", ");
        }
        out.push_str("{cmsg_len=");
        push_unsigned(out, message.length);
        out.push_str(", cmsg_level=");
        t::SOL.write(out, message.level.into());
        out.push_str(", cmsg_type=");
        write_control_data(out, view, &message);
        out.push('}');
    }
    let mut messages = ControlMessages::new(bytes, view.abi);
    messages.by_ref().for_each(drop);
    let left = messages.left() as u64;
    if left > 0 {
        out.push_str(", ... /* ");
        push_hex(out, header.control.wrapping_add(bytes.len() as u64 - left));
        out.push_str(" */");
    } else if (bytes.len() as u64) < header.control_length {
        out.push_str(", ...");
    }
    out.push(']');
}

fn write_control_data(out: &mut String, view: &View<'_>, message: &effect::ControlMessage<'_>) {
    // SOL_SOCKET
    if message.level != 1 {
        return v::control_message(out, view.abi, message.level.into(), message.kind.into(), message.data);
    }
    let ids = |index: usize| number(&message.data[4 * index..4 * index + 4]) as u32;
    match message.kind {
        1 if message.data.len() >= 4 => {
            out.push_str("SCM_RIGHTS, cmsg_data=[");
            for (index, descriptor) in message.data.chunks_exact(4).enumerate() {
                if index > 0 {
                    out.push_str(", ");
                }
                if index >= view.options.string_limit {
                    out.push_str("...");
                    break;
                }
                view.descriptor(out, number(descriptor) as i32);
            }
            out.push(']');
        }
        2 if message.data.len() >= 12 => {
            out.push_str("SCM_CREDENTIALS, cmsg_data={pid=");
            push_decimal(out, (ids(0) as i32).into());
            out.push_str(", uid=");
            id(out, ids(1));
            out.push_str(", gid=");
            id(out, ids(2));
            out.push('}');
        }
        kind => v::control_message(out, view.abi, 1, kind.into(), message.data),
    }
}

/// Size of a `struct mmsghdr`.
fn element_size(word: usize) -> usize {
    header_size_of(word) + word
}

/// The most messages of sendmmsg or recvmmsg that are looked at.
const MOST_MESSAGES: u64 = 64;

fn message_count(copier: &Copier<'_>, count: u64) -> u64 {
    count.min(MOST_MESSAGES).min(copier.options.string_limit as u64)
}

/// The messages of sendmmsg.
pub(super) static SENT_MANY: Complex = Complex {
    at_entry: Some(|copier, address| {
        let size = element_size(copier.abi.word_size());
        for index in 0..message_count(copier, copier.arguments[2] as u32 as u64) {
            copy_sent(copier, address.wrapping_add(index * size as u64));
        }
    }),
    at_return: Some(|copier, address, result| {
        let word = copier.abi.word_size();
        for index in 0..message_count(copier, result.max(0) as u64) {
            let at = address.wrapping_add(index * element_size(word) as u64);
            copier.bytes(at.wrapping_add(header_size_of(word) as u64), 4);
        }
    }),
    write: |out, view, address| {
        let count = view.arguments[2] as u32 as u64;
        write_messages(out, view, address, count, |out, at| {
            let Some(bytes) = view.given(at, header_size(view.abi)) else { return false };
            out.push_str("{msg_hdr=");
            write_header(out, view, &Header::parse(bytes, view.word_size()), None, Contents::Given);
            true
        });
    },
};

/// The messages of recvmmsg.
pub(super) static RECEIVED_MANY: Complex = Complex {
    at_entry: Some(|copier, address| {
        let size = element_size(copier.abi.word_size());
        for index in 0..message_count(copier, copier.arguments[2] as u32 as u64) {
            copy_prepared(copier, address.wrapping_add(index * size as u64));
        }
    }),
    at_return: Some(|copier, address, result| {
        let word = copier.abi.word_size();
        for index in 0..message_count(copier, result.max(0) as u64) {
            let at = address.wrapping_add(index * element_size(word) as u64);
            let bytes = copier.bytes(at.wrapping_add(header_size_of(word) as u64), 4).map_or(0, number);
            copy_received(copier, at, bytes);
        }
    }),
    write: |out, view, address| {
        if view.failed {
            return view.address(out, address);
        }
        let (word, count) = (view.word_size(), view.result.unwrap_or(0).max(0) as u64);
        write_messages(out, view, address, count, |out, at| {
            let before = view.given(at, header_size(view.abi)).map(|bytes| Header::parse(bytes, word));
            let after = view.returned(at, header_size(view.abi)).map(|bytes| Header::parse(bytes, word));
            let (Some(before), Some(after)) = (before, after) else { return false };
            let bytes = view.returned(at.wrapping_add(header_size_of(word) as u64), 4).map_or(0, number);
            out.push_str("{msg_hdr=");
            write_header(out, view, &after, Some(before.name_length), Contents::Returned(bytes));
            true
        });
    },
};

fn write_messages(
    out: &mut String,
    view: &View<'_>,
    address: u64,
    count: u64,
    mut write: impl FnMut(&mut String, u64) -> bool,
) {
    if address == 0 {
        return out.push_str("NULL");
    }
    let word = view.word_size();
    let start = out.len();
    out.push('[');
    for index in 0..count {
        if index > 0 {
            out.push_str(", ");
        }
        if index >= view.options.string_limit as u64 || index >= MOST_MESSAGES {
            out.push_str("...");
            break;
        }
        let at = address.wrapping_add(index * element_size(word) as u64);
        if !write(out, at) {
            if index == 0 {
                out.truncate(start);
                return view.address(out, address);
            }
            out.push_str("... /* ");
            push_hex(out, at);
            out.push_str(" */");
            break;
        }
        if let Some(length) = view.returned(at.wrapping_add(header_size_of(word) as u64), 4) {
            out.push_str(", msg_len=");
            push_unsigned(out, number(length));
        }
        out.push('}');
    }
    out.push(']');
}

pub(super) fn recvmmsg_note(out: &mut String, view: &View<'_>) {
    match view.result {
        Some(0) if !view.failed => out.push_str("Timeout"),
        Some(_) if !view.failed && view.arguments[4] != 0 => {
            let structure = if view.call.name == "recvmmsg_time64" { &TIMESPEC64 } else { old_timespec(view.abi) };
            out.push_str("left ");
            match view.returned(view.arguments[4], (structure.size)(view.abi)) {
                Some(bytes) => (structure.write)(out, view, bytes),
                None => view.address(out, view.arguments[4]),
            }
        }
        _ => {}
    }
}

/// The timeout of recvmmsg, which the kernel replaces by what is left of it.
pub(super) static TIMEOUT: Complex = Complex {
    at_entry: Some(|copier, address| {
        copier.bytes(address, timeout(copier.call_name(), copier.abi).1);
    }),
    at_return: Some(|copier, address, _| {
        copier.bytes(address, timeout(copier.call_name(), copier.abi).1);
    }),
    write: |out, view, address| {
        let (structure, size) = timeout(view.call.name, view.abi);
        match view.given(address, size) {
            Some(bytes) => (structure.write)(out, view, bytes),
            None => view.address(out, address),
        }
    },
};

fn timeout(name: &str, abi: Abi) -> (&'static Struct, usize) {
    let structure = if name == "recvmmsg_time64" { &TIMESPEC64 } else { old_timespec(abi) };
    (structure, (structure.size)(abi))
}

/// Descriptors that came with a message.
pub(super) fn received(process: &mut Process, observed: &Observed<'_>) {
    let word = observed.word_size();
    if let Some(bytes) = observed.returned(observed.arguments[1], header_size_of(word)) {
        let header = Header::parse(bytes, word);
        effect::received(process, observed, header.control, header.control_length.min(MOST_CONTROL) as usize);
    }
}
