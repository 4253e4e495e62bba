//! How large the local files may get: a ring of files of which the oldest goes, or an end.

use std::collections::VecDeque;
use std::path::{Path, PathBuf};

use crate::open::numbered;

/// A ring has so many files; the last one is being written.
pub(crate) const FILES: u64 = 8;

/// How large the files may get in all, and what happens then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    /// Bytes.
    pub bytes: u64,
    /// What happens then.
    pub then: AtLimit,
}

/// What happens when the files are as large as they may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtLimit {
    /// The oldest spans go: there are several files, and the oldest one is removed.
    DropOldest,
    /// Nothing more is written.
    Stop,
}

/// What stands where a line shall be written.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Room {
    /// It goes into the present file.
    Here,
    /// It begins the file of this name.
    In(PathBuf),
    /// There is none.
    None,
}

/// The files of a ring.
#[derive(Debug)]
pub(crate) struct Ring {
    limit: Limit,
    /// The name of the first file.
    base: PathBuf,
    /// Files so far, the present one not counted.
    number: u64,
    older: VecDeque<Older>,
}

#[derive(Debug)]
struct Older {
    path: PathBuf,
    bytes: u64,
    spans: u64,
}

impl Ring {
    pub(crate) fn new(limit: Limit, base: &Path) -> Ring {
        Ring { limit, base: base.to_owned(), number: 0, older: VecDeque::new() }
    }

    /// Files before the present one that are still there.
    pub(crate) fn older(&self) -> usize {
        self.older.len()
    }

    /// Where a line of `length` bytes goes. `path`, `bytes` and `spans` are the present file's.
    pub(crate) fn room(&mut self, length: u64, path: &Path, bytes: u64, spans: u64) -> Room {
        match self.limit.then {
            AtLimit::Stop if bytes + length > self.limit.bytes => Room::None,
            AtLimit::DropOldest if bytes > 0 && bytes + length > self.limit.bytes / FILES => {
                self.older.push_back(Older { path: path.to_owned(), bytes, spans });
                self.number += 1;
                Room::In(numbered(&self.base, self.number))
            }
            _ => Room::Here,
        }
    }

    /// Removes files until a line of `length` bytes, or a whole file, fits; the spans that are gone with them.
    pub(crate) fn make_room(&mut self, length: u64) -> u64 {
        let needed = length.max(self.limit.bytes / FILES);
        let mut gone = 0;
        while self.older.iter().map(|older| older.bytes).sum::<u64>() + needed > self.limit.bytes {
            let Some(oldest) = self.older.pop_front() else { break };
            // If somebody has removed it already, its spans are gone as well.
            let _ = std::fs::remove_file(&oldest.path);
            gone += oldest.spans;
        }
        gone
    }
}
