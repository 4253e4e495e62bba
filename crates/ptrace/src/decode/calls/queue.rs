//! Calls on POSIX message queues, and on the older kind of asynchronous I/O.

use renacer_events::Abi;

use super::super::effect;
use super::super::number::{hex, push_decimal, push_unsigned};
use super::super::spec::Kind::{
    self, Absent, Complex as Memory, Fd, In, Long, Mode, Out, Path, Pointer, Read, Seen, Select, Uint, Ulong, Written,
};
use super::super::spec::{Complex, Spec, Struct, arg, call};
use super::super::values as v;
use super::super::values::tables::file;
use super::file::open_flags;
use super::poll::MASK_AND_SIZE;
use super::structures::*;
use crate::capture::number;

const O_CREAT: u64 = 0o100;

fn mq_open_mode(_: Abi, arguments: &[u64; 6]) -> Kind {
    if arguments[1] & O_CREAT != 0 { Mode } else { Absent }
}

fn mq_open_attributes(_: Abi, arguments: &[u64; 6]) -> Kind {
    if arguments[1] & O_CREAT != 0 { In(&LIMITS) } else { Absent }
}

/// `struct mq_attr` of mq_open, where only the limits matter.
static LIMITS: Struct = Struct {
    size: |abi| 4 * abi.word_size(),
    write: |out, view, bytes| {
        let field = |index: usize| number(&bytes[index * view.word_size()..(index + 1) * view.word_size()]);
        out.push_str("{mq_maxmsg=");
        push_decimal(out, view.signed(field(1)));
        out.push_str(", mq_msgsize=");
        push_decimal(out, view.signed(field(2)));
        out.push('}');
    },
};

/// `struct mq_attr` of mq_getsetattr.
static ATTRIBUTES: Struct =
    Struct { size: |abi| v::mq_attr_size(abi.word_size()), write: |out, view, bytes| v::mq_attr(out, view.abi, bytes) };

/// Size of `struct iocb`.
const IOCB: usize = 64;
/// The most control blocks that are looked at.
const MOST_BLOCKS: u64 = 64;

/// The control blocks of io_submit: pointers to them, the second argument is their number.
static BLOCKS: Complex = Complex {
    at_entry: Some(|copier, address| {
        let word = copier.abi.word_size();
        let count = (copier.arguments[1] as i64).clamp(0, MOST_BLOCKS as i64) as u64;
        let copied = copier.array(address, count, word);
        for index in 0..copied {
            let pointer = copier.here(address.wrapping_add((index * word) as u64), word).map(number);
            if let Some(pointer) = pointer {
                copier.bytes(pointer, IOCB);
            }
        }
    }),
    at_return: None,
    write: |out, view, address| {
        let count = view.signed(view.arguments[1]);
        if count < 0 {
            return view.address(out, address);
        }
        view.array(out, address, count as u64, view.word_size(), view.before, |out, pointer| {
            let pointer = number(pointer);
            match view.given(pointer, IOCB) {
                Some(bytes) => write_block(out, bytes, true),
                None => view.address(out, pointer),
            }
        });
    },
};

static BLOCK: Struct = Struct { size: |_| IOCB, write: |out, _, bytes| write_block(out, bytes, false) };

/// Appends a control block: all of it, or only what names the operation.
fn write_block(out: &mut String, bytes: &[u8], all: bool) {
    const COMMANDS: [&str; 9] = [
        "IOCB_CMD_PREAD",
        "IOCB_CMD_PWRITE",
        "IOCB_CMD_FSYNC",
        "IOCB_CMD_FDSYNC",
        "IOCB_CMD_PREADX",
        "IOCB_CMD_POLL",
        "IOCB_CMD_NOOP",
        "IOCB_CMD_PREADV",
        "IOCB_CMD_PWRITEV",
    ];
    let field = |offset: usize, size: usize| number(&bytes[offset..offset + size]);
    out.push_str("{aio_data=");
    hex(out, field(0, 8));
    if field(8, 4) != 0 {
        out.push_str(", aio_key=");
        push_unsigned(out, field(8, 4));
    }
    if field(12, 4) != 0 {
        out.push_str(", aio_rw_flags=");
        file::RWF.write(out, field(12, 4));
    }
    out.push_str(", aio_lio_opcode=");
    let command = field(16, 2) as usize;
    match COMMANDS.get(command) {
        Some(name) => out.push_str(name),
        None => {
            push_unsigned(out, command as u64);
            out.push_str(" /* IOCB_CMD_??? */");
        }
    }
    if field(18, 2) != 0 {
        out.push_str(", aio_reqprio=");
        push_decimal(out, (field(18, 2) as i16).into());
    }
    out.push_str(", aio_fildes=");
    push_decimal(out, (field(20, 4) as i32).into());
    // Reads and writes have a buffer, whose contents are not looked at.
    if all && matches!(command, 0 | 1 | 7 | 8) {
        out.push_str(", aio_buf=");
        hex(out, field(24, 8));
        out.push_str(", aio_nbytes=");
        push_unsigned(out, field(32, 8));
        out.push_str(", aio_offset=");
        push_decimal(out, field(40, 8) as i64);
    }
    out.push('}');
}

