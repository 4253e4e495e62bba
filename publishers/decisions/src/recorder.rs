//! The writer: claims room by one addition, writes there, and publishes by one store.

use std::cell::Cell;
use std::fs::{self, OpenOptions};
use std::io::{self, ErrorKind};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};

use rustix::fs::{FallocateFlags, fallocate};
use rustix::io::Errno;
use rustix::rand::{GetRandomFlags, getrandom};
use rustix::time::{ClockId, clock_gettime};

use crate::error::OpenError;
use crate::format::{
    CLAIM, HAS_TRACE, HEAD, HEADER, MAGIC, MAX_EXECUTABLE, MAX_RECORD, SAMPLED, VERSION, WHOLE, at, room,
};
use crate::memory::{Mapping, Slot};
use crate::message::{Kind, Length, Sink, encode};
use crate::reader::TraceContext;
use crate::value::Value;

/// How a decision file is written.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Options {
    /// Room for records, in bytes; that much of the disk is taken at once. A record takes some 50 bytes and more.
    pub capacity: usize,
}

impl Default for Options {
    fn default() -> Self {
        Options { capacity: 16 << 20 }
    }
}

impl Options {
    /// With room for so many bytes of records.
    pub fn with_capacity(capacity: usize) -> Self {
        Options { capacity }
    }
}

/// The program's file.
static CURRENT: Slot<Recorder> = Slot::new();

thread_local! {
    /// The process and the thread that this is; the process tells whether the thread is still that one after a fork.
    static THREAD: Cell<(u32, u32)> = const { Cell::new((0, 0)) };
}

pub(crate) fn open(path: &Path, options: Options) -> Result<(), OpenError> {
    if CURRENT.get().is_some() || !CURRENT.set(Recorder::create(path, path, options)?) {
        return Err(OpenError::AlreadyOpen);
    }
    Ok(())
}

