//! ELF files that define one of the variables in which programs publish their spans.
//!
//! Most files have no thread-local variables at all, which their program headers tell. What is read is bounded, and read a
//! piece at a time: the tables of a large program do not fit into memory that we would spend on it.

use std::fs::File;
use std::os::unix::fs::FileExt;

use renacer_events::Machine;

use crate::record::Layout;
use crate::thread_local;

const MOST_SEGMENTS: usize = 1 << 10;
const MOST_SECTIONS: usize = 1 << 16;
/// The most bytes of all tables of symbols and relocations that are read of one file.
const MOST_TABLES: u64 = 256 << 20;
/// The most names of thread-local variables that are looked at in one file.
const MOST_NAMES: usize = 1 << 14;
/// The most variables, defined once each in the dynamic symbols or else the others.
const VARIABLES: [(&[u8], Layout); 2] = [
    (b"otel_thread_ctx_v1\0", Layout::ThreadContext),
    (b"elastic_apm_profiling_correlation_tls_v1\0", Layout::Elastic),
];
const LONGEST_NAME: usize = 41;

/// Bytes that can be read in pieces.
pub(crate) trait Pieces {
    /// Fills `buffer` from `offset`; false if there are too few bytes.
    fn fill(&self, offset: u64, buffer: &mut [u8]) -> bool;
}

impl Pieces for File {
    fn fill(&self, offset: u64, buffer: &mut [u8]) -> bool {
        self.read_exact_at(buffer, offset).is_ok()
    }
}

impl Pieces for &[u8] {
    fn fill(&self, offset: u64, buffer: &mut [u8]) -> bool {
        let start = usize::try_from(offset).ok().and_then(|start| self.get(start..));
        let Some(bytes) = start.and_then(|rest| rest.get(..buffer.len())) else { return false };
        buffer.copy_from_slice(bytes);
        true
    }
}

/// A variable in which spans are published.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    /// What it points to.
    pub layout: Layout,
    pub machine: Machine,
    /// Its offset in its module's block.
    pub value: u64,
    /// Its offset from the thread pointer if the module is the program.
    pub fixed: i64,
    /// Where the dynamic linker notes how to reach it.
    pub entry: Option<Entry>,
}

/// An entry in a module's table of addresses, by its address in the module's own terms.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Entry {
    /// TLSDESC: a function and its argument.
    Descriptor(u64),
    /// TPOFF64: the offset from the thread pointer.
    FromThreadPointer(u64),
    /// DTPMOD64 with DTPOFF64: the module, and the offset in its block.
    Module(u64),
    /// DTPMOD64 for all variables of the module.
    ModuleAlone(u64),
}

/// What matters of one file.
#[derive(Debug)]
pub(crate) struct Image {
    pub machine: Machine,
    /// Its dynamic linker is musl's.
    pub is_musl: bool,
    /// It is run as a program: it asks for a dynamic linker.
    pub has_linker: bool,
    /// The variables that it defines, if any.
    pub variables: Option<Box<[Variable]>>,
    segments: Vec<Segment>,
}

/// A loaded segment with code.
#[derive(Clone, Copy, Debug)]
struct Segment {
    offset: u64,
    size: u64,
    address: u64,
}

/// The segment of thread-local variables.
#[derive(Clone, Copy, Debug)]
struct Block {
    address: u64,
    size: u64,
    align: u64,
}

impl Block {
    /// From the offset in the block to that from the thread pointer, where the block is the program's.
    fn fixed(&self, machine: Machine, value: u64) -> i64 {
        let mask = if self.align.is_power_of_two() { self.align - 1 } else { 0 };
        let offset = match machine {
            Machine::Aarch64 => {
                let head = 16_u64;
                value.wrapping_add(head).wrapping_add(self.address.wrapping_sub(head) & mask)
            }
            _ => {
                let end = self.address.wrapping_add(self.size);
                value.wrapping_sub(self.size).wrapping_sub(end.wrapping_neg() & mask)
            }
        };
        offset as i64
    }
}

/// A section.
#[derive(Clone, Copy, Debug)]
struct Section {
    kind: u32,
    is_loaded: bool,
    offset: u64,
    size: u64,
    link: u32,
}

