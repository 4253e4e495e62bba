//! i386's `socketcall` and `ipc`, one number for many calls, and its oldest calls whose arguments stand in memory.
//! They are shown as the calls they stand for.

use std::collections::HashMap;
use std::sync::OnceLock;

use renacer_events::Abi;

use super::calls;
use super::spec::Resolved;
use crate::capture::number;

/// `select` and `mmap` as Linux had them at first: their only argument leads to five and six words.
const OLD_SELECT: u64 = 82;
const OLD_MMAP: u64 = 90;
const SOCKETCALL: u64 = 102;
const IPC: u64 = 117;

/// The calls behind `socketcall`, by number from 1 on, and how many arguments each has.
const SOCKET_CALLS: [(&str, usize); 20] = [
    ("socket", 3),
    ("bind", 3),
    ("connect", 3),
    ("listen", 2),
    ("accept", 3),
    ("getsockname", 3),
    ("getpeername", 3),
    ("socketpair", 4),
    ("send", 4),
    ("recv", 4),
    ("sendto", 6),
    ("recvfrom", 6),
    ("shutdown", 2),
    ("setsockopt", 5),
    ("getsockopt", 5),
    ("sendmsg", 3),
    ("recvmsg", 3),
    ("accept4", 4),
    ("recvmmsg", 5),
    ("sendmmsg", 4),
];

/// The calls behind `ipc`: number, name, and which of its arguments are theirs, in order.
const IPC_CALLS: [(u64, &str, &[usize]); 11] = [
    (1, "semop", &[1, 4, 2]),
    (2, "semget", &[1, 2, 3]),
    (4, "semtimedop", &[1, 4, 2, 5]),
    (11, "msgsnd", &[1, 4, 2, 3]),
    (12, "msgrcv", &[1, 4, 2, 5, 3]),
    (13, "msgget", &[1, 2]),
    (14, "msgctl", &[1, 2, 4]),
    (21, "shmat", &[1, 4, 2]),
    (22, "shmdt", &[4]),
    (23, "shmget", &[1, 2, 3]),
    (24, "shmctl", &[1, 2, 4]),
];

/// Whether a call stands for another one, and what more of memory says which: address and length.
pub(crate) fn words(abi: Abi, call: u64, arguments: &[u64; 6]) -> Option<(u64, usize)> {
    match (abi, call) {
        (Abi::I386, SOCKETCALL) => {
            let index = usize::try_from(arguments[0]).ok()?.checked_sub(1)?;
            Some((arguments[1], 4 * SOCKET_CALLS.get(index)?.1))
        }
        (Abi::I386, OLD_SELECT) => Some((arguments[0], 20)),
        (Abi::I386, OLD_MMAP) => Some((arguments[0], 24)),
        // The pointers of the old version, and semctl's argument, stand behind another pointer: not shown so.
        (Abi::I386, IPC) if IPC_CALLS.iter().any(|&(number, ..)| number == arguments[0]) => Some((0, 0)),
        _ => None,
    }
}

/// The calls that one with this number may stand for.
pub(crate) fn possible_names(abi: Abi, call: u64) -> Vec<&'static str> {
    match (abi, call) {
        (Abi::I386, SOCKETCALL) => SOCKET_CALLS.map(|(name, _)| name).to_vec(),
        (Abi::I386, OLD_SELECT) => vec!["select"],
        (Abi::I386, OLD_MMAP) => vec!["mmap"],
        (Abi::I386, IPC) => IPC_CALLS.map(|(_, name, _)| name).to_vec(),
        _ => Vec::new(),
    }
}

/// The names of the arguments of all calls that others may stand for.
pub(crate) fn argument_names() -> impl Iterator<Item = &'static str> {
    let names = SOCKET_CALLS.iter().map(|(name, _)| *name).chain(IPC_CALLS.iter().map(|(_, name, _)| *name));
    names.filter_map(named).flat_map(|call| call.slots.iter().map(|slot| slot.name))
}

/// The call that another one stands for, with its arguments. `words` are what [`words`] named.
pub(crate) fn direct(call: u64, arguments: &[u64; 6], words: &[u8]) -> Option<(&'static Resolved, [u64; 6])> {
    let mut own = [0; 6];
    for (argument, word) in own.iter_mut().zip(words.chunks_exact(4)) {
        *argument = number(word);
    }
    let name = match call {
        OLD_SELECT => "select",
        OLD_MMAP => "mmap",
        SOCKETCALL => SOCKET_CALLS.get(usize::try_from(arguments[0]).ok()?.checked_sub(1)?)?.0,
        _ => {
            let &(_, name, order) = IPC_CALLS.iter().find(|&&(number, ..)| number == arguments[0])?;
            for (argument, &register) in own.iter_mut().zip(order) {
                *argument = arguments[register];
            }
            name
        }
    };
    Some((named(name)?, own))
}

fn named(name: &str) -> Option<&'static Resolved> {
    static CALLS: OnceLock<HashMap<&str, Resolved>> = OnceLock::new();
    let calls = CALLS.get_or_init(|| {
        let names = SOCKET_CALLS.map(|(name, _)| name).into_iter().chain(IPC_CALLS.map(|(_, name, _)| name));
        let names = names.chain(["select", "mmap"]);
        let find = |name: &'static str| calls::all().find(|spec| spec.name == name);
        names.filter_map(|name| Some((name, Resolved::from_spec(find(name)?, Abi::I386)))).collect()
    });
    calls.get(name)
}
