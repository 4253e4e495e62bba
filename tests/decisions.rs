//! Decision files: what a traced program has recorded is below its threads, and a file alone can be sent.

mod misbehaving;
mod support;

use std::path::Path;

use misbehaving::{Answer, Collector};
use renacer_decisions::{decide, open, result};
use support::spans::{Kind, Trace};
use support::{Finished, finish, renacer};

/// Not a test: the program that is traced. Decides on two threads, the second of which is named.
#[test]
#[ignore = "run by the tests of this file"]
fn writer() {
    let Ok(path) = std::env::var("DECISIONS_FILE") else { return };
    open(path).expect("a decision file");
    for number in 0..300_i64 {
        decide("inline::cost", &[("size", number.into()), ("hot", (number % 2 == 0).into())]);
        result("inline::cost", &[("share", 0.5.into()), ("why", "small".into())]);
    }
    let worker = std::thread::Builder::new().name("worker".into());
    let worker = worker.spawn(|| decide("cache::evict", &[("password", "hunter2hunter2".into())]));
    worker.expect("a thread").join().expect("its end");
}

fn program() -> String {
    std::env::current_exe().expect("this program").to_str().expect("its path").to_owned()
}

const ROLE: [&str; 3] = ["--exact", "writer", "--ignored"];

fn trace(file: &Path, options: &[&str]) -> (Trace, Finished) {
    let spans = tempfile::Builder::new().suffix(".jsonl").tempfile().expect("a temporary file");
    let mut command = renacer();
    command.args(["--force", "--no-source", "-o"]).arg(spans.path()).args(options).arg("--decisions").arg(file);
    let finished = finish(command.arg("--").arg(program()).args(ROLE).env("DECISIONS_FILE", file));
    assert!(finished.status.success(), "{finished:?}");
    (Trace::read(spans.path()), finished)
}

#[test]
fn decisions_are_below_the_thread_that_made_them() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("decisions");
    for options in [&[][..], &["-e", "trace=openat"]] {
        let (trace, finished) = trace(&file, options);
        assert_eq!(trace.faults(), [""; 0]);
        let decisions: Vec<_> = trace.of(Kind::Decision).collect();
        assert_eq!(decisions.len(), 301, "{finished:?}");
        let thread = |span: &support::spans::Span| {
            let parent = trace.spans.iter().find(|other| Some(&other.span_id) == span.parent_id.as_ref());
            parent.expect("a parent").name.clone()
        };
        for (number, decision) in decisions.iter().take(300).enumerate() {
            assert_eq!((&*decision.name, &*thread(decision)), ("inline::cost", "thread writer"));
            assert_eq!(
                (decision.text("decision.category"), decision.text("decision.name")),
                (Some("inline"), Some("cost"))
            );
            assert_eq!(decision.int("decision.input.size"), Some(number as i64));
            assert_eq!(decision.attributes["decision.input.hot"], number % 2 == 0);
            assert_eq!(decision.attributes["decision.result.share"], 0.5);
            assert_eq!(decision.text("decision.result.why"), Some("small"));
        }
        assert_eq!(thread(decisions[300]), "thread worker");
        assert_eq!(decisions[300].text("decision.input.password"), Some("REDACTED"));
        let (from, to) = (decisions[1].start, decisions[299].end);
        let tid = decisions[0].int("linux.tid");
        let inside =
            trace.of(Kind::Call).filter(|call| call.int("linux.tid") == tid && call.start >= from && call.end <= to);
        assert_eq!(inside.count(), 0, "a record makes no system call");
        let root = trace.spans.last().expect("a span");
        assert!(root.attributes.contains_key("renacer.calls"), "the first process's span comes last");
    }
}

#[test]
fn a_file_that_is_none_is_told_and_counted() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("decisions");
    let run = || {
        let mut command = renacer();
        command.arg("--force").arg("-o").arg(folder.path().join("spans")).arg("--decisions").arg(&file);
        let finished = finish(command.args(["--", "true"]));
        assert!(finished.status.success() && finished.stderr.contains("1 decision file not read"), "{finished:?}");
        finished.stderr
    };
    assert!(run().contains("No such file"));
    std::fs::write(&file, "DECISION").expect("a file");
    assert!(run().contains("it ends after 8 bytes"));
}

fn send(collector: &Collector, file: &Path, more: &[&str]) -> Finished {
    let mut command = renacer();
    command.arg("send").arg("--otlp-endpoint").arg(format!("http://{}", collector.address)).args(more).arg(file);
    finish(&mut command)
}

#[test]
fn a_file_alone_can_be_sent() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("decisions");
    let mut command = std::process::Command::new(program());
    command.args(ROLE).env("DECISIONS_FILE", &file);
    assert!(
        finish(command.env("TRACEPARENT", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")).status.success()
    );

    let refusing = Collector::start(|_, _| Answer::Refuse);
    let finished = send(&refusing, &file, &["--delete"]);
    assert!(finished.status.code() == Some(125) && file.exists(), "{finished:?}");

    let collector = Collector::start(|_, _| Answer::Accept);
    let finished = send(&collector, &file, &["--delete"]);
    assert!(finished.status.success() && finished.stderr.contains("301 of 301 spans delivered"), "{finished:?}");
    assert!(!file.exists());
    assert_eq!(collector.taken().0.len(), 301);
}

#[test]
fn a_hostile_file_is_refused() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("decisions");
    std::fs::write(&file, [&b"DECISION\x01\0\0\0"[..], &[0xff; 5000]].concat()).expect("a file");
    let collector = Collector::start(|_, _| Answer::Accept);
    let finished = send(&collector, &file, &[]);
    assert!(
        finished.status.code() == Some(125) && finished.stderr.contains("it ends after 5012 bytes"),
        "{finished:?}"
    );
}
