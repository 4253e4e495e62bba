//! Go's own table of how far each function has moved the stack pointer (`.gopclntab`), which stripped programs keep too.
//!
//! The layout is that of Go 1.18 and later. For other versions there is DWARF, or frame pointers.

use std::ops::Range;

use object::{Object, ObjectSection, ObjectSymbol};
use renacer_events::Machine;

use super::rule::Rule;
use super::state::word_size;
use crate::object_file::ObjectFile;

/// Steps of one function's table. The longest functions of large programs have some thousands.
const MOST_STEPS: usize = 1 << 16;
/// It is made to look as if it were called by code that a signal has interrupted.
const INTERRUPTED: &[u8] = b"runtime.sigpanic\0";
/// A function at which a stack begins.
const TOP_FRAME: u8 = 1;

/// Where in a file the table is.
#[derive(Debug)]
pub(crate) struct Table {
    whole: Range<usize>,
    text_start: u64,
    functions: usize,
    /// Offsets within the table.
    names: usize,
    steps: usize,
    entries: usize,
    flag: usize,
    quantum: u64,
    word: u64,
}

fn u32_at(table: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(table.get(at..)?.first_chunk().copied()?))
}

impl Table {
    /// Finds and checks the table of a file.
    pub fn new(file: &ObjectFile, machine: Machine) -> Option<Table> {
        let elf = file.elf().ok()?;
        // Elsewhere the return address is in a register, and there are frame pointers and DWARF.
        if machine == Machine::Aarch64 || !elf.is_little_endian() {
            return None;
        }
        // Position-independent programs have it among the data that is relocated.
        let section = [".gopclntab", ".data.rel.ro.gopclntab"].iter().find_map(|name| elf.section_by_name(name))?;
        let (start, size) = section.file_range()?;
        let start = usize::try_from(start).ok()?;
        let whole = start..start.checked_add(usize::try_from(size).ok()?)?;
        let table = file.data().get(whole.clone())?;
        let flag = match u32_at(table, 0)? {
            // Go 1.20 added the line at which a function starts.
            0xffff_fff1 => 41,
            0xffff_fff0 => 37,
            _ => return None,
        };
        let (quantum, word) = (u64::from(*table.get(6)?), u64::from(*table.get(7)?));
        if word != word_size(machine) || !matches!(quantum, 1 | 2 | 4) {
            return None;
        }
        let header = |index: usize| -> Option<u64> {
            let at = 8 + index * word as usize;
            match word {
                8 => Some(u64::from_le_bytes(table.get(at..)?.first_chunk().copied()?)),
                _ => u32_at(table, at).map(u64::from),
            }
        };
        // Functions, files, start of text, names, units, file names, steps, functions' entries.
        let offset = |index: usize| usize::try_from(header(index)?).ok();
        let (functions, names, steps, entries) = (offset(0)?, offset(3)?, offset(6)?, offset(7)?);
        let directory = functions.checked_mul(8)?.checked_add(entries)?.checked_add(4)?;
        if directory > table.len() || steps > table.len() {
            return None;
        }
        let text_start = match header(2)? {
            // Position-independent programs have it filled in when they are loaded, and newer versions not at all.
            0 => text_start(&elf)?,
            start => start,
        };
        Some(Table { whole, text_start, functions, names, steps, entries, flag, quantum, word })
    }

    /// The rule at an address; none if it is in no Go function.
    pub fn rule(&self, file: &ObjectFile, address: u64) -> Option<Rule> {
        let table = file.data().get(self.whole.clone())?;
        let within = u32::try_from(address.checked_sub(self.text_start)?).ok()?;
        let directory = table.get(self.entries..)?;
        let (functions, _) = directory.as_chunks::<8>();
        let functions = functions.get(..self.functions)?;
        let first = |entry: &[u8; 8]| u32::from_le_bytes([entry[0], entry[1], entry[2], entry[3]]);
        let after = functions.partition_point(|entry| first(entry) <= within);
        let index = after.checked_sub(1)?;
        let entry = functions.get(index)?;
        // Behind the last function stands the end of all.
        if within >= u32_at(directory, (index + 1) * 8)? {
            return None;
        }
        let function = usize::try_from(u32_at(entry, 4)?).ok()?;
        let function = directory.get(function..)?;
        if *function.get(self.flag)? & TOP_FRAME != 0 {
            return Some(Rule::End);
        }
        let steps = self.steps.checked_add(u32_at(function, 16)? as usize)?;
        let moved = moved(table.get(steps..)?, first(entry).into(), within.into(), self.quantum)?;
        let name = self.names.checked_add(u32_at(function, 4)? as usize).and_then(|at| table.get(at..));
        let was_interrupted = name.is_some_and(|name| name.starts_with(INTERRUPTED));
        let Ok(moved) = u64::try_from(moved) else { return Some(Rule::Unknown) };
        Some(Rule::Go { moved: moved + self.word, was_interrupted })
    }
}

/// Where Go's code begins, when the table does not say.
fn text_start(elf: &object::File<'_>) -> Option<u64> {
    let symbol = elf.symbols().take(1 << 20).find(|symbol| symbol.name_bytes() == Ok(b"runtime.text"));
    let section = || elf.section_by_name(".text").map(|section| section.address());
    symbol.map(|symbol| symbol.address()).or_else(section)
}

/// What the function has moved the stack pointer by at `address`: pairs of differences, of the value and of the address.
fn moved(mut steps: &[u8], mut at: u64, address: u64, quantum: u64) -> Option<i32> {
    let mut value = -1i32;
    for step in 0..MOST_STEPS {
        let difference = number(&mut steps)?;
        if difference == 0 && step > 0 {
            return None;
        }
        value = value.wrapping_add((difference >> 1) as i32 ^ -((difference & 1) as i32));
        at = at.checked_add(u64::from(number(&mut steps)?) * quantum)?;
        if address < at {
            return Some(value);
        }
    }
    None
}

fn number(bytes: &mut &[u8]) -> Option<u32> {
    let mut value = 0;
    for shift in (0..35).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u32::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_added_up() {
        // +1 (value 0) for 4 bytes, +8 for 300 bytes, -8 for 2 bytes.
        let steps = [2, 4, 16, 0xac, 0x02, 15, 2, 0];
        let at = |address| moved(&steps, 100, address, 1);
        assert_eq!([at(100), at(103), at(104), at(403), at(404), at(405)], [0, 0, 8, 8, 0, 0].map(Some));
        assert_eq!(at(406), None);
        assert_eq!(moved(&[0xff; 9], 0, 1, 1), None);
        assert_eq!(moved(&[], 0, 1, 1), None);
    }
}
