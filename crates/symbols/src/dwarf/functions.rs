//! The functions of a unit, by address, and what was inlined into them.

use gimli::{AttributeValue, UnitOffset, UnitRef};

use super::Reader;
use super::effort::{Effort, Error};
use super::index::{CodeSpans, Span};

struct FunctionSpan {
    span: Span,
    entry: usize,
}

/// Something that names are qualified by: a namespace, a class, a function with others inside.
pub(super) struct Scope {
    pub(super) start: usize,
    pub(super) end: usize,
    /// Its place in the list, plus 1; 0 for the unit.
    pub(super) parent: u32,
}

/// The functions that have code, and the scopes, in a unit.
pub(super) struct Functions {
    spans: Vec<FunctionSpan>,
    scopes: Vec<Scope>,
}

/// A function inlined at an address.
pub(super) struct Inlined {
    pub(super) entry: UnitOffset,
    /// Where the call was that is no more.
    pub(super) call_file: Option<u32>,
    pub(super) call_line: u32,
    pub(super) call_column: u32,
}

/// Deeper inlining does not happen; what declares it is hostile.
const MOST_INLINED: usize = 256;

impl Functions {
    pub(super) fn read(unit: UnitRef<'_, Reader>, code: &CodeSpans, effort: &mut Effort) -> Result<Functions, Error> {
        let mut spans = Vec::new();
        let mut scopes = ScopeList::default();
        let mut entries = unit.entries_raw(None)?;
        while !entries.is_empty() {
            let entry = entries.next_offset();
            let depth = entries.next_depth();
            effort.step()?;
            let Some(abbreviation) = entries.read_abbreviation()? else { continue };
            scopes.enter(entry.0, depth, abbreviation, effort)?;
            if abbreviation.tag() != gimli::DW_TAG_subprogram {
                entries.skip_attributes(abbreviation.attributes())?;
                continue;
            }
            let mut ranges = Ranges::default();
            for &specification in abbreviation.attributes() {
                ranges.take(&entries.read_attribute(specification)?);
            }
            ranges.each(unit, effort, |span, effort| {
                if code.holds(span.begin) {
                    effort.keep::<FunctionSpan>()?;
                    spans.push(FunctionSpan { span, entry: entry.0 });
                }
                Ok(())
            })?;
        }
        spans.sort_unstable_by_key(|function: &FunctionSpan| function.span.begin);
        spans.shrink_to_fit();
        Ok(Functions { spans, scopes: scopes.finish() })
    }

    /// The function that holds the address, and where the function begins.
    pub(super) fn find(&self, address: u64) -> Option<(UnitOffset, u64)> {
        let end = self.spans.partition_point(|function| function.span.begin <= address);
        let mut nearest = self.spans[..end].iter().rev().take(16);
        let found = nearest.find(|function| function.span.holds(address))?;
        Some((UnitOffset(found.entry), found.span.begin))
    }

    /// Entries of the scopes around an entry, innermost first.
    pub(super) fn scopes_around(&self, entry: usize) -> Vec<usize> {
        scopes_around(&self.scopes, entry)
    }

    pub(super) fn size(&self) -> usize {
        self.spans.len() * size_of::<FunctionSpan>() + self.scopes.len() * size_of::<Scope>()
    }
}

/// The scopes around an entry of a unit whose functions are not wanted, innermost first.
pub(super) fn scopes_of(unit: &gimli::Unit<Reader>, entry: usize, effort: &mut Effort) -> Result<Vec<usize>, Error> {
    let mut scopes = ScopeList::default();
    let mut entries = unit.entries_raw(None)?;
    while !entries.is_empty() && entries.next_offset().0 <= entry {
        let offset = entries.next_offset();
        let depth = entries.next_depth();
        effort.step()?;
        let Some(abbreviation) = entries.read_abbreviation()? else { continue };
        entries.skip_attributes(abbreviation.attributes())?;
        if offset.0 < entry {
            scopes.enter(offset.0, depth, abbreviation, effort)?;
        } else {
            scopes.leave(offset.0, depth);
        }
    }
    Ok(scopes_around(&scopes.finish(), entry))
}

fn scopes_around(scopes: &[Scope], entry: usize) -> Vec<usize> {
    let mut around = Vec::new();
    let mut at = scopes.partition_point(|scope| scope.start < entry);
    // A parent always stands before its children, so that this ends.
    while let Some(scope) = at.checked_sub(1).and_then(|at| scopes.get(at)) {
        if entry < scope.end {
            around.push(scope.start);
        }
        at = scope.parent as usize;
    }
    around
}

#[derive(Default)]
struct ScopeList {
    list: Vec<Scope>,
    /// Depth and place of the scopes that are open.
    open: Vec<(isize, u32)>,
}

impl ScopeList {
    fn leave(&mut self, entry: usize, depth: isize) {
        while let Some(&(outer, place)) = self.open.last()
            && outer >= depth
        {
            self.open.pop();
            self.list[place as usize].end = entry;
        }
    }

