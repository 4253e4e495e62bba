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

/// Causes of SIGILL.
pub(crate) static ILL: Names = Names {
    names: &[
        (1, "ILL_ILLOPC"),
        (2, "ILL_ILLOPN"),
        (3, "ILL_ILLADR"),
        (4, "ILL_ILLTRP"),
        (5, "ILL_PRVOPC"),
        (6, "ILL_PRVREG"),
        (7, "ILL_COPROC"),
        (8, "ILL_BADSTK"),
        (9, "ILL_BADIADDR"),
    ],
    unknown: "",
};

/// Causes of SIGTRAP.
pub(crate) static TRAP: Names = Names {
    names: &[
        (1, "TRAP_BRKPT"),
        (2, "TRAP_TRACE"),
        (3, "TRAP_BRANCH"),
        (4, "TRAP_HWBKPT"),
        (5, "TRAP_UNK"),
        (6, "TRAP_PERF"),
    ],
    unknown: "",
};

/// Causes of SIGBUS.
pub(crate) static BUS: Names = Names {
    names: &[(1, "BUS_ADRALN"), (2, "BUS_ADRERR"), (3, "BUS_OBJERR"), (4, "BUS_MCEERR_AR"), (5, "BUS_MCEERR_AO")],
    unknown: "",
};

/// Causes of SIGFPE.
pub(crate) static FPE: Names = Names {
    names: &[
        (1, "FPE_INTDIV"),
        (2, "FPE_INTOVF"),
        (3, "FPE_FLTDIV"),
        (4, "FPE_FLTOVF"),
        (5, "FPE_FLTUND"),
        (6, "FPE_FLTRES"),
        (7, "FPE_FLTINV"),
        (8, "FPE_FLTSUB"),
        (0xe, "FPE_FLTUNK"),
        (0xf, "FPE_CONDTRAP"),
    ],
    unknown: "",
};

/// Causes of SIGSEGV.
pub(crate) static SEGV: Names = Names {
    names: &[
        (1, "SEGV_MAPERR"),
        (2, "SEGV_ACCERR"),
        (3, "SEGV_BNDERR"),
        (4, "SEGV_PKUERR"),
        (5, "SEGV_ACCADI"),
        (6, "SEGV_ADIDERR"),
        (7, "SEGV_ADIPERR"),
        (8, "SEGV_MTEAERR"),
        (9, "SEGV_MTESERR"),
        (0xa, "SEGV_CPERR"),
    ],
    unknown: "",
};

/// Causes of SIGCHLD.
pub(crate) static CLD: Names = Names {
    names: &[
        (1, "CLD_EXITED"),
        (2, "CLD_KILLED"),
        (3, "CLD_DUMPED"),
        (4, "CLD_TRAPPED"),
        (5, "CLD_STOPPED"),
        (6, "CLD_CONTINUED"),
    ],
    unknown: "",
};

/// Causes of SIGIO.
pub(crate) static POLL: Names = Names {
    names: &[(1, "POLL_IN"), (2, "POLL_OUT"), (3, "POLL_MSG"), (4, "POLL_ERR"), (5, "POLL_PRI"), (6, "POLL_HUP")],
    unknown: "",
};

/// Causes of SIGSYS.
pub(crate) static SYS: Names = Names { names: &[(1, "SYS_SECCOMP"), (2, "SYS_USER_DISPATCH")], unknown: "" };

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
