//! One call as a renderer sees it: raw arguments, the memory copied at its two stops, its result.

use renacer_events::{Abi, Memory};

use super::DecodeOptions;
use super::number::{hex, push_decimal, push_hex, push_octal, push_unsigned};
use super::quote::{escape, quote};
use super::spec::{Kind, Resolved};
use crate::capture::MOST_PATH;
use crate::descriptors::Process;

/// AT_FDCWD as it stands in the lower half of a register.
pub(crate) const AT_FDCWD: i32 = -100;

/// One call, as it was observed.
#[derive(Clone, Copy)]
pub(crate) struct Observed<'a> {
    pub(crate) abi: Abi,
    pub(crate) call: &'a Resolved,
    pub(crate) arguments: &'a [u64; 6],
    pub(crate) stack_pointer: u64,
    pub(crate) before: &'a Memory,
    pub(crate) after: &'a Memory,
    /// What the kernel returned; none if the call never returned.
    pub(crate) result: Option<i64>,
    /// Whether it failed or never returned.
    pub(crate) failed: bool,
}

/// One call, with what else its text depends on.
pub(crate) struct View<'a> {
    pub(crate) observed: Observed<'a>,
    pub(crate) options: &'a DecodeOptions,
    /// The process that made the call.
    pub(crate) process: &'a Process,
}

impl<'a> std::ops::Deref for View<'a> {
    type Target = Observed<'a>;

    fn deref(&self) -> &Observed<'a> {
        &self.observed
    }
}

impl<'a> Observed<'a> {
    /// The kind behind a [`Kind::Select`].
    pub(crate) fn chosen(&self, kind: Kind) -> Kind {
        match kind {
            Kind::Select(select) => select(self.abi, self.arguments),
            kind => kind,
        }
    }

    /// Bytes that the call got.
    pub(crate) fn given(&self, address: u64, length: usize) -> Option<&'a [u8]> {
        self.before.get(address, length)
    }

    /// Bytes that the call returned.
    pub(crate) fn returned(&self, address: u64, length: usize) -> Option<&'a [u8]> {
        self.after.get(address, length)
    }

    /// Size of a pointer and of `long`, in bytes.
    pub(crate) fn word_size(&self) -> usize {
        self.abi.word_size()
    }

    /// The bytes of a string without its NUL, and whether the NUL was seen.
    pub(crate) fn given_string(&self, address: u64) -> Option<(&'a [u8], bool)> {
        self.before.from(address).map(until_nul)
    }

    /// A register as a `long` of the ABI.
    pub(crate) fn signed(&self, value: u64) -> i64 {
        match self.abi {
            Abi::I386 => (value as i32).into(),
            _ => value as i64,
        }
    }

    /// A register as an `unsigned long` of the ABI.
    pub(crate) fn unsigned(&self, value: u64) -> u64 {
        match self.abi {
            Abi::I386 => value & 0xffff_ffff,
            _ => value,
        }
    }

    fn low_high(&self, register: usize) -> u64 {
        let high = self.arguments.get(register + 1).copied().unwrap_or(0);
        high << 32 | self.arguments[register] & 0xffff_ffff
    }
}

