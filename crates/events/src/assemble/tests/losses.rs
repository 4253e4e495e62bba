//! What is limited, dropped or not understood is counted; and the documentation is complete.

use std::sync::Arc;
use std::time::Duration;

use crate::assemble::fixture::*;
use crate::assemble::{Options, Totals};
use crate::{
    Abi, ActiveSpan, Attribute, Detail, Entry, EventKind, ExitStatus, MergeOptions, Merger, Origin, SpanKind, Status,
    Value,
};

#[test]
fn a_long_text_is_cut_and_counted() {
    let mut run = Run::launched(options());
    let mut entry = entry(OPENAT);
    entry.arguments[1] = 20_000;
    run.event(20, 100, EventKind::Entered(entry));
    run.leave(21, 100, 3);
    assert_eq!(run.totals().truncated, 1);
    let done = run.finish();
    let Some(Value::Text(path)) = get(done.span("openat"), "syscall.arg.pathname") else { panic!("no path") };
    assert_eq!(path.len(), 16_384);
    assert_eq!(done.totals.truncated, 1);
    assert_eq!(get(done.span("program"), "renacer.texts.truncated"), Some(&Value::Int(1)));
}

#[test]
fn a_run_that_is_not_sampled_makes_calls_but_no_spans() {
    let mut run = Run::launched(Options { sampled: false, ..options() });
    run.call(20, 100, GETPID, 0);
    let done = run.finish();
    assert!(done.spans.is_empty());
    assert_eq!((done.totals.calls, done.totals.spans, done.totals.spans_not_sampled), (2, 0, 3));
    assert_eq!(done.calls.len(), 2);
}

#[test]
fn a_span_keeps_128_signals_and_counts_the_rest() {
    let mut run = Run::launched(options());
    for at in 0..200 {
        run.signal(20 + at, 100, 14);
    }
    let done = run.finish();
    let process = done.span("program");
    assert_eq!((process.events.len(), process.dropped_events), (128, 72));
    assert_eq!((done.totals.signals, done.totals.signals_dropped), (200, 72));
    assert_eq!(get(process, "renacer.signals.dropped"), Some(&Value::Int(72)));
    assert_eq!(times(process), (10, 219));
}

#[test]
fn a_return_without_an_entry_is_counted_and_no_call() {
    let mut run = Run::new(options());
    run.start(5, 100, Origin::Attached, "server");
    run.leave(6, 100, 0);
    run.call(7, 100, GETPID, 100);
    run.leave(9, 100, 0);
    run.event(10, 100, EventKind::Detached);
    let done = run.finish();
    assert_eq!((done.totals.calls, done.totals.orphan_returns), (1, 2));
    let process = done.span("server");
    assert_eq!((times(process), process.parent_id, process.span_id), ((5, 10), None, ROOT));
    assert_eq!((get(process, "process.exit.code"), &process.status), (None, &Status::Unset));
    assert_eq!(get(process, "renacer.returns.orphaned"), Some(&Value::Int(2)));
    assert_eq!(done.log.last().map(String::as_str), Some("exited 100 Unknown"));
}

#[test]
fn events_of_strangers_are_counted() {
    let mut run = Run::launched(options());
    run.enter(20, 999, GETPID);
    run.leave(21, 999, 0);
    run.signal(22, 999, 15);
    run.thread(23, 999, 998, None);
    run.exec(24, 999, 999, "x");
    run.exec(24, 100, 999, "x");
    run.event(25, 999, EventKind::Renamed("x".into()));
    run.event(26, 999, EventKind::GroupStopped { signal: 19 });
    run.exit(27, 999, ExitStatus::Exited(0));
    run.event(28, 999, EventKind::Detached);
    let done = run.finish();
    assert_eq!((done.totals.unknown_events, done.spans.len(), done.totals.spans), (11, 2, 2));
    assert_eq!(get(done.span("program"), "renacer.events.unknown"), Some(&Value::Int(11)));
}

#[test]
fn what_is_open_at_the_end_ends_with_the_last_event() {
    let mut run = Run::launched(options());
    run.enter(20, 100, CLONE);
    run.fork(21, 101, 100, 100);
    run.leave(22, 100, 101);
    run.enter(23, 101, READ);
    run.call(30, 100, GETPID, 100);
    let done = run.finish_with(vec![Attribute::new("renacer.spans.merged", 5)]);
    assert_eq!(times(done.span("read")), (23, 31));
    for process in done.named("program") {
        assert_eq!((process.end - EPOCH, get(process, "process.exit.code")), (31, None));
    }
    let root = done.by_id(ROOT);
    assert_eq!(root.attributes.last(), Some(&Attribute::new("renacer.spans.merged", 5)));
    assert_eq!((done.totals.unfinished, done.totals.calls), (1, 4));
}

