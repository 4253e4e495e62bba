//! `prctl` and `arch_prctl`, whose arguments depend on what they are asked for.

use renacer_events::Abi;

use super::super::number::push_decimal;
use super::super::quote::{quote, quote_until_nul};
use super::super::spec::Kind::{
    self, Absent, Complex as Memory, Hex, Long, LongFlags, LongNames, Names, Out, Pointer, Select, Str, Ulong, Word,
};
use super::super::spec::{Complex, ResultKind, Spec, arg, call};
use super::super::values::tables::process as t;
use super::super::values::{self as v, Flags as FlagNames, Names as ValueNames};
use super::super::view::View;
use super::control::FILTER;
use super::structures::{LONG_HEX, SIGNAL, UINT, WORD_POINTER};

/// The name of a thread, at most 15 bytes.
static THREAD_NAME: Complex = Complex {
    at_entry: Some(|copier, address| copier.string(address, 16)),
    at_return: None,
    write: |out, view, address| match view.given_string(address) {
        Some((name, ended)) => quote(out, &name[..name.len().min(15)], !ended || name.len() > 15),
        None => view.address(out, address),
    },
};

static THREAD_NAME_RETURNED: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, _| {
        copier.bytes(address, 16);
    }),
    write: |out, view, address| match view.returned(address, 16) {
        Some(name) => quote_until_nul(out, name),
        None => view.address(out, address),
    },
};

/// The arguments that an option of prctl has; behind them nothing is shown, or the rest in hexadecimal.
fn with_rest<const N: usize>(kinds: [Kind; N], rest: Kind) -> [Kind; 4] {
    std::array::from_fn(|index| kinds.get(index).copied().unwrap_or(rest))
}

/// The second to fifth arguments of prctl.
fn prctl_arguments(arguments: &[u64; 6]) -> [Kind; 4] {
    match arguments[0] as u32 {
        // PR_SET_PDEATHSIG
        1 if arguments[1] > 128 => with_rest([Ulong], Absent),
        1 => with_rest([Word(v::signal)], Absent),
        // PR_GET_PDEATHSIG
        2 => with_rest([Out(&SIGNAL)], Absent),
        // PR_GET_DUMPABLE, PR_GET_KEEPCAPS, PR_GET_TIMING, PR_GET_SECCOMP, PR_GET_SECUREBITS, PR_GET_TIMERSLACK,
        // PR_TASK_PERF_EVENTS_DISABLE, PR_TASK_PERF_EVENTS_ENABLE, PR_GET_FP_MODE
        3 | 7 | 13 | 21 | 27 | 30 | 31 | 32 | 46 => with_rest([], Absent),
        // PR_SET_DUMPABLE
        4 => with_rest([LongNames(&DUMPABLE)], Absent),
        // PR_SET_UNALIGN, PR_SET_FPEMU, PR_SET_FPEXC, PR_SET_KEEPCAPS, PR_SET_TIMING, PR_SET_ENDIAN, PR_SET_CHILD_SUBREAPER
        8 | 10 | 12 | 14 | 20 | 36 => with_rest([Ulong], Absent),
        // PR_GET_FPEMU, PR_GET_FPEXC, PR_GET_ENDIAN, PR_GET_CHILD_SUBREAPER
        9 | 11 | 19 | 37 => with_rest([Out(&UINT)], Absent),
        // PR_SET_NAME
        15 => with_rest([Memory(&THREAD_NAME)], Absent),
        // PR_GET_NAME
        16 => with_rest([Memory(&THREAD_NAME_RETURNED)], Absent),
        // PR_SET_SECCOMP
        22 => match arguments[1] {
            1 => with_rest([LongNames(&SECCOMP_MODE)], Absent),
            2 => with_rest([LongNames(&SECCOMP_MODE), Memory(&FILTER)], Absent),
            _ => with_rest([LongNames(&SECCOMP_MODE)], Hex),
        },
        // PR_CAPBSET_READ, PR_CAPBSET_DROP
        23 | 24 => with_rest([LongNames(&t::CAPABILITY)], Absent),
        // PR_SET_SECUREBITS
        28 => with_rest([LongFlags(&SECUREBITS)], Absent),
        // PR_SET_TIMERSLACK
        29 => with_rest([Long], Absent),
        // PR_SET_NO_NEW_PRIVS, PR_SET_THP_DISABLE, PR_SET_IO_FLUSHER
        38 | 41 | 57 => with_rest([Ulong], Hex),
        // PR_GET_TID_ADDRESS
        40 => with_rest([Out(&WORD_POINTER)], Absent),
        // PR_CAP_AMBIENT
        47 => match arguments[1] {
            1..=3 => with_rest([LongNames(&CAP_AMBIENT), LongNames(&t::CAPABILITY)], Hex),
            _ => with_rest([LongNames(&CAP_AMBIENT)], Hex),
        },
        // PR_SET_VMA, PR_SET_VMA_ANON_NAME
        0x5356_4d41 if arguments[1] == 0 => with_rest([LongNames(&SET_VMA), Pointer, Ulong, Str], Absent),
        0x5356_4d41 => with_rest([LongNames(&SET_VMA)], Hex),
        // PR_SET_PTRACER
        0x5961_6d61 => with_rest([Word(ptracer)], Absent),
        _ => with_rest([], Hex),
    }
}

