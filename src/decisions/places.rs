//! Which span of a trace a decision belongs to: that of its thread, else of its process, as it was then.

use std::collections::HashMap;
use std::sync::Arc;

use renacer_events::{Resource, Span, SpanId, SpanKind, TraceId, Value};

use super::{Decisions, Losses, id_of, span};

/// The most spans of processes and threads that are remembered.
const MOST: usize = 1 << 18;

/// The spans of processes and threads so far.
#[derive(Debug, Default)]
pub struct Places {
    /// By process, as it numbers itself.
    of_process: HashMap<i64, Vec<Place>>,
    count: usize,
}

#[derive(Debug)]
struct Place {
    /// Of a thread, where that is numbered as the thread numbers itself.
    tid: Option<i64>,
    is_thread: bool,
    start: u64,
    end: u64,
    trace_id: TraceId,
    trace_state: Option<Arc<str>>,
    span_id: SpanId,
    resource: Arc<Resource>,
}

impl Places {
    /// Remembers a span, if decisions may belong to it.
    pub fn note(&mut self, span: &Span) {
        if !matches!(span.kind, SpanKind::Process | SpanKind::Thread) || self.count >= MOST {
            return;
        }
        let int = |attributes: &[renacer_events::Attribute], key: &str| {
            attributes.iter().find(|attribute| attribute.key == key).and_then(|attribute| match attribute.value {
                Value::Int(number) => Some(number),
                _ => None,
            })
        };
        let vpid = int(&span.resource.attributes, "process.vpid");
        let Some(pid) = vpid.or_else(|| int(&span.resource.attributes, "process.pid")) else { return };
        self.count += 1;
        self.of_process.entry(pid).or_default().push(Place {
            tid: int(&span.attributes, "linux.tid").filter(|_| vpid.is_none()),
            is_thread: span.kind == SpanKind::Thread,
            start: span.start,
            end: span.end,
            trace_id: span.trace_id,
            trace_state: span.trace_state.clone(),
            span_id: span.span_id,
            resource: span.resource.clone(),
        });
    }

    /// The span that a thread was in at a time.
    fn find(&self, pid: u32, tid: u32, at: u64) -> Option<&Place> {
        let places = self.of_process.get(&pid.into())?;
        let mut then = places.iter().filter(|place| (place.start..=place.end).contains(&at));
        then.clone()
            .find(|place| place.is_thread && place.tid == Some(tid.into()))
            .or_else(|| then.find(|place| !place.is_thread))
    }

    /// Hands on the spans of all decisions that have a place, below that. What has none in the trace is counted.
    pub fn place(&self, files: Vec<Decisions>, losses: &mut Losses, mut emit: impl FnMut(Span)) {
        for file in files {
            if file.of_child && !self.of_process.contains_key(&file.header.pid.into()) {
                // An earlier run's.
                continue;
            }
            losses.lost += file.lost;
            for (index, decision) in file.decisions.into_iter().enumerate() {
                let Some(place) = self.find(file.header.pid, decision.tid, decision.start) else {
                    losses.outside += 1;
                    continue;
                };
                let mut decision = decision;
                // A result may come when its process's span has ended; it is inside all the same.
                decision.end = decision.end.min(place.end);
                let id = id_of(file.header.run, index);
                let span = span(decision, id, place.trace_id, Some(place.span_id), false, place.resource.clone());
                emit(Span { trace_state: place.trace_state.clone(), ..span });
            }
        }
    }
}
