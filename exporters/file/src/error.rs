//! What can go wrong with a file, and what to do about it.

use std::io;
use std::path::PathBuf;

/// A file that cannot be created, written or read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// There is a file of this name already.
    #[error("{} exists already: name another file with -o, or add --force to replace it", path.display())]
    Exists {
        /// The file.
        path: PathBuf,
    },
    /// The name is a symbolic link, which somebody else may have placed there.
    #[error("{} is a symbolic link, and those are not followed: name the file that it points to", path.display())]
    SymbolicLink {
        /// The link.
        path: PathBuf,
    },
    /// The name is that of something that cannot hold spans.
    #[error("{} is a {kind}: name a file", path.display())]
    NotAFile {
        /// Where.
        path: PathBuf,
        /// `directory`, `socket`, `block device`.
        kind: &'static str,
    },
    /// A named pipe that nobody has opened for reading.
    #[error("{} is a named pipe that nobody reads: start its reader first", path.display())]
    NoReader {
        /// The pipe.
        path: PathBuf,
    },
    /// It cannot be created or opened.
    #[error("cannot open {}: {source}", path.display())]
    Open {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Writing failed: what was to be written is lost. Told once for a file.
    #[error("cannot write to {}: {source}; the spans that do not fit are counted as lost", path.display())]
    Write {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// It is as large as it may get. Told once for a file.
    #[error("{} is as large as --max-output allows; further spans are counted as lost", path.display())]
    Full {
        /// The file.
        path: PathBuf,
    },
    /// Somebody has removed it: what was in it is lost. Told once for a file.
    #[error("{} was removed meanwhile; the spans that were in it and those to come are counted as lost", path.display())]
    Removed {
        /// The file.
        path: PathBuf,
    },
    /// Its delivered part could not be cut off.
    #[error("cannot write {} anew: {source}; it holds spans that were delivered, too", path.display())]
    Rewrite {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// Reading failed.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
}

/// A line that is skipped, because it holds no spans that can be delivered.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct LineError {
    /// The line's number, from 1.
    pub line: u64,
    /// What is wrong with it.
    pub message: String,
}
