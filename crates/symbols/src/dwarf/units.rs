//! Compilation units, read when an address is in them, and forgotten when others need the memory.

use std::collections::HashMap;
use std::sync::Arc;

use gimli::{AttributeValue, DebugInfoOffset, UnitRef};

use super::effort::{Effort, Error};
use super::functions::Functions;
use super::index::CodeSpans;
use super::lines::Lines;
use super::split::Splits;
use super::{Dwarf, Reader};

/// Memory for units, in bytes, beyond the one that is in use.
pub(super) const MEMORY: usize = 32 << 20;

/// A unit whose functions and lines have been read.
pub(super) struct Unit {
    /// The unit, or the skeleton of a split one. The lines belong to it.
    pub(super) own: gimli::Unit<Reader>,
    /// The split unit with the file that it is in.
    pub(super) split: Option<(Arc<Dwarf>, gimli::Unit<Reader>)>,
    pub(super) language: Option<gimli::DwLang>,
    /// None where they are malformed.
    pub(super) functions: Option<Functions>,
    pub(super) lines: Lines,
    size: usize,
    used: u64,
}

impl Unit {
    fn read(
        dwarf: &Arc<Dwarf>,
        offset: usize,
        code: &CodeSpans,
        splits: &mut Splits,
        effort: &mut Effort,
    ) -> Result<Unit, Error> {
        let own = dwarf.unit(dwarf.unit_header(DebugInfoOffset(offset))?)?;
        let split = match own.dwo_id {
            Some(id) => splits.find(dwarf, &own, id),
            None => None,
        };
        let (file, unit) = split.as_ref().map_or((dwarf, &own), |(file, unit)| (file, unit));
        let functions = sound(Functions::read(UnitRef::new(file, unit), code, effort))?;
        let lines = sound(Lines::read(&own, code, effort))?.unwrap_or_default();
        let language = match unit.entry(unit.header.root_offset())?.attr_value(gimli::DW_AT_language) {
            Some(AttributeValue::Language(language)) => Some(language),
            _ => None,
        };
        // Tables of files and abbreviations cannot be weighed; they grow with the unit.
        let tables = own.line_program.as_ref().map_or(0, |program| program.header().file_names().len() * 160);
        let size = functions.as_ref().map_or(0, Functions::size) + lines.size() + tables + (48 << 10);
        Ok(Unit { own, split, language, functions, lines, size, used: 0 })
    }
}

/// Nothing where the file is malformed: what else the unit says may be sound.
fn sound<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(read) => Ok(Some(read)),
        Err(Error::Malformed(_)) => Ok(None),
        Err(error) => Err(error),
    }
}

/// The units that were read lately, by their offsets.
pub(super) struct Units {
    /// None for those that cannot be read.
    units: HashMap<usize, Option<Unit>>,
    size: usize,
    clock: u64,
    memory: usize,
}

impl Units {
    /// None yet, and later as many as this memory has room for.
    pub(super) fn new(memory: usize) -> Units {
        Units { units: HashMap::new(), size: 0, clock: 0, memory }
    }

    /// The unit at this offset; none if it is malformed.
    pub(super) fn get(
        &mut self,
        dwarf: &Arc<Dwarf>,
        offset: usize,
        code: &CodeSpans,
        splits: &mut Splits,
        effort: &mut Effort,
    ) -> Result<Option<&Unit>, Error> {
        self.clock += 1;
        if !self.units.contains_key(&offset) {
            self.make_room();
            let unit = sound(Unit::read(dwarf, offset, code, splits, effort))?;
            self.size += unit.as_ref().map_or(0, |unit| unit.size);
            self.units.insert(offset, unit);
        }
        let unit = self.units.get_mut(&offset).and_then(Option::as_mut);
        if let Some(unit) = unit {
            unit.used = self.clock;
            return Ok(Some(unit));
        }
        Ok(None)
    }

    fn make_room(&mut self) {
        while self.size > self.memory {
            let used = |unit: &Option<Unit>| unit.as_ref().map_or(u64::MAX, |unit| unit.used);
            let oldest = self.units.iter().min_by_key(|(_, unit)| used(unit)).map(|(&offset, _)| offset);
            let Some(Some(unit)) = oldest.and_then(|oldest| self.units.remove(&oldest)) else { return };
            self.size -= unit.size;
        }
    }

    /// Bytes that they take.
    pub(super) fn size(&self) -> usize {
        self.size
    }
}

/// A unit as far as addresses and names need it: parsing the header of its lines, with all names of files, costs more than all else.
pub(super) fn without_lines(dwarf: &Dwarf, header: gimli::UnitHeader<Reader>) -> Result<gimli::Unit<Reader>, Error> {
    let encoding = header.encoding();
    let mut unit = gimli::Unit {
        abbreviations: dwarf.abbreviations(&header)?,
        name: None,
        comp_dir: None,
        low_pc: 0,
        str_offsets_base: gimli::DebugStrOffsetsBase::default_for_encoding_and_file(encoding, dwarf.file_type),
        addr_base: gimli::DebugAddrBase(0),
        loclists_base: gimli::DebugLocListsBase(0),
        rnglists_base: gimli::DebugRngListsBase::default_for_encoding_and_file(encoding, dwarf.file_type),
        line_program: None,
        dwo_id: None,
        header,
    };
    let root = unit.entry(unit.header.root_offset())?;
    for attribute in root.attrs() {
        match (attribute.name(), attribute.value()) {
            (gimli::DW_AT_addr_base | gimli::DW_AT_GNU_addr_base, AttributeValue::DebugAddrBase(base)) => {
                unit.addr_base = base;
            }
            (gimli::DW_AT_rnglists_base | gimli::DW_AT_GNU_ranges_base, AttributeValue::DebugRngListsBase(base)) => {
                unit.rnglists_base = base;
            }
            (gimli::DW_AT_str_offsets_base, AttributeValue::DebugStrOffsetsBase(base)) => unit.str_offsets_base = base,
            _ => {}
        }
    }
    if let Some(low) = root.attr_value(gimli::DW_AT_low_pc)
        && let Some(address) = dwarf.attr_address(&unit, low)?
    {
        unit.low_pc = address;
    }
    Ok(unit)
}
