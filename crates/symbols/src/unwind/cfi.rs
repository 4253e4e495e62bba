//! Call frame information of one file: finds the rule for an address in `.eh_frame` and `.debug_frame`.

use std::ops::Range;

use gimli::{
    BaseAddresses, CfaRule, CieOrFde, DebugFrame, EhFrame, EndianSlice, FrameDescriptionEntry, LittleEndian,
    RegisterRule, UnwindContext, UnwindExpression, UnwindOffset, UnwindSection, UnwindTableRow,
};
use object::{Object, ObjectSection, ObjectSegment};
use renacer_events::Machine;

use super::rule::{Cfa, Full, How, Rule, Small};
use super::state::{return_register, word_size};
use crate::object_file::{ObjectFile, Section};

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// The most entries that are kept in an index, and looked at for it.
const MOST_ENTRIES: usize = 4 << 20;
/// The most rows of one function's table that are gone through. The longest seen in large programs are some thousands.
const MOST_ROWS: usize = 1 << 16;
/// The longest expression that is kept, in bytes.
const LONGEST_EXPRESSION: usize = 1 << 12;

/// Where in a file its call frame information is.
#[derive(Debug)]
pub(crate) struct Cfi {
    eh_frame: Option<Range<usize>>,
    eh_frame_address: u64,
    /// The table for binary search: its entries, and the address of the header that they are relative to.
    search: Option<(Range<usize>, u64)>,
    /// Made when it is first needed, where there is no such table.
    eh_index: Option<Vec<Entry>>,
    debug_frame: DebugFrames,
    bases: BaseAddresses,
    address_size: u8,
}

/// `.debug_frame` is read when nothing else knows an address.
#[derive(Debug)]
enum DebugFrames {
    Unread,
    Read(Section, Vec<Entry>),
}

/// A function's entry.
#[derive(Clone, Copy, Debug)]
struct Entry {
    start: u64,
    length: u64,
    offset: usize,
}

fn slice(bytes: &[u8]) -> Slice<'_> {
    EndianSlice::new(bytes, LittleEndian)
}

impl Cfi {
    /// Finds the sections; reads little more than the file's headers.
    pub fn new(file: &ObjectFile, machine: Machine) -> Option<Cfi> {
        let elf = file.elf().ok()?;
        if !elf.is_little_endian() {
            return None;
        }
        let mut bases = BaseAddresses::default();
        for (name, set) in
            [(".text", BaseAddresses::set_text as fn(_, _) -> _), (".got", BaseAddresses::set_got as fn(_, _) -> _)]
        {
            if let Some(section) = elf.section_by_name(name) {
                bases = set(bases, section.address());
            }
        }
        let in_file = |name: &str| {
            let section = elf.section_by_name(name)?;
            let (start, size) = section.file_range()?;
            let start = usize::try_from(start).ok()?;
            let end = start.checked_add(usize::try_from(size).ok()?)?;
            file.data().get(start..end)?;
            Some((start..end, section.address()))
        };
        let mut eh_frame = in_file(".eh_frame");
        let header = in_file(".eh_frame_hdr").or_else(|| header_of_segment(&elf, file.data()));
        let header = header.and_then(|(range, address)| Header::read(file.data(), range, address));
        if eh_frame.is_none() {
            eh_frame = header.as_ref().and_then(|header| {
                let range = bytes_from(&elf, file.data(), header.eh_frame_address)?;
                Some((range, header.eh_frame_address))
            });
        }
        let eh_frame_address = eh_frame.as_ref().map_or(0, |(_, address)| *address);
        bases = bases.set_eh_frame(eh_frame_address);
        let search = header.and_then(|header| Some((header.entries?, header.address)));
        let address_size = if elf.is_64() { 8 } else { word_size(machine).min(4) as u8 };
        Some(Cfi {
            eh_frame: eh_frame.map(|(range, _)| range),
            eh_frame_address,
            search,
            eh_index: None,
            debug_frame: DebugFrames::Unread,
            bases,
            address_size,
        })
    }

