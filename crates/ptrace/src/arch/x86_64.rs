//! 64-bit x86, with its two older conventions.

use renacer_events::Abi;

/// linux/audit.h
const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;
const AUDIT_ARCH_I386: u32 = 0x4000_0003;
/// asm/unistd.h: set in the number of an x32 call.
const X32_SYSCALL_BIT: u64 = 0x4000_0000;

/// The convention of a call and its number there, from what PTRACE_GET_SYSCALL_INFO says; none for a foreign one.
/// The number -1 is a call that was cancelled; it belongs to no convention's table but is kept as it is.
pub fn abi(arch: u32, number: u64) -> Option<(Abi, u64)> {
    match arch {
        AUDIT_ARCH_X86_64 if number as i32 > 0 && number & X32_SYSCALL_BIT != 0 => {
            Some((Abi::X32, number & !X32_SYSCALL_BIT))
        }
        AUDIT_ARCH_X86_64 => Some((Abi::X86_64, number)),
        AUDIT_ARCH_I386 => Some((Abi::I386, number)),
        _ => None,
    }
}
