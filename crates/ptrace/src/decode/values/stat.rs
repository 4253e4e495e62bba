//! What stat, statx and statfs tell.

use renacer_events::Abi;

use super::field;
use super::fields::Fields;
use super::open::whole_mode;
use super::tables::file;
use crate::decode::number::{hex, push_unsigned};

/// Appends a device number: `makedev(0x88, 0x3)`.
pub(crate) fn device(out: &mut String, value: u64) {
    let major = value >> 8 & 0xfff | value >> 32 & 0xffff_f000;
    let minor = value & 0xff | value >> 12 & 0xffff_ff00;
    out.push_str("makedev(");
    hex(out, major);
    out.push_str(", ");
    hex(out, minor);
    out.push(')');
}

/// Where the members that are shown stand, and how wide they are.
struct Layout {
    mode: (usize, usize),
    rdev: (usize, usize),
    size: (usize, usize),
    total: usize,
}

const X86_64: Layout = Layout { mode: (24, 4), rdev: (40, 8), size: (48, 8), total: 144 };
const AARCH64: Layout = Layout { mode: (16, 4), rdev: (32, 8), size: (48, 8), total: 128 };
const I386: Layout = Layout { mode: (8, 2), rdev: (16, 4), size: (20, 4), total: 64 };
const I386_STAT64: Layout = Layout { mode: (16, 4), rdev: (32, 8), size: (44, 8), total: 96 };
const I386_OLD: Layout = Layout { mode: (4, 2), rdev: (12, 2), size: (16, 4), total: 32 };

impl Layout {
    fn of(abi: Abi) -> Layout {
        match abi {
            Abi::X86_64 | Abi::X32 => X86_64,
            Abi::Aarch64 => AARCH64,
            Abi::I386 => I386,
        }
    }

    fn write(&self, out: &mut String, bytes: &[u8]) {
        let get = |(offset, size)| field(bytes, offset, size);
        let file_mode = get(self.mode);
        let mut fields = Fields::new(out);
        whole_mode(fields.name("st_mode"), file_mode);
        match file_mode & 0o170000 {
            0o020000 | 0o060000 => device(fields.name("st_rdev"), get(self.rdev)),
            _ => fields.unsigned("st_size", get(self.size)),
        }
        fields.end_cut();
    }
}

/// Size of the structure of stat, fstat, lstat and newfstatat.
pub(crate) fn stat_size(abi: Abi) -> usize {
    Layout::of(abi).total
}

/// Appends the structure of stat, fstat, lstat and newfstatat: `{st_mode=S_IFREG|0644, st_size=1234, ...}`.
pub(crate) fn stat(out: &mut String, abi: Abi, bytes: &[u8]) {
    Layout::of(abi).write(out, bytes);
}

/// Size of the structure of i386's stat64, fstat64, lstat64 and fstatat64.
pub(crate) const STAT64_SIZE: usize = I386_STAT64.total;

/// Appends the structure of i386's stat64, fstat64, lstat64 and fstatat64.
pub(crate) fn stat64(out: &mut String, bytes: &[u8]) {
    I386_STAT64.write(out, bytes);
}

/// Size of the structure of i386's oldstat, oldfstat and oldlstat.
pub(crate) const OLD_STAT_SIZE: usize = I386_OLD.total;

/// Appends the structure of i386's oldstat, oldfstat and oldlstat.
pub(crate) fn old_stat(out: &mut String, bytes: &[u8]) {
    I386_OLD.write(out, bytes);
}

/// Size of the structure of statx.
pub(crate) const STATX_SIZE: usize = 256;

/// Appends the structure of statx.
pub(crate) fn statx(out: &mut String, bytes: &[u8]) {
    let mask = field(bytes, 0, 4);
    let mut fields = Fields::new(out);
    file::STATX_MASK.write(fields.name("stx_mask"), mask);
    file::STATX_ATTRIBUTES.write(fields.name("stx_attributes"), field(bytes, 8, 8));
    if mask & 3 != 0 {
        whole_mode(fields.name("stx_mode"), field(bytes, 28, 2));
    }
    if mask & 0x200 != 0 {
        fields.unsigned("stx_size", field(bytes, 40, 8));
    }
    fields.end_cut();
}

