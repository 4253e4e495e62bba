//! Calls in spans of the program's own, and what the process says of itself.

use std::sync::Arc;
use std::time::Duration;

use crate::assemble::Options;
use crate::assemble::fixture::*;
use crate::{ActiveSpan, Attribute, Entry, EventKind, ExitStatus, ResourceOptions, SpanId, Tid, TraceId, Value};

const OTHER: TraceId = TraceId([3; 16]);
const ACTIVE: SpanId = SpanId([4; 8]);

fn enter_in(run: &mut Run, at: u64, tid: Tid, number: u64, sampled: bool) {
    let attributes = vec![Attribute::new("http.route", "/route"), Attribute::new("syscall.result", "forged")];
    let span = ActiveSpan { trace_id: OTHER, span_id: ACTIVE, sampled, attributes };
    run.event(at, tid, EventKind::Entered(Entry { context: Some(Arc::new(span)), ..entry(number) }));
}

#[test]
fn a_call_is_below_the_span_that_it_is_made_in() {
    let mut run = Run::launched(options());
    enter_in(&mut run, 20, 100, OPENAT, true);
    run.leave(30, 100, 3);
    run.exit(25, 100, ExitStatus::Exited(0));
    let done = run.finish();
    let call = done.span("openat");
    assert_eq!((call.trace_id, call.parent_id, call.parent_is_remote), (OTHER, Some(ACTIVE), true));
    assert_eq!(get(call, "renacer.parent.source"), Some(&Value::from("thread_context")));
    assert_eq!(get(call, "http.route"), Some(&Value::from("/route")));
    assert_eq!(get(call, "syscall.result"), Some(&Value::Int(3)), "what is Renacer's own to say stays");
    // The process's span has room for it all the same.
    assert_eq!(times(done.span("program")).1, 30);
    assert_eq!(done.totals.calls, 2);
}

#[test]
fn a_span_that_is_not_sampled_has_no_calls() {
    let mut run = Run::launched(options());
    enter_in(&mut run, 20, 100, OPENAT, false);
    run.leave(30, 100, 3);
    let done = run.finish();
    let call = done.span("openat");
    assert_eq!((call.trace_id, call.parent_id), (TRACE, Some(ROOT)));
    assert_eq!(get(call, "renacer.parent.source"), None);
    assert_eq!(get(call, "http.route"), None);
}

#[test]
fn links_name_the_trace_that_the_call_is_in() {
    let mut run = Run::launched(options());
    enter_in(&mut run, 20, 100, CLONE, true);
    run.fork(21, 200, 100, 100);
    run.leave(22, 100, 200);
    enter_in(&mut run, 30, 100, READ, true);
    run.leave(31, 100, -516);
    run.call(32, 100, RESTART, 0);
    run.exit(40, 200, ExitStatus::Exited(0));
    let done = run.finish();
    let child = done.spans.iter().find(|span| get(span, "process.pid") == Some(&Value::Int(200))).expect("the child");
    let links = |span: &crate::Span| span.links.iter().map(|link| (link.trace_id, link.span_id)).collect::<Vec<_>>();
    assert_eq!(links(child), [(OTHER, done.span("clone").span_id)]);
    assert_eq!((child.trace_id, child.parent_id), (TRACE, Some(ROOT)));
    assert_eq!(links(done.span("restart_syscall")), [(OTHER, done.span("read").span_id)]);
}

#[test]
fn another_trace_of_the_run_leaves_such_calls_where_they_are() {
    let mut run = Run::launched(Options { rotate: Some(Duration::from_nanos(15)), ..options() });
    enter_in(&mut run, 20, 100, OPENAT, true);
    run.leave(60, 100, 3);
    let done = run.finish();
    assert!(done.totals.traces > 0);
    assert_eq!((done.span("openat").trace_id, done.span("openat").parent_id), (OTHER, Some(ACTIVE)));
}

#[test]
fn a_process_is_the_service_that_it_says_it_is() {
    let described = |resource: ResourceOptions| {
        let mut run = Run::launched(Options { resource, ..options() });
        run.call(15, 100, READ, 0);
        for version in ["1", "2"] {
            let said = [("service.name", "shop"), ("service.version", version), ("process.pid", "x"), ("team", "them")];
            let said = said.map(|(key, value)| Attribute::new(key, value)).to_vec();
            run.event(20, 100, EventKind::Described(said));
        }
        run.call(30, 100, OPENAT, 3);
        run.event(40, 77, EventKind::Described(Vec::new()));
        run.finish()
    };
    let of = |span: &crate::Span, key: &str| {
        let mut found = span.resource.attributes.iter().filter(|attribute| attribute.key == key);
        let value = found.next().map(|attribute| attribute.value.clone());
        assert!(found.next().is_none(), "{key} stands twice");
        value
    };
    let done = described(ResourceOptions::default());
    assert_eq!(of(done.span("read"), "service.name"), Some("program".into()));
    for name in ["openat", "program"] {
        let span = done.span(name);
        assert_eq!(of(span, "service.name"), Some("shop".into()));
        assert_eq!(of(span, "service.version"), Some("2".into()));
        assert_eq!(of(span, "process.pid"), Some(100.into()));
        assert_eq!(of(span, "team"), Some("them".into()));
    }
    assert_eq!(done.totals.unknown_events, 1);
    let user = vec![Attribute::new("team", "us"), Attribute::new("service.version", "3")];
    let done = described(ResourceOptions { service_name: Some("mine".into()), user, ..ResourceOptions::default() });
    for (key, value) in [("service.name", "mine"), ("service.version", "3"), ("team", "us")] {
        assert_eq!(of(done.span("openat"), key), Some(value.into()));
    }
}