    /// The rule at an address; none if no function with call frame information is there.
    pub fn rule(&mut self, file: &ObjectFile, machine: Machine, address: u64, context: &mut Context) -> Option<Rule> {
        self.eh_frame_rule(file, machine, address, context)
            .or_else(|| self.debug_frame_rule(file, machine, address, context))
    }

    /// Whether there is no call frame information at all.
    pub fn is_empty(&mut self, file: &ObjectFile) -> bool {
        let searched = self.search.as_ref().is_some_and(|(entries, _)| !entries.is_empty());
        !searched && self.eh_index(file).is_none_or(<[Entry]>::is_empty) && {
            self.read_debug_frame(file);
            matches!(&self.debug_frame, DebugFrames::Read(_, index) if index.is_empty())
        }
    }

    fn eh_frame<'a>(&self, file: &'a ObjectFile) -> Option<EhFrame<Slice<'a>>> {
        let mut section = EhFrame::from(slice(file.data().get(self.eh_frame.clone()?)?));
        section.set_address_size(self.address_size);
        Some(section)
    }

    fn eh_index(&mut self, file: &ObjectFile) -> Option<&[Entry]> {
        if self.eh_index.is_none() {
            self.eh_index = Some(index(&self.eh_frame(file)?, &self.bases));
        }
        self.eh_index.as_deref()
    }

    fn eh_frame_rule(
        &mut self,
        file: &ObjectFile,
        machine: Machine,
        address: u64,
        context: &mut Context,
    ) -> Option<Rule> {
        let section = self.eh_frame(file)?;
        let offset = match &self.search {
            Some((entries, base)) => {
                let at = search(file.data().get(entries.clone())?, *base, address)?;
                usize::try_from(at.checked_sub(self.eh_frame_address)?).ok()?
            }
            None => find(self.eh_index(file)?, address)?,
        };
        rule_of(&section, &self.bases, offset.into(), machine, address, context)
    }

    fn read_debug_frame(&mut self, file: &ObjectFile) {
        if matches!(self.debug_frame, DebugFrames::Unread) {
            let bytes = file.section(".debug_frame").ok().flatten().unwrap_or_else(|| Vec::new().into());
            let mut section = DebugFrame::from(slice(&bytes));
            section.set_address_size(self.address_size);
            let entries = index(&section, &self.bases);
            self.debug_frame = DebugFrames::Read(bytes, entries);
        }
    }

    fn debug_frame_rule(
        &mut self,
        file: &ObjectFile,
        machine: Machine,
        address: u64,
        context: &mut Context,
    ) -> Option<Rule> {
        self.read_debug_frame(file);
        let DebugFrames::Read(bytes, index) = &self.debug_frame else { return None };
        let mut section = DebugFrame::from(slice(bytes));
        section.set_address_size(self.address_size);
        let offset = find(index, address)?;
        rule_of(&section, &self.bases, offset.into(), machine, address, context)
    }
}

/// Memory for the evaluation of tables, kept because it is large.
pub(crate) type Context = UnwindContext<usize>;

/// `.eh_frame_hdr`, as all linkers write it.
struct Header {
    address: u64,
    eh_frame_address: u64,
    entries: Option<Range<usize>>,
}

