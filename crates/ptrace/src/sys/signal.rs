//! Signals: masks, waiting, sending, dying by one.

use std::io;
use std::sync::atomic::{AtomicI32, Ordering};

/// A set of signals, as the kernel has it.
#[derive(Clone, Copy)]
pub struct Mask(libc::sigset_t);

impl Mask {
    /// The set of these signals.
    pub fn of(signals: &[i32]) -> Mask {
        // SAFETY: all-zero bytes are a valid sigset_t; sigemptyset and sigaddset write only into it.
        unsafe {
            let mut set = std::mem::zeroed();
            libc::sigemptyset(&mut set);
            for &signal in signals {
                libc::sigaddset(&mut set, signal);
            }
            Mask(set)
        }
    }

    /// Blocks these signals for the calling thread and those it creates; returns what was blocked before.
    pub fn block(&self) -> Mask {
        let mut before = Mask::of(&[]);
        // SAFETY: both pointers are to valid sets for the time of the call.
        unsafe { libc::pthread_sigmask(libc::SIG_BLOCK, &self.0, &mut before.0) };
        before
    }

    /// Makes exactly these signals the blocked ones of the calling thread.
    pub fn set(&self) {
        // SAFETY: the pointer is to a valid set; a null old set is allowed.
        unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, &self.0, std::ptr::null_mut()) };
    }

    /// Waits for one of these signals (which must be blocked) and takes it: its number and `si_code`.
    pub fn wait(&self) -> io::Result<(i32, i32)> {
        // SAFETY: all-zero bytes are a valid siginfo_t to be overwritten; both pointers are valid for the call.
        unsafe {
            let mut info: libc::siginfo_t = std::mem::zeroed();
            let signal = super::check(libc::sigwaitinfo(&self.0, &mut info).into())? as i32;
            Ok((signal, info.si_code))
        }
    }
}

/// Sends a signal to a process.
pub fn kill(pid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: kill has no memory arguments.
    super::check(unsafe { libc::kill(pid, signal) }.into()).map(drop)
}

/// Sends a signal to one thread of our own process.
pub fn kill_own_thread(tid: i32, signal: i32) -> io::Result<()> {
    // SAFETY: tgkill has no memory arguments.
    super::check(unsafe { libc::syscall(libc::SYS_tgkill, libc::getpid(), tid, signal) }).map(drop)
}

/// The calling thread's id.
pub fn own_tid() -> i32 {
    // SAFETY: gettid has no arguments.
    unsafe { libc::syscall(libc::SYS_gettid) as i32 }
}

extern "C" fn nothing(_signal: i32) {}

/// Makes `signal` interrupt a blocking system call of the thread that gets it, and do nothing else.
pub fn interrupt_with(signal: i32) {
    // SAFETY: the handler does nothing, so it is safe at any point; the struct is fully initialised; no SA_RESTART, so
    // that waitpid returns EINTR.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = nothing as extern "C" fn(i32) as usize;
        libc::sigaction(signal, &action, std::ptr::null_mut());
    }
}

/// Whether our process ignores this signal.
pub fn is_ignored(signal: i32) -> bool {
    // SAFETY: a null new action only reads the present one, into a valid structure.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(signal, std::ptr::null(), &mut action);
        action.sa_sigaction == libc::SIG_IGN
    }
}

/// Makes our process ignore this signal.
pub fn ignore(signal: i32) {
    // SAFETY: SIG_IGN is a valid disposition and no code runs for it.
    unsafe { libc::signal(signal, libc::SIG_IGN) };
}

/// Ends our process by `signal`, as the traced program ended, without a core dump of our own.
/// Returns only where that is not possible (the signal's default is not to end a process).
pub fn die_by(signal: i32) {
    // SAFETY: plain system calls on valid structures; restoring the default action and unblocking is what we want.
    unsafe {
        let no_core = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
        libc::setrlimit(libc::RLIMIT_CORE, &no_core);
        libc::signal(signal, libc::SIG_DFL);
        libc::pthread_sigmask(libc::SIG_UNBLOCK, &Mask::of(&[signal]).0, std::ptr::null_mut());
        libc::kill(libc::getpid(), signal);
    }
}

/// Ends our process at once, without flushing anything.
pub fn exit_now(status: i32) -> ! {
    // SAFETY: _exit has no memory arguments and does not return.
    unsafe { libc::_exit(status) }
}

/// What SIGPIPE's disposition (bit 3) and which of descriptors 0 to 2 were closed (bits 0 to 2) when our process began;
/// Rust's runtime changes both before `main`, and the traced program must not inherit those changes.
static AT_START: AtomicI32 = AtomicI32::new(0);

extern "C" fn remember_start() {
    let mut state = 0;
    // SAFETY: runs before main with no other thread; sigaction with a null new action only reads, into a valid structure.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        libc::sigaction(libc::SIGPIPE, std::ptr::null(), &mut action);
        if action.sa_sigaction == libc::SIG_IGN {
            state |= 8;
        }
        for descriptor in 0..3 {
            if libc::fcntl(descriptor, libc::F_GETFD) == -1 {
                state |= 1 << descriptor;
            }
        }
    }
    AT_START.store(state, Ordering::Relaxed);
}

// SAFETY: the C library calls each function in .init_array once before main; this one has a compatible signature
// (extra arguments are ignored) and uses nothing that needs Rust's runtime.
#[used]
#[unsafe(link_section = ".init_array")]
static REMEMBER_START: extern "C" fn() = remember_start;

/// Whether SIGPIPE was ignored when our process began.
pub fn sigpipe_was_ignored() -> bool {
    AT_START.load(Ordering::Relaxed) & 8 != 0
}

/// Whether this one of descriptors 0 to 2 was closed when our process began.
pub fn was_closed(descriptor: i32) -> bool {
    (0..3).contains(&descriptor) && AT_START.load(Ordering::Relaxed) & (1 << descriptor) != 0
}
