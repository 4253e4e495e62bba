//! Calls that move a file's contents, and positions in it.

use super::super::number::{push_decimal, push_unsigned};
use super::super::quote::quote;
use super::super::spec::Kind::{
    self, Complex as Memory, Fd, Flags, Int, Long, Names, Read, Uint, Ulong, Wide, WideLowHigh, Written,
};
use super::super::spec::{Complex, Spec, arg, arg_at, call};
use super::super::values::tables::file as t;
use super::super::view::View;
use crate::capture::{Copier, number};

/// Copies an array of `struct iovec` of that many elements.
pub(super) fn copy_iovec(copier: &mut Copier<'_>, address: u64, count: u64) {
    copier.array(address, count.min(1024), 2 * copier.abi.word_size());
}

/// Copies what the elements of an array of `struct iovec` point to, `left` bytes of it at most.
pub(super) fn copy_iovec_data(copier: &mut Copier<'_>, address: u64, count: u64, mut left: u64, copied_before: bool) {
    if !copier.options.capture_data {
        return;
    }
    let word = copier.abi.word_size();
    for index in 0..count.min(1024).min(copier.options.string_limit as u64) {
        let at = address.wrapping_add(index * 2 * word as u64);
        let element = if copied_before { copier.at_entry(at, 2 * word) } else { copier.here(at, 2 * word) };
        let Some(element) = element else { return };
        let (base, length) = (number(&element[..word]), number(&element[word..]).min(left));
        left -= length;
        copier.data(base, length);
    }
}

/// How much of what the elements point to is shown.
#[derive(Clone, Copy)]
pub(super) enum Contents {
    /// Only the addresses.
    Addresses,
    /// What the call got.
    Given,
    /// What the call returned: so many bytes in all.
    Returned(u64),
}

/// Appends an array of `struct iovec`.
pub(super) fn write_iovec(out: &mut String, view: &View<'_>, address: u64, count: u64, contents: Contents) {
    let word = view.word_size();
    let mut left = match contents {
        Contents::Returned(bytes) => bytes,
        Contents::Addresses | Contents::Given => u64::MAX,
    };
    view.array(out, address, count, 2 * word, view.before, |out, element| {
        let (base, length) = (number(&element[..word]), number(&element[word..]));
        out.push_str("{iov_base=");
        let shown = length.min(left);
        left -= shown;
        match contents {
            Contents::Addresses => view.address(out, base),
            Contents::Given => view.data(out, base, shown, view.before),
            Contents::Returned(_) if shown == 0 && base != 0 && view.options.show_data => quote(out, b"", false),
            Contents::Returned(_) => view.data(out, base, shown, view.after),
        }
        out.push_str(", iov_len=");
        push_unsigned(out, length);
        out.push('}');
    });
}

/// The iovec of a call that writes: its length is the third argument.
static IOVEC_WRITTEN: Complex = Complex {
    at_entry: Some(|copier, address| {
        let count = copier.arguments[2];
        copy_iovec(copier, address, count);
        copy_iovec_data(copier, address, count, u64::MAX, false);
    }),
    at_return: None,
    write: |out, view, address| write_iovec(out, view, address, view.unsigned(view.arguments[2]), Contents::Given),
};

/// The iovec of a call that reads: its length is the third argument.
static IOVEC_READ: Complex = Complex {
    at_entry: Some(|copier, address| copy_iovec(copier, address, copier.arguments[2])),
    at_return: Some(|copier, address, result| {
        copy_iovec_data(copier, address, copier.arguments[2], result.max(0) as u64, true);
    }),
    write: |out, view, address| {
        let contents = match view.result {
            Some(bytes) if !view.failed => Contents::Returned(bytes.max(0) as u64),
            _ => Contents::Addresses,
        };
        write_iovec(out, view, address, view.unsigned(view.arguments[2]), contents);
    },
};

/// An iovec of which only the addresses matter: its length is the third argument.
pub(super) static IOVEC_ADDRESSES: Complex = Complex {
    at_entry: Some(|copier, address| copy_iovec(copier, address, copier.arguments[2])),
    at_return: None,
    write: |out, view, address| write_iovec(out, view, address, view.unsigned(view.arguments[2]), Contents::Addresses),
};

