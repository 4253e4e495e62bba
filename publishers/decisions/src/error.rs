//! What can go wrong.

use std::io;

/// Why a decision file cannot be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OpenError {
    /// One is open already; a program writes one.
    #[error("a decision file is open already")]
    AlreadyOpen,
    /// The system refused it.
    #[error("the decision file cannot be written: {0}")]
    Io(#[from] io::Error),
}

/// Why bytes are no decision file, or not all of one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ReadError {
    /// It does not begin as one.
    #[error("it is no decision file")]
    NotOne,
    /// It is of a version that is not known.
    #[error("it is a decision file of version {0}, and only version 1 is known")]
    Version(u32),
    /// It ends too early.
    #[error("it ends after {length} bytes, but must have {expected}")]
    TooShort {
        /// What it has.
        length: usize,
        /// What its header says.
        expected: u64,
    },
    /// Its header contradicts itself.
    #[error("its header is damaged: {0}")]
    Header(&'static str),
    /// A record is none.
    #[error("the record at byte {at} is damaged: {what}")]
    Record {
        /// Where its head is.
        at: usize,
        /// What is wrong with it.
        what: &'static str,
    },
}
