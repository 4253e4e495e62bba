//! Functions, files and lines of Go programs, out of the table that their runtime has for itself (`.gopclntab`): stripped
//! programs keep it, and reading it costs next to nothing, whereas Go's DWARF is compressed.
//!
//! Layouts of Go 1.16 to 1.26. Inlined calls are in a tree outside of the table; where it begins is told by the runtime's
//! `moduledata`, which nothing points to: it is recognised by what it begins with.

use std::ops::Range;

use object::{Object, ObjectSection};

use crate::dwarf::Place;
use crate::names;
use crate::object_file::{ObjectFile, Section};

/// Steps of one function's table. The longest functions of large programs have some thousands.
const MOST_STEPS: usize = 1 << 16;
const MOST_INLINED: usize = 256;
/// Bytes in which `moduledata`, or a name, is searched.
const MOST_SEARCHED: usize = 64 << 20;
/// Relocations that are looked through for it, where all addresses are relocated.
const MOST_RELOCATIONS: usize = 4 << 20;

/// Numbers of the tables that a function has.
const INLINED_INDEX: u32 = 2;
const INLINED_TREE: u8 = 3;

/// Folders of Go's own library.
const LIBRARY: [&str; 50] = [
    "archive",
    "arena",
    "bufio",
    "bytes",
    "cmp",
    "compress",
    "container",
    "context",
    "crypto",
    "database",
    "debug",
    "embed",
    "encoding",
    "errors",
    "expvar",
    "flag",
    "fmt",
    "go",
    "hash",
    "html",
    "image",
    "index",
    "internal",
    "io",
    "iter",
    "log",
    "maps",
    "math",
    "mime",
    "net",
    "os",
    "path",
    "plugin",
    "reflect",
    "regexp",
    "runtime",
    "slices",
    "sort",
    "strconv",
    "strings",
    "structs",
    "sync",
    "syscall",
    "testing",
    "text",
    "time",
    "unicode",
    "unique",
    "vendor",
    "weak",
];

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Version {
    Go116,
    Go118,
    Go120,
}

/// The table of a file.
pub(crate) struct GoTable {
    table: Section,
    version: Version,
    quantum: u64,
    word: usize,
    functions: usize,
    /// Offsets in the table: of names, units, file names, steps, functions.
    names: usize,
    units: usize,
    files: usize,
    steps: usize,
    entries: usize,
    text: u64,
    /// The section with the trees of inlined calls, its address, and the address that trees are counted from.
    trees: Option<(Section, u64, u64)>,
}

/// A function's entry.
struct Function<'a> {
    start: u64,
    bytes: &'a [u8],
}

impl GoTable {
    /// Finds the table of a file; none in programs of other languages.
    pub(crate) fn read(object: &ObjectFile) -> Option<GoTable> {
        let section = [".gopclntab", ".data.rel.ro.gopclntab"].into_iter().find(|name| object.has_section(name))?;
        let table = object.section(section).ok()??;
        let version = match u32_at(&table, 0)? {
            0xffff_fff1 => Version::Go120,
            0xffff_fff0 => Version::Go118,
            0xffff_fffa => Version::Go116,
            _ => return None,
        };
        let (quantum, word) = (u64::from(*table.get(6)?), usize::from(*table.get(7)?));
        if !matches!(quantum, 1 | 2 | 4) || !matches!(word, 4 | 8) {
            return None;
        }
        let header = |index: usize| usize::try_from(word_at(&table, 8 + index * word, word)?).ok();
        // The address of the code stands third from 1.18 on.
        let shift = usize::from(version >= Version::Go118);
        let (names, units) = (header(2 + shift)?, header(3 + shift)?);
        let (files, steps, entries) = (header(4 + shift)?, header(5 + shift)?, header(6 + shift)?);
        let functions = header(0)?;
        let mut found = GoTable {
            version,
            quantum,
            word,
            functions,
            names,
            units,
            files,
            steps,
            entries,
            text: if shift == 1 { header(2)? as u64 } else { 0 },
            trees: None,
            table,
        };
        let size = found.table.len();
        let directory = functions.checked_mul(2 * found.entry_width())?.checked_add(entries)?;
        if directory > size || [names, units, files, steps].iter().any(|&start| start > size) {
            return None;
        }
        let address = object.section_address(section)?;
        let data = ModuleData::find(object, address, address.wrapping_add(names as u64), word);
        if found.text == 0 && version >= Version::Go118 {
            let told = data.as_ref().and_then(|data| data.word(22)).filter(|&text| text != 0);
            found.text = told.or_else(|| object.section_address(".text"))?;
        }
        let base = match version {
            Version::Go120 => data.and_then(|data| data.word(40)),
            Version::Go118 => data.and_then(|data| data.word(38)),
            // Trees have addresses of their own.
            Version::Go116 => Some(0),
        };
        found.trees = base.and_then(|base| {
            let (section, start) = section_around(object, if base == 0 { None } else { Some(base) })?;
            Some((section, start, base))
        });
        Some(found)
    }

