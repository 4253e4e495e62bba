//! Reads a stopped tracee's memory by the best way that is permitted.
//!
//! process_vm_readv costs the least; a container's seccomp profile may forbid it; `/proc/PID/mem` may not be ours to open;
//! PTRACE_PEEKDATA always works where tracing does, a word at a time.

use std::fs::File;
use std::os::unix::fs::FileExt;

use renacer_events::ReadMemory;

use crate::sys::memory::{vm_read, vm_read_two};
use crate::tracee::Stopped;

/// The page size that all of Renacer's processors share as the smallest one; a fault cannot begin inside such a page.
const PAGE: u64 = 4096;

/// The way that works for a process, found out at its first read.
#[derive(Debug, Default)]
pub enum Method {
    /// process_vm_readv(2).
    #[default]
    VmRead,
    /// pread(2) of `/proc/PID/mem`.
    ProcMem(File),
    /// PTRACE_PEEKDATA.
    Peek,
}

/// The memory of one stopped tracee.
pub struct TraceeMemory<'a> {
    tracee: &'a Stopped,
    method: &'a mut Method,
}

impl<'a> TraceeMemory<'a> {
    /// `method` is remembered by the caller per process.
    pub fn new(tracee: &'a Stopped, method: &'a mut Method) -> Self {
        TraceeMemory { tracee, method }
    }

    fn read_once(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        if let Method::VmRead = self.method {
            match vm_read(self.tracee.tid(), address, buffer) {
                Ok(count) => return count,
                Err(error) if matches!(error.raw_os_error(), Some(libc::EPERM | libc::ENOSYS)) => {
                    *self.method = match File::open(format!("/proc/{}/mem", self.tracee.tid())) {
                        Ok(file) => Method::ProcMem(file),
                        Err(_) => Method::Peek,
                    };
                }
                Err(_) => return 0,
            }
        }
        if let Method::ProcMem(file) = self.method {
            match file.read_at(buffer, address) {
                Ok(count) if count > 0 => return count,
                // Nothing comes from the file of a program that exec has replaced: open it anew next time.
                Ok(_) => *self.method = Method::VmRead,
                Err(error) if error.raw_os_error() == Some(libc::EIO) => return 0,
                Err(_) => *self.method = Method::Peek,
            }
        }
        self.peek(address, buffer)
    }

    fn peek(&self, address: u64, buffer: &mut [u8]) -> usize {
        let word = size_of::<libc::c_long>();
        let mut done = 0;
        while done < buffer.len() {
            let Some(at) = address.checked_add(done as u64) else { break };
            // An aligned word never crosses a page, so it fails only where its bytes do.
            let skip = (at % word as u64) as usize;
            let Ok(bytes) = self.tracee.peek(at - skip as u64) else { break };
            let count = (word - skip).min(buffer.len() - done);
            buffer[done..done + count].copy_from_slice(&bytes[skip..skip + count]);
            done += count;
        }
        done
    }
}

impl ReadMemory for TraceeMemory<'_> {
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        if buffer.is_empty() || address == 0 || address.checked_add(buffer.len() as u64).is_none() {
            return 0;
        }
        // A remote vector that fails in its middle page is cut at page granularity by the kernel, so one request is enough
        // where it succeeds; where it is short, what is left begins at a page and is tried once more.
        let mut done = self.read_once(address, buffer);
        while done < buffer.len() && done > 0 && !(address + done as u64).is_multiple_of(PAGE) {
            let count = self.read_once(address + done as u64, &mut buffer[done..]);
            if count == 0 {
                break;
            }
            done += count;
        }
        if done == 0 {
            // The first page may be readable although the whole is not.
            let first = (PAGE - address % PAGE) as usize;
            if first < buffer.len() {
                return self.read_once(address, &mut buffer[..first]);
            }
        }
        done
    }

    fn read_two(&mut self, first: (u64, &mut [u8]), second: (u64, &mut [u8])) -> Option<usize> {
        if let Method::VmRead = self.method
            && second.0 != 0
        {
            let (length, tid) = (first.1.len(), self.tracee.tid());
            if let Ok(count) = vm_read_two(tid, (first.0, &mut *first.1), (second.0, &mut *second.1)) {
                return count.checked_sub(length);
            }
        }
        (self.read(first.0, first.1) == first.1.len()).then(|| self.read(second.0, second.1))
    }
}
