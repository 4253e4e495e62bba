//! Calls belong to the requests that their threads receive and send. What is true stands in the path of each file that the programs
//! open: `/in/SPAN` while a request is handled, `/outside` else.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::process::Stdio;

use support::spans::{Kind, Trace};
use support::{available, renacer};

const SERVER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wire/server.py");

fn request(span: u64, flags: &str) -> Vec<u8> {
    let body = "b".repeat((span % 4) as usize);
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let trace = "a".repeat(32);
    format!(
        "POST /{span:016x} HTTP/1.1\r\nHost: x\r\ntraceparent: 00-{trace}-{span:016x}-{flags}\r\n{length}\r\n{body}"
    )
    .into()
}

/// Reads one whole answer of those that the server gives.
fn answer(stream: &mut impl BufRead) {
    let (mut line, mut length) = (String::new(), None);
    loop {
        line.clear();
        stream.read_line(&mut line).expect("a line of the answer");
        assert!(!line.is_empty(), "the server has gone away");
        if let Some(value) = line.strip_prefix("Content-Length: ") {
            length = Some(value.trim().parse().expect("a length"));
        }
        if line == "\r\n" {
            break;
        }
    }
    // The server's chunked answer has this length.
    let mut body = vec![0; length.unwrap_or("2\r\nok\r\n0\r\n\r\n".len())];
    stream.read_exact(&mut body).expect("the body");
}

/// Asks over as many connections, in turn, and returns the trace of the server.
fn ask(kind: &str, connections: usize, rounds: u64, pipelined: bool) -> Trace {
    ask_with(&[], "01", kind, connections, rounds, pipelined)
}

fn ask_with(options: &[&str], flags: &str, kind: &str, connections: usize, rounds: u64, pipelined: bool) -> Trace {
    let file = tempfile::Builder::new().suffix(".jsonl").tempfile().expect("a temporary file");
    let mut command = renacer();
    command.args(["--force", "--no-source", "-s", "100", "-o"]).arg(file.path()).args(options);
    command.args(["--", "python3", SERVER, kind, &connections.to_string()]).stdout(Stdio::piped());
    let mut server = command.spawn().expect("renacer runs");
    let mut line = String::new();
    BufReader::new(server.stdout.take().expect("its output")).read_line(&mut line).expect("a port");
    let port: u16 = line.trim().parse().expect("a port");
    // A worker that is forked serves one connection after the other.
    let together = if kind == "prefork" { 1 } else { connections };
    let mut span = 0;
    for _ in 0..connections / together {
        let open = |_| BufReader::new(TcpStream::connect(("127.0.0.1", port)).expect("a connection"));
        let mut streams: Vec<_> = (0..together).map(open).collect();
        for round in 0..rounds {
            let count = if pipelined && round % 2 == 0 { 2 } else { 1 };
            for stream in &mut streams {
                let mut bytes = Vec::new();
                for _ in 0..count {
                    span += 1;
                    bytes.extend(request(span, flags));
                }
                let (first, rest) = bytes.split_at(if span % 3 == 0 { 40 } else { bytes.len() });
                stream.get_mut().write_all(first).expect("a request");
                stream.get_mut().write_all(rest).expect("a request");
            }
            for stream in &mut streams {
                (0..count).for_each(|_| answer(stream));
            }
        }
    }
    assert!(server.wait().expect("its end").success());
    Trace::read(file.path())
}

/// How many calls were made for requests, how many of them are below theirs, and how many carry a request's bytes; none is below another's.
fn check(trace: &Trace, source: &str) -> (usize, usize, usize) {
    let (mut made, mut right, mut carry) = (0, 0, 0);
    for call in trace.of(Kind::Call) {
        let found = call.text("renacer.parent.source");
        assert!(found.is_none() || found == Some(source), "{call:?}");
        carry += usize::from(found.is_some() && call.text("syscall.arg.pathname").is_none());
        let Some(path) = call.text("syscall.arg.pathname").map(|path| path.trim_matches('"')) else { continue };
        if let Some(span) = path.strip_prefix("/in/") {
            made += 1;
            right += usize::from(found.is_some());
            assert!(found.is_none() || call.parent_id.as_deref() == Some(span), "{call:?}");
        } else if path == "/outside" {
            assert_eq!(found, None, "{call:?}");
        }
    }
    (made, right, carry)
}

#[test]
fn threads_and_processes_that_serve_one_connection_are_in_its_requests() {
    if !available(&["python3"]) {
        return;
    }
    for kind in ["threads", "prefork"] {
        let (made, right, carry) = check(&ask(kind, 4, 6, false), "http_server");
        println!("{kind}: {right} of {made}, {carry} more");
        assert_eq!((made, right), (4 * 6 * 3, made), "{kind}");
        assert!(carry >= 4 * 6 * 2, "{kind}: {carry}");
    }
    let (made, right, _) = check(&ask("threads", 4, 6, true), "http_server");
    println!("pipelined: {right} of {made}");
    assert!(right >= 4 * 3 * 3, "{right} of {made}");
}

#[test]
fn calls_stay_below_their_thread_where_nobody_samples_or_wants_it() {
    if !available(&["python3"]) {
        return;
    }
    for (options, flags) in [(&[][..], "00"), (&["--no-context"], "01")] {
        let trace = ask_with(options, flags, "threads", 2, 3, false);
        assert_eq!(check(&trace, "http_server"), (2 * 3 * 3, 0, 0), "{options:?} {flags}");
    }
}

#[test]
fn an_event_loop_gives_no_call_to_another_request() {
    if !available(&["python3"]) {
        return;
    }
    let trace = ask("epoll", 100, 4, true);
    let (made, right, carry) = check(&trace, "http_server");
    println!("epoll: {right} of {made}, {carry} more");
    assert_eq!((made, right), (100 * 6 * 3, 0), "what is in between is nobody's");
    // Of the rounds that are not pipelined: the read that ends a request, the write of its answer.
    assert!(carry >= 100 * 2 * 2, "{carry}");
}

#[test]
fn calls_until_the_answer_belong_to_the_request_that_was_sent() {
    if !available(&["python3"]) {
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let port = listener.local_addr().expect("its address").port().to_string();
    let serving = std::thread::spawn(move || {
        let mut stream = BufReader::new(listener.accept().expect("a connection").0);
        let mut line = String::new();
        while stream.read_line(&mut line).expect("a line") > 0 {
            if line == "\r\n" {
                let answer = b"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
                stream.get_mut().write_all(answer).expect("an answer");
            }
            line.clear();
        }
    });
    let file = tempfile::Builder::new().suffix(".jsonl").tempfile().expect("a temporary file");
    let mut command = renacer();
    command.args(["--force", "--no-source", "-s", "100", "-o"]).arg(file.path());
    command.args(["--", "python3", SERVER, "client", &port]);
    assert!(command.status().expect("renacer runs").success());
    let (made, right, carry) = check(&Trace::read(file.path()), "http_client");
    assert_eq!((made, right), (5, 5));
    assert!(carry >= 10, "{carry}");
    serving.join().expect("the server ends");
}
