//! The reader: safe code on bytes that anybody may have written.

use crate::error::ReadError;
use crate::format::{
    CLAIM, HAS_TRACE, HEAD, HEADER, MAGIC, MAX_EXECUTABLE, MAX_RECORD, SAMPLED, VERSION, WHOLE, at, room,
};
use crate::message::{Record, decode};

/// The trace that a program belongs to (W3C trace context).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceContext {
    /// The trace; never all zero.
    pub trace_id: [u8; 16],
    /// The span that started the program; never all zero.
    pub span_id: [u8; 8],
    /// Whether the trace is wanted.
    pub sampled: bool,
}

impl TraceContext {
    /// The value of TRACEPARENT.
    pub(crate) fn parse(text: &str) -> Option<TraceContext> {
        let mut parts = text.split('-');
        let (version, trace, span, flags) = (parts.next()?, parts.next()?, parts.next()?, parts.next()?);
        // Later versions may have more behind it.
        if version == "ff" || version == "00" && parts.next().is_some() {
            return None;
        }
        let [_] = hex(version)?;
        let [flags] = hex(flags)?;
        let context = TraceContext { trace_id: hex(trace)?, span_id: hex(span)?, sampled: flags & 1 == 1 };
        (context.trace_id != [0; 16] && context.span_id != [0; 8]).then_some(context)
    }
}

fn hex<const LENGTH: usize>(text: &str) -> Option<[u8; LENGTH]> {
    let digit = |byte: u8| (byte as char).to_digit(16).filter(|_| !byte.is_ascii_uppercase());
    let mut bytes = [0; LENGTH];
    let pairs = text.as_bytes().chunks_exact(2);
    if text.len() != 2 * LENGTH {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        *byte = (digit(pair[0])? << 4 | digit(pair[1])?) as u8;
    }
    Some(bytes)
}

/// What a file says of the process that wrote it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Header {
    /// The process.
    pub pid: u32,
    /// The path of its executable, in bytes.
    pub executable: Vec<u8>,
    /// CLOCK_MONOTONIC when the file was opened, in nanoseconds.
    pub monotonic: u64,
    /// The time since the epoch then, in nanoseconds.
    pub realtime: u64,
    /// A random number that tells the file from all others.
    pub run: [u8; 16],
    /// The trace that the program was started in.
    pub context: Option<TraceContext>,
    /// Records that found no room.
    pub dropped: u64,
}

impl Header {
    /// A record's time in nanoseconds since the epoch.
    pub fn epoch(&self, at: u64) -> u64 {
        let shifted = i128::from(at) + i128::from(self.realtime) - i128::from(self.monotonic);
        shifted.clamp(0, u64::MAX.into()) as u64
    }
}

/// A decision file.
#[derive(Clone, Debug)]
pub struct File<'a> {
    header: Header,
    records: &'a [u8],
    /// Some records found no room.
    is_full: bool,
}

impl<'a> File<'a> {
    /// Whether a file that begins with these bytes is, or wants to be, a decision file.
    pub fn is_one(beginning: &[u8]) -> bool {
        beginning.starts_with(&MAGIC)
    }

