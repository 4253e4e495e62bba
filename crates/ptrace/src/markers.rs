//! Markers: what a program says to its observer by calls that it can make without any library. It writes a line to its standard
//! error, or asks whether a file exists whose name is a message. Which lines mean something is decided later; here they are only seen.

use std::fs;

use renacer_events::{Abi, Entry, EventKind, Memory, ReadMemory, Tid};

use crate::capture::number;

/// Standard error.
const STDERR: u32 = libc::STDERR_FILENO as u32;
/// How a message begins that stands in place of a path.
const MARK: &[u8] = b"MARK: ";
/// The most bytes of one write that are looked at.
const MOST_BYTES: usize = 4096;
/// The most pieces of one write that are looked at.
const MOST_PIECES: usize = 64;
/// Duplicates of standard error are remembered up to this number.
const MOST_DESCRIPTORS: u32 = 1024;

/// By which call a program may say something.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Means {
    /// write
    Write,
    /// writev
    WriteVector,
    /// access and its kin; the register of the path. The mode is in the next one.
    Access(usize),
    /// dup, dup2, dup3
    Duplicate,
    /// fcntl, by some of its commands
    Control,
}

fn means(abi: Abi, number: u64) -> Option<Means> {
    use Means::*;
    Some(match (abi, number) {
        (Abi::X86_64 | Abi::X32, 1) | (Abi::I386, 4) | (Abi::Aarch64, 64) => Write,
        (Abi::X86_64, 20) | (Abi::X32, 516) | (Abi::I386, 146) | (Abi::Aarch64, 66) => WriteVector,
        (Abi::X86_64 | Abi::X32, 21) | (Abi::I386, 33) => Access(0),
        (Abi::X86_64 | Abi::X32, 269) | (Abi::I386, 307) | (Abi::Aarch64, 48) | (_, 439) => Access(1),
        (Abi::X86_64 | Abi::X32, 32 | 33 | 292) | (Abi::I386, 41 | 63 | 330) | (Abi::Aarch64, 23 | 24) => Duplicate,
        (Abi::X86_64 | Abi::X32, 72) | (Abi::I386, 55 | 221) | (Abi::Aarch64, 25) => Control,
        _ => return None,
    })
}

/// Whether the call writes to the descriptor in its first argument, and the program may say something by it.
pub(crate) fn writes(abi: Abi, number: u64) -> bool {
    matches!(means(abi, number), Some(Means::Write | Means::WriteVector))
}

/// What is known of standard errors.
#[derive(Debug)]
pub(crate) struct Markers {
    /// A bit for each descriptor that was seen to be made as a duplicate of a standard error, in any process. Whether it still is
    /// one is looked up where it matters, so nothing has to be known of what closes and opens descriptors.
    duplicates: [u64; (MOST_DESCRIPTORS / 64) as usize],
}

impl Markers {
    /// Nothing but standard error itself is known.
    pub(crate) fn new() -> Markers {
        let mut markers = Markers { duplicates: [0; (MOST_DESCRIPTORS / 64) as usize] };
        markers.remember(STDERR);
        markers
    }

    fn remember(&mut self, descriptor: u32) {
        if let Some(word) = self.duplicates.get_mut(descriptor as usize / 64) {
            *word |= 1 << (descriptor % 64);
        }
    }

    fn may_be_standard_error(&self, descriptor: u32) -> bool {
        self.duplicates.get(descriptor as usize / 64).is_some_and(|word| word >> (descriptor % 64) & 1 == 1)
    }

    fn is_standard_error(&self, tid: Tid, descriptor: u32) -> bool {
        if descriptor == STDERR {
            return true;
        }
        // The link's text and not the file behind it, which may be where a look at it waits for somebody.
        let file = |descriptor| fs::read_link(format!("/proc/{tid}/fd/{descriptor}")).ok();
        self.may_be_standard_error(descriptor) && file(descriptor).is_some_and(|link| Some(link) == file(STDERR))
    }

    /// What a call says at its entry; `copied` is what it gets.
    pub(crate) fn entered(abi: Abi, number: u64, arguments: &[u64; 6], copied: &Memory) -> Option<EventKind> {
        let Some(Means::Access(path)) = means(abi, number) else { return None };
        if arguments[path + 1] as i32 != libc::F_OK {
            return None;
        }
        let bytes = copied.from(arguments[path])?;
        let text = bytes.split(|&byte| byte == 0).next()?.strip_prefix(MARK)?;
        Some(EventKind::Marked(text.to_vec()))
    }

