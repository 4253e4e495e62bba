//! Calls on keys that the kernel keeps. What a key holds is a secret: shown only on request, as the contents of files are.

use renacer_events::Abi;

use super::super::spec::Kind::{
    self, Absent, Flags, Hex, Id, Int, Names, Pointer, Read, Select, Str, Uint, Ulong, Word, Written,
};
use super::super::spec::{Spec, arg, call};
use super::super::values as v;
use super::super::values::tables::process as t;

/// A key by its number.
const KEY: Kind = Word(v::key_serial);

/// The second to fifth arguments of keyctl, by operation.
fn arguments(operation: u64) -> [Kind; 4] {
    let none = Absent;
    match operation as u32 {
        // GET_KEYRING_ID
        0 => [KEY, Int, none, none],
        // JOIN_SESSION_KEYRING
        1 => [Str, none, none, none],
        // UPDATE
        2 => [KEY, Written(3), Ulong, none],
        // REVOKE, CLEAR, ASSUME_AUTHORITY, INVALIDATE
        3 | 7 | 16 | 21 => [KEY, none, none, none],
        // CHOWN
        4 => [KEY, Id, Id, none],
        // SETPERM
        5 => [KEY, Flags(&t::KEY_PERMISSIONS), none, none],
        // DESCRIBE, READ, GET_SECURITY
        6 | 11 | 17 => [KEY, Read(3), Ulong, none],
        // LINK, UNLINK
        8 | 9 => [KEY, KEY, none, none],
        // SEARCH
        10 => [KEY, Str, Str, KEY],
        // INSTANTIATE
        12 => [KEY, Written(3), Ulong, KEY],
        // NEGATE
        13 => [KEY, Uint, KEY, none],
        // SET_REQKEY_KEYRING
        14 => [Int, none, none, none],
        // SET_TIMEOUT
        15 => [KEY, Uint, none, none],
        // SESSION_TO_PARENT
        18 => [none; 4],
        // REJECT
        19 => [KEY, Uint, Uint, KEY],
        // GET_PERSISTENT
        22 => [Id, KEY, none, none],
        // RESTRICT_KEYRING
        29 => [KEY, Str, Str, none],
        // MOVE
        30 => [KEY, KEY, KEY, Hex],
        // CAPABILITIES
        31 => [Pointer, Ulong, none, none],
        _ => [Hex; 4],
    }
}

fn second(_: Abi, registers: &[u64; 6]) -> Kind {
    arguments(registers[0])[0]
}

fn third(_: Abi, registers: &[u64; 6]) -> Kind {
    arguments(registers[0])[1]
}

fn fourth(_: Abi, registers: &[u64; 6]) -> Kind {
    arguments(registers[0])[2]
}

fn fifth(_: Abi, registers: &[u64; 6]) -> Kind {
    arguments(registers[0])[3]
}

pub(super) static CALLS: &[Spec] = &[
    call(
        "add_key",
        &[
            arg("type", Str),
            arg("description", Str),
            arg("payload", Written(3)),
            arg("plen", Ulong),
            arg("keyring", KEY),
        ],
    ),
    call(
        "request_key",
        &[arg("type", Str), arg("description", Str), arg("callout_info", Str), arg("dest_keyring", KEY)],
    ),
    call(
        "keyctl",
        &[
            arg("operation", Names(&t::KEYCTL)),
            arg("arg2", Select(second)),
            arg("arg3", Select(third)),
            arg("arg4", Select(fourth)),
            arg("arg5", Select(fifth)),
        ],
    ),
];
