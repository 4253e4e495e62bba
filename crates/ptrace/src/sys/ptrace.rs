//! ptrace(2) requests, one function each. Who may call which is the business of `tracee`.

use std::io;

use super::check;

/// Stops of interest: system calls marked with 0x80, exec, and new processes and threads, which are traced from their start.
pub const FOLLOW: i32 = libc::PTRACE_O_TRACEFORK | libc::PTRACE_O_TRACEVFORK | libc::PTRACE_O_TRACECLONE;
/// What every tracee gets.
pub const ALWAYS: i32 = libc::PTRACE_O_TRACESYSGOOD | libc::PTRACE_O_TRACEEXEC;
/// The tracee dies with the tracer.
pub const EXITKILL: i32 = libc::PTRACE_O_EXITKILL;

/// Stops of calls that a seccomp filter reports.
pub const SECCOMP: i32 = libc::PTRACE_O_TRACESECCOMP;

/// What ptrace takes as its request: the C libraries differ in the sign.
#[cfg(target_env = "gnu")]
type Request = libc::c_uint;
#[cfg(not(target_env = "gnu"))]
type Request = libc::c_int;

// linux/ptrace.h; not every C library has these.
const PTRACE_GET_SYSCALL_INFO: Request = 0x420e;
const PTRACE_SYSCALL_INFO_ENTRY: u8 = 1;
const PTRACE_SYSCALL_INFO_EXIT: u8 = 2;
const PTRACE_SYSCALL_INFO_SECCOMP: u8 = 3;

fn request(request: Request, tid: i32, address: usize, data: usize) -> io::Result<libc::c_long> {
    // SAFETY: only requests whose address and data are plain numbers or null come through here, so the kernel
    // touches no memory of ours.
    check(unsafe { libc::ptrace(request, tid, address, data) })
}

/// Starts tracing a thread without stopping it.
pub fn seize(tid: i32, options: i32) -> io::Result<()> {
    request(libc::PTRACE_SEIZE, tid, 0, options as usize).map(drop)
}

/// Makes a running tracee stop (PTRACE_EVENT_STOP).
pub fn interrupt(tid: i32) -> io::Result<()> {
    request(libc::PTRACE_INTERRUPT, tid, 0, 0).map(drop)
}

/// Resumes until the next system call stop, delivering `signal` (0: none).
pub fn syscall(tid: i32, signal: i32) -> io::Result<()> {
    request(libc::PTRACE_SYSCALL, tid, 0, signal as usize).map(drop)
}

/// Resumes, delivering `signal` (0: none), until something else than a system call stops it.
pub fn cont(tid: i32, signal: i32) -> io::Result<()> {
    request(libc::PTRACE_CONT, tid, 0, signal as usize).map(drop)
}

/// Leaves a group-stopped tracee stopped, but lets it be continued by SIGCONT.
pub fn listen(tid: i32) -> io::Result<()> {
    request(libc::PTRACE_LISTEN, tid, 0, 0).map(drop)
}

/// Ends tracing of a stopped tracee, delivering `signal` (0: none).
pub fn detach(tid: i32, signal: i32) -> io::Result<()> {
    request(libc::PTRACE_DETACH, tid, 0, signal as usize).map(drop)
}

/// The number that belongs to the ptrace event of the current stop.
pub fn event_message(tid: i32) -> io::Result<u64> {
    let mut message: libc::c_ulong = 0;
    // SAFETY: the kernel writes one unsigned long to `message`.
    check(unsafe { libc::ptrace(libc::PTRACE_GETEVENTMSG as _, tid, 0, &raw mut message) })?;
    Ok(message as u64)
}

/// The siginfo of the signal that stopped the tracee.
pub fn signal_info(tid: i32) -> io::Result<[u8; 128]> {
    let mut info = [0u8; 128];
    const { assert!(size_of::<libc::siginfo_t>() == 128) };
    // SAFETY: the kernel writes a siginfo_t, 128 bytes, to `info`, for which no alignment is needed.
    check(unsafe { libc::ptrace(libc::PTRACE_GETSIGINFO as _, tid, 0, info.as_mut_ptr()) })?;
    Ok(info)
}

/// One word of the tracee's memory.
pub fn peek(tid: i32, address: u64) -> io::Result<[u8; size_of::<libc::c_long>()]> {
    let mut word: libc::c_long = 0;
    // SAFETY: the raw system call (unlike the library's wrapper) writes the word to the address given as data.
    check(unsafe {
        libc::syscall(libc::SYS_ptrace, libc::PTRACE_PEEKDATA as libc::c_long, tid, address, &raw mut word)
    })?;
    Ok(word.to_ne_bytes())
}

/// Changes one word of the tracee's memory.
pub fn poke(tid: i32, address: u64, word: [u8; size_of::<libc::c_long>()]) -> io::Result<()> {
    request(libc::PTRACE_POKEDATA, tid, address as usize, libc::c_long::from_ne_bytes(word) as usize).map(drop)
}

/// What PTRACE_GET_SYSCALL_INFO says of a system call stop (linux/ptrace.h, `struct ptrace_syscall_info`).
#[derive(Clone, Copy, Debug)]
pub enum SyscallInfo {
    /// The call is about to be made.
    Entry {
        /// AUDIT_ARCH_*.
        arch: u32,
        /// The number, with x32's bit.
        number: u64,
        /// The raw arguments.
        arguments: [u64; 6],
        /// The instruction pointer.
        instruction_pointer: u64,
        /// The stack pointer.
        stack_pointer: u64,
    },
    /// The call has been made.
    Exit {
        /// What it returned.
        value: i64,
        /// Whether that is an error.
        is_error: bool,
    },
    /// The tracee is not at a system call.
    None,
}

#[repr(C)]
#[derive(Default)]
struct RawInfo {
    op: u8,
    reserved: u8,
    flags: u16,
    arch: u32,
    instruction_pointer: u64,
    stack_pointer: u64,
    /// entry: nr, args[6]; exit: rval, is_error in the lowest byte
    words: [u64; 8],
}

fn raw_info(tid: i32) -> io::Result<RawInfo> {
    let mut raw = RawInfo::default();
    // SAFETY: the kernel writes at most the given number of bytes to `raw`, whose layout is the kernel's; every bit
    // pattern is a valid RawInfo.
    check(unsafe { libc::ptrace(PTRACE_GET_SYSCALL_INFO, tid, size_of::<RawInfo>(), &raw mut raw) })?;
    Ok(raw)
}

/// The convention of the call that the tracee is in, wherever it is stopped: AUDIT_ARCH_*.
pub fn convention(tid: i32) -> io::Result<u32> {
    raw_info(tid).map(|raw| raw.arch)
}

/// Which call the tracee is at.
pub fn syscall_info(tid: i32) -> io::Result<SyscallInfo> {
    let raw = raw_info(tid)?;
    let w = &raw.words;
    Ok(match raw.op {
        PTRACE_SYSCALL_INFO_ENTRY | PTRACE_SYSCALL_INFO_SECCOMP => SyscallInfo::Entry {
            arch: raw.arch,
            number: w[0],
            arguments: [w[1], w[2], w[3], w[4], w[5], w[6]],
            instruction_pointer: raw.instruction_pointer,
            stack_pointer: raw.stack_pointer,
        },
        PTRACE_SYSCALL_INFO_EXIT => SyscallInfo::Exit { value: w[0] as i64, is_error: w[1].to_ne_bytes()[0] != 0 },
        _ => SyscallInfo::None,
    })
}
