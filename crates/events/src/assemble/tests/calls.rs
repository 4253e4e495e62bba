//! The rules for calls.

use crate::assemble::Options;
use crate::assemble::fixture::*;
use crate::{Abi, Attribute, EventKind, Origin, Status, Value};

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
    let mut run = Run::launched(Options { span_names_target: true, ..options() });
    run.call(20, 100, OPENAT, 3);
    run.call(30, 100, CONNECT, 0);
    run.call(40, 100, READ, 0);
    run.call(50, 100, GETPID, 0);
    let done = run.finish();
    let names: Vec<_> = done.spans.iter().map(|span| &*span.name).collect();
    assert_eq!(names, ["execve", "openat libc.so.6", "connect 443", "read bus", "getpid", "program"]);
}

#[test]
fn calls_of_another_convention_say_so() {
    let mut run = Run::launched(options());
    let mut entry = entry(20);
    entry.abi = Abi::I386;
    run.event(20, 100, EventKind::Entered(entry));
    run.leave(21, 100, 100);
    let done = run.finish();
    let call = done.span("syscall_0x14");
    assert_eq!(get(call, "syscall.abi"), Some(&Value::from("i386")));
    assert_eq!(get(call, "syscall.number"), Some(&Value::Int(20)));
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
    // Merged with others, it would be gone.
    let stays = |span: &&crate::Span| span.call.is_some_and(|facts| facts.is_event);
    assert_eq!(done.named("read").iter().map(stays).collect::<Vec<_>>(), [true, true]);
    assert_eq!(calls.iter().map(stays).collect::<Vec<_>>(), [true, false, false, false]);
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
