//! The files for what the collector does not take, within a limit: as [`Spill`] if there is none, else an end, or several spills of which
//! the oldest goes.

use std::collections::{HashMap, VecDeque};
use std::path::PathBuf;
use std::time::Instant;

use renacer_events::Span;

use crate::limit::FILES;
use crate::{AtLimit, Error, Left, Limit, Spill};

/// See the module. Its methods are those of [`Spill`].
#[derive(Debug)]
pub struct Segments {
    home: PathBuf,
    limit: Option<Limit>,
    /// Oldest first. The last one is written to, and always there.
    older: VecDeque<Segment>,
    newest: Segment,
    /// What is out for delivery.
    out: HashMap<u64, Out>,
    next_number: u64,
    /// Spans that went with the oldest files.
    dropped: u64,
    /// Of files that are gone.
    lost: u64,
    parts_left_out: u64,
    /// Whether a failure was told.
    told: bool,
}

#[derive(Debug)]
struct Segment {
    id: u64,
    spill: Spill,
}

/// A line that is out for delivery.
#[derive(Debug)]
struct Out {
    segment: u64,
    line: u64,
    spans: u64,
}

impl Segments {
    /// Files with this name, which get numbers where it is taken. Nothing is created before there is a span to be kept.
    pub fn new(path: impl Into<PathBuf>, limit: Option<Limit>) -> Self {
        let home = path.into();
        let spill = match limit {
            Some(limit) if limit.then == AtLimit::Stop => Spill::new(&home).limited(limit),
            _ => Spill::new(&home),
        };
        Segments {
            home,
            limit,
            older: VecDeque::new(),
            newest: Segment { id: 0, spill },
            out: HashMap::new(),
            next_number: 0,
            dropped: 0,
            lost: 0,
            parts_left_out: 0,
            told: false,
        }
    }

    /// Keeps spans. The first failure is returned, later ones are only counted; all spans are taken in any case.
    pub fn write(&mut self, spans: &[Span]) -> Result<(), Error> {
        let Some(Limit { bytes, then: AtLimit::DropOldest }) = self.limit else {
            let written = self.newest.spill.write(spans);
            return self.after(written);
        };
        // No line shall be larger than a file's share, and room is made before each.
        let mut result = Ok(());
        for span in spans {
            let mut written = self.newest.spill.write(std::slice::from_ref(span));
            if self.newest.spill.pending_bytes() as u64 >= bytes / FILES {
                written = written.and(self.newest.spill.flush());
            }
            result = result.and(self.after(written));
        }
        result
    }

    /// Writes what has waited for 200 ms.
    pub fn tick(&mut self, now: Instant) -> Result<(), Error> {
        let mut ticked = Ok(());
        for segment in self.all_mut() {
            ticked = segment.spill.tick(now).and(ticked);
        }
        self.after(ticked)
    }

    /// When `tick` has something to do, if no further span comes.
    pub fn due(&self) -> Option<Instant> {
        self.all().filter_map(|segment| segment.spill.due()).min()
    }

    /// Writes all that was added.
    pub fn flush(&mut self) -> Result<(), Error> {
        let mut flushed = Ok(());
        for segment in self.all_mut() {
            flushed = segment.spill.flush().and(flushed);
        }
        self.after(flushed)
    }

    /// Spans in the files that are not delivered.
    pub fn spans(&self) -> u64 {
        self.all().map(|segment| segment.spill.spans()).sum()
    }

    /// Spans that could not be written.
    pub fn spans_lost(&self) -> u64 {
        self.lost + self.all().map(|segment| segment.spill.spans_lost()).sum::<u64>()
    }

    /// Spans that are gone with the oldest files, because of the limit.
    pub fn spans_dropped(&self) -> u64 {
        self.dropped
    }

    /// Attributes, events and links that did not fit.
    pub fn parts_left_out(&self) -> u64 {
        self.parts_left_out + self.all().map(|segment| segment.spill.parts_left_out()).sum::<u64>()
    }

    /// Whether there are spans that wait to be delivered, or that are out for it.
    pub fn has_backlog(&self) -> bool {
        self.all().any(|segment| segment.spill.has_backlog())
    }

