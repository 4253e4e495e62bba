//! 64-bit Arm.

use renacer_events::Abi;

/// linux/audit.h
const AUDIT_ARCH_AARCH64: u32 = 0xc000_00b7;

/// The convention of a call and its number there, from what PTRACE_GET_SYSCALL_INFO says; none for a foreign one.
pub fn abi(arch: u32, number: u64) -> Option<(Abi, u64)> {
    (arch == AUDIT_ARCH_AARCH64).then_some((Abi::Aarch64, number))
}
