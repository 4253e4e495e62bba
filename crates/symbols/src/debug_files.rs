//! Where the debug information of a module is: in itself, or in files that belong to it.
//!
//! Each of these files is taken only if it proves that it belongs: by its build id, by the checksum in the link to it, or by
//! the id of its unit. Places are searched as gdb searches them, in the root of the target first, then in our own.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};

use crate::debuginfod::{Debuginfod, Download};
use crate::modules::Module;
use crate::object_file::{MOST_TIME, ObjectFile, Refused};
use crate::rooted::Root;
use crate::split_units;
use crate::stopwatch::Stopwatch;

const DEBUG_DIRECTORY: &str = "/usr/lib/debug";
/// Longer names, of files or of folders, are not looked for.
const LONGEST_PATH: usize = 4095;

/// What a search has come to.
#[derive(Debug)]
pub enum Lookup<T> {
    /// It is there.
    Found(T),
    /// It is being downloaded: ask again later.
    Pending,
    /// There is none, and there will be none in this run.
    Absent,
}

/// A file with the debug information of a module, and where it is: what belongs to it is searched from there.
#[derive(Clone, Debug)]
pub struct DebugFile {
    /// The file. May be the module itself.
    pub object: ObjectFile,
    /// Its own places and the module's, as far as known.
    places: Vec<Place>,
    /// The target's and ours.
    roots: Vec<Root>,
}

#[derive(Clone, Debug)]
struct Place {
    root: Root,
    path: PathBuf,
}

/// Searches for debug files.
#[derive(Debug)]
pub struct DebugFiles {
    ours: Option<Root>,
    cache: Option<PathBuf>,
    debuginfod: Option<Debuginfod>,
    refused: AtomicU64,
}

impl DebugFiles {
    /// With our own root, and debuginfod as the environment says.
    pub fn from_environment() -> DebugFiles {
        DebugFiles::new(Root::ours().ok(), &|name| std::env::var_os(name))
    }

    fn new(ours: Option<Root>, environment: &dyn Fn(&str) -> Option<OsString>) -> DebugFiles {
        let cache = cache_directory(environment);
        let debuginfod = cache.as_ref().and_then(|cache| Debuginfod::new(cache, environment));
        DebugFiles { ours, cache, debuginfod, refused: AtomicU64::new(0) }
    }

    /// How many files that were there, and might have belonged, were refused: too large, too slow or malformed.
    pub fn refused(&self) -> u64 {
        self.refused.load(Ordering::Relaxed)
    }

    /// The file that has the DWARF of a module, whose own file is `object`.
    pub fn find(&self, module: &Module, object: &ObjectFile) -> Lookup<DebugFile> {
        let roots = self.roots(module);
        let path = Path::new(OsStr::from_bytes(&module.path));
        let own = match roots.first() {
            Some(root) if path.is_absolute() => vec![Place { root: root.clone(), path: path.to_owned() }],
            _ => Vec::new(),
        };
        if object.has_section(".debug_info") {
            return Lookup::Found(DebugFile { object: object.clone(), places: own, roots });
        }
        let found = match object.build_id() {
            Some(id) => self.by_build_id(&roots, id),
            None => None,
        };
        let found = found.or_else(|| self.by_link(&roots, path, object));
        if let Some((object, mut places)) = found {
            places.extend(own);
            return Lookup::Found(DebugFile { object, places, roots });
        }
        let Some(id) = object.build_id() else { return Lookup::Absent };
        match self.by_debuginfod(id) {
            Lookup::Found(object) => Lookup::Found(DebugFile { object, places: own, roots }),
            Lookup::Pending => Lookup::Pending,
            Lookup::Absent => Lookup::Absent,
        }
    }

