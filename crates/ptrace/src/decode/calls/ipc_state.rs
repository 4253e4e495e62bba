//! What shmctl, semctl and msgctl tell about System V objects.

use renacer_events::Abi;

use super::super::number::{push_decimal, push_octal, push_unsigned};
use super::super::spec::Kind::{self, In, Out, Pointer};
use super::super::spec::Struct;
use super::super::view::{View, id};
use crate::capture::number;

/// Where a number stands and how many bytes it has: with words of 8 bytes, and of 4.
#[derive(Clone, Copy)]
struct Field(&'static str, (usize, usize), (usize, usize));

fn place(abi: Abi, Field(_, wide, narrow): Field) -> (usize, usize) {
    if abi == Abi::I386 { narrow } else { wide }
}

fn get(abi: Abi, bytes: &[u8], field: Field) -> u64 {
    let (offset, size) = place(abi, field);
    bytes.get(offset..offset + size).map_or(0, number)
}

/// Appends `, name=value` for each field.
fn write(out: &mut String, abi: Abi, bytes: &[u8], fields: &[Field]) {
    for &field in fields {
        out.push_str(", ");
        out.push_str(field.0);
        out.push('=');
        push_unsigned(out, get(abi, bytes, field));
    }
}

/// Appends the owner and the permissions; all of it unless they are only set.
fn permissions(out: &mut String, name: &str, abi: Abi, bytes: &[u8], all: bool) {
    let int = |offset: usize| number(&bytes[offset..offset + 4]) as u32;
    out.push('{');
    out.push_str(name);
    out.push_str("={uid=");
    id(out, int(4));
    out.push_str(", gid=");
    id(out, int(8));
    out.push_str(", mode=");
    push_octal(out, get(abi, bytes, Field("", (20, 4), (20, 2))), 3);
    if all {
        out.push_str(", key=");
        push_unsigned(out, int(0).into());
        out.push_str(", cuid=");
        id(out, int(12));
        out.push_str(", cgid=");
        id(out, int(16));
    }
    out.push('}');
}

const SHM: &[Field] = &[
    Field("shm_segsz", (48, 8), (36, 4)),
    Field("shm_cpid", (80, 4), (64, 4)),
    Field("shm_lpid", (84, 4), (68, 4)),
    Field("shm_nattch", (88, 8), (72, 4)),
    Field("shm_atime", (56, 8), (40, 4)),
    Field("shm_dtime", (64, 8), (48, 4)),
    Field("shm_ctime", (72, 8), (56, 4)),
];

const SEM_X86: &[Field] =
    &[Field("sem_otime", (48, 8), (36, 4)), Field("sem_ctime", (64, 8), (44, 4)), Field("sem_nsems", (80, 8), (52, 4))];

const SEM_ARM: &[Field] =
    &[Field("sem_otime", (48, 8), (36, 4)), Field("sem_ctime", (56, 8), (44, 4)), Field("sem_nsems", (64, 8), (52, 4))];

const MSG_TIMES: &[Field] = &[
    Field("msg_stime", (48, 8), (36, 4)),
    Field("msg_rtime", (56, 8), (44, 4)),
    Field("msg_ctime", (64, 8), (52, 4)),
    Field("msg_qnum", (80, 8), (64, 4)),
];
const MSG_BYTES: &[Field] = &[Field("msg_qbytes", (88, 8), (68, 4))];
const MSG_PIDS: &[Field] = &[Field("msg_lspid", (96, 4), (72, 4)), Field("msg_lrpid", (100, 4), (76, 4))];

/// Appends numbers of one size, the first of them at the start: `{first=1, second=2}`.
fn numbers(out: &mut String, bytes: &[u8], size: usize, names: &[&str]) {
    for (index, name) in names.iter().enumerate() {
        out.push_str(if index == 0 { "{" } else { ", " });
        out.push_str(name);
        out.push('=');
        let value = bytes.get(index * size..(index + 1) * size).map_or(0, number);
        if size == 4 { push_decimal(out, (value as i32).into()) } else { push_unsigned(out, value) }
    }
    out.push('}');
}

fn word(view: &View<'_>) -> usize {
    if view.abi == Abi::I386 { 4 } else { 8 }
}

/// `struct shmid_ds`, `struct semid_ds`, `struct msqid_ds`: read whole, and set.
macro_rules! states {
    ($($all:ident, $set:ident: $sizes:expr, $write:expr;)*) => {
        $(
            static $all: Struct = Struct { size: |abi| size(abi, $sizes), write: |out, view, bytes| $write(out, view.abi, bytes, true) };
            static $set: Struct = Struct { size: |abi| size(abi, $sizes), write: |out, view, bytes| $write(out, view.abi, bytes, false) };
        )*
    };
}

fn size(abi: Abi, (wide, narrow): (usize, usize)) -> usize {
    if abi == Abi::I386 { narrow } else { wide }
}

states! {
    SHM_STATE, SHM_SET: (112, 84), shm;
    SEM_STATE, SEM_SET: (88, 64), sem;
    MSG_STATE, MSG_SET: (120, 88), msg;
}

fn shm(out: &mut String, abi: Abi, bytes: &[u8], all: bool) {
    permissions(out, "shm_perm", abi, bytes, all);
    write(out, abi, bytes, if all { SHM } else { &[] });
    out.push('}');
}

fn sem(out: &mut String, abi: Abi, bytes: &[u8], all: bool) {
    permissions(out, "sem_perm", abi, bytes, all);
    write(
        out,
        abi,
        bytes,
        match abi {
            _ if !all => &[],
            Abi::Aarch64 => SEM_ARM,
            _ => SEM_X86,
        },
    );
    out.push('}');
}

fn msg(out: &mut String, abi: Abi, bytes: &[u8], all: bool) {
    permissions(out, "msg_perm", abi, bytes, all);
    write(out, abi, bytes, if all { MSG_TIMES } else { &[] });
    write(out, abi, bytes, MSG_BYTES);
    write(out, abi, bytes, if all { MSG_PIDS } else { &[] });
    out.push('}');
}

static SHM_LIMITS: Struct = Struct {
    size: |abi| size(abi, (40, 20)),
    write: |out, view, bytes| {
        let size = word(view);
        for (index, name) in ["{shmmax=", ", shmmin=", ", shmmni=", ", shmseg=", ", shmall="].iter().enumerate() {
            out.push_str(name);
            push_unsigned(out, number(&bytes[index * size..(index + 1) * size]));
        }
        out.push('}');
    },
};

static SHM_USE: Struct = Struct {
    size: |abi| size(abi, (48, 24)),
    write: |out, view, bytes| {
        let size = word(view);
        out.push_str("{used_ids=");
        push_decimal(out, (number(&bytes[..4]) as i32).into());
        let names = [", shm_tot=", ", shm_rss=", ", shm_swp=", ", swap_attempts=", ", swap_successes="];
        for (index, name) in (1..).zip(names) {
            out.push_str(name);
            push_unsigned(out, number(&bytes[index * size..(index + 1) * size]));
        }
        out.push('}');
    },
};

static SEM_LIMITS: Struct = Struct {
    size: |_| 40,
    write: |out, _, bytes| {
        let names =
            ["semmap", "semmni", "semmns", "semmnu", "semmsl", "semopm", "semume", "semusz", "semvmx", "semaem"];
        numbers(out, bytes, 4, &names);
    },
};

static MSG_LIMITS: Struct = Struct {
    size: |_| 32,
    write: |out, _, bytes| {
        numbers(out, bytes, 4, &["msgpool", "msgmap", "msgmax", "msgmnb", "msgmni", "msgssz", "msgtql"]);
        out.pop();
        out.push_str(", msgseg=");
        push_unsigned(out, number(&bytes[28..30]));
        out.push('}');
    },
};

/// What a command says without the flag that old C libraries add.
fn command(register: u64) -> u32 {
    register as u32 & !0x100
}

/// The structure of shmctl.
pub(super) fn shmctl(_: Abi, arguments: &[u64; 6]) -> Kind {
    match command(arguments[1]) {
        1 => In(&SHM_SET),
        2 | 13 | 15 => Out(&SHM_STATE),
        3 => Out(&SHM_LIMITS),
        14 => Out(&SHM_USE),
        _ => Pointer,
    }
}

/// The structure of semctl.
pub(super) fn semctl(_: Abi, arguments: &[u64; 6]) -> Kind {
    match command(arguments[2]) {
        1 => In(&SEM_SET),
        2 | 18 | 20 => Out(&SEM_STATE),
        3 | 19 => Out(&SEM_LIMITS),
        _ => Pointer,
    }
}

/// The structure of msgctl.
pub(super) fn msgctl(_: Abi, arguments: &[u64; 6]) -> Kind {
    match command(arguments[1]) {
        1 => In(&MSG_SET),
        2 | 11 | 13 => Out(&MSG_STATE),
        3 | 12 => Out(&MSG_LIMITS),
        _ => Pointer,
    }
}
