//! Shared memory: the file while it is mapped, a word that forgets at fork, and a place for what lives as long as the program. All of
//! this crate's unsafe code.
#![allow(unsafe_code, reason = "memory that other processes see is beyond what the language can check")]

use std::ffi::c_void;
use std::fs::File;
use std::io;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicPtr, AtomicU64, Ordering};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap, mmap_anonymous};

/// Memory that is mapped for as long as the program runs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Mapping {
    start: NonNull<u8>,
    length: usize,
}

// SAFETY: it is never unmapped, and is reached only by atomic words and by copies into parts that one thread has claimed.
unsafe impl Send for Mapping {}
// SAFETY: as above.
unsafe impl Sync for Mapping {}

impl Mapping {
    /// Maps the first `length` bytes of a file, which must be that long.
    pub(crate) fn of_file(file: &File, length: usize) -> io::Result<Mapping> {
        // SAFETY: a new mapping at an address that the kernel chooses takes nothing from anybody.
        let start = unsafe { mmap(ptr::null_mut(), length, access(), MapFlags::SHARED, file, 0)? };
        Mapping::new(start, length)
    }

    /// A page of zeros that a forked child gets anew.
    pub(crate) fn forgets_at_fork() -> io::Result<Mapping> {
        let length = 4096;
        // SAFETY: as above.
        let start = unsafe { mmap_anonymous(ptr::null_mut(), length, access(), MapFlags::PRIVATE)? };
        // SAFETY: the advice is about exactly this mapping, of which nobody else knows.
        unsafe { madvise(start, length, Advice::LinuxWipeOnFork)? };
        Mapping::new(start, length)
    }

    fn new(start: *mut c_void, length: usize) -> io::Result<Mapping> {
        let start = NonNull::new(start.cast()).ok_or(io::ErrorKind::AddrNotAvailable)?;
        Ok(Mapping { start, length })
    }

    /// The word at this offset; the first one where that is beyond the end or no multiple of eight.
    pub(crate) fn word(&self, at: usize) -> &'static AtomicU64 {
        let at = if at.is_multiple_of(8) && at < self.length && self.length - at >= 8 { at } else { 0 };
        // SAFETY: it is inside the mapping, which starts at a page, and that stays; the word is aligned.
        unsafe { AtomicU64::from_ptr(self.start.as_ptr().add(at).cast()) }
    }

    /// Copies bytes to this offset, which the calling thread must have claimed; nothing where they would reach beyond the end.
    pub(crate) fn write(&self, at: usize, bytes: &[u8]) {
        if at <= self.length && self.length - at >= bytes.len() {
            // SAFETY: the target is inside the mapping, and no reference to any of it exists but to words, which are atomic.
            unsafe { ptr::copy_nonoverlapping(bytes.as_ptr(), self.start.as_ptr().add(at), bytes.len()) };
        }
    }
}

fn access() -> ProtFlags {
    ProtFlags::READ | ProtFlags::WRITE
}

/// A place for a value that is set once and stays. Nobody ever waits at it, so that a fork at any moment leaves it usable.
#[derive(Debug)]
pub(crate) struct Slot<T: 'static>(AtomicPtr<T>);

impl<T: Send + Sync> Slot<T> {
    /// An empty one.
    pub(crate) const fn new() -> Self {
        Slot(AtomicPtr::new(ptr::null_mut()))
    }

    /// What is there.
    pub(crate) fn get(&self) -> Option<&'static T> {
        // SAFETY: it is null, or was leaked by `set`.
        unsafe { self.0.load(Ordering::Acquire).as_ref() }
    }

    /// Puts a value there; false if there is one.
    pub(crate) fn set(&self, value: T) -> bool {
        let value = Box::into_raw(Box::new(value));
        let set = self.0.compare_exchange(ptr::null_mut(), value, Ordering::Release, Ordering::Relaxed).is_ok();
        if !set {
            // SAFETY: it is from the line above, and nobody else has it.
            drop(unsafe { Box::from_raw(value) });
        }
        set
    }
}

#[cfg(test)]
mod tests {
    use crate::{File, decide, open};

    fn names(path: &std::path::Path) -> Vec<String> {
        let bytes = std::fs::read(path).unwrap();
        // One that is just being made has no header yet.
        let Ok(file) = File::read(&bytes) else { return Vec::new() };
        file.records().map(|record| record.unwrap().name.to_owned()).collect()
    }

    #[test]
    fn forked_children_write_files_of_their_own() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        open(&path).unwrap();
        assert!(open(&path).is_err());
        decide("parent", &[]);
        // SAFETY: the child uses what the C library's fork has put in order, and ends without running anything else.
        let child = unsafe { libc::fork() };
        if child == 0 {
            decide("child", &[]);
            // SAFETY: as above.
            if unsafe { libc::fork() } == 0 {
                decide("grandchild", &[]);
            }
            decide("both", &[]);
            // SAFETY: it does not return.
            unsafe { libc::_exit(0) };
        }
        decide("parent again", &[]);
        let beside = || -> Vec<_> {
            std::fs::read_dir(&folder)
                .unwrap()
                .map(|entry| entry.unwrap().path())
                .filter(|other| *other != path)
                .collect()
        };
        // The grandchild is nobody's to wait for.
        let done =
            || beside().iter().map(|path| names(path)).filter(|names| names.contains(&"both".into())).count() == 2;
        for _ in 0..10_000 {
            if beside().len() == 2 && done() {
                break;
            }
            std::thread::sleep(std::time::Duration::from_millis(1));
        }
        assert_eq!(names(&path), ["parent", "parent again"]);
        let mut others: Vec<_> = beside().iter().map(|path| names(path)).collect();
        others.sort();
        assert_eq!(others, [["child", "both"], ["grandchild", "both"]]);
        let of_child = format!("file.{child}");
        assert!(beside().iter().any(|path| path.ends_with(&of_child)));
    }
}
