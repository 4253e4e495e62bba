//! Calls on files and directories: by name or descriptor, all but their contents.

use renacer_events::Abi;

use super::super::effect;
use super::super::number::{push_decimal, push_unsigned};
use super::super::quote::{quote_hex, quote_until_nul};
use super::super::spec::Kind::{
    self, Absent, BytesOut, Complex as In, DirFd, Fd, Flags, Id, Int, Mode, Names, Path, Seen, Select, Str, Uint,
    Ulong, Word,
};
use super::super::spec::{Complex, Parameter, ResultKind, Spec, arg, call};
use super::super::values as v;
use super::super::values::tables::file as t;
use super::super::view::View;
use super::structures::*;
use crate::capture::{number, summary_of};

const O_CREAT_OR_TMPFILE: u64 = 0o100 | 0o20_000_000;

/// The mode of a call that may create a file, with its flags in the second argument.
fn open_mode(_: Abi, arguments: &[u64; 6]) -> Kind {
    if arguments[1] & O_CREAT_OR_TMPFILE != 0 { Mode } else { Absent }
}

/// The same with the flags in the third argument.
fn openat_mode(_: Abi, arguments: &[u64; 6]) -> Kind {
    if arguments[2] & O_CREAT_OR_TMPFILE != 0 { Mode } else { Absent }
}

/// `struct open_how`, which may grow: its size is the fourth argument.
static OPEN_HOW: Complex = Complex {
    at_entry: Some(|copier, address| {
        let size = open_how_size(copier.arguments);
        if size >= v::LEAST_OPEN_HOW && copier.bytes(address, size).is_none() {
            copier.bytes(address, v::LEAST_OPEN_HOW);
        }
    }),
    at_return: None,
    write: |out, view, address| {
        let size = open_how_size(view.arguments);
        match (view.given(address, size), view.given(address, v::LEAST_OPEN_HOW)) {
            (Some(bytes), Some(_)) if size >= v::LEAST_OPEN_HOW => v::open_how(out, view.abi, bytes),
            (None, Some(bytes)) => {
                v::open_how(out, view.abi, bytes);
                out.truncate(out.trim_end_matches('}').len());
                out.push_str(", ???}");
            }
            _ => view.address(out, address),
        }
    },
};

fn open_how_size(arguments: &[u64; 6]) -> usize {
    arguments[3].min(4096) as usize
}

/// Directory entries: only how many there are is shown.
static ENTRIES: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, result| {
        let size = usize::try_from(result).unwrap_or(0).min(64 * 1024);
        // Where an entry's own length stands: behind the inode and the offset.
        let at = if copier.call_name() == "getdents64" { 16 } else { 2 * copier.abi.word_size() };
        let entries = copier.read(address, size);
        let (mut rest, mut count) = (&entries[..], 0u32);
        while let Some(length) = rest.get(at..at + 2) {
            count += 1;
            rest = rest.get(number(length).max(1) as usize..).unwrap_or(&[]);
        }
        copier.keep(summary_of(address), &count.to_le_bytes());
    }),
    write: |out, view, address| {
        view.address(out, address);
        if let Some(count) = view.returned(summary_of(address), 4) {
            out.push_str(" /* ");
            push_unsigned(out, number(count));
            out.push_str(" entries */");
        }
    },
};

/// The longest value of an extended attribute.
const MOST_XATTR: u64 = 65536;

/// An extended attribute's value: a NUL at its end is not shown.
static XATTR_IN: Complex = Complex {
    at_entry: Some(|copier, address| {
        if copier.arguments[3] <= MOST_XATTR {
            copier.shown(address, copier.arguments[3]);
        }
    }),
    at_return: None,
    write: |out, view, address| {
        let size = view.unsigned(view.arguments[3]);
        view.bytes_without_nul(out, address, size, view.before);
    },
};

static XATTR_OUT: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, result| copier.shown(address, result.max(0) as u64)),
    write: |out, view, address| match view.result {
        Some(size) if !view.failed => view.bytes_without_nul(out, address, size as u64, view.after),
        _ => view.address(out, address),
    },
};

