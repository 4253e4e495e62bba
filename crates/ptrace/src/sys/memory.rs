//! Reading another process's memory.

use std::io;

/// Reads from `address` in the process of thread `tid` (process_vm_readv(2)); returns how many bytes came.
/// A read that starts in an unmapped page fails with EFAULT, one that runs into one is short.
pub fn vm_read(tid: i32, address: u64, buffer: &mut [u8]) -> io::Result<usize> {
    let local = libc::iovec { iov_base: buffer.as_mut_ptr().cast(), iov_len: buffer.len() };
    let remote = libc::iovec { iov_base: address as *mut libc::c_void, iov_len: buffer.len() };
    // SAFETY: `local` describes `buffer`, which is ours for the call; `remote` is an address in the other process
    // that the kernel checks and never writes to.
    let count = unsafe { libc::process_vm_readv(tid, &local, 1, &remote, 1, 0) };
    Ok(super::check(count as libc::c_long)? as usize)
}

/// The same for two places at once. What cannot be read of the second is missing from the count, which is 0 or an error only if
/// nothing came of the first.
pub fn vm_read_two(tid: i32, first: (u64, &mut [u8]), second: (u64, &mut [u8])) -> io::Result<usize> {
    let local = [(first.1.as_mut_ptr(), first.1.len()), (second.1.as_mut_ptr(), second.1.len())]
        .map(|(start, length)| libc::iovec { iov_base: start.cast(), iov_len: length });
    let remote = [(first.0, first.1.len()), (second.0, second.1.len())]
        .map(|(start, length)| libc::iovec { iov_base: start as *mut libc::c_void, iov_len: length });
    // SAFETY: `local` describes both buffers, which are ours for the call; `remote` are addresses in the other process
    // that the kernel checks and never writes to.
    let count = unsafe { libc::process_vm_readv(tid, local.as_ptr(), 2, remote.as_ptr(), 2, 0) };
    Ok(super::check(count as libc::c_long)? as usize)
}
