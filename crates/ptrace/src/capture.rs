//! Copies what a call's arguments point to, while the tracee waits: each thing once, and only in the direction that carries data.

use renacer_events::{Abi, Entry, Memory, ReadMemory};

use crate::decode::indirect;
use crate::decode::spec::{Kind, Resolved, resolved};

/// What to copy.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// How many bytes of a string or buffer are shown (`-s`).
    pub string_limit: usize,
    /// Whether the contents of buffers that are read or written (files, pipes, sockets) are copied.
    pub capture_data: bool,
    /// Whether all descriptors that a call waits for are copied, also those that are not shown, for filters that ask for a path.
    pub all_descriptors: bool,
}

impl Default for Options {
    fn default() -> Self {
        Options { string_limit: 32, capture_data: false, all_descriptors: false }
    }
}

/// The most bytes of each buffer that are copied of a connection that may carry requests.
const MOST_OF_STREAM: usize = 16 * 1024;

impl Options {
    /// To copy what goes over a connection as well; what is shown of it does not depend on what is copied.
    pub(crate) fn of_stream(self) -> Options {
        Options { string_limit: self.string_limit.max(MOST_OF_STREAM), capture_data: true, ..self }
    }
}

/// The most bytes that are copied for one stop of one call.
const MOST_BYTES: usize = 64 * 1024;
/// The longest path the kernel takes, with its NUL.
pub(crate) const MOST_PATH: usize = 4096;
/// Reads never go across a multiple of this, which is at most the size of a page on every architecture.
const PAGE: u64 = 4096;
/// How much of a string is read at first: most are shorter.
const FIRST_READ: u64 = 256;

/// Copies what the call gets. To be called while the tracee is stopped at the call's entry.
/// The stack pointer leads to the signal mask that `rt_sigreturn` restores; 0 if it is not known.
pub fn at_entry(
    abi: Abi,
    number: u64,
    arguments: &[u64; 6],
    stack_pointer: u64,
    options: &Options,
    memory: &mut impl ReadMemory,
) -> Memory {
    if let Some((address, length)) = indirect::words(abi, number, arguments) {
        return indirect_at_entry(abi, number, arguments, (address, length), options, memory);
    }
    match resolved(abi, number) {
        Some(call) if call.looks_at_entry => Copier::new(call, abi, arguments, options, memory).entry(stack_pointer),
        _ => Memory::new(),
    }
}

/// Copies what the call gets for which another one stands.
fn indirect_at_entry(
    abi: Abi,
    number: u64,
    arguments: &[u64; 6],
    (address, length): (u64, usize),
    options: &Options,
    memory: &mut impl ReadMemory,
) -> Memory {
    let mut words = [0; 24];
    if memory.read(address, &mut words[..length]) < length {
        return Memory::new();
    }
    let Some((call, own)) = indirect::direct(number, arguments, &words[..length]) else { return Memory::new() };
    let mut copier = Copier::new(call, abi, &own, options, memory);
    if length > 0 {
        copier.keep(address, &words[..length]);
    }
    copier.entry(0)
}

/// Copies what the call returned. To be called while the tracee is stopped at the call's return.
pub fn at_return(entry: &Entry, value: i64, is_error: bool, options: &Options, memory: &mut impl ReadMemory) -> Memory {
    if let Some((address, length)) = indirect::words(entry.abi, entry.number, &entry.arguments) {
        let words = entry.memory.get(address, length).unwrap_or(&[]);
        return match indirect::direct(entry.number, &entry.arguments, words) {
            Some((call, own)) if !is_error && words.len() == length => {
                Copier::new(call, entry.abi, &own, options, memory).returned(entry, value)
            }
            _ => Memory::new(),
        };
    }
    match resolved(entry.abi, entry.number) {
        Some(call) if call.looks_at_return && (!is_error || call.even_interrupted && matches!(value, -516..=-512)) => {
            Copier::new(call, entry.abi, &entry.arguments, options, memory).returned(entry, value)
        }
        _ => Memory::new(),
    }
}

/// Whether [`at_return`] may need the memory that was copied at the entry.
pub fn return_needs_memory(entry: &Entry) -> bool {
    indirect::words(entry.abi, entry.number, &entry.arguments).is_some()
        || resolved(entry.abi, entry.number).is_some_and(|call| call.looks_back)
}