    /// The functions at an address, innermost first; empty if it is in none of Go's.
    pub(crate) fn places(&self, address: u64) -> Vec<Place> {
        let Some(function) = self.function(address) else { return Vec::new() };
        let mut places = Vec::new();
        let mut at = address;
        let mut inlined = self.inlined(&function, at);
        while let Some((name, parent)) = inlined {
            if places.len() >= MOST_INLINED {
                break;
            }
            places.push(Place { is_inlined: true, ..self.place(&function, at, name) });
            at = function.start.wrapping_add(parent.into());
            inlined = self.inlined(&function, at);
        }
        let name = GoTable::field(&function, 0).and_then(|offset| self.name(offset));
        places.push(self.place(&function, at, name));
        places
    }

    /// Where Go's own sources are: the folder above that of the runtime.
    pub(crate) fn library(&self) -> Option<String> {
        const RUNTIME: &[u8] = b"/runtime/proc.go\0";
        let files = &self.table[self.files..];
        let files = &files[..files.len().min(MOST_SEARCHED)];
        let at = files.windows(RUNTIME.len()).position(|window| window == RUNTIME)?;
        let start = files[..at].iter().rposition(|&byte| byte == 0).map_or(0, |before| before + 1);
        Some(String::from_utf8_lossy(&files[start..at]).into_owned()).filter(|folder| folder.starts_with('/'))
    }

    /// The file of `main.main`.
    pub(crate) fn main(&self) -> Option<String> {
        let names = &self.table[self.names..];
        let names = &names[..names.len().min(MOST_SEARCHED)];
        let offset = names.windows(11).position(|window| window == b"\0main.main\0")? + 1;
        let functions = (0..self.functions).filter_map(|index| self.entry(index));
        let mut named =
            functions.filter(|function| GoTable::field(function, 0).map(|name| name as usize) == Some(offset));
        let main = named.next()?;
        self.place(&main, main.start, None).file
    }

    fn place(&self, function: &Function<'_>, at: u64, name: Option<String>) -> Place {
        let value = |field| self.value(GoTable::field(function, field)?, function, at);
        let line = value(5).and_then(|line| u32::try_from(line).ok()).unwrap_or(0);
        let file = value(4).and_then(|file| self.file(function, u32::try_from(file).ok()?));
        Place { function: name, file, line, start: Some(function.start), ..Place::default() }
    }

    fn entry_width(&self) -> usize {
        if self.version >= Version::Go118 { 4 } else { self.word }
    }

    fn start(&self, index: usize) -> Option<u64> {
        let width = self.entry_width();
        let at = index.checked_mul(2 * width)?.checked_add(self.entries)?;
        Some(word_at(&self.table, at, width)?.wrapping_add(self.text))
    }