/// A list of attributes' names: nothing to show if only its size was asked for.
static XATTR_LIST: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, result| copier.shown(address, result.max(0) as u64)),
    write: |out, view, address| {
        // The room for the list is the argument behind it.
        let room = view.arguments[2];
        match view.result {
            Some(size) if !view.failed && room != 0 => view.bytes(out, address, size as u64, view.after),
            _ => view.address(out, address),
        }
    },
};

/// The path that getcwd returns, with its NUL.
static CWD: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, result| {
        copier.bytes(address, usize::try_from(result).unwrap_or(0));
    }),
    write: |out, view, address| {
        let size = view.result.and_then(|size| usize::try_from(size).ok()).unwrap_or(0);
        match view.returned(address, size) {
            Some(path) => quote_until_nul(out, path),
            None => view.address(out, address),
        }
    },
};

/// `struct file_handle`: a length, a type, and as many bytes.
static HANDLE_IN: Complex = Complex {
    at_entry: Some(|copier, address| {
        if let Some(head) = copier.bytes(address, 8) {
            let length = number(&head[..4]).min(128) as usize;
            copier.bytes(address.wrapping_add(8), length);
        }
    }),
    at_return: None,
    write: |out, view, address| {
        let Some(head) = view.given(address, 8) else { return view.address(out, address) };
        let length = number(&head[..4]);
        let bytes = view.given(address.wrapping_add(8), length.min(128) as usize);
        out.push_str("{handle_bytes=");
        push_unsigned(out, length);
        write_handle(out, head, bytes, length);
        out.push('}');
    },
};

static HANDLE_OUT: Complex = Complex {
    at_entry: Some(|copier, address| {
        copier.bytes(address, 8);
    }),
    at_return: Some(|copier, address, _| {
        if let Some(head) = copier.bytes(address, 8) {
            let length = number(&head[..4]).min(128) as usize;
            copier.bytes(address.wrapping_add(8), length);
        }
    }),
    write: |out, view, address| {
        let Some(head) = view.given(address, 8) else { return view.address(out, address) };
        let room = number(&head[..4]);
        out.push_str("{handle_bytes=");
        push_unsigned(out, room);
        if let Some(head) = view.returned(address, 8) {
            let length = number(&head[..4]);
            if length != room {
                out.push_str(" => ");
                push_unsigned(out, length);
            }
            let bytes = view.returned(address.wrapping_add(8), length.min(128) as usize);
            write_handle(out, head, bytes, length);
        }
        out.push('}');
    },
};

fn write_handle(out: &mut String, head: &[u8], bytes: Option<&[u8]>, length: u64) {
    out.push_str(", handle_type=");
    push_decimal(out, (number(&head[4..]) as i32).into());
    out.push_str(", f_handle=");
    match bytes {
        Some(bytes) => {
            quote_hex(out, bytes);
            if length > 128 {
                out.push_str("...");
            }
        }
        None if length == 0 => out.push_str("\"\""),
        None => out.push_str("???"),
    }
}

/// Flags of `open`, with an access mode.
pub(super) fn open_flags(out: &mut String, view: &View<'_>, value: u64) {
    v::open_flags(out, view.abi, value);
}

/// Flags of `open` where there is no access mode.
pub(super) fn file_flags(out: &mut String, view: &View<'_>, value: u64) {
    v::file_flags(out, view.abi, value);
}

