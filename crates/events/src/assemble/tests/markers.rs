//! What programs say of themselves becomes events of the span that the thread's calls are under.

use std::sync::Arc;

use crate::assemble::Options;
use crate::assemble::fixture::*;
use crate::{EventKind, ExitStatus, Redact, Span, Text, Tid, Value};

fn write(run: &mut Run, at: u64, tid: Tid, text: &str) {
    run.event(at, tid, EventKind::Wrote { bytes: text.into(), cut: false });
}

/// The events of a span: when, name, and the last attribute's text.
fn events(span: &Span) -> Vec<(u64, &str, &str)> {
    let last = |attribute: Option<&crate::Attribute>| match attribute.map(|attribute| attribute.value.clone()) {
        Some(Value::Text(text)) => text,
        _ => Text::default(),
    };
    let events = span.events.iter().map(|event| (event.at - EPOCH, &*event.name, last(event.attributes.last())));
    events.map(|(at, name, text)| (at, name, &*text.to_string().leak())).collect()
}

#[test]
fn they_are_on_the_process_until_there_are_threads_and_then_on_these() {
    let mut run = Run::launched(options());
    write(&mut run, 20, 100, "[DECISION] a::first input={}\n");
    run.thread(30, 100, 101, None);
    write(&mut run, 31, 101, "[RESULT] second = 2\n");
    run.event(32, 100, EventKind::Marked(b"third".to_vec()));
    let done = run.finish();
    assert_eq!(events(done.span("program")), [(20, "decision", "{}")]);
    assert_eq!(events(done.span("thread worker")), [(31, "result", "2")]);
    assert_eq!(events(done.span("thread program")), [(32, "mark", "third")]);
    assert_eq!((done.totals.markers, done.totals.markers_dropped), (3, 0));
}

#[test]
fn a_line_is_its_process_and_programs_own() {
    let mut run = Run::launched(options());
    run.enter(13, 100, CLONE);
    run.fork(14, 200, 100, 100);
    run.leave(15, 100, 200);
    write(&mut run, 20, 100, "[RESULT] a = ");
    write(&mut run, 21, 200, "[RESULT] b = ");
    write(&mut run, 22, 100, "1\n");
    run.exec(23, 200, 200, "other");
    write(&mut run, 24, 200, "2\n[RESULT] c = 3\n[RESULT] d = ");
    run.exit(25, 200, ExitStatus::Exited(0));
    run.fork(26, 200, 100, 100);
    write(&mut run, 27, 200, "4\n");
    let done = run.finish();
    let other = done.span("other");
    assert_eq!(events(other), [(24, "result", "3")]);
    assert_eq!(events(done.by_id(ROOT)), [(22, "result", "1")]);
    assert_eq!(done.totals.markers, 2);
}

#[test]
fn they_share_the_room_of_a_span_with_signals_and_what_is_left_out_is_counted() {
    let mut run = Run::launched(options());
    (0..100).for_each(|at| run.signal(20 + at, 100, 14));
    (0..50).for_each(|at| run.event(200 + at, 100, EventKind::Marked(b"x".to_vec())));
    let done = run.finish();
    let process = done.span("program");
    assert_eq!((process.events.len(), process.dropped_events), (128, 22));
    assert_eq!((done.totals.markers, done.totals.markers_dropped, done.totals.signals_dropped), (50, 22, 0));
    assert_eq!(get(process, "renacer.markers.dropped"), Some(&Value::Int(22)));
}

#[test]
fn only_so_many_processes_lines_wait_for_their_end() {
    let mut run = Run::launched(options());
    let pids = 200..1300;
    for pid in pids.clone() {
        run.fork(20, pid, 100, 100);
        write(&mut run, 21, pid, "[RESULT] a = ");
    }
    for pid in pids {
        write(&mut run, 22, pid, "1\n");
    }
    assert_eq!((run.totals().markers, run.totals().markers_dropped), (1024, 76));
    // There is room again.
    write(&mut run, 23, 1299, "[RESULT] a = ");
    write(&mut run, 24, 1299, "1\n");
    assert_eq!(run.totals().markers, 1025);
}

#[test]
fn what_strangers_say_is_counted() {
    let mut run = Run::launched(options());
    write(&mut run, 20, 999, "[RESULT] a = 1\n");
    run.event(21, 999, EventKind::Marked(b"x".to_vec()));
    assert_eq!((run.totals().markers, run.totals().unknown_events), (0, 2));
}

/// Takes every text with these letters for a secret.
#[derive(Debug)]
struct Hunter;

impl Redact for Hunter {
    fn text(&self, text: &mut Text) -> bool {
        let found = text.contains("hunter2");
        *text = text.replace("hunter2", "REDACTED").into();
        found
    }
}

#[test]
fn secrets_are_removed_from_them() {
    let redact: Option<Arc<dyn Redact>> = Some(Arc::new(Hunter));
    let mut run = Run::launched(Options { redact, ..options() });
    write(&mut run, 20, 100, "[RESULT] a = {\"b\\\\\": \"hunter2\"}\n");
    run.event(21, 100, EventKind::Marked(b"my hunter2".to_vec()));
    let done = run.finish();
    assert_eq!(events(done.span("program")), [(20, "result", r#"{"b\\": "REDACTED"}"#), (21, "mark", "my REDACTED")]);
    assert_eq!(done.totals.redacted, 2);
}
