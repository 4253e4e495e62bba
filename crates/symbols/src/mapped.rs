//! Bytes of files, read or mapped, that stay readable when the file shrinks.
//!
//! Whoever may write to a file may also truncate it, and touching a mapped page that the file no longer has is SIGBUS, which
//! ends the process. So every mapping is entered in a table, and a handler of SIGBUS, installed with the first mapping,
//! puts pages of zeros where the file has ended, then lets the read go on; the mapping is marked as [`Bytes::lost`]. A
//! fault elsewhere goes to the handler that was there before, and a SIGBUS that was sent ends the process, as it should.
//!
//! What remains is that a mapped file's contents may change while they are read. Nothing here can prevent that; readers
//! must not trust what they have checked before to be still so, and take what they need by copying small values.

use std::fmt;
use std::fs::File;
use std::io;
use std::ops::Deref;
use std::os::unix::fs::FileExt;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use memmap2::{Mmap, MmapOptions};

/// Smaller files are read: that costs less than a mapping.
const READ_AT_MOST: u64 = 64 << 10;
/// Mappings at a time. Beyond these, files up to [`READ_INSTEAD_AT_MOST`] are read.
const MAPPINGS: usize = 4096;
const READ_INSTEAD_AT_MOST: u64 = 16 << 20;

/// Bytes that are shared and never move. Cloning and slicing are cheap.
#[derive(Clone)]
pub struct Bytes {
    start: usize,
    length: usize,
    owner: Arc<Owner>,
}

enum Owner {
    Heap(Box<[u8]>),
    Mapped(Mapping),
}

impl Bytes {
    /// The first `length` bytes of a regular file, mapped unless it is small.
    ///
    /// # Errors
    ///
    /// What the kernel says; `UnexpectedEof` if the file is shorter; `OutOfMemory` if it is large and there are too many
    /// mappings already.
    pub fn of_file(file: &File, length: u64) -> io::Result<Bytes> {
        let size = usize::try_from(length).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge))?;
        if length > READ_AT_MOST {
            if let Some(slot) = Slot::claim() {
                let mapping = Mapping::new(file, size, slot)?;
                return Ok(Bytes { start: 0, length: size, owner: Arc::new(Owner::Mapped(mapping)) });
            }
            if length > READ_INSTEAD_AT_MOST {
                return Err(io::ErrorKind::OutOfMemory.into());
            }
        }
        let mut bytes = vec![0; size];
        file.read_exact_at(&mut bytes, 0)?;
        Ok(bytes.into())
    }

    /// A part of them.
    pub fn slice(&self, start: usize, length: usize) -> Option<Bytes> {
        self.get(start..)?.get(..length)?;
        Some(Bytes { start: self.start + start, length, owner: self.owner.clone() })
    }

    /// Whether the file has become shorter since: zeros stand where its end was.
    pub fn lost(&self) -> bool {
        matches!(&*self.owner, Owner::Mapped(mapping) if mapping.slot.lost.load(Ordering::Relaxed))
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(bytes: Vec<u8>) -> Self {
        Bytes { start: 0, length: bytes.len(), owner: Arc::new(Owner::Heap(bytes.into())) }
    }
}

impl Deref for Bytes {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        let all: &[u8] = match &*self.owner {
            Owner::Heap(bytes) => bytes,
            Owner::Mapped(mapping) => &mapping.map,
        };
        &all[self.start..self.start + self.length]
    }
}

impl fmt::Debug for Bytes {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{} bytes", self.length)
    }
}

// SAFETY: the bytes are in a box or a mapping that the `Arc` owns; neither moves when the handle does, and nothing changes
// which of them a handle means.
#[allow(unsafe_code)]
unsafe impl gimli::StableDeref for Bytes {}

// SAFETY: a clone shares the owner, so that it dereferences to the same address for as long as either lives.
#[allow(unsafe_code)]
unsafe impl gimli::CloneStableDeref for Bytes {}

struct Mapping {
    map: Mmap,
    slot: &'static Slot,
}

impl Mapping {
    fn new(file: &File, length: usize, slot: &'static Slot) -> io::Result<Mapping> {
        install();
        // SAFETY: the mapping is of no use to others and unmapped by its owner only. That others change the file is
        // possible, as with every mapped file; that they shorten it is what the table and the handler are for.
        #[allow(unsafe_code)]
        let map = unsafe { MmapOptions::new().len(length).map(file) };
        match map {
            Ok(map) => {
                slot.enter(map.as_ptr().addr(), length);
                Ok(Mapping { map, slot })
            }
            Err(error) => {
                slot.release();
                Err(error)
            }
        }
    }
}