    /// What a successful call has said that returned `value`.
    pub(crate) fn returned(
        &mut self,
        tid: Tid,
        entry: &Entry,
        value: i64,
        memory: &mut dyn ReadMemory,
    ) -> Option<EventKind> {
        let descriptor = entry.arguments[0] as u32;
        let means = means(entry.abi, entry.number)?;
        match means {
            Means::Duplicate => self.duplicated(descriptor, value),
            Means::Control if matches!(entry.arguments[1] as i32, libc::F_DUPFD | libc::F_DUPFD_CLOEXEC) => {
                self.duplicated(descriptor, value);
            }
            Means::Write | Means::WriteVector if value > 0 && self.is_standard_error(tid, descriptor) => {
                let length = usize::try_from(value).unwrap_or(usize::MAX);
                let bytes = match means {
                    Means::Write => piece(memory, entry.arguments[1], length.min(MOST_BYTES)),
                    _ => pieces(memory, entry, length.min(MOST_BYTES)),
                };
                let cut = bytes.len() < length;
                return Some(EventKind::Wrote { bytes, cut });
            }
            _ => {}
        }
        None
    }

    fn duplicated(&mut self, from: u32, to: i64) {
        if self.may_be_standard_error(from)
            && let Ok(to) = u32::try_from(to)
        {
            self.remember(to);
        }
    }
}

/// As many bytes as can be read.
fn piece(memory: &mut dyn ReadMemory, address: u64, length: usize) -> Vec<u8> {
    let mut bytes = vec![0; length];
    let read = memory.read(address, &mut bytes).min(length);
    bytes.truncate(read);
    bytes
}