/// The other process's iovec of `process_vm_readv` and `process_vm_writev`: its length is the fifth argument.
pub(super) static IOVEC_REMOTE: Complex = Complex {
    at_entry: Some(|copier, address| copy_iovec(copier, address, copier.arguments[4])),
    at_return: None,
    write: |out, view, address| write_iovec(out, view, address, view.unsigned(view.arguments[4]), Contents::Addresses),
};

/// A 64-bit offset in memory, as the call got it: `[8]`.
static OFFSET: Complex = Complex {
    at_entry: Some(|copier, address| {
        copier.bytes(address, 8);
    }),
    at_return: None,
    write: |out, view, address| match view.given(address, 8) {
        Some(bytes) => bracketed(out, number(bytes)),
        None => view.address(out, address),
    },
};

/// An offset in memory that the call moves: `[0] => [8]`.
static MOVED_OFFSET: Complex = Complex {
    at_entry: Some(|copier, address| {
        let size = offset_size(copier.call_name(), copier.abi.word_size());
        copier.bytes(address, size);
    }),
    at_return: Some(|copier, address, result| {
        let size = offset_size(copier.call_name(), copier.abi.word_size());
        if result != 0 && copier.arguments[3] != 0 {
            copier.bytes(address, size);
        }
    }),
    write: |out, view, address| {
        let size = offset_size(view.call.name, view.word_size());
        let Some(before) = view.given(address, size) else { return view.address(out, address) };
        bracketed_unsigned(out, number(before));
        if let Some(after) = view.returned(address, size) {
            out.push_str(" => ");
            bracketed_unsigned(out, number(after));
        }
    },
};

fn offset_size(name: &str, word: usize) -> usize {
    if name == "sendfile64" { 8 } else { word }
}

fn bracketed_unsigned(out: &mut String, value: u64) {
    out.push('[');
    push_unsigned(out, value);
    out.push(']');
}

fn bracketed(out: &mut String, value: u64) {
    out.push('[');
    push_decimal(out, value as i64);
    out.push(']');
}

/// The position that `_llseek` returns.
static POSITION: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, _| {
        copier.bytes(address, 8);
    }),
    write: |out, view, address| match view.returned(address, 8) {
        Some(bytes) => bracketed(out, number(bytes)),
        None => view.address(out, address),
    },
};

/// The offset of `_llseek`, whose upper half comes first.
fn high_low(out: &mut String, view: &View<'_>, high: u64) {
    push_decimal(out, (high << 32 | view.arguments[2] & 0xffff_ffff) as i64);
}

