//! Enters files and regions of code into the shared table when a frame is first seen in them.

use std::collections::HashMap;
use std::fs::{File, Metadata, OpenOptions};
use std::io::Read;
use std::os::fd::OwnedFd;
use std::os::unix::ffi::OsStringExt;
use std::os::unix::fs::{FileExt, MetadataExt, OpenOptionsExt};
use std::path::PathBuf;
use std::sync::Arc;

use renacer_events::{ModuleId, Pid};
use rustix::fs::OFlags;

use crate::maps::{self, Mapping, Place};
use crate::modules::{Code, Module, Modules};
use crate::object_file::ObjectFile;
use crate::unwind::image::Image;
use crate::unwind::window::Window;

/// The largest vDSO that is copied, in bytes; the largest known is 16 KiB.
const MOST_IMAGE: u64 = 256 << 10;
/// How much of a mapping is compared with a file whose device has another number in /proc than on disk.
const COMPARED: usize = 256;

/// A file as long as it is not changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
struct Identity {
    device: u64,
    inode: u64,
    changed: (i64, i64),
    size: u64,
}

impl Identity {
    fn new(metadata: &Metadata) -> Identity {
        Identity {
            device: metadata.dev(),
            inode: metadata.ino(),
            changed: (metadata.ctime(), metadata.ctime_nsec()),
            size: metadata.size(),
        }
    }
}

/// All images that frames were seen in.
#[derive(Debug)]
pub(crate) struct Images {
    modules: Arc<Modules>,
    images: Vec<Image>,
    files: HashMap<Identity, u32>,
    /// Files that cannot be opened, by what the map says of them.
    unreadable: HashMap<(u64, u64, Box<[u8]>), u32>,
    copies: Vec<(Box<[u8]>, u32)>,
}

/// What a process adds to what its map says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Own {
    /// The image of its generated code.
    generated: Option<u32>,
    root: Option<Arc<OwnedFd>>,
}

impl Images {
    /// Images for a table that others read.
    pub fn new(modules: Arc<Modules>) -> Images {
        Images { modules, images: Vec::new(), files: HashMap::new(), unreadable: HashMap::new(), copies: Vec::new() }
    }

    /// An image by its number.
    pub fn get(&mut self, image: u32) -> &mut Image {
        &mut self.images[image as usize]
    }

    fn add(&mut self, module: Module, file: Option<ObjectFile>, is_generated: bool) -> Option<u32> {
        let number = u32::try_from(self.images.len()).ok()?;
        let path = module.path.clone();
        let id: ModuleId = self.modules.add(module)?;
        self.images.push(Image::new(id, &path, file, is_generated));
        Some(number)
    }

    /// Which image a mapping is of, entering it if it is new.
    pub fn place(&mut self, pid: Pid, own: &mut Own, mapping: &Mapping, window: &mut Window) -> Place {
        let place = match &*mapping.path {
            b"[vdso]" => self.copied(mapping, window),
            // Emulated by the kernel: no frame is ever there.
            b"[vsyscall]" => Some(Place::Nowhere),
            _ if mapping.inode != 0 => self.in_file(pid, own, mapping, window),
            _ => self.generated(pid, own),
        };
        place.unwrap_or(Place::Nowhere)
    }

    fn copied(&mut self, mapping: &Mapping, window: &mut Window) -> Option<Place> {
        let size = mapping.end.checked_sub(mapping.start).filter(|size| *size <= MOST_IMAGE)?;
        let mut bytes = vec![0; usize::try_from(size).ok()?];
        let length = window.bytes(mapping.start, &mut bytes);
        bytes.truncate(length);
        let known = self.copies.iter().find(|(known, _)| **known == *bytes).map(|(_, image)| *image);
        let image = match known {
            Some(image) => image,
            None => {
                let file = ObjectFile::from_image(&bytes).ok()?;
                let code = Code::Image(bytes.clone().into());
                let module = Module { code, path: mapping.path.to_vec(), is_program: false, root: None };
                let image = self.add(module, Some(file), false)?;
                self.copies.push((bytes.into(), image));
                image
            }
        };
        self.biased(image, mapping)
    }

    fn generated(&mut self, pid: Pid, own: &mut Own) -> Option<Place> {
        let image = match own.generated {
            Some(image) => image,
            None => {
                let code = Code::Generated { pid, own_pid: own_pid(pid).unwrap_or(pid) };
                let root = root(pid, own);
                let module = Module { code, path: b"[generated]".to_vec(), is_program: false, root };
                *own.generated.insert(self.add(module, None, true)?)
            }
        };
        Some(Place::Image { image, bias: 0 })
    }

