//! What is merged, what is not, and that nothing is lost in it.

use std::sync::Arc;

use super::*;
use crate::Resource;

fn options(detail: Detail, max_spans: u64) -> MergeOptions {
    MergeOptions { detail, max_spans, slow: Duration::from_millis(10) }
}

fn span(name: &str, tid: Tid, start: u64, duration: u64) -> Span {
    Span {
        trace_id: TraceId([1; 16]),
        span_id: SpanId(start.to_be_bytes()),
        parent_id: Some(SpanId([9; 8])),
        trace_state: None,
        parent_is_remote: false,
        kind: SpanKind::Call,
        name: name.into(),
        start,
        end: start + duration,
        attributes: vec![
            Attribute::new("linux.tid", tid),
            Attribute::new("syscall.arg.fd", "3"),
            Attribute::new("syscall.result", 5),
            Attribute::new("file.path", "/etc/passwd"),
        ],
        caller: Caller::default(),
        dropped_attributes: 0,
        events: Vec::new(),
        dropped_events: 0,
        links: Vec::new(),
        status: Status::Unset,
        resource: Arc::new(Resource::default()),
        call: Some(CallFacts { tid, bytes: Some(5), errno: 0, is_event: false, in_context: false }),
    }
}

fn run(options: MergeOptions, spans: impl IntoIterator<Item = Span>) -> (Vec<Span>, MergeCounts) {
    let (mut merger, mut out) = (Merger::new(options), Vec::new());
    spans.into_iter().for_each(|span| merger.push(span, &mut out));
    merger.close_all(&mut out);
    (out, merger.counts())
}

fn int(span: &Span, key: &str) -> Option<i64> {
    span.attributes.iter().find_map(|attribute| match attribute.value {
        Value::Int(value) if attribute.key == key => Some(value),
        _ => None,
    })
}

fn calls(spans: &[Span]) -> i64 {
    spans.iter().map(|span| int(span, "syscall.count").unwrap_or(1)).sum()
}

#[test]
fn full_detail_changes_nothing() {
    let (out, counts) = run(options(Detail::Full, 1), (0..100).map(|at| span("read", 1, at * 10, 5)));
    assert_eq!((out.len(), counts), (100, MergeCounts::default()));
}

#[test]
fn like_calls_in_a_row_become_one_with_exact_totals() {
    let spans = (0..10).map(|at| span("read", 1, at * 10, 1 + at)).chain([span("write", 1, 200, 5)]);
    let (out, counts) = run(options(Detail::Auto, 0), spans.chain((0..3).map(|at| span("read", 1, 300 + at, 1))));
    let names: Vec<&str> = out.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["read", "write", "read"]);
    assert_eq!(counts, MergeCounts { calls: 13, spans: 2 });
    let first = &out[0];
    assert_eq!((first.start, first.end), (0, 100));
    let expected = [
        ("syscall.count", 10),
        ("syscall.duration.sum", 55),
        ("syscall.duration.min", 1),
        ("syscall.duration.max", 10),
        ("syscall.bytes", 50),
    ];
    expected.iter().for_each(|&(key, value)| assert_eq!(int(first, key), Some(value), "{key}"));
    assert_eq!(int(first, "syscall.result"), None);
    assert!(first.attributes.iter().any(|attribute| attribute.key == "file.path"));
    assert!(!first.attributes.iter().any(|attribute| attribute.key.starts_with("syscall.arg.")));
    // One alone is left as it is.
    assert_eq!(int(&out[1], "syscall.result"), Some(5));
    assert_eq!(int(&out[1], "syscall.count"), None);
}

#[test]
fn what_matters_stays_whole() {
    let mut failed = span("read", 1, 20, 1);
    failed.status = Status::Error("No such file or directory".into());
    let mut event = span("execve", 1, 40, 1);
    event.call = Some(CallFacts { tid: 1, bytes: None, errno: 0, is_event: true, in_context: false });
    let slow = span("read", 1, 60, 10_000_000);
    let spans = [span("read", 1, 0, 1), span("read", 1, 10, 1), failed, slow, event, span("read", 1, 1 << 30, 1)];
    let (out, counts) = run(options(Detail::Auto, 0), spans);
    assert_eq!((out.len(), counts), (5, MergeCounts { calls: 2, spans: 1 }));
    assert_eq!(calls(&out), 6);
}

#[test]
fn a_long_run_stays_small_whatever_the_order_of_its_calls() {
    let names = ["openat", "read", "close"];
    let spans = (0..600_000u64).map(|at| {
        let mut span = span(names[at as usize % 3], 1 + (at / 7 % 4) as Tid, at * 50_000, 400);
        span.attributes.push(Attribute::new("file.path", format!("/tmp/{}", at % 1000)));
        span
    });
    let (out, counts) = run(options(Detail::Auto, 1000), spans);
    assert!(out.len() <= 1300, "{} spans", out.len());
    assert_eq!(calls(&out), 600_000);
    assert_eq!(counts.calls as usize + out.len() - counts.spans as usize, 600_000);
}

#[test]
fn a_hot_call_is_merged_at_once() {
    let (out, _) = run(options(Detail::Auto, u64::MAX), (0..50_000).map(|at| span("getppid", 1, at * 1000, 400)));
    assert_eq!(out.len() as u32, HOT + 1);
    assert_eq!(calls(&out), 50_000);
}

#[test]
fn the_summary_has_one_span_for_each_thread_name_and_second() {
    let spans = (0..4000u64).map(|at| {
        let mut span = span(if at % 2 == 0 { "read" } else { "write" }, 1 + (at % 4) as Tid, at * 1_000_000, 400);
        if at % 5 == 0 {
            span.status = Status::Error("Bad file descriptor".into());
        }
        span
    });
    let (out, _) = run(options(Detail::Summary, 0), spans);
    assert_eq!(calls(&out), 4000);
    assert!(out.len() <= 4 * 6, "{} spans", out.len());
    assert_eq!(out.iter().filter_map(|span| int(span, "syscall.errors")).sum::<i64>(), 800);
}

#[test]
fn nothing_is_left_behind_when_a_parent_ends() {
    let mut merger = Merger::new(options(Detail::Auto, 0));
    let mut out = Vec::new();
    (0..3).for_each(|at| merger.push(span("read", 1, at * 10, 1), &mut out));
    assert!(out.is_empty());
    let mut parent = span("thread", 1, 0, 100);
    (parent.kind, parent.call, parent.span_id) = (SpanKind::Thread, None, SpanId([9; 8]));
    merger.push(parent, &mut out);
    assert_eq!(out.iter().map(|span| span.kind).collect::<Vec<_>>(), [SpanKind::Call, SpanKind::Thread]);
    let mut root = span("sh", 1, 0, 100);
    (root.kind, root.call, root.span_id) = (SpanKind::Process, None, SpanId([7; 8]));
    root.attributes.push(Attribute::new("renacer.calls", 3));
    merger.push(root, &mut out);
    let root = &out[2];
    assert_eq!((int(root, "renacer.calls.merged"), int(root, "renacer.spans.merged")), (Some(3), Some(1)));
}
