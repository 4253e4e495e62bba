//! Decision files on their way to a collector. They are sent as a whole: an interrupted `send` begins them anew, with the same ids.

use std::time::{Duration, Instant};

use super::Sending;
use crate::decisions::Decisions;
use crate::exit::say;

/// Spans that are under way at a time.
const PORTION: usize = 4096;

impl Sending {
    /// Sends a file. Tells whether everything was accepted; with `delete` it is removed then.
    pub(super) fn decisions(&mut self, file: Decisions, delete: bool) -> bool {
        let path = file.path().to_owned();
        if file.lost() > 0 && !self.quiet {
            say(&format!("renacer: {}: {} records were lost by the program", path.display(), file.lost()));
        }
        let before = self.failures();
        let mut spans = file.alone();
        while !spans.is_empty() && !self.stop {
            let rest = spans.split_off(spans.len().min(PORTION));
            self.read += spans.len() as u64;
            self.exporter.push(std::mem::replace(&mut spans, rest));
            while !self.exporter.is_idle() {
                self.exporter.tick(Instant::now());
                self.exporter.wait(Duration::from_millis(20));
            }
            self.exporter.warnings().iter().for_each(|warning| say(&format!("renacer: {warning}")));
            self.stop |= !self.exporter.take_undelivered().is_empty();
            self.exporter.take_refused();
        }
        let whole = spans.is_empty() && self.failures() == before;
        if whole
            && delete
            && let Err(error) = std::fs::remove_file(&path)
        {
            say(&format!("renacer: {} is not deleted: {error}", path.display()));
        }
        whole
    }

    /// Spans so far that no collector has.
    fn failures(&self) -> u64 {
        let counts = self.exporter.counts();
        counts.rejected + counts.refused + counts.handed_back + counts.lost
    }
}
