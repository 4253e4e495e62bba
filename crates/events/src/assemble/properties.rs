//! What holds for every order of events, sensible or not.

use std::collections::{HashMap, HashSet};
use std::time::Duration;

use super::fixture::*;
use super::{Options, Totals};
use crate::ids::mix;
use crate::{EventKind, ExitStatus, Origin, Span, SpanContext, SpanId, SpanKind, TraceId};

/// A sequence of numbers that a seed determines.
struct Numbers(u64);

impl Numbers {
    fn below(&mut self, limit: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.0) % limit
    }
}

/// Feeds one run with events that only chance has chosen; returns how many entries a known thread made.
fn feed(run: &mut Run, numbers: &mut Numbers, events: usize) -> u64 {
    let (mut now, mut entries) = (1000, 0);
    for _ in 0..events {
        // Mostly forward, at times on the spot or backward.
        now = (now + numbers.below(20)).saturating_sub(numbers.below(8));
        let tid = 1 + numbers.below(8) as i32;
        let other = 1 + numbers.below(8) as i32;
        let status = match numbers.below(3) {
            0 => ExitStatus::Exited(numbers.below(3) as i32),
            1 => ExitStatus::Killed { signal: 9, core_dumped: false },
            _ => ExitStatus::Unknown,
        };
        match numbers.below(40) {
            0 => run.start(now, tid, Origin::Launched, "launched"),
            1 => run.start(now, tid, Origin::Attached, "attached"),
            2..5 => run.fork(now, tid, other, 1 + numbers.below(8) as i32),
            5..8 => run.thread(now, other, tid, Some(1 + numbers.below(8) as i32)),
            8..18 => {
                let before = run.totals().unknown_events;
                let number =
                    [READ, GETPID, CLONE, EXECVE, EXIT, RESTART, EXIT_GROUP, OPENAT][numbers.below(8) as usize];
                run.enter(now, tid, number);
                entries += u64::from(run.totals().unknown_events == before);
            }
            18..25 => run.leave(now, tid, [0, 3, -2, -11, -516][numbers.below(5) as usize]),
            25..27 => run.exec(now, other, tid, "other"),
            27 => run.signal(now, tid, 15),
            28 => run.event(now, tid, EventKind::Renamed("renamed".into())),
            29 => run.event(now, tid, EventKind::ThreadExited(status)),
            30 => run.event(now, tid, EventKind::ProcessExited(status)),
            31 => run.event(now, tid, EventKind::Missed(Box::default())),
            32..34 => run.event(now, tid, EventKind::Rests),
            34 => run.event(now, tid, EventKind::Rested),
            35 => run.event(now, tid, EventKind::Marked(b"here".to_vec())),
            36..39 => {
                let text = ["[RESULT] a", " = ", "1\n", "x", "[DECISION] b::c\n"][numbers.below(5) as usize];
                run.event(now, tid, EventKind::Wrote { bytes: text.into(), cut: numbers.below(20) == 0 });
            }
            _ => run.event(now, tid, EventKind::Detached),
        }
    }
    entries
}

fn is_inside(inner: &Span, outer: &Span) -> bool {
    outer.start <= inner.start && inner.end <= outer.end
}

