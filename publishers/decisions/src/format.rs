//! Where things are in a decision file (docs/decision-files.md). Numbers are little-endian.

/// The first bytes of every decision file.
pub const MAGIC: [u8; 8] = *b"DECISION";
/// The version of the format that this crate writes and reads.
pub const VERSION: u32 = 1;

/// The header's size: records begin here.
pub(crate) const HEADER: usize = 4096;

/// Offsets in the header.
pub(crate) mod at {
    pub(crate) const VERSION: usize = 8;
    pub(crate) const FLAGS: usize = 12;
    pub(crate) const CAPACITY: usize = 16;
    /// How many bytes of records have been claimed; more than the capacity where some found no room.
    pub(crate) const CLAIMED: usize = 24;
    pub(crate) const DROPPED: usize = 32;
    pub(crate) const MONOTONIC: usize = 40;
    pub(crate) const REALTIME: usize = 48;
    pub(crate) const PID: usize = 56;
    pub(crate) const EXECUTABLE_LENGTH: usize = 60;
    pub(crate) const RUN: usize = 64;
    pub(crate) const TRACE: usize = 80;
    pub(crate) const SPAN: usize = 96;
    pub(crate) const EXECUTABLE: usize = 104;
}

/// The longest path of an executable that has room.
pub(crate) const MAX_EXECUTABLE: usize = HEADER - at::EXECUTABLE;

/// Flags: a trace id and a span id are there; that trace is sampled.
pub(crate) const HAS_TRACE: u32 = 1;
pub(crate) const SAMPLED: u32 = 2;

/// A record's head is one word: this and its length in bytes, while it is being written and when it is whole.
pub(crate) const CLAIM: u64 = 0x636c_6169 << 32;
pub(crate) const WHOLE: u64 = 0x7768_6f6c << 32;
pub(crate) const HEAD: usize = 8;

/// The longest record, without its head.
pub(crate) const MAX_RECORD: usize = 16 * 1024;

/// What a record with so many bytes takes: heads stand at multiples of eight.
pub(crate) fn room(length: usize) -> usize {
    HEAD + length.next_multiple_of(8)
}
