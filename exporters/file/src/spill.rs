//! The file for what the collector does not take: written when there is something to keep, read again from its beginning when
//! the collector answers, and gone when all of it was delivered.
//!
//! At any moment the file holds every span that is not delivered, and, until the end, some that are: whoever sends it after a
//! crash sends those twice, with the same ids.

use std::collections::VecDeque;
use std::fs::{self, File};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{FileExt, MetadataExt};
use std::path::{Path, PathBuf};
use std::time::Instant;

use renacer_events::Span;

use crate::decode::Decoder;
use crate::open::{create_new, create_numbered};
use crate::{Error, Limit, Writer};

/// Lines that are out for delivery at once.
const MAX_OUT: usize = 8;
/// Longer lines were not written by us.
const MAX_LINE: usize = 1 << 20;

/// See the module.
#[derive(Debug)]
pub struct Spill {
    writer: Writer,
    /// The name that the file shall have.
    home: PathBuf,
    decoder: Decoder,
    /// Lines that were read and are not settled, or follow one that is not: in the order of the file.
    lines: VecDeque<Line>,
    /// The end of the last line that was read.
    read: u64,
    next_number: u64,
    /// Spans in the file that were delivered, or are in it a second time further behind.
    done: u64,
    /// Something in it cannot be read: all behind it stays.
    stuck: bool,
    /// Names of memory for the line that is being read.
    buffer: Vec<u8>,
}

#[derive(Debug)]
struct Line {
    number: u64,
    start: u64,
    end: u64,
    spans: u64,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Out,
    /// To be delivered again.
    Waiting,
    Done,
}

/// What is left of a [`Spill`] at the end.
#[derive(Debug, Default)]
pub struct Left {
    /// Where the spans are, if any are left.
    pub path: Option<PathBuf>,
    /// Spans in the file that were not delivered.
    pub spans: u64,
    /// Spans that could not be written.
    pub lost: u64,
    /// Spans that are in the file although they were delivered: it could not be written anew without them.
    pub delivered_too: u64,
    /// Spans that are gone with the oldest files, because of a limit.
    pub dropped: u64,
    /// Files of the same name with other numbers that hold some of the spans.
    pub others: usize,
    /// What the user should know.
    pub error: Option<Error>,
}