#[test]
fn a_time_without_tracing_is_a_span_and_counted() {
    let mut run = Run::launched(options());
    run.event(20, 100, EventKind::Rests);
    run.event(50, 100, EventKind::Rested);
    run.call(60, 100, GETPID, 100);
    run.thread(70, 100, 101, None);
    run.event(71, 101, EventKind::Rests);
    run.event(72, 100, EventKind::Rests);
    // One ends while it rests, the other one with the run.
    run.event(80, 101, EventKind::ThreadExited(ExitStatus::Exited(0)));
    run.event(81, 101, EventKind::Rested);
    let done = run.finish();
    assert_eq!((done.totals.gaps, done.totals.gaps_duration, done.totals.unknown_events), (3, 30 + 9 + 9, 1));
    let process = done.span("program");
    assert_eq!(get(process, "renacer.gaps"), Some(&Value::Int(3)));
    assert_eq!(get(process, "renacer.gaps.duration"), Some(&Value::Int(48)));
    let gaps: Vec<_> = done.spans.iter().filter(|span| span.kind == SpanKind::Gap).collect();
    assert_eq!(gaps.iter().map(|gap| times(gap)).collect::<Vec<_>>(), [(20, 50), (71, 80), (72, 81)]);
    for (gap, tid) in gaps.iter().zip([100, 101, 100]) {
        assert_eq!((&*gap.name, get(gap, "linux.tid")), ("untraced", Some(&Value::Int(tid))));
        assert_eq!(get(gap, "renacer.untraced"), Some(&Value::Bool(true)));
    }
    assert_eq!(gaps[0].parent_id, Some(ROOT));
    assert_eq!(gaps[2].parent_id, Some(done.span("thread program").span_id));
}

#[test]
fn a_run_without_events_makes_nothing() {
    let done = Run::new(options()).finish();
    assert!(done.spans.is_empty());
    assert_eq!(done.totals, Totals::default());
}

#[test]
fn the_documentation_lists_every_name_and_no_other() {
    let rotate = Some(Duration::from_nanos(10_000));
    let redact: Option<Arc<dyn crate::Redact>> = Some(Arc::new(Secretive));
    let mut run = Run::launched(Options { resource: everything(), rotate, redact, ..options() });
    run.leave(13, 100, 0);
    let span = ActiveSpan { trace_id: TRACE, span_id: ROOT, sampled: true, attributes: Vec::new() };
    run.event(13, 100, EventKind::Entered(Entry { context: Some(Arc::new(span)), ..entry(OPENAT) }));
    run.signal(14, 999, 15);
    (0..130).for_each(|at| run.signal(15 + at, 100, 15));
    run.event(190, 100, EventKind::Marked(b"late".to_vec()));
    run.call(200, 100, OPENAT, -2);
    run.call(210, 100, CONNECT, 0);
    let mut foreign = entry(OPENAT);
    (foreign.abi, foreign.arguments[1]) = (Abi::I386, 20_000);
    run.event(220, 100, EventKind::Entered(foreign));
    run.thread(221, 100, 101, None);
    run.event(222, 100, EventKind::Missed(Box::new(crate::Missed { calls: 3, ..crate::Missed::default() })));
    run.event(222, 101, EventKind::Marked(b"here".to_vec()));
    let lines = b"[DECISION] a::b input={}\n[RESULT] b = 1\n".to_vec();
    run.event(222, 101, EventKind::Wrote { bytes: lines, cut: false });
    run.event(223, 101, EventKind::Rests);
    run.event(230, 101, EventKind::Rested);
    (0..3).for_each(|at| run.call(20_000 + 2 * at, 101, READ, 5));
    run.call(20_100, 101, OPENAT, -2);
    run.call(20_110, 101, OPENAT, -2);
    run.exit(20_222, 100, ExitStatus::Exited(1));
    let done = run.finish();

    let (mut spans, mut merged) = (done.spans.clone(), Vec::new());
    for detail in [Detail::Auto, Detail::Summary] {
        let mut merger = Merger::new(MergeOptions { detail, max_spans: 0, slow: Duration::from_millis(1) });
        done.spans.iter().cloned().for_each(|span| merger.push(span, &mut merged));
        merger.close_all(&mut merged);
    }
    spans.append(&mut merged);
    let mut made: Vec<&str> = Vec::new();
    for span in &spans {
        made.extend(keys(span));
        made.extend(span.events.iter().flat_map(|event| &event.attributes).map(|attribute| &*attribute.key));
        made.extend(span.resource.attributes.iter().map(|attribute| &*attribute.key));
    }
    for key in &mut made {
        if key.starts_with("syscall.arg.") {
            *key = "syscall.arg.NAME";
        }
    }
    made.retain(|key| *key != "host.name" && *key != "team");
    // The first column of the tables: names in backquotes, without a star.
    let page = include_str!("../../../../../docs/spans.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    // Those of the code that made a call come from elsewhere.
    let of_code = |name: &str| name.starts_with("code.") || name.starts_with("renacer.code.");
    let names = rows.map(|(name, _)| name).filter(|name| !name.contains('*') && !of_code(name));
    let mut documented: Vec<&str> = names.collect();
    for names in [&mut made, &mut documented] {
        names.sort_unstable();
        names.dedup();
    }
    assert_eq!(made, documented);
}

/// A thread's name is a secret to it, and stays.
#[derive(Debug)]
struct Secretive;

impl crate::Redact for Secretive {
    fn text(&self, text: &mut crate::Text) -> bool {
        text == "worker"
    }
}

fn everything() -> crate::ResourceOptions {
    crate::ResourceOptions {
        service_name: None,
        detected: vec![Attribute::new("host.name", "box")],
        user: vec![Attribute::new("team", "blue")],
    }
}