    fn enter(
        &mut self,
        entry: usize,
        depth: isize,
        abbreviation: &gimli::Abbreviation,
        effort: &mut Effort,
    ) -> Result<(), Error> {
        self.leave(entry, depth);
        if !abbreviation.has_children() || !is_scope(abbreviation.tag()) {
            return Ok(());
        }
        effort.keep::<Scope>()?;
        let place = u32::try_from(self.list.len()).map_err(|_| Error::TooLarge)?;
        let parent = self.open.last().map_or(0, |&(_, place)| place + 1);
        self.list.push(Scope { start: entry, end: usize::MAX, parent });
        self.open.push((depth, place));
        Ok(())
    }

    fn finish(mut self) -> Vec<Scope> {
        self.list.shrink_to_fit();
        self.list
    }
}

fn is_scope(tag: gimli::DwTag) -> bool {
    matches!(
        tag,
        gimli::DW_TAG_namespace
            | gimli::DW_TAG_module
            | gimli::DW_TAG_class_type
            | gimli::DW_TAG_structure_type
            | gimli::DW_TAG_union_type
            | gimli::DW_TAG_enumeration_type
            | gimli::DW_TAG_interface_type
            | gimli::DW_TAG_subprogram
    )
}

/// What was inlined into a function at an address, outermost first.
pub(super) fn inlined(
    unit: UnitRef<'_, Reader>,
    function: UnitOffset,
    address: u64,
    effort: &mut Effort,
) -> Result<Vec<Inlined>, Error> {
    let mut found = Vec::new();
    let mut entries = unit.entries_raw(Some(function))?;
    let outside = entries.next_depth();
    if let Some(abbreviation) = entries.read_abbreviation()? {
        entries.skip_attributes(abbreviation.attributes())?;
    }
    // Below an entry of this depth nothing is looked at.
    let mut skipped: Option<isize> = None;
    // The innermost entry that holds the address.
    let mut inside = outside;
    while !entries.is_empty() {
        let entry = entries.next_offset();
        let depth = entries.next_depth();
        if depth <= inside && (depth <= outside || !found.is_empty()) {
            break;
        }
        effort.step()?;
        let Some(abbreviation) = entries.read_abbreviation()? else { continue };
        if skipped.is_some_and(|skipped| depth > skipped) {
            entries.skip_attributes(abbreviation.attributes())?;
            continue;
        }
        skipped = None;
        match abbreviation.tag() {
            gimli::DW_TAG_inlined_subroutine => {
                let mut ranges = Ranges::default();
                let mut inlined = Inlined { entry, call_file: None, call_line: 0, call_column: 0 };
                for &specification in abbreviation.attributes() {
                    let attribute = entries.read_attribute(specification)?;
                    let number = || u32::try_from(attribute.udata_value().unwrap_or(0)).unwrap_or(0);
                    match attribute.name() {
                        gimli::DW_AT_call_file => {
                            // 0 is a file from version 5 on.
                            if let AttributeValue::FileIndex(file) = attribute.value()
                                && (file > 0 || unit.header.version() >= 5)
                            {
                                inlined.call_file = u32::try_from(file).ok();
                            }
                        }
                        gimli::DW_AT_call_line => inlined.call_line = number(),
                        gimli::DW_AT_call_column => inlined.call_column = number(),
                        _ => ranges.take(&attribute),
                    }
                }
                let mut holds = false;
                ranges.each(unit, effort, |span, _| {
                    holds |= span.holds(address);
                    Ok(())
                })?;
                if holds && found.len() < MOST_INLINED {
                    found.push(inlined);
                    inside = depth;
                } else {
                    skipped = Some(depth);
                }
            }
            tag => {
                entries.skip_attributes(abbreviation.attributes())?;
                if tag == gimli::DW_TAG_subprogram {
                    skipped = Some(depth);
                }
            }
        }
    }
    Ok(found)
}

/// The attributes that say which addresses an entry has.
#[derive(Default)]
struct Ranges {
    low: Option<AttributeValue<Reader>>,
    high: Option<AttributeValue<Reader>>,
    list: Option<AttributeValue<Reader>>,
}

impl Ranges {
    fn take(&mut self, attribute: &gimli::Attribute<Reader>) {
        match attribute.name() {
            gimli::DW_AT_low_pc => self.low = Some(attribute.value()),
            gimli::DW_AT_high_pc => self.high = Some(attribute.value()),
            gimli::DW_AT_ranges => self.list = Some(attribute.value()),
            _ => {}
        }
    }

    fn each(
        self,
        unit: UnitRef<'_, Reader>,
        effort: &mut Effort,
        mut give: impl FnMut(Span, &mut Effort) -> Result<(), Error>,
    ) -> Result<(), Error> {
        if let Some(list) = self.list {
            let Some(mut ranges) = unit.attr_ranges(list)? else { return Ok(()) };
            while let Some(range) = ranges.next()? {
                effort.step()?;
                if range.begin < range.end {
                    give(Span { begin: range.begin, end: range.end }, effort)?;
                }
            }
            return Ok(());
        }
        let (Some(low), Some(high)) = (self.low, self.high) else { return Ok(()) };
        let Some(begin) = unit.attr_address(low)? else { return Ok(()) };
        let end = match high {
            AttributeValue::Udata(size) => begin.saturating_add(size),
            high => unit.attr_address(high)?.unwrap_or(0),
        };
        if begin < end { give(Span { begin, end }, effort) } else { Ok(()) }
    }
}
