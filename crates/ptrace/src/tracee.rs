//! A traced thread, running or stopped.
//!
//! ptrace answers most requests only while the tracee is stopped. So those requests are methods of [`Stopped`], which only
//! [`wait`] makes, and every way to let the tracee run on consumes it: a request on a running tracee does not compile.
//! A tracee may die at any time, also while it is stopped; requests then fail with [`Gone`], and its end is reported by [`wait`].

use std::io;
use std::marker::PhantomData;

use renacer_events::{Abi, Registers, Tid};

use crate::blocked;

pub use crate::sys::process::Change;
pub use crate::sys::ptrace::SyscallInfo;
pub use crate::sys::registers::CallInFlight;
use crate::sys::{process, ptrace, registers};

/// The tracee is not there any more (ESRCH): killed, or taken down by another thread's exec or exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone;

fn gone<T>(result: io::Result<T>) -> Result<T, Gone> {
    // ESRCH is the only error that these requests have when they are used as this module allows. Should the kernel think of
    // another one, the tracee cannot be handled either, and its end will be reported.
    result.map_err(|_| Gone)
}

/// What [`wait`] reports.
pub enum Report {
    /// A thread stopped.
    Stopped(Stopped, Stop),
    /// A thread ended.
    Ended(Tid, Change),
}

/// Why a tracee stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// At the entry or the return of a system call.
    Syscall,
    /// A signal is about to be delivered.
    Signal(i32),
    /// It is stopped by job control, by this signal.
    Group(i32),
    /// It stopped because it is new, because it was interrupted, or because SIGCONT ended a group stop.
    Event,
    /// At the entry of a system call that its seccomp filter reports.
    Filtered,
    /// It is about to run a new program.
    Exec,
    /// It created a process or a thread.
    Created,
}

/// A thread that is stopped for us. Dropping it leaves it stopped: let it go in one of the ways below.
#[must_use = "a stopped tracee must be resumed or detached"]
#[derive(Debug)]
pub struct Stopped {
    tid: Tid,
    /// Only the thread that traces may make requests.
    _not_send: PhantomData<*const ()>,
}

impl Stopped {
    /// The thread's id.
    pub fn tid(&self) -> Tid {
        self.tid
    }

    /// Which system call it is at.
    pub fn syscall_info(&self) -> Result<SyscallInfo, Gone> {
        gone(ptrace::syscall_info(self.tid))
    }

    /// The siginfo of the signal that stopped it.
    pub fn signal_info(&self) -> Result<[u8; 128], Gone> {
        gone(ptrace::signal_info(self.tid))
    }

    /// The event's message: the new thread's id, or after exec the id that the thread had before.
    pub fn event_message(&self) -> Result<u64, Gone> {
        gone(ptrace::event_message(self.tid))
    }

    /// Its registers; none for an instruction set whose stacks are not walked.
    pub fn registers(&self) -> Result<Option<Registers>, Gone> {
        gone(registers::registers(self.tid))
    }

    /// The thread pointer, which is among the registers where the machine has it there; 0 where unknown.
    pub fn thread_pointer(&self, registers: &Registers) -> u64 {
        registers::thread_pointer(self.tid, registers)
    }

    /// One word of its memory.
    pub fn peek(&self, address: u64) -> io::Result<[u8; size_of::<libc::c_long>()]> {
        ptrace::peek(self.tid, address)
    }

    /// Changes one word of its memory.
    pub fn poke(&self, address: u64, word: [u8; size_of::<libc::c_long>()]) -> io::Result<()> {
        ptrace::poke(self.tid, address, word)
    }

    /// Gives the call that it is at another first argument.
    pub fn set_first_argument(&self, abi: Abi, value: u64) -> Result<(), Gone> {
        gone(registers::set_first_argument(self.tid, abi, value))
    }

    /// The call that it is in, at a stop that is not the call's own.
    pub fn call_in_flight(&self) -> Result<Option<CallInFlight>, Gone> {
        gone(registers::call_in_flight(self.tid))
    }

