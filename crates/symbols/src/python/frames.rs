//! The chain of CPython's frames of one thread.
//!
//! It runs over several activations of the interpreter's evaluator: each has a frame without Python code at the outer end
//! of its frames. That frame is a local variable of the evaluator, so its address tells which frame of the native stack
//! stands for these frames.

use std::ops::Range;

use renacer_events::ReadMemory;

use super::layout::Layout;
use super::reading::{fill, word};

/// Frames are looked at up to this depth.
const MOST: usize = 4096;
/// Frames of a thread lie one after the other, older ones at lower addresses: what precedes one in its page is read with it.
const PAGE: u64 = 4096;
/// The largest piece.
const PIECE: usize = PAGE as usize + 1024;

/// From here on the owner of a frame says that it runs no Python code.
const FIRST_WITHOUT_CODE: u8 = 3;

/// A link of the chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Link {
    /// A frame of Python code.
    Code {
        /// The code object.
        code: u64,
        /// The instruction.
        instruction: u64,
    },
    /// A frame without, at this address.
    Entry(u64),
}

/// Reads a chain, innermost first.
pub(super) struct Chain<'a> {
    layout: &'a Layout,
    /// Where the native stack is.
    stack: Range<u64>,
    next: u64,
    left: usize,
    piece: [u8; PIECE],
    /// The first address and the number of bytes of the piece that was read last.
    start: u64,
    length: usize,
}

impl<'a> Chain<'a> {
    pub fn new(layout: &'a Layout, innermost: u64, stack: Range<u64>) -> Self {
        Chain { layout, stack, next: innermost, left: MOST, piece: [0; PIECE], start: 0, length: 0 }
    }

    /// The next link; at the end none. An error if it cannot be read.
    pub fn next(&mut self, memory: &mut dyn ReadMemory) -> Result<Option<Link>, Broken> {
        if self.next == 0 {
            return Ok(None);
        }
        self.left = self.left.checked_sub(1).ok_or(Broken)?;
        let address = self.next;
        let fields = &self.layout.frame;
        let frame = self.frame(address, fields.size, memory).ok_or(Broken)?;
        let get = |offset| word(frame, offset).ok_or(Broken);
        let owner = *frame.get(fields.owner).ok_or(Broken)?;
        let (previous, executable, instruction) =
            (get(fields.previous)?, get(fields.executable)?, get(fields.instruction)?);
        self.next = previous;
        if owner >= FIRST_WITHOUT_CODE {
            return Ok(Some(Link::Entry(address)));
        }
        // References carry marks in their lowest bits from 3.14 on.
        Ok(Some(Link::Code { code: executable & !7, instruction }))
    }

    fn frame(&mut self, address: u64, size: usize, memory: &mut dyn ReadMemory) -> Option<&[u8]> {
        let place = |start: u64, length: usize| {
            let offset = usize::try_from(address.checked_sub(start)?).ok()?;
            let end = offset.checked_add(size)?;
            (end <= length).then_some(offset..end)
        };
        if let Some(range) = place(self.start, self.length) {
            return self.piece.get(range);
        }
        // What is on the native stack has most often been read already, and has no other frames beside it.
        let start = if self.stack.contains(&address) { address } else { address & !(PAGE - 1) };
        let piece = self.piece.get_mut(..usize::try_from(address - start).ok()?.checked_add(size)?)?;
        fill(memory, start, piece)?;
        (self.start, self.length) = (start, piece.len());
        self.piece.get(place(self.start, self.length)?)
    }
}

/// A frame cannot be read, or there are too many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Broken;