fn fcntl_argument(abi: Abi, arguments: &[u64; 6]) -> Kind {
    // i386 has old locks with 32-bit positions, and new ones.
    let (new_lock, new_lock_found) = if abi == Abi::I386 { (&FLOCK64, &FLOCK64_FOUND) } else { (&FLOCK, &FLOCK_FOUND) };
    match arguments[1] as u32 {
        // F_DUPFD, F_DUPFD_CLOEXEC, F_SETPIPE_SZ, F_SETOWN
        0 | 1030 | 1031 | 8 => Int,
        // F_SETFD
        2 => Flags(&t::DESCRIPTOR),
        // F_SETFL
        4 => Seen(open_flags),
        // F_GETFD, F_GETFL, F_GETOWN, F_GETSIG, F_GETLEASE, F_GETPIPE_SZ, F_GET_SEALS
        1 | 3 | 9 | 11 | 1025 | 1032 | 1034 => Absent,
        // F_GETLK, F_SETLK, F_SETLKW
        5 => Kind::Out(&FLOCK_FOUND),
        6 | 7 => Kind::In(&FLOCK),
        // F_GETLK64, F_SETLK64, F_SETLKW64
        12 if abi == Abi::I386 => Kind::Out(new_lock_found),
        13 | 14 if abi == Abi::I386 => Kind::In(new_lock),
        // F_SETSIG
        10 => Word(v::signal),
        // F_SETOWN_EX, F_GETOWN_EX
        15 => Kind::In(&OWNER),
        16 => Kind::Out(&OWNER),
        // F_OFD_GETLK, F_OFD_SETLK, F_OFD_SETLKW
        36 => Kind::Out(new_lock_found),
        37 | 38 => Kind::In(new_lock),
        // F_SETLEASE, F_NOTIFY, F_ADD_SEALS
        1024 => Kind::LongNames(&t::LOCK_TYPE),
        1026 => Kind::LongFlags(&t::NOTIFY),
        1033 => Kind::LongFlags(&t::SEALS),
        _ => Kind::Hex,
    }
}

/// What the result of `fcntl` means.
fn fcntl_note(out: &mut String, view: &View<'_>) {
    let Some(value) = view.result.filter(|_| !view.failed).map(|value| value as u64) else { return };
    match view.arguments[1] as u32 {
        1 if value != 0 => {
            out.push_str("flags ");
            t::DESCRIPTOR.write(out, value);
        }
        3 => {
            out.push_str("flags ");
            open_flags(out, view, value);
        }
        1025 => out.push_str(t::LOCK_TYPE.name(value).unwrap_or("")),
        1034 if value != 0 => {
            out.push_str("seals ");
            t::SEALS.write(out, value);
        }
        11 if value != 0 => v::signal(out, value),
        _ => {}
    }
}

/// How the result of `fcntl` is written.
fn fcntl_result(arguments: &[u64; 6]) -> ResultKind {
    match arguments[1] as u32 {
        1 | 3 | 1025 | 1034 => ResultKind::Hex,
        0 | 1030 => ResultKind::Fd,
        _ => ResultKind::Decimal,
    }
}

/// A file's type and permissions.
fn file_mode(out: &mut String, value: u64) {
    v::mode(out, value & 0xffff);
}

/// The device number of a device file; other kinds of files have none.
fn device(mode: u64) -> Kind {
    match mode & 0o170_000 {
        0o020_000 | 0o060_000 => Word(|out, value| v::device(out, value & 0xffff_ffff)),
        _ => Absent,
    }
}

fn mknod_device(_: Abi, arguments: &[u64; 6]) -> Kind {
    device(arguments[1])
}

fn mknodat_device(_: Abi, arguments: &[u64; 6]) -> Kind {
    device(arguments[2])
}

static FSTATAT: [Parameter; 4] =
    [arg("dirfd", DirFd), arg("pathname", Path), arg("statbuf", Kind::Out(&STAT)), arg("flags", Flags(&t::AT_FLAGS))];

static FSTATAT64: [Parameter; 4] =
    [arg("dirfd", DirFd), arg("pathname", Path), arg("statbuf", Kind::Out(&STAT64)), arg("flags", Flags(&t::AT_FLAGS))];

static SETXATTR: [Parameter; 5] = [
    arg("path", Path),
    arg("name", Str),
    arg("value", In(&XATTR_IN)),
    arg("size", Ulong),
    arg("flags", Flags(&t::XATTR)),
];

