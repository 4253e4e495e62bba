//! Where the fields are that are read of CPython's structures.
//!
//! From 3.13 on the runtime's state begins with a table of these offsets, made for debuggers, whose own layout is fixed
//! within a minor version. 3.12 has none: its offsets stand here, as its headers give them for 64-bit machines.

use super::reading::word;

/// Offsets in bytes, of one interpreter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Layout {
    /// Of `_PyRuntimeState`: the first interpreter.
    pub interpreters_head: usize,
    /// Of `PyInterpreterState`: the next one, and its first thread.
    pub interpreter_next: usize,
    pub threads_head: usize,
    /// Of `PyThreadState`.
    pub thread: ThreadLayout,
    /// Of `_PyInterpreterFrame`.
    pub frame: FrameLayout,
    /// Of `PyCodeObject`.
    pub code: CodeLayout,
    /// Of `PyObject` and `PyVarObject`: the type, and the number of items.
    pub object_type: usize,
    pub object_items: usize,
    /// Of `PyBytesObject`: its bytes.
    pub bytes_data: usize,
    /// Of `PyASCIIObject`: flags, number of characters, and the size of the whole, behind which ASCII characters follow.
    pub text_flags: usize,
    pub text_length: usize,
    pub text_data: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct ThreadLayout {
    pub next: usize,
    pub interpreter: usize,
    /// The innermost frame; in 3.12 a structure that begins with it.
    pub frame: usize,
    pub frame_is_indirect: bool,
    /// What pthread_self() gives.
    pub id: usize,
    /// What gettid() gives.
    pub native_id: usize,
    /// What has to be read for all of these.
    pub size: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct FrameLayout {
    pub previous: usize,
    pub executable: usize,
    /// The instruction under way; in 3.12 one before the next.
    pub instruction: usize,
    pub owner: usize,
    pub size: usize,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct CodeLayout {
    pub filename: usize,
    pub qualified_name: usize,
    pub line_table: usize,
    pub first_line: usize,
    /// A number that no other code object of the interpreter has had, or 0.
    pub version: usize,
    /// Instructions before this one prepare the frame.
    pub first_traceable: usize,
    pub instructions: usize,
}

/// Places in the table, in words from its begin.
struct Places {
    threads_head: usize,
    thread: usize,
    frame: usize,
    code: usize,
    object: usize,
    bytes: usize,
}

/// Where the offsets of interpreters begin in all versions.
const RUNTIME_HEAD: usize = 5;
const INTERPRETER_NEXT: usize = 8;

fn places(minor: u64) -> Option<Places> {
    match minor {
        13 => Some(Places { threads_head: 9, thread: 19, frame: 28, code: 34, object: 44, bytes: 64 }),
        14 => Some(Places { threads_head: 9, thread: 22, frame: 31, code: 39, object: 50, bytes: 74 }),
        15 => Some(Places { threads_head: 9, thread: 22, frame: 39, code: 47, object: 58, bytes: 86 }),
        _ => None,
    }
}

/// What the table begins with.
const COOKIE: &[u8] = b"xdebugpy";
/// More than any known table has.
pub(super) const TABLE_SIZE: usize = 128 * 8;
/// Offsets beyond these are not believed.
const LARGEST: u64 = 1 << 20;
const LARGEST_READ: usize = 1024;

impl Layout {
    /// The layout that a table of offsets gives; none where there is no table, or one of a version that is not known here.
    pub fn of_table(table: &[u8]) -> Option<Layout> {
        if !table.starts_with(COOKIE) {
            return None;
        }
        let version = word(table, 8)?;
        let free_threaded = word(table, 16)?;
        let places = supported(version).then(|| places(version >> 16 & 0xff))??;
        if free_threaded != 0 {
            return None;
        }
        let at = |place: usize| -> Option<usize> {
            let offset = word(table, place * 8)?;
            if offset < LARGEST { usize::try_from(offset).ok() } else { None }
        };
        let thread_ids = match version >> 16 & 0xff {
            15 => places.thread + 8,
            _ => places.thread + 5,
        };
        Layout {
            interpreters_head: at(RUNTIME_HEAD)?,
            interpreter_next: at(INTERPRETER_NEXT)?,
            threads_head: at(places.threads_head)?,
            thread: ThreadLayout {
                next: at(places.thread + 2)?,
                interpreter: at(places.thread + 3)?,
                frame: at(places.thread + 4)?,
                frame_is_indirect: false,
                id: at(thread_ids)?,
                native_id: at(thread_ids + 1)?,
                size: 0,
            },
            frame: FrameLayout {
                previous: at(places.frame + 1)?,
                executable: at(places.frame + 2)?,
                instruction: at(places.frame + 3)?,
                owner: at(places.frame + 5)?,
                size: 0,
            },
            code: CodeLayout {
                filename: at(places.code + 1)?,
                qualified_name: at(places.code + 3)?,
                line_table: at(places.code + 4)?,
                first_line: at(places.code + 5)?,
                version: 0,
                first_traceable: 0,
                instructions: at(places.code + 9)?,
            },
            object_type: at(places.object + 1)?,
            object_items: at(places.bytes + 1)?,
            bytes_data: at(places.bytes + 2)?,
            text_flags: at(places.bytes + 4)?,
            text_length: at(places.bytes + 5)?,
            text_data: at(places.bytes + 6)?,
        }
        .completed(Some(at(places.code + 7)?))
    }

    /// The layout of a version without a table.
    pub fn built_in(version: u64) -> Option<Layout> {
        if !supported(version) || version >> 16 & 0xff != 12 {
            return None;
        }
        Layout {
            interpreters_head: 40,
            interpreter_next: 0,
            threads_head: 72,
            thread: ThreadLayout {
                next: 8,
                interpreter: 16,
                frame: 56,
                frame_is_indirect: true,
                id: 136,
                native_id: 144,
                size: 0,
            },
            frame: FrameLayout { previous: 8, executable: 0, instruction: 56, owner: 70, size: 0 },
            code: CodeLayout {
                filename: 112,
                qualified_name: 128,
                line_table: 136,
                first_line: 68,
                version: 0,
                first_traceable: 0,
                instructions: 192,
            },
            object_type: 8,
            object_items: 16,
            bytes_data: 32,
            text_flags: 32,
            text_length: 16,
            text_data: 40,
        }
        .completed(Some(96))
    }

    /// Adds what the table lacks. The names of locals follow the code object's version directly, and its instructions the
    /// pointer that follows the first traceable one.
    fn completed(mut self, local_names: Option<usize>) -> Option<Layout> {
        let version = self.code.first_line.checked_add(24)?;
        if local_names? != version + 4 {
            return None;
        }
        self.code.version = version;
        self.code.first_traceable = self.code.instructions.checked_sub(16)?;
        let (thread, frame, code) = (&mut self.thread, &mut self.frame, &self.code);
        thread.size = 8 + thread.next.max(thread.interpreter).max(thread.frame).max(thread.id).max(thread.native_id);
        frame.size = 8 + frame.previous.max(frame.executable).max(frame.instruction).max(frame.owner);
        let code_fields = [code.filename, code.qualified_name, code.line_table, code.version, self.object_items];
        let fits = thread.size <= LARGEST_READ
            && frame.size <= LARGEST_READ
            && code.instructions <= LARGEST_READ
            && code_fields.iter().all(|offset| offset + 8 <= code.instructions)
            && self.object_type < self.object_items
            && [self.bytes_data, self.text_flags + 8, self.text_length + 8].iter().all(|offset| *offset <= 256)
            && (self.text_flags + 4..=256).contains(&self.text_data);
        fits.then_some(self)
    }
}

/// Whether a version, as `PY_VERSION_HEX` has it, is of CPython 3 and at least a release candidate: the structures of
/// alphas and betas change.
fn supported(version: u64) -> bool {
    version >> 24 == 3 && matches!(version >> 4 & 15, 12 | 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(version: u64, words: &[u64]) -> Vec<u8> {
        let mut bytes = COOKIE.to_vec();
        for word in [version].iter().chain(words) {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.resize(TABLE_SIZE, 0);
        bytes
    }

    /// Of Debian's CPython 3.13.5.
    const OF_3_13_5: &[u64] = &[
        0, 283376, 608, 632, 194976, 7272, 7264, 7344, 7400, 7656, 7640, 7648, 16, 7752, 0, 7768, 7760, 304, 0, 8, 16,
        72, 152, 160, 232, 32, 80, 8, 0, 56, 72, 70, 208, 112, 120, 128, 136, 68, 52, 96, 104, 200, 16, 8, 416, 24, 88,
        168, 32, 24, 16, 40, 24, 16, 48, 32, 40, 24, 16, 32, 16, 24, 40, 16, 32, 64, 32, 16, 40, 240, 200,
    ];

    #[test]
    fn a_table_is_read() {
        let layout = Layout::of_table(&table(0x30d05f0, OF_3_13_5)).unwrap();
        assert_eq!((layout.interpreters_head, layout.interpreter_next, layout.threads_head), (632, 7264, 7344));
        assert_eq!((layout.thread.frame, layout.thread.id, layout.thread.native_id), (72, 152, 160));
        let frame = FrameLayout { previous: 8, executable: 0, instruction: 56, owner: 70, size: 78 };
        assert_eq!(layout.frame, frame);
        assert_eq!((layout.code.version, layout.code.first_traceable, layout.code.instructions), (92, 184, 200));
        assert_eq!((layout.bytes_data, layout.text_flags, layout.text_length, layout.text_data), (32, 32, 16, 40));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        assert!(Layout::of_table(&table(0x30d05f0, OF_3_13_5)).is_some());
        assert_eq!(Layout::of_table(&table(0x30d00a1, OF_3_13_5)), None, "an alpha");
        assert_eq!(Layout::of_table(&table(0x31000f0, OF_3_13_5)), None, "a version to come");
        assert_eq!(Layout::of_table(&table(0x30d05f0, OF_3_13_5)[..200]), None, "cut");
        let mut wrong = OF_3_13_5.to_vec();
        wrong[39] += 8;
        assert_eq!(Layout::of_table(&table(0x30d05f0, &wrong)), None, "another order of fields");
        let free_threaded: Vec<u64> = [1].iter().chain(&OF_3_13_5[1..]).copied().collect();
        assert_eq!(Layout::of_table(&table(0x30d05f0, &free_threaded)), None);
        assert_eq!(Layout::built_in(0x30b02f0), None);
        assert!(Layout::built_in(0x30c01f0).is_some());
    }

    #[test]
    fn noise_is_no_layout_and_no_panic() {
        let mut state = 1_u64;
        for _ in 0..20_000 {
            let mut bytes = table(0x30e00f0, &[]);
            for byte in &mut bytes[24..] {
                state = state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                *byte = if state >> 40 & 3 == 0 { (state >> 56) as u8 } else { 0 };
            }
            let _ = Layout::of_table(&bytes);
        }
    }
}
