//! What code each process has mapped: executable ranges, read from /proc when an address is in none that is known.

use std::fs::File;
use std::io::Read;
use std::sync::Arc;

use renacer_events::Pid;

/// The most of a process's map that is read, in bytes. The kernel's own limit of 65,530 mappings is reached before.
const MOST: u64 = 32 << 20;
/// How often a map is read for an address in no known range although nothing is said to have changed.
const MOST_DOUBTS: u8 = 8;

/// An executable mapping.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Mapping {
    pub start: u64,
    pub end: u64,
    /// Where in the file it begins, in bytes.
    pub offset: u64,
    /// Of the file: device and inode, 0 for none.
    pub device: u64,
    pub inode: u64,
    /// As the kernel writes it; empty for none.
    pub path: Box<[u8]>,
}

/// What is known of a range's module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// It has not been looked at.
    New,
    /// The image of this number; an address less `bias` is one in the file's own terms.
    Image { image: u32, bias: u64 },
    /// It cannot be entered.
    Nowhere,
}

/// One range of code.
#[derive(Clone, Debug)]
pub(crate) struct Range {
    pub start: u64,
    pub end: u64,
    pub place: Place,
    pub mapping: Arc<Mapping>,
}

/// The code of one process, or of several that are copies of one.
#[derive(Clone, Debug)]
pub(crate) struct Maps {
    /// In order of address.
    ranges: Arc<Vec<Range>>,
    /// Something has changed since they were read.
    changed: bool,
    doubts: u8,
}

impl Default for Maps {
    fn default() -> Self {
        Maps { ranges: Arc::default(), changed: true, doubts: 0 }
    }
}

impl Maps {
    /// The number of the range that an address is in.
    #[inline]
    pub fn find(&self, address: u64) -> Option<usize> {
        let after = self.ranges.partition_point(|range| range.start <= address);
        let index = after.checked_sub(1)?;
        (address < self.ranges[index].end).then_some(index)
    }

    /// A range by its number.
    pub fn range(&self, index: usize) -> &Range {
        &self.ranges[index]
    }

    /// Tells what has been found out of a range.
    pub fn set(&mut self, index: usize, place: Place) {
        Arc::make_mut(&mut self.ranges)[index].place = place;
    }

    /// Whether reading again may help to find an address.
    pub fn may_have_changed(&mut self) -> bool {
        if !self.changed && self.doubts < MOST_DOUBTS {
            self.doubts += 1;
            return true;
        }
        self.changed
    }

    /// Takes in what /proc says. Ranges that are as they were keep what is known of them.
    pub fn read(&mut self, pid: Pid) {
        self.changed = false;
        let mut text = Vec::new();
        let Ok(file) = File::open(format!("/proc/{pid}/maps")) else { return };
        if file.take(MOST).read_to_end(&mut text).is_ok() {
            self.update(parse(&text));
        }
    }

    fn update(&mut self, mappings: Vec<Mapping>) {
        let known = |mapping: &Mapping| {
            let index = self.find(mapping.start)?;
            let range = self.range(index);
            (*range.mapping == *mapping && range.start == mapping.start && range.end == mapping.end)
                .then(|| range.clone())
        };
        let new = |mapping: Mapping| {
            known(&mapping).unwrap_or_else(|| Range {
                start: mapping.start,
                end: mapping.end,
                place: Place::New,
                mapping: Arc::new(mapping),
            })
        };
        self.ranges = Arc::new(mappings.into_iter().map(new).collect());
    }

    /// What was mapped at a range is there no more; whether code was.
    pub fn forget(&mut self, start: u64, length: u64) -> bool {
        self.changed = true;
        let end = start.saturating_add(length);
        let gone = |range: &Range| range.start < end && start < range.end;
        let had_code = self.ranges.iter().any(gone);
        if had_code {
            Arc::make_mut(&mut self.ranges).retain(|range| !gone(range));
        }
        had_code
    }
}

/// The executable mappings in the text of /proc/PID/maps.
pub(crate) fn parse(text: &[u8]) -> Vec<Mapping> {
    let mut found: Vec<Mapping> = text.split(|byte| *byte == b'\n').filter_map(parse_line).collect();
    found.sort_by_key(|mapping| mapping.start);
    found
}

