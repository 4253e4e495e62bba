//! Memory that is mapped under a name.
#![allow(unsafe_code, reason = "the only place of this crate; listed in SECURITY.md")]

use std::io;
use std::ptr::{self, NonNull};

use rustix::fs::{MemfdFlags, ftruncate, memfd_create};
use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, munmap};

use crate::process::Header;

/// Memory of its own, under the name by which readers find it; it is not there in a forked child.
pub(crate) struct Mapping(NonNull<Header>);

// SAFETY: the header has atomics only, and the mapping belongs to no thread.
unsafe impl Send for Mapping {}

impl Mapping {
    /// All of it is zero.
    pub fn new() -> io::Result<Mapping> {
        const SIZE: usize = size_of::<Header>();
        let file = memfd_create("OTEL_CTX", MemfdFlags::CLOEXEC)?;
        ftruncate(&file, SIZE as u64)?;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: new memory at an address that the kernel chooses.
        let address = unsafe { mmap(ptr::null_mut(), SIZE, access, MapFlags::PRIVATE, &file, 0)? };
        // SAFETY: the mapping is ours, and children have no use for it.
        let advised = unsafe { madvise(address, SIZE, Advice::LinuxDontFork) };
        match (advised, NonNull::new(address.cast())) {
            (Ok(()), Some(header)) => Ok(Mapping(header)),
            (advised, _) => {
                // SAFETY: nobody knows of it yet.
                unsafe { munmap(address, SIZE)? };
                advised?;
                Err(io::ErrorKind::OutOfMemory.into())
            }
        }
    }

    /// What is there. The caller is in the process that mapped it.
    pub fn header(&self) -> &Header {
        // SAFETY: mapped for ever, at the beginning of a page, and zeros are a header.
        unsafe { self.0.as_ref() }
    }
}
