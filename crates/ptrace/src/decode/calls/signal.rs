//! Calls on signals.

use renacer_events::Abi;

use super::super::spec::Kind::{Complex as Memory, Fd, HexInt, In, Int, Names, Out, Seen, Ulong, Word};
use super::super::spec::{Complex, ResultKind, Spec, arg, call};
use super::super::values as v;
use super::super::values::tables::signal as t;
use super::super::view::View;
use super::structures::*;

/// A signal set that the call gets, whose size is in that register.
macro_rules! set_given {
    ($name:ident, $register:expr) => {
        pub(super) static $name: Complex = Complex {
            at_entry: Some(|copier, address| {
                if copier.arguments[$register] == 8 {
                    copier.bytes(address, 8);
                }
            }),
            at_return: None,
            write: |out, view, address| match view.given(address, 8) {
                Some(bytes) => v::signal_set(out, bytes),
                None => view.address(out, address),
            },
        };
    };
}

set_given!(SET_BY_SECOND, 1);
set_given!(SET_BY_FOURTH, 3);
set_given!(SET_BY_FIFTH, 4);
set_given!(SET_BY_SIXTH, 5);
set_given!(SET_BY_THIRD, 2);

/// The old signal mask that rt_sigprocmask returns.
static OLD_SET: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, _| {
        if copier.arguments[3] == 8 {
            copier.bytes(address, 8);
        }
    }),
    write: |out, view, address| match view.returned(address, 8) {
        Some(bytes) => v::signal_set(out, bytes),
        None => view.address(out, address),
    },
};

/// The pending signals, of which a part may be asked for.
static PENDING: Complex = Complex {
    at_entry: None,
    at_return: Some(|copier, address, _| {
        let size = copier.arguments[1].min(8) as usize;
        copier.bytes(address, size);
    }),
    write: |out, view, address| match view.returned(address, view.arguments[1].min(8) as usize) {
        Some(bytes) => v::signal_set(out, bytes),
        None => view.address(out, address),
    },
};

/// The signal that rt_sigtimedwait returns.
fn signal_note(out: &mut String, view: &View<'_>) {
    if let Some(value @ 1..) = view.result.filter(|_| !view.failed) {
        v::signal(out, value as u64);
    }
}

/// A signal handler's address.
fn handler(out: &mut String, view: &View<'_>, value: u64) {
    v::handler(out, view.word_size(), value);
}

/// Where the signal mask stands that a signal handler's return restores, seen from the stack pointer.
fn restored_mask(abi: Abi, stack_pointer: u64) -> u64 {
    stack_pointer.wrapping_add(match abi {
        Abi::X86_64 | Abi::X32 => 296,
        Abi::I386 => 248,
        Abi::Aarch64 => 168,
    })
}

/// The interrupted context's signal mask.
static RESTORED_MASK: Complex = Complex {
    at_entry: Some(|copier, _| {
        if copier.stack_pointer != 0 {
            copier.bytes(restored_mask(copier.abi, copier.stack_pointer), 8);
        }
    }),
    at_return: None,
    write: |out, view, _| {
        let address = restored_mask(view.abi, view.stack_pointer);
        match view.given(address, 8) {
            Some(bytes) => {
                out.push_str("{mask=");
                v::signal_set(out, bytes);
                out.push('}');
            }
            None => view.address(out, address),
        }
    },
};

pub(super) static CALLS: &[Spec] = &[
    call(
        "rt_sigaction",
        &[
            arg("signum", Word(v::signal)),
            arg("act", In(&SIGACTION)),
            arg("oldact", Out(&SIGACTION)),
            arg("sigsetsize", Ulong),
        ],
    ),
    call(
        "rt_sigprocmask",
        &[
            arg("how", Names(&t::SIGPROCMASK)),
            arg("set", Memory(&SET_BY_FOURTH)),
            arg("oldset", Memory(&OLD_SET)),
            arg("sigsetsize", Ulong),
        ],
    ),
    call("rt_sigpending", &[arg("set", Memory(&PENDING)), arg("sigsetsize", Ulong)]),
    call("rt_sigsuspend", &[arg("mask", Memory(&SET_BY_SECOND)), arg("sigsetsize", Ulong)]),
    call(
        "rt_sigtimedwait",
        &[
            arg("set", Memory(&SET_BY_FOURTH)),
            arg("info", Out(&SIGINFO)),
            arg("timeout", TIMESPEC_IN),
            arg("sigsetsize", Ulong),
        ],
    )
    .note(signal_note),
    call(
        "rt_sigtimedwait_time64",
        &[
            arg("set", Memory(&SET_BY_FOURTH)),
            arg("info", Out(&SIGINFO)),
            arg("timeout", In(&TIMESPEC64)),
            arg("sigsetsize", Ulong),
        ],
    )
    .note(signal_note),
    call("rt_sigqueueinfo", &[arg("tgid", Int), arg("sig", Word(v::signal)), arg("info", In(&SIGINFO))]),
    call(
        "rt_tgsigqueueinfo",
        &[arg("tgid", Int), arg("tid", Int), arg("sig", Word(v::signal)), arg("info", In(&SIGINFO))],
    ),
    call(
        "pidfd_send_signal",
        &[arg("pidfd", Fd), arg("sig", Word(v::signal)), arg("info", In(&SIGINFO)), arg("flags", HexInt)],
    ),
    call("rt_sigreturn", &[arg("mask", Memory(&RESTORED_MASK))]),
    call("sigreturn", &[]),
    call("sigaltstack", &[arg("ss", In(&SIGALTSTACK)), arg("old_ss", Out(&SIGALTSTACK))]),
    call("kill", &[arg("pid", Int), arg("sig", Word(v::signal))]),
    call("tkill", &[arg("tid", Int), arg("sig", Word(v::signal))]),
    call("tgkill", &[arg("tgid", Int), arg("tid", Int), arg("sig", Word(v::signal))]),
    call("pause", &[]),
    call("signal", &[arg("signum", Word(v::signal)), arg("handler", Seen(handler))]).returns(ResultKind::Hex),
    call(
        "sigaction",
        &[arg("signum", Word(v::signal)), arg("act", In(&OLD_SIGACTION)), arg("oldact", Out(&OLD_SIGACTION))],
    ),
    call(
        "sigprocmask",
        &[arg("how", Names(&t::SIGPROCMASK)), arg("set", In(&OLD_SIGSET)), arg("oldset", Out(&OLD_SIGSET))],
    ),
    call("sigpending", &[arg("set", Out(&OLD_SIGSET))]),
    call("restart_syscall", &[]),
];