fn check(done: &Done, entries: u64, caller: Option<SpanId>, first: TraceId) {
    let ids: HashMap<SpanId, &Span> = done.spans.iter().map(|span| (span.span_id, span)).collect();
    assert_eq!(ids.len(), done.spans.len(), "every id is unique");
    for span in &done.spans {
        assert!(span.span_id.0 != [0; 8] && Some(span.span_id) != caller);
        assert!(span.end > span.start, "{span:?}");
        assert!(span.events.iter().all(|event| span.start <= event.at && event.at <= span.end), "{span:?}");
        assert!(span.links.iter().all(|link| ids.contains_key(&link.span_id)), "{span:?}");
        let Some(parent_id) = span.parent_id.filter(|id| Some(*id) != caller) else {
            assert_eq!(span.kind, SpanKind::Process, "{span:?}");
            // A trace that goes on for another one has no caller.
            assert_eq!(span.parent_id, caller.filter(|_| span.trace_id == first));
            continue;
        };
        let parent = ids[&parent_id];
        assert_eq!(parent.trace_id, span.trace_id, "{span:?}");
        match span.kind {
            SpanKind::Decision => panic!("no event makes any"),
            SpanKind::Process => assert_eq!(parent.kind, SpanKind::Process),
            SpanKind::Thread => assert!(parent.kind == SpanKind::Process && is_inside(span, parent), "{span:?}"),
            SpanKind::Call | SpanKind::Gap => {
                assert!(
                    matches!(parent.kind, SpanKind::Process | SpanKind::Thread) && is_inside(span, parent),
                    "{span:?}"
                )
            }
        }
        let pid = |span: &Span| span.resource.attributes.iter().find(|a| a.key == "process.pid").cloned();
        if span.kind != SpanKind::Process {
            assert_eq!(pid(span), pid(parent));
        }
    }
    let spans = |kind| done.spans.iter().filter(|span| span.kind == kind).count() as u64;
    let Totals { calls, spans: all, processes, .. } = done.totals;
    assert_eq!((calls, calls, all), (entries, spans(SpanKind::Call), done.spans.len() as u64));
    assert_eq!(calls, done.calls.len() as u64);
    let gaps = done.spans.iter().filter(|span| span.kind == SpanKind::Gap).map(|span| span.end - span.start);
    assert_eq!((done.totals.gaps, done.totals.gaps_duration), (spans(SpanKind::Gap), gaps.sum()));
    assert!(spans(SpanKind::Process) >= processes);
    let told = |word: &str| done.log.iter().filter(|line| line.starts_with(word)).count() as u64;
    assert_eq!((told("started "), told("exited ")), (processes, processes));
    let unfinished = done.spans.iter().filter(|span| get(span, "syscall.unfinished").is_some()).count();
    assert_eq!(done.totals.unfinished, unfinished as u64);
    let (kept, dropped) = done.spans.iter().fold((0, 0), |(kept, dropped), span| {
        (kept + span.events.len() as u64, dropped + u64::from(span.dropped_events))
    });
    let Totals { signals, signals_dropped, markers, markers_dropped, .. } = done.totals;
    assert_eq!(signals + markers, kept + dropped);
    // Lines that were not known whole are dropped too.
    assert!(signals_dropped <= dropped && dropped <= signals_dropped + markers_dropped);
}

#[test]
fn any_order_of_events_makes_a_whole_tree() {
    let caller = SpanContext {
        trace_id: TraceId([3; 16]),
        span_id: SpanId([4; 8]),
        sampled: true,
        trace_state: String::new(),
        remote: true,
    };
    let (mut calls, mut rotations) = (0, 0);
    for seed in 0..2000 {
        let mut numbers = Numbers(mix(seed));
        let parent = (seed % 2 == 0).then(|| caller.clone());
        let caller = parent.as_ref().map(|parent| parent.span_id);
        let first = parent.as_ref().map_or(TRACE, |parent| parent.trace_id);
        let rotate = (seed % 3 == 0).then(|| Duration::from_nanos(1 + numbers.below(500)));
        let mut run = Run::new(Options { parent, rotate, ..options() });
        let events = 20 + numbers.below(300) as usize;
        let entries = feed(&mut run, &mut numbers, events);
        let done = run.finish();
        check(&done, entries, caller, first);
        let traces: HashSet<TraceId> = done.spans.iter().map(|span| span.trace_id).collect();
        assert!(traces.len() as u64 <= 1 + done.totals.traces && (rotate.is_some() || traces.len() <= 1));
        rotations += done.totals.traces;
        calls += done.totals.calls;
    }
    assert!(calls > 20_000, "the sequences are not empty: {calls}");
    assert!(rotations > 500, "traces are rotated: {rotations}");
}