static GETXATTR: [Parameter; 4] =
    [arg("path", Path), arg("name", Str), arg("value", In(&XATTR_OUT)), arg("size", Ulong)];

pub(super) static CALLS: &[Spec] = &[
    call("open", &[arg("pathname", Path), arg("flags", Seen(open_flags)), arg("mode", Select(open_mode))])
        .opens(effect::open),
    call(
        "openat",
        &[arg("dirfd", DirFd), arg("pathname", Path), arg("flags", Seen(open_flags)), arg("mode", Select(openat_mode))],
    )
    .opens(effect::openat),
    call("openat2", &[arg("dirfd", DirFd), arg("pathname", Path), arg("how", In(&OPEN_HOW)), arg("size", Ulong)])
        .opens(effect::openat2),
    call("creat", &[arg("pathname", Path), arg("mode", Mode)]).opens(effect::creat),
    call(
        "name_to_handle_at",
        &[
            arg("dirfd", DirFd),
            arg("pathname", Path),
            arg("handle", In(&HANDLE_OUT)),
            arg("mount_id", Kind::Out(&INT)),
            arg("flags", Flags(&t::NAME_TO_HANDLE_AT)),
        ],
    ),
    call("open_by_handle_at", &[arg("mount_fd", Fd), arg("handle", In(&HANDLE_IN)), arg("flags", Seen(open_flags))])
        .opens(effect::forget),
    call("close", &[arg("fd", Fd)]).effect(effect::close),
    call("close_range", &[arg("first", Uint), arg("last", Uint), arg("flags", Flags(&t::CLOSE_RANGE))])
        .effect(effect::close_range),
    call("dup", &[arg("oldfd", Fd)]).opens(effect::dup),
    call("dup2", &[arg("oldfd", Fd), arg("newfd", Fd)]).opens(effect::dup2),
    call("dup3", &[arg("oldfd", Fd), arg("newfd", Fd), arg("flags", Seen(file_flags))]).opens(effect::dup3),
    call("fcntl", &[arg("fd", Fd), arg("cmd", Names(&t::FCNTL)), arg("arg", Select(fcntl_argument))])
        .returns(ResultKind::Select(fcntl_result))
        .effect(effect::fcntl)
        .note(fcntl_note),
    call("fcntl64", &[arg("fd", Fd), arg("cmd", Names(&t::FCNTL)), arg("arg", Select(fcntl_argument))])
        .returns(ResultKind::Select(fcntl_result))
        .effect(effect::fcntl)
        .note(fcntl_note),
    call("flock", &[arg("fd", Fd), arg("operation", Flags(&t::FLOCK))]),
    call("stat", &[arg("pathname", Path), arg("statbuf", Kind::Out(&STAT))]),
    call("lstat", &[arg("pathname", Path), arg("statbuf", Kind::Out(&STAT))]),
    call("fstat", &[arg("fd", Fd), arg("statbuf", Kind::Out(&STAT))]),
    call("stat64", &[arg("pathname", Path), arg("statbuf", Kind::Out(&STAT64))]),
    call("lstat64", &[arg("pathname", Path), arg("statbuf", Kind::Out(&STAT64))]),
    call("fstat64", &[arg("fd", Fd), arg("statbuf", Kind::Out(&STAT64))]),
    call("fstatat64", &FSTATAT64),
    call("newfstatat", &FSTATAT),
    call("oldstat", &[arg("pathname", Path), arg("statbuf", Kind::Out(&OLD_STAT))]),
    call("oldlstat", &[arg("pathname", Path), arg("statbuf", Kind::Out(&OLD_STAT))]),
    call("oldfstat", &[arg("fd", Fd), arg("statbuf", Kind::Out(&OLD_STAT))]),
    call(
        "statx",
        &[
            arg("dirfd", DirFd),
            arg("pathname", Path),
            arg("flags", Word(v::statx_flags)),
            arg("mask", Flags(&t::STATX_MASK)),
            arg("statxbuf", Kind::Out(&STATX)),
        ],
    ),
    call("statfs", &[arg("path", Path), arg("buf", Kind::Out(&STATFS))]),
    call("fstatfs", &[arg("fd", Fd), arg("buf", Kind::Out(&STATFS))]),
    call("statfs64", &[arg("path", Path), arg("sz", Ulong), arg("buf", Kind::Out(&STATFS64))]),
    call("fstatfs64", &[arg("fd", Fd), arg("sz", Ulong), arg("buf", Kind::Out(&STATFS64))]),
    call("access", &[arg("pathname", Path), arg("mode", Flags(&t::ACCESS_MODE))]),
    call("faccessat", &[arg("dirfd", DirFd), arg("pathname", Path), arg("mode", Flags(&t::ACCESS_MODE))]),
    call(
        "faccessat2",
        &[
            arg("dirfd", DirFd),
            arg("pathname", Path),
            arg("mode", Flags(&t::ACCESS_MODE)),
            arg("flags", Flags(&t::FACCESSAT)),
        ],
    ),
    call("chmod", &[arg("pathname", Path), arg("mode", Mode)]),
    call("fchmod", &[arg("fd", Fd), arg("mode", Mode)]),
    call("fchmodat", &[arg("dirfd", DirFd), arg("pathname", Path), arg("mode", Mode)]),
    call(
        "fchmodat2",
        &[arg("dirfd", DirFd), arg("pathname", Path), arg("mode", Mode), arg("flags", Flags(&t::AT_FLAGS))],
    ),
    call("chown", &[arg("pathname", Path), arg("owner", Id), arg("group", Id)]),
    call("lchown", &[arg("pathname", Path), arg("owner", Id), arg("group", Id)]),
    call("fchown", &[arg("fd", Fd), arg("owner", Id), arg("group", Id)]),
    call("chown32", &[arg("pathname", Path), arg("owner", Id), arg("group", Id)]),
    call("lchown32", &[arg("pathname", Path), arg("owner", Id), arg("group", Id)]),
    call("fchown32", &[arg("fd", Fd), arg("owner", Id), arg("group", Id)]),
    call(
        "fchownat",
        &[
            arg("dirfd", DirFd),
            arg("pathname", Path),
            arg("owner", Id),
            arg("group", Id),
            arg("flags", Flags(&t::AT_FLAGS)),
        ],
    ),
    call("mkdir", &[arg("pathname", Path), arg("mode", Mode)]),
    call("mkdirat", &[arg("dirfd", DirFd), arg("pathname", Path), arg("mode", Mode)]),
    call("rmdir", &[arg("pathname", Path)]),
    call("unlink", &[arg("pathname", Path)]),
    call("unlinkat", &[arg("dirfd", DirFd), arg("pathname", Path), arg("flags", Flags(&t::AT_FLAGS))]),
    call("rename", &[arg("oldpath", Path), arg("newpath", Path)]),
    call("renameat", &[arg("olddirfd", DirFd), arg("oldpath", Path), arg("newdirfd", DirFd), arg("newpath", Path)]),
    call(
        "renameat2",
        &[
            arg("olddirfd", DirFd),
            arg("oldpath", Path),
            arg("newdirfd", DirFd),
            arg("newpath", Path),
            arg("flags", Flags(&t::RENAME)),
        ],
    ),
    call("link", &[arg("oldpath", Path), arg("newpath", Path)]),
    call(
        "linkat",
        &[
            arg("olddirfd", DirFd),
            arg("oldpath", Path),
            arg("newdirfd", DirFd),
            arg("newpath", Path),
            arg("flags", Flags(&t::AT_FLAGS)),
        ],
    ),
    call("symlink", &[arg("target", Path), arg("linkpath", Path)]),
    call("symlinkat", &[arg("target", Path), arg("newdirfd", DirFd), arg("linkpath", Path)]),
    call("readlink", &[arg("pathname", Path), arg("buf", BytesOut), arg("bufsiz", Ulong)]),
    call("readlinkat", &[arg("dirfd", DirFd), arg("pathname", Path), arg("buf", BytesOut), arg("bufsiz", Ulong)]),
    call("mknod", &[arg("pathname", Path), arg("mode", Word(file_mode)), arg("dev", Select(mknod_device))]),
    call(
        "mknodat",
        &[arg("dirfd", DirFd), arg("pathname", Path), arg("mode", Word(file_mode)), arg("dev", Select(mknodat_device))],
    ),
    call("chdir", &[arg("path", Path)]).effect(effect::chdir),
    call("fchdir", &[arg("fd", Fd)]).effect(effect::fchdir),
    call("chroot", &[arg("path", Path)]),
    call("getcwd", &[arg("buf", In(&CWD)), arg("size", Ulong)]).effect(effect::getcwd),
    call("truncate", &[arg("path", Path), arg("length", Ulong)]),
    call("ftruncate", &[arg("fd", Fd), arg("length", Ulong)]),
    call("truncate64", &[arg("path", Path), arg("length", Kind::WideUnsigned)]),
    call("ftruncate64", &[arg("fd", Fd), arg("length", Kind::WideUnsigned)]),
    call(
        "fallocate",
        &[arg("fd", Fd), arg("mode", Flags(&t::FALLOCATE)), arg("offset", Kind::Wide), arg("len", Kind::Wide)],
    ),
    call("umask", &[arg("mask", Mode)]).returns(ResultKind::Octal),
    call("getdents", &[arg("fd", Fd), arg("dirp", In(&ENTRIES)), arg("count", Uint)]),
    call("getdents64", &[arg("fd", Fd), arg("dirp", In(&ENTRIES)), arg("count", Uint)]),
    call("fsync", &[arg("fd", Fd)]),
    call("fdatasync", &[arg("fd", Fd)]),
    call("syncfs", &[arg("fd", Fd)]),
    call("sync", &[]),
    call("utime", &[arg("filename", Path), arg("times", Kind::In(&UTIMBUF))]),
    call("utimes", &[arg("filename", Path), arg("times", Kind::In(&UTIMES))]),
    call("futimesat", &[arg("dirfd", DirFd), arg("pathname", Path), arg("times", Kind::In(&UTIMES))]),
    call(
        "utimensat",
        &[
            arg("dirfd", DirFd),
            arg("pathname", Path),
            arg("times", Kind::In(&UTIMENS)),
            arg("flags", Flags(&t::AT_FLAGS)),
        ],
    ),
    call(
        "utimensat_time64",
        &[
            arg("dirfd", DirFd),
            arg("pathname", Path),
            arg("times", Kind::In(&UTIMENS64)),
            arg("flags", Flags(&t::AT_FLAGS)),
        ],
    ),
    call("setxattr", &SETXATTR),
    call("lsetxattr", &SETXATTR),
    call(
        "fsetxattr",
        &[
            arg("fd", Fd),
            arg("name", Str),
            arg("value", In(&XATTR_IN)),
            arg("size", Ulong),
            arg("flags", Flags(&t::XATTR)),
        ],
    ),
    call("getxattr", &GETXATTR),
    call("lgetxattr", &GETXATTR),
    call("fgetxattr", &[arg("fd", Fd), arg("name", Str), arg("value", In(&XATTR_OUT)), arg("size", Ulong)]),
    call("listxattr", &[arg("path", Path), arg("list", In(&XATTR_LIST)), arg("size", Ulong)]),
    call("llistxattr", &[arg("path", Path), arg("list", In(&XATTR_LIST)), arg("size", Ulong)]),
    call("flistxattr", &[arg("fd", Fd), arg("list", In(&XATTR_LIST)), arg("size", Ulong)]),
    call("removexattr", &[arg("path", Path), arg("name", Str)]),
    call("lremovexattr", &[arg("path", Path), arg("name", Str)]),
    call("fremovexattr", &[arg("fd", Fd), arg("name", Str)]),
];
