//! Calls on file systems as a whole: mounting them, swapping, quotas.

use renacer_events::Abi;

use super::super::effect;
use super::super::number::push_unsigned;
use super::super::spec::Kind::{
    self, Complex as Memory, DirFd, Fd, Flags, Int, Names, Path, Pointer, Seen, Select, Str, Uint, Ulong, Word,
};
use super::super::spec::{Complex, Spec, arg, call};
use super::super::values::tables::file;
use super::super::values::{self as v, Names as ValueNames};
use super::super::view::View;
use crate::capture::number;

/// Flags of mount, behind a magic number of old.
fn mount_flags(out: &mut String, view: &View<'_>, value: u64) {
    let value = view.unsigned(value);
    if value & 0xffff_0000 != 0xc0ed_0000 {
        return file::MOUNT.write(out, value);
    }
    out.push_str("MS_MGC_VAL");
    if value & !0xffff_0000 != 0 {
        out.push('|');
        file::MOUNT.write(out, value & !0xffff_0000);
    }
}

const MS_REMOUNT: u64 = 32;

/// MS_BIND, MS_MOVE, MS_UNBINDABLE, MS_PRIVATE, MS_SLAVE, MS_SHARED.
const MS_MOVES: u64 = 0x1000 | 0x2000 | 0x2_0000 | 0x4_0000 | 0x8_0000 | 0x10_0000;

fn mount_type(_: Abi, arguments: &[u64; 6]) -> Kind {
    if mount_bits(arguments) & (MS_REMOUNT | MS_MOVES) != 0 { Pointer } else { Str }
}

fn mount_data(_: Abi, arguments: &[u64; 6]) -> Kind {
    let bits = mount_bits(arguments);
    if bits & MS_REMOUNT == 0 && bits & MS_MOVES != 0 { Pointer } else { Str }
}

fn mount_bits(arguments: &[u64; 6]) -> u64 {
    let bits = arguments[3];
    if bits & 0xffff_0000 == 0xc0ed_0000 { bits & !0xffff_0000 } else { bits }
}

fn fsconfig_key(_: Abi, arguments: &[u64; 6]) -> Kind {
    if arguments[1] as u32 <= 5 { Str } else { Pointer }
}

fn fsconfig_value(_: Abi, arguments: &[u64; 6]) -> Kind {
    match arguments[1] as u32 {
        // FSCONFIG_SET_STRING; FSCONFIG_SET_PATH and FSCONFIG_SET_PATH_EMPTY
        1 => Str,
        3 | 4 => Path,
        _ => Pointer,
    }
}

fn fsconfig_aux(_: Abi, arguments: &[u64; 6]) -> Kind {
    match arguments[1] as u32 {
        3 | 4 => DirFd,
        5 => Fd,
        _ => Int,
    }
}

/// `struct mount_attr`: its size is the fifth argument.
static MOUNT_ATTRIBUTES: Complex = Complex {
    at_entry: Some(|copier, address| {
        if copier.arguments[4] >= 32 {
            copier.bytes(address, 32);
        }
    }),
    at_return: None,
    write: |out, view, address| {
        let Some(bytes) = view.given(address, 32) else { return view.address(out, address) };
        let field = |index: usize| number(&bytes[8 * index..8 * index + 8]);
        out.push_str("{attr_set=");
        file::MOUNT_ATTR.write(out, field(0));
        out.push_str(", attr_clr=");
        file::MOUNT_ATTR.write(out, field(1));
        out.push_str(", propagation=");
        PROPAGATION.write(out, field(2));
        out.push_str(", userns_fd=");
        push_unsigned(out, field(3));
        out.push('}');
    },
};

static PROPAGATION: ValueNames = ValueNames {
    names: &[
        (0, "0"),
        (0x2_0000, "MS_UNBINDABLE"),
        (0x4_0000, "MS_PRIVATE"),
        (0x8_0000, "MS_SLAVE"),
        (0x10_0000, "MS_SHARED"),
    ],
    unknown: "MS_???",
};

pub(super) static CALLS: &[Spec] = &[
    call(
        "mount",
        &[
            arg("source", Path),
            arg("target", Path),
            arg("filesystemtype", Select(mount_type)),
            arg("mountflags", Seen(mount_flags)),
            arg("data", Select(mount_data)),
        ],
    ),
    call("umount2", &[arg("target", Path), arg("flags", Flags(&file::UMOUNT))]),
    call("umount", &[arg("target", Path)]),
    call("pivot_root", &[arg("new_root", Path), arg("put_old", Path)]),
    call("swapon", &[arg("path", Path), arg("swapflags", Word(v::swap_flags))]),
    call("swapoff", &[arg("path", Path)]),
    call("acct", &[arg("filename", Path)]),
    call("fsopen", &[arg("fsname", Str), arg("flags", Flags(&file::FSOPEN))]).opens(effect::forget),
    call(
        "fsmount",
        &[arg("fs_fd", Fd), arg("flags", Flags(&file::FSMOUNT)), arg("attr_flags", Flags(&file::MOUNT_ATTR))],
    )
    .opens(effect::forget),
    call("fspick", &[arg("dirfd", DirFd), arg("pathname", Path), arg("flags", Flags(&file::FSPICK))])
        .opens(effect::forget),
    call("open_tree", &[arg("dirfd", DirFd), arg("pathname", Path), arg("flags", Flags(&file::OPEN_TREE))])
        .opens(effect::open_tree),
    call(
        "move_mount",
        &[
            arg("from_dirfd", DirFd),
            arg("from_pathname", Path),
            arg("to_dirfd", DirFd),
            arg("to_pathname", Path),
            arg("flags", Flags(&file::MOVE_MOUNT)),
        ],
    ),
    call(
        "fsconfig",
        &[
            arg("fd", Fd),
            arg("cmd", Names(&file::FSCONFIG)),
            arg("key", Select(fsconfig_key)),
            arg("value", Select(fsconfig_value)),
            arg("aux", Select(fsconfig_aux)),
        ],
    ),
    call(
        "mount_setattr",
        &[
            arg("dirfd", DirFd),
            arg("pathname", Path),
            arg("flags", Flags(&file::MOUNT_SETATTR)),
            arg("attr", Memory(&MOUNT_ATTRIBUTES)),
            arg("size", Ulong),
        ],
    ),
    call("quotactl", &[arg("op", Word(v::quota_command)), arg("special", Path), arg("id", Uint), arg("addr", Pointer)]),
    call("quotactl_fd", &[arg("fd", Fd), arg("op", Word(v::quota_command)), arg("id", Uint), arg("addr", Pointer)]),
];
