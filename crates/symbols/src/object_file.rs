//! ELF files as the other parts read them: within limits, decompressed, and able to lose their end.
//!
//! A file is not to be trusted. What is parsed here is bounded in number and in length, so that lookups by name, which
//! compare the names of all sections, stay cheap. Whoever reads tables of symbols or DWARF bounds what they say in turn.

use std::fs::File;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use object::elf::{self, FileHeader32, FileHeader64};
use object::read::elf::{FileHeader, NoteIterator, ProgramHeader, SectionHeader};
use object::{CompressionFormat, Endianness, FileKind, Object, ObjectSection, ReadRef};

use crate::decompress;
use crate::mapped::Bytes;

/// Anonymous memory that one file may use, in bytes.
pub const MOST_MEMORY: u64 = 256 << 20;
/// Time that the decompression of one file's sections may take altogether. Waiting for the disk or for a processor counts
/// a fifth.
pub const MOST_TIME: Duration = Duration::from_secs(2);

const MOST_SECTIONS: usize = 1 << 17;
const MOST_SEGMENTS: usize = 1 << 12;
const MOST_NOTES: usize = 1 << 12;
/// Bytes of all sections' names.
const MOST_NAMES: usize = 8 << 20;
const LONGEST_BUILD_ID: usize = 64;

/// The contents of a section: shared, never moving, cheap to clone, fit for `gimli::EndianReader`.
pub type Section = Bytes;

