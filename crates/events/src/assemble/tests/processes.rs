//! The rules for processes.

use std::sync::Arc;

use crate::assemble::fixture::*;
use crate::assemble::{Options, Totals};
use crate::{Attribute, ExitStatus, Origin, SpanContext, SpanId, SpanKind, Status, TraceId, Value};

#[test]
fn the_launched_program_is_one_span_from_its_exec_to_its_end() {
    let mut run = Run::launched(options());
    run.call(20, 100, GETPID, 100);
    run.enter(30, 100, EXIT_GROUP);
    run.exit(40, 100, ExitStatus::Exited(0));
    let done = run.finish();

    let process = done.span("program");
    assert_eq!((process.span_id, process.trace_id, process.parent_id), (ROOT, TRACE, None));
    assert_eq!((process.kind, times(process)), (SpanKind::Process, (10, 40)));
    assert_eq!((&process.status, process.links.len(), process.events.len()), (&Status::Unset, 0, 0));
    let expected = [
        ("process.pid", Value::Int(100)),
        ("process.parent_pid", Value::Int(1)),
        ("process.executable.path", "/bin/program".into()),
        ("process.working_directory", "/tmp".into()),
        ("process.command_args", vec!["program".into(), "-v".into()].into()),
        ("process.exit.code", Value::Int(0)),
        ("renacer.calls", Value::Int(3)),
    ];
    assert_eq!(process.attributes, expected.map(|(key, value)| Attribute::new(key, value)));

    for (name, at) in [("execve", (10, 12)), ("getpid", (20, 21)), ("exit_group", (30, 40))] {
        let call = done.span(name);
        assert_eq!((call.parent_id, times(call), call.kind), (Some(ROOT), at, SpanKind::Call), "{name}");
        assert!(Arc::ptr_eq(&call.resource, &process.resource), "{name}");
    }
    // exit_group never returns, so it is not unfinished.
    assert_eq!(keys(done.span("exit_group")), ["linux.tid", "syscall.number"]);
    let totals = Totals { calls: 3, spans: 4, processes: 1, threads: 1, ..Totals::default() };
    assert_eq!(done.totals, totals);
    assert_eq!(done.spans.last().map(|span| span.span_id), Some(ROOT), "the root comes last");
    assert_eq!(
        done.lines,
        ["program 100 execve", "program 100 getpid", "program 100 exit_group", "40 100/100 Exited(0)"]
    );
    let log = ["started 100", "replaced 100", "execve 100 by 100", "getpid 100 by 100", "exit_group 100 by 100"];
    assert_eq!(done.log[..5], log);
    assert_eq!(done.log[5..], ["exited 100 Exited(0)"]);
}

#[test]
fn the_run_joins_the_callers_trace() {
    let caller = SpanContext {
        trace_id: TraceId([3; 16]),
        span_id: SpanId([4; 8]),
        sampled: true,
        trace_state: "vendor=1".into(),
        remote: true,
    };
    let mut run = Run::launched(Options { parent: Some(caller), ..options() });
    run.enter(20, 100, CLONE);
    run.fork(21, 101, 100, 100);
    let done = run.finish();
    for span in &done.spans {
        assert_eq!(span.trace_id, TraceId([3; 16]));
        assert_eq!(span.trace_state.as_deref(), Some("vendor=1"));
        assert!(span.links.iter().all(|link| link.trace_id == TraceId([3; 16])));
    }
    let [child, root] = done.named("program")[..] else { panic!("two processes") };
    assert_eq!((root.span_id, root.parent_id, root.parent_is_remote), (ROOT, Some(SpanId([4; 8])), true));
    assert_eq!((child.parent_id, child.parent_is_remote), (Some(ROOT), false));
}

#[test]
fn a_forked_child_hangs_on_its_parents_process_and_links_to_the_call() {
    let mut run = Run::launched(options());
    run.enter(20, 100, CLONE);
    // The child runs, and ends, before the parent's call returns.
    run.fork(21, 101, 100, 100);
    run.call(22, 101, GETPID, 101);
    run.exit(24, 101, ExitStatus::Exited(3));
    run.leave(25, 100, 101);
    let done = run.finish();
    let [child, _] = done.named("program")[..] else { panic!("two processes") };
    assert_eq!((child.parent_id, times(child)), (Some(ROOT), (21, 24)));
    assert_eq!(child.links.iter().map(|link| link.span_id).collect::<Vec<_>>(), [done.span("clone").span_id]);
    assert_eq!(get(child, "process.exit.code"), Some(&Value::Int(3)));
    assert_eq!(get(child, "error.type"), Some(&"3".into()));
    assert_eq!(child.status, Status::Error("exited with 3".into()));
    assert_eq!(done.span("getpid").parent_id, Some(child.span_id));
    let pid = |span: &crate::Span| span.resource.attributes.iter().find(|a| a.key == "process.pid").cloned();
    assert_eq!(pid(child), Some(Attribute::new("process.pid", 101)));
    assert_eq!(pid(done.span("getpid")), Some(Attribute::new("process.pid", 101)));
    assert_eq!(pid(done.span("clone")), Some(Attribute::new("process.pid", 100)));
    assert_ne!(child.resource.attributes[0], done.span("clone").resource.attributes[0]);
}