pub(crate) fn record(kind: Kind, name: &str, values: &[(&str, Value<'_>)]) {
    let Some(mut recorder) = CURRENT.get() else { return };
    while !recorder.is_this_process() {
        let Some(child) = recorder.child() else { return };
        recorder = child;
    }
    recorder.record(kind, name, values);
}

/// A file that one process writes.
struct Recorder {
    file: Mapping,
    capacity: usize,
    pid: u32,
    /// Its first word is 1, and in a forked child 0.
    fork: Mapping,
    /// The path that the program has opened.
    path: PathBuf,
    /// Of a forked child.
    child: Slot<Recorder>,
    /// The process that is opening, or could not open, that: a child's child has another number.
    opening: AtomicU32,
    failed: AtomicU32,
}

impl Recorder {
    fn create(path: &Path, base: &Path, options: Options) -> io::Result<Recorder> {
        let capacity = options.capacity.clamp(4096, u32::MAX as usize).next_multiple_of(4096);
        let length = HEADER + capacity;
        // Another process may have the old one mapped: it is left to that, not shortened.
        match fs::remove_file(path) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let file = OpenOptions::new().read(true).write(true).create_new(true).mode(0o600).open(path)?;
        // Room that is promised but not there would end the program at a write.
        match fallocate(&file, FallocateFlags::empty(), 0, length as u64) {
            Ok(()) => {}
            Err(Errno::OPNOTSUPP | Errno::NOSYS) => {
                io::copy(&mut io::Read::take(io::repeat(0), length as u64), &mut &file).map(drop)?
            }
            Err(error) => return Err(error.into()),
        }
        let mapping = Mapping::of_file(&file, length)?;
        let fork = Mapping::forgets_at_fork()?;
        fork.word(0).store(1, Ordering::Relaxed);
        let recorder = Recorder {
            file: mapping,
            capacity,
            pid: std::process::id(),
            fork,
            path: base.to_owned(),
            child: Slot::new(),
            opening: AtomicU32::new(0),
            failed: AtomicU32::new(0),
        };
        recorder.write_header()?;
        Ok(recorder)
    }

    fn write_header(&self) -> io::Result<()> {
        let executable = std::env::current_exe().unwrap_or_default();
        let executable = executable.as_os_str().as_bytes();
        let executable = &executable[..executable.len().min(MAX_EXECUTABLE)];
        let context = std::env::var("TRACEPARENT").ok().and_then(|text| TraceContext::parse(&text));
        let mut run = [0; 16];
        getrandom(&mut run, GetRandomFlags::empty())?;
        let mut flags = 0;
        if let Some(context) = context {
            flags = HAS_TRACE | if context.sampled { SAMPLED } else { 0 };
            self.file.write(at::TRACE, &context.trace_id);
            self.file.write(at::SPAN, &context.span_id);
        }
        self.file.write(at::VERSION, &VERSION.to_le_bytes());
        self.file.write(at::FLAGS, &flags.to_le_bytes());
        self.file.write(at::CAPACITY, &(self.capacity as u64).to_le_bytes());
        self.file.write(at::MONOTONIC, &now(ClockId::Monotonic).to_le_bytes());
        self.file.write(at::REALTIME, &now(ClockId::Realtime).to_le_bytes());
        self.file.write(at::PID, &self.pid.to_le_bytes());
        self.file.write(at::EXECUTABLE_LENGTH, &(executable.len() as u32).to_le_bytes());
        self.file.write(at::RUN, &run);
        self.file.write(at::EXECUTABLE, executable);
        // Last: what begins like this has a whole header.
        self.file.word(0).store(u64::from_ne_bytes(MAGIC), Ordering::Release);
        Ok(())
    }

    fn is_this_process(&self) -> bool {
        self.fork.word(0).load(Ordering::Relaxed) == 1
    }

    /// The recorder of the forked child that this is. Waits while another thread of it makes one; none where that failed.
    #[cold]
    fn child(&self) -> Option<&'static Recorder> {
        let pid = std::process::id();
        loop {
            if let Some(child) = self.child.get() {
                return Some(child);
            }
            if self.failed.load(Ordering::Acquire) == pid {
                return None;
            }
            let opening = self.opening.load(Ordering::Acquire);
            if opening == pid {
                std::thread::yield_now();
            } else if self.opening.compare_exchange(opening, pid, Ordering::AcqRel, Ordering::Relaxed).is_ok() {
                let mut path = self.path.clone().into_os_string();
                path.push(format!(".{pid}"));
                match Recorder::create(Path::new(&path), &self.path, Options { capacity: self.capacity }) {
                    Ok(child) => drop(self.child.set(child)),
                    Err(_) => self.failed.store(pid, Ordering::Release),
                }
            }
        }
    }

    fn record(&self, kind: Kind, name: &str, values: &[(&str, Value<'_>)]) {
        let (time, tid) = (now(ClockId::Monotonic), self.tid());
        let mut length = Length(0);
        encode(&mut length, kind, time, tid, name, values);
        let length = length.0;
        let claimed = match length {
            0..=MAX_RECORD => self.file.word(at::CLAIMED).fetch_add(room(length) as u64, Ordering::Relaxed),
            _ => u64::MAX,
        };
        if claimed.checked_add(room(length) as u64).is_none_or(|end| end > self.capacity as u64) {
            self.file.word(at::DROPPED).fetch_add(1, Ordering::Relaxed);
            return;
        }
        let start = HEADER + claimed as usize;
        // A reader of what is left after SIGKILL finds the next record behind this one even if it never becomes whole.
        self.file.word(start).store(CLAIM | length as u64, Ordering::Release);
        let mut place = Place { file: self.file, at: start + HEAD };
        encode(&mut place, kind, time, tid, name, values);
        self.file.word(start).store(WHOLE | length as u64, Ordering::Release);
    }

    fn tid(&self) -> u32 {
        let (pid, tid) = THREAD.get();
        if pid == self.pid {
            return tid;
        }
        let tid = rustix::thread::gettid().as_raw_nonzero().get() as u32;
        THREAD.set((self.pid, tid));
        tid
    }
}

/// Where a record is written.
struct Place {
    file: Mapping,
    at: usize,
}

impl Sink for Place {
    fn put(&mut self, bytes: &[u8]) {
        self.file.write(self.at, bytes);
        self.at += bytes.len();
    }
}

/// From the vDSO: no system call.
fn now(clock: ClockId) -> u64 {
    let time = clock_gettime(clock);
    (time.tv_sec as u64).wrapping_mul(1_000_000_000).wrapping_add(time.tv_nsec as u64)
}
