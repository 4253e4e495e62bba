//! Programs that are started with a caller of their own in their environment.

use std::time::Duration;

use crate::assemble::Options;
use crate::assemble::fixture::*;
use crate::{EventKind, ExitStatus, Image, Origin, Pid, ProcessStarted, Span, SpanContext, SpanId, TraceId, Value};

fn caller(number: u8, sampled: bool) -> SpanContext {
    let (trace_id, span_id) = (TraceId([number; 16]), SpanId([number; 8]));
    SpanContext { trace_id, span_id, sampled, trace_state: "vendor=1".into(), remote: true }
}

impl Run {
    fn exec_under(&mut self, at: u64, pid: Pid, name: &str, caller: Option<SpanContext>) {
        self.enter(at, pid, EXECVE);
        let image = Box::new(Image { caller, ..image(name) });
        self.event(at + 1, pid, EventKind::ImageReplaced { former_tid: pid, image });
        self.leave(at + 2, pid, 0);
    }

    /// A child has its parent's environment.
    fn fork_under(&mut self, at: u64, pid: Pid, parent: Pid, caller: Option<SpanContext>) {
        let origin = Origin::Forked { pid: parent, tid: parent, shares_descriptors: false };
        let child = started(pid, origin, "program");
        let image = Image { caller, ..child.image };
        let child = ProcessStarted { parent_pid: Some(parent), image, ..child };
        self.event(at, pid, EventKind::ProcessStarted(Box::new(child)));
    }

    /// The program was given a span of ours, and has a child.
    fn with_child(options: Options) -> Run {
        let mut run = Run::new(options);
        run.start(5, 100, Origin::Launched, "renacer");
        run.exec_under(10, 100, "program", Some(caller(7, true)));
        run.enter(20, 100, CLONE);
        run.fork_under(21, 200, 100, Some(caller(7, true)));
        run.leave(22, 100, 200);
        run
    }
}

fn place(span: &Span) -> (TraceId, Option<SpanId>) {
    (span.trace_id, span.parent_id)
}

#[test]
fn a_program_with_a_caller_of_its_own_joins_that_trace() {
    let mut run = Run::with_child(options());
    run.exec_under(30, 200, "child", Some(caller(3, true)));
    run.call(40, 200, GETPID, 200);
    // Its own children are with it.
    run.enter(50, 200, CLONE);
    run.fork_under(51, 300, 200, Some(caller(3, true)));
    run.leave(52, 200, 300);
    run.exec_under(60, 300, "grandchild", Some(caller(3, true)));
    run.thread(62, 300, 301, Some(300));
    run.call(63, 301, READ, 0);
    run.exit(70, 300, ExitStatus::Exited(0));
    run.exit(71, 200, ExitStatus::Exited(0));
    let done = run.finish();
    let theirs = TraceId([3; 16]);
    let child = done.span("child");
    assert_eq!((place(child), child.parent_is_remote), ((theirs, Some(SpanId([3; 8]))), true));
    assert_eq!(child.trace_state.as_deref(), Some("vendor=1"));
    assert_eq!(get(child, "renacer.parent.source"), Some(&Value::from("environment")));
    assert_eq!(place(done.span("getpid")), (theirs, Some(child.span_id)));
    let grandchild = done.span("grandchild");
    assert_eq!(get(grandchild, "renacer.parent.source"), None, "nobody but its parent's caller");
    let threads = done.named("thread worker");
    assert_eq!(place(threads[0]), (theirs, Some(grandchild.span_id)));
    assert_eq!(place(done.span("read")), (theirs, Some(threads[0].span_id)));
    // Exec leads from one trace to the other; what was before it stays where it was.
    let exec = done.named("execve").into_iter().find(|span| span.start == EPOCH + 30).expect("the child's exec");
    assert_eq!(exec.trace_id, TRACE);
    assert_eq!((child.links[0].trace_id, child.links[0].span_id), (TRACE, exec.span_id));
    // The program that Renacer started has its caller from Renacer.
    assert_eq!(place(done.by_id(ROOT)), (TRACE, None));
    for span in &done.spans {
        let parent = done.spans.iter().find(|parent| Some(parent.span_id) == span.parent_id);
        assert!(parent.is_none_or(|parent| parent.trace_id == span.trace_id), "{span:?}");
    }
}

#[test]
fn a_caller_that_samples_nothing_has_no_spans_below_it() {
    let mut run = Run::with_child(options());
    run.exec_under(30, 200, "child", Some(caller(3, false)));
    run.call(40, 200, GETPID, 200);
    // What it starts with a caller that samples is there, without a link to the call that is not.
    run.exec_under(60, 200, "sampled", Some(caller(4, true)));
    run.exit(71, 200, ExitStatus::Exited(0));
    run.call(80, 100, READ, 0);
    let done = run.finish();
    let sampled = done.span("sampled");
    assert_eq!((place(sampled), sampled.links.len()), ((TraceId([4; 16]), Some(SpanId([4; 8]))), 0));
    assert!(done.spans.iter().all(|span| span.trace_id == TRACE || span.span_id == sampled.span_id));
    assert!(done.named("child").is_empty() && done.named("getpid").is_empty());
    assert_eq!(done.named("read").len(), 1);
    // Its process, its call, and the exec by which it ends.
    assert_eq!(done.totals.spans_not_sampled, 3);
    assert_eq!(done.totals.calls, 6);
}

#[test]
fn callers_can_be_left_alone() {
    let mut run = Run::with_child(Options { join_callers: false, ..options() });
    run.exec_under(30, 200, "child", Some(caller(3, false)));
    let done = run.finish();
    assert!(done.spans.iter().all(|span| span.trace_id == TRACE));
    let child = done.span("child");
    assert_eq!((child.parent_id, get(child, "renacer.parent.source")), (Some(ROOT), None));
}

#[test]
fn rotation_takes_all_processes_along() {
    let mut run = Run::with_child(Options { rotate: Some(Duration::from_nanos(35)), ..options() });
    run.exec_under(30, 200, "child", Some(caller(3, true)));
    run.call(60, 200, GETPID, 200);
    run.exit(71, 200, ExitStatus::Exited(0));
    let done = run.finish();
    assert_eq!(done.totals.traces, 1);
    let [before, after] = done.named("child")[..] else { panic!("two spans of one program") };
    assert_eq!(place(before), (TraceId([3; 16]), Some(SpanId([3; 8]))));
    let root = done.by_id(after.parent_id.expect("a parent"));
    assert_eq!((root.trace_id, &*root.name), (after.trace_id, "program"));
    assert!(after.links.iter().any(|link| (link.trace_id, link.span_id) == (before.trace_id, before.span_id)));
    assert_eq!(place(done.span("getpid")), (after.trace_id, Some(after.span_id)));
}
