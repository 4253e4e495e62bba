//! What the collector does not take: kept in a local file, delivered from there as soon as it answers again, while the run goes
//! on; and set aside in another one where it was refused for good, so that it is not sent for ever.

use std::path::PathBuf;
use std::time::Instant;

use renacer_events::Span;
use renacer_file::{Error, Left, Limit, Segments, Writer};
use renacer_otlp::{Exporter, Settled};

use crate::exit::say;

/// See the module. Both files are made when they are needed.
pub struct Undelivered {
    spill: Segments,
    refused: Writer,
    delivered_later: u64,
}

/// What is left at the end.
pub struct Rest {
    /// What may be delivered later.
    pub left: Left,
    /// What was refused.
    pub refused: Writer,
    /// Attributes that did not fit into a line of the file.
    pub parts_left_out: u64,
    /// Spans that were delivered after they had been in the file.
    pub delivered_later: u64,
}

impl Undelivered {
    /// Files with this name, each kind within the limit; the second one that is needed gets a number.
    pub fn new(path: PathBuf, limit: Option<Limit>) -> Self {
        let refused = Writer::create_lazily(&path);
        let refused = match limit {
            Some(limit) => refused.limited(limit),
            None => refused,
        };
        Undelivered { spill: Segments::new(path, limit), refused, delivered_later: 0 }
    }

    /// Takes from the exporter what it could not deliver, and gives it what it may try again.
    pub fn exchange(&mut self, exporter: &mut Exporter, now: Instant) {
        for spans in exporter.take_undelivered() {
            self.keep(&spans);
        }
        for spans in exporter.take_refused() {
            self.set_aside(&spans);
        }
        for settled in exporter.take_settled() {
            self.settle(settled);
        }
        let ticked = self.spill.tick(now).and(self.refused.tick(now));
        tell(ticked);
        if self.spill.has_backlog() {
            for _ in 0..exporter.room_for_backlog(now) {
                let Some((number, spans)) = self.spill.take() else { break };
                exporter.push_backlog(spans, number);
            }
        }
    }

    /// When [`Undelivered::exchange`] has something to do although the exporter has not.
    pub fn due(&self, exporter: &Exporter) -> Option<Instant> {
        let backlog = if self.spill.has_backlog() { exporter.backlog_due() } else { None };
        [self.spill.due(), self.refused.due(), backlog].into_iter().flatten().min()
    }

    /// Whether something waits to be delivered; it is ready for that at once.
    pub fn has_backlog(&mut self) -> bool {
        let flushed = self.spill.flush();
        tell(flushed);
        self.spill.has_backlog()
    }

    /// Keeps spans that may be delivered later.
    pub fn keep(&mut self, spans: &[Span]) {
        let written = self.spill.write(spans);
        tell(written);
    }

    /// Keeps spans that were refused.
    pub fn set_aside(&mut self, spans: &[Span]) {
        let written = self.refused.write(spans);
        tell(written);
    }

    /// Takes note of what became of spans that were in the file.
    pub fn settle(&mut self, settled: Settled) {
        self.delivered_later += settled.delivered;
        // First, so that a crash between both leaves them in two places rather than in none.
        self.set_aside(&settled.refused);
        let written = self.spill.settle(settled.portion, &settled.undelivered);
        tell(written);
    }

    /// Spans in the files, and those that could not be written there or are gone because of the limit.
    pub fn counts(&self) -> (u64, u64) {
        let written = self.spill.spans() + self.refused.spans_written();
        let dropped = self.spill.spans_dropped() + self.refused.spans_dropped();
        (written, self.spill.spans_lost() + self.refused.spans_lost() + dropped)
    }

    /// Spans that were delivered after they had been in the file.
    pub fn delivered_later(&self) -> u64 {
        self.delivered_later
    }

    /// Ends it.
    pub fn close(mut self) -> Rest {
        let flushed = self.refused.flush();
        tell(flushed);
        let parts_left_out = self.spill.parts_left_out() + self.refused.parts_left_out();
        let mut left = self.spill.close();
        if let Some(error) = left.error.take() {
            tell(Err(error));
        }
        Rest { left, refused: self.refused, parts_left_out, delivered_later: self.delivered_later }
    }
}

/// Each file returns each trouble once, and counts what it could not write.
pub fn tell(result: Result<(), Error>) {
    if let Err(error) = result {
        say(&format!("renacer: {error}"));
    }
}
