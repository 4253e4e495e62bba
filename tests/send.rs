//! `renacer send`: what is in a file arrives, also when it is interrupted, and files go when they may.

mod misbehaving;
mod support;

use std::collections::HashSet;
use std::fs;
use std::path::Path;

use misbehaving::{Answer, Collector};
use support::{Finished, finish, renacer, wait_until};

/// A file with so many lines of a hundred spans each, with ids from 1 on; another writer's form.
fn write(path: &Path, lines: u64) {
    let mut text = String::new();
    for line in 0..lines {
        text.push_str(r#"{"resourceSpans":[{"resource":{},"scopeSpans":[{"spans":["#);
        for id in 1..=100 {
            let id = line * 100 + id;
            let comma = if id % 100 == 1 { "" } else { "," };
            text.push_str(&format!(
                r#"{comma}{{"name":"a span of {}","spanId":"{id:016X}","traceId":"{:032x}","kind":"SPAN_KIND_CLIENT"}}"#,
                "x".repeat(2000),
                7
            ));
        }
        text.push_str("]}]}]}\n");
    }
    fs::write(path, text).expect("a file");
}

fn send(collector: &Collector, files: &[&Path], more: &[&str]) -> Finished {
    let mut command = renacer();
    command.arg("send").arg("--otlp-endpoint").arg(format!("http://{}", collector.address)).args(more).args(files);
    finish(&mut command)
}

fn numbers(count: u64) -> HashSet<u64> {
    (1..=count).collect()
}

#[test]
fn an_interrupted_send_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (path, state) = (folder.path().join("a.jsonl"), folder.path().join("a.jsonl.sent"));
    write(&path, 40);
    // Takes ten requests, then refuses to answer: it is gone.
    let first = Collector::start(|number, _| if number < 10 { Answer::Accept } else { Answer::Busy(Some(3600)) });
    let address = first.address;
    let finished = send(&first, &[&path], &[]);
    assert_eq!(finished.status.code(), Some(125), "{}", finished.stderr);
    assert!(state.exists(), "{}", finished.stderr);
    let (before, _) = first.taken();
    assert_eq!(before.len(), 1000);

    // Another collector has none of them, and gets all.
    let other = Collector::start(|_, _| Answer::Accept);
    let copy = folder.path().join("copy.jsonl");
    fs::copy(&path, &copy).expect("a copy");
    fs::copy(&state, folder.path().join("copy.jsonl.sent")).expect("a copy");
    assert_eq!(send(&other, &[&copy], &[]).status.code(), Some(0));
    assert_eq!(other.taken().0, numbers(4000));
    assert!(!folder.path().join("copy.jsonl.sent").exists());

    // The same one, which is well again.
    drop(first);
    let mut text = fs::read_to_string(&state).expect("the state");
    let again = Collector::start(|_, _| Answer::Accept);
    text = text.replace(&address.to_string(), &again.address.to_string());
    fs::write(&state, text).expect("the state");
    let finished = send(&again, &[&path], &[]);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let (after, _) = again.taken();
    // At least once, and little of it twice.
    assert_eq!(&before | &after, numbers(4000));
    assert!(after.len() <= 3000 + 100 * 8, "{}", finished.stderr);
    assert!(finished.stderr.contains("goes on behind line "), "{}", finished.stderr);
    assert!(!state.exists() && path.exists());
}

#[test]
fn a_killed_send_goes_on_where_it_stopped() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (path, state) = (folder.path().join("a.jsonl"), folder.path().join("a.jsonl.sent"));
    write(&path, 60);
    let slow = |_, _| Answer::AcceptAfter(std::time::Duration::from_millis(150));
    let collector = Collector::start(slow);
    let mut command = renacer();
    command.arg("send").arg("--otlp-endpoint").arg(format!("http://{}", collector.address)).arg(&path);
    let mut child = command.spawn().expect("renacer runs");
    wait_until("its state", || state.exists());
    child.kill().and_then(|()| child.wait()).expect("it ends");
    let finished = send(&collector, &[&path], &[]);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert_eq!(collector.taken().0, numbers(6000));
    assert!(finished.stderr.contains("goes on behind line "), "{}", finished.stderr);
}

#[test]
fn a_file_that_took_anothers_place_is_sent_whole() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.jsonl");
    write(&path, 3);
    let state = folder.path().join("a.jsonl.sent");
    // Several requests are on their way at a time: once the first line's comes first, there is a place to go on from.
    let mut collector = None;
    wait_until("the first line to be taken first", || {
        let one = Collector::start(|number, _| if number < 1 { Answer::Accept } else { Answer::Busy(Some(3600)) });
        assert_eq!(send(&one, &[&path], &[]).status.code(), Some(125));
        collector = Some(one);
        state.exists()
    });
    let collector = collector.expect("a collector");
    // In place, so that even its number is the same.
    let text = fs::read_to_string(&path).expect("the file").replacen("span of x", "span of y", 1);
    fs::write(&path, text).expect("the file");
    let well = Collector::start(|_, _| Answer::Accept);
    let moved = fs::read_to_string(&state).expect("the state");
    fs::write(&state, moved.replace(&collector.address.to_string(), &well.address.to_string())).expect("the state");
    assert_eq!(send(&well, &[&path], &[]).status.code(), Some(0));
    assert_eq!(well.taken().0, numbers(300));
}

#[test]
fn accepted_files_are_deleted_when_asked_for_and_others_are_not() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let paths = ["whole", "cut off", "other"].map(|name| folder.path().join(name));
    paths.iter().for_each(|path| write(path, 2));
    let length = fs::metadata(&paths[1]).expect("a file").len();
    fs::OpenOptions::new().write(true).open(&paths[1]).and_then(|file| file.set_len(length - 5)).expect("a file");
    let files: Vec<&Path> = paths.iter().map(|path| path.as_path()).collect();
    let collector = Collector::start(|_, _| Answer::Accept);
    assert_eq!(send(&collector, &files[..1], &[]).status.code(), Some(0));
    assert!(paths[0].exists());
    let finished = send(&collector, &files, &["--delete"]);
    assert_eq!(finished.status.code(), Some(125), "{}", finished.stderr);
    assert_eq!(paths.each_ref().map(|path| path.exists()), [false, true, false], "{}", finished.stderr);

    write(&paths[0], 2);
    let refusing = Collector::start(|number, _| if number == 1 { Answer::Refuse } else { Answer::Accept });
    let finished = send(&refusing, &files[..1], &["--delete"]);
    assert_eq!(finished.status.code(), Some(125), "{}", finished.stderr);
    assert!(paths[0].exists(), "{}", finished.stderr);
    assert_eq!(refusing.taken().0.len(), 100);
}

#[test]
fn what_is_too_large_for_the_collector_is_sent_in_parts() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("a.jsonl");
    write(&path, 4);
    let small = |_, bytes: Option<usize>| {
        if bytes.is_some_and(|bytes| bytes > 50_000) { Answer::TooLarge } else { Answer::Accept }
    };
    for protocol in ["http/protobuf", "grpc"] {
        let collector = Collector::start(small);
        let finished = send(&collector, &[&path], &["--otlp-protocol", protocol]);
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        assert_eq!(collector.taken().0, numbers(400));
    }
}
