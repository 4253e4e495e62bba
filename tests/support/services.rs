//! Web services under Renacer, whose requests are known by the paths `/request/ID/STEP` that they open.

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};

use super::spans::{Kind, Span, Trace};

/// A service that runs. It prints its port, and ends when its standard input does.
pub struct Service {
    running: Child,
    pub address: SocketAddr,
}

impl Service {
    /// Starts `renacer ... SERVICE`.
    pub fn start(command: &mut Command) -> Service {
        let mut running = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("renacer");
        let mut port = String::new();
        BufReader::new(running.stdout.take().expect("its output")).read_line(&mut port).expect("a port");
        let port = port.trim().parse().unwrap_or_else(|error| panic!("no port but {port:?}: {error}"));
        Service { running, address: SocketAddr::from(([127, 0, 0, 1], port)) }
    }

    /// Ends it as its makers would.
    pub fn end(mut self) {
        drop(self.running.stdin.take());
        assert!(self.running.wait().expect("renacer ends").success());
    }
}

/// Many clients at once, each of which makes requests one after the other on one connection. `path` makes an id part of a path. Returns
/// each request's id and the words of its answer.
pub fn ask(
    address: SocketAddr,
    clients: usize,
    requests: usize,
    path: fn(&str) -> String,
) -> Vec<(String, Vec<String>)> {
    let clients: Vec<_> =
        (0..clients).map(|number| std::thread::spawn(move || client(address, number, requests, path))).collect();
    clients.into_iter().flat_map(|client| client.join().expect("a client")).collect()
}

fn client(address: SocketAddr, number: usize, requests: usize, path: fn(&str) -> String) -> Vec<(String, Vec<String>)> {
    let mut connection = None;
    (0..requests)
        .map(|request| {
            let id = format!("{number}-{request}");
            let (reader, stream) = connection.get_or_insert_with(|| {
                let stream = TcpStream::connect(address).expect("the service answers");
                (BufReader::new(stream.try_clone().expect("a descriptor")), stream)
            });
            write!(stream, "GET {} HTTP/1.1\r\nHost: service\r\n\r\n", path(&id)).expect("a request");
            let (mut line, mut length, mut closes) = (String::new(), 0, false);
            reader.read_line(&mut line).expect("an answer");
            assert!(line.starts_with("HTTP/1.1 200") || line.starts_with("HTTP/1.0 200"), "{line}");
            closes |= line.starts_with("HTTP/1.0");
            while line != "\r\n" {
                line.clear();
                reader.read_line(&mut line).expect("a header");
                let line = line.to_ascii_lowercase();
                closes |= line.trim() == "connection: close";
                if let Some(value) = line.strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            if closes {
                connection = None;
            }
            let body = String::from_utf8(body).expect("text");
            (id, body.trim_matches('"').split(' ').map(str::to_owned).collect())
        })
        .collect()
}

/// How many of these steps of a request were made below its server span; that no other request's calls are in its trace is checked.
pub fn below(stored: &Trace, id: &str, server: &str, steps: &[&str]) -> usize {
    let spans: HashMap<&str, &Span> = stored.spans.iter().map(|span| (&*span.span_id, span)).collect();
    let span = spans.get(server).unwrap_or_else(|| panic!("no server span of {id}"));
    assert!(!span.ours, "{span:?}");
    let mine = format!("\"/request/{id}/");
    let path = |call: &Span| call.text("syscall.arg.pathname").unwrap_or_default().to_owned();
    for call in stored.of(Kind::Call) {
        assert!(!path(call).starts_with("\"/request/") || path(call).starts_with(&mine), "another's: {call:?}");
    }
    let step = |step: &&&str| {
        let path_of_step = format!("{mine}{step}\"");
        stored.of(Kind::Call).any(|call| path(call) == path_of_step && is_below(&spans, call, server))
    };
    steps.iter().filter(step).count()
}

/// Whether the call, or a span above it, is this one.
fn is_below(spans: &HashMap<&str, &Span>, call: &Span, ancestor: &str) -> bool {
    let parent = |span: &&Span| spans.get(span.parent_id.as_deref()?).copied();
    std::iter::successors(parent(&call), parent).take(100).any(|span| span.span_id == ancestor)
}
