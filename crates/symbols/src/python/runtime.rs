//! Whether a file is a CPython interpreter, and where its state is.

use std::ops::Range;

use object::{Architecture, Object, ObjectSegment};

use super::layout::{Layout, TABLE_SIZE};
use super::reading::{number, word};
use crate::object_file::ObjectFile;

/// What a file that holds a CPython interpreter, the executable or libpython, says about it. Addresses are those in the file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Runtime {
    pub(super) layout: Layout,
    /// `_PyRuntime`.
    pub(super) state: u64,
    /// `PyCode_Type`.
    pub(super) code_type: Option<u64>,
    /// `_PyEval_EvalFrameDefault`: each of its activations runs Python code.
    pub(super) evaluator: Option<Range<u64>>,
}

const STATE: &str = "_PyRuntime";
const CODE_TYPE: &str = "PyCode_Type";
const EVALUATOR: &str = "_PyEval_EvalFrameDefault";
const VERSION: &str = "Py_Version";

impl Runtime {
    /// Looks for an interpreter in a file of this path; none if there is none, or none that is known here (CPython 3.12 to
    /// 3.15 with a global lock, for 64-bit x86 and Arm). For a file without one it costs a microsecond or two.
    pub fn find(file: &ObjectFile, path: &[u8]) -> Option<Runtime> {
        let elf = file.elf().ok()?;
        if !matches!(elf.architecture(), Architecture::X86_64 | Architecture::Aarch64) || !elf.is_64() {
            return None;
        }
        if !elf.is_little_endian() {
            return None;
        }
        let exported = Exported::of(file);
        let mut state = exported.as_ref().and_then(|symbols| symbols.find(STATE)).map(|symbol| symbol.start);
        let section = || elf.section_by_name(".PyRuntime").map(|section| object::ObjectSection::address(&section));
        let base = path.rsplit(|byte| *byte == b'/').next().unwrap_or_default();
        let is_named = base.windows(6).any(|word| word == b"python");
        if state.is_none() && is_named {
            state = section();
        }
        let internal = if state.is_none() && is_named { Internal::of(file) } else { None };
        let symbol = |name: &str| match &internal {
            Some(symbols) => symbols.find(name),
            None => exported.as_ref()?.find(name),
        };
        let state = state.or_else(|| symbol(STATE).map(|symbol| symbol.start))?;
        let layout = contents(&elf, state, TABLE_SIZE as u64).and_then(Layout::of_table).or_else(|| {
            let version = word(contents(&elf, symbol(VERSION)?.start, 8)?, 0)?;
            Layout::built_in(version)
        })?;
        let code_type = symbol(CODE_TYPE).map(|symbol| symbol.start);
        Some(Runtime { layout, state, code_type, evaluator: symbol(EVALUATOR).filter(|symbol| !symbol.is_empty()) })
    }
}

/// The bytes that a file has for addresses from this one on.
fn contents<'a>(elf: &object::File<'a>, address: u64, size: u64) -> Option<&'a [u8]> {
    elf.segments().find_map(|segment| {
        let end = segment.address().checked_add(segment.size())?;
        let size = size.min(end.checked_sub(address)?);
        segment.data_range(address, size).ok().flatten()
    })
}

/// A table of symbols and the names in it.
struct Symbols<'a> {
    symbols: &'a [u8],
    names: &'a [u8],
}

const SYMBOL_SIZE: usize = 24;

impl Symbols<'_> {
    /// Where a symbol is, if it has this name; none if there is no such symbol.
    fn get(&self, place: usize, name: &str) -> Option<Option<Range<u64>>> {
        let start = place.checked_mul(SYMBOL_SIZE)?;
        let symbol = self.symbols.get(start..start.checked_add(SYMBOL_SIZE)?)?;
        let is_defined = symbol[6..8] != [0, 0];
        let its_name = self.names.get(number(symbol, 0)? as usize..).unwrap_or_default();
        let is_it = is_defined && its_name.get(name.len()) == Some(&0) && its_name.starts_with(name.as_bytes());
        let (address, size) = (word(symbol, 8)?, word(symbol, 16)?);
        Some(is_it.then(|| address..address.saturating_add(size)))
    }
}

/// What a file exports, by its GNU hash table.
struct Exported<'a> {
    symbols: Symbols<'a>,
    table: &'a [u8],
}

/// Names of one hash that are looked at.
const LONGEST_CHAIN: usize = 1024;

impl<'a> Exported<'a> {
    fn of(file: &'a ObjectFile) -> Option<Exported<'a>> {
        let symbols = Symbols { symbols: section(file, ".dynsym")?, names: section(file, ".dynstr")? };
        Some(Exported { symbols, table: section(file, ".gnu.hash")? })
    }

    fn find(&self, name: &str) -> Option<Range<u64>> {
        let [buckets, first, words] = [0, 4, 8].map(|offset| number(self.table, offset));
        let (buckets, first, words) = (buckets?, first? as usize, words? as usize);
        let hash = name.bytes().fold(5381_u32, |hash, byte| hash.wrapping_mul(33).wrapping_add(byte.into()));
        let bucket = hash.checked_rem(buckets)? as usize;
        let bucket_table = 16 + words.checked_mul(8)?;
        let start = number(self.table, bucket_table.checked_add(4 * bucket)?)? as usize;
        let chains = bucket_table.checked_add(buckets as usize * 4)?;
        for place in (start..).take(LONGEST_CHAIN) {
            let found = number(self.table, chains.checked_add(place.checked_sub(first)?.checked_mul(4)?)?)?;
            let named = if found | 1 == hash | 1 { self.symbols.get(place, name)? } else { None };
            if named.is_some() {
                return named;
            }
            if found & 1 == 1 {
                break;
            }
        }
        None
    }
}

/// All symbols of a file that has not been stripped: for interpreters that export nothing.
struct Internal<'a>(Symbols<'a>);

impl<'a> Internal<'a> {
    fn of(file: &'a ObjectFile) -> Option<Internal<'a>> {
        Some(Internal(Symbols { symbols: section(file, ".symtab")?, names: section(file, ".strtab")? }))
    }

    fn find(&self, name: &str) -> Option<Range<u64>> {
        (0..self.0.symbols.len() / SYMBOL_SIZE).find_map(|place| self.0.get(place, name)?)
    }
}

/// A section's bytes as they stand in the file.
fn section<'a>(file: &'a ObjectFile, name: &str) -> Option<&'a [u8]> {
    use object::ObjectSection;
    let (start, size) = file.elf().ok()?.section_by_name(name)?.file_range()?;
    let start = usize::try_from(start).ok()?;
    file.data().get(start..start.checked_add(usize::try_from(size).ok()?)?)
}
