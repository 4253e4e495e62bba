//! Split units: their skeletons are in the file, all else in a `.dwo` beside the objects or a `.dwp` beside the program.

use std::sync::Arc;

use gimli::{DwarfPackage, DwoId, UnitType};

use super::{Dwarf, Reader, empty, load, section_reader};
use crate::debug_files::{DebugFile, DebugFiles};
use crate::object_file::ObjectFile;

/// Where split units of a file are searched.
pub(super) struct Splits {
    files: Arc<DebugFiles>,
    debug: DebugFile,
    /// None until it was needed.
    package: Option<Option<DwarfPackage<Reader>>>,
}

impl Splits {
    pub(super) fn new(files: Arc<DebugFiles>, debug: DebugFile) -> Splits {
        Splits { files, debug, package: None }
    }

    /// The unit of a skeleton, and the file that it is in.
    pub(super) fn find(
        &mut self,
        main: &Dwarf,
        skeleton: &gimli::Unit<Reader>,
        id: DwoId,
    ) -> Option<(Arc<Dwarf>, gimli::Unit<Reader>)> {
        let dwarf = self.in_package(main, id).or_else(|| self.in_file(main, skeleton, id))?;
        let mut headers = dwarf.units();
        loop {
            let header = headers.next().ok()??;
            match header.type_() {
                UnitType::SplitCompilation(found) if found == id => {}
                UnitType::Compilation if header.version() < 5 => {}
                _ => continue,
            }
            let mut unit = dwarf.unit(header).ok()?;
            if unit.dwo_id == Some(id) {
                unit.copy_relocated_attributes(skeleton);
                return Some((dwarf, unit));
            }
        }
    }

    fn in_package(&mut self, main: &Dwarf, id: DwoId) -> Option<Arc<Dwarf>> {
        let (files, debug) = (&self.files, &self.debug);
        let package = self.package.get_or_insert_with(|| open_package(&files.package(debug)?));
        Some(Arc::new(package.as_ref()?.find_cu(id, main).ok()??))
    }

    fn in_file(&self, main: &Dwarf, skeleton: &gimli::Unit<Reader>, id: DwoId) -> Option<Arc<Dwarf>> {
        let folder = skeleton.comp_dir.as_ref().map_or(&[][..], |folder| folder.bytes());
        let name = main.attr_string(skeleton, skeleton.dwo_name().ok()??).ok()?;
        let object = self.files.split(&self.debug, folder, name.bytes(), id.0)?;
        let mut dwarf = load(&object, gimli::DwarfFileType::Dwo).ok()?;
        dwarf.make_dwo(main);
        Some(Arc::new(dwarf))
    }
}

fn open_package(object: &ObjectFile) -> Option<DwarfPackage<Reader>> {
    // All of them, also those that are never read: the index says where a unit's part of each is.
    let section = |id: gimli::SectionId| match id.dwo_name() {
        Some(name) => section_reader(object, name),
        None => Ok(empty(object)),
    };
    DwarfPackage::load(section, empty(object)).ok()
}
