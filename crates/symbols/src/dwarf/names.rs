//! The names that DWARF gives functions, qualified.
//!
//! A name may stand in another entry, another unit or another file than the function. A linkage name says everything;
//! where there is none (GCC leaves it out of functions that exist inlined only), the entry's scopes qualify its name.

use gimli::{AttributeValue, DebugInfoOffset, UnitOffset};

use super::effort::{Effort, Error};
use super::functions::{Functions, scopes_of};
use super::{Dwarf, Reader, text, units};
use crate::names;

/// References from entry to entry that are followed: a function's instance, its abstract form, its declaration.
const MOST_REFERENCES: u32 = 16;
/// Names of scopes that a name is qualified by.
const MOST_SCOPES: usize = 64;

/// The name of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Name {
    pub(super) text: String,
    /// Nothing qualifies it, and no linkage name says that nothing does.
    pub(super) is_bare: bool,
}

/// An entry, and what is needed to read it.
#[derive(Clone, Copy)]
pub(super) struct Entry<'a> {
    pub(super) dwarf: &'a Dwarf,
    pub(super) unit: &'a gimli::Unit<Reader>,
    /// The scopes of the unit, if they are known already.
    pub(super) functions: Option<&'a Functions>,
    pub(super) language: Option<gimli::DwLang>,
    pub(super) offset: UnitOffset,
}

/// Where the units of a file begin, for references that leave a unit.
pub(super) type UnitStarts = std::cell::OnceCell<Vec<usize>>;

/// Starts of the units of the file itself and of its supplementary file.
#[derive(Default)]
pub(super) struct Starts {
    pub(super) own: UnitStarts,
    pub(super) supplementary: UnitStarts,
}

pub(super) fn name_of(entry: Entry<'_>, starts: &Starts, effort: &mut Effort) -> Result<Option<Name>, Error> {
    follow(entry, starts, MOST_REFERENCES, effort)
}

fn follow(entry: Entry<'_>, starts: &Starts, left: u32, effort: &mut Effort) -> Result<Option<Name>, Error> {
    effort.step()?;
    let Entry { dwarf, unit, offset, .. } = entry;
    let mut entries = unit.entries_raw(Some(offset))?;
    let Some(abbreviation) = entries.read_abbreviation()? else { return Ok(None) };
    let mut own = None;
    let mut next = None;
    for &specification in abbreviation.attributes() {
        let attribute = entries.read_attribute(specification)?;
        match attribute.name() {
            gimli::DW_AT_linkage_name | gimli::DW_AT_MIPS_linkage_name => {
                if let Ok(linkage) = dwarf.attr_string(unit, attribute.value()) {
                    return Ok(Some(Name { text: names::demangle(&text(&linkage)), is_bare: false }));
                }
            }
            gimli::DW_AT_name => own = dwarf.attr_string(unit, attribute.value()).ok(),
            gimli::DW_AT_abstract_origin | gimli::DW_AT_specification => next = Some(attribute.value()),
            _ => {}
        }
    }
    if let Some(next) = next
        && left > 0
        && let Some(name) = refer(entry, next, starts, left - 1, effort)?
    {
        return Ok(Some(name));
    }
    let Some(own) = own else { return Ok(None) };
    let own = text(&own);
    if entry.language == Some(gimli::DW_LANG_Go) {
        return Ok(Some(Name { text: own, is_bare: false }));
    }
    let scopes = match entry.functions {
        Some(functions) => functions.scopes_around(offset.0),
        None => scopes_of(unit, offset.0, effort)?,
    };
    qualify(entry, own, &scopes, starts, left, effort).map(Some)
}