/// Size of the structure of statfs and fstatfs.
pub(crate) fn statfs_size(abi: Abi) -> usize {
    match abi {
        Abi::X86_64 | Abi::Aarch64 => 120,
        Abi::I386 | Abi::X32 => 64,
    }
}

/// Appends the structure of statfs and fstatfs.
pub(crate) fn statfs(out: &mut String, abi: Abi, bytes: &[u8]) {
    let word = abi.word_size();
    write_statfs(out, bytes, word, word);
}

/// Size of the structure of i386's statfs64 and fstatfs64.
pub(crate) const STATFS64_SIZE: usize = 84;

/// Appends the structure of i386's statfs64 and fstatfs64.
pub(crate) fn statfs64(out: &mut String, bytes: &[u8]) {
    write_statfs(out, bytes, 4, 8);
}

fn write_statfs(out: &mut String, bytes: &[u8], word: usize, wide: usize) {
    let kind = field(bytes, 0, word);
    let mut fields = Fields::new(out);
    let kind_out = fields.name("f_type");
    match file::FILE_SYSTEM.name(kind) {
        Some(name) => kind_out.push_str(name),
        None => hex(kind_out, kind),
    }
    fields.unsigned("f_bsize", field(bytes, word, word));
    let mut offset = 2 * word;
    for name in ["f_blocks", "f_bfree", "f_bavail", "f_files", "f_ffree"] {
        fields.unsigned(name, field(bytes, offset, wide));
        offset += wide;
    }
    let id = fields.name("f_fsid");
    id.push_str("{val=[");
    hex(id, field(bytes, offset, 4));
    id.push_str(", ");
    hex(id, field(bytes, offset + 4, 4));
    id.push_str("]}");
    offset += 8;
    push_unsigned(fields.name("f_namelen"), field(bytes, offset, word));
    push_unsigned(fields.name("f_frsize"), field(bytes, offset + word, word));
    let flags = field(bytes, offset + 2 * word, word);
    // Without ST_VALID, the kernel is too old to fill the field.
    if flags & 0x20 != 0 {
        file::STATFS_FLAGS.write(fields.name("f_flags"), flags);
    }
    fields.end();
}

#[cfg(test)]
mod tests {
    use super::super::{text, words};
    use super::*;

    // The expected texts are what strace 6.1 prints for these bytes.

    #[test]
    fn devices() {
        assert_eq!(text(|out| device(out, 0x8803)), "makedev(0x88, 0x3)");
        assert_eq!(text(|out| device(out, 1 << 44 | 0x12345 << 12 | 5)), "makedev(0x1450, 0x12305)");
        assert_eq!(text(|out| device(out, 0)), "makedev(0, 0)");
    }

    fn x86_64(mode: u64, rdev: u64, size: u64) -> String {
        // Links and mode share a word, as do user and group.
        let bytes = words(8, &[0x801, 55, 3, mode | 1000 << 32, 1001, rdev, size, 4096, 8, 1, 2, 3, 4, 5, 6, 0, 0, 0]);
        text(|out| stat(out, Abi::X86_64, &bytes))
    }

    #[test]
    fn files() {
        assert_eq!(x86_64(0o100644, 0, 1234), "{st_mode=S_IFREG|0644, st_size=1234, ...}");
        assert_eq!(x86_64(0o20620, 0x8803, 1), "{st_mode=S_IFCHR|0620, st_rdev=makedev(0x88, 0x3), ...}");
        assert_eq!(x86_64(0o10644, 0x8803, 0), "{st_mode=S_IFIFO|0644, st_size=0, ...}");
        assert_eq!(x86_64(0, 0, -5i64 as u64), "{st_mode=000, st_size=18446744073709551611, ...}");
        // No strace at hand for this one: the layout is that of the kernel's asm-generic/stat.h.
        let arm = words(8, &[0x801, 55, 0o20620 | 3 << 32, 1000, 0x8803, 0, 1234, 4096]);
        assert_eq!(
            text(|out| stat(out, Abi::Aarch64, &arm)),
            "{st_mode=S_IFCHR|0620, st_rdev=makedev(0x88, 0x3), ...}"
        );
    }