    /// Looks at the header.
    ///
    /// # Errors
    ///
    /// When it is no decision file, is damaged, or not whole.
    pub fn read(bytes: &'a [u8]) -> Result<File<'a>, ReadError> {
        if !File::is_one(bytes) {
            return Err(ReadError::NotOne);
        }
        if bytes.len() < HEADER {
            return Err(ReadError::TooShort { length: bytes.len(), expected: HEADER as u64 });
        }
        let version = u32::from_le_bytes(array(bytes, at::VERSION));
        if version != VERSION {
            return Err(ReadError::Version(version));
        }
        let capacity = u64::from_le_bytes(array(bytes, at::CAPACITY));
        let expected = capacity.saturating_add(HEADER as u64);
        if (bytes.len() as u64) < expected {
            return Err(ReadError::TooShort { length: bytes.len(), expected });
        }
        let executable = u32::from_le_bytes(array(bytes, at::EXECUTABLE_LENGTH)) as usize;
        if executable > MAX_EXECUTABLE {
            return Err(ReadError::Header("the executable's path is too long"));
        }
        let flags = u32::from_le_bytes(array(bytes, at::FLAGS));
        let context = TraceContext {
            trace_id: array(bytes, at::TRACE),
            span_id: array(bytes, at::SPAN),
            sampled: flags & SAMPLED != 0,
        };
        let has_context = flags & HAS_TRACE != 0;
        if has_context && (context.trace_id == [0; 16] || context.span_id == [0; 8]) {
            return Err(ReadError::Header("the trace context is empty"));
        }
        let run = array(bytes, at::RUN);
        if run == [0; 16] {
            return Err(ReadError::Header("it does not say which file it is"));
        }
        let header = Header {
            pid: u32::from_le_bytes(array(bytes, at::PID)),
            executable: bytes[at::EXECUTABLE..at::EXECUTABLE + executable].to_vec(),
            monotonic: u64::from_le_bytes(array(bytes, at::MONOTONIC)),
            realtime: u64::from_le_bytes(array(bytes, at::REALTIME)),
            run,
            context: has_context.then_some(context),
            dropped: u64::from_le_bytes(array(bytes, at::DROPPED)),
        };
        let claimed = u64::from_le_bytes(array(bytes, at::CLAIMED));
        // That much is there, so it is no larger than what memory can hold.
        let end = HEADER + claimed.min(capacity) as usize;
        let records = bytes.get(HEADER..end).ok_or(ReadError::Header("the capacity is too large"))?;
        Ok(File { header, records, is_full: claimed > capacity })
    }

    /// What it says of its writer.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// Its whole records.
    pub fn records(&self) -> Records<'a> {
        Records { bytes: self.records, at: 0, unfinished: 0, is_full: self.is_full }
    }
}

fn array<const LENGTH: usize>(bytes: &[u8], at: usize) -> [u8; LENGTH] {
    bytes.get(at..).and_then(|rest| rest.first_chunk()).copied().unwrap_or([0; LENGTH])
}

/// The whole records of a file, in the order in which room for them was claimed. Ends with the first error.
#[derive(Clone, Debug)]
pub struct Records<'a> {
    bytes: &'a [u8],
    at: usize,
    unfinished: u64,
    is_full: bool,
}

