//! From an address in a file to functions, files and lines, by the file's DWARF.
//!
//! Units are read one by one, as addresses need them: a large program has thousands, and a trace sees a few. The way from
//! an address to a unit is [`index`]; what a unit has is in [`units`], with its [`functions`] and [`lines`]; [`names`] finds
//! what functions are called; [`split`] finds units that are in other files.

mod effort;
mod functions;
mod index;
mod lines;
mod names;
mod split;
mod units;

#[cfg(test)]
pub(crate) mod tests;

use std::sync::Arc;
use std::time::Duration;

use gimli::{DwarfFileType, Section as _, UnitRef};
use object::{Object, ObjectSegment, SegmentFlags, elf};

use crate::debug_files::{DebugFile, DebugFiles, Lookup};
use crate::names as readable;
use crate::object_file::{MOST_MEMORY, MOST_TIME, ObjectFile, Section};
use crate::stopwatch::Stopwatch;
use effort::Effort;
pub(crate) use effort::Error;
use functions::Inlined;
use index::{CodeSpans, Index, Span};
use names::{Entry, Name, Starts};
use split::Splits;
use units::{Unit, Units};

type Reader = gimli::EndianReader<gimli::RunTimeEndian, Section>;
type Dwarf = gimli::Dwarf<Reader>;

/// A function that an address is in, with the place in it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    /// Its name, qualified.
    pub(crate) function: Option<String>,
    /// The name may lack what qualifies it: a symbol knows better.
    pub(crate) is_bare: bool,
    /// Path of the source file.
    pub(crate) file: Option<String>,
    /// Line, 0 where unknown.
    pub(crate) line: u32,
    /// Column, 0 where unknown.
    pub(crate) column: u32,
    /// Whether the function was inlined into the next one.
    pub(crate) is_inlined: bool,
    /// The address at which the function begins that all this was inlined into.
    pub(crate) start: Option<u64>,
    /// Which functions were inlined here is in a file that was not found: there may be others between this one and its caller.
    pub(crate) is_partial: bool,
}

/// Time that lookups in one file may take, beyond that for opening it, for each of them.
const TIME_PER_LOOKUP: Duration = Duration::from_millis(20);

/// The DWARF of a file.
pub(crate) struct DebugInfo {
    dwarf: Arc<Dwarf>,
    object: ObjectFile,
    code: CodeSpans,
    index: Index,
    units: Units,
    starts: Starts,
    splits: Splits,
    /// Decompressed sections, in bytes.
    decompressed: usize,
    time_left: Duration,
}

/// Asks a unit about an address in the file that it is in.
type Look<T> = fn(&Unit, &Dwarf, &Starts, u64, &mut Effort) -> Result<Option<T>, Error>;

impl DebugInfo {
    /// Opens the DWARF in `debug` that describes the code of `object`.
    pub(crate) fn open(files: &Arc<DebugFiles>, debug: DebugFile, object: &ObjectFile) -> Result<DebugInfo, Error> {
        let watch = Stopwatch::start();
        let mut dwarf = load(&debug.object, DwarfFileType::Main)?;
        if let Lookup::Found(supplementary) = files.supplementary(&debug) {
            dwarf.set_sup(load(&supplementary, DwarfFileType::Main)?);
        }
        let code = code_spans(object)?;
        let time_left = MOST_TIME.checked_sub(watch.spent()).ok_or(Error::TooSlow)?;
        let index = Index::new(&dwarf, &code, &mut Effort::new(time_left, MOST_MEMORY as usize / 2))?;
        let time_left = MOST_TIME.checked_sub(watch.spent()).ok_or(Error::TooSlow)?;
        Ok(DebugInfo {
            decompressed: decompressed(&debug.object, &dwarf),
            object: debug.object.clone(),
            dwarf: Arc::new(dwarf),
            code,
            index,
            units: Units::new(units::MEMORY),
            starts: Starts::default(),
            splits: Splits::new(files.clone(), debug),
            time_left,
        })
    }

    /// The functions at an address, innermost first; empty if the DWARF does not know it.
    pub(crate) fn places(&mut self, address: u64) -> Result<Vec<Place>, Error> {
        let found = self.search(address, places_in)?;
        Ok(found.unwrap_or_default())
    }

    /// The folder in which the unit was compiled that has the code at an address.
    pub(crate) fn folder(&mut self, address: u64) -> Result<Option<String>, Error> {
        self.search(address, |unit, _, _, _, _| Ok(unit.own.comp_dir.as_ref().map(text)))
    }

    fn search<T>(&mut self, address: u64, look: Look<T>) -> Result<Option<T>, Error> {
        let watch = Stopwatch::start();
        self.time_left = (self.time_left + TIME_PER_LOOKUP).min(MOST_TIME);
        let mut effort = Effort::new(self.time_left, MOST_MEMORY as usize / 2);
        let found = self.search_within(address, look, &mut effort);
        self.time_left = self.time_left.saturating_sub(watch.spent());
        found
    }

    fn search_within<T>(&mut self, address: u64, look: Look<T>, effort: &mut Effort) -> Result<Option<T>, Error> {
        let mut asked = Vec::new();
        loop {
            for offset in self.index.units(address) {
                if asked.contains(&offset) {
                    continue;
                }
                asked.push(offset);
                let unit = self.units.get(&self.dwarf, offset, &self.code, &mut self.splits, effort)?;
                if let Some(unit) = unit {
                    let found = look(unit, &self.dwarf, &self.starts, address, effort)?;
                    if found.is_some() {
                        return Ok(found);
                    }
                }
            }
            if !self.index.complete(&self.dwarf, &self.code, effort)? {
                return Ok(None);
            }
        }
    }

