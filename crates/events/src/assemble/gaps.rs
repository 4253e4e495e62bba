//! What was not seen: times in which a thread ran untraced, so that tracing costs it no more than it may, each a span of its own; and
//! how things stand afterwards.

use super::open::Trace;
use super::state::Gap;
use super::{Assembler, Sink};
use crate::{Attribute, Caller, Decode, Missed, Resource, Span, SpanId, SpanKind, Status, Text, Tid};

impl<D: Decode, S: Sink> Assembler<D, S> {
    /// A thread is not traced from here on.
    pub(super) fn rests(&mut self, tid: Tid, at: u64) {
        self.end_call(tid, at, None, false);
        self.end_gap(tid, at);
        let Some(thread) = self.threads.get_mut(&tid) else {
            self.totals.unknown_events += 1;
            return;
        };
        let Some(process) = self.processes.get_mut(&thread.pid) else { return };
        process.entered = true;
        // What it goes on with will not be seen to go on.
        thread.interrupted = None;
        let parent = thread.span.as_ref().map_or(process.image.open.id, |span| span.open.id);
        thread.gap = Some(Gap { start: at, parent });
        self.decoder.blinded(thread.pid);
    }

    /// It is traced again.
    pub(super) fn rested(&mut self, tid: Tid, at: u64) {
        if self.threads.get(&tid).is_none_or(|thread| thread.gap.is_none()) {
            self.totals.unknown_events += 1;
        }
        self.end_gap(tid, at);
    }

    /// How things stand in the thread's process after what went by untold.
    pub(super) fn missed(&mut self, tid: Tid, missed: &Missed) {
        let Some(pid) = self.threads.get(&tid).map(|thread| thread.pid) else {
            self.totals.unknown_events += 1;
            return;
        };
        self.decoder.missed(pid, missed);
        let Some(process) = self.processes.get(&pid) else { return };
        for tid in &process.tids {
            if let Some(call) = self.threads.get_mut(tid).and_then(|thread| thread.call.as_mut()) {
                call.unsure = true;
            }
        }
    }

    /// Ends the gap that the thread is in, if it is in one.
    pub(super) fn end_gap(&mut self, tid: Tid, at: u64) {
        let Some(thread) = self.threads.get_mut(&tid) else { return };
        let Some(gap) = thread.gap.take() else { return };
        let Some(process) = self.processes.get_mut(&thread.pid) else { return };
        let (start, end) = (gap.start, at.max(gap.start.saturating_add(1)));
        match thread.span.as_mut().filter(|span| span.open.id == gap.parent) {
            Some(span) => span.open.cover(start, end),
            None => process.image.open.cover(start, end),
        }
        self.totals.gaps += 1;
        self.totals.gaps_duration += end - start;
        self.sink.gap(start, end, thread.pid, tid);
        let resource = process.image.resource.clone();
        let trace = process.image.trace.clone();
        let span = span(&trace, self.ids.next(), tid, (start, end), gap.parent, resource);
        self.emit(span, trace.sampled);
    }
}

fn span(
    trace: &Trace,
    id: SpanId,
    tid: Tid,
    (start, end): (u64, u64),
    parent: SpanId,
    resource: std::sync::Arc<Resource>,
) -> Span {
    Span {
        trace_id: trace.id,
        span_id: id,
        parent_id: Some(parent),
        trace_state: trace.state.clone(),
        parent_is_remote: false,
        kind: SpanKind::Gap,
        name: Text::const_new("untraced"),
        start,
        end,
        attributes: vec![Attribute::new("linux.tid", tid), Attribute::new("renacer.untraced", true)],
        caller: Caller::default(),
        dropped_attributes: 0,
        events: Vec::new(),
        dropped_events: 0,
        links: Vec::new(),
        status: Status::Unset,
        resource,
        call: None,
    }
}