impl Header {
    /// Version 1, DW_EH_PE_pcrel | sdata4, udata4, datarel | sdata4.
    fn read(data: &[u8], range: Range<usize>, address: u64) -> Option<Header> {
        let bytes = data.get(range.clone())?;
        let (&[version, pointer_encoding, count_encoding, table_encoding], rest) = bytes.split_first_chunk::<4>()?;
        if version != 1 || pointer_encoding != 0x1b {
            return None;
        }
        let (pointer, rest) = rest.split_first_chunk::<4>()?;
        let relative = i32::from_le_bytes(*pointer);
        let eh_frame_address = address.wrapping_add(4).wrapping_add(i64::from(relative) as u64);
        let entries = (|| {
            if count_encoding != 3 || table_encoding != 0x3b {
                return None;
            }
            let (count, rest) = rest.split_first_chunk::<4>()?;
            let size = usize::try_from(u32::from_le_bytes(*count)).ok()?.checked_mul(8)?;
            let start = range.start + 12;
            (size > 0 && size <= rest.len()).then(|| start..start + size)
        })();
        Some(Header { address, eh_frame_address, entries })
    }
}

/// The header in a file whose sections are not told.
fn header_of_segment(elf: &object::File<'_>, data: &[u8]) -> Option<(Range<usize>, u64)> {
    use object::read::elf::ProgramHeader;
    fn find<Elf: object::read::elf::FileHeader>(file: &object::read::elf::ElfFile<'_, Elf>) -> Option<(u64, u64, u64)> {
        let endian = file.endian();
        let headers = file.elf_program_headers();
        let header = headers.iter().find(|header| header.p_type(endian) == object::elf::PT_GNU_EH_FRAME)?;
        Some((header.p_offset(endian).into(), header.p_filesz(endian).into(), header.p_vaddr(endian).into()))
    }
    let (offset, size, address) = match elf {
        object::File::Elf64(file) => find(file)?,
        object::File::Elf32(file) => find(file)?,
        _ => return None,
    };
    let start = usize::try_from(offset).ok()?;
    let end = start.checked_add(usize::try_from(size).ok()?)?;
    data.get(start..end)?;
    Some((start..end, address))
}

/// The bytes of the file from an address to the end of its segment.
fn bytes_from(elf: &object::File<'_>, data: &[u8], address: u64) -> Option<Range<usize>> {
    elf.segments().find_map(|segment| {
        let within = address.checked_sub(segment.address())?;
        let (offset, size) = segment.file_range();
        let left = size.checked_sub(within).filter(|left| *left > 0)?;
        let start = usize::try_from(offset.checked_add(within)?).ok()?;
        let end = start.checked_add(usize::try_from(left).ok()?)?;
        data.get(start..end)?;
        Some(start..end)
    })
}

/// The address of the entry of the last function that begins at `address` or before.
fn search(entries: &[u8], base: u64, address: u64) -> Option<u64> {
    let (entries, _) = entries.as_chunks::<8>();
    let read = |entry: &[u8; 8]| {
        let [a, b, c, d, e, f, g, h] = *entry;
        let absolute = |relative: [u8; 4]| base.wrapping_add(i64::from(i32::from_le_bytes(relative)) as u64);
        (absolute([a, b, c, d]), absolute([e, f, g, h]))
    };
    let after = entries.partition_point(|entry| read(entry).0 <= address);
    Some(read(entries.get(after.checked_sub(1)?)?).1)
}

/// All entries of a section, in order of address, as far as it can be read.
fn index<'a, S>(section: &S, bases: &BaseAddresses) -> Vec<Entry>
where
    S: UnwindSection<Slice<'a>>,
    S::Offset: UnwindOffset<usize>,
{
    let mut found = Vec::new();
    let mut entries = section.entries(bases);
    for _ in 0..MOST_ENTRIES {
        match entries.next() {
            Ok(Some(CieOrFde::Fde(partial))) => {
                if let Ok(entry) = partial.parse(S::cie_from_offset)
                    && entry.len() > 0
                    // Functions that the linker has thrown away.
                    && entry.initial_address() != 0
                {
                    let (start, length) = (entry.initial_address(), entry.len());
                    found.push(Entry { start, length, offset: entry.offset() });
                }
            }
            Ok(Some(CieOrFde::Cie(_))) => {}
            Ok(None) | Err(_) => break,
        }
    }
    found.sort_unstable_by_key(|entry| entry.start);
    found
}