fn prctl_second(_: Abi, arguments: &[u64; 6]) -> Kind {
    prctl_arguments(arguments)[0]
}

fn prctl_third(_: Abi, arguments: &[u64; 6]) -> Kind {
    prctl_arguments(arguments)[1]
}

fn prctl_fourth(_: Abi, arguments: &[u64; 6]) -> Kind {
    prctl_arguments(arguments)[2]
}

fn prctl_fifth(_: Abi, arguments: &[u64; 6]) -> Kind {
    prctl_arguments(arguments)[3]
}

fn ptracer(out: &mut String, value: u64) {
    match value as i32 {
        -1 => out.push_str("PR_SET_PTRACER_ANY"),
        pid => push_decimal(out, pid.into()),
    }
}

/// What the result of prctl means.
fn prctl_note(out: &mut String, view: &View<'_>) {
    let Some(value) = view.result.filter(|_| !view.failed).map(|value| value as u64) else { return };
    match view.arguments[0] as u32 {
        3 => out.push_str(DUMPABLE.name(value).unwrap_or("")),
        27 if value != 0 => SECUREBITS.write(out, value),
        _ => {}
    }
}

static DUMPABLE: ValueNames = ValueNames {
    names: &[(0, "SUID_DUMP_DISABLE"), (1, "SUID_DUMP_USER"), (2, "SUID_DUMP_ROOT")],
    unknown: "SUID_DUMP_???",
};

static SECCOMP_MODE: ValueNames = ValueNames {
    names: &[(0, "SECCOMP_MODE_DISABLED"), (1, "SECCOMP_MODE_STRICT"), (2, "SECCOMP_MODE_FILTER")],
    unknown: "SECCOMP_MODE_???",
};

static CAP_AMBIENT: ValueNames = ValueNames {
    names: &[
        (1, "PR_CAP_AMBIENT_IS_SET"),
        (2, "PR_CAP_AMBIENT_RAISE"),
        (3, "PR_CAP_AMBIENT_LOWER"),
        (4, "PR_CAP_AMBIENT_CLEAR_ALL"),
    ],
    unknown: "PR_CAP_AMBIENT_???",
};

static SET_VMA: ValueNames = ValueNames { names: &[(0, "PR_SET_VMA_ANON_NAME")], unknown: "PR_SET_VMA_???" };

static SECUREBITS: FlagNames = FlagNames {
    names: &[
        (1, "SECBIT_NOROOT"),
        (2, "SECBIT_NOROOT_LOCKED"),
        (4, "SECBIT_NO_SETUID_FIXUP"),
        (8, "SECBIT_NO_SETUID_FIXUP_LOCKED"),
        (16, "SECBIT_KEEP_CAPS"),
        (32, "SECBIT_KEEP_CAPS_LOCKED"),
        (64, "SECBIT_NO_CAP_AMBIENT_RAISE"),
        (128, "SECBIT_NO_CAP_AMBIENT_RAISE_LOCKED"),
    ],
    unknown: "SECBIT_???",
};

fn arch_prctl_argument(_: Abi, arguments: &[u64; 6]) -> Kind {
    match arguments[0] as u32 {
        // ARCH_GET_FS, ARCH_GET_GS
        0x1003 | 0x1004 => Out(&WORD_POINTER),
        // ARCH_GET_CPUID
        0x1011 => Absent,
        // ARCH_GET_XCOMP_SUPP, ARCH_GET_XCOMP_PERM, ARCH_GET_XCOMP_GUEST_PERM
        0x1021 | 0x1022 | 0x1024 => Out(&LONG_HEX),
        _ => Hex,
    }
}

pub(super) static CALLS: &[Spec] = &[
    call(
        "prctl",
        &[
            arg("option", Names(&t::PRCTL)),
            arg("arg2", Select(prctl_second)),
            arg("arg3", Select(prctl_third)),
            arg("arg4", Select(prctl_fourth)),
            arg("arg5", Select(prctl_fifth)),
        ],
    )
    .returns(ResultKind::Select(
        |arguments| {
            if arguments[0] as u32 == 27 { ResultKind::Hex } else { ResultKind::Decimal }
        },
    ))
    .note(prctl_note),
    call("arch_prctl", &[arg("op", Names(&t::ARCH_PRCTL)), arg("addr", Select(arch_prctl_argument))]),
];
