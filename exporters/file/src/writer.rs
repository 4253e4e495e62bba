//! The writer: gathers spans into lines, and writes each line with one call.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, ErrorKind, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

use renacer_events::{Resource, Span};

use crate::limit::{Limit, Ring, Room};
use crate::open::{CreateOptions, create, create_numbered};
use crate::{Error, encode};

/// The most spans in a line.
const MAX_SPANS: u64 = 500;
/// The most bytes in a line, its newline included: the Collector's `otlpjsonfile` receiver loses longer ones.
const MAX_LINE: usize = (1 << 20) - 1;
/// How long a span may wait for its line to fill.
const MAX_DELAY: Duration = Duration::from_millis(200);

const HEAD: &[u8] = b"{\"resourceSpans\":[";
const TAIL: &[u8] = b"]}\n";

/// Writes spans to a local file as OTLP JSON lines: one `TracesData` a line, at most 500 spans and under 1 MiB.
///
/// A line that cannot be written is lost, whole: its spans are counted, and no part of it stays in the file.
#[derive(Debug)]
pub struct Writer {
    path: PathBuf,
    target: Target,
    /// The spans of the next line, by resource.
    groups: Vec<Group>,
    /// Where the group of a resource is.
    group_of: HashMap<usize, usize>,
    /// The group of the span before, which most likely is that of the next one, too.
    latest: usize,
    /// Spans in `groups`.
    pending: u64,
    /// Bytes that the line will have at most.
    length: usize,
    /// When the line is due.
    due: Option<Instant>,
    /// Where a span is put together.
    span: Vec<u8>,
    /// Memory for the next line.
    spare: Vec<u8>,
    /// Whether what was written is lost when somebody removes the file.
    may_vanish: bool,
    is_regular: bool,
    /// Whether a failure was told.
    told: bool,
    /// Where there is a limit for the size of the files.
    ring: Option<Ring>,
    /// Bytes in the file, as far as they are ours, and spans.
    bytes: u64,
    spans: u64,
    dropped: u64,
    written: u64,
    lost: u64,
    shortened: u64,
}

#[derive(Debug)]
enum Target {
    Open(File),
    /// To be created with the first line.
    Lazy,
    /// Could not be created.
    Failed,
}

#[derive(Debug)]
struct Group {
    resource: Arc<Resource>,
    /// The resource's object, but for what closes it. In the first group the line's beginning stands in front.
    bytes: Vec<u8>,
    /// Attributes of the resource that were left out.
    left_out: u64,
    spans: u64,
}

