//! Tracee memory that was copied at a stop, found again by its address.

/// Pieces of a tracee's memory. They may overlap where something was read twice, as a string and a part of it.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    /// Each piece: its address, its length, its bytes. All in one place, since most calls have one piece or none, and
    /// each allocation in the tracer is freed by another thread, which costs more than what is copied.
    bytes: Vec<u8>,
    /// Where the piece that was added last begins.
    last: usize,
}

/// An address and a length, as they stand before a piece's bytes.
const HEAD: usize = 16;

impl Memory {
    /// No memory; allocates nothing.
    pub const fn new() -> Self {
        Memory { bytes: Vec::new(), last: 0 }
    }

    /// Adds the bytes that stand at `address`.
    pub fn push(&mut self, address: u64, bytes: &[u8]) {
        self.head(address, bytes.len());
        self.bytes.extend_from_slice(bytes);
    }

    /// Adds a piece of `length` zero bytes and gives access to it, so that a reader can fill it in place.
    /// Shorten it with [`Memory::truncate_last`] when fewer bytes could be read.
    pub fn reserve(&mut self, address: u64, length: usize) -> &mut [u8] {
        self.head(address, length);
        let start = self.bytes.len();
        self.bytes.resize(start + length, 0);
        &mut self.bytes[start..]
    }

    fn head(&mut self, address: u64, length: usize) {
        self.last = self.bytes.len();
        self.bytes.reserve(HEAD + length);
        self.bytes.extend_from_slice(&address.to_ne_bytes());
        self.bytes.extend_from_slice(&(length as u64).to_ne_bytes());
    }

    /// Shortens the piece that was added last to `length` bytes; 0 removes it, which is possible once.
    pub fn truncate_last(&mut self, length: usize) {
        let start = self.last + HEAD;
        if length == 0 {
            self.bytes.truncate(self.last);
        } else if start + length < self.bytes.len() {
            self.bytes.truncate(start + length);
            self.bytes[start - 8..start].copy_from_slice(&(length as u64).to_ne_bytes());
        }
    }

    /// The `length` bytes at `address`, if all of them were copied.
    pub fn get(&self, address: u64, length: usize) -> Option<&[u8]> {
        self.from(address)?.get(..length)
    }

    /// All bytes that were copied from `address` on, to the end of their piece; of several pieces, those of the one that reaches farthest.
    pub fn from(&self, address: u64) -> Option<&[u8]> {
        let mut found: Option<&[u8]> = None;
        let mut rest = &*self.bytes;
        while let Some((start, length, after)) = split_head(rest) {
            let (piece, after) = after.split_at(length);
            rest = after;
            let skip = address.wrapping_sub(start);
            if skip < piece.len() as u64 && found.is_none_or(|found| found.len() < piece.len() - skip as usize) {
                found = Some(&piece[skip as usize..]);
            }
        }
        found
    }

    /// Whether nothing was copied.
    pub fn is_empty(&self) -> bool {
        self.bytes.is_empty()
    }
}

/// The address and the length of the first piece, and what follows its head.
fn split_head(bytes: &[u8]) -> Option<(u64, usize, &[u8])> {
    let (address, rest) = bytes.split_first_chunk()?;
    let (length, rest) = rest.split_first_chunk()?;
    Some((u64::from_ne_bytes(*address), (u64::from_ne_bytes(*length) as usize).min(rest.len()), rest))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_bytes_inside_a_piece_and_nothing_beyond_it() {
        let mut memory = Memory::new();
        memory.push(0x1000, b"hello");
        memory.push(0x2000, b"world");
        assert_eq!(memory.get(0x1001, 4), Some(&b"ello"[..]));
        assert_eq!(memory.get(0x1001, 5), None);
        assert_eq!(memory.from(0x2003), Some(&b"ld"[..]));
        assert_eq!(memory.from(0x2005), None);
        assert_eq!(memory.from(0xfff), None);
    }

    #[test]
    fn of_overlapping_pieces_the_one_that_reaches_farthest_counts() {
        let mut memory = Memory::new();
        memory.push(0x1000, b"abcd");
        memory.push(0x1002, b"cdef");
        memory.push(0x1002, b"XX");
        assert_eq!(memory.from(0x1000), Some(&b"abcd"[..]));
        assert_eq!(memory.from(0x1002), Some(&b"cdef"[..]));
        assert_eq!(memory.get(0x1003, 3), Some(&b"def"[..]));
    }

    #[test]
    fn a_short_read_keeps_only_what_was_read() {
        let mut memory = Memory::new();
        memory.reserve(0x1000, 8)[..3].copy_from_slice(b"abc");
        memory.truncate_last(3);
        assert_eq!(memory.from(0x1000), Some(&b"abc"[..]));
        memory.reserve(0x2000, 8);
        memory.truncate_last(0);
        assert_eq!(memory.from(0x2000), None);
        assert_eq!(memory.from(0x1000), Some(&b"abc"[..]));
    }
}
