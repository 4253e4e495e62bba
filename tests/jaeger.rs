//! What Jaeger has stored of a run is what the program did: its own interface gives back every span, as many per name as
//! `strace -f` counts, in one whole tree. And what could not be delivered is delivered later.

mod peers;
mod support;

use std::net::TcpListener;

use peers::subject::Subject;
use peers::{Jaeger, Protocol, Uploaded, built};
use support::spans::{Kind, Span, Trace};
use support::{available, finish, renacer};

/// A trace's spans in an order of their own; Jaeger sorts events by name.
fn sorted(mut trace: Trace) -> Vec<Span> {
    trace.spans.iter_mut().for_each(|span| span.events.sort_by(|a, b| a.name.cmp(&b.name)));
    trace.spans.sort_by(|a, b| a.span_id.cmp(&b.span_id));
    trace.spans
}

/// Fails, naming a few, when two traces do not have the same spans with the same contents.
fn assert_same(stored: Trace, file: Trace) {
    let (stored, file) = (sorted(stored), sorted(file));
    let differ: Vec<_> = stored.iter().zip(&file).filter(|(a, b)| a != b).take(2).collect();
    assert!(stored.len() == file.len() && differ.is_empty(), "{} of {} spans; {differ:#?}", stored.len(), file.len());
}

/// Traces a program once per protocol, and compares what Jaeger has with the local file and with strace.
fn delivered_whole(mut subject: Subject) {
    let jaeger = Jaeger::start();
    for protocol in Protocol::ALL {
        let file = subject.trace_with_file(&jaeger.otlp.options(protocol));
        // Renacer has ended, so Jaeger has everything: there is nothing to wait for.
        let stored = jaeger.trace(&file.spans[0].trace_id).expect("Jaeger knows the trace");
        let faults = stored.faults();
        assert!(faults.is_empty(), "{protocol:?}: {} faults, such as {}", faults.len(), faults[0]);
        subject.assert_counts(&stored.counts());
        assert_same(stored, file);
    }
    uploads_whole(&subject, &jaeger);
}

/// The user interface takes the local file as it is, and finds nothing odd in it.
fn uploads_whole(subject: &Subject, jaeger: &Jaeger) {
    let path = subject.file("trace.otlp.jsonl");
    let Uploaded { traces, names, warnings } = jaeger.upload(&path);
    let expected = Trace::read(&path).spans.into_iter().map(|span| (span.span_id, span.name)).collect();
    assert_eq!(traces, 1);
    assert_eq!(names, expected);
    // A child process may outlive its parent: there Jaeger has a word to say, and the truth is told nevertheless.
    let other: Vec<_> = warnings.iter().filter(|text| !text.contains("outside of the parent")).collect();
    assert!(other.is_empty(), "{other:?}");
}

/// Whether Jaeger, strace and the program itself are there.
fn ready(tools: &[&str]) -> bool {
    built(&["jaeger"]) && available(&[&["strace"], tools].concat())
}

#[test]
fn counts_threads() {
    if ready(&["cc"]) {
        delivered_whole(Subject::threads());
    }
}

#[test]
fn counts_forks() {
    if ready(&["cc"]) {
        delivered_whole(Subject::forks());
    }
}

#[test]
fn counts_shell() {
    if ready(&[]) {
        delivered_whole(Subject::shell());
    }
}

#[test]
fn counts_ls() {
    if ready(&[]) {
        delivered_whole(Subject::ls());
    }
}

#[test]
fn counts_bash() {
    if ready(&["bash"]) {
        delivered_whole(Subject::bash());
    }
}

#[test]
fn counts_python() {
    if ready(&["python3"]) {
        delivered_whole(Subject::python());
    }
}

#[test]
fn counts_git() {
    if ready(&["git"]) {
        delivered_whole(Subject::git());
    }
}

#[test]
fn counts_gcc() {
    if ready(&["gcc"]) {
        delivered_whole(Subject::gcc());
    }
}

#[test]
fn what_nobody_took_is_delivered_later() {
    if !ready(&["cc"]) {
        return;
    }
    for protocol in Protocol::ALL {
        for mut subject in [Subject::threads(), Subject::shell(), Subject::exact(["sh", "-c", "echo out; exit 17"])] {
            let alone = subject.run();
            // Nobody listens there: the servers of the tests that run beside this one are all on 127.0.0.1.
            let closed = TcpListener::bind("127.0.0.2:0").and_then(|listener| listener.local_addr()).expect("a port");
            let words = ["--otlp-endpoint", &format!("http://{closed}"), "--otlp-protocol", protocol.name()];
            let traced = subject.trace(&words.map(str::to_owned));
            assert_eq!((traced.status, &traced.stdout), (alone.status, &alone.stdout), "{}", traced.stderr);
            // One line that says why, and the closing line, without a loss.
            let said: Vec<_> = traced.stderr.lines().collect();
            assert!(said.len() == 2 && said[0].contains("does not take spans"), "{said:?}");
            assert!(said[1].contains(" in renacer-") && !said[1].contains("LOST"), "{said:?}");
            let path = subject.file_left();
            let file = Trace::read(&path);
            assert_eq!(file.faults(), [""; 0]);
            subject.assert_counts(&file.counts());

            let jaeger = Jaeger::start();
            let sent = finish(renacer().arg("send").arg(&path).args(jaeger.otlp.options(protocol)));
            assert!(sent.status.success(), "{}", sent.stderr);
            let stored = jaeger.trace(&file.spans[0].trace_id).expect("Jaeger knows the trace");
            assert!(stored.of(Kind::Process).next().is_some());
            assert_same(stored, file);
        }
    }
}
