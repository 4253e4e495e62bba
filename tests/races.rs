//! What is hard for a tracer: things that end while they begin, stop while they run, or replace themselves.
//! Each program ends as it does alone, in good time, and leaves a sound tree.

mod support;

use std::process::{Command, Stdio};

use support::spans::{Kind, Trace};
use support::{Finished, available, finish, program, renacer};

fn assert_sound(name: &str, arguments: &[&str]) -> Option<(Finished, Trace)> {
    if !available(&["cc"]) {
        return None;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spans = folder.path().join("spans.otlp.jsonl");
    let without = finish(Command::new(program(name)).args(arguments).stdin(Stdio::null()));
    let mut command = renacer();
    command.args(["trace", "--quiet", "-o"]).arg(&spans).arg("--").arg(program(name)).args(arguments);
    let with = finish(&mut command);
    assert_eq!(
        (without.status, without.text(), &without.stderr),
        (with.status, with.text(), &with.stderr),
        "{name} (left: without, right: with Renacer)"
    );
    let trace = Trace::read(&spans);
    let faults = trace.faults();
    assert!(faults.is_empty(), "{} faults, such as\n{}", faults.len(), faults[..faults.len().min(5)].join("\n"));
    assert_eq!(trace.losses(), Vec::<String>::new());
    Some((with, trace))
}

#[test]
fn untraced_child() {
    if let Some((finished, _)) = assert_sound("untraced", &[]) {
        assert_eq!(finished.text(), "6\n");
    }
}

#[test]
fn program_with_its_own_filter() {
    let Some((finished, trace)) = assert_sound("own_seccomp", &[]) else { return };
    assert_eq!(finished.text(), "-1 77 trapped 1\n");
    let filtered: Vec<_> = trace.of(Kind::Call).filter(|call| call.name == "getppid").collect();
    assert_eq!(filtered.iter().map(|call| call.int("syscall.result")).collect::<Vec<_>>(), [Some(-77)]);
    assert!(trace.of(Kind::Call).any(|call| call.name == "getuid"));
}

#[test]
fn children_killed_midway() {
    let Some((finished, trace)) = assert_sound("killed_midway", &[]) else { return };
    assert_eq!(finished.text(), "200\n");
    let killed = trace.of(Kind::Process).filter(|span| span.text("error.type") == Some("SIGKILL")).count();
    assert_eq!(killed, 200);
}

#[test]
fn several_threads_exec_at_once() {
    let Some((finished, trace)) = assert_sound("exec_race", &["15"]) else { return };
    assert_eq!((finished.text().as_str(), finished.status.code()), ("done\n", Some(8)));
    assert_eq!(trace.of(Kind::Process).count(), 16, "one span for each program");
    let execs = trace.of(Kind::Call).filter(|call| call.name == "execve" && call.int("syscall.result") == Some(0));
    assert_eq!(execs.count(), 16, "one exec succeeded for each program");
}

#[test]
fn first_thread_ends_first() {
    let Some((finished, trace)) = assert_sound("leader_exits", &[]) else { return };
    assert_eq!((finished.text().as_str(), finished.status.code()), ("still here\n", Some(12)));
    assert_eq!(trace.counts()["getppid"], 100);
    let codes: Vec<_> = trace.of(Kind::Process).map(|span| span.int("process.exit.code")).collect();
    assert_eq!(codes, [Some(12)]);
}

#[test]
fn many_stopped_at_once() {
    if let Some((finished, _)) = assert_sound("herd", &[]) {
        assert_eq!(finished.text(), "stopped 100 ended 20\n");
    }
}

#[test]
fn ended_at_birth() {
    if let Some((finished, _)) = assert_sound("newborns", &[]) {
        assert_eq!(finished.text(), "60\n");
    }
}
