//! V8's built-in functions, as in Node: machine code without call frame information, which keeps frame pointers instead.

use std::ops::Range;

use object::{Object, ObjectSection};

use crate::object_file::ObjectFile;

/// What the names of all of them begin with. V8 puts them in one place, nothing else in between.
const START: &[u8] = b"Builtins_";
/// V8 has more than a thousand.
const FEWEST: usize = 256;
/// What they take together is a few MiB.
const LARGEST: u64 = 64 << 20;
const SYMBOL_SIZE: usize = 24;

/// Where they are in a file; none if it has none, or no symbols that tell.
pub(crate) fn builtins(file: &ObjectFile) -> Option<Range<u64>> {
    let elf = file.elf().ok().filter(|elf| elf.is_64() && elf.is_little_endian())?;
    let bytes = |name: &str| {
        let (start, size) = elf.section_by_name(name)?.file_range()?;
        let start = usize::try_from(start).ok()?;
        file.data().get(start..start.checked_add(usize::try_from(size).ok()?)?)
    };
    let (symbols, names) = (bytes(".symtab")?, bytes(".strtab")?);
    let (mut count, mut first, mut last) = (0, u64::MAX, 0);
    for symbol in symbols.chunks_exact(SYMBOL_SIZE) {
        let name = u32::from_le_bytes(symbol[..4].try_into().ok()?) as usize;
        if names.get(name..).is_some_and(|name| name.starts_with(START)) {
            let [start, size] = [8, 16].map(|at| symbol[at..at + 8].try_into().map_or(0, u64::from_le_bytes));
            count += 1;
            (first, last) = (first.min(start), last.max(start.saturating_add(size)));
        }
    }
    (count >= FEWEST && last.checked_sub(first).is_some_and(|size| size <= LARGEST)).then_some(first..last)
}
