//! A child to try things on.

use std::io;
use std::os::fd::{AsRawFd, OwnedFd};

use super::check;

/// What stands at the same address in the child.
pub static MARK: [u8; 24] = *b"the memory of a tracee \0";

/// The call that the child makes, and that its filter reports.
pub const CALL: libc::c_long = libc::SYS_getppid;

/// The child's filter could be installed as we are.
pub const FILTERED: i32 = 0;
/// It could be installed once the child had given up the gain of rights by exec.
pub const FILTERED_WITHOUT_RIGHTS: i32 = 1;
/// It could not be installed.
pub const REFUSED: i32 = 2;

/// Forks a child that waits for a byte from `gate`, installs a filter that reports [`CALL`] to the tracer if it shall,
/// makes that call, and ends with one of the above. Must be called while our process has one thread.
pub fn fork(gate: &OwnedFd, own_end: &OwnedFd, filtered: bool) -> io::Result<i32> {
    let number = CALL as u32;
    // linux/bpf_common.h: load the number; if it is the call's, report it; else let it by.
    let instruction = |code, jt, jf, k| libc::sock_filter { code, jt, jf, k };
    let mut program = [
        instruction(0x20, 0, 0, 0),
        instruction(0x15, 0, 1, number),
        instruction(0x06, 0, 0, libc::SECCOMP_RET_TRACE),
        instruction(0x06, 0, 0, libc::SECCOMP_RET_ALLOW),
    ];
    let filter = libc::sock_fprog { len: program.len() as u16, filter: program.as_mut_ptr() };
    // SAFETY: the child makes only system calls, on memory that was prepared above, and never returns into Rust code of the caller.
    // The kernel reads `filter` and the instructions that it points to.
    unsafe {
        let pid = check(libc::fork().into())? as i32;
        if pid != 0 {
            return Ok(pid);
        }
        libc::close(own_end.as_raw_fd());
        let mut byte = 0u8;
        loop {
            match libc::read(gate.as_raw_fd(), (&raw mut byte).cast(), 1) {
                1 => break,
                -1 if io::Error::last_os_error().raw_os_error() == Some(libc::EINTR) => {}
                _ => libc::_exit(REFUSED),
            }
        }
        let install = || libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const filter) == 0;
        let mut status = FILTERED;
        if filtered && !install() {
            libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
            status = if install() { FILTERED_WITHOUT_RIGHTS } else { REFUSED };
        }
        libc::syscall(CALL);
        libc::_exit(status)
    }
}