fn parse_line(line: &[u8]) -> Option<Mapping> {
    let mut rest = line;
    let mut field = || {
        let end = rest.iter().position(|byte| *byte == b' ').unwrap_or(rest.len());
        let (field, after) = rest.split_at(end);
        rest = after.get(1..).unwrap_or_default();
        std::str::from_utf8(field).ok()
    };
    let (range, permissions, offset, device, inode) = (field()?, field()?, field()?, field()?, field()?);
    if permissions.as_bytes().get(2) != Some(&b'x') {
        return None;
    }
    let hexadecimal = |text| u64::from_str_radix(text, 16).ok();
    let (start, end) = range.split_once('-')?;
    let (major, minor) = device.split_once(':')?;
    let (major, minor) = (u32::from_str_radix(major, 16).ok()?, u32::from_str_radix(minor, 16).ok()?);
    let mapping = Mapping {
        start: hexadecimal(start)?,
        end: hexadecimal(end)?,
        offset: hexadecimal(offset)?,
        device: rustix::fs::makedev(major, minor),
        inode: inode.parse().ok()?,
        path: rest.trim_ascii_start().into(),
    };
    (mapping.start < mapping.end).then_some(mapping)
}

/// A path in a map without what the kernel does to it: newlines are written as `\012`, and deleted files marked.
pub(crate) fn path(written: &[u8]) -> Vec<u8> {
    let written = written.strip_suffix(b" (deleted)").unwrap_or(written);
    let mut path = Vec::with_capacity(written.len());
    let mut rest = written;
    while let Some((byte, after)) = rest.split_first() {
        if let Some(after) = rest.strip_prefix(b"\\012") {
            path.push(b'\n');
            rest = after;
        } else {
            path.push(*byte);
            rest = after;
        }
    }
    path
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &[u8] = b"\
55d0c3a00000-55d0c3a02000 r--p 00000000 08:01 1234                       /usr/bin/a program
55d0c3a02000-55d0c3a07000 r-xp 00002000 08:01 1234                       /usr/bin/a program
7f0000000000-7f0000001000 rwxp 00000000 00:00 0 
7f1000000000-7f1000020000 r-xs 00001000 103:1f 99                        /lib/x\\012y.so (deleted)
7ffd5a5c8000-7ffd5a5ca000 r-xp 00000000 00:00 0                          [vdso]
ffffffffff600000-ffffffffff601000 --xp 00000000 00:00 0                  [vsyscall]
";

    #[test]
    fn executable_mappings_are_read() {
        let found = parse(TEXT);
        let of = |index: usize| {
            let Mapping { start, end, offset, inode, path, .. } = &found[index];
            (*start, *end, *offset, *inode, std::str::from_utf8(path).expect("text"))
        };
        assert_eq!(found.len(), 5);
        assert_eq!(of(0), (0x55d0_c3a0_2000, 0x55d0_c3a0_7000, 0x2000, 1234, "/usr/bin/a program"));
        assert_eq!(of(1), (0x7f00_0000_0000, 0x7f00_0000_1000, 0, 0, ""));
        assert_eq!(of(3).4, "[vdso]");
        assert_eq!(found[2].device, rustix::fs::makedev(0x103, 0x1f));
        assert_eq!(path(&found[2].path), b"/lib/x\ny.so");
    }

    #[test]
    fn anything_else_is_no_mapping() {
        for line in
            ["", " ", "1-2 r-xp", "2-1 r-xp 0 0:0 0 ", "x-2 r-xp 0 0:0 0", "1-2 r-xp 0 0:0 -1", "1-2 r-x", "1-2"]
        {
            assert_eq!(parse(line.as_bytes()), [], "{line}");
        }
        assert_eq!(parse(&[0xff; 100]), []);
    }

    #[test]
    fn own_code_is_found_and_forgotten() {
        let mut maps = Maps::default();
        assert!(maps.may_have_changed());
        let pid = std::process::id() as Pid;
        maps.read(pid);
        let here = own_code_is_found_and_forgotten as fn() as usize as u64;
        let index = maps.find(here).expect("this function is mapped");
        maps.set(index, Place::Image { image: 7, bias: 1 });
        maps.read(pid);
        let index = maps.find(here).expect("it still is");
        assert_eq!(maps.range(index).place, Place::Image { image: 7, bias: 1 }, "what is known stays known");
        let copy = maps.clone();
        maps.forget(here & !4095, 4096);
        assert_eq!(maps.find(here), None);
        assert!(copy.find(here).is_some(), "a copy has its own ranges");
        maps.read(pid);
        assert!(maps.find(here).is_some());
    }

    #[test]
    fn an_unchanged_map_is_read_for_some_doubts_only() {
        let mut maps = Maps::default();
        maps.read(std::process::id() as Pid);
        assert_eq!((0..100).filter(|_| maps.may_have_changed()).count(), usize::from(MOST_DOUBTS));
        maps.forget(0, 1);
        assert!(maps.may_have_changed());
    }
}
