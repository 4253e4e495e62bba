//! CPython's strings.

use renacer_events::ReadMemory;

use super::layout::Layout;
use super::reading::{fill, number, word};

/// Longer ones are refused: names and paths are much shorter.
const LONGEST: u64 = 8 << 10;

/// Reads the string object at an address. A lone surrogate that stands for a byte, as in names of files that are not in
/// UTF-8, becomes that byte's octal escape.
pub(super) fn read(layout: &Layout, address: u64, memory: &mut dyn ReadMemory) -> Option<String> {
    let mut head = [0; 264];
    let head = head.get_mut(..layout.text_data)?;
    fill(memory, address, head)?;
    let length = word(head, layout.text_length)?;
    // Two bits say whether it is interned, three how wide characters are, then: characters follow directly; they are ASCII.
    let flags = number(head, layout.text_flags)?;
    let (width, is_compact, is_ascii) = (flags >> 2 & 7, flags >> 5 & 1 == 1, flags >> 6 & 1 == 1);
    if length > LONGEST || !is_compact || !matches!(width, 1 | 2 | 4) || is_ascii && width != 1 {
        return None;
    }
    // All but ASCII have the size and place of their UTF-8 form in between.
    let start = layout.text_data as u64 + if is_ascii { 0 } else { 16 };
    let mut bytes = vec![0; usize::try_from(length * u64::from(width)).ok()?];
    fill(memory, address.checked_add(start)?, &mut bytes)?;
    let mut text = String::with_capacity(bytes.len());
    for character in bytes.chunks_exact(width as usize) {
        let code = character.iter().rev().fold(0_u32, |code, byte| code << 8 | u32::from(*byte));
        match char::from_u32(code) {
            Some(character) if !is_ascii || code < 128 => text.push(character),
            None if (0xdc80..=0xdcff).contains(&code) => text.push_str(&format!("\\{:o}", code - 0xdc00)),
            None if (0xd800..=0xdfff).contains(&code) => text.push(char::REPLACEMENT_CHARACTER),
            _ => return None,
        }
    }
    Some(text)
}
