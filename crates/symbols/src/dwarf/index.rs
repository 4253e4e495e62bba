//! Which compilation unit an address belongs to.
//!
//! `.debug_aranges` tells it without touching the units, but compilers may leave it out, for all units or for some. Those
//! are asked themselves, at the first address that the table does not know.

use std::collections::HashSet;

use gimli::{DebugInfoOffset, UnitType};

use super::effort::{Effort, Error};
use super::{Dwarf, Reader, lines, units};

/// A range of addresses of code, the end excluded.
#[derive(Clone, Copy, Debug)]
pub(super) struct Span {
    pub(super) begin: u64,
    pub(super) end: u64,
}

impl Span {
    pub(super) fn holds(self, address: u64) -> bool {
        self.begin <= address && address < self.end
    }
}

/// Where code can be. Linkers leave ranges of removed functions behind, which begin at 0 or -1.
#[derive(Debug, Default)]
pub(super) struct CodeSpans(pub(super) Vec<Span>);

impl CodeSpans {
    pub(super) fn holds(&self, begin: u64) -> bool {
        self.0.iter().any(|span| span.holds(begin))
    }
}

struct UnitSpan {
    span: Span,
    /// The largest end up to and including this one.
    furthest: u64,
    unit: usize,
}

/// The index.
#[derive(Default)]
pub(super) struct Index {
    by_table: Vec<UnitSpan>,
    /// From the units that the table leaves out; none until it was needed.
    by_units: Option<Vec<UnitSpan>>,
}

impl Index {
    /// Reads `.debug_aranges`, if there is one.
    pub(super) fn new(dwarf: &Dwarf, code: &CodeSpans, effort: &mut Effort) -> Result<Index, Error> {
        let mut spans = Vec::new();
        let mut headers = dwarf.debug_aranges.headers();
        // What cannot be read is left to the units.
        while let Ok(Some(header)) = headers.next() {
            let unit = header.debug_info_offset().0;
            let mut entries = header.entries();
            effort.step()?;
            loop {
                match entries.next() {
                    Ok(Some(entry)) => {
                        let range = entry.range();
                        add(&mut spans, Span { begin: range.begin, end: range.end }, unit, code, effort)?;
                    }
                    Ok(None) => break,
                    // An address that overflows; after other errors comes the end.
                    Err(_) => effort.step()?,
                }
            }
        }
        Ok(Index { by_table: sort(spans), by_units: None })
    }

    /// Offsets of the units that may hold the address.
    pub(super) fn units(&self, address: u64) -> Vec<usize> {
        let mut units = find(&self.by_table, address);
        if let Some(by_units) = &self.by_units {
            units.extend(find(by_units, address));
        }
        units
    }

    /// Asks the units that the table leaves out; false if that was done before.
    pub(super) fn complete(&mut self, dwarf: &Dwarf, code: &CodeSpans, effort: &mut Effort) -> Result<bool, Error> {
        if self.by_units.is_some() {
            return Ok(false);
        }
        // Not again, whatever comes of it.
        self.by_units = Some(Vec::new());
        let listed: HashSet<usize> = self.by_table.iter().map(|span| span.unit).collect();
        let mut spans = Vec::new();
        let mut units = dwarf.units();
        while let Ok(Some(header)) = units.next() {
            effort.step()?;
            let Some(DebugInfoOffset(offset)) = header.debug_info_offset() else { continue };
            if listed.contains(&offset) || !matches!(header.type_(), UnitType::Compilation | UnitType::Skeleton(_)) {
                continue;
            }
            match add_unit(&mut spans, dwarf, header, offset, code, effort) {
                Ok(()) | Err(Error::Malformed(_)) => {}
                Err(error) => return Err(error),
            }
        }
        self.by_units = Some(sort(spans));
        Ok(true)
    }

    /// Bytes that it takes.
    pub(super) fn size(&self) -> usize {
        let count = self.by_table.len() + self.by_units.as_ref().map_or(0, Vec::len);
        count * size_of::<UnitSpan>()
    }
}

fn add_unit(
    spans: &mut Vec<UnitSpan>,
    dwarf: &Dwarf,
    header: gimli::UnitHeader<Reader>,
    offset: usize,
    code: &CodeSpans,
    effort: &mut Effort,
) -> Result<(), Error> {
    let unit = units::without_lines(dwarf, header)?;
    let before = spans.len();
    let mut ranges = dwarf.unit_ranges(&unit)?;
    while let Some(range) = ranges.next()? {
        add(spans, Span { begin: range.begin, end: range.end }, offset, code, effort)?;
    }
    if spans.len() == before {
        // Old compilers say nothing about units of several sections: their lines do.
        let unit = dwarf.unit(unit.header)?;
        for span in lines::Lines::read(&unit, code, effort)?.spans() {
            add(spans, span, offset, code, effort)?;
        }
    }
    Ok(())
}

fn add(spans: &mut Vec<UnitSpan>, span: Span, unit: usize, code: &CodeSpans, effort: &mut Effort) -> Result<(), Error> {
    if span.begin >= span.end || !code.holds(span.begin) {
        return effort.step();
    }
    effort.keep::<UnitSpan>()?;
    spans.push(UnitSpan { span, furthest: 0, unit });
    Ok(())
}

fn sort(mut spans: Vec<UnitSpan>) -> Vec<UnitSpan> {
    spans.sort_unstable_by_key(|span| (span.span.begin, span.unit));
    // Neighbours of one unit become one: what is between them belongs to nobody.
    spans.dedup_by(|next, last| {
        let same = next.unit == last.unit;
        if same {
            last.span.end = last.span.end.max(next.span.end);
        }
        same
    });
    spans.shrink_to_fit();
    let mut furthest = 0;
    for span in &mut spans {
        furthest = span.span.end.max(furthest);
        span.furthest = furthest;
    }
    spans
}

/// Units that may hold an address overlap only in files with mistakes, so few are enough.
const MOST_CANDIDATES: usize = 8;

fn find(spans: &[UnitSpan], address: u64) -> Vec<usize> {
    let end = spans.partition_point(|span| span.span.begin <= address);
    let candidates = spans[..end].iter().rev().take_while(|span| span.furthest > address);
    candidates.take(256).filter(|span| span.span.holds(address)).take(MOST_CANDIDATES).map(|span| span.unit).collect()
}