    /// The supplementary file (made by dwz) that a debug file says it shares with others.
    pub fn supplementary(&self, debug: &DebugFile) -> Lookup<ObjectFile> {
        let Some((name, id)) = alternate_link(&debug.object) else { return Lookup::Absent };
        let beside = debug.places.iter().filter_map(|place| Some((&place.root, place.path.parent()?.join(&name))));
        let elsewhere = debug.roots.iter().filter(|_| name.is_absolute()).map(|root| (root, name.clone()));
        for (root, path) in beside.chain(elsewhere) {
            if let Some((object, _)) = self.open_with_id(root, &path, &id) {
                return Lookup::Found(object);
            }
        }
        match self.by_build_id(&debug.roots, &id) {
            Some((object, _)) => Lookup::Found(object),
            None => self.by_debuginfod(&id),
        }
    }

    /// The package (`.dwp`) with the split units of a debug file. A unit in it belongs if the package's index has its id.
    pub fn package(&self, debug: &DebugFile) -> Option<ObjectFile> {
        debug.places.iter().find_map(|place| {
            let mut path = place.path.clone().into_os_string();
            path.push(".dwp");
            let (object, _) = self.open(&place.root, Path::new(&path))?;
            (object.has_section(".debug_cu_index") || object.has_section(".debug_tu_index")).then_some(object)
        })
    }

    /// The file (`.dwo`) of a split unit, by what its skeleton says: the folder of its compilation, its name, its id.
    pub fn split(&self, debug: &DebugFile, comp_dir: &[u8], name: &[u8], id: u64) -> Option<ObjectFile> {
        let name = Path::new(OsStr::from_bytes(name));
        // Whatever DWARF names is not opened, only what can be such a file.
        if !matches!(name.extension()?.as_bytes(), b"dwo" | b"o") {
            return None;
        }
        let named = Path::new(OsStr::from_bytes(comp_dir)).join(name);
        let named = debug.roots.iter().filter(|_| named.is_absolute()).map(|root| (root, named.clone()));
        let beside = |name: &Path| {
            let folders = debug.places.iter().filter_map(|place| Some((&place.root, place.path.parent()?)));
            folders.map(|(root, folder)| (root, folder.join(name))).collect::<Vec<_>>()
        };
        let relative = if name.is_relative() { beside(name) } else { Vec::new() };
        let moved = beside(Path::new(name.file_name()?));
        named.chain(relative).chain(moved).find_map(|(root, path)| {
            let (object, _) = self.open(root, &path)?;
            split_units::has_unit(&object, id).then_some(object)
        })
    }

    fn roots(&self, module: &Module) -> Vec<Root> {
        module.root.iter().cloned().map(Root::of_process).chain(self.ours.clone()).collect()
    }

    fn by_build_id(&self, roots: &[Root], id: &[u8]) -> Option<(ObjectFile, Vec<Place>)> {
        let (first, rest) = id.split_first().filter(|(_, rest)| !rest.is_empty())?;
        let path = format!("{DEBUG_DIRECTORY}/.build-id/{first:02x}/{}.debug", hexadecimal(rest));
        roots.iter().find_map(|root| self.open_with_id(root, Path::new(&path), id))
    }

    /// By `.gnu_debuglink`, which has a name without a folder and a checksum of the whole file.
    fn by_link(&self, roots: &[Root], path: &Path, object: &ObjectFile) -> Option<(ObjectFile, Vec<Place>)> {
        let (name, checksum) = debug_link(object)?;
        let folder = path.parent().filter(|folder| folder.is_absolute())?;
        let global = Path::new(DEBUG_DIRECTORY).join(folder.strip_prefix("/").ok()?);
        let candidates = [folder.join(&name), folder.join(".debug").join(&name), global.join(&name)];
        roots.iter().flat_map(|root| candidates.iter().map(move |path| (root, path))).find_map(|(root, path)| {
            let file = root.open(path).ok()?;
            if !self.accept(has_checksum(&file, checksum))? {
                return None;
            }
            let found = self.accept(ObjectFile::open(&file))?;
            let differs = found.build_id().zip(object.build_id()).is_some_and(|(one, other)| one != other);
            (!differs).then(|| (found, places(root, path, &file)))
        })
    }

