//! Each rule of docs/spans.md by a sequence of events made by hand.

use std::sync::Arc;

use super::Totals;
use super::fixture::*;
use crate::{Abi, Attribute, EventKind, ExitStatus, Origin, SpanContext, SpanId, SpanKind, Status, TraceId, Value};

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
fn a_call_carries_its_arguments_result_and_error() {
    let mut run = Run::launched(options());
    run.call(20, 100, OPENAT, -2);
    run.call(30, 100, OPENAT, 3);
    let done = run.finish();
    let calls = done.named("openat");
    let expected = [
        ("linux.tid", Value::Int(100)),
        ("syscall.number", Value::Int(257)),
        ("syscall.arg.dirfd", "AT_FDCWD".into()),
        ("syscall.arg.pathname", "\"ppp\"".into()),
        ("syscall.result", Value::Int(-2)),
        ("error.type", "ENOENT".into()),
        ("file.path", "/lib/libc.so.6".into()),
    ];
    assert_eq!(calls[0].attributes, expected.map(|(key, value)| Attribute::new(key, value)));
    assert_eq!(calls[0].status, Status::Error("No such file or directory".into()));
    assert_eq!(get(calls[1], "syscall.result"), Some(&Value::Int(3)));
    assert_eq!((get(calls[1], "error.type"), &calls[1].status), (None, &Status::Unset));
}

#[test]
fn being_asked_to_try_again_is_no_error() {
    let mut run = Run::launched(options());
    run.call(20, 100, GETPID, -11);
    let done = run.finish();
    let call = done.span("getpid");
    assert_eq!(keys(call), ["linux.tid", "syscall.number", "syscall.result"]);
    assert_eq!(call.status, Status::Unset);
}

#[test]
fn sockets_show_both_ends() {
    let mut run = Run::launched(options());
    run.call(20, 100, CONNECT, 0);
    run.call(30, 100, READ, 1);
    let done = run.finish();
    let expected = [
        ("network.transport", Value::from("tcp")),
        ("network.type", "ipv4".into()),
        ("network.peer.address", "127.0.0.1".into()),
        ("network.peer.port", Value::Int(443)),
        ("network.local.address", "10.0.0.1".into()),
        ("network.local.port", Value::Int(50_000)),
    ];
    assert_eq!(done.span("connect").attributes[3..], expected.map(|(key, value)| Attribute::new(key, value)));
    let expected = [("network.transport", "unix"), ("network.peer.address", "/run/user/bus")];
    assert_eq!(done.span("read").attributes[3..], expected.map(|(key, value)| Attribute::new(key, value)));
}

#[test]
fn names_say_what_a_call_is_about_when_asked_to() {
    let mut run = Run::launched(super::Options { span_names_target: true, ..options() });
    run.call(20, 100, OPENAT, 3);
    run.call(30, 100, CONNECT, 0);
    run.call(40, 100, READ, 0);
    run.call(50, 100, GETPID, 0);
    let done = run.finish();
    let names: Vec<_> = done.spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["execve", "openat libc.so.6", "connect 443", "read bus", "getpid", "program"]);
}

#[test]
fn a_long_text_is_cut_and_counted() {
    let mut run = Run::launched(options());
    let mut entry = entry(OPENAT);
    entry.arguments[1] = 20_000;
    run.event(20, 100, EventKind::Entered(Box::new(entry)));
    run.leave(21, 100, 3);
    assert_eq!(run.totals().truncated, 1);
    let done = run.finish();
    let Some(Value::Text(path)) = get(done.span("openat"), "syscall.arg.pathname") else { panic!("no path") };
    assert_eq!(path.len(), 16_384);
    assert_eq!(done.totals.truncated, 1);
    assert_eq!(get(done.span("program"), "renacer.texts.truncated"), Some(&Value::Int(1)));
}

