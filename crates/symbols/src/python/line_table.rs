//! Which line each instruction of a code object belongs to: `co_linetable`, as CPython's InternalDocs/code_objects.md
//! describes its entries.

/// Lines of a code object by instruction.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct LineTable {
    /// Up to which code unit, exclusively, a line goes; 0 for instructions without a line.
    entries: Box<[(u32, u32)]>,
}

/// Set in the first byte of each entry, and in no other.
const ENTRY: u8 = 0x80;

impl LineTable {
    /// Decodes a table; none if it is none.
    pub fn decode(bytes: &[u8], first_line: u32) -> Option<LineTable> {
        let mut entries: Vec<(u32, u32)> = Vec::new();
        let mut line = i64::from(first_line);
        let mut end = 0_u32;
        let mut rest = bytes;
        while let [first, tail @ ..] = rest {
            if first & ENTRY == 0 {
                return None;
            }
            let length = tail.iter().position(|byte| byte & ENTRY != 0).unwrap_or(tail.len());
            let (arguments, next) = tail.split_at(length);
            let kind = first >> 3 & 15;
            line += match kind {
                15 | 0..=9 => 0,
                13 | 14 => signed(arguments)?,
                _ => i64::from(kind - 10),
            };
            end = end.checked_add(u32::from(first & 7) + 1)?;
            let here = if kind == 15 { 0 } else { u32::try_from(line).ok()? };
            match entries.last_mut() {
                Some((last_end, last_line)) if *last_line == here => *last_end = end,
                _ => entries.push((end, here)),
            }
            rest = next;
        }
        Some(LineTable { entries: entries.into() })
    }

    /// The line of the instruction at this code unit, where it has one.
    pub fn line(&self, unit: u32) -> Option<u32> {
        let place = self.entries.partition_point(|(end, _)| *end <= unit);
        self.entries.get(place).map(|(_, line)| *line).filter(|line| *line != 0)
    }
}

/// A signed number in portions of six bits, the lowest first; bit 6 says that another follows, bit 0 of the number is its sign.
fn signed(bytes: &[u8]) -> Option<i64> {
    let mut value = 0_u64;
    for (place, byte) in bytes.iter().enumerate().take(6) {
        value |= u64::from(byte & 63) << (6 * place);
        if byte & 64 == 0 {
            let size = i64::try_from(value >> 1).ok()?;
            return Some(if value & 1 == 1 { -size } else { size });
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_kind_of_entry() {
        // Two units on the first line (short form), one without line, three at +2 (one-line form), one at -3 (no columns),
        // one at +100 (long form).
        let table = [
            ENTRY | 3 << 3 | 1,
            0x10,
            ENTRY | 15 << 3,
            ENTRY | 12 << 3 | 2,
            1,
            2,
            ENTRY | 13 << 3,
            3 << 1 | 1,
            ENTRY | 14 << 3,
            64 | 200 & 63,
            200 >> 6,
            0,
            1,
            2,
        ];
        let table = LineTable::decode(&table, 10).unwrap();
        let lines: Vec<_> = (0..9).map(|unit| table.line(unit)).collect();
        let expected = [Some(10), Some(10), None, Some(12), Some(12), Some(12), Some(9), Some(109), None];
        assert_eq!(lines, expected);
    }

    #[test]
    fn what_is_no_table_is_refused() {
        assert_eq!(LineTable::decode(&[0x10], 1), None, "no start of an entry");
        assert_eq!(LineTable::decode(&[ENTRY | 13 << 3], 1), None, "no number");
        assert_eq!(LineTable::decode(&[ENTRY | 13 << 3, 64, 64], 1), None, "a number without end");
        assert_eq!(LineTable::decode(&[ENTRY | 13 << 3, 5], 1), None, "a line before the first");
        assert_eq!(LineTable::decode(&[], 1), Some(LineTable::default()));
    }
}