    fn in_file(&mut self, pid: Pid, own: &mut Own, mapping: &Mapping, window: &mut Window) -> Option<Place> {
        let found = candidates(pid, mapping).find_map(|(path, is_certain)| {
            let metadata = std::fs::metadata(&path).ok().filter(Metadata::is_file)?;
            let is_same = is_certain || (metadata.ino() == mapping.inode && metadata.dev() == mapping.device);
            // Btrfs and some layered file systems show another device here than there.
            let is_likely = metadata.ino() == mapping.inode;
            (is_same || is_likely).then_some((path, metadata, is_same))
        });
        let Some((path, metadata, is_same)) = found else { return self.unreadable(pid, own, mapping) };
        let identity = Identity::new(&metadata);
        if let Some(image) = self.files.get(&identity).copied() {
            return self.biased(image, mapping);
        }
        // Without waiting for whoever may have put a FIFO there since.
        let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
        let opened = OpenOptions::new().read(true).custom_flags(flags.bits() as i32).open(&path);
        let file =
            opened.ok().filter(|file| file.metadata().is_ok_and(|metadata| Identity::new(&metadata) == identity));
        let file = file.filter(|file| is_same || has_same_code(file, mapping, window));
        let Some(file) = file else { return self.unreadable(pid, own, mapping) };
        let object = ObjectFile::open(&file);
        let is_elf = !matches!(object, Err(crate::object_file::Refused::NotElf));
        let is_program = std::fs::metadata(format!("/proc/{pid}/exe"))
            .is_ok_and(|exe| (exe.dev(), exe.ino()) == (metadata.dev(), metadata.ino()));
        let module =
            Module { code: Code::File(file), path: maps::path(&mapping.path), is_program, root: root(pid, own) };
        let image = match is_elf {
            true => self.add(module, object.ok(), false)?,
            // Such as a file in memory into which code is compiled.
            false => return self.generated(pid, own),
        };
        self.files.insert(identity, image);
        self.biased(image, mapping)
    }

    fn unreadable(&mut self, pid: Pid, own: &mut Own, mapping: &Mapping) -> Option<Place> {
        let key = (mapping.device, mapping.inode, mapping.path.clone());
        let image = match self.unreadable.get(&key) {
            Some(image) => *image,
            None => {
                let path = maps::path(&mapping.path);
                let module = Module { code: Code::Unreadable, path, is_program: false, root: root(pid, own) };
                let image = self.add(module, None, false)?;
                self.unreadable.insert(key, image);
                image
            }
        };
        Some(Place::Image { image, bias: mapping.start.wrapping_sub(mapping.offset) })
    }

    /// The place of a mapping in an image whose segments tell addresses.
    fn biased(&mut self, image: u32, mapping: &Mapping) -> Option<Place> {
        let file = self.get(image).file.as_ref();
        // Files that cannot be parsed, and parts of files that are no code by their own account, have only offsets.
        let address = file.and_then(|file| file.address_of_offset(mapping.offset)).unwrap_or(mapping.offset);
        Some(Place::Image { image, bias: mapping.start.wrapping_sub(address) })
    }
}

/// Where a mapping's file may be found, and whether what is there is certainly it.
fn candidates(pid: Pid, mapping: &Mapping) -> impl Iterator<Item = (PathBuf, bool)> {
    let Mapping { start, end, .. } = mapping;
    let mapped = PathBuf::from(format!("/proc/{pid}/map_files/{start:x}-{end:x}"));
    let mut rooted = format!("/proc/{pid}/root").into_bytes();
    rooted.extend_from_slice(&maps::path(&mapping.path));
    let rooted = PathBuf::from(std::ffi::OsString::from_vec(rooted));
    // Programs without a name: deleted, or in memory.
    let program = PathBuf::from(format!("/proc/{pid}/exe"));
    [(mapped, true), (rooted, false), (program, false)].into_iter()
}

/// Whether the beginning of a mapping is what the file has there.
fn has_same_code(file: &File, mapping: &Mapping, window: &mut Window) -> bool {
    let (mut mapped, mut stored) = ([0; COMPARED], [0; COMPARED]);
    let length = window.bytes(mapping.start, &mut mapped);
    let read = file.read_at(&mut stored, mapping.offset).unwrap_or(0);
    length == COMPARED && read == COMPARED && mapped == stored
}

/// The root directory of a process, opened once.
fn root(pid: Pid, own: &mut Own) -> Option<Arc<OwnedFd>> {
    if own.root.is_none() {
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let opened = rustix::fs::open(format!("/proc/{pid}/root"), flags, rustix::fs::Mode::empty());
        own.root = opened.ok().map(Arc::new);
    }
    own.root.clone()
}

/// A process's id in its own pid namespace.
fn own_pid(pid: Pid) -> Option<Pid> {
    let mut text = String::new();
    File::open(format!("/proc/{pid}/status")).ok()?.take(1 << 16).read_to_string(&mut text).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    line.split_whitespace().last()?.parse().ok()
}
