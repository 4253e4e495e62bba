//! A unit's line program, run once: which line of which file each address belongs to.

use super::effort::{Effort, Error};
use super::index::{CodeSpans, Span};
use super::{Reader, readable};

/// Where in the source an address is, the file by its number in the unit's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) file: u32,
    /// 0 where the compiler gives none.
    pub(super) line: u32,
    /// 0 where unknown.
    pub(super) column: u32,
}

struct Row {
    /// From the sequence's begin.
    offset: u32,
    line: Line,
}

struct Sequence {
    span: Span,
    first: usize,
    end: usize,
}

/// All lines of a unit.
#[derive(Default)]
pub(super) struct Lines {
    sequences: Vec<Sequence>,
    rows: Vec<Row>,
}

impl Lines {
    pub(super) fn read(unit: &gimli::Unit<Reader>, code: &CodeSpans, effort: &mut Effort) -> Result<Lines, Error> {
        let mut lines = Lines::default();
        let Some(program) = unit.line_program.clone() else { return Ok(lines) };
        let mut program = program.rows();
        let mut first = 0;
        let mut begin = 0;
        let fit = |number: u64| u32::try_from(number).unwrap_or(0);
        while let Some((_, row)) = program.next_row()? {
            let address = row.address();
            if row.end_sequence() {
                let span = Span { begin, end: address };
                if lines.rows.len() > first && begin < address && code.holds(begin) {
                    effort.keep::<Sequence>()?;
                    lines.sequences.push(Sequence { span, first, end: lines.rows.len() });
                } else {
                    lines.rows.truncate(first);
                }
                first = lines.rows.len();
                continue;
            }
            if lines.rows.len() == first {
                begin = address;
            }
            effort.step()?;
            // Going back is not allowed in a sequence, and none is longer than 4 GiB.
            let Ok(offset) = u32::try_from(address.wrapping_sub(begin)) else { continue };
            let column = match row.column() {
                gimli::ColumnType::LeftEdge => 0,
                gimli::ColumnType::Column(column) => fit(column.get()),
            };
            let line = Line { file: fit(row.file_index()), line: row.line().map_or(0, |line| fit(line.get())), column };
            match lines.rows[first..].last_mut() {
                Some(last) if last.offset == offset => last.line = line,
                Some(last) if last.line == line => {}
                _ => {
                    effort.keep::<Row>()?;
                    lines.rows.push(Row { offset, line });
                }
            }
        }
        lines.rows.shrink_to_fit();
        lines.sequences.sort_unstable_by_key(|sequence| sequence.span.begin);
        Ok(lines)
    }

    pub(super) fn find(&self, address: u64) -> Option<Line> {
        let end = self.sequences.partition_point(|sequence| sequence.span.begin <= address);
        let mut nearest = self.sequences[..end].iter().rev().take(8);
        let sequence = nearest.find(|sequence| sequence.span.holds(address))?;
        let rows = &self.rows[sequence.first..sequence.end];
        let offset = address - sequence.span.begin;
        let after = rows.partition_point(|row| u64::from(row.offset) <= offset);
        Some(rows.get(after.checked_sub(1)?)?.line)
    }

    pub(super) fn spans(&self) -> impl Iterator<Item = Span> + '_ {
        self.sequences.iter().map(|sequence| sequence.span)
    }

    pub(super) fn size(&self) -> usize {
        self.rows.len() * size_of::<Row>() + self.sequences.len() * size_of::<Sequence>()
    }
}

/// The path of a file in the unit's table, absolute where the unit tells its folder.
pub(super) fn file_path(dwarf: &super::Dwarf, unit: &gimli::Unit<Reader>, number: u32) -> Option<String> {
    let header = unit.line_program.as_ref()?.header();
    let file = header.file(number.into())?;
    let text = |value| -> Option<String> { Some(super::text(&dwarf.attr_string(unit, value).ok()?)) };
    let name = text(file.path_name())?;
    let unit_folder = unit.comp_dir.as_ref().map(super::text);
    // Folder 0 is that of the unit.
    let folder = match file.directory_index() {
        0 => unit_folder,
        _ => match file.directory(header).and_then(text) {
            Some(folder) => Some(readable::absolute(unit_folder.as_deref(), &folder)),
            None => unit_folder,
        },
    };
    Some(readable::absolute(folder.as_deref(), &name))
}