#[test]
fn calls_of_another_convention_say_so() {
    let mut run = Run::launched(options());
    let mut entry = entry(20);
    entry.abi = Abi::I386;
    run.event(20, 100, EventKind::Entered(Box::new(entry)));
    run.leave(21, 100, 100);
    let done = run.finish();
    let call = done.span("syscall_0x14");
    assert_eq!(get(call, "syscall.abi"), Some(&Value::from("i386")));
    assert_eq!(get(call, "syscall.number"), Some(&Value::Int(20)));
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
    let mut run = Run::launched(super::Options { parent: Some(caller), ..options() });
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
fn a_run_that_is_not_sampled_makes_calls_but_no_spans() {
    let mut run = Run::launched(super::Options { sampled: false, ..options() });
    run.call(20, 100, GETPID, 0);
    let done = run.finish();
    assert!(done.spans.is_empty());
    assert_eq!((done.totals.calls, done.totals.spans, done.totals.spans_not_sampled), (2, 0, 3));
    assert_eq!(done.calls.len(), 2);
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
fn threads_have_spans_once_there_are_two() {
    let mut run = Run::launched(options());
    run.call(20, 100, GETPID, 100);
    run.enter(30, 100, CLONE);
    run.thread(31, 100, 102, Some(100));
    run.enter(32, 102, READ);
    run.leave(33, 100, 102);
    run.call(34, 100, OPENAT, 3);
    run.event(35, 102, EventKind::Renamed("pool-1".into()));
    run.leave(36, 102, 0);
    run.thread_exit(37, 102, 0);
    run.call(40, 100, CONNECT, 0);
    run.exit(50, 100, ExitStatus::Exited(0));
    let done = run.finish();
    let (main, worker) = (done.span("thread program"), done.span("thread pool-1"));
    assert_eq!((times(main), times(worker)), ((31, 50), (31, 37)));
    for (thread, tid, name) in [(main, 100, "program"), (worker, 102, "pool-1")] {
        assert_eq!((thread.kind, thread.parent_id), (SpanKind::Thread, Some(ROOT)));
        let expected = [Attribute::new("linux.tid", tid), Attribute::new("thread.name", name)];
        assert_eq!(thread.attributes, expected);
    }
    assert!(main.links.is_empty());
    assert_eq!(worker.links.iter().map(|link| link.span_id).collect::<Vec<_>>(), [done.span("clone").span_id]);
    // What began before the second thread stays with the process; one thread left makes no difference.
    let parents = [("getpid", ROOT), ("clone", ROOT), ("openat", main.span_id), ("connect", main.span_id)];
    for (name, parent) in parents {
        assert_eq!(done.span(name).parent_id, Some(parent), "{name}");
    }
    assert_eq!(done.span("read").parent_id, Some(worker.span_id));
    assert_eq!(done.totals.threads, 2);
}

#[test]
fn the_first_thread_may_end_before_the_others() {
    let mut run = Run::launched(options());
    run.thread(20, 100, 101, None);
    run.enter(21, 100, EXIT);
    run.thread_exit(22, 100, 0);
    run.call(30, 101, GETPID, 100);
    run.thread_exit(40, 101, 0);
    run.event(40, 100, EventKind::ProcessExited(ExitStatus::Exited(0)));
    let done = run.finish();
    assert_eq!(times(done.span("thread program")), (20, 22));
    assert_eq!(times(done.span("thread worker")), (20, 40));
    assert_eq!(times(done.span("program")), (10, 40));
    assert_eq!((done.totals.unfinished, done.totals.unknown_events), (0, 0));
}

#[test]
fn exec_from_another_thread_moves_its_call_to_the_process() {
    let mut run = Run::launched(options());
    run.thread(20, 100, 101, None);
    run.thread(20, 100, 102, None);
    run.enter(21, 100, READ);
    run.enter(22, 102, GETPID);
    run.enter(23, 101, EXECVE);
    run.exec(24, 100, 101, "other");
    run.leave(25, 100, 0);
    run.call(30, 100, OPENAT, 3);
    run.exit(40, 100, ExitStatus::Exited(0));
    let done = run.finish();
    let exec = done.named("execve")[1];
    let caller = done.by_id(exec.parent_id.unwrap());
    assert_eq!((&*caller.name, times(caller)), ("thread worker", (20, 25)));
    assert_eq!(get(exec, "linux.tid"), Some(&Value::Int(101)));
    assert_eq!((times(exec), get(exec, "syscall.result")), ((23, 25), Some(&Value::Int(0))));
    assert_eq!(times(done.span("program")), (10, 25));
    for name in ["read", "getpid"] {
        let call = done.span(name);
        assert_eq!((call.end - EPOCH, get(call, "syscall.unfinished")), (24, Some(&Value::Bool(true))), "{name}");
        assert_eq!(get(call, "syscall.result"), None);
    }
    let other = done.span("other");
    assert_eq!((times(other), done.span("openat").parent_id), ((24, 40), Some(other.span_id)));
    assert_eq!(other.links[0].span_id, exec.span_id);
    assert_eq!((done.totals.unfinished, done.totals.threads), (2, 3));
    let expected = [
        "program 100 execve",
        "program 100 read",
        "worker 102 getpid",
        "24 100/101 superseded",
        "other 101 execve",
        "other 100 openat",
        "40 100/100 Exited(0)",
    ];
    assert_eq!(done.lines, expected);
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
fn signals_are_events_of_the_thread_or_of_a_process_with_one() {
    let mut run = Run::launched(options());
    run.signal(20, 100, 15);
    run.thread(21, 100, 101, None);
    run.signal(22, 101, 10);
    run.event(23, 101, EventKind::GroupStopped { signal: 19 });
    let done = run.finish();
    let event = &done.span("program").events[0];
    assert_eq!((event.name, event.at - EPOCH), ("signal", 20));
    let expected = [
        Attribute::new("signal.name", "SIGTERM"),
        Attribute::new("signal.code", "SI_USER"),
        Attribute::new("signal.sender.pid", 55),
    ];
    assert_eq!(event.attributes, expected);
    assert_eq!(done.span("thread worker").events[0].attributes[0], Attribute::new("signal.name", "SIGUSR1"));
    assert_eq!((done.span("program").events.len(), done.totals.signals), (1, 2));
    assert_eq!(done.lines[1..], ["20 100/100 signal 15", "22 100/101 signal 10", "23 100/101 stopped 19"]);
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
fn restart_syscall_links_to_the_call_that_it_goes_on_with() {
    let mut run = Run::launched(options());
    run.call(20, 100, READ, -516);
    run.call(30, 100, RESTART, -516);
    run.call(40, 100, RESTART, 0);
    run.call(50, 100, RESTART, 0);
    run.call(60, 100, READ, -516);
    run.call(70, 100, GETPID, 0);
    run.call(80, 100, RESTART, 0);
    let done = run.finish();
    let calls = done.named("restart_syscall");
    let links: Vec<_> = calls.iter().map(|call| call.links.first().map(|link| link.span_id)).collect();
    assert_eq!(links, [Some(done.named("read")[0].span_id), Some(calls[0].span_id), None, None]);
    assert!(done.span("getpid").links.is_empty());
    assert_eq!(done.named("read")[0].status, Status::Unset);
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
fn detaching_ends_a_process_with_its_last_thread() {
    let mut run = Run::new(options());
    run.start(5, 100, Origin::Attached, "server");
    run.thread(5, 100, 101, None);
    run.enter(6, 101, READ);
    run.event(8, 100, EventKind::Detached);
    assert!(!run.log().contains(&"exited 100 Unknown".to_owned()));
    run.event(9, 101, EventKind::Detached);
    assert!(run.log().contains(&"exited 100 Unknown".to_owned()));
    let done = run.finish();
    assert_eq!((times(done.span("thread server")), times(done.span("server"))), ((5, 8), (5, 9)));
    assert_eq!(times(done.span("read")), (6, 9));
    assert_eq!(get(done.span("read"), "syscall.unfinished"), Some(&Value::Bool(true)));
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
fn a_second_entry_ends_the_first_unfinished() {
    let mut run = Run::launched(options());
    run.enter(20, 100, READ);
    run.enter(25, 100, GETPID);
    run.leave(26, 100, 100);
    let done = run.finish();
    assert_eq!((times(done.span("read")), times(done.span("getpid"))), ((20, 25), (25, 26)));
    assert_eq!(get(done.span("read"), "syscall.unfinished"), Some(&Value::Bool(true)));
    assert_eq!((done.totals.calls, done.totals.unfinished), (3, 1));
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
fn no_span_is_shorter_than_a_nanosecond_or_ends_before_it_starts() {
    let mut run = Run::new(options());
    run.start(10, 100, Origin::Attached, "server");
    run.enter(10, 100, GETPID);
    run.leave(10, 100, 0);
    run.enter(20, 100, READ);
    run.leave(15, 100, 0);
    let done = run.finish();
    assert_eq!((times(done.span("getpid")), times(done.span("read"))), ((10, 11), (20, 21)));
    assert_eq!(times(done.span("server")), (10, 21));
    assert_eq!((done.calls[0].start, done.calls[0].end), (EPOCH + 10, EPOCH + 10));
    assert_eq!((done.calls[1].start, done.calls[1].end), (EPOCH + 20, EPOCH + 20));
}

#[test]
fn a_run_without_events_makes_nothing() {
    let done = Run::new(options()).finish();
    assert!(done.spans.is_empty());
    assert_eq!(done.totals, Totals::default());
}

#[test]
fn the_documentation_lists_every_name_and_no_other() {
    let mut run = Run::launched(super::Options { resource: everything(), ..options() });
    run.leave(13, 100, 0);
    run.signal(14, 999, 15);
    (0..130).for_each(|at| run.signal(15 + at, 100, 15));
    run.call(200, 100, OPENAT, -2);
    run.call(210, 100, CONNECT, 0);
    let mut foreign = entry(OPENAT);
    (foreign.abi, foreign.arguments[1]) = (Abi::I386, 20_000);
    run.event(220, 100, EventKind::Entered(Box::new(foreign)));
    run.thread(221, 100, 101, None);
    run.exit(222, 100, ExitStatus::Exited(1));
    let done = run.finish();

    let mut made: Vec<&str> = Vec::new();
    for span in &done.spans {
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
    let page = include_str!("../../../../docs/spans.md");
    let rows = page.lines().filter_map(|line| line.strip_prefix("| `")?.split_once("` |"));
    let mut documented: Vec<&str> = rows.map(|(name, _)| name).filter(|name| !name.contains('*')).collect();
    for names in [&mut made, &mut documented] {
        names.sort_unstable();
        names.dedup();
    }
    assert_eq!(made, documented);
}

fn everything() -> crate::ResourceOptions {
    crate::ResourceOptions {
        service_name: None,
        detected: vec![Attribute::new("host.name", "box")],
        user: vec![Attribute::new("team", "blue")],
    }
}