    #[test]
    fn files_of_i386() {
        let bytes = |mode: u64| words(4, &[0x801, 55, mode | 3 << 16, 1000, 0x8803, 1234, 4096, 8]);
        let show = |mode| text(|out| stat(out, Abi::I386, &bytes(mode)));
        assert_eq!(show(0o100644), "{st_mode=S_IFREG|0644, st_size=1234, ...}");
        assert_eq!(show(0o20644), "{st_mode=S_IFCHR|0644, st_rdev=makedev(0x88, 0x3), ...}");
        let bytes = |mode: u64| words(4, &[0x801, 0, 0, 55, mode, 3, 1000, 1001, 0x8803, 0, 0, 1234, 0]);
        let show = |mode| text(|out| stat64(out, &bytes(mode)));
        assert_eq!(show(0o100644), "{st_mode=S_IFREG|0644, st_size=1234, ...}");
        assert_eq!(show(0o20644), "{st_mode=S_IFCHR|0644, st_rdev=makedev(0x88, 0x3), ...}");
        let old = words(2, &[0x801, 55, 0o100644, 3, 1000, 1001, 0, 0, 1234, 0]);
        assert_eq!(text(|out| old_stat(out, &old)), "{st_mode=S_IFREG|0644, st_size=1234, ...}");
    }

    #[test]
    fn extended_information() {
        let show = |mask: u64, attributes: u64, mode: u64| {
            let bytes = words(8, &[mask | 4096 << 32, attributes, 3, 1000 | mode << 32, 55, 1234]);
            text(|out| statx(out, &bytes))
        };
        assert_eq!(
            show(0xfff, 0, 0o100644),
            "{stx_mask=STATX_ALL, stx_attributes=0, stx_mode=S_IFREG|0644, stx_size=1234, ...}"
        );
        assert_eq!(
            show(0x17ff, 0x2010, 0o20644),
            "{stx_mask=STATX_BASIC_STATS|STATX_MNT_ID, stx_attributes=STATX_ATTR_IMMUTABLE|STATX_ATTR_MOUNT_ROOT, \
             stx_mode=S_IFCHR|0644, stx_size=1234, ...}"
        );
        assert_eq!(
            show(1, 1, 0o644),
            "{stx_mask=STATX_TYPE, stx_attributes=0x1 /* STATX_ATTR_??? */, stx_mode=0644, ...}"
        );
        assert_eq!(show(0, 0, 0), "{stx_mask=0, stx_attributes=0, ...}");
    }

    #[test]
    fn file_systems() {
        let expected = "{f_type=EXT2_SUPER_MAGIC, f_bsize=4096, f_blocks=100, f_bfree=50, f_bavail=40, f_files=30, \
                        f_ffree=20, f_fsid={val=[0x11, 0x22]}, f_namelen=255, f_frsize=4096, \
                        f_flags=ST_VALID|ST_RELATIME}";
        let wide = words(8, &[0xef53, 4096, 100, 50, 40, 30, 20, 0x22_0000_0011, 255, 4096, 0x1020]);
        assert_eq!(text(|out| statfs(out, Abi::X86_64, &wide)), expected);
        let narrow = words(4, &[0xef53, 4096, 100, 50, 40, 30, 20, 0x11, 0x22, 255, 4096, 0x1020]);
        assert_eq!(text(|out| statfs(out, Abi::I386, &narrow)), expected);
        let mixed = words(4, &[0xef53, 4096, 100, 0, 50, 0, 40, 0, 30, 0, 20, 0, 0x11, 0x22, 255, 4096, 0x1020]);
        assert_eq!(text(|out| statfs64(out, &mixed)), expected);
        let unknown = words(8, &[u64::MAX, 4096, 100, 50, 40, 30, 20, 0, 255, 4096, 0x1000]);
        assert_eq!(
            text(|out| statfs(out, Abi::X86_64, &unknown)),
            "{f_type=0xffffffffffffffff, f_bsize=4096, f_blocks=100, f_bfree=50, f_bavail=40, f_files=30, f_ffree=20, \
             f_fsid={val=[0, 0]}, f_namelen=255, f_frsize=4096}"
        );
    }
}