    /// The file that this is in.
    pub(crate) fn object(&self) -> &ObjectFile {
        &self.object
    }

    /// Bytes of memory, beyond what is mapped.
    pub(crate) fn size(&self) -> usize {
        self.index.size() + self.units.size() + self.decompressed
    }
}

fn places_in(
    unit: &Unit,
    dwarf: &Dwarf,
    starts: &Starts,
    address: u64,
    effort: &mut Effort,
) -> Result<Option<Vec<Place>>, Error> {
    let line = unit.lines.find(address);
    let function = unit.functions.as_ref().and_then(|functions| functions.find(address));
    if line.is_none() && function.is_none() {
        return Ok(None);
    }
    let path = |number| lines::file_path(dwarf, &unit.own, number);
    let mut here = Place::default();
    if let Some(line) = line {
        here = Place { file: path(line.file), line: line.line, column: line.column, ..here };
    }
    let Some((entry, start)) = function else {
        here.is_partial = unit.own.dwo_id.is_some() && unit.split.is_none();
        return Ok(Some(vec![here]));
    };
    let (file, described) = unit.split.as_ref().map_or((dwarf, &unit.own), |(file, unit)| (&**file, unit));
    let inlined = functions::inlined(UnitRef::new(file, described), entry, address, effort)?;
    let mut name = |offset| {
        let functions = unit.functions.as_ref();
        let entry = Entry { dwarf: file, unit: described, functions, language: unit.language, offset };
        match names::name_of(entry, starts, effort) {
            Ok(name) => Ok(name),
            Err(Error::Malformed(_)) => Ok(None),
            Err(error) => Err(error),
        }
    };
    let mut places = Vec::new();
    let mut add = |place: Place, name: Option<Name>, is_inlined| {
        let (function, is_bare) = name.map_or((None, true), |name| (Some(name.text), name.is_bare));
        places.push(Place { function, is_bare, is_inlined, start: Some(start), ..place });
    };
    for Inlined { entry, call_file, call_line, call_column } in inlined.into_iter().rev() {
        add(here, name(entry)?, true);
        here = Place { file: call_file.and_then(path), line: call_line, column: call_column, ..Place::default() };
    }
    add(here, name(entry)?, false);
    Ok(Some(places))
}

fn code_spans(object: &ObjectFile) -> Result<CodeSpans, Error> {
    let elf = object.elf()?;
    let is_code =
        |flags| matches!(flags, SegmentFlags::Elf { p_type: elf::PT_LOAD, p_flags } if p_flags.contains(elf::PF_X));
    let spans = elf
        .segments()
        .filter(|segment| is_code(segment.flags()))
        .map(|segment| Span { begin: segment.address(), end: segment.address().saturating_add(segment.size()) });
    Ok(CodeSpans(spans.collect()))
}

fn load(object: &ObjectFile, file_type: DwarfFileType) -> Result<Dwarf, Error> {
    // What lookups never read need not be decompressed.
    const UNUSED: [&str; 6] =
        [".debug_loc", ".debug_loclists", ".debug_macinfo", ".debug_macro", ".debug_names", ".debug_types"];
    let section = |id: gimli::SectionId| {
        let name = match file_type {
            DwarfFileType::Main => Some(id.name()),
            DwarfFileType::Dwo => id.dwo_name(),
        };
        match name.filter(|_| !UNUSED.contains(&id.name())) {
            Some(name) => section_reader(object, name),
            None => Ok(empty(object)),
        }
    };
    let mut dwarf = Dwarf::load(section)?;
    dwarf.file_type = file_type;
    Ok(dwarf)
}

fn section_reader(object: &ObjectFile, name: &str) -> Result<Reader, Error> {
    Ok(object.section(name)?.map_or_else(|| empty(object), |section| Reader::new(section, object.endian())))
}

/// Bytes of the sections that are not part of the file as it is.
fn decompressed(object: &ObjectFile, dwarf: &Dwarf) -> usize {
    let data = object.data().as_ptr_range();
    let sections = [
        dwarf.debug_info.reader(),
        dwarf.debug_abbrev.reader(),
        dwarf.debug_line.reader(),
        dwarf.debug_line_str.reader(),
        dwarf.debug_str.reader(),
        dwarf.debug_str_offsets.reader(),
        dwarf.debug_addr.reader(),
        dwarf.debug_aranges.reader(),
        dwarf.ranges.debug_ranges().reader(),
        dwarf.ranges.debug_rnglists().reader(),
    ];
    let inflated = sections.iter().map(|section| section.bytes()).filter(|bytes| !data.contains(&bytes.as_ptr()));
    inflated.map(<[u8]>::len).sum()
}

fn empty(object: &ObjectFile) -> Reader {
    Reader::new(Vec::new().into(), object.endian())
}

/// As much of a string as is kept.
fn text(reader: &Reader) -> String {
    let bytes = reader.bytes();
    let bytes = &bytes[..bytes.len().min(readable::LONGEST)];
    readable::cut(&String::from_utf8_lossy(bytes)).to_owned()
}
