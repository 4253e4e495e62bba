//! Reads a stopped tracee's general registers, numbered as DWARF numbers them, and changes those that a call has its first argument and its result in.

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

    let raw = read(tid)?;
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
    let mut raw = read(tid)?;
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

/// The call that a tracee is in, wherever it has stopped there.
#[derive(Clone, Copy, Debug)]
pub struct CallInFlight {
    /// AUDIT_ARCH_*.
    pub arch: u32,
    /// Its number, with x32's bit.
    pub number: u64,
    /// Its arguments.
    pub arguments: [u64; 6],
    /// What it returns, if it does so now.
    pub result: i64,
}

/// The call that a tracee is in, if it is in one.
#[cfg(target_arch = "x86_64")]
pub fn call_in_flight(tid: i32) -> io::Result<Option<CallInFlight>> {
    /// linux/audit.h
    const AUDIT_ARCH_I386: u32 = 0x4000_0003;

    let raw = read(tid)?;
    if (raw.orig_rax as i64) < 0 {
        return Ok(None);
    }
    let arch = super::ptrace::convention(tid)?;
    let arguments = match arch {
        AUDIT_ARCH_I386 => [raw.rbx, raw.rcx, raw.rdx, raw.rsi, raw.rdi, raw.rbp].map(|value| value & 0xffff_ffff),
        _ => [raw.rdi, raw.rsi, raw.rdx, raw.r10, raw.r8, raw.r9],
    };
    Ok(Some(CallInFlight { arch, number: raw.orig_rax, arguments, result: raw.rax as i64 }))
}

/// The call that a tracee is in; to be asked only of one that is in one and has not come to its end.
#[cfg(target_arch = "aarch64")]
pub fn call_in_flight(tid: i32) -> io::Result<Option<CallInFlight>> {
    let Some(registers) = registers(tid)? else { return Ok(None) };
    let [first, second, third, fourth, fifth, sixth, _, _, number, ..] = registers.general;
    Ok(Some(CallInFlight {
        arch: super::ptrace::convention(tid)?,
        number,
        arguments: [first, second, third, fourth, fifth, sixth],
        result: first as i64,
    }))
}

/// Gives the call that a tracee has been stopped in another result: what the kernel sees on its way out of it.
#[cfg(target_arch = "x86_64")]
pub fn set_result(tid: i32, result: i64) -> io::Result<()> {
    let mut raw = read(tid)?;
    raw.rax = result as u64;
    // SAFETY: the kernel reads one user_regs_struct from `raw`.
    check(unsafe { libc::ptrace(libc::PTRACE_SETREGS, tid, 0, &raw const raw) }).map(drop)
}

/// The general registers as the kernel has them.
#[cfg(target_arch = "x86_64")]
fn read(tid: i32) -> io::Result<libc::user_regs_struct> {
    // SAFETY: user_regs_struct consists of integers, for which all zeroes are a value.
    let mut raw: libc::user_regs_struct = unsafe { std::mem::zeroed() };
    // SAFETY: the kernel writes one user_regs_struct, that of a 64-bit process also for a 32-bit tracee, to `raw`.
    check(unsafe { libc::ptrace(libc::PTRACE_GETREGS, tid, 0, &raw mut raw) })?;
    Ok(raw)
}
