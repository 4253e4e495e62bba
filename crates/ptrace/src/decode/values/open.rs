//! How files are opened and what their modes are.

use renacer_events::Abi;

use super::fields::Fields;
use super::flags::Flags;
use super::tables::file;
use super::{field, int, rest};
use crate::decode::number::{push_octal, push_unsigned};

/// Appends the flags of open: `O_RDWR|O_CREAT`.
pub(crate) fn open_flags(out: &mut String, abi: Abi, value: u64) {
    file::OPEN_ACCESS.write(out, value & 3);
    open_table(abi).write_more(out, value & 0xffff_fffc);
}

/// Appends flags of open where there is no access mode, as for pipe2 and dup3: `O_CLOEXEC`.
pub(crate) fn file_flags(out: &mut String, abi: Abi, value: u64) {
    open_table(abi).write_int(out, value);
}

fn open_table(abi: Abi) -> &'static Flags {
    match abi {
        Abi::Aarch64 => &file::OPEN_FILE_ARM,
        Abi::X86_64 | Abi::I386 | Abi::X32 => &file::OPEN_FILE,
    }
}

/// Size of `struct open_how` in its first version: less is not accepted.
pub(crate) const LEAST_OPEN_HOW: usize = 24;

/// Appends the `struct open_how` of openat2, in as many bytes as were given.
pub(crate) fn open_how(out: &mut String, abi: Abi, bytes: &[u8]) {
    const O_CREAT: u64 = 0o100;
    const O_TMPFILE_BIT: u64 = 0o20_000_000;
    let (flags, mode) = (field(bytes, 0, 8), field(bytes, 8, 8));
    let mut fields = Fields::new(out);
    let flags_out = fields.name("flags");
    file::OPEN_ACCESS.write(flags_out, flags & 3);
    open_table(abi).write_more(flags_out, flags & !3);
    if mode != 0 || flags & (O_CREAT | O_TMPFILE_BIT) != 0 {
        push_octal(fields.name("mode"), mode, 3);
    }
    file::RESOLVE.write(fields.name("resolve"), field(bytes, 16, 8));
    rest(&mut fields, bytes, LEAST_OPEN_HOW);
    fields.end();
}

/// Size of a `struct flock` of that ABI.
pub(crate) fn flock_size(abi: Abi) -> usize {
    if abi == Abi::I386 { 16 } else { 32 }
}

/// Appends a `struct flock`. The process id is shown where the kernel fills it in.
pub(crate) fn flock(out: &mut String, abi: Abi, bytes: &[u8], with_pid: bool) {
    match abi {
        Abi::I386 => write_flock(out, bytes, [int(bytes, 4), int(bytes, 8)], with_pid.then(|| int(bytes, 12))),
        _ => {
            let range = [field(bytes, 8, 8) as i64, field(bytes, 16, 8) as i64];
            write_flock(out, bytes, range, with_pid.then(|| int(bytes, 24)));
        }
    }
}

/// Size of i386's `struct flock64`.
pub(crate) const FLOCK64_SIZE: usize = 24;

/// Appends i386's `struct flock64`.
pub(crate) fn flock64(out: &mut String, bytes: &[u8], with_pid: bool) {
    let range = [field(bytes, 4, 8) as i64, field(bytes, 12, 8) as i64];
    write_flock(out, bytes, range, with_pid.then(|| int(bytes, 20)));
}

fn write_flock(out: &mut String, bytes: &[u8], [start, length]: [i64; 2], pid: Option<i64>) {
    let mut fields = Fields::new(out);
    file::LOCK_TYPE.write(fields.name("l_type"), field(bytes, 0, 2));
    file::SEEK.write(fields.name("l_whence"), field(bytes, 2, 2));
    fields.signed("l_start", start);
    fields.signed("l_len", length);
    if let Some(pid) = pid {
        fields.signed("l_pid", pid);
    }
    fields.end();
}

/// Size of a `struct f_owner_ex`.
pub(crate) const OWNER_SIZE: usize = 8;

/// Appends the `struct f_owner_ex` of F_SETOWN_EX and F_GETOWN_EX.
pub(crate) fn owner(out: &mut String, bytes: &[u8]) {
    let mut fields = Fields::new(out);
    file::OWNER.write(fields.name("type"), field(bytes, 0, 4));
    fields.signed("pid", int(bytes, 4));
    fields.end();
}

/// Appends a file's type and permissions in an argument, of which 16 bits count: `S_IFREG|0644`.
pub(crate) fn mode(out: &mut String, value: u64) {
    whole_mode(out, value & 0xffff);
}

/// Appends a file's type and permissions, with any further bits.
pub(super) fn whole_mode(out: &mut String, value: u64) {
    let kind = match value & 0o170000 {
        0 => "",
        0o010000 => "S_IFIFO|",
        0o020000 => "S_IFCHR|",
        0o040000 => "S_IFDIR|",
        0o060000 => "S_IFBLK|",
        0o100000 => "S_IFREG|",
        0o120000 => "S_IFLNK|",
        0o140000 => "S_IFSOCK|",
        _ => return push_octal(out, value, 3),
    };
    out.push_str(kind);
    for (bit, name) in [(0o4000, "S_ISUID|"), (0o2000, "S_ISGID|"), (0o1000, "S_ISVTX|")] {
        if value & bit != 0 {
            out.push_str(name);
        }
    }
    push_octal(out, value & !0o177000, 3);
}