fn find(index: &[Entry], address: u64) -> Option<usize> {
    let after = index.partition_point(|entry| entry.start <= address);
    let entry = index.get(after.checked_sub(1)?)?;
    (address - entry.start < entry.length).then_some(entry.offset)
}

fn rule_of<'a, S>(
    section: &S,
    bases: &BaseAddresses,
    offset: S::Offset,
    machine: Machine,
    address: u64,
    context: &mut Context,
) -> Option<Rule>
where
    S: UnwindSection<Slice<'a>>,
    S::Offset: UnwindOffset<usize>,
{
    let entry = section.fde_from_offset(bases, offset, S::cie_from_offset).ok()?;
    if !entry.contains(address) {
        return None;
    }
    let mut table = entry.rows(section, bases, context).ok()?;
    for _ in 0..MOST_ROWS {
        match table.next_row() {
            Ok(Some(row)) if row.contains(address) => return Some(compact(section, &entry, row, machine)),
            Ok(Some(_)) => {}
            Ok(None) | Err(_) => break,
        }
    }
    // The function is known, but not what it does here: nothing else may guess.
    Some(Rule::Unknown)
}

/// The rule of a row.
fn compact<'a, S: UnwindSection<Slice<'a>>>(
    section: &S,
    entry: &FrameDescriptionEntry<Slice<'a>>,
    row: &UnwindTableRow<usize>,
    machine: Machine,
) -> Rule {
    full(section, entry, row, machine).unwrap_or(Rule::Unknown)
}

fn full<'a, S: UnwindSection<Slice<'a>>>(
    section: &S,
    entry: &FrameDescriptionEntry<Slice<'a>>,
    row: &UnwindTableRow<usize>,
    machine: Machine,
) -> Option<Rule> {
    let bytes = |expression: &UnwindExpression<usize>| {
        let bytes = expression.get(section).ok()?.0;
        (bytes.len() <= LONGEST_EXPRESSION).then(|| Box::from(bytes.slice()))
    };
    let cfa = match row.cfa() {
        CfaRule::RegisterAndOffset { register, offset } => Cfa::Register(register.0, *offset),
        CfaRule::Expression(expression) => Cfa::Expression(bytes(expression)?),
    };
    let how = |rule: &RegisterRule<usize>| {
        Some(match rule {
            RegisterRule::Undefined => How::Undefined,
            RegisterRule::SameValue => How::Same,
            RegisterRule::Offset(offset) => How::At(*offset),
            RegisterRule::ValOffset(offset) => How::Is(*offset),
            RegisterRule::Register(register) => How::Register(register.0),
            RegisterRule::Expression(expression) => How::AtExpression(bytes(expression)?),
            RegisterRule::ValExpression(expression) => How::IsExpression(bytes(expression)?),
            _ => return None,
        })
    };
    let column = entry.cie().return_address_register().0;
    let back = match row.register(gimli::Register(column)) {
        // A leaf of aarch64 leaves it where the call has put it.
        None if machine == Machine::Aarch64 => How::Same,
        None | Some(RegisterRule::Undefined) => return Some(Rule::End),
        Some(rule) => how(&rule)?,
    };
    // Another column than usual (aarch64's signal frames have one of their own) is not among the registers that are kept.
    let back = match back {
        How::Same if column != return_register(machine) => return None,
        back => back,
    };
    let mut registers = Vec::new();
    for (register, rule) in row.registers() {
        // The stack pointer is the CFA, unless something else is said of it, as for a signal's frame.
        let is_general = register.0 < 32 && (machine == Machine::Aarch64 || register.0 < return_register(machine));
        if is_general {
            registers.push((register.0, how(rule)?));
        }
    }
    let full = Full { cfa, return_address: back, registers, is_signal: entry.is_signal_trampoline() };
    Some(match Small::new(&full, machine) {
        Some(small) => Rule::Small(small),
        None => Rule::Full(Box::new(full)),
    })
}