    /// In the cache, by way of a download if there are servers.
    fn by_debuginfod(&self, id: &[u8]) -> Lookup<ObjectFile> {
        let (Some(cache), Some(root)) = (&self.cache, &self.ours) else { return Lookup::Absent };
        let path = cache.join(hexadecimal(id)).join("debuginfo");
        let cached = || self.open_with_id(root, &path, id).map(|(object, _)| object);
        if let Some(object) = cached() {
            return Lookup::Found(object);
        }
        match self.debuginfod.as_ref().map(|debuginfod| debuginfod.fetch(id)) {
            Some(Download::Stored) => cached().map_or(Lookup::Absent, Lookup::Found),
            Some(Download::Pending) => Lookup::Pending,
            Some(Download::Failed) | None => Lookup::Absent,
        }
    }

    fn open_with_id(&self, root: &Root, path: &Path, id: &[u8]) -> Option<(ObjectFile, Vec<Place>)> {
        self.open(root, path).filter(|(object, _)| object.build_id() == Some(id))
    }

    fn open(&self, root: &Root, path: &Path) -> Option<(ObjectFile, Vec<Place>)> {
        if path.as_os_str().len() > LONGEST_PATH {
            return None;
        }
        let file = root.open(path).ok()?;
        let object = self.accept(ObjectFile::open(&file))?;
        Some((object, places(root, path, &file)))
    }

    fn accept<T>(&self, result: Result<T, Refused>) -> Option<T> {
        match result {
            Ok(found) => Some(found),
            // Something else of this name.
            Err(Refused::NotElf) => None,
            Err(_) => {
                self.refused.fetch_add(1, Ordering::Relaxed);
                None
            }
        }
    }
}

/// The path by which a file was found, and its path without symbolic links: what belongs to it may be beside either.
fn places(root: &Root, path: &Path, file: &File) -> Vec<Place> {
    let real = root.real_path(file).filter(|real| real != path);
    let paths = [Some(path.to_owned()), real];
    paths.into_iter().flatten().map(|path| Place { root: root.clone(), path }).collect()
}

fn debug_link(object: &ObjectFile) -> Option<(PathBuf, u32)> {
    let section = object.section(".gnu_debuglink").ok()??;
    let end = section.iter().take(LONGEST_PATH).position(|&byte| byte == 0)?;
    let checksum: [u8; 4] = section.get((end + 1).next_multiple_of(4)..)?.get(..4)?.try_into().ok()?;
    let checksum = match object.endian() {
        gimli::RunTimeEndian::Little => u32::from_le_bytes(checksum),
        gimli::RunTimeEndian::Big => u32::from_be_bytes(checksum),
    };
    let name = &section[..end];
    if matches!(name, b"" | b"." | b"..") || name.contains(&b'/') {
        return None;
    }
    Some((OsStr::from_bytes(name).into(), checksum))
}

fn alternate_link(object: &ObjectFile) -> Option<(PathBuf, Vec<u8>)> {
    let section = object.section(".gnu_debugaltlink").ok()??;
    let end = section.iter().take(LONGEST_PATH).position(|&byte| byte == 0).filter(|&end| end > 0)?;
    let id = section.get(end + 1..)?;
    Some((OsStr::from_bytes(&section[..end]).into(), id.to_owned()))
}

/// Whether a file has this CRC-32. Read, not mapped, so that it does not stay in memory as ours.
fn has_checksum(mut file: &File, checksum: u32) -> Result<bool, Refused> {
    let watch = Stopwatch::start();
    let mut crc = flate2::Crc::new();
    let mut buffer = vec![0; 1 << 18];
    loop {
        match file.read(&mut buffer) {
            Ok(0) => return Ok(crc.sum() == checksum),
            Ok(read) => crc.update(&buffer[..read]),
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error.into()),
        }
        if watch.spent() > MOST_TIME {
            return Err(Refused::TooSlow);
        }
    }
}

/// Where debuginfod's clients keep what they have downloaded.
fn cache_directory(environment: &dyn Fn(&str) -> Option<OsString>) -> Option<PathBuf> {
    let absolute = |name: &str| environment(name).map(PathBuf::from).filter(|path| path.is_absolute());
    if let Some(path) = absolute("DEBUGINFOD_CACHE_PATH") {
        return Some(path);
    }
    let caches = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(caches.join("debuginfod_client"))
}

pub(crate) fn hexadecimal(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests;
