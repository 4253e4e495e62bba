//! `renacer doctor`, where tracing works.

mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};

use support::{Finished, finish, renacer};

fn line<'a>(text: &'a str, topic: &str) -> &'a str {
    let mut lines = text.lines().filter(|line| line.get(4..).is_some_and(|rest| rest.starts_with(topic)));
    let found = lines.next().unwrap_or_else(|| panic!("no line about {topic}: {text}"));
    assert_eq!(lines.next(), None, "{text}");
    found
}

fn doctor(options: &[&str]) -> Finished {
    let mut command = renacer();
    command.env_remove("DEBUGINFOD_URLS").env_remove("https_proxy").env_remove("HTTPS_PROXY");
    finish(command.arg("doctor").args(options))
}

#[test]
fn each_topic_has_a_line_and_tracing_decides_the_status() {
    let finished = doctor(&[]);
    let text = finished.text();
    assert_eq!(finished.status.code(), Some(0), "{text}");
    for topic in ["tracing ", "calls ", "memory ", "kernel ", "clock "] {
        assert!(line(&text, topic).starts_with("ok "), "{text}");
    }
    for topic in ["attaching ", "filters ", "container ", "debug files ", "debuginfod ", "collector "] {
        line(&text, topic);
    }
    assert_eq!((text.lines().count(), &*finished.stderr), (11, ""));
    assert!(line(&text, "collector ").contains("--otlp-endpoint"));
}

#[test]
fn where_tracing_fails_it_is_said_why() {
    // Who is traced cannot trace its own children.
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("spans");
    let mut outer = renacer();
    outer.args(["trace", "-q", "-o"]).arg(&file).arg("--").arg(env!("CARGO_BIN_EXE_renacer")).arg("doctor");
    let finished = finish(&mut outer);
    let text = finished.text();
    assert_eq!(finished.status.code(), Some(1), "{text}");
    assert!(
        line(&text, "tracing ").starts_with("no ") && text.contains("Renacer itself is traced, by process "),
        "{text}"
    );
    assert!(line(&text, "memory ").starts_with("? "), "{text}");
}

#[test]
fn a_collector_is_asked() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let answers = std::thread::spawn(move || {
        for answer in ["200 OK", "403 Forbidden"] {
            let (mut stream, _) = listener.accept().expect("a connection");
            let mut request = [0; 4096];
            let count = stream.read(&mut request).expect("a request");
            assert!(String::from_utf8_lossy(&request[..count]).starts_with("POST /v1/traces "));
            stream.write_all(format!("HTTP/1.1 {answer}\r\ncontent-length: 0\r\n\r\n").as_bytes()).expect("an answer");
        }
    });
    let options = ["--otlp-endpoint", &endpoint, "--otlp-protocol", "http/protobuf"];
    let finished = doctor(&options);
    assert!(line(&finished.text(), "collector ").starts_with("ok "), "{}", finished.text());
    let finished = doctor(&options);
    let text = finished.text();
    assert!(line(&text, "collector ").starts_with("no ") && text.contains("403"), "{text}");
    // Spans would go to a file: tracing works.
    assert_eq!(finished.status.code(), Some(0));
    answers.join().expect("both were asked");
}

#[test]
fn nobody_who_does_not_answer_holds_it_up() {
    // Connections are taken by the kernel, and nobody reads them.
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let endpoint = format!("http://{}", listener.local_addr().expect("an address"));
    let start = Instant::now();
    let finished = finish(
        renacer()
            .args(["doctor", "--otlp-endpoint", &endpoint])
            .env_remove("https_proxy")
            .env_remove("HTTPS_PROXY")
            .env("DEBUGINFOD_URLS", "http://192.0.2.1:81/ http://127.0.0.1:1/"),
    );
    let text = finished.text();
    assert!(start.elapsed() < Duration::from_secs(20), "{:?}", start.elapsed());
    assert!(line(&text, "collector ").contains("no answer within 2s"), "{text}");
    assert!(line(&text, "debuginfod ").starts_with("no "), "{text}");
    assert_eq!(finished.status.code(), Some(0));
}
