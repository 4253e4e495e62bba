//! Calls on System V objects for communication: semaphores, message queues, shared memory.

use super::super::number::{push_decimal, push_hex, push_unsigned};
use super::super::spec::Kind::{Complex as Memory, Flags, In, Int, Long, Pointer, Select, Uint, Ulong, Word};
use super::super::spec::{Complex, ResultKind, Spec, arg, call};
use super::super::values::tables::memory as t;
use super::super::values::{self as v, Flags as FlagNames};
use super::super::view::View;
use super::ipc_state;
use super::structures::*;
use crate::capture::number;

/// The key of a System V object.
fn key(out: &mut String, value: u64) {
    match value as u32 {
        0 => out.push_str("IPC_PRIVATE"),
        key => push_hex(out, key.into()),
    }
}

fn shmctl_command(out: &mut String, value: u64) {
    v::ipc_command(out, &t::SHMCTL, value);
}

fn semctl_command(out: &mut String, value: u64) {
    v::ipc_command(out, &t::SEMCTL, value);
}

fn msgctl_command(out: &mut String, value: u64) {
    v::ipc_command(out, &t::MSGCTL, value);
}

const SEMBUF: usize = 6;

/// Semaphore operations: the third argument is their number.
static OPERATIONS: Complex = Complex {
    at_entry: Some(|copier, address| {
        copier.array(address, copier.arguments[2] as u32 as u64, SEMBUF);
    }),
    at_return: None,
    write: |out, view, address| {
        view.array(out, address, view.arguments[2] as u32 as u64, SEMBUF, view.before, |out, bytes| {
            out.push_str("{sem_num=");
            push_unsigned(out, number(&bytes[..2]));
            out.push_str(", sem_op=");
            push_decimal(out, (number(&bytes[2..4]) as i16).into());
            out.push_str(", sem_flg=");
            OPERATION_FLAGS.write(out, number(&bytes[4..]));
            out.push('}');
        });
    },
};

/// The type in front of a message; its text is contents.
fn write_message(out: &mut String, view: &View<'_>, address: u64, length: u64, memory: &renacer_events::Memory) {
    let word = view.word_size();
    match memory.get(address, word) {
        Some(kind) => {
            out.push_str("{mtype=");
            push_decimal(out, view.signed(number(kind)));
            out.push_str(", mtext=");
            view.data(out, address.wrapping_add(word as u64), length, memory);
            out.push('}');
        }
        None => view.address(out, address),
    }
}

static MESSAGE_SENT: Complex = Complex {
    at_entry: Some(|copier, address| {
        copier.word(address);
        copier.data(address.wrapping_add(copier.abi.word_size() as u64), copier.arguments[2]);
    }),
    at_return: None,
    write: |out, view, address| write_message(out, view, address, view.arguments[2], view.before),
};

static MESSAGE_RECEIVED: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, _| {
        copier.word(address);
        copier.data(address.wrapping_add(copier.abi.word_size() as u64), copier.arguments[2]);
    }),
    // All that there was room for is shown, as strace does.
    write: |out, view, address| write_message(out, view, address, view.arguments[2], view.after),
};

/// Flags of a semaphore operation.
static OPERATION_FLAGS: FlagNames =
    FlagNames { names: &[(0x1000, "SEM_UNDO"), (0x800, "IPC_NOWAIT")], unknown: "SEM_???" };

pub(super) static CALLS: &[Spec] = &[
    call("shmget", &[arg("key", Word(key)), arg("size", Ulong), arg("shmflg", Word(v::shmget_flags))]),
    call("shmat", &[arg("shmid", Int), arg("shmaddr", Pointer), arg("shmflg", Flags(&t::SHMAT))])
        .returns(ResultKind::Hex),
    call("shmdt", &[arg("shmaddr", Pointer)]),
    call("shmctl", &[arg("shmid", Int), arg("op", Word(shmctl_command)), arg("buf", Select(ipc_state::shmctl))]),
    call("semget", &[arg("key", Word(key)), arg("nsems", Int), arg("semflg", Word(v::ipc_get))]),
    call("semop", &[arg("semid", Int), arg("sops", Memory(&OPERATIONS)), arg("nsops", Uint)]),
    call(
        "semtimedop",
        &[arg("semid", Int), arg("sops", Memory(&OPERATIONS)), arg("nsops", Uint), arg("timeout", TIMESPEC_IN)],
    ),
    call(
        "semtimedop_time64",
        &[arg("semid", Int), arg("sops", Memory(&OPERATIONS)), arg("nsops", Uint), arg("timeout", In(&TIMESPEC64))],
    ),
    call(
        "semctl",
        &[
            arg("semid", Int),
            arg("semnum", Int),
            arg("op", Word(semctl_command)),
            arg("arg", Select(ipc_state::semctl)),
        ],
    ),
    call("msgget", &[arg("key", Word(key)), arg("msgflg", Word(v::ipc_get))]),
    call(
        "msgsnd",
        &[
            arg("msqid", Int),
            arg("msgp", Memory(&MESSAGE_SENT)),
            arg("msgsz", Ulong),
            arg("msgflg", Flags(&t::MSG_QUEUE)),
        ],
    ),
    call(
        "msgrcv",
        &[
            arg("msqid", Int),
            arg("msgp", Memory(&MESSAGE_RECEIVED)),
            arg("msgsz", Ulong),
            arg("msgtyp", Long),
            arg("msgflg", Flags(&t::MSG_QUEUE)),
        ],
    )
    .moves_bytes(),
    call("msgctl", &[arg("msqid", Int), arg("op", Word(msgctl_command)), arg("buf", Select(ipc_state::msgctl))]),
];