/// Copies pieces of a tracee's memory, within the limit for one stop.
pub(crate) struct Copier<'a> {
    call: &'a Resolved,
    memory: &'a mut dyn ReadMemory,
    copied: Memory,
    left: usize,
    before: Option<&'a Memory>,
    /// The stack pointer, 0 if it is not known.
    pub(crate) stack_pointer: u64,
    /// The call's convention.
    pub(crate) abi: Abi,
    /// The call's raw arguments.
    pub(crate) arguments: &'a [u64; 6],
    /// What to copy.
    pub(crate) options: &'a Options,
}

impl<'a> Copier<'a> {
    fn new(
        call: &'a Resolved,
        abi: Abi,
        arguments: &'a [u64; 6],
        options: &'a Options,
        memory: &'a mut dyn ReadMemory,
    ) -> Self {
        Copier {
            call,
            memory,
            copied: Memory::new(),
            left: MOST_BYTES,
            before: None,
            stack_pointer: 0,
            abi,
            arguments,
            options,
        }
    }

    /// Copies what the call gets.
    fn entry(mut self, stack_pointer: u64) -> Memory {
        self.stack_pointer = stack_pointer;
        for slot in &self.call.slots {
            self.entry_argument(slot.kind, self.arguments[slot.register]);
        }
        self.copied
    }

    /// Copies what the call returned.
    fn returned(mut self, entry: &'a Entry, value: i64) -> Memory {
        self.before = Some(&entry.memory);
        for slot in &self.call.slots {
            self.return_argument(slot.kind, self.arguments[slot.register], value);
        }
        self.copied
    }

    fn entry_argument(&mut self, kind: Kind, value: u64) {
        match kind {
            Kind::Select(select) => {
                let kind = select(self.abi, self.arguments);
                if !matches!(kind, Kind::Select(_)) {
                    self.entry_argument(kind, value);
                }
            }
            Kind::Path => self.string(value, MOST_PATH),
            Kind::Str => self.string(value, self.options.string_limit + 1),
            Kind::Written(length) => self.data(value, self.arguments[length]),
            Kind::BytesIn(length) => self.shown(value, self.arguments[length]),
            Kind::In(structure) => {
                self.bytes(value, (structure.size)(self.abi));
            }
            Kind::Complex(complex) => {
                if let Some(copy) = complex.at_entry {
                    copy(self, value);
                }
            }
            _ => {}
        }
    }

    fn return_argument(&mut self, kind: Kind, value: u64, result: i64) {
        match kind {
            Kind::Select(select) => {
                let kind = select(self.abi, self.arguments);
                if !matches!(kind, Kind::Select(_)) {
                    self.return_argument(kind, value, result);
                }
            }
            Kind::Read(room) => self.data(value, u64::try_from(result).unwrap_or(0).min(self.arguments[room])),
            Kind::BytesOut => self.shown(value, u64::try_from(result).unwrap_or(0)),
            Kind::Out(structure) => {
                self.bytes(value, (structure.size)(self.abi));
            }
            Kind::Complex(complex) => {
                if let Some(copy) = complex.at_return {
                    copy(self, value, result);
                }
            }
            _ => {}
        }
    }