impl View<'_> {
    /// Appends one argument. The caller has dealt with [`Kind::Absent`].
    pub(crate) fn write(&self, out: &mut String, kind: Kind, register: usize) {
        let value = self.arguments[register];
        match kind {
            Kind::Absent | Kind::Select(_) => {}
            Kind::Int => push_decimal(out, (value as i32).into()),
            Kind::Uint => push_unsigned(out, (value as u32).into()),
            Kind::Long => push_decimal(out, self.signed(value)),
            Kind::Ulong => push_unsigned(out, self.unsigned(value)),
            Kind::Hex => hex(out, self.unsigned(value)),
            Kind::HexInt => hex(out, (value as u32).into()),
            Kind::Wide => {
                let value = match self.abi {
                    Abi::I386 => self.low_high(register),
                    _ => value,
                };
                push_decimal(out, value as i64);
            }
            Kind::WideUnsigned if self.abi == Abi::I386 => push_unsigned(out, self.low_high(register)),
            Kind::WideUnsigned => push_unsigned(out, value),
            Kind::WideFlags(flags) if self.abi == Abi::I386 => flags.write(out, self.low_high(register)),
            Kind::WideFlags(flags) => flags.write(out, value),
            Kind::WideLowHigh => {
                let value = match self.word_size() {
                    4 if self.abi == Abi::I386 => self.low_high(register),
                    _ => value,
                };
                push_decimal(out, value as i64);
            }
            Kind::Pointer => self.address(out, value),
            Kind::Fd => self.descriptor(out, value as i32),
            Kind::DirFd => self.directory(out, value as i32),
            Kind::Id => id(out, value as u32),
            Kind::Id16 => {
                if value as u16 == u16::MAX {
                    out.push_str("-1");
                } else {
                    push_unsigned(out, (value as u16).into());
                }
            }
            Kind::Mode => push_octal(out, (value as u16).into(), 3),
            Kind::Flags(flags) => flags.write_int(out, value),
            Kind::LongFlags(flags) => flags.write(out, self.unsigned(value)),
            Kind::Names(names) => names.write_int(out, value),
            Kind::LongNames(names) => names.write(out, self.unsigned(value)),
            Kind::Word(write) => write(out, value),
            Kind::Seen(write) => write(out, self, value),
            Kind::Path => self.path(out, value),
            Kind::Str => self.string(out, value),
            Kind::Written(length) => self.data(out, value, self.arguments[length], self.before),
            Kind::Read(room) => match self.result.and_then(|result| u64::try_from(result).ok()) {
                Some(length) if !self.failed => self.data(out, value, length.min(self.arguments[room]), self.after),
                _ => self.address(out, value),
            },
            Kind::BytesIn(length) => self.bytes(out, value, self.arguments[length], self.before),
            Kind::BytesOut => match self.result.and_then(|result| u64::try_from(result).ok()) {
                Some(length) if !self.failed => self.bytes(out, value, length, self.after),
                _ => self.address(out, value),
            },
            Kind::In(structure) => self.structure(out, value, (structure.size)(self.abi), self.before, structure.write),
            Kind::Out(structure) => self.structure(out, value, (structure.size)(self.abi), self.after, structure.write),
            Kind::Complex(complex) => (complex.write)(out, self, value),
        }
    }

    /// Appends an address: `NULL` or hexadecimal.
    pub(crate) fn address(&self, out: &mut String, value: u64) {
        if value == 0 {
            out.push_str("NULL");
        } else {
            push_hex(out, value);
        }
    }

    /// Appends a descriptor, with what it refers to if that is wanted.
    pub(crate) fn descriptor(&self, out: &mut String, number: i32) {
        push_decimal(out, number.into());
        if self.options.descriptors_in_text {
            self.process.with_name(number, |name| {
                out.push('<');
                out.push_str(name);
                out.push('>');
            });
        }
    }

    /// Appends a descriptor that relative paths start from.
    pub(crate) fn directory(&self, out: &mut String, number: i32) {
        if number != AT_FDCWD {
            return self.descriptor(out, number);
        }
        out.push_str("AT_FDCWD");
        if self.options.descriptors_in_text
            && let Some(directory) = self.process.directory()
        {
            out.push('<');
            escape(out, directory);
            out.push('>');
        }
    }

    /// Appends a path.
    pub(crate) fn path(&self, out: &mut String, address: u64) {
        match self.given_string(address) {
            Some((path, ended)) => quote(out, &path[..path.len().min(MOST_PATH - 1)], !ended),
            None => self.address(out, address),
        }
    }

    /// Appends a string, cut at the string limit.
    pub(crate) fn string(&self, out: &mut String, address: u64) {
        match self.given_string(address) {
            Some((string, ended)) => self.cut(out, string, !ended || string.len() > self.options.string_limit),
            None => self.address(out, address),
        }
    }

    /// Appends `bytes` in quotes, up to the string limit.
    fn cut(&self, out: &mut String, bytes: &[u8], more: bool) {
        quote(out, &bytes[..bytes.len().min(self.options.string_limit)], more);
    }

    /// Appends the contents of a buffer if they were copied, else its address.
    pub(crate) fn data(&self, out: &mut String, address: u64, length: u64, memory: &Memory) {
        if self.options.show_data { self.bytes(out, address, length, memory) } else { self.address(out, address) }
    }

    /// Appends `length` bytes in quotes, cut at the string limit.
    pub(crate) fn bytes(&self, out: &mut String, address: u64, length: u64, memory: &Memory) {
        if address == 0 {
            return out.push_str("NULL");
        }
        let limit = self.options.string_limit as u64;
        let shown = length.min(limit) as usize;
        if shown == 0 {
            return quote(out, b"", length > 0);
        }
        match memory.get(address, shown) {
            Some(bytes) => quote(out, bytes, length > limit),
            None => self.address(out, address),
        }
    }

    /// Appends bytes in quotes, cut at the string limit, without a NUL at their end.
    pub(crate) fn bytes_without_nul(&self, out: &mut String, address: u64, length: u64, memory: &Memory) {
        let limit = self.options.string_limit as u64;
        match memory.from(address) {
            Some(bytes) if length <= limit + 1 && bytes.get(length.wrapping_sub(1) as usize) == Some(&0) => {
                self.bytes(out, address, length - 1, memory);
            }
            _ => self.bytes(out, address, length, memory),
        }
    }

    /// Appends an array of `count` elements of `size` bytes. Only as many as the string limit says are shown.
    pub(crate) fn array(
        &self,
        out: &mut String,
        address: u64,
        count: u64,
        size: usize,
        memory: &Memory,
        mut write: impl FnMut(&mut String, &[u8]),
    ) {
        if address == 0 {
            return out.push_str("NULL");
        }
        if count == 0 {
            return out.push_str("[]");
        }
        let copied = memory.from(address).unwrap_or(&[]);
        if copied.len() < size {
            return self.address(out, address);
        }
        out.push('[');
        for (index, element) in (0..count).zip(copied.chunks_exact(size).map(Some).chain(std::iter::repeat(None))) {
            if index > 0 {
                out.push_str(", ");
            }
            match element {
                _ if index >= self.options.string_limit as u64 => {
                    out.push_str("...");
                    break;
                }
                Some(element) => write(out, element),
                None => {
                    out.push_str("... /* ");
                    push_hex(out, address.wrapping_add(index * size as u64));
                    out.push_str(" */");
                    break;
                }
            }
        }
        out.push(']');
    }

    fn structure(
        &self,
        out: &mut String,
        address: u64,
        size: usize,
        memory: &Memory,
        write: fn(&mut String, &View<'_>, &[u8]),
    ) {
        match memory.get(address, size) {
            Some(bytes) => write(out, self, bytes),
            None => self.address(out, address),
        }
    }
}

/// The bytes before the first NUL, and whether there was one.
pub(crate) fn until_nul(bytes: &[u8]) -> (&[u8], bool) {
    match bytes.iter().position(|&byte| byte == 0) {
        Some(end) => (&bytes[..end], true),
        None => (bytes, false),
    }
}

/// Appends a user or group id: -1 stands for none.
pub(crate) fn id(out: &mut String, value: u32) {
    if value == u32::MAX { out.push_str("-1") } else { push_unsigned(out, value.into()) }
}
