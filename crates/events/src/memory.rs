//! Tracee memory that was copied at a stop, found again by its address.

/// Pieces of a tracee's memory. They may overlap where something was read twice, as a string and a part of it.
#[derive(Clone, Debug, Default)]
pub struct Memory {
    bytes: Vec<u8>,
    pieces: Vec<Piece>,
}

#[derive(Clone, Copy, Debug)]
struct Piece {
    address: u64,
    offset: u32,
    length: u32,
}

impl Memory {
    /// No memory; allocates nothing.
    pub const fn new() -> Self {
        Memory { bytes: Vec::new(), pieces: Vec::new() }
    }

    /// Adds the bytes that stand at `address`. A piece that follows the last one without a gap extends it.
    pub fn push(&mut self, address: u64, bytes: &[u8]) {
        let target = self.reserve(address, bytes.len());
        target.copy_from_slice(bytes);
    }

    /// Adds a piece of `length` zero bytes and gives access to it, so that a reader can fill it in place.
    /// Shorten it with [`Memory::truncate_last`] when fewer bytes could be read.
    pub fn reserve(&mut self, address: u64, length: usize) -> &mut [u8] {
        let offset = self.bytes.len();
        self.bytes.resize(offset + length, 0);
        self.pieces.push(Piece { address, offset: offset as u32, length: length as u32 });
        &mut self.bytes[offset..]
    }

    /// Shortens the piece that was added last to `length` bytes; 0 removes it.
    pub fn truncate_last(&mut self, length: usize) {
        if let Some(piece) = self.pieces.last_mut() {
            if length < piece.length as usize {
                piece.length = length as u32;
                self.bytes.truncate(piece.offset as usize + length);
            }
            if length == 0 {
                self.pieces.pop();
            }
        }
    }

    /// The `length` bytes at `address`, if all of them were copied.
    pub fn get(&self, address: u64, length: usize) -> Option<&[u8]> {
        self.from(address)?.get(..length)
    }

    /// All bytes that were copied from `address` on, to the end of their piece; of several pieces, those of the one that reaches farthest.
    pub fn from(&self, address: u64) -> Option<&[u8]> {
        let mut found: Option<&[u8]> = None;
        for piece in &self.pieces {
            let skip = address.wrapping_sub(piece.address);
            if skip < u64::from(piece.length) {
                let end = piece.offset as usize + piece.length as usize;
                let bytes = &self.bytes[piece.offset as usize + skip as usize..end];
                if found.is_none_or(|found| found.len() < bytes.len()) {
                    found = Some(bytes);
                }
            }
        }
        found
    }

    /// Whether nothing was copied.
    pub fn is_empty(&self) -> bool {
        self.pieces.is_empty()
    }
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
