//! The rules for threads and their signals.

use crate::assemble::fixture::*;
use crate::{Attribute, EventKind, ExitStatus, Origin, SpanKind, Value};

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
fn a_long_name_makes_no_longer_span_name_than_others() {
    let mut run = Run::launched(options());
    run.thread(20, 100, 101, None);
    run.event(21, 101, EventKind::Renamed("n".repeat(20_000)));
    let done = run.finish();
    let thread = done.spans.iter().find(|span| span.name.starts_with("thread n")).unwrap();
    assert_eq!(thread.name.len(), 16 * 1024);
    assert_eq!(get(thread, "thread.name"), Some(&Value::Text("n".repeat(16 * 1024).into())));
    assert_eq!(done.totals.truncated, 1);
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
fn signals_are_events_of_the_thread_or_of_a_process_with_one() {
    let mut run = Run::launched(options());
    run.signal(20, 100, 15);
    run.thread(21, 100, 101, None);
    run.signal(22, 101, 10);
    run.event(23, 101, EventKind::GroupStopped { signal: 19 });
    let done = run.finish();
    let event = &done.span("program").events[0];
    assert_eq!((&*event.name, event.at - EPOCH), ("signal", 20));
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