pub(super) static CALLS: &[Spec] = &[
    call("read", &[arg("fd", Fd), arg("buf", Read(2)), arg("count", Ulong)]).moves_bytes(),
    call("write", &[arg("fd", Fd), arg("buf", Written(2)), arg("count", Ulong)]).moves_bytes(),
    call("pread64", &[arg("fd", Fd), arg("buf", Read(2)), arg("count", Ulong), arg("offset", Wide)]).moves_bytes(),
    call("pwrite64", &[arg("fd", Fd), arg("buf", Written(2)), arg("count", Ulong), arg("offset", Wide)]).moves_bytes(),
    call("readv", &[arg("fd", Fd), arg("iov", Memory(&IOVEC_READ)), arg("iovcnt", Ulong)]).moves_bytes(),
    call("writev", &[arg("fd", Fd), arg("iov", Memory(&IOVEC_WRITTEN)), arg("iovcnt", Ulong)]).moves_bytes(),
    call("preadv", &[arg("fd", Fd), arg("iov", Memory(&IOVEC_READ)), arg("iovcnt", Ulong), arg("offset", WideLowHigh)])
        .moves_bytes(),
    call(
        "pwritev",
        &[arg("fd", Fd), arg("iov", Memory(&IOVEC_WRITTEN)), arg("iovcnt", Ulong), arg("offset", WideLowHigh)],
    )
    .moves_bytes(),
    call(
        "preadv2",
        &[
            arg("fd", Fd),
            arg("iov", Memory(&IOVEC_READ)),
            arg("iovcnt", Ulong),
            arg("offset", WideLowHigh),
            arg("flags", Flags(&t::RWF)),
        ],
    )
    .moves_bytes(),
    call(
        "pwritev2",
        &[
            arg("fd", Fd),
            arg("iov", Memory(&IOVEC_WRITTEN)),
            arg("iovcnt", Ulong),
            arg("offset", WideLowHigh),
            arg("flags", Flags(&t::RWF)),
        ],
    )
    .moves_bytes(),
    call("sendfile", &[arg("out_fd", Fd), arg("in_fd", Fd), arg("offset", Memory(&MOVED_OFFSET)), arg("count", Ulong)])
        .moves_bytes(),
    call(
        "sendfile64",
        &[arg("out_fd", Fd), arg("in_fd", Fd), arg("offset", Memory(&MOVED_OFFSET)), arg("count", Ulong)],
    )
    .moves_bytes(),
    call(
        "copy_file_range",
        &[
            arg("fd_in", Fd),
            arg("off_in", Memory(&OFFSET)),
            arg("fd_out", Fd),
            arg("off_out", Memory(&OFFSET)),
            arg("len", Ulong),
            arg("flags", Uint),
        ],
    )
    .moves_bytes(),
    call(
        "splice",
        &[
            arg("fd_in", Fd),
            arg("off_in", Memory(&OFFSET)),
            arg("fd_out", Fd),
            arg("off_out", Memory(&OFFSET)),
            arg("len", Ulong),
            arg("flags", Flags(&t::SPLICE)),
        ],
    )
    .moves_bytes(),
    call("tee", &[arg("fd_in", Fd), arg("fd_out", Fd), arg("len", Ulong), arg("flags", Flags(&t::SPLICE))])
        .moves_bytes(),
    call(
        "vmsplice",
        &[arg("fd", Fd), arg("iov", Memory(&IOVEC_WRITTEN)), arg("nr_segs", Ulong), arg("flags", Flags(&t::SPLICE))],
    )
    .moves_bytes(),
    call("lseek", &[arg("fd", Fd), arg("offset", Long), arg("whence", Names(&t::SEEK))]),
    call(
        "_llseek",
        &[
            arg("fd", Fd),
            arg("offset", Kind::Seen(high_low)),
            arg_at(3, "result", Memory(&POSITION)),
            arg("whence", Names(&t::SEEK)),
        ],
    ),
    call("fadvise64", &[arg("fd", Fd), arg("offset", Wide), arg("len", Ulong), arg("advice", Names(&t::FADVISE))]),
    call("fadvise64_64", &[arg("fd", Fd), arg("offset", Wide), arg("len", Wide), arg("advice", Names(&t::FADVISE))]),
    call("readahead", &[arg("fd", Fd), arg("offset", Wide), arg("count", Ulong)]),
    call(
        "sync_file_range",
        &[arg("fd", Fd), arg("offset", Wide), arg("nbytes", Wide), arg("flags", Flags(&t::SYNC_FILE_RANGE))],
    ),
    call(
        "process_vm_readv",
        &[
            arg("pid", Int),
            arg("local_iov", Memory(&VM_READ)),
            arg("liovcnt", Ulong),
            arg("remote_iov", Memory(&IOVEC_REMOTE)),
            arg("riovcnt", Ulong),
            arg("flags", Ulong),
        ],
    )
    .moves_bytes(),
    call(
        "process_vm_writev",
        &[
            arg("pid", Int),
            arg("local_iov", Memory(&IOVEC_WRITTEN)),
            arg("liovcnt", Ulong),
            arg("remote_iov", Memory(&IOVEC_REMOTE)),
            arg("riovcnt", Ulong),
            arg("flags", Ulong),
        ],
    )
    .moves_bytes(),
];

/// `process_vm_readv` fills its own iovec.
static VM_READ: Complex =
    Complex { at_entry: IOVEC_READ.at_entry, at_return: IOVEC_READ.at_return, write: IOVEC_READ.write };
