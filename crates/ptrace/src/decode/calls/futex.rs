//! Calls on futexes, and what threads leave with the kernel about theirs.

use renacer_events::Abi;

use super::super::number::hex;
use super::super::spec::Kind::{
    self, Absent, Complex as Memory, HexInt, In, Int, Out, Pointer, Select, Uint, Ulong, Word,
};
use super::super::spec::{Complex, Spec, arg, call};
use super::super::values as v;
use super::structures::{TIMESPEC64, WORD, WORD_POINTER, old_timespec};

/// What a futex operation does with its arguments.
fn futex_value(_: Abi, arguments: &[u64; 6]) -> Kind {
    match arguments[1] as u32 & 127 {
        6 | 7 | 8 | 13 => Absent,
        _ => Uint,
    }
}

fn futex_timeout(abi: Abi, arguments: &[u64; 6]) -> Kind {
    match arguments[1] as u32 & 127 {
        0 | 6 | 9 | 11 | 13 => In(old_timespec(abi)),
        3 | 4 | 5 | 12 => Uint,
        1 | 2 | 7 | 8 | 10 => Absent,
        _ => Pointer,
    }
}

fn futex_timeout64(abi: Abi, arguments: &[u64; 6]) -> Kind {
    match futex_timeout(abi, arguments) {
        In(_) => In(&TIMESPEC64),
        kind => kind,
    }
}

fn futex_second(_: Abi, arguments: &[u64; 6]) -> Kind {
    match arguments[1] as u32 & 127 {
        3 | 4 | 5 | 11 | 12 => Pointer,
        0 | 1 | 2 | 6 | 7 | 8 | 9 | 10 | 13 => Absent,
        _ => Pointer,
    }
}

fn futex_third(_: Abi, arguments: &[u64; 6]) -> Kind {
    match arguments[1] as u32 & 127 {
        9 | 10 => Word(futex_bitset),
        4 | 12 => Uint,
        5 => Word(futex_wake_op),
        0 | 1 | 2 | 3 | 6 | 7 | 8 | 11 | 13 => Absent,
        _ => HexInt,
    }
}

fn futex_bitset(out: &mut String, value: u64) {
    match value as u32 {
        u32::MAX => out.push_str("FUTEX_BITSET_MATCH_ANY"),
        value => hex(out, value.into()),
    }
}

/// The operation that FUTEX_WAKE_OP does, and the comparison.
fn futex_wake_op(out: &mut String, value: u64) {
    const OPERATIONS: [&str; 5] = ["FUTEX_OP_SET", "FUTEX_OP_ADD", "FUTEX_OP_OR", "FUTEX_OP_ANDN", "FUTEX_OP_XOR"];
    const COMPARISONS: [&str; 6] = [
        "FUTEX_OP_CMP_EQ",
        "FUTEX_OP_CMP_NE",
        "FUTEX_OP_CMP_LT",
        "FUTEX_OP_CMP_LE",
        "FUTEX_OP_CMP_GT",
        "FUTEX_OP_CMP_GE",
    ];
    let value = value as u32;
    let named = |out: &mut String, names: &[&str], value: u32, shift: &str, unknown: &str| {
        match names.get(value as usize) {
            Some(name) => out.push_str(name),
            None => hex(out, value.into()),
        }
        out.push_str(shift);
        if value as usize >= names.len() {
            out.push_str(unknown);
        }
    };
    if value >> 28 & 8 != 0 {
        out.push_str("FUTEX_OP_OPARG_SHIFT<<28|");
    }
    named(out, &OPERATIONS, value >> 28 & 7, "<<28", " /* FUTEX_OP_??? */");
    out.push('|');
    hex(out, (value >> 12 & 0xfff).into());
    out.push_str("<<12|");
    named(out, &COMPARISONS, value >> 24 & 0xf, "<<24", " /* FUTEX_OP_CMP_??? */");
    out.push('|');
    hex(out, (value & 0xfff).into());
}

/// What futex_waitv waits for: the second argument is their number.
static WAITERS: Complex = Complex {
    at_entry: Some(|copier, address| {
        copier.array(address, copier.arguments[1] as u32 as u64, v::FUTEX_WAITV_SIZE);
    }),
    at_return: None,
    write: |out, view, address| {
        let count = view.arguments[1] as u32 as u64;
        view.array(out, address, count, v::FUTEX_WAITV_SIZE, view.before, v::futex_waitv);
    },
};

pub(super) static CALLS: &[Spec] = &[
    call("set_robust_list", &[arg("head", Pointer), arg("len", Ulong)]),
    call("get_robust_list", &[arg("pid", Int), arg("head_ptr", Out(&WORD_POINTER)), arg("len_ptr", Out(&WORD))]),
    call(
        "futex",
        &[
            arg("uaddr", Pointer),
            arg("futex_op", Word(v::futex_operation)),
            arg("val", Select(futex_value)),
            arg("timeout", Select(futex_timeout)),
            arg("uaddr2", Select(futex_second)),
            arg("val3", Select(futex_third)),
        ],
    ),
    call(
        "futex_time64",
        &[
            arg("uaddr", Pointer),
            arg("futex_op", Word(v::futex_operation)),
            arg("val", Select(futex_value)),
            arg("timeout", Select(futex_timeout64)),
            arg("uaddr2", Select(futex_second)),
            arg("val3", Select(futex_third)),
        ],
    ),
    call(
        "futex_waitv",
        &[
            arg("waiters", Memory(&WAITERS)),
            arg("nr_futexes", Uint),
            arg("flags", HexInt),
            arg("timeout", In(&TIMESPEC64)),
            arg("clockid", Word(v::clock)),
        ],
    ),
    call("rseq", &[arg("rseq", Pointer), arg("rseq_len", HexInt), arg("flags", HexInt), arg("sig", HexInt)]),
];