    /// The oldest spans that are not out for delivery yet, under a number for [`Segments::settle`].
    pub fn take(&mut self) -> Option<(u64, Vec<Span>)> {
        let taken = self.all_mut().find_map(|segment| Some((segment.id, segment.spill.take()?)));
        let (segment, (line, spans)) = taken?;
        self.next_number += 1;
        self.out.insert(self.next_number, Out { segment, line, spans: spans.len() as u64 });
        Some((self.next_number, spans))
    }

    /// Says what became of what was taken: these spans were not delivered and are to be delivered later.
    pub fn settle(&mut self, number: u64, undelivered: &[Span]) -> Result<(), Error> {
        let Some(out) = self.out.remove(&number) else { return Ok(()) };
        let Some(segment) = self.all_mut().find(|segment| segment.id == out.segment) else {
            // Its file has gone meanwhile, without these.
            return self.write(undelivered);
        };
        let settled = segment.spill.settle(out.line, undelivered);
        self.after(settled)
    }

    /// Ends it: files of which nothing is left to deliver are removed, the others hold what is, and nothing else. The path is that
    /// of the newest one.
    pub fn close(mut self) -> Left {
        let mut all = Left { lost: self.lost, dropped: self.dropped, ..Left::default() };
        let mut files = 0;
        for segment in self.older.drain(..).chain([self.newest]) {
            let left = segment.spill.close();
            files += usize::from(left.path.is_some());
            all.path = left.path.or(all.path);
            all.spans += left.spans;
            all.lost += left.lost;
            all.delivered_too += left.delivered_too;
            all.error = all.error.or(left.error.filter(|_| !self.told));
        }
        all.others = files.saturating_sub(1);
        all
    }

    fn all(&self) -> impl Iterator<Item = &Segment> {
        self.older.iter().chain([&self.newest])
    }

    fn all_mut(&mut self) -> impl Iterator<Item = &mut Segment> {
        self.older.iter_mut().chain([&mut self.newest])
    }

    /// Sees to the limit; a failure is told once.
    fn after(&mut self, result: Result<(), Error>) -> Result<(), Error> {
        self.remove_empty();
        let result = match self.limit {
            Some(Limit { bytes, then: AtLimit::DropOldest }) => self.keep_within(bytes).and(result),
            _ => result,
        };
        if result.is_err() && std::mem::replace(&mut self.told, true) { Ok(()) } else { result }
    }

    /// Older files that hold nothing any more.
    fn remove_empty(&mut self) {
        for _ in 0..self.older.len() {
            let Some(segment) = self.older.pop_front() else { return };
            let spill = &segment.spill;
            let is_out = self.out.values().any(|out| out.segment == segment.id);
            if spill.spans() == 0 && spill.due().is_none() && !is_out {
                self.note_gone(&segment);
                segment.spill.close();
            } else {
                self.older.push_back(segment);
            }
        }
    }

    fn note_gone(&mut self, segment: &Segment) {
        self.lost += segment.spill.spans_lost();
        self.parts_left_out += segment.spill.parts_left_out();
    }

    /// Begins another file when this one has its share of the bytes, and removes the oldest ones that have no room besides it.
    fn keep_within(&mut self, bytes: u64) -> Result<(), Error> {
        let share = bytes / FILES;
        // For the next line, which is longer than its share by a span at most.
        let reserve = share + share / 4;
        let mut result = Ok(());
        if self.newest.spill.bytes() >= share {
            result = self.newest.spill.flush();
            let next = Segment { id: self.newest.id + 1, spill: Spill::new(&self.home) };
            self.older.push_back(std::mem::replace(&mut self.newest, next));
        }
        while let [_, others @ ..] = self.older.make_contiguous() {
            let room = if others.is_empty() { bytes } else { bytes - reserve };
            if self.all().map(|segment| segment.spill.bytes()).sum::<u64>() <= room {
                break;
            }
            let Some(mut oldest) = self.older.pop_front() else { break };
            result = result.and(oldest.spill.flush());
            let out = self.out.values().filter(|out| out.segment == oldest.id).map(|out| out.spans).sum();
            // What is out is in memory, and comes back if it is not delivered.
            self.dropped += oldest.spill.spans().saturating_sub(out);
            self.note_gone(&oldest);
            oldest.spill.discard();
        }
        result
    }
}