impl Records<'_> {
    /// Records so far that were begun and never became whole: their threads were killed at that, or still write.
    pub fn unfinished(&self) -> u64 {
        self.unfinished
    }

    /// Where the record that comes next has its head, in bytes from the file's beginning.
    pub fn position(&self) -> usize {
        HEADER + self.at
    }
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, ReadError>;

    fn next(&mut self) -> Option<Self::Item> {
        let mut in_hole = false;
        while let Some(head) = self.bytes.get(self.at..self.at + HEAD) {
            let word = u64::from_le_bytes(array(head, 0));
            if word == 0 {
                // Claimed, and killed before anything was written: all of it is zero.
                in_hole = true;
                self.at += HEAD;
                continue;
            }
            self.unfinished += u64::from(std::mem::take(&mut in_hole));
            let start = self.at;
            let fail = |what| Some(Err(ReadError::Record { at: HEADER + start, what }));
            let length = (word & u64::from(u32::MAX)) as usize;
            let payload = self.bytes.get(start + HEAD..).and_then(|rest| rest.get(..length));
            let (Some(payload), 0..=MAX_RECORD) = (payload, length) else {
                self.at = self.bytes.len();
                return fail("it does not end within the file");
            };
            match word & !u64::from(u32::MAX) {
                CLAIM => {
                    self.unfinished += 1;
                    self.at += room(length);
                }
                WHOLE => {
                    self.at += room(length);
                    return match decode(payload) {
                        Ok(record) => Some(Ok(record)),
                        Err(what) => {
                            self.at = self.bytes.len();
                            fail(what)
                        }
                    };
                }
                _ => {
                    self.at = self.bytes.len();
                    return fail("it has no head");
                }
            }
        }
        // The end of a full file is what the first record that found no room has claimed.
        self.unfinished += u64::from(in_hole && !self.is_full);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::message::{Kind, Sink, encode};

    struct Bytes(Vec<u8>);

    impl Sink for Bytes {
        fn put(&mut self, bytes: &[u8]) {
            self.0.extend_from_slice(bytes);
        }
    }

    /// A file with these heads: each a word and whether a record's bytes follow.
    fn file(heads: &[u64]) -> Vec<u8> {
        let mut payload = Bytes(Vec::new());
        encode(&mut payload, Kind::Decision, 5, 7, "a::b", &[("c", 1.into())]);
        let payload = payload.0;
        let mut bytes = vec![0; HEADER];
        bytes[..8].copy_from_slice(&MAGIC);
        bytes[at::VERSION] = 1;
        bytes[at::RUN] = 1;
        for &head in heads {
            bytes.extend_from_slice(&(if head == 0 { 0 } else { head | payload.len() as u64 }).to_le_bytes());
            let mut whole = if head == 0 { vec![0; payload.len()] } else { payload.clone() };
            whole.resize(payload.len().next_multiple_of(8), 0);
            bytes.extend_from_slice(&whole);
        }
        let size = (bytes.len() - HEADER) as u64;
        bytes[at::CAPACITY..][..8].copy_from_slice(&size.to_le_bytes());
        bytes[at::CLAIMED..][..8].copy_from_slice(&size.to_le_bytes());
        bytes
    }

    fn read(bytes: &[u8]) -> Result<(usize, u64), ReadError> {
        let mut records = File::read(bytes)?.records();
        let whole = records.by_ref().collect::<Result<Vec<_>, _>>()?.len();
        Ok((whole, records.unfinished()))
    }

    #[test]
    fn holes_and_unfinished_records_are_passed_over() {
        assert_eq!(read(&file(&[])), Ok((0, 0)));
        assert_eq!(read(&file(&[WHOLE, WHOLE])), Ok((2, 0)));
        assert_eq!(read(&file(&[WHOLE, CLAIM, 0, 0, WHOLE, CLAIM, WHOLE, 0])), Ok((3, 4)));
        let mut full = file(&[WHOLE, 0]);
        full[at::CLAIMED + 2] = 9;
        assert_eq!(read(&full), Ok((1, 0)));
    }

    #[test]
    fn what_is_hostile_is_refused() {
        assert_eq!(read(b""), Err(ReadError::NotOne));
        assert_eq!(read(b"DECISION"), Err(ReadError::TooShort { length: 8, expected: HEADER as u64 }));
        let good = file(&[WHOLE]);
        let changed = |at: usize, byte: u8| {
            let mut bytes = good.clone();
            bytes[at] = byte;
            read(&bytes)
        };
        assert_eq!(changed(at::VERSION, 2), Err(ReadError::Version(2)));
        assert!(matches!(changed(at::CAPACITY + 7, 255), Err(ReadError::TooShort { .. })));
        assert!(matches!(changed(at::EXECUTABLE_LENGTH + 2, 1), Err(ReadError::Header(_))));
        assert!(matches!(changed(at::FLAGS, 1), Err(ReadError::Header(_))));
        assert!(matches!(changed(at::RUN, 0), Err(ReadError::Header(_))));
        assert!(matches!(changed(HEADER, 255), Err(ReadError::Record { at: HEADER, .. })));
        assert!(matches!(changed(HEADER + 4, 1), Err(ReadError::Record { at: HEADER, .. })));
        assert!(matches!(changed(HEADER + HEAD, 1), Err(ReadError::Record { at: HEADER, .. })));
        assert!(matches!(read(&good[..good.len() - 1]), Err(ReadError::TooShort { .. })));
        for at in 0..good.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let _ = changed(at, byte);
            }
        }
    }

    #[test]
    fn a_trace_context_is_what_w3c_says() {
        let parse =
            |text| TraceContext::parse(text).map(|context| (context.trace_id[15], context.span_id[7], context.sampled));
        assert_eq!(parse("00-00000000000000000000000000000abc-00000000000000ff-01"), Some((0xbc, 0xff, true)));
        assert_eq!(parse("cc-00000000000000000000000000000abc-00000000000000ff-00-more"), Some((0xbc, 0xff, false)));
        for text in [
            "",
            "00-00000000000000000000000000000000-00000000000000ff-01",
            "00-00000000000000000000000000000abc-0000000000000000-01",
            "00-00000000000000000000000000000ABC-00000000000000ff-01",
            "00-00000000000000000000000000000abc-00000000000000ff-01-more",
            "ff-00000000000000000000000000000abc-00000000000000ff-01",
            "00-0000000000000000000000000000abc-00000000000000ff-01",
        ] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
