//! Whatever ends a program, its file holds every record that was made, and no part of another one.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::process::ExitStatusExt;
use std::process::{Command, Stdio};

use renacer_decisions::{File, Kind, Options, Value, decide, open_with, result};

const THREADS: u64 = 3;

/// Not a test: the program that is killed. Each of its threads tells the number of each record as soon as that was made.
#[test]
#[ignore = "run by the tests of this file"]
fn writer() {
    let Ok(path) = std::env::var("DECISIONS_FILE") else { return };
    let number = |name: &str| std::env::var(name).unwrap().parse::<u64>().unwrap();
    let (count, capacity) = (number("DECISIONS_COUNT"), number("DECISIONS_CAPACITY"));
    open_with(path, Options::with_capacity(capacity as usize)).unwrap();
    std::thread::scope(|scope| {
        for thread in 0..THREADS {
            scope.spawn(move || {
                for number in 0..count {
                    record(thread, number);
                    let mut line = [0; 32];
                    let mut rest = &mut line[..];
                    writeln!(rest, "told {thread} {number}").unwrap();
                    let unused = rest.len();
                    // Of one write, a pipe takes all or nothing.
                    let _ = std::io::stderr().write(&line[..32 - unused]);
                }
            });
        }
    });
}

/// One that can be checked: each part says the same.
fn record(thread: u64, number: u64) {
    let text = "x".repeat((number * 7 % 300) as usize);
    let values = [("thread", thread.into()), ("number", number.into()), ("text", Value::Text(&text))];
    match number % 2 {
        0 => decide("test::kill", &values),
        _ => result("test::kill", &values),
    }
}

fn child(path: &std::path::Path, count: u64, capacity: u64) -> Command {
    let mut command = Command::new(std::env::current_exe().unwrap());
    command.args(["--exact", "writer", "--ignored", "--nocapture"]).env("DECISIONS_FILE", path);
    command.env("DECISIONS_COUNT", count.to_string()).env("DECISIONS_CAPACITY", capacity.to_string());
    command.env("TRACEPARENT", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped());
    command
}

/// How many records each thread has made; fails if any is not as it was made.
fn made(bytes: &[u8]) -> ([u64; THREADS as usize], u64) {
    let file = File::read(bytes).unwrap();
    let mut next = [0; THREADS as usize];
    let mut records = file.records();
    for read in records.by_ref() {
        let read = read.unwrap();
        let [("thread", Value::Int(thread)), ("number", Value::Int(number)), ("text", Value::Text(text))] =
            read.values[..]
        else {
            panic!("{read:?}");
        };
        let number = number as u64;
        assert_eq!(next[thread as usize], number, "one thread's records stand in order, and none is missing");
        next[thread as usize] += 1;
        assert_eq!(text, "x".repeat((number * 7 % 300) as usize));
        assert_eq!((read.name, read.kind == Kind::Result), ("test::kill", number % 2 == 1));
    }
    (next, records.unfinished())
}

#[test]
fn after_sigkill_every_record_that_was_made_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let mut unfinished = 0;
    for round in 0..100_u64 {
        let path = folder.path().join("file");
        let mut writer = child(&path, u64::MAX, 8 << 20).spawn().unwrap();
        let mut told = [0; THREADS as usize];
        // It is killed after some record, and runs on meanwhile.
        let patience = round * 37 % 2500;
        let mut lines = 0;
        for line in BufReader::new(writer.stderr.take().unwrap()).lines() {
            let line = line.unwrap();
            let Some((thread, number)) = line.strip_prefix("told ").and_then(|told| told.split_once(' ')) else {
                continue;
            };
            let thread: usize = thread.parse().unwrap();
            told[thread] = number.parse::<u64>().unwrap() + 1;
            lines += 1;
            if lines == patience + 1 {
                writer.kill().unwrap();
            }
        }
        assert_eq!(writer.wait().unwrap().signal(), Some(9));
        let (made, lost) = made(&std::fs::read(&path).unwrap());
        unfinished += lost;
        for thread in 0..THREADS as usize {
            // It may have been killed between making a record and telling of it.
            assert!((told[thread]..=told[thread] + 1).contains(&made[thread]), "{told:?} told, {made:?} made");
        }
    }
    assert!(unfinished <= 100 * THREADS);
}

#[test]
fn a_full_file_counts_what_has_no_room() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("file");
    let output = child(&path, 1000, 100_000).output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let bytes = std::fs::read(&path).unwrap();
    let file = File::read(&bytes).unwrap();
    let whole = file.records().map(Result::unwrap).count() as u64;
    assert_eq!(whole + file.header().dropped, THREADS * 1000);
    assert!(file.header().dropped > 0 && whole > 100);
    let mut records = file.records();
    assert_eq!((records.by_ref().count() as u64, records.unfinished()), (whole, 0));
    let context = file.header().context.unwrap();
    assert_eq!((context.trace_id[0], context.span_id[7], context.sampled), (0x4b, 0xb7, true));
    assert!(String::from_utf8_lossy(&file.header().executable).contains("kill"));
}
