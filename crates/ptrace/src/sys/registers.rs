//! Reads a stopped tracee's general registers, numbered as DWARF numbers them, and changes the one that has a call's first argument.

use std::io;

#[cfg(target_arch = "x86_64")]
use renacer_events::Machine;
use renacer_events::{Abi, Registers};

use super::check;

/// The registers of a stopped tracee; none for an instruction set whose stacks are not walked.
#[cfg(target_arch = "x86_64")]
pub fn registers(tid: i32) -> io::Result<Option<Registers>> {
    /// The code segment of 32-bit code (`__USER32_CS`, arch/x86/include/asm/segment.h).
    const CODE_32: u64 = 0x23;

    // SAFETY: user_regs_struct consists of integers, for which all zeroes are a value.
    let mut raw: libc::user_regs_struct = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one user_regs_struct, that of a 64-bit process also for a 32-bit tracee, to `raw`.
    check(unsafe { libc::ptrace(libc::PTRACE_GETREGS, tid, 0, &raw mut raw) })?;
    let mut general = [0; 32];
    let is_32 = raw.cs == CODE_32;
    if is_32 {
        general[..8].copy_from_slice(&[raw.rax, raw.rcx, raw.rdx, raw.rbx, raw.rsp, raw.rbp, raw.rsi, raw.rdi]);
        general.iter_mut().for_each(|register| *register &= 0xffff_ffff);
    } else {
        general[..16].copy_from_slice(&[
            raw.rax, raw.rdx, raw.rcx, raw.rbx, raw.rsi, raw.rdi, raw.rbp, raw.rsp, raw.r8, raw.r9, raw.r10, raw.r11,
            raw.r12, raw.r13, raw.r14, raw.r15,
        ]);
    }
    Ok(Some(Registers {
        machine: if is_32 { Machine::X86 } else { Machine::X86_64 },
        instruction_pointer: raw.rip,
        stack_pointer: raw.rsp,
        general,
        thread_pointer: if is_32 { raw.gs_base } else { raw.fs_base },
    }))
}

/// The registers of a stopped tracee; none for an instruction set whose stacks are not walked.
#[cfg(target_arch = "aarch64")]
pub fn registers(tid: i32) -> io::Result<Option<Registers>> {
    /// elf.h: the set of general registers.
    const NT_PRSTATUS: usize = 1;
    /// asm/ptrace.h, `struct user_pt_regs`: x0 to x30, sp, pc, pstate.
    const WORDS: usize = 34;

    let mut raw = [0u64; WORDS];
    let mut vector = libc::iovec { iov_base: raw.as_mut_ptr().cast(), iov_len: size_of_val(&raw) };
    // SAFETY: the kernel writes at most `iov_len` bytes to `raw`, of which any pattern is a value, and the length to `vector`.
    check(unsafe { libc::ptrace(libc::PTRACE_GETREGSET as _, tid, NT_PRSTATUS, &raw mut vector) })?;
    if vector.iov_len < size_of_val(&raw) {
        // A 32-bit tracee has fewer.
        return Ok(None);
    }
    let mut general = [0; 32];
    general.copy_from_slice(&raw[..32]);
    Ok(Some(Registers {
        machine: renacer_events::Machine::Aarch64,
        instruction_pointer: raw[32],
        stack_pointer: raw[31],
        general,
        thread_pointer: 0,
    }))
}

/// The thread pointer of a stopped tracee.
#[cfg(target_arch = "x86_64")]
pub fn thread_pointer(_tid: i32, registers: &Registers) -> u64 {
    registers.thread_pointer
}

/// The thread pointer of a stopped tracee, 0 where it is unknown.
#[cfg(target_arch = "aarch64")]
pub fn thread_pointer(tid: i32, _registers: &Registers) -> u64 {
    /// elf.h: the register TPIDR_EL0.
    const NT_ARM_TLS: usize = 0x401;

    let mut pointer = 0u64;
    let mut vector = libc::iovec { iov_base: (&raw mut pointer).cast(), iov_len: size_of_val(&pointer) };
    // SAFETY: the kernel writes at most `iov_len` bytes to `pointer`, of which any pattern is a value, and the length to `vector`.
    let read = check(unsafe { libc::ptrace(libc::PTRACE_GETREGSET as _, tid, NT_ARM_TLS, &raw mut vector) });
    read.map_or(0, |_| pointer)
}

/// Gives the call that a tracee is at another first argument.
#[cfg(target_arch = "x86_64")]
pub fn set_first_argument(tid: i32, abi: Abi, value: u64) -> io::Result<()> {
    // SAFETY: user_regs_struct consists of integers, for which all zeroes are a value.
    let mut raw: libc::user_regs_struct = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one user_regs_struct to `raw`.
    check(unsafe { libc::ptrace(libc::PTRACE_GETREGS, tid, 0, &raw mut raw) })?;
    match abi {
        Abi::I386 => raw.rbx = value,
        _ => raw.rdi = value,
    }
    // SAFETY: the kernel reads one user_regs_struct from `raw`.
    check(unsafe { libc::ptrace(libc::PTRACE_SETREGS, tid, 0, &raw const raw) }).map(drop)
}

/// Gives the call that a tracee is at another first argument.
#[cfg(target_arch = "aarch64")]
pub fn set_first_argument(tid: i32, _abi: Abi, value: u64) -> io::Result<()> {
    /// elf.h: the set of general registers, of which x0 is the first.
    const NT_PRSTATUS: usize = 1;

    let mut raw = [value];
    let mut vector = libc::iovec { iov_base: raw.as_mut_ptr().cast(), iov_len: size_of_val(&raw) };
    // SAFETY: the kernel reads `iov_len` bytes from `raw` and leaves the registers behind them as they are.
    check(unsafe { libc::ptrace(libc::PTRACE_SETREGSET as _, tid, NT_PRSTATUS, &raw mut vector) }).map(drop)
}