/// Appends the flags of statx: how to synchronize, then the rest.
pub(crate) fn statx_flags(out: &mut String, value: u64) {
    out.push_str(match value & 0x6000 {
        0 => "AT_STATX_SYNC_AS_STAT",
        0x2000 => "AT_STATX_FORCE_SYNC",
        0x4000 => "AT_STATX_DONT_SYNC",
        _ => "AT_STATX_FORCE_SYNC|AT_STATX_DONT_SYNC",
    });
    file::AT_FLAGS.write_more(out, value & 0xffff_9fff);
}

/// Appends the flags of swapon: `SWAP_FLAG_PREFER|5`.
pub(crate) fn swap_flags(out: &mut String, value: u64) {
    let flags = value & 0xffff_8000;
    if flags != 0 {
        file::SWAPON.write(out, flags);
        out.push('|');
    }
    push_unsigned(out, value & 0x7fff);
}

/// Appends the flags of fanotify_init: the class, then the rest.
pub(crate) fn fanotify_init(out: &mut String, value: u64) {
    file::FANOTIFY_CLASS.write(out, value & 0xc);
    let flags = value & 0xffff_fff3;
    if flags != 0 {
        out.push('|');
        file::FANOTIFY_INIT.write(out, flags);
    }
}

#[cfg(test)]
mod tests {
    use super::super::text;
    use super::*;

    // The expected texts are what strace 6.1 prints for these numbers.

    #[test]
    fn flags_of_open() {
        let x86 = |value| text(|out| open_flags(out, Abi::X86_64, value));
        assert_eq!(x86(0), "O_RDONLY");
        assert_eq!(x86(3), "O_ACCMODE");
        assert_eq!(x86(0x241), "O_WRONLY|O_CREAT|O_TRUNC");
        assert_eq!(x86(0x101000), "O_RDONLY|O_SYNC");
        assert_eq!(x86(0x101040), "O_RDONLY|O_CREAT|O_SYNC");
        assert_eq!(x86(0x100000), "O_RDONLY|__O_SYNC");
        assert_eq!(x86(0x410002), "O_RDWR|O_TMPFILE");
        assert_eq!(x86(0x400000), "O_RDONLY|__O_TMPFILE");
        assert_eq!(x86(0x3b3000), "O_RDONLY|O_SYNC|O_NOFOLLOW|O_CLOEXEC|O_PATH|O_DIRECTORY|FASYNC");
        assert_eq!(x86(0x800000), "O_RDONLY|0x800000");
        assert_eq!(
            x86(0xffff_ffff_ffff_ffff),
            "O_ACCMODE|O_CREAT|O_EXCL|O_NOCTTY|O_TRUNC|O_APPEND|O_NONBLOCK|O_SYNC|O_DIRECT|O_LARGEFILE|O_NOFOLLOW|\
             O_NOATIME|O_CLOEXEC|O_PATH|O_TMPFILE|FASYNC|0xff80003c"
        );
        assert_eq!(text(|out| open_flags(out, Abi::Aarch64, 0x4000)), "O_RDONLY|O_DIRECTORY");
    }

    #[test]
    fn flags_without_an_access_mode() {
        let x86 = |value| text(|out| file_flags(out, Abi::X86_64, value));
        assert_eq!(x86(0), "0");
        assert_eq!(x86(0x80800), "O_NONBLOCK|O_CLOEXEC");
        assert_eq!(x86(0x800000), "0x800000 /* O_??? */");
        assert_eq!(x86(0xfff0000), "__O_SYNC|O_NOFOLLOW|O_NOATIME|O_CLOEXEC|O_PATH|O_TMPFILE|0xf800000");
    }

    #[test]
    fn modes() {
        let mode = |value| text(|out| mode(out, value));
        assert_eq!(mode(0), "000");
        assert_eq!(mode(0o644), "0644");
        assert_eq!(mode(0o100644), "S_IFREG|0644");
        assert_eq!(mode(0o7777), "S_ISUID|S_ISGID|S_ISVTX|0777");
        assert_eq!(mode(0o11064), "S_IFIFO|S_ISVTX|064");
        assert_eq!(mode(0o170000), "0170000");
        assert_eq!(mode(0o30000), "030000");
    }

    #[test]
    fn flags_of_statx() {
        let flags = |value| text(|out| statx_flags(out, value));
        assert_eq!(flags(0x100), "AT_STATX_SYNC_AS_STAT|AT_SYMLINK_NOFOLLOW");
        assert_eq!(flags(0x6100), "AT_STATX_FORCE_SYNC|AT_STATX_DONT_SYNC|AT_SYMLINK_NOFOLLOW");
        assert_eq!(flags(0x12000), "AT_STATX_FORCE_SYNC|0x10000");
    }

    #[test]
    fn flags_of_swapon() {
        let flags = |value| text(|out| swap_flags(out, value));
        assert_eq!(flags(0), "0");
        assert_eq!(flags(0x8005), "SWAP_FLAG_PREFER|5");
        assert_eq!(flags(0x1ffff), "SWAP_FLAG_PREFER|SWAP_FLAG_DISCARD|32767");
        assert_eq!(
            flags(0xffff_ffff),
            "SWAP_FLAG_PREFER|SWAP_FLAG_DISCARD|SWAP_FLAG_DISCARD_ONCE|SWAP_FLAG_DISCARD_PAGES|0xfff80000|32767"
        );
    }

    #[test]
    fn flags_of_fanotify_init() {
        let flags = |value| text(|out| fanotify_init(out, value));
        assert_eq!(flags(0), "FAN_CLASS_NOTIF");
        assert_eq!(flags(5), "FAN_CLASS_CONTENT|FAN_CLOEXEC");
        assert_eq!(flags(0xc), "0xc /* FAN_CLASS_??? */");
        assert!(flags(0xffff_ffff).ends_with("|FAN_REPORT_TARGET_FID|0xffffe000"));
    }
}
