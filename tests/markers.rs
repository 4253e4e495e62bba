//! Markers: what programs write to standard error and ask of files is on their threads' spans.

mod support;

use std::io::Write;
use std::process::{Command, Stdio};

use support::spans::{Event, Kind, Span, Trace};
use support::{Finished, finish, program, renacer};

fn run(options: &[&str], command: &[&str]) -> (Trace, Finished) {
    let file = tempfile::Builder::new().suffix(".jsonl").tempfile().expect("a temporary file");
    let mut renacer = renacer();
    renacer.args(["--force", "-o"]).arg(file.path()).args(options).arg("--").args(command);
    let finished = finish(&mut renacer);
    assert!(finished.status.success(), "{finished:?}");
    let trace = Trace::read(file.path());
    assert_eq!(trace.faults(), [""; 0]);
    (trace, finished)
}

/// What a span's markers say: the name and value of each.
fn said(span: &Span) -> Vec<String> {
    let text = |event: &Event, key: &str| event.attributes.get(key).and_then(|value| value.as_str()).map(str::to_owned);
    let one = |event: &Event| match &*event.name {
        "decision" => Some(format!("{}? {}", text(event, "decision.name")?, text(event, "decision.input")?)),
        "result" => Some(format!("{}: {}", text(event, "decision.name")?, text(event, "decision.result")?)),
        "mark" => text(event, "mark.text"),
        _ => None,
    };
    span.events.iter().filter_map(one).collect()
}

fn all(trace: &Trace) -> Vec<String> {
    trace.spans.iter().flat_map(said).collect()
}

const WRITTEN: [&str; 7] =
    ["write? {\"a\":1}", "write: {\"b\":2}", "split? {}", "vector: 3", "dup: 4", "fcntl: 5", "dup2: 6"];

#[test]
fn all_ways_to_say_something_are_heard() {
    let program = program("markers");
    let (trace, finished) = run(&[], &[program.to_str().expect("a path"), "threads"]);
    assert_eq!(finished.text().matches("[RESULT] no = ").count(), 3, "the program has done all that it does");
    let processes: Vec<&Span> = trace.of(Kind::Process).collect();
    let root = processes.iter().find(|span| span.int("renacer.calls").is_some()).expect("the first process");
    assert_eq!(said(root), [&WRITTEN[..], &["seven", "eight", "nine"]].concat());
    let decision = root.events.iter().find(|event| event.name == "decision").expect("one");
    assert_eq!(decision.attributes["decision.category"], "way");
    let child = processes.iter().find(|span| span.int("renacer.calls").is_none()).expect("the child");
    assert_eq!(said(child), ["child: 10"]);
    let threads: Vec<Vec<String>> = trace.of(Kind::Thread).map(said).filter(|said| !said.is_empty()).collect();
    assert_eq!(threads, [["other: 1"]]);
    assert_eq!(root.int("renacer.markers.dropped"), None);
}

#[test]
fn under_a_filter_writes_to_standard_error_are_still_heard() {
    let program = program("markers");
    let program = program.to_str().expect("a path");
    let (heard, rest) = WRITTEN.split_at(4);
    for options in [&["-e", "trace=openat"][..], &["-e", "trace=openat", "--no-seccomp"]] {
        let (trace, _) = run(options, &[program]);
        assert_eq!(all(&trace), heard, "{options:?}");
        assert!(trace.of(Kind::Call).all(|call| call.name == "openat"));
    }
    let (trace, _) = run(&["-e", "trace=write,access,/^dup"], &[program]);
    // What makes duplicates is watched then, fcntl too.
    let mut found = all(&trace);
    found.sort();
    let mut expected = [heard, rest, &["eight", "child: 10"]].concat();
    expected.sort();
    assert_eq!(found, expected);
}

#[test]
fn they_are_left_where_nobody_wants_them() {
    let program = program("markers");
    for options in [&["--no-markers"][..], &["--no-markers", "-e", "trace=openat"]] {
        let (trace, _) = run(options, &[program.to_str().expect("a path")]);
        assert_eq!(all(&trace), [""; 0]);
    }
}

#[test]
fn a_shell_script_is_heard() {
    let script = "echo '[DECISION] cache::refill input={\"entries\": 40}' >&2\n\
        printf '[RESULT] refill = ' >&2; echo '{\"password\": \"hunter2hunter2\", \"user\": \"me\"}' >&2\n\
        exec 5>&2; echo '[RESULT] saved = 1' >&5; (echo '[RESULT] subshell = 2' >&2)\n\
        echo '[RESULT] no = 3'; exec 2>/dev/null; echo '[RESULT] gone = 4' >&2; echo '[RESULT] no = 5' >&5";
    let (trace, _) = run(&[], &["sh", "-c", script]);
    let said = all(&trace);
    let expected = [
        "refill? {\"entries\": 40}",
        "refill: {\"password\": REDACTED, \"user\": \"me\"}",
        "saved: 1",
        "subshell: 2",
        "gone: 4",
    ];
    let mut sorted = said.clone();
    sorted.sort();
    let mut wanted = expected.to_vec();
    wanted.sort();
    assert_eq!(sorted, wanted);
}

#[test]
fn a_program_that_was_running_is_heard() {
    let script = "while read line; do echo '[DECISION] late::attached input={}' >&2; done";
    let mut shell = Command::new("sh");
    let mut shell = shell.args(["-c", script]).stdin(Stdio::piped()).stderr(Stdio::null()).spawn().expect("a shell");
    let _leftover = support::Leftover(shell.id() as i32);
    let file = tempfile::Builder::new().suffix(".jsonl").tempfile().expect("a temporary file");
    let mut command = renacer();
    command.args(["--force", "--on-overflow", "block", "-o"]).arg(file.path()).args(["-p", &shell.id().to_string()]);
    let mut renacer = command.spawn().expect("renacer runs");
    support::wait_until("the shell to be traced", || support::tracer(shell.id() as i32) == Some(renacer.id() as i32));
    // When exactly it stops for the first time cannot be seen from here.
    let mut input = shell.stdin.take().expect("its input");
    for _ in 0..50 {
        input.write_all(b"\n").expect("a line");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    drop(input);
    assert!(shell.wait().expect("its end").success());
    assert!(renacer.wait().expect("its end").success());
    let said = all(&Trace::read(file.path()));
    assert!(!said.is_empty() && said.iter().all(|said| said == "attached? {}"), "{said:?}");
}
