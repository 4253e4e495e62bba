//! Whether a file has the split unit of an id.

use gimli::{AttributeValue, DebugAbbrev, DebugInfo, DwoId, EndianSlice, Reader, UnitHeader, UnitType};

use crate::object_file::ObjectFile;

/// Units of a file that are looked at. There is one, or some of types before it.
const MOST_UNITS: usize = 1024;

/// Whether one of the split units in `object` has this id.
pub(crate) fn has_unit(object: &ObjectFile, id: u64) -> bool {
    let section = |name: &str| object.section(name).ok().flatten();
    let (Some(info), Some(abbreviations)) = (section(".debug_info.dwo"), section(".debug_abbrev.dwo")) else {
        return false;
    };
    let info = DebugInfo::from(EndianSlice::new(&info, object.endian()));
    let abbreviations = DebugAbbrev::from(EndianSlice::new(&abbreviations, object.endian()));
    let mut units = info.units();
    for _ in 0..MOST_UNITS {
        match units.next() {
            Ok(Some(unit)) if id_of(&unit, &abbreviations) == Some(DwoId(id)) => return true,
            Ok(Some(_)) => {}
            _ => return false,
        }
    }
    false
}

/// In DWARF 5 the header has it, in the extension of DWARF 4 the root entry.
fn id_of<R: Reader>(unit: &UnitHeader<R>, abbreviations: &DebugAbbrev<R>) -> Option<DwoId> {
    match unit.type_() {
        UnitType::SplitCompilation(id) => Some(id),
        UnitType::Compilation => {
            let abbreviations = unit.abbreviations(abbreviations).ok()?;
            let mut entries = unit.entries(&abbreviations);
            let root = entries.next_dfs().ok()??;
            match root.attr_value(gimli::DW_AT_GNU_dwo_id)? {
                AttributeValue::DwoId(id) => Some(id),
                _ => None,
            }
        }
        _ => None,
    }
}