const SYMBOLS: u32 = 2;
const DYNAMIC_SYMBOLS: u32 = 11;
const RELOCATIONS: u32 = 4;

impl Image {
    /// Reads a file; none if it is no 64-bit ELF file of a known machine.
    pub fn read(file: &dyn Pieces) -> Option<Image> {
        let mut header = [0; 64];
        if !file.fill(0, &mut header) || !header.starts_with(b"\x7fELF\x02\x01\x01") {
            return None;
        }
        let machine = match short(&header, 18) {
            62 => Machine::X86_64,
            183 => Machine::Aarch64,
            _ => return None,
        };
        let count = usize::from(short(&header, 56)).min(MOST_SEGMENTS);
        let table = table(file, long(&header, 32), count, (short(&header, 54), 56))?;
        let mut image = Image { machine, is_musl: false, has_linker: false, variables: None, segments: Vec::new() };
        let mut block = None;
        for entry in table.chunks_exact(56) {
            let (offset, address) = (long(entry, 8), long(entry, 16));
            match word(entry, 0) {
                // PT_LOAD with PF_X
                1 if word(entry, 4) & 1 != 0 => {
                    image.segments.push(Segment { offset, size: long(entry, 32), address });
                }
                // PT_INTERP
                3 => {
                    let mut name = [0; 64];
                    let length = long(entry, 32).min(64) as usize;
                    image.has_linker = true;
                    image.is_musl =
                        file.fill(offset, &mut name[..length]) && name.windows(7).any(|window| window == b"ld-musl");
                }
                // PT_TLS
                7 => block = Some(Block { address, size: long(entry, 40), align: long(entry, 48) }),
                _ => {}
            }
        }
        if let Some(block) = block {
            let variables = Tables::new(file, &header).and_then(|mut tables| tables.variables(machine, block));
            image.variables = variables.filter(|variables| !variables.is_empty());
        }
        Some(image)
    }

    /// How a mapping's addresses and the file's own differ.
    pub fn bias(&self, address: u64, offset: u64) -> Option<u64> {
        let within = |segment: &&Segment| {
            let start = segment.offset & !0xfff;
            offset >= start && offset - start <= (segment.offset - start).saturating_add(segment.size)
        };
        let segment = self.segments.iter().find(within)?;
        let own = segment.address.wrapping_add(offset).wrapping_sub(segment.offset);
        Some(address.wrapping_sub(own))
    }

    /// How the C library of a process that runs this program arranges its threads.
    pub fn layout(&self) -> thread_local::Layout {
        thread_local::Layout { machine: self.machine, is_musl: self.is_musl }
    }
}

/// Reads a table of entries of one size; none if they have another one.
fn table(file: &dyn Pieces, offset: u64, count: usize, (size, expected): (u16, u16)) -> Option<Vec<u8>> {
    if count > 0 && size != expected {
        return None;
    }
    let mut bytes = vec![0; count * usize::from(expected)];
    file.fill(offset, &mut bytes).then_some(bytes)
}

/// The tables of symbols and relocations.
struct Tables<'a> {
    file: &'a dyn Pieces,
    sections: Vec<Section>,
    bytes_left: u64,
    names_left: usize,
}

