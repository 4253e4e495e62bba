//! Which descriptors may carry requests, so that what goes over them is copied, and nothing else.
//!
//! Only a guess that saves work: what a descriptor is, is known to the decoder. Whatever is missed here is missing there, and a
//! connection of which something is missing says nothing any more.

use renacer_events::{Abi, Entry, FastMap, Memory, Part};

use crate::decode::spec::{ResultKind, resolved};
use crate::decode::transfer;

/// With which requests begin.
const METHODS: [&str; 9] = ["GET ", "POST ", "PUT ", "HEAD ", "DELETE ", "PATCH ", "OPTIONS ", "CONNECT ", "TRACE "];

/// The descriptors of one process.
#[derive(Clone, Debug, Default)]
pub(crate) struct Streams {
    /// Those of connections, and whether a request has begun on them.
    open: FastMap<i32, bool>,
}

impl Streams {
    /// Whether the data of this call is to be copied.
    pub(crate) fn wants(&self, abi: Abi, number: u64, arguments: &[u64; 6]) -> bool {
        !self.open.is_empty() && self.open.contains_key(&(arguments[0] as i32)) && transfer::way(abi, number).is_some()
    }

    /// What has been copied of a call that moves `moved` bytes. What does not begin like a request is not looked at again.
    pub(crate) fn saw(&mut self, entry: &Entry, after: &Memory, moved: i64) {
        let descriptor = entry.arguments[0] as i32;
        if moved > 0 && self.open.get(&descriptor) == Some(&false) {
            match transfer::parts(entry, after, moved).first() {
                Some(Part::Bytes(bytes)) if begins_like_a_request(bytes) => {
                    self.open.insert(descriptor, true);
                }
                _ => {
                    self.open.remove(&descriptor);
                }
            }
        }
    }

    /// What a call has done to descriptors that returned `value`.
    pub(crate) fn returned(&mut self, entry: &Entry, value: i64, is_error: bool) {
        let Some(call) = resolved(entry.abi, entry.number) else { return };
        let first = entry.arguments[0] as i32;
        match call.name {
            "connect" if !is_error || value == -i64::from(libc::EINPROGRESS) => {
                self.open.insert(first, false);
            }
            _ if is_error => {}
            "accept" | "accept4" => {
                self.open.insert(value as i32, false);
            }
            _ if self.open.is_empty() => {}
            "close" => {
                self.open.remove(&first);
            }
            "dup" | "dup2" | "dup3" | "fcntl" if call.name != "fcntl" || matches!(entry.arguments[1], 0 | 1030) => {
                match self.open.get(&first).copied() {
                    Some(known) => self.open.insert(value as i32, known),
                    None => self.open.remove(&(value as i32)),
                };
            }
            _ if matches!(call.result, ResultKind::Fd) => {
                self.open.remove(&(value as i32));
            }
            _ => {}
        }
    }
}

fn begins_like_a_request(bytes: &[u8]) -> bool {
    METHODS.iter().any(|method| bytes.iter().zip(method.as_bytes()).all(|(byte, expected)| byte == expected))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(number: u64, arguments: [u64; 6]) -> Entry {
        Entry {
            abi: Abi::X86_64,
            number,
            arguments,
            instruction_pointer: 0,
            stack_pointer: 0,
            memory: Memory::new(),
            stack: None,
            context: None,
            watched: false,
        }
    }

    const READ: u64 = 0;
    const CLOSE: u64 = 3;
    const DUP: u64 = 32;
    const ACCEPT: u64 = 43;
    const OPENAT: u64 = 257;

    fn wants(streams: &Streams, descriptor: u64) -> bool {
        streams.wants(Abi::X86_64, READ, &[descriptor, 0, 0, 0, 0, 0])
    }

    fn reads(streams: &mut Streams, descriptor: u64, bytes: &[u8]) {
        let mut memory = Memory::new();
        memory.push(0x1000, bytes);
        streams.saw(&entry(READ, [descriptor, 0x1000, 4096, 0, 0, 0]), &memory, bytes.len() as i64);
    }

    #[test]
    fn connections_are_copied_as_long_as_they_may_carry_requests() {
        let mut streams = Streams::default();
        assert!(!wants(&streams, 7));
        for descriptor in [7, 8] {
            streams.returned(&entry(ACCEPT, [3, 0, 0, 0, 0, 0]), descriptor, false);
        }
        streams.returned(&entry(DUP, [7, 0, 0, 0, 0, 0]), 9, false);
        assert!(wants(&streams, 7) && wants(&streams, 8) && wants(&streams, 9));
        assert!(!streams.wants(Abi::X86_64, CLOSE, &[7, 0, 0, 0, 0, 0]));
        reads(&mut streams, 7, b"G");
        reads(&mut streams, 7, b"\x16\x03");
        reads(&mut streams, 8, b"\x16\x03");
        assert!(wants(&streams, 7) && !wants(&streams, 8));
        streams.returned(&entry(CLOSE, [7, 0, 0, 0, 0, 0]), 0, false);
        streams.returned(&entry(OPENAT, [0; 6]), 9, false);
        assert!(!wants(&streams, 7) && !wants(&streams, 9));
    }
}