/// Why a file, or one of its sections, is not read.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// It would take more memory than one file may.
    #[error("it needs more memory than one file may use")]
    TooLarge,
    /// It takes more time than one file may.
    #[error("reading it takes too long")]
    TooSlow,
    /// It is no regular file, or none in ELF format.
    #[error("it is no ELF file")]
    NotElf,
    /// It ends before what it declares.
    #[error("it is shorter than it declares")]
    Truncated,
    /// What it declares contradicts itself.
    #[error("it is malformed: {0}")]
    Malformed(&'static str),
    /// The system does not let us read it.
    #[error("it cannot be read: {0}")]
    Io(#[from] io::Error),
}

/// An ELF file or image, open for reading. Cheap to clone: clones share everything, also what has been decompressed.
#[derive(Clone, Debug)]
pub struct ObjectFile {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    data: Bytes,
    build_id: Option<Box<[u8]>>,
    endian: gimli::RunTimeEndian,
    /// PT_LOADs with PF_X.
    executable: Box<[Segment]>,
    decompressed: Mutex<Decompressed>,
}

#[derive(Clone, Copy, Debug)]
struct Segment {
    offset: u64,
    size: u64,
    address: u64,
}

/// Kept for the life of the file, so that nothing is paid for twice.
#[derive(Debug)]
struct Decompressed {
    sections: Vec<(String, Section)>,
    memory_left: u64,
    time_left: Duration,
}

impl ObjectFile {
    /// Opens the ELF file behind a descriptor, which may be closed afterwards.
    ///
    /// # Errors
    ///
    /// When it is no ELF file, or one that a well-meaning linker does not make.
    pub fn open(file: &File) -> Result<ObjectFile, Refused> {
        let metadata = file.metadata()?;
        if !metadata.is_file() {
            return Err(Refused::NotElf);
        }
        match Bytes::of_file(file, metadata.size()) {
            Ok(data) => ObjectFile::new(data),
            Err(error) => Err(match error.kind() {
                io::ErrorKind::UnexpectedEof => Refused::Truncated,
                io::ErrorKind::OutOfMemory | io::ErrorKind::FileTooLarge => Refused::TooLarge,
                _ => error.into(),
            }),
        }
    }

    /// Opens an image in memory (the vDSO), which is copied.
    ///
    /// # Errors
    ///
    /// As for [`open`](Self::open).
    pub fn from_image(bytes: &[u8]) -> Result<ObjectFile, Refused> {
        if bytes.len() as u64 > MOST_MEMORY {
            return Err(Refused::TooLarge);
        }
        ObjectFile::new(bytes.to_vec().into())
    }

    fn new(data: Bytes) -> Result<ObjectFile, Refused> {
        let facts = match FileKind::parse(&*data) {
            Ok(FileKind::Elf32) => Facts::read::<FileHeader32<Endianness>>(&data)?,
            Ok(FileKind::Elf64) => Facts::read::<FileHeader64<Endianness>>(&data)?,
            _ => return Err(Refused::NotElf),
        };
        let decompressed = Decompressed { sections: Vec::new(), memory_left: MOST_MEMORY, time_left: MOST_TIME };
        let shared = Shared {
            build_id: facts.build_id,
            endian: facts.endian,
            executable: facts.executable.into(),
            data,
            decompressed: Mutex::new(decompressed),
        };
        let file = ObjectFile { shared: Arc::new(shared) };
        file.elf()?;
        Ok(file)
    }

    /// All bytes of it. Zeros stand where it has been shortened since.
    pub fn data(&self) -> &[u8] {
        &self.shared.data
    }

    /// Its tables, parsed anew at each call (about a microsecond). Names of symbols that this gives are searched for their
    /// end without limit: for a file that is not to be trusted, take the string table's bytes and look at a bounded part.
    ///
    /// # Errors
    ///
    /// When it is malformed, which can come about after opening.
    pub fn elf(&self) -> Result<object::File<'_>, Refused> {
        object::File::parse(self.data()).map_err(|_| Refused::Malformed("headers"))
    }

    /// The GNU build id.
    pub fn build_id(&self) -> Option<&[u8]> {
        self.shared.build_id.as_deref()
    }

    /// The byte order.
    pub fn endian(&self) -> gimli::RunTimeEndian {
        self.shared.endian
    }

    /// Whether the file has been shortened since it was opened, and zeros were read in place of what it had.
    pub fn lost(&self) -> bool {
        self.shared.data.lost()
    }

    /// The virtual address of the code at a file offset, by the executable segment that holds the offset: the difference
    /// of both is not the same in all segments. An offset before a segment in its first page, where a mapping of the
    /// segment begins, counts as held by it.
    pub fn address_of_offset(&self, offset: u64) -> Option<u64> {
        let segments = &self.shared.executable;
        let exact = |segment: &&Segment| offset.checked_sub(segment.offset).is_some_and(|within| within < segment.size);
        let page = rustix::param::page_size() as u64;
        let before = |segment: &&Segment| offset < segment.offset && offset >= segment.offset - segment.offset % page;
        let segment = segments.iter().find(exact).or_else(|| segments.iter().find(before))?;
        Some(segment.address.wrapping_sub(segment.offset).wrapping_add(offset))
    }

    /// The contents of a section, decompressed; none if there is no such section or it has no contents in this file. `name`
    /// is that of the modern form: `.debug_info` finds `.zdebug_info` too.
    ///
    /// # Errors
    ///
    /// When it is not within the file, or its decompression is refused.
    pub fn section(&self, name: &str) -> Result<Option<Section>, Refused> {
        let elf = self.elf()?;
        let Some(section) = find(&elf, name) else { return Ok(None) };
        if section.file_range().is_none() {
            return Ok(None);
        }
        let range = section.compressed_file_range().map_err(|_| Refused::Malformed("compressed section"))?;
        let slice = |start: u64, size: u64| self.shared.data.slice(start.try_into().ok()?, size.try_into().ok()?);
        let stored = slice(range.offset, range.compressed_size).ok_or(Refused::Truncated)?;
        if range.format == CompressionFormat::None {
            return Ok(Some(stored));
        }
        let mut decompressed = self.shared.decompressed.lock().unwrap_or_else(PoisonError::into_inner);
        decompressed.section(name, &stored, range.format, range.uncompressed_size).map(Some)
    }

    /// Whether there is a section of this name with contents in this file.
    pub fn has_section(&self, name: &str) -> bool {
        let elf = self.elf().ok();
        let range = elf.as_ref().and_then(|elf| find(elf, name)?.file_range());
        range.is_some_and(|(_, size)| size > 0)
    }

    /// The virtual address of a section.
    pub fn section_address(&self, name: &str) -> Option<u64> {
        Some(find(&self.elf().ok()?, name)?.address())
    }
}

/// By its name or the name that it had when its compression was told by the name.
fn find<'data, 'file>(elf: &'file object::File<'data>, name: &str) -> Option<object::Section<'data, 'file>> {
    let formerly = || elf.section_by_name(&format!(".zdebug_{}", name.strip_prefix(".debug_")?));
    elf.section_by_name(name).or_else(formerly)
}

