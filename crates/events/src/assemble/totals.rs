//! The counts of a run.

use crate::Attribute;

/// What was seen and made in a run.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Calls, each of which has a span if the run is sampled.
    pub calls: u64,
    /// Spans of all kinds.
    pub spans: u64,
    /// Spans that were not made because the run is not sampled.
    pub spans_not_sampled: u64,
    /// Processes.
    pub processes: u64,
    /// Threads, first ones included.
    pub threads: u64,
    /// Signals delivered.
    pub signals: u64,
    /// Signals that are on no span, because one has room for 128.
    pub signals_dropped: u64,
    /// Markers: what programs have said of themselves.
    pub markers: u64,
    /// Markers that are on no span, because one has room for 128, or that were too long.
    pub markers_dropped: u64,
    /// Calls whose return was never seen, other than `exit` and `exit_group`, which have none.
    pub unfinished: u64,
    /// Returns whose entry was never seen: of calls that were in flight at attach.
    pub orphan_returns: u64,
    /// Calls that were not told of, because there was no room for them; not among `calls`.
    pub calls_dropped: u64,
    /// Times in which a thread was not traced, so that tracing costs it no more than it may.
    pub gaps: u64,
    /// How long these were together, in nanoseconds.
    pub gaps_duration: u64,
    /// Events of threads that are not known, or that contradict what is known.
    pub unknown_events: u64,
    /// Traces that began after the first one.
    pub traces: u64,
    /// Texts that were cut because they were longer than 16 KiB.
    pub truncated: u64,
    /// Texts that a secret was removed from.
    pub redacted: u64,
}

impl Totals {
    /// The attributes of the root span: the number of calls, and every loss and change that there was.
    pub(super) fn attributes(&self) -> impl Iterator<Item = Attribute> {
        let losses = [
            ("renacer.calls.unfinished", self.unfinished),
            ("renacer.returns.orphaned", self.orphan_returns),
            ("renacer.calls.dropped", self.calls_dropped),
            ("renacer.gaps", self.gaps),
            ("renacer.gaps.duration", self.gaps_duration),
            ("renacer.events.unknown", self.unknown_events),
            ("renacer.signals.dropped", self.signals_dropped),
            ("renacer.markers.dropped", self.markers_dropped),
            ("renacer.texts.truncated", self.truncated),
            ("renacer.texts.redacted", self.redacted),
        ];
        let losses = losses.into_iter().filter(|(_, count)| *count > 0);
        std::iter::once(("renacer.calls", self.calls))
            .chain(losses)
            .map(|(key, count)| Attribute::new(key, i64::try_from(count).unwrap_or(i64::MAX)))
    }
}
