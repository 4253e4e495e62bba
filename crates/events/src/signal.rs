//! Names of signals and of the reasons for them (`si_code`), as strace writes them.

use std::borrow::Cow;

/// The signals 1 to 31, the same on all supported architectures.
const NAMES: [&str; 31] = [
    "SIGHUP",
    "SIGINT",
    "SIGQUIT",
    "SIGILL",
    "SIGTRAP",
    "SIGABRT",
    "SIGBUS",
    "SIGFPE",
    "SIGKILL",
    "SIGUSR1",
    "SIGSEGV",
    "SIGUSR2",
    "SIGPIPE",
    "SIGALRM",
    "SIGTERM",
    "SIGSTKFLT",
    "SIGCHLD",
    "SIGCONT",
    "SIGSTOP",
    "SIGTSTP",
    "SIGTTIN",
    "SIGTTOU",
    "SIGURG",
    "SIGXCPU",
    "SIGXFSZ",
    "SIGVTALRM",
    "SIGPROF",
    "SIGWINCH",
    "SIGIO",
    "SIGPWR",
    "SIGSYS",
];

/// The name of a signal: `SIGTERM`; `SIGRTMIN` and `SIGRT_1` and so on for real-time signals; else the number.
pub fn signal_name(number: i32) -> Cow<'static, str> {
    match number {
        1..=31 => Cow::Borrowed(NAMES[number as usize - 1]),
        32 => Cow::Borrowed("SIGRTMIN"),
        33..=64 => Cow::Owned(format!("SIGRT_{}", number - 32)),
        _ => Cow::Owned(number.to_string()),
    }
}

/// The name of a signal's `si_code`: `SI_USER`, `SEGV_MAPERR`; else the number.
pub fn signal_code_name(signal: i32, code: i32) -> Cow<'static, str> {
    let specific: &[&str] = match signal {
        4 => &[
            "ILL_ILLOPC",
            "ILL_ILLOPN",
            "ILL_ILLADR",
            "ILL_ILLTRP",
            "ILL_PRVOPC",
            "ILL_PRVREG",
            "ILL_COPROC",
            "ILL_BADSTK",
            "ILL_BADIADDR",
        ],
        5 => &["TRAP_BRKPT", "TRAP_TRACE", "TRAP_BRANCH", "TRAP_HWBKPT", "TRAP_UNK", "TRAP_PERF"],
        7 => &["BUS_ADRALN", "BUS_ADRERR", "BUS_OBJERR", "BUS_MCEERR_AR", "BUS_MCEERR_AO"],
        8 => &[
            "FPE_INTDIV",
            "FPE_INTOVF",
            "FPE_FLTDIV",
            "FPE_FLTOVF",
            "FPE_FLTUND",
            "FPE_FLTRES",
            "FPE_FLTINV",
            "FPE_FLTSUB",
        ],
        11 => &[
            "SEGV_MAPERR",
            "SEGV_ACCERR",
            "SEGV_BNDERR",
            "SEGV_PKUERR",
            "SEGV_ACCADI",
            "SEGV_ADIDERR",
            "SEGV_ADIPERR",
            "SEGV_MTEAERR",
            "SEGV_MTESERR",
            "SEGV_CPERR",
        ],
        17 => &["CLD_EXITED", "CLD_KILLED", "CLD_DUMPED", "CLD_TRAPPED", "CLD_STOPPED", "CLD_CONTINUED"],
        29 => &["POLL_IN", "POLL_OUT", "POLL_MSG", "POLL_ERR", "POLL_PRI", "POLL_HUP"],
        31 => &["SYS_SECCOMP", "SYS_USER_DISPATCH"],
        _ => &[],
    };
    if let Some(name) = usize::try_from(code).ok().and_then(|code| specific.get(code.checked_sub(1)?)) {
        return Cow::Borrowed(name);
    }
    Cow::Borrowed(match code {
        0 => "SI_USER",
        0x80 => "SI_KERNEL",
        -1 => "SI_QUEUE",
        -2 => "SI_TIMER",
        -3 => "SI_MESGQ",
        -4 => "SI_ASYNCIO",
        -5 => "SI_SIGIO",
        -6 => "SI_TKILL",
        -7 => "SI_DETHREAD",
        -60 => "SI_ASYNCNL",
        _ => return Cow::Owned(code.to_string()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn signals_have_their_names() {
        let names: Vec<_> = [1, 6, 9, 15, 17, 29, 31, 32, 33, 64].map(signal_name).into();
        let expected = "SIGHUP SIGABRT SIGKILL SIGTERM SIGCHLD SIGIO SIGSYS SIGRTMIN SIGRT_1 SIGRT_32";
        assert_eq!(names.join(" "), expected);
        assert_eq!(signal_name(0), "0");
        assert_eq!(signal_name(65), "65");
        assert_eq!(signal_name(i32::MIN), "-2147483648");
    }

    #[test]
    fn a_code_means_something_else_for_each_signal() {
        assert_eq!(signal_code_name(11, 1), "SEGV_MAPERR");
        assert_eq!(signal_code_name(17, 1), "CLD_EXITED");
        assert_eq!(signal_code_name(15, 0), "SI_USER");
        assert_eq!(signal_code_name(10, -6), "SI_TKILL");
        assert_eq!(signal_code_name(11, 128), "SI_KERNEL");
        assert_eq!(signal_code_name(10, 1), "1");
        assert_eq!(signal_code_name(11, i32::MIN), "-2147483648");
    }
}