impl Writer {
    /// Creates the file at once, with mode 0600. `/dev/null` and other character devices, named pipes, `/dev/stdout` and
    /// `/dev/fd/N` can be written to as well.
    pub fn create(path: impl Into<PathBuf>, options: CreateOptions) -> Result<Self, Error> {
        let path = path.into();
        let file = create(&path, options)?;
        // A descriptor that is open already may be that of a file without a name.
        let may_vanish = file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.nlink() > 0);
        Ok(Writer::new(path, Target::Open(file), may_vanish))
    }

    /// A file that is created, with mode 0600, when there is a span to be written, and never otherwise. When its name is taken
    /// by then, a number is put into it; `path` tells the name that it got.
    pub fn create_lazily(path: impl Into<PathBuf>) -> Self {
        Writer::new(path.into(), Target::Lazy, true)
    }

    /// Limits the size of the file, or of the files that follow it. What is no regular file has no limit.
    pub fn limited(mut self, limit: Limit) -> Self {
        if self.may_vanish {
            self.ring = Some(Ring::new(limit, &self.path));
        }
        self
    }

    fn new(path: PathBuf, target: Target, may_vanish: bool) -> Self {
        Writer {
            path,
            target,
            groups: Vec::new(),
            group_of: HashMap::new(),
            latest: 0,
            pending: 0,
            length: HEAD.len() + TAIL.len(),
            due: None,
            span: Vec::new(),
            spare: Vec::new(),
            may_vanish,
            is_regular: may_vanish,
            told: false,
            ring: None,
            bytes: 0,
            spans: 0,
            dropped: 0,
            written: 0,
            lost: 0,
            shortened: 0,
        }
    }

    /// Adds spans, and writes each line that is full or due. The first failure of the file is returned, later ones are only
    /// counted; all spans are taken in any case.
    pub fn write(&mut self, spans: &[Span]) -> Result<(), Error> {
        let mut result = Ok(());
        for span in spans {
            result = result.and(self.add(span));
        }
        if self.pending > 0 {
            let now = Instant::now();
            self.due.get_or_insert(now + MAX_DELAY);
            result = result.and(self.tick(now));
        }
        result
    }

    /// Writes what has waited for 200 ms.
    pub fn tick(&mut self, now: Instant) -> Result<(), Error> {
        if self.due.is_some_and(|due| due <= now) { self.flush() } else { Ok(()) }
    }

    /// When `tick` has something to do, if no further span comes.
    pub fn due(&self) -> Option<Instant> {
        self.due
    }

    /// Writes all that was added.
    pub fn flush(&mut self) -> Result<(), Error> {
        self.due = None;
        let vanished = self.look_for_it();
        if self.pending == 0 {
            return vanished;
        }
        let mut groups = self.groups.drain(..);
        let mut line = groups.next().map(|first| first.bytes).unwrap_or_default();
        line.extend_from_slice(encode::CLOSE_RESOURCE);
        for group in groups {
            line.push(b',');
            line.extend_from_slice(&group.bytes);
            line.extend_from_slice(encode::CLOSE_RESOURCE);
        }
        line.extend_from_slice(TAIL);
        debug_assert!(line.len() <= self.length);
        self.group_of.clear();
        self.latest = 0;
        self.length = HEAD.len() + TAIL.len();
        let spans = std::mem::take(&mut self.pending);
        let result = self.find_room(line.len() as u64).and_then(|()| self.write_line(&line));
        // To allocate as much memory again for each line would cost more than to fill it.
        self.spare = line;
        match result {
            Ok(()) => {
                self.written += spans;
                self.spans += spans;
                self.bytes += self.spare.len() as u64;
                vanished
            }
            Err(error) => {
                self.lost += spans;
                vanished.and(if std::mem::replace(&mut self.told, true) { Ok(()) } else { Err(error) })
            }
        }
    }

    /// Sees to it that a line of this length stays within the limit.
    fn find_room(&mut self, length: u64) -> Result<(), Error> {
        let Some(ring) = &mut self.ring else { return Ok(()) };
        match ring.room(length, &self.path, self.bytes, self.spans) {
            Room::Here => Ok(()),
            Room::In(path) => {
                let gone = ring.make_room(length);
                self.dropped += gone;
                self.written -= gone.min(self.written);
                self.start_anew(&path);
                Ok(())
            }
            Room::None => Err(Error::Full { path: self.path.clone() }),
        }
    }

    /// If somebody has removed the file, what was in it is lost, and nothing more is written there.
    fn look_for_it(&mut self) -> Result<(), Error> {
        if let Target::Open(file) = &self.target
            && self.may_vanish
            && file.metadata().is_ok_and(|metadata| metadata.nlink() == 0)
        {
            self.target = Target::Failed;
            let gone = std::mem::take(&mut self.spans);
            self.lost += gone;
            self.written -= gone.min(self.written);
            if !std::mem::replace(&mut self.told, true) {
                return Err(Error::Removed { path: self.path.clone() });
            }
        }
        Ok(())
    }

    /// Where the spans are.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The file, if it was created.
    pub(crate) fn file(&self) -> Option<&File> {
        match &self.target {
            Target::Open(file) => Some(file),
            Target::Lazy | Target::Failed => None,
        }
    }

    /// Bytes that were written to it.
    pub(crate) fn length(&self) -> u64 {
        self.bytes
    }

    /// Bytes that the next line will have at most.
    pub(crate) fn pending_length(&self) -> usize {
        self.length
    }

    /// The owner of the file looks after it himself.
    pub(crate) fn may_not_vanish(mut self) -> Self {
        self.may_vanish = false;
        self
    }

    /// Leaves the file as it is; the next line is the first one of another. The counts go on.
    pub(crate) fn start_anew(&mut self, path: &Path) {
        self.path = path.to_owned();
        self.bytes = 0;
        self.spans = 0;
        if let Target::Open(_) = self.target {
            self.target = Target::Lazy;
        }
    }

    /// Spans that are in the file.
    pub fn spans_written(&self) -> u64 {
        self.written
    }

    /// Files that come before this one, because of the limit.
    pub fn older_files(&self) -> usize {
        self.ring.as_ref().map_or(0, Ring::older)
    }

    /// Spans that were written and are gone with the oldest files, because of the limit.
    pub fn spans_dropped(&self) -> u64 {
        self.dropped
    }

    /// Spans that could not be written.
    pub fn spans_lost(&self) -> u64 {
        self.lost
    }

    /// Attributes, events and links that were left out because their span or resource would not have fitted into a line.
    /// A resource's count once for each line that it is in.
    pub fn parts_left_out(&self) -> u64 {
        self.shortened
    }

    fn add(&mut self, span: &Span) -> Result<(), Error> {
        let mut result = Ok(());
        self.span.clear();
        self.shortened += encode::span(&mut self.span, span);
        let mut group = self.group(&span.resource);
        let mut new = None;
        let mut needed = self.span.len() + 1;
        if group.is_none() {
            let opened = self.open_group(&span.resource);
            needed += opened.bytes.len() + encode::CLOSE_RESOURCE.len() + 1;
            new = Some(opened);
        }
        if self.pending == MAX_SPANS || self.length + needed > MAX_LINE {
            result = self.flush();
            (group, new) = (None, None);
        }
        let index = match group {
            Some(index) => index,
            None => {
                let new = new.unwrap_or_else(|| self.open_group(&span.resource));
                self.length += new.bytes.len() + encode::CLOSE_RESOURCE.len() + 1;
                self.shortened += new.left_out;
                self.group_of.insert(Arc::as_ptr(&new.resource).addr(), self.groups.len());
                self.groups.push(new);
                self.groups.len() - 1
            }
        };
        self.latest = index;
        let group = &mut self.groups[index];
        if group.spans > 0 {
            group.bytes.push(b',');
        }
        group.bytes.extend_from_slice(&self.span);
        group.spans += 1;
        self.length += self.span.len() + 1;
        self.pending += 1;
        result
    }

    /// The group of a resource in the next line, if it has one.
    fn group(&self, resource: &Arc<Resource>) -> Option<usize> {
        if self.groups.get(self.latest).is_some_and(|group| Arc::ptr_eq(&group.resource, resource)) {
            return Some(self.latest);
        }
        // The groups keep their resources alive, so an address stands for one resource only.
        self.group_of.get(&Arc::as_ptr(resource).addr()).copied()
    }

    fn open_group(&mut self, resource: &Arc<Resource>) -> Group {
        let mut bytes = Vec::new();
        if self.groups.is_empty() {
            bytes = std::mem::take(&mut self.spare);
            bytes.clear();
            bytes.extend_from_slice(HEAD);
        }
        let left_out = encode::open_resource(&mut bytes, resource);
        Group { resource: resource.clone(), bytes, left_out, spans: 0 }
    }

    fn write_line(&mut self, line: &[u8]) -> Result<(), Error> {
        if let Target::Lazy = self.target {
            match create_numbered(&self.path) {
                Ok((file, path)) => {
                    self.path = path;
                    self.target = Target::Open(file);
                }
                Err(error) => {
                    self.target = Target::Failed;
                    return Err(error);
                }
            }
        }
        match &mut self.target {
            Target::Open(file) => write_whole(file, self.is_regular, line)
                .map_err(|source| Error::Write { path: self.path.clone(), source }),
            // The error was told when it could not be created.
            Target::Lazy | Target::Failed => {
                Err(Error::Write { path: self.path.clone(), source: ErrorKind::NotFound.into() })
            }
        }
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        // Whoever wants to know has called `flush`.
        let _ = self.flush();
    }
}