/// The first `length` bytes of what an array of `struct iovec` leads to, up to the first that cannot be read.
fn pieces(memory: &mut dyn ReadMemory, entry: &Entry, length: usize) -> Vec<u8> {
    let word = entry.abi.word_size();
    let count = usize::try_from(entry.arguments[2]).unwrap_or(usize::MAX).min(MOST_PIECES);
    let array = piece(memory, entry.arguments[1], count * 2 * word);
    let mut bytes = Vec::with_capacity(length);
    for element in array.chunks_exact(2 * word) {
        let (address, size) = element.split_at(word);
        let size = usize::try_from(number(size)).unwrap_or(usize::MAX).min(length - bytes.len());
        let read = piece(memory, number(address), size);
        bytes.extend_from_slice(&read);
        if read.len() < size || bytes.len() == length {
            break;
        }
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;

    #[test]
    fn calls_agree_with_the_tables() {
        for abi in [Abi::X86_64, Abi::X32, Abi::I386, Abi::Aarch64] {
            for (number, name) in table::numbers(abi) {
                let expected = match name {
                    "write" => Some(Means::Write),
                    "writev" => Some(Means::WriteVector),
                    "access" => Some(Means::Access(0)),
                    "faccessat" | "faccessat2" => Some(Means::Access(1)),
                    "dup" | "dup2" | "dup3" => Some(Means::Duplicate),
                    "fcntl" | "fcntl64" => Some(Means::Control),
                    _ => None,
                };
                assert_eq!(means(abi, number), expected, "{abi:?} {number} {name}");
            }
        }
    }

    /// Memory from address 0x1000 on.
    struct Fixed(Vec<u8>);

    impl ReadMemory for Fixed {
        fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
            let Some(rest) = address.checked_sub(0x1000).and_then(|at| self.0.get(at as usize..)) else { return 0 };
            let count = rest.len().min(buffer.len());
            buffer[..count].copy_from_slice(&rest[..count]);
            count
        }
    }

    fn entry(abi: Abi, number: u64, arguments: [u64; 3]) -> Entry {
        let [first, second, third] = arguments;
        Entry {
            abi,
            number,
            arguments: [first, second, third, 0, 0, 0],
            instruction_pointer: 0,
            stack_pointer: 0,
            memory: Memory::new(),
            stack: None,
            context: None,
            watched: false,
        }
    }

    fn wrote(entry: &Entry, value: i64, memory: Vec<u8>) -> Option<(Vec<u8>, bool)> {
        match Markers::new().returned(-1, entry, value, &mut Fixed(memory))? {
            EventKind::Wrote { bytes, cut } => Some((bytes, cut)),
            _ => None,
        }
    }

    #[test]
    fn of_a_write_counts_what_was_written_and_of_that_the_beginning() {
        let write = |descriptor, length| entry(Abi::X86_64, 1, [descriptor, 0x1000, length]);
        assert_eq!(wrote(&write(2, 5), 3, b"hello".to_vec()), Some((b"hel".to_vec(), false)));
        assert_eq!(wrote(&write(2, 9), 9, b"hello".to_vec()), Some((b"hello".to_vec(), true)));
        assert_eq!(wrote(&write(1, 5), 5, b"hello".to_vec()), None);
        assert_eq!(wrote(&write(2, 5), 0, b"hello".to_vec()), None);
        let long = vec![b'x'; 10_000];
        assert_eq!(wrote(&write(2, 10_000), 10_000, long), Some((vec![b'x'; MOST_BYTES], true)));
    }

    #[test]
    fn the_pieces_of_a_vector_are_put_together() {
        for (abi, number, word) in [(Abi::X86_64, 20, 8), (Abi::X32, 516, 4), (Abi::I386, 146, 4)] {
            let mut memory = vec![0; 0x100];
            for (index, (address, length)) in [(0x1080, 3), (0, 0), (0x1090, 4)].into_iter().enumerate() {
                let at = index * 2 * word;
                memory[at..at + word].copy_from_slice(&u64::to_le_bytes(address)[..word]);
                memory[at + word..at + 2 * word].copy_from_slice(&u64::to_le_bytes(length)[..word]);
            }
            memory[0x80..0x83].copy_from_slice(b"one");
            memory[0x90..0x94].copy_from_slice(b"four");
            let entry = entry(abi, number, [2, 0x1000, 3]);
            assert_eq!(wrote(&entry, 7, memory.clone()), Some((b"onefour".to_vec(), false)));
            assert_eq!(wrote(&entry, 5, memory.clone()), Some((b"onefo".to_vec(), false)));
            assert_eq!(wrote(&entry, 9, memory), Some((b"onefour".to_vec(), true)));
        }
    }

    #[test]
    fn duplicates_of_duplicates_are_known_and_others_are_not() {
        let mut markers = Markers::new();
        let mut call = |number, arguments, value| {
            assert!(markers.returned(-1, &entry(Abi::X86_64, number, arguments), value, &mut Fixed(vec![])).is_none());
            [3, 4, 5, 10].map(|descriptor| markers.may_be_standard_error(descriptor))
        };
        assert_eq!(call(33, [1, 5, 0], 5), [false, false, false, false]);
        assert_eq!(call(33, [2, 3, 0], 3), [true, false, false, false]);
        assert_eq!(call(72, [3, 0, 10], 10), [true, false, false, true]);
        assert_eq!(call(72, [3, 3, 0], 4), [true, false, false, true]);
        assert_eq!(call(33, [2, 70_000, 0], 70_000), [true, false, false, true]);
    }

    #[test]
    fn a_path_that_is_a_message_is_one() {
        let mut copied = Memory::new();
        copied.push(0x1000, b"MARK: here we are\0");
        copied.push(0x2000, b"/etc/passwd\0");
        let say = |number, arguments: [u64; 3]| {
            let [a, b, c] = arguments;
            match Markers::entered(Abi::X86_64, number, &[a, b, c, 0, 0, 0], &copied) {
                Some(EventKind::Marked(text)) => Some(String::from_utf8(text).unwrap()),
                _ => None,
            }
        };
        assert_eq!(say(21, [0x1000, 0, 0]).as_deref(), Some("here we are"));
        assert_eq!(say(269, [5, 0x1000, 0]).as_deref(), Some("here we are"));
        assert_eq!(say(439, [5, 0x1000, 0]).as_deref(), Some("here we are"));
        assert_eq!(say(21, [0x1000, 4, 0]), None, "R_OK");
        assert_eq!(say(21, [0x2000, 0, 0]), None);
        assert_eq!(say(2, [0x1000, 0, 0]), None, "open");
    }
}