    /// The call's name.
    pub(crate) fn call_name(&self) -> &'static str {
        self.call.name
    }

    /// What was copied at the entry, when this is the return.
    pub(crate) fn at_entry(&self, address: u64, length: usize) -> Option<&'a [u8]> {
        self.before?.get(address, length)
    }

    /// Copies exactly `length` bytes, or nothing if some cannot be read. Returns them.
    pub(crate) fn bytes(&mut self, address: u64, length: usize) -> Option<&[u8]> {
        if address == 0 || length == 0 || length > self.left || address.checked_add(length as u64).is_none() {
            return None;
        }
        let read = self.memory.read(address, self.copied.reserve(address, length));
        self.left -= read.min(length);
        if read < length {
            self.copied.truncate_last(0);
            return None;
        }
        self.copied.get(address, length)
    }

    /// Copies up to `length` bytes: as many as can be read, and as the limit allows.
    pub(crate) fn as_many(&mut self, address: u64, length: usize) -> usize {
        let length = length.min(self.left).min(usize::try_from(u64::MAX - address).unwrap_or(usize::MAX));
        if address == 0 || length == 0 {
            return 0;
        }
        let read = self.memory.read(address, self.copied.reserve(address, length)).min(length);
        self.copied.truncate_last(read);
        self.left -= read;
        read
    }

    /// Copies as many elements of an array as are shown, up to the first that cannot be read.
    pub(crate) fn array(&mut self, address: u64, count: u64, size: usize) -> usize {
        let count = usize::try_from(count).unwrap_or(usize::MAX).min(self.options.string_limit.saturating_add(1));
        if size == 0 {
            return 0;
        }
        let read = self.as_many(address, count.saturating_mul(size));
        let whole = read / size;
        if read > whole * size {
            self.copied.truncate_last(whole * size);
        }
        whole
    }

    /// Forgets what was copied last.
    pub(crate) fn drop_last(&mut self) {
        self.copied.truncate_last(0);
    }

    /// What was copied at this stop.
    pub(crate) fn here(&self, address: u64, length: usize) -> Option<&[u8]> {
        self.copied.get(address, length)
    }

    /// Copies a mask of `bits` bits, in whole words of the ABI.
    pub(crate) fn mask(&mut self, address: u64, bits: u64, most: usize) {
        let word = self.abi.word_size();
        let bytes = usize::try_from(bits.div_ceil(8)).unwrap_or(usize::MAX).min(most);
        self.bytes(address, bytes.next_multiple_of(word));
    }

    /// Reads without keeping: up to `length` bytes.
    pub(crate) fn read(&mut self, address: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length.min(self.left)];
        let read = self.memory.read(address, &mut bytes);
        bytes.truncate(read);
        self.left -= bytes.len();
        bytes
    }

    /// Whether the limit for one stop is reached.
    pub(crate) fn is_exhausted(&self) -> bool {
        self.left == 0
    }

    /// Keeps `bytes` in place of what stands at `address`.
    pub(crate) fn keep(&mut self, address: u64, bytes: &[u8]) {
        self.copied.push(address, bytes);
    }

    /// Copies one pointer-sized word.
    pub(crate) fn word(&mut self, address: u64) -> Option<u64> {
        let size = self.abi.word_size();
        self.bytes(address, size).map(number)
    }

    /// Copies a string up to and with its NUL, at most `limit` bytes of it; nothing if it runs into unreadable memory before.
    pub(crate) fn string(&mut self, address: u64, limit: usize) {
        if address == 0 {
            return;
        }
        let (mut buffer, mut length) = ([0; MOST_PATH], 0);
        let limit = limit.min(MOST_PATH).min(self.left);
        while length < limit {
            let Some(at) = address.checked_add(length as u64) else { return };
            let most = if length == 0 { FIRST_READ } else { PAGE };
            let chunk = (PAGE - at % PAGE).min(most).min((limit - length) as u64) as usize;
            let target = &mut buffer[length..length + chunk];
            let read = self.memory.read(at, target).min(chunk);
            self.left -= read;
            if let Some(end) = target[..read].iter().position(|&byte| byte == 0) {
                length += end + 1;
                break;
            }
            if read < chunk {
                return;
            }
            length += read;
        }
        self.copied.push(address, &buffer[..length]);
    }

    /// Copies as much of `length` bytes as is shown.
    pub(crate) fn shown(&mut self, address: u64, length: u64) {
        let most = self.options.string_limit.saturating_add(1);
        self.bytes(address, usize::try_from(length).map_or(most, |length| length.min(most)));
    }

    /// Copies as much of the contents of a buffer as is shown, if contents are wanted at all.
    pub(crate) fn data(&mut self, address: u64, length: u64) {
        if self.options.capture_data {
            self.shown(address, length);
        }
    }
}

/// Where a summary of what stands at `address` is kept, so that it cannot be taken for the thing itself: no tracee has memory there.
pub(crate) fn summary_of(address: u64) -> u64 {
    address ^ 1 << 63
}

/// The number that stands in up to eight bytes, in the byte order of all supported architectures.
pub(crate) fn number(bytes: &[u8]) -> u64 {
    bytes.iter().take(8).rev().fold(0, |number, &byte| number << 8 | u64::from(byte))
}