#[test]
fn a_child_may_outlive_its_parent() {
    let mut run = Run::launched(options());
    run.enter(20, 100, CLONE);
    run.fork(21, 101, 100, 100);
    run.leave(22, 100, 101);
    run.exit(30, 100, ExitStatus::Exited(0));
    run.call(40, 101, GETPID, 101);
    run.enter(41, 101, CLONE);
    run.fork(42, 102, 101, 101);
    run.exit(50, 101, ExitStatus::Exited(0));
    run.exit(60, 102, ExitStatus::Exited(0));
    let done = run.finish();
    let [child, grandchild, root] = done.named("program")[..] else { panic!("three processes") };
    assert_eq!([times(root), times(child), times(grandchild)], [(10, 30), (21, 50), (42, 60)]);
    assert_eq!([child.parent_id, grandchild.parent_id], [Some(ROOT), Some(child.span_id)]);
}

#[test]
fn exec_ends_one_span_and_starts_another_under_the_same_parent() {
    let mut run = Run::launched(options());
    run.enter(20, 100, CLONE);
    run.fork(21, 101, 100, 100);
    run.leave(22, 100, 101);
    run.enter(30, 101, EXECVE);
    run.exec(31, 101, 101, "other");
    run.leave(33, 101, 0);
    run.call(40, 101, GETPID, 101);
    run.exit(50, 101, ExitStatus::Exited(0));
    let done = run.finish();
    let [before, _] = done.named("program")[..] else { panic!("two processes") };
    let (after, exec) = (done.span("other"), done.named("execve")[1]);
    assert_eq!((times(before), times(after), times(exec)), ((21, 33), (31, 50), (30, 33)));
    assert_eq!((before.parent_id, after.parent_id, exec.parent_id), (Some(ROOT), Some(ROOT), Some(before.span_id)));
    assert_eq!(after.links.iter().map(|link| link.span_id).collect::<Vec<_>>(), [exec.span_id]);
    assert_eq!((get(before, "process.exit.code"), &before.status), (None, &Status::Unset));
    assert_eq!(get(after, "process.executable.path"), Some(&"/bin/other".into()));
    assert_eq!(done.span("getpid").parent_id, Some(after.span_id));
    assert!(Arc::ptr_eq(&exec.resource, &before.resource));
    assert!(Arc::ptr_eq(&done.span("getpid").resource, &after.resource));
    assert_eq!(done.totals.processes, 2);
}

#[test]
fn a_failed_exec_changes_nothing() {
    let mut run = Run::new(options());
    run.start(5, 100, Origin::Launched, "renacer");
    run.call(10, 100, EXECVE, -2);
    run.enter(20, 100, EXECVE);
    run.exec(21, 100, 100, "program");
    run.leave(22, 100, 0);
    let done = run.finish();
    let process = done.span("program");
    assert_eq!((process.span_id, times(process)), (ROOT, (10, 22)));
    assert_eq!(done.named("execve").iter().map(|span| span.parent_id).collect::<Vec<_>>(), [Some(ROOT); 2]);
}

#[test]
fn a_kill_during_exec_ends_both_images() {
    let mut run = Run::launched(options());
    run.enter(20, 100, EXECVE);
    run.exec(21, 100, 100, "other");
    run.exit(22, 100, ExitStatus::Killed { signal: 9, core_dumped: false });
    let done = run.finish();
    assert_eq!((times(done.span("program")), times(done.span("other"))), ((10, 22), (21, 22)));
    assert_eq!(get(done.named("execve")[1], "syscall.unfinished"), Some(&Value::Bool(true)));
    assert_eq!(done.span("other").status, Status::Error("killed by SIGKILL".into()));
}

#[test]
fn death_by_a_signal_is_an_error_without_an_exit_code() {
    let mut run = Run::launched(options());
    run.enter(20, 100, GETPID);
    run.signal(21, 100, 11);
    run.exit(22, 100, ExitStatus::Killed { signal: 11, core_dumped: true });
    let done = run.finish();
    let process = done.span("program");
    assert_eq!(get(process, "process.exit.code"), None);
    assert_eq!(get(process, "error.type"), Some(&"SIGSEGV".into()));
    assert_eq!(process.status, Status::Error("killed by SIGSEGV (core dumped)".into()));
    assert_eq!(get(done.span("getpid"), "syscall.unfinished"), Some(&Value::Bool(true)));
    assert_eq!(get(process, "renacer.calls.unfinished"), Some(&Value::Int(1)));
}

#[test]
fn attached_processes_hang_on_their_parent_if_it_is_traced() {
    let mut run = Run::new(options());
    run.start(5, 1, Origin::Attached, "init");
    run.start(6, 100, Origin::Attached, "server");
    let done = run.finish();
    assert_eq!((done.span("init").parent_id, done.span("server").parent_id), (None, Some(ROOT)));
}

#[test]
fn a_reused_id_ends_what_had_it() {
    let mut run = Run::launched(options());
    run.fork(20, 101, 100, 100);
    run.enter(21, 101, READ);
    run.fork(30, 101, 100, 100);
    run.call(31, 101, GETPID, 101);
    let done = run.finish();
    let [first, second, _] = done.named("program")[..] else { panic!("three processes") };
    assert_eq!((times(first), times(second)), ((20, 30), (30, 32)));
    assert_eq!(done.span("read").parent_id, Some(first.span_id));
    assert_eq!(done.span("getpid").parent_id, Some(second.span_id));
    assert_eq!(done.totals.unknown_events, 1);
}
