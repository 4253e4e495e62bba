//! Reads words of a stopped thread's memory with as few reads as possible: stacks are read in pieces that grow.

use renacer_events::ReadMemory;

/// What is read at first of a stack of which nothing is known.
const FIRST: usize = 4096;
/// The least and the most that is read at first: what other stacks have needed lately.
const LEAST: usize = 512;
const MOST_AT_FIRST: usize = 16 << 10;
/// A piece that is read beyond the last one, at most this far from it.
const MOST_GROWTH: usize = 64 << 10;
/// What one piece may hold in all.
const MOST: usize = 1 << 20;

/// A piece of memory that has been read.
#[derive(Debug, Default)]
struct Piece {
    base: u64,
    /// Only the first `length` bytes are valid.
    bytes: Vec<u8>,
    length: usize,
    /// Nothing can be read behind this piece.
    ended: bool,
}

/// Buffers that are kept from walk to walk.
#[derive(Debug, Default)]
pub(crate) struct Buffers {
    pieces: [Piece; 2],
    /// What stacks have needed lately, in bytes.
    usual: Option<usize>,
    /// The words of the stack that the walk has looked at.
    looked: Vec<(u64, u64)>,
    /// Nothing else was looked at.
    only_stack: bool,
}

impl Buffers {
    /// The words that the last walk has looked at, if these are all that decided it.
    pub fn looked(&self) -> Option<&[(u64, u64)]> {
        self.only_stack.then_some(&self.looked)
    }
}

/// A thread's memory after a walk: what has been read of it is not read again.
pub(crate) struct Remembered<'a> {
    memory: &'a mut dyn ReadMemory,
    buffers: &'a Buffers,
}

impl<'a> Remembered<'a> {
    /// Memory of the thread whose walk has used these buffers last.
    pub fn new(memory: &'a mut dyn ReadMemory, buffers: &'a Buffers) -> Self {
        Remembered { memory, buffers }
    }
}

impl ReadMemory for Remembered<'_> {
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        let size = buffer.len();
        match self.buffers.pieces.iter().find_map(|piece| piece.bytes(address, size)) {
            Some(bytes) => {
                buffer.copy_from_slice(bytes);
                size
            }
            None => self.memory.read(address, buffer),
        }
    }
}

/// A thread's memory during one walk.
pub(crate) struct Window<'a> {
    memory: &'a mut dyn ReadMemory,
    buffers: &'a mut Buffers,
    word: usize,
}

impl Piece {
    fn get(&self, address: u64, word: usize) -> Option<u64> {
        let offset = usize::try_from(address.wrapping_sub(self.base)).ok()?;
        let end = offset.checked_add(word).filter(|end| *end <= self.length)?;
        let bytes = self.bytes.get(offset..end)?;
        Some(match *bytes {
            [a, b, c, d, e, f, g, h] => u64::from_le_bytes([a, b, c, d, e, f, g, h]),
            [a, b, c, d] => u32::from_le_bytes([a, b, c, d]).into(),
            _ => return None,
        })
    }

    /// Bytes of it.
    fn bytes(&self, address: u64, size: usize) -> Option<&[u8]> {
        let offset = usize::try_from(address.wrapping_sub(self.base)).ok()?;
        let end = offset.checked_add(size).filter(|end| *end <= self.length)?;
        self.bytes.get(offset..end)
    }

    /// Reads `size` bytes more.
    fn grow(&mut self, memory: &mut dyn ReadMemory, size: usize) {
        let end = self.length.saturating_add(size).min(MOST);
        if self.bytes.len() < end {
            self.bytes.resize(end, 0);
        }
        let wanted = end - self.length;
        let read = memory.read(self.base.wrapping_add(self.length as u64), &mut self.bytes[self.length..end]);
        self.ended = read < wanted || end == MOST;
        self.length += read.min(wanted);
    }

    fn start(&mut self, memory: &mut dyn ReadMemory, base: u64, size: usize) {
        self.base = base;
        self.length = 0;
        self.grow(memory, size);
    }

    /// How far behind the end of the piece an address is.
    fn beyond(&self, address: u64) -> Option<usize> {
        let end = self.base.checked_add(self.length as u64)?;
        // A word may begin before the end.
        let distance = address.checked_add(8)?.checked_sub(end)?;
        usize::try_from(distance).ok()
    }
}

impl<'a> Window<'a> {
    /// A window of which the stack from `stack` on has been read.
    pub fn new(memory: &'a mut dyn ReadMemory, buffers: &'a mut Buffers, stack: u64, word: u64) -> Self {
        buffers.pieces[1].length = 0;
        buffers.pieces[1].ended = true;
        buffers.looked.clear();
        buffers.only_stack = true;
        let size = buffers.usual.unwrap_or(FIRST);
        buffers.pieces[0].start(memory, stack, size);
        Window { memory, buffers, word: word as usize }
    }

    /// The word at an address, if it can be read.
    #[inline]
    pub fn word(&mut self, address: u64) -> Option<u64> {
        if let Some(word) = self.buffers.pieces[0].get(address, self.word) {
            self.buffers.looked.push((address, word));
            return Some(word);
        }
        self.buffers.only_stack = false;
        self.read_word(address)
    }

    #[cold]
    fn read_word(&mut self, address: u64) -> Option<u64> {
        let word = self.word;
        if let Some(word) = self.buffers.pieces[1].get(address, word) {
            return Some(word);
        }
        let memory = &mut *self.memory;
        for piece in &mut self.buffers.pieces {
            if let Some(distance) = piece.beyond(address).filter(|distance| *distance <= MOST_GROWTH && !piece.ended) {
                piece.grow(memory, distance.max(piece.length).max(FIRST));
                if let Some(word) = piece.get(address, word) {
                    return Some(word);
                }
            }
        }
        // Another stack, most often that on which a signal's handler does not run: frames go on from there.
        self.buffers.pieces.swap(0, 1);
        self.buffers.pieces[0].start(memory, address, FIRST);
        self.buffers.pieces[0].get(address, word)
    }

    /// The word at an address, if it has been read.
    #[inline]
    pub fn read_already(&self, address: u64) -> Option<u64> {
        self.buffers.pieces[0].get(address, self.word)
    }

    /// A word that is no part of a stack.
    pub fn other_word(&mut self, address: u64) -> Option<u64> {
        let mut bytes = [0; 8];
        let word = self.word.min(8);
        (self.bytes(address, &mut bytes[..word]) == word).then(|| u64::from_le_bytes(bytes))
    }

    /// Takes note of where the walk has come to, so that the next one reads as much at once: each further read costs as
    /// much as some thousand bytes, and each page of a read some hundred.
    pub fn learn(&mut self, stack: u64) {
        let needed =
            usize::try_from(stack.wrapping_sub(self.buffers.pieces[0].base)).unwrap_or(FIRST).min(MOST_AT_FIRST);
        let usual = self.buffers.usual.unwrap_or(FIRST);
        // Quickly up, slowly down.
        let next = needed.saturating_add(64).max(usual - usual / 16);
        self.buffers.usual = Some(next.clamp(LEAST, MOST_AT_FIRST));
    }

    /// Reads bytes that are no part of a stack; how many could be read.
    pub fn bytes(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        self.buffers.only_stack = false;
        self.memory.read(address, buffer).min(buffer.len())
    }
}