/// How bytes get into a regular file.
static WRITE: OnceLock<WriteFile> = OnceLock::new();

/// A way to write: like [`File::write`](std::io::Write::write).
pub type WriteFile = fn(BorrowedFd, &[u8]) -> io::Result<usize>;

/// From here on, all regular files of this process are written so. Called again, it changes nothing.
pub fn write_files_with(write: WriteFile) {
    let _ = WRITE.set(write);
}

/// Writes all of `line`, or nothing of it where the file can be shortened.
fn write_whole(file: &mut File, is_regular: bool, line: &[u8]) -> io::Result<()> {
    let mut done = 0;
    while done < line.len() {
        let written = match WRITE.get().filter(|_| is_regular) {
            Some(write) => write(file.as_fd(), &line[done..]),
            None => file.write(&line[done..]),
        };
        match written {
            Ok(0) => return Err(undo(file, done, ErrorKind::WriteZero.into())),
            Ok(count) => done += count,
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            Err(error) => return Err(undo(file, done, error)),
        }
    }
    Ok(())
}

/// Takes back the first `done` bytes of a line, if they are the last ones in a regular file.
fn undo(file: &mut File, done: usize, error: io::Error) -> io::Error {
    if done > 0
        && let Ok(metadata) = file.metadata()
        && metadata.is_file()
        && let Ok(end) = file.stream_position()
        && metadata.len() == end
        && let Some(start) = end.checked_sub(done as u64)
        && file.set_len(start).is_ok()
    {
        // Without O_APPEND (an inherited descriptor), the next line would follow a gap.
        let _ = file.seek(SeekFrom::Start(start));
    }
    error
}