/// Goes on at the entry that an attribute refers to.
fn refer(
    from: Entry<'_>,
    reference: AttributeValue<Reader>,
    starts: &Starts,
    left: u32,
    effort: &mut Effort,
) -> Result<Option<Name>, Error> {
    let (dwarf, starts_there, offset) = match reference {
        AttributeValue::UnitRef(offset) => return follow(Entry { offset, ..from }, starts, left, effort),
        AttributeValue::DebugInfoRef(offset) => (from.dwarf, &starts.own, offset),
        AttributeValue::DebugInfoRefSup(offset) => match &from.dwarf.sup {
            Some(supplementary) => (&**supplementary, &starts.supplementary, offset),
            None => return Ok(None),
        },
        _ => return Ok(None),
    };
    if matches!(reference, AttributeValue::DebugInfoRef(_)) && dwarf.file_type == gimli::DwarfFileType::Dwo {
        return Ok(None);
    }
    let Some(unit) = unit_with(dwarf, starts_there, offset, effort)? else { return Ok(None) };
    let Some(offset) = offset.to_unit_offset(&unit.header) else { return Ok(None) };
    // In a supplementary file, references stay in it.
    let swapped;
    let starts = if std::ptr::eq(dwarf, from.dwarf) {
        starts
    } else {
        swapped = Starts::default();
        &swapped
    };
    let there = Entry { dwarf, unit: &unit, functions: None, language: from.language, offset };
    follow(there, starts, left, effort)
}

/// The unit that holds an offset of `.debug_info`.
fn unit_with(
    dwarf: &Dwarf,
    starts: &UnitStarts,
    offset: DebugInfoOffset,
    effort: &mut Effort,
) -> Result<Option<gimli::Unit<Reader>>, Error> {
    let list = match starts.get() {
        Some(list) => list,
        None => {
            let mut list = Vec::new();
            let mut headers = dwarf.units();
            while let Ok(Some(header)) = headers.next() {
                effort.keep::<usize>()?;
                list.extend(header.debug_info_offset().map(|offset| offset.0));
            }
            starts.get_or_init(|| list)
        }
    };
    let Some(at) = list.partition_point(|&start| start < offset.0).checked_sub(1) else { return Ok(None) };
    let header = dwarf.unit_header(DebugInfoOffset(list[at]))?;
    Ok(Some(units::without_lines(dwarf, header)?))
}

fn qualify(
    entry: Entry<'_>,
    own: String,
    scopes: &[usize],
    starts: &Starts,
    left: u32,
    effort: &mut Effort,
) -> Result<Name, Error> {
    let is_c = entry.language.is_some_and(is_c);
    let mut is_bare = !is_c;
    let mut parts = vec![own];
    for &scope in scopes.iter().take(MOST_SCOPES) {
        let offset = UnitOffset(scope);
        let mut entries = entry.unit.entries_raw(Some(offset))?;
        let Some(abbreviation) = entries.read_abbreviation()? else { continue };
        if abbreviation.tag() == gimli::DW_TAG_subprogram {
            // Functions inside functions of C are not known by them; elsewhere the name says all that is outside.
            if !is_c && left > 0 {
                let outside = follow(Entry { offset, ..entry }, starts, left - 1, effort)?;
                is_bare &= outside.as_ref().is_none_or(|outside| outside.is_bare);
                parts.extend(outside.map(|outside| outside.text));
            }
            break;
        }
        let mut name = None;
        for &specification in abbreviation.attributes() {
            effort.step()?;
            let attribute = entries.read_attribute(specification)?;
            if attribute.name() == gimli::DW_AT_name {
                name = entry.dwarf.attr_string(entry.unit, attribute.value()).ok().as_ref().map(text);
            }
        }
        match (abbreviation.tag(), name) {
            (_, Some(name)) => {
                is_bare = false;
                parts.push(name);
            }
            (gimli::DW_TAG_namespace, None) => {
                is_bare = false;
                parts.push("(anonymous namespace)".to_owned());
            }
            // Such as the type of a lambda.
            (_, None) => parts.push("{unnamed}".to_owned()),
        }
    }
    // What has no name has one among the symbols.
    is_bare |= parts.iter().any(|part| part == "{unnamed}");
    parts.reverse();
    Ok(Name { text: names::cut(&parts.join("::")).to_owned(), is_bare })
}

fn is_c(language: gimli::DwLang) -> bool {
    matches!(
        language,
        gimli::DW_LANG_C
            | gimli::DW_LANG_C89
            | gimli::DW_LANG_C99
            | gimli::DW_LANG_C11
            | gimli::DW_LANG_C17
            | gimli::DW_LANG_Mips_Assembler
    )
}