impl Spill {
    /// A file that is created, with mode 0600, when there is a span to be kept, and never otherwise. When its name is taken by
    /// then, a number is put into it.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        let home = path.into();
        Spill {
            writer: Writer::create_lazily(&home).may_not_vanish(),
            home,
            decoder: Decoder::default(),
            lines: VecDeque::new(),
            read: 0,
            next_number: 0,
            done: 0,
            stuck: false,
            buffer: Vec::new(),
        }
    }

    /// Limits the size of the file: nothing more is written then.
    pub(crate) fn limited(mut self, limit: Limit) -> Self {
        self.writer = Writer::create_lazily(&self.home).limited(limit).may_not_vanish();
        self
    }

    /// Keeps spans. The first failure of the file is returned, later ones are only counted; all spans are taken in any case.
    pub fn write(&mut self, spans: &[Span]) -> Result<(), Error> {
        self.writer.write(spans)
    }

    /// Writes what has waited for 200 ms.
    pub fn tick(&mut self, now: Instant) -> Result<(), Error> {
        self.writer.tick(now)
    }

    /// When `tick` has something to do, if no further span comes.
    pub fn due(&self) -> Option<Instant> {
        self.writer.due()
    }

    /// Writes all that was added.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.writer.flush()
    }

    /// The file's size.
    pub(crate) fn bytes(&self) -> u64 {
        self.writer.length()
    }

    /// The size of the line that is not written yet, at most.
    pub(crate) fn pending_bytes(&self) -> usize {
        self.writer.pending_length()
    }

    /// Removes the file, whatever is in it.
    pub(crate) fn discard(mut self) {
        self.remove();
    }

    /// Where the spans are.
    pub fn path(&self) -> &Path {
        self.writer.path()
    }

    /// Spans in the file that are not delivered.
    pub fn spans(&self) -> u64 {
        self.writer.spans_written().saturating_sub(self.done)
    }

    /// Spans that could not be written.
    pub fn spans_lost(&self) -> u64 {
        self.writer.spans_lost()
    }

    /// All spans that were ever written to it.
    pub fn spans_written(&self) -> u64 {
        self.writer.spans_written()
    }

    /// Attributes, events and links that did not fit.
    pub fn parts_left_out(&self) -> u64 {
        self.writer.parts_left_out()
    }

    /// Whether there are spans that wait to be delivered, or that are out for it.
    pub fn has_backlog(&self) -> bool {
        !self.stuck && (self.spans() > 0 || self.writer.due().is_some())
    }

    /// The oldest spans that are not out for delivery yet, under a number for [`Spill::settle`]: one line of the file. Takes the
    /// next one after those that are out, up to a few.
    pub fn take(&mut self) -> Option<(u64, Vec<Span>)> {
        if self.stuck {
            return None;
        }
        let index = match self.lines.iter().position(|line| line.state == State::Waiting) {
            Some(index) => index,
            None if self.lines.len() < MAX_OUT && self.read < self.writer.length() => self.read_on()?,
            None => return None,
        };
        let (start, end) = (self.lines[index].start, self.lines[index].end);
        self.buffer.resize((end - start) as usize, 0);
        let read = self.writer.file().map(|file| file.read_exact_at(&mut self.buffer, start));
        let Some((Ok(()), spans)) = read.map(|read| (read, self.decoder.spans(&self.buffer))) else {
            self.stuck = true;
            return None;
        };
        let Some(spans) = spans else {
            self.stuck = true;
            return None;
        };
        let line = &mut self.lines[index];
        (line.spans, line.state) = (spans.len() as u64, State::Out);
        Some((line.number, spans))
    }

    /// Says what became of a line: these of its spans were not taken and are to be delivered later.
    pub fn settle(&mut self, number: u64, undelivered: &[Span]) -> Result<(), Error> {
        let Some(line) = self.lines.iter_mut().find(|line| line.number == number) else { return Ok(()) };
        if undelivered.len() as u64 == line.spans && line.spans > 0 {
            line.state = State::Waiting;
            return Ok(());
        }
        line.state = State::Done;
        self.done += line.spans;
        // What is left of a line moves to the end.
        let written = self.writer.write(undelivered);
        while self.lines.front().is_some_and(|line| line.state == State::Done) {
            self.lines.pop_front();
        }
        if self.lines.is_empty() && self.read == self.writer.length() && self.writer.due().is_none() {
            self.remove();
        }
        written
    }

    /// Ends it: the file is removed if nothing in it is left to deliver, else it holds what is, and nothing else.
    pub fn close(mut self) -> Left {
        let mut error = self.writer.flush().err();
        let spans = self.spans();
        let mut left = Left { spans, lost: self.writer.spans_lost(), ..Left::default() };
        if spans == 0 {
            self.remove();
        } else {
            match self.compact() {
                Ok(path) => left.path = Some(path),
                Err(failure) => {
                    if self.is_there() {
                        left.delivered_too = self.done;
                        left.path = Some(self.path().to_owned());
                    } else {
                        // It was removed, and there is no place for another one.
                        left.spans = 0;
                        left.lost += spans;
                    }
                    error = error.or(Some(failure));
                }
            }
        }
        left.error = error;
        left
    }

    /// Reads on by one line: where its end is.
    fn read_on(&mut self) -> Option<usize> {
        let (start, mut end) = (self.read, self.read);
        let mut chunk = [0; 16 << 10];
        loop {
            let read = self.writer.file()?.read_at(&mut chunk, end);
            match read {
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Ok(count) if count > 0 && end - start <= MAX_LINE as u64 => {
                    let newline = chunk[..count].iter().position(|byte| *byte == b'\n');
                    end += newline.map_or(count, |at| at + 1) as u64;
                    if newline.is_some() {
                        break;
                    }
                }
                _ => {
                    self.stuck = true;
                    return None;
                }
            }
        }
        self.next_number += 1;
        self.read = end;
        self.lines.push_back(Line { number: self.next_number, start, end, spans: 0, state: State::Waiting });
        Some(self.lines.len() - 1)
    }

    /// Whether the file is still where it was made.
    fn is_there(&self) -> bool {
        let same = |file: &File| {
            let (ours, there) = (file.metadata()?, fs::symlink_metadata(self.path())?);
            io::Result::Ok((ours.dev(), ours.ino()) == (there.dev(), there.ino()))
        };
        self.writer.file().is_some_and(|file| same(file).unwrap_or(false))
    }

    fn remove(&mut self) {
        if self.is_there() {
            // Whoever made it impossible keeps a file of spans that were delivered.
            let _ = fs::remove_file(self.path());
        }
        self.writer.start_anew(&self.home);
        self.lines.clear();
        self.read = 0;
    }

    /// Makes the file hold only what is left; returns its name.
    fn compact(&mut self) -> Result<PathBuf, Error> {
        let there = self.is_there();
        if there && self.done == 0 {
            return Ok(self.path().to_owned());
        }
        let left = self.lines.iter().filter(|line| line.state != State::Done).map(|line| (line.start, line.end));
        let ranges: Vec<_> = left.chain([(self.read, self.writer.length())]).collect();
        let Some(old) = self.writer.file() else { return Ok(self.path().to_owned()) };
        let (mut new, path) = if there {
            let mut name = self.path().file_name().unwrap_or_default().to_owned();
            name.push(".new");
            let path = self.path().with_file_name(name);
            (create_new(&path).map_err(|source| Error::Open { path: path.clone(), source })?, path)
        } else {
            create_numbered(&self.home)?
        };
        let copied = ranges.iter().try_for_each(|(start, end)| copy(old, *start, *end, &mut new));
        let copied = copied.and_then(|()| if there { fs::rename(&path, self.path()) } else { Ok(()) });
        if let Err(source) = copied {
            let _ = fs::remove_file(&path);
            return Err(Error::Rewrite { path: self.path().to_owned(), source });
        }
        Ok(if there { self.path().to_owned() } else { path })
    }
}

/// Appends a part of one file to another.
fn copy(from: &File, mut start: u64, end: u64, to: &mut File) -> io::Result<()> {
    let mut buffer = vec![0; 256 << 10];
    while start < end {
        let wanted = buffer.len().min(usize::try_from(end - start).unwrap_or(usize::MAX));
        let count = match from.read_at(&mut buffer[..wanted], start) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            count => count?,
        };
        if count == 0 {
            return Err(ErrorKind::UnexpectedEof.into());
        }
        to.write_all(&buffer[..count])?;
        start += count as u64;
    }
    Ok(())
}
