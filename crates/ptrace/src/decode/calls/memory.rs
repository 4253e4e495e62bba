//! Calls on a process's own memory.

use renacer_events::Abi;

use super::super::effect;
use super::super::number::{hex, push_unsigned};
use super::super::spec::Kind::{
    self, Absent, Complex as Memory, Fd, Flags, Hex, HexInt, Int, LongFlags, Names, Pointer, Seen, Select, Str, Ulong,
    Word,
};
use super::super::spec::{Complex, ResultKind, Spec, arg, call};
use super::super::values as v;
use super::super::values::tables::{file, memory as t};
use super::super::view::View;
use super::io::IOVEC_ADDRESSES;
use crate::capture::number;

fn mapping_offset(out: &mut String, view: &View<'_>, value: u64) {
    // mmap2 counts in units of 4096 bytes.
    hex(out, if view.call.name == "mmap2" { value << 12 } else { view.unsigned(value) });
}

/// The new address of mremap, which only MREMAP_FIXED together with MREMAP_MAYMOVE looks at.
fn new_address(_: Abi, arguments: &[u64; 6]) -> Kind {
    if arguments[3] & 3 == 3 { Pointer } else { Absent }
}

/// Which pages are in memory: one byte for each page of the range.
static RESIDENT: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, _| {
        copier.array(address, pages(copier.arguments[1]), 1);
    }),
    write: |out, view, address| {
        view.array(out, address, pages(view.arguments[1]), 1, view.after, |out, byte| {
            push_unsigned(out, number(byte) & 1);
        });
    },
};

fn pages(length: u64) -> u64 {
    length.div_ceil(4096)
}

pub(super) static CALLS: &[Spec] = &[
    call(
        "mmap",
        &[
            arg("addr", Pointer),
            arg("length", Ulong),
            arg("prot", LongFlags(&t::MMAP_PROT)),
            arg("flags", Word(v::mmap_flags)),
            arg("fd", Fd),
            arg("offset", Seen(mapping_offset)),
        ],
    )
    .returns(ResultKind::Hex),
    call(
        "mmap2",
        &[
            arg("addr", Pointer),
            arg("length", Ulong),
            arg("prot", LongFlags(&t::MMAP_PROT)),
            arg("flags", Word(v::mmap_flags)),
            arg("fd", Fd),
            arg("pgoffset", Seen(mapping_offset)),
        ],
    )
    .returns(ResultKind::Hex),
    call("munmap", &[arg("addr", Pointer), arg("length", Ulong)]),
    call("mprotect", &[arg("addr", Pointer), arg("len", Ulong), arg("prot", LongFlags(&t::MMAP_PROT))]),
    call(
        "pkey_mprotect",
        &[arg("addr", Pointer), arg("len", Ulong), arg("prot", LongFlags(&t::MMAP_PROT)), arg("pkey", Int)],
    ),
    call("pkey_alloc", &[arg("flags", Hex), arg("access_rights", LongFlags(&t::PKEY_ACCESS))]),
    call("pkey_free", &[arg("pkey", Int)]),
    call(
        "mremap",
        &[
            arg("old_address", Pointer),
            arg("old_size", Ulong),
            arg("new_size", Ulong),
            arg("flags", LongFlags(&t::MREMAP)),
            arg("new_address", Select(new_address)),
        ],
    )
    .returns(ResultKind::Hex),
    call("brk", &[arg("addr", Pointer)]).returns(ResultKind::Hex),
    call("madvise", &[arg("addr", Pointer), arg("length", Ulong), arg("advice", Names(&t::MADVISE))]),
    call(
        "process_madvise",
        &[
            arg("pidfd", Fd),
            arg("iovec", Memory(&IOVEC_ADDRESSES)),
            arg("vlen", Ulong),
            arg("advice", Names(&t::MADVISE)),
            arg("flags", HexInt),
        ],
    ),
    call("process_mrelease", &[arg("pidfd", Fd), arg("flags", HexInt)]),
    call("msync", &[arg("addr", Pointer), arg("length", Ulong), arg("flags", Flags(&t::MSYNC))]),
    call("mlock", &[arg("addr", Pointer), arg("len", Ulong)]),
    call("mlock2", &[arg("addr", Pointer), arg("len", Ulong), arg("flags", Flags(&t::MLOCK))]),
    call("munlock", &[arg("addr", Pointer), arg("len", Ulong)]),
    call("mlockall", &[arg("flags", Flags(&t::MLOCKALL))]),
    call("munlockall", &[]),
    call("mincore", &[arg("addr", Pointer), arg("length", Ulong), arg("vec", Memory(&RESIDENT))]),
    call(
        "remap_file_pages",
        &[
            arg("addr", Pointer),
            arg("size", Ulong),
            arg("prot", LongFlags(&t::MMAP_PROT)),
            arg("pgoff", Ulong),
            arg("flags", Word(v::mmap_flags)),
        ],
    ),
    call(
        "membarrier",
        &[
            arg("cmd", Names(&t::MEMBARRIER)),
            arg("flags", Flags(&t::MEMBARRIER_FLAGS)),
            arg("cpu_id", Select(barrier_cpu)),
        ],
    )
    .returns(ResultKind::Select(
        |arguments| {
            if arguments[0] as u32 == 0 { ResultKind::Hex } else { ResultKind::Decimal }
        },
    ))
    .note(barrier_note),
    call("memfd_create", &[arg("name", Str), arg("flags", Word(v::memfd_flags))]).opens(effect::memfd_create),
    call("memfd_secret", &[arg("flags", Seen(super::file::file_flags))]).opens(effect::forget),
    call("userfaultfd", &[arg("flags", Flags(&file::USERFAULTFD))]).opens(effect::userfaultfd),
    call("personality", &[arg("persona", Word(v::personality))]).returns(ResultKind::Hex).note(personality_note),
];

fn barrier_cpu(_: Abi, arguments: &[u64; 6]) -> Kind {
    // Only MEMBARRIER_CMD_FLAG_CPU gives it a meaning.
    if arguments[1] as u32 & 1 != 0 { Int } else { Absent }
}

/// Commands that are supported, as MEMBARRIER_CMD_QUERY returns them.
fn barrier_note(out: &mut String, view: &View<'_>) {
    if let Some(value @ 1..) = view.result.filter(|_| !view.failed && view.arguments[0] as u32 == 0) {
        t::MEMBARRIER_CMDS.write(out, value as u64);
    }
}

fn personality_note(out: &mut String, view: &View<'_>) {
    if let Some(value) = view.result.filter(|_| !view.failed) {
        v::personality(out, value as u64);
    }
}