    /// The function of a number.
    fn entry(&self, index: usize) -> Option<Function<'_>> {
        let width = self.entry_width();
        let directory = self.table.get(self.entries..)?;
        let offset = word_at(directory, (2 * index + 1) * width, width)?;
        let bytes = directory.get(usize::try_from(offset).ok()?..)?.get(width..)?;
        Some(Function { start: self.start(index)?, bytes })
    }

    fn function(&self, address: u64) -> Option<Function<'_>> {
        let (mut low, mut high) = (0, self.functions);
        while low < high {
            let middle = low + (high - low) / 2;
            if self.start(middle)? <= address {
                low = middle + 1;
            } else {
                high = middle;
            }
        }
        // Behind the last function stands the end of all.
        if address >= self.start(low)? { None } else { self.entry(low.checked_sub(1)?) }
    }

    /// A number of a function, by its place behind the start: 0 name, 1 arguments, 2 deferring, then the tables of 3 the
    /// stack pointer, 4 files, 5 lines, then 6 the number of other tables and 7 the unit.
    fn field(function: &Function<'_>, field: usize) -> Option<u32> {
        u32_at(function.bytes, field * 4)
    }

    fn name(&self, offset: u32) -> Option<String> {
        let name = text_at(self.table.get(self.names..)?, offset as usize)?;
        (!name.is_empty()).then_some(name)
    }

    fn file(&self, function: &Function<'_>, number: u32) -> Option<String> {
        let unit = GoTable::field(function, 7)? as usize;
        let units = self.table.get(self.units..)?;
        let offset = u32_at(units, unit.checked_add(number as usize)?.checked_mul(4)?)?;
        let file = text_at(self.table.get(self.files..)?, offset as usize)?;
        Some(names::absolute(None, &file)).filter(|file| !file.is_empty())
    }

    /// Name and calling place of the innermost function inlined at an address.
    fn inlined(&self, function: &Function<'_>, at: u64) -> Option<(Option<String>, u32)> {
        let (section, start, base) = self.trees.as_ref()?;
        let tables = GoTable::field(function, 6)?;
        // Behind the fixed part: the line of its start from 1.20 on, then four small numbers, the last that of its data.
        let fixed = 8 * 4 + if self.version >= Version::Go120 { 4 } else { 0 };
        let data = *function.bytes.get(fixed + 3)?;
        if tables <= INLINED_INDEX || data <= INLINED_TREE {
            return None;
        }
        let steps = u32_at(function.bytes, fixed + 4 + INLINED_INDEX as usize * 4).filter(|&steps| steps != 0)?;
        let index = usize::try_from(self.value(steps, function, at)?).ok()?;
        let pointers = fixed + 4 + usize::try_from(tables).ok()?.checked_mul(4)?;
        let tree = if self.version >= Version::Go118 {
            let offset = u32_at(function.bytes, pointers.checked_add(usize::from(INLINED_TREE) * 4)?)?;
            base.checked_add(offset.into()).filter(|_| offset != u32::MAX)?
        } else {
            // Pointers are aligned, counted from the entry's start.
            let from_start = (pointers + self.word).next_multiple_of(self.word) - self.word;
            word_at(function.bytes, from_start.checked_add(usize::from(INLINED_TREE) * self.word)?, self.word)?
        };
        let (size, name, parent) = if self.version >= Version::Go120 { (16, 4, 8) } else { (20, 12, 16) };
        let tree = usize::try_from(tree.checked_sub(*start)?).ok()?;
        let entry = section.get(tree.checked_add(index.checked_mul(size)?)?..)?.get(..size)?;
        Some((self.name(u32_at(entry, name)?), u32_at(entry, parent)?))
    }

    /// The value at an address, of a table of pairs of differences: of the value and of the address.
    fn value(&self, offset: u32, function: &Function<'_>, address: u64) -> Option<i32> {
        let mut steps = self.table.get(self.steps.checked_add(offset as usize)?..)?;
        let mut at = function.start;
        let mut value = -1_i32;
        for step in 0..MOST_STEPS {
            let difference = number(&mut steps)?;
            if difference == 0 && step > 0 {
                return None;
            }
            value = value.wrapping_add((difference >> 1) as i32 ^ -((difference & 1) as i32));
            at = at.checked_add(u64::from(number(&mut steps)?) * self.quantum)?;
            if address < at {
                return Some(value);
            }
        }
        None
    }
}