/// Size of `struct io_event`.
const IO_EVENT: usize = 32;

fn write_event(out: &mut String, bytes: &[u8]) {
    let field = |index: usize| number(&bytes[8 * index..8 * index + 8]);
    out.push_str("{data=");
    hex(out, field(0));
    out.push_str(", obj=");
    hex(out, field(1));
    out.push_str(", res=");
    push_decimal(out, field(2) as i64);
    out.push_str(", res2=");
    push_decimal(out, field(3) as i64);
    out.push('}');
}

static EVENT: Struct = Struct { size: |_| IO_EVENT, write: |out, _, bytes| write_event(out, bytes) };

/// The events that io_getevents returns: the result is their number.
static EVENTS: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, result| {
        copier.array(address, result.max(0) as u64, IO_EVENT);
    }),
    write: |out, view, address| {
        let count = if view.failed { u64::MAX } else { view.result.unwrap_or(0).max(0) as u64 };
        view.array(out, address, count, IO_EVENT, view.after, write_event);
    },
};

pub(super) static CALLS: &[Spec] = &[
    call(
        "mq_open",
        &[
            arg("name", Path),
            arg("oflag", Seen(open_flags)),
            arg("mode", Select(mq_open_mode)),
            arg("attr", Select(mq_open_attributes)),
        ],
    )
    .opens(effect::forget),
    call("mq_unlink", &[arg("name", Path)]),
    call(
        "mq_timedsend",
        &[
            arg("mqdes", Fd),
            arg("msg_ptr", Written(2)),
            arg("msg_len", Ulong),
            arg("msg_prio", Uint),
            arg("abs_timeout", TIMESPEC_IN),
        ],
    ),
    call(
        "mq_timedsend_time64",
        &[
            arg("mqdes", Fd),
            arg("msg_ptr", Written(2)),
            arg("msg_len", Ulong),
            arg("msg_prio", Uint),
            arg("abs_timeout", In(&TIMESPEC64)),
        ],
    ),
    call(
        "mq_timedreceive",
        &[
            arg("mqdes", Fd),
            arg("msg_ptr", Read(2)),
            arg("msg_len", Ulong),
            arg("msg_prio", Out(&UINT)),
            arg("abs_timeout", TIMESPEC_IN),
        ],
    )
    .moves_bytes(),
    call(
        "mq_timedreceive_time64",
        &[
            arg("mqdes", Fd),
            arg("msg_ptr", Read(2)),
            arg("msg_len", Ulong),
            arg("msg_prio", Out(&UINT)),
            arg("abs_timeout", In(&TIMESPEC64)),
        ],
    )
    .moves_bytes(),
    call("mq_notify", &[arg("mqdes", Fd), arg("sevp", In(&SIGEVENT))]),
    call("mq_getsetattr", &[arg("mqdes", Fd), arg("newattr", In(&ATTRIBUTES)), arg("oldattr", Out(&ATTRIBUTES))]),
    call("io_setup", &[arg("nr_events", Uint), arg("ctx_idp", Out(&WORD_POINTER))]),
    call("io_destroy", &[arg("ctx_id", Pointer)]),
    call("io_submit", &[arg("ctx_id", Pointer), arg("nr", Long), arg("iocbpp", Memory(&BLOCKS))]),
    call("io_cancel", &[arg("ctx_id", Pointer), arg("iocb", In(&BLOCK)), arg("result", Out(&EVENT))]),
    call(
        "io_getevents",
        &[
            arg("ctx_id", Pointer),
            arg("min_nr", Long),
            arg("nr", Long),
            arg("events", Memory(&EVENTS)),
            arg("timeout", TIMESPEC_IN),
        ],
    ),
    call(
        "io_pgetevents",
        &[
            arg("ctx_id", Pointer),
            arg("min_nr", Long),
            arg("nr", Long),
            arg("events", Memory(&EVENTS)),
            arg("timeout", TIMESPEC_IN),
            arg("sig", Memory(&MASK_AND_SIZE)),
        ],
    ),
    call(
        "io_pgetevents_time64",
        &[
            arg("ctx_id", Pointer),
            arg("min_nr", Long),
            arg("nr", Long),
            arg("events", Memory(&EVENTS)),
            arg("timeout", In(&TIMESPEC64)),
            arg("sig", Memory(&MASK_AND_SIZE)),
        ],
    ),
];
