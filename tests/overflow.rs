//! A program that makes more calls than can be delivered: it waits, or goes on while its calls are counted.

mod support;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Command, Stdio};

use support::spans::{Kind, Span, Trace};
use support::{available, finish, program, renacer, wait_until};

/// What the program does, with nobody in its way.
fn calls_in_all(words: &[&OsStr]) -> i64 {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("spans.otlp.jsonl");
    let mut command = renacer();
    command.args(["trace", "-o"]).arg(&file).args(["--on-overflow", "block", "--"]).args(words);
    let input = tempfile::NamedTempFile::new().expect("a file");
    std::fs::write(input.path(), "x").expect("a file");
    command.stdin(Stdio::from(std::fs::File::open(input.path()).expect("a file")));
    let finished = finish(&mut command);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let trace = Trace::read(&file);
    assert_eq!(trace.faults(), Vec::<String>::new());
    let calls = trace.of(Kind::Call).count() as i64;
    assert_eq!(root(&trace).int("renacer.calls"), Some(calls));
    calls
}

fn root(trace: &Trace) -> &Span {
    trace.of(Kind::Process).find(|span| span.int("renacer.calls").is_some()).expect("a root span with counts")
}

/// Text lines go to a pipe that nobody reads. The program must not wait for that; every call is either there or counted, and
/// what is told afterwards is right although the calls that led there are missing.
#[test]
fn dropped_calls_are_counted_and_leave_no_wrong_paths_behind() {
    if !available(&["gcc"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let place = folder.path().canonicalize().expect("a folder");
    std::fs::write(place.join("opened meanwhile"), "text").expect("a file");
    let flood = program("flood");
    let words = |calls| [flood.as_os_str(), place.as_os_str(), OsStr::new(calls)];
    // A small flood waits for nobody; the large one makes as many more calls as its argument says.
    let expected = calls_in_all(&words("8")) - (8 + 1) + (24_000 + 3_000);

    let file = folder.path().join("spans.otlp.jsonl");
    let mut command: Command = renacer();
    command.args(["trace", "--text", "--on-overflow", "drop", "-o"]).arg(&file).arg("--").args(words("24000"));
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut run = command.spawn().expect("renacer runs");
    let mut line = String::new();
    BufReader::new(run.stdout.take().expect("output")).read_line(&mut line).expect("a line");
    assert_eq!(line, "flooded\n");

    // Only now is the text read.
    let mut text = run.stderr.take().expect("errors");
    let reader = std::thread::spawn(move || {
        let mut bytes = Vec::new();
        text.read_to_end(&mut bytes).expect("text");
        String::from_utf8_lossy(&bytes).into_owned()
    });
    run.stdin.take().expect("input").write_all(b"x").expect("a byte");
    wait_until("the end", || run.try_wait().expect("wait").is_some());
    assert_eq!(run.wait().expect("wait").code(), Some(0));
    let text = reader.join().expect("text");

    let trace = Trace::read(&file);
    assert_eq!(trace.faults(), Vec::<String>::new());
    let calls = trace.of(Kind::Call).count() as i64;
    let dropped = root(&trace).int("renacer.calls.dropped").expect("calls were dropped");
    assert_eq!(root(&trace).int("renacer.calls"), Some(calls));
    assert!(dropped > 1000, "{dropped}");
    assert_eq!(calls + dropped, expected);
    let closing = text.lines().last().unwrap_or_default();
    let digits: String = closing.split("LOST: ").nth(1).unwrap_or_default().chars().take_while(|c| *c != ' ').collect();
    assert_eq!(digits.replace(',', ""), dropped.to_string(), "{closing}");

    let path = |name: &str| {
        trace.of(Kind::Call).filter(|call| call.name == name).last().and_then(|call| call.text("file.path"))
    };
    assert_eq!(path("pread64"), place.join("opened meanwhile").to_str());
    assert_eq!(path("openat"), place.join("relative").to_str());
}