impl Decompressed {
    fn section(&mut self, name: &str, stored: &[u8], format: CompressionFormat, size: u64) -> Result<Section, Refused> {
        if let Some((_, section)) = self.sections.iter().find(|(known, _)| known == name) {
            return Ok(section.clone());
        }
        if size > self.memory_left {
            return Err(Refused::TooLarge);
        }
        // What is refused has used its share too, so that asking again does not cost again without end.
        self.memory_left -= size;
        let section: Section = decompress::decompress(stored, format, size, &mut self.time_left)?.into();
        self.sections.push((name.to_owned(), section.clone()));
        Ok(section)
    }
}

/// What is found out once, when a file is opened.
struct Facts {
    endian: gimli::RunTimeEndian,
    build_id: Option<Box<[u8]>>,
    executable: Vec<Segment>,
}

impl Facts {
    fn read<Elf: FileHeader<Endian = Endianness>>(data: &[u8]) -> Result<Facts, Refused> {
        let header = Elf::parse(data).map_err(|_| Refused::NotElf)?;
        let endian = header.endian().map_err(|_| Refused::NotElf)?;
        let segments = header.program_headers(endian, data).map_err(|_| Refused::Truncated)?;
        let sections = header.section_headers(endian, data).map_err(|_| Refused::Truncated)?;
        if segments.len() > MOST_SEGMENTS || sections.len() > MOST_SECTIONS {
            return Err(Refused::TooLarge);
        }
        bound_names(header, endian, sections, data)?;
        let mut notes = MOST_NOTES;
        let mut build_id = sections.iter().find_map(|section| {
            let found = section.notes(endian, data).ok()??;
            find_build_id::<Elf>(found, endian, &mut notes)
        });
        if sections.is_empty() {
            build_id = segments.iter().find_map(|segment| {
                let found = segment.notes(endian, data).ok()??;
                find_build_id::<Elf>(found, endian, &mut notes)
            });
        }
        let is_code = |segment: &&Elf::ProgramHeader| {
            segment.p_type(endian) == elf::PT_LOAD && segment.p_flags(endian).contains(elf::PF_X)
        };
        let executable = segments.iter().filter(is_code).map(|segment| Segment {
            offset: segment.p_offset(endian).into(),
            size: segment.p_filesz(endian).into(),
            address: segment.p_vaddr(endian).into(),
        });
        let endian_of_dwarf = match endian {
            Endianness::Little => gimli::RunTimeEndian::Little,
            Endianness::Big => gimli::RunTimeEndian::Big,
        };
        Ok(Facts { endian: endian_of_dwarf, build_id, executable: executable.collect() })
    }
}

/// Refuses names without an end: every lookup reads them all.
fn bound_names<Elf: FileHeader<Endian = Endianness>>(
    header: &Elf,
    endian: Endianness,
    sections: &[Elf::SectionHeader],
    data: &[u8],
) -> Result<(), Refused> {
    if sections.is_empty() {
        return Ok(());
    }
    let malformed = |_| Refused::Malformed("section names");
    let index = header.shstrndx(endian, data).map_err(malformed)?;
    let Some(strings) = sections.get(index as usize).filter(|_| index != 0) else { return Ok(()) };
    let (start, size) = strings.file_range(endian).ok_or(Refused::Malformed("section names"))?;
    let strings = data.read_bytes_at(start, size).map_err(|()| Refused::Truncated)?;
    let mut left = MOST_NAMES;
    for section in sections {
        let name = strings.get(section.sh_name(endian) as usize..).unwrap_or_default();
        let length = name.iter().take(left).position(|&byte| byte == 0);
        left -= length.ok_or(Refused::Malformed("section names"))?;
    }
    Ok(())
}

fn find_build_id<Elf: FileHeader<Endian = Endianness>>(
    mut notes: NoteIterator<'_, Elf>,
    endian: Endianness,
    left: &mut usize,
) -> Option<Box<[u8]>> {
    while let Ok(Some(note)) = notes.next() {
        *left = left.checked_sub(1)?;
        if note.name() == elf::ELF_NOTE_GNU && note.n_type(endian) == elf::NT_GNU_BUILD_ID {
            let id = note.desc();
            return (!id.is_empty() && id.len() <= LONGEST_BUILD_ID).then(|| id.into());
        }
    }
    None
}

#[cfg(test)]
pub(crate) mod tests;
