//! Code objects: what function of which file a frame runs, and at which line. Each is read once as long as it lives.

use std::collections::HashMap;
use std::sync::Arc;

use renacer_events::ReadMemory;

use super::layout::Layout;
use super::line_table::LineTable;
use super::reading::{fill, number, word};
use super::text;
use crate::user_code::{self, Owner, Rules};

/// Code objects that are remembered of one process.
const MOST_REMEMBERED: usize = 1 << 16;
const LONGEST_LINE_TABLE: u64 = 1 << 20;

/// A code object.
#[derive(Debug)]
pub(super) struct Code {
    stamp: Stamp,
    /// Its qualified name.
    pub function: Arc<str>,
    /// Its file, as it was told to the compiler.
    pub file: Arc<str>,
    /// It is the user's own, as far as paths tell.
    pub is_user_code: bool,
    lines: LineTable,
    /// Numbers of this code object's lines in the table of interpreted frames.
    pub numbers: Vec<(u32, u32)>,
}

/// What tells a code object from another one that is at the same place later. The version alone does, as CPython gives none
/// twice before 2³² code objects were made; the rest is there to be read anyway.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Stamp {
    version: u32,
    first_line: u32,
    first_traceable: u32,
    units: u64,
    filename: u64,
    qualified_name: u64,
    line_table: u64,
}

/// Where in its code a frame is.
pub(super) enum Position<'a> {
    /// In a function at a line, 0 where the instruction has none.
    Line(&'a mut Code, u32),
    /// It has not begun yet: CPython does not show such frames either.
    NotBegun,
}

/// The code objects of one process.
#[derive(Debug, Default)]
pub(super) struct Codes {
    remembered: HashMap<u64, Code>,
}

impl Codes {
    /// What the frame at this instruction of the code object at this address runs; none if that is no code object.
    pub fn position(
        &mut self,
        layout: &Layout,
        code_type: Option<u64>,
        address: u64,
        instruction: u64,
        memory: &mut dyn ReadMemory,
    ) -> Option<Position<'_>> {
        let mut bytes = [0; 1024];
        let bytes = bytes.get_mut(..layout.code.instructions)?;
        fill(memory, address, bytes)?;
        let object_type = word(bytes, layout.object_type)?;
        if code_type.is_some_and(|known| known != object_type) {
            return None;
        }
        let stamp = Stamp::of(layout, bytes)?;
        let first = address.checked_add(layout.code.instructions as u64)?;
        // Before 3.13 a frame that has not begun is one before its first instruction. The trampoline that calls __init__
        // never begins, as its first traceable instruction lies behind its last one.
        let unit = instruction.wrapping_sub(first) as i64 / 2;
        if unit < i64::from(stamp.first_traceable) && unit >= -1 {
            return Some(Position::NotBegun);
        }
        let unit = u32::try_from(unit).ok().filter(|unit| u64::from(*unit) < stamp.units)?;
        // Without a version the object may be another one than that which is remembered.
        let is_known = stamp.version != 0 && self.remembered.get(&address).is_some_and(|known| known.stamp == stamp);
        if !is_known {
            self.remembered.remove(&address);
            if self.remembered.len() >= MOST_REMEMBERED {
                self.remembered.clear();
            }
            self.remembered.insert(address, Code::read(layout, stamp, memory)?);
        }
        let code = self.remembered.get_mut(&address)?;
        let line = code.lines.line(unit).unwrap_or(0);
        Some(Position::Line(code, line))
    }
}

impl Stamp {
    fn of(layout: &Layout, bytes: &[u8]) -> Option<Stamp> {
        let fields = &layout.code;
        let stamp = Stamp {
            version: number(bytes, fields.version)?,
            first_line: number(bytes, fields.first_line)?,
            first_traceable: number(bytes, fields.first_traceable)?,
            units: word(bytes, layout.object_items)?,
            filename: word(bytes, fields.filename)?,
            qualified_name: word(bytes, fields.qualified_name)?,
            line_table: word(bytes, fields.line_table)?,
        };
        let is_sound = stamp.units <= u64::from(u32::MAX) && i32::try_from(stamp.first_line).is_ok();
        is_sound.then_some(stamp)
    }
}

impl Code {
    fn read(layout: &Layout, stamp: Stamp, memory: &mut dyn ReadMemory) -> Option<Code> {
        let file = text::read(layout, stamp.filename, memory)?;
        let function = text::read(layout, stamp.qualified_name, memory)?;
        let table = bytes_object(layout, stamp.line_table, memory)?;
        let lines = LineTable::decode(&table, stamp.first_line)?;
        let is_user_code = user_code::of_interpreted(&Rules::default(), &file) == Owner::User;
        let (function, file) = (function.into(), file.into());
        Some(Code { stamp, function, file, is_user_code, lines, numbers: Vec::new() })
    }
}

fn bytes_object(layout: &Layout, address: u64, memory: &mut dyn ReadMemory) -> Option<Vec<u8>> {
    let mut head = [0; 264];
    let head = head.get_mut(..layout.bytes_data)?;
    fill(memory, address, head)?;
    let length = word(head, layout.object_items)?;
    if length > LONGEST_LINE_TABLE {
        return None;
    }
    let mut bytes = vec![0; usize::try_from(length).ok()?];
    fill(memory, address.checked_add(layout.bytes_data as u64)?, &mut bytes)?;
    Some(bytes)
}