    /// Undoes what an interrupt has done, at the stop that it made ([`Stop::Event`]): a call that returns EINTR only because of it is
    /// made to begin again, or to return EINTR where a signal's handler runs first. One that waits for a time only if it has just begun
    /// (`just_begun`), since the time begins again too.
    #[cfg(target_arch = "x86_64")]
    pub fn forget_interrupt(&self, just_begun: bool) -> Result<(), Gone> {
        /// linux/errno.h, negative.
        const RESTART_NO_HANDLER: i64 = -514;

        let Some(call) = self.call_in_flight()? else { return Ok(()) };
        let x86_64 = crate::arch::abi(call.arch, call.number) == Some((Abi::X86_64, call.number));
        if x86_64
            && call.result == -i64::from(libc::EINTR)
            && blocked::begins_again(call.number)
            && (just_begun || blocked::goes_on(self.tid, call.number, &call.arguments))
        {
            gone(registers::set_result(self.tid, RESTART_NO_HANDLER))?;
        }
        Ok(())
    }

    /// What an interrupt has done cannot be undone here: the kernel has settled by now how the call ends.
    #[cfg(not(target_arch = "x86_64"))]
    pub fn forget_interrupt(&self, _just_begun: bool) -> Result<(), Gone> {
        Ok(())
    }

    /// Lets it run to its next system call stop, delivering `signal` (0: none).
    pub fn resume(self, signal: i32) -> Result<(), Gone> {
        gone(ptrace::syscall(self.tid, signal))
    }

    /// Lets it run to its next stop of another kind, delivering `signal` (0: none): only calls that its seccomp filter reports stop it.
    pub fn run_on(self, signal: i32) -> Result<(), Gone> {
        gone(ptrace::cont(self.tid, signal))
    }

    /// Leaves it stopped by job control, until SIGCONT.
    pub fn listen(self) -> Result<(), Gone> {
        gone(ptrace::listen(self.tid))
    }

    /// Lets it go for good, delivering `signal` (0: none). A group-stopped one stays stopped.
    pub fn detach(self, signal: i32) -> Result<(), Gone> {
        gone(ptrace::detach(self.tid, signal))
    }
}

/// Asks a running tracee to stop; the stop is reported by [`wait`]. Harmless on one that is stopped.
pub fn interrupt(tid: Tid) -> Result<(), Gone> {
    gone(ptrace::interrupt(tid))
}

/// Waits for the next report of any tracee. Fails with EINTR, and with ECHILD when no tracee is left.
pub fn wait() -> io::Result<Report> {
    match process::wait(false)? {
        Some((tid, change)) => Ok(report(tid, change)),
        // Only asked to return at once it may have nothing.
        None => Err(io::Error::from_raw_os_error(libc::EINTR)),
    }
}

/// The next report of any tracee, if there is one already.
pub fn poll() -> Option<Report> {
    // What fails here fails again in `wait`, which tells.
    process::wait(true).ok().flatten().map(|(tid, change)| report(tid, change))
}

fn report(tid: Tid, change: Change) -> Report {
    let Change::Stopped { signal, event } = change else { return Report::Ended(tid, change) };
    let stop = match (event, signal) {
        (0, signal) if signal == libc::SIGTRAP | 0x80 => Stop::Syscall,
        (0, signal) => Stop::Signal(signal),
        (libc::PTRACE_EVENT_SECCOMP, _) => Stop::Filtered,
        (libc::PTRACE_EVENT_EXEC, _) => Stop::Exec,
        (libc::PTRACE_EVENT_FORK | libc::PTRACE_EVENT_VFORK | libc::PTRACE_EVENT_CLONE, _) => Stop::Created,
        (libc::PTRACE_EVENT_STOP, libc::SIGSTOP | libc::SIGTSTP | libc::SIGTTIN | libc::SIGTTOU) => Stop::Group(signal),
        _ => Stop::Event,
    };
    Report::Stopped(Stopped { tid, _not_send: PhantomData }, stop)
}