impl<'a> Tables<'a> {
    fn new(file: &'a dyn Pieces, header: &[u8; 64]) -> Option<Tables<'a>> {
        let (offset, mut count) = (long(header, 40), usize::from(short(header, 60)));
        let size = short(header, 58);
        if offset == 0 {
            return None;
        }
        if count == 0 {
            // There are more than fit into the field: the first section has their number.
            let first = table(file, offset, 1, (size, 64))?;
            count = usize::try_from(long(&first, 32)).ok()?;
        }
        let table = table(file, offset, count.min(MOST_SECTIONS), (size, 64))?;
        let section = |entry: &[u8]| Section {
            kind: word(entry, 4),
            // SHF_ALLOC
            is_loaded: long(entry, 8) & 2 != 0,
            offset: long(entry, 24),
            size: long(entry, 32),
            link: word(entry, 40),
        };
        let sections = table.chunks_exact(64).map(section).collect();
        Some(Tables { file, sections, bytes_left: MOST_TABLES, names_left: MOST_NAMES })
    }

    fn variables(&mut self, machine: Machine, block: Block) -> Option<Box<[Variable]>> {
        let mut found: Vec<(Layout, u64, Option<u64>)> = Vec::new();
        for kind in [DYNAMIC_SYMBOLS, SYMBOLS] {
            if found.is_empty()
                && let Some(section) = self.sections.iter().copied().find(|section| section.kind == kind)
            {
                found = self.symbols(section)?;
            }
        }
        let mut variables: Vec<(Variable, Option<u64>)> = found
            .into_iter()
            .map(|(layout, value, index)| {
                (Variable { layout, machine, value, fixed: block.fixed(machine, value), entry: None }, index)
            })
            .collect();
        if !variables.is_empty() {
            self.entries(&mut variables)?;
        }
        // The newer one first.
        variables.sort_by_key(|(variable, _)| variable.layout != Layout::ThreadContext);
        Some(variables.into_iter().map(|(variable, _)| variable).collect())
    }

    /// The variables in a table of symbols: what they are, their value, and their number among the dynamic ones.
    fn symbols(&mut self, section: Section) -> Option<Vec<(Layout, u64, Option<u64>)>> {
        let names = *self.sections.get(section.link as usize)?;
        let is_dynamic = section.kind == DYNAMIC_SYMBOLS;
        let (file, mut names_left) = (self.file, self.names_left);
        let mut found: Vec<(Layout, u64, Option<u64>)> = Vec::new();
        self.each(section, 24, |index, entry| {
            // STT_TLS, and defined here.
            if entry[4] & 0xf != 6 || short(entry, 6) == 0 || names_left == 0 {
                return;
            }
            names_left -= 1;
            let at = u64::from(word(entry, 0));
            let length = names.size.saturating_sub(at).min(LONGEST_NAME as u64) as usize;
            let mut name = [0; LONGEST_NAME];
            let offset = names.offset.checked_add(at);
            if !offset.is_some_and(|offset| file.fill(offset, &mut name[..length])) {
                return;
            }
            for (wanted, layout) in VARIABLES {
                if name[..length].starts_with(wanted) && !found.iter().any(|(known, ..)| *known == layout) {
                    found.push((layout, long(entry, 8), is_dynamic.then_some(index)));
                }
            }
        })?;
        self.names_left = names_left;
        Some(found)
    }

    /// Looks for the variables' entries among the relocations.
    fn entries(&mut self, variables: &mut [(Variable, Option<u64>)]) -> Option<()> {
        let relocations =
            self.sections.iter().copied().filter(|section| section.kind == RELOCATIONS && section.is_loaded);
        for section in relocations.collect::<Vec<_>>() {
            self.each(section, 24, |_, relocation| {
                let (address, info, addend) = (long(relocation, 0), long(relocation, 8), long(relocation, 16));
                let (symbol, kind) = (info >> 32, info as u32);
                for (variable, index) in variables.iter_mut() {
                    let by_name = index.is_some_and(|index| index == symbol) && addend == 0;
                    let by_value = symbol == 0 && addend == variable.value;
                    let exact = by_name || by_value;
                    let entry = match (variable.machine, kind) {
                        (Machine::X86_64, 36) | (Machine::Aarch64, 1031) if exact => Entry::Descriptor(address),
                        (Machine::X86_64, 18) | (Machine::Aarch64, 1030) if exact => Entry::FromThreadPointer(address),
                        (Machine::X86_64, 16) | (Machine::Aarch64, 1028) if by_name => Entry::Module(address),
                        (Machine::X86_64, 16) | (Machine::Aarch64, 1028) if symbol == 0 => Entry::ModuleAlone(address),
                        _ => continue,
                    };
                    // Of several ways the surest.
                    if variable.entry.is_none_or(|known| rank(entry) < rank(known)) {
                        variable.entry = Some(entry);
                    }
                }
            })?;
        }
        Some(())
    }

    /// Gives each entry of a table to `look`, with its number; none if there is more than may be read, or less than there should be.
    fn each(&mut self, section: Section, size: usize, mut look: impl FnMut(u64, &[u8])) -> Option<()> {
        self.bytes_left = self.bytes_left.checked_sub(section.size)?;
        let mut chunk = vec![0; size * 2048];
        let (mut offset, mut left, mut index) = (section.offset, section.size, 0);
        while left >= size as u64 {
            let length = left.min(chunk.len() as u64) as usize / size * size;
            let chunk = &mut chunk[..length];
            if !self.file.fill(offset, chunk) {
                return None;
            }
            for entry in chunk.chunks_exact(size) {
                look(index, entry);
                index += 1;
            }
            offset = offset.checked_add(length as u64)?;
            left -= length as u64;
        }
        Some(())
    }
}

fn rank(entry: Entry) -> u8 {
    match entry {
        Entry::Descriptor(_) => 0,
        Entry::FromThreadPointer(_) => 1,
        Entry::Module(_) => 2,
        Entry::ModuleAlone(_) => 3,
    }
}

/// Numbers of a table's entry, whose place in it is within its size; 0 behind its end.
fn long(bytes: &[u8], at: usize) -> u64 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

fn word(bytes: &[u8], at: usize) -> u32 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

fn short(bytes: &[u8], at: usize) -> u16 {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).map_or(0, |bytes| u16::from_le_bytes(*bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_programs_block_ends_at_the_thread_pointer_on_x86_and_begins_behind_it_on_arm() {
        let block = Block { address: 0x3d68, size: 0x30, align: 8 };
        assert_eq!(block.fixed(Machine::X86_64, 0x10), 0x10 - 0x30);
        assert_eq!(block.fixed(Machine::Aarch64, 0x10), 0x10 + 16);
        let aligned = Block { address: 0x4000, size: 0x24, align: 64 };
        assert_eq!(aligned.fixed(Machine::X86_64, 0), -0x40);
        assert_eq!(aligned.fixed(Machine::Aarch64, 0), 0x40);
        let nonsense = Block { address: u64::MAX, size: u64::MAX, align: 0 };
        nonsense.fixed(Machine::X86_64, u64::MAX);
    }

    #[test]
    fn our_own_program_is_read_and_publishes_nothing() {
        let file = File::open("/proc/self/exe").expect("our program");
        let image = Image::read(&file).expect("an ELF file");
        assert!(image.has_linker && !image.is_musl && image.variables.is_none());
    }

    #[test]
    fn variables_and_their_entries_are_found() {
        // Behind the nine bytes that the fuzzer has there.
        let files = [
            (&include_bytes!("../../../fuzz/seeds/context/gnu")[9..], Machine::X86_64),
            (&include_bytes!("../../../fuzz/seeds/context/gnu2")[9..], Machine::X86_64),
            (&include_bytes!("../../../fuzz/seeds/context/arm")[9..], Machine::Aarch64),
        ];
        for (number, (content, machine)) in files.into_iter().enumerate() {
            let image = Image::read(&content).expect("an ELF file");
            let variables = image.variables.as_deref().unwrap_or_default();
            let layouts: Vec<Layout> = variables.iter().map(|variable| variable.layout).collect();
            assert_eq!(layouts, [Layout::ThreadContext, Layout::Elastic]);
            assert_ne!(variables[0].value, variables[1].value);
            for variable in variables {
                assert_eq!(variable.machine, machine);
                let is_module = matches!(variable.entry, Some(Entry::Module(_)));
                let is_descriptor = matches!(variable.entry, Some(Entry::Descriptor(_)));
                assert_eq!((is_module, is_descriptor), (number == 0, number != 0), "{variable:?}");
            }
            assert_eq!(image.bias(0x7000_0000, 0), Some(0x7000_0000), "the code is at the file's beginning");
        }
    }

    #[test]
    fn anything_else_is_no_image() {
        for content in [&b""[..], b"\x7fELF", &[0; 64], b"#!/bin/sh\n"] {
            assert!(Image::read(&content).is_none());
        }
    }
}
