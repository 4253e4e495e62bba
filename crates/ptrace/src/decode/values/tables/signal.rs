//! Names for signal handling.

use super::super::flags::{Flags, Names};

/// What rt_sigprocmask does with its set.
pub(crate) static SIGPROCMASK: Names =
    Names { names: &[(0, "SIG_BLOCK"), (1, "SIG_UNBLOCK"), (2, "SIG_SETMASK")], unknown: "SIG_???" };

/// Flags of sigaltstack.
pub(crate) static STACK: Flags =
    Flags { names: &[(1, "SS_ONSTACK"), (2, "SS_DISABLE"), (0x80000000, "SS_AUTODISARM")], unknown: "SS_???" };

/// Flags of a signal action.
pub(crate) static SA_FLAGS: Flags = Flags {
    names: &[
        (0x4000000, "SA_RESTORER"),
        (0x8000000, "SA_ONSTACK"),
        (0x10000000, "SA_RESTART"),
        (0x20000000, "SA_INTERRUPT"),
        (0x40000000, "SA_NODEFER"),
        (0x80000000, "SA_RESETHAND"),
        (4, "SA_SIGINFO"),
        (1, "SA_NOCLDSTOP"),
        (2, "SA_NOCLDWAIT"),
    ],
    unknown: "SA_???",
};

/// Architectures of SIGSYS.
pub(crate) static ARCHITECTURE: Names = Names {
    names: &[
        (0x28, "AUDIT_ARCH_ARMEB"),
        (0x40000003, "AUDIT_ARCH_I386"),
        (0x40000028, "AUDIT_ARCH_ARM"),
        (0xc000003e, "AUDIT_ARCH_X86_64"),
        (0xc00000b7, "AUDIT_ARCH_AARCH64"),
    ],
    unknown: "AUDIT_ARCH_???",
};
