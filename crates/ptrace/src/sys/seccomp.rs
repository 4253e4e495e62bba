//! seccomp(2): whether filters can report to a tracer, and installing one.

/// One instruction of classic BPF, laid out as the kernel's `struct sock_filter`.
pub use libc::sock_filter as Instruction;

/// linux/seccomp.h
const SECCOMP_SET_MODE_FILTER: libc::c_uint = 1;
const SECCOMP_GET_ACTION_AVAIL: libc::c_uint = 2;
/// The filter must not slow down the program's speculation.
const SECCOMP_FILTER_FLAG_SPEC_ALLOW: libc::c_uint = 4;

/// Whether the kernel has SECCOMP_RET_TRACE.
pub fn can_trace() -> bool {
    let action = libc::SECCOMP_RET_TRACE;
    // SAFETY: the kernel reads four bytes at the address of `action`.
    unsafe { libc::syscall(libc::SYS_seccomp, SECCOMP_GET_ACTION_AVAIL, 0, &raw const action) == 0 }
}

/// Installs a filter for the calling thread, for good. Without the right to do that it gives up, also for good, the gain of
/// rights by exec. To be called by a forked child: it allocates nothing. False if the kernel refuses.
pub fn install(program: &[Instruction]) -> bool {
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_ptr().cast_mut() };
    let set = |flags: libc::c_uint| {
        // SAFETY: the kernel reads `filter` and the `len` instructions that it points to, which are those of `program`.
        unsafe { libc::syscall(libc::SYS_seccomp, SECCOMP_SET_MODE_FILTER, flags, &raw const filter) == 0 }
    };
    if set(SECCOMP_FILTER_FLAG_SPEC_ALLOW) || set(0) {
        return true;
    }
    // SAFETY: this prctl has no memory arguments.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    set(SECCOMP_FILTER_FLAG_SPEC_ALLOW) || set(0)
}