impl Drop for Mapping {
    fn drop(&mut self) {
        // Before the fields are dropped, that is before the range is unmapped and may become someone else's.
        self.slot.release();
    }
}

/// A row of the table of mappings. `start` 0: free; [`TAKEN`]: being filled; else the range `start..end` is mapped.
struct Slot {
    start: AtomicUsize,
    end: AtomicUsize,
    lost: AtomicBool,
}

const TAKEN: usize = 1;

/// In static memory and without a lock, since a signal handler reads it.
static SLOTS: [Slot; MAPPINGS] =
    [const { Slot { start: AtomicUsize::new(0), end: AtomicUsize::new(0), lost: AtomicBool::new(false) } }; MAPPINGS];

impl Slot {
    fn claim() -> Option<&'static Slot> {
        SLOTS.iter().find(|slot| slot.start.compare_exchange(0, TAKEN, Ordering::SeqCst, Ordering::Relaxed).is_ok())
    }

    fn enter(&self, start: usize, length: usize) {
        self.lost.store(false, Ordering::SeqCst);
        self.end.store(start + length, Ordering::SeqCst);
        self.start.store(start, Ordering::SeqCst);
    }

    fn release(&self) {
        self.start.store(0, Ordering::SeqCst);
    }

    /// Puts zeros from the page of `address` to the end of the mapping if it is in this one; whether that was done.
    /// Everything behind is replaced, as it is gone with the page before it, and single pages would use up the kernel's
    /// limit of mappings. Called by the signal handler: it neither allocates nor locks.
    fn mend(&self, address: usize) -> bool {
        let start = self.start.load(Ordering::SeqCst);
        let end = self.end.load(Ordering::SeqCst);
        // A mapping's last page is all its own, and readable.
        let page_size = PAGE_SIZE.load(Ordering::Relaxed);
        let end = end.next_multiple_of(page_size);
        if start <= TAKEN || address < start || address >= end || self.start.load(Ordering::SeqCst) != start {
            return false;
        }
        let page = address - address % page_size;
        let place = std::ptr::without_provenance_mut(page);
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_FIXED | libc::MAP_NORESERVE;
        // SAFETY: the range lies in a mapping of this module, which is not unmapped before its slot is released: the thread
        // that reads it owns a handle. It is replaced by memory that is readable too.
        #[allow(unsafe_code)]
        let mapped = unsafe { libc::mmap(place, end - page, libc::PROT_READ, flags, -1, 0) };
        if mapped == libc::MAP_FAILED {
            return false;
        }
        self.lost.store(true, Ordering::SeqCst);
        true
    }
}

static PAGE_SIZE: AtomicUsize = AtomicUsize::new(4096);
static BEFORE: OnceLock<libc::sigaction> = OnceLock::new();

/// Installs the handler, once.
fn install() {
    BEFORE.get_or_init(|| {
        PAGE_SIZE.store(rustix::param::page_size(), Ordering::Relaxed);
        // SAFETY: all zeros are a valid sigaction; both calls get valid structures, and the handler does only what is
        // allowed in one: atomic loads and stores, mmap, sigaction, raise.
        #[allow(unsafe_code)]
        unsafe {
            let mut before: libc::sigaction = std::mem::zeroed();
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = on_bus_error as extern "C" fn(_, _, _) as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
            libc::sigaction(libc::SIGBUS, &action, &mut before);
            before
        }
    });
}