/// Whether a source file with a relative path, as -trimpath makes them, is of Go's own library.
pub(crate) fn is_library(file: &str) -> bool {
    file == "<autogenerated>" || file.split_once('/').is_some_and(|(first, _)| LIBRARY.contains(&first))
}

/// What the runtime knows of the program, at its address in the file.
struct ModuleData {
    section: Section,
    offset: usize,
    word: usize,
    /// Where all addresses are relocated, those of this structure by their offsets in it.
    relocated: Vec<(u64, u64)>,
}

impl ModuleData {
    /// Searches words that are the addresses of the table and of the names in it.
    fn find(object: &ObjectFile, table: u64, names: u64, word: usize) -> Option<ModuleData> {
        let sections = [".go.module", ".noptrdata", ".data", ".data.rel.ro"];
        for name in sections {
            let Ok(Some(section)) = object.section(name) else { continue };
            let searched = &section[..section.len().min(MOST_SEARCHED)];
            let is_it = |at: &usize| {
                word_at(searched, *at, word) == Some(table) && word_at(searched, at + word, word) == Some(names)
            };
            if let Some(offset) = (0..searched.len()).step_by(word).find(is_it) {
                return Some(ModuleData { section, offset, word, relocated: Vec::new() });
            }
        }
        let relocations = relocations(object, word)?;
        let (start, _) = *relocations.iter().find(|&&(at, value)| {
            value == table && relocations.binary_search(&(at.wrapping_add(word as u64), names)).is_ok()
        })?;
        let end = start.checked_add(64 * word as u64)?;
        let own = relocations.iter().filter(|(at, _)| (start..end).contains(at));
        let relocated = own.map(|&(at, value)| (at - start, value)).collect();
        Some(ModuleData { section: Vec::new().into(), offset: 0, word, relocated })
    }

    fn word(&self, index: usize) -> Option<u64> {
        let offset = index * self.word;
        if self.relocated.is_empty() {
            return word_at(&self.section, self.offset.checked_add(offset)?, self.word);
        }
        let found = self.relocated.iter().find(|(at, _)| *at == offset as u64);
        found.map(|&(_, value)| value)
    }
}

/// Places and values of the relocations that add the program's address, by place.
fn relocations(object: &ObjectFile, word: usize) -> Option<Vec<(u64, u64)>> {
    let section = [".rela.dyn", ".rela"].iter().find_map(|name| object.section(name).ok()?)?;
    if word != 8 {
        return None;
    }
    let (entries, _) = section.as_chunks::<24>();
    let each = entries.iter().take(MOST_RELOCATIONS);
    let mut all: Vec<_> = each.filter_map(|entry| Some((word_at(entry, 0, 8)?, word_at(entry, 16, 8)?))).collect();
    all.sort_unstable();
    Some(all)
}

/// The section that holds an address, else that of read-only data; with its own address.
fn section_around(object: &ObjectFile, address: Option<u64>) -> Option<(Section, u64)> {
    let elf = object.elf().ok()?;
    let holds = |section: &object::Section<'_, '_>| match address {
        Some(address) => address.checked_sub(section.address()).is_some_and(|within| within < section.size()),
        None => section.name() == Ok(".rodata"),
    };
    let found = elf.sections().filter(|section| section.address() != 0).find(holds)?;
    Some((object.section(found.name().ok()?).ok()??, found.address()))
}

fn u32_at(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_le_bytes(bytes.get(at..)?.first_chunk().copied()?))
}

fn word_at(bytes: &[u8], at: usize, word: usize) -> Option<u64> {
    match word {
        8 => Some(u64::from_le_bytes(bytes.get(at..)?.first_chunk().copied()?)),
        _ => u32_at(bytes, at).map(u64::from),
    }
}

fn text_at(bytes: &[u8], at: usize) -> Option<String> {
    let rest = bytes.get(at..)?;
    let end: Range<usize> = 0..rest.iter().take(names::LONGEST).position(|&byte| byte == 0)?;
    Some(String::from_utf8_lossy(&rest[end]).into_owned())
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
mod tests;