extern "C" fn on_bus_error(signal: libc::c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel gives a valid siginfo; for a code above 0 it has an address.
    #[allow(unsafe_code)]
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr().addr()) };
    if code == libc::BUS_ADRERR && SLOTS.iter().any(|slot| slot.mend(address)) {
        return;
    }
    match BEFORE.get() {
        Some(before) if code <= 0 && before.sa_sigaction == libc::SIG_IGN => {}
        // Rust's own handler would take a signal that was sent for a fault that comes again, and let it pass.
        Some(before) if code > 0 && ![libc::SIG_DFL, libc::SIG_IGN].contains(&before.sa_sigaction) => {
            // SAFETY: the former handler gets what the kernel would have given it; the flag tells its type.
            #[allow(unsafe_code)]
            unsafe {
                if before.sa_flags & libc::SA_SIGINFO != 0 {
                    type Handler = extern "C" fn(libc::c_int, *mut libc::siginfo_t, *mut libc::c_void);
                    std::mem::transmute::<usize, Handler>(before.sa_sigaction)(signal, info, context);
                } else {
                    std::mem::transmute::<usize, extern "C" fn(libc::c_int)>(before.sa_sigaction)(signal);
                }
            }
        }
        _ => {
            // SAFETY: a valid structure; raising a signal is allowed in a handler.
            #[allow(unsafe_code)]
            unsafe {
                let mut default: libc::sigaction = std::mem::zeroed();
                default.sa_sigaction = libc::SIG_DFL;
                libc::sigaction(signal, &default, std::ptr::null_mut());
                // A fault comes again when the handler returns, one that was sent does not.
                if code <= 0 {
                    libc::raise(signal);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::process::Command;

    use super::*;

    fn large_file() -> File {
        let file = tempfile::tempfile().unwrap();
        file.set_len(2 * READ_AT_MOST).unwrap();
        file
    }

    /// Runs the test `in_a_process_of_its_own` in one, doing `what`; the signal that ended it.
    fn signal_of(what: &str) -> Option<i32> {
        let program = std::env::current_exe().unwrap();
        let arguments = ["--exact", "mapped::tests::in_a_process_of_its_own", "--nocapture"];
        let output = Command::new(program).args(arguments).env("RENACER_MAPPED_TEST", what).output().unwrap();
        assert!(output.status.success() || output.status.signal().is_some(), "{what}: {output:?}");
        output.status.signal()
    }

    #[test]
    fn in_a_process_of_its_own() {
        let Ok(what) = std::env::var("RENACER_MAPPED_TEST") else { return };
        let file = large_file();
        let bytes = Bytes::of_file(&file, 2 * READ_AT_MOST).unwrap();
        let Owner::Mapped(mapping) = &*bytes.owner else { panic!("read instead of mapped") };
        match what.as_str() {
            "ours" => {
                file.set_len(0).unwrap();
                assert!(bytes.iter().all(|&byte| byte == 0));
                assert!(bytes.lost());
            }
            "another's" => {
                mapping.slot.release();
                file.set_len(0).unwrap();
                assert!(bytes.contains(&1), "not reached");
            }
            "sent" => rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::BUS).unwrap(),
            "many" => {
                let open = |length: u64| Bytes::of_file(&file, length);
                let all: Vec<Bytes> = (1..MAPPINGS).map(|_| open(2 * READ_AT_MOST).unwrap()).collect();
                let is_mapped = |bytes: &Bytes| matches!(*bytes.owner, Owner::Mapped(_));
                assert!(all.iter().all(is_mapped));
                assert!(!is_mapped(&open(2 * READ_AT_MOST).unwrap()));
                file.set_len(READ_INSTEAD_AT_MOST + 1).unwrap();
                let error = open(READ_INSTEAD_AT_MOST + 1).unwrap_err();
                assert_eq!(error.kind(), io::ErrorKind::OutOfMemory);
                drop(all);
                assert!(is_mapped(&open(READ_INSTEAD_AT_MOST + 1).unwrap()));
            }
            other => panic!("{other}"),
        }
    }

    #[test]
    fn only_ours_are_mended() {
        assert_eq!(signal_of("ours"), None);
        assert_eq!(signal_of("another's"), Some(libc::SIGBUS));
        assert_eq!(signal_of("sent"), Some(libc::SIGBUS));
    }

    #[test]
    fn without_room_for_mappings_files_are_read() {
        assert_eq!(signal_of("many"), None);
    }

    #[test]
    fn a_file_shorter_than_asked_for_is_an_error_or_lost() {
        let file = large_file();
        file.set_len(100).unwrap();
        assert_eq!(Bytes::of_file(&file, 101).unwrap_err().kind(), io::ErrorKind::UnexpectedEof);
        let mapped = Bytes::of_file(&file, 3 * READ_AT_MOST).unwrap();
        assert_eq!(mapped[3 * READ_AT_MOST as usize - 1], 0);
        assert!(mapped.lost());
        assert_eq!(Bytes::of_file(&file, 0).unwrap().len(), 0);
    }
}
