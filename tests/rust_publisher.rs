//! Rust programs that publish their spans with `publishers/rust`: tasks of tokio that move between threads, and a web service whose
//! spans and calls are in a real Jaeger. What is true stands in the paths that the programs open.

mod peers;
mod support;

use std::collections::HashMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use peers::{Jaeger, Protocol, built};
use support::contexts::check;
use support::spans::{Kind, Span, Trace};
use support::{finish, renacer};

const WAYS: [&str; 2] = ["observer", "layer"];
const CLIENTS: usize = 32;
const REQUESTS: usize = 10;
/// What the service opens for each request.
const STEPS: [&str; 6] = ["begin", "after", "task", "blocking", "inner", "end"];

/// Builds the programs; none where crates.io cannot be reached.
fn service() -> Option<PathBuf> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock();
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("publishers/rust");
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/publishers/rust/Cargo.toml");
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--locked", "--target-dir"]).arg(&folder).arg("--manifest-path").arg(source);
    command.env("CARGO_INCREMENTAL", "0").env_remove("CARGO_BUILD_TARGET").env_remove("RUSTFLAGS");
    if !command.status().expect("cargo").success() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{command:?}");
        eprintln!("skipped: {command:?} failed");
        return None;
    }
    Some(folder.join("debug/service"))
}

#[test]
fn calls_of_tasks_that_move_between_threads_are_below_their_own_spans() {
    let Some(service) = service() else { return };
    for way in WAYS {
        let file = tempfile::Builder::new().suffix(".jsonl").tempfile().expect("a temporary file");
        let mut command = renacer();
        command.args(["--force", "-s", "100", "-o"]).arg(file.path()).arg("--").arg(&service).args(["tasks", way]);
        let finished = finish(&mut command);
        assert!(finished.status.success(), "{finished:?}");
        let trace = Trace::read(file.path());
        // A hundred tasks, ten rounds each.
        check(&trace, 100 * 10 * 5, 100 * 10);
        let threads = trace
            .of(Kind::Call)
            .filter(|call| call.text("syscall.arg.pathname").is_some_and(|path| path.starts_with("\"/in/")));
        let threads: std::collections::BTreeSet<_> = threads.map(|call| call.int("linux.tid")).collect();
        assert!(threads.len() >= 3, "the tasks ran on {} threads", threads.len());
    }
}

/// A client that makes one request after the other on one connection; each answer is a trace and a span.
fn client(address: SocketAddr, number: usize) -> Vec<(String, String, String)> {
    let stream = TcpStream::connect(address).expect("the service answers");
    let mut reader = BufReader::new(stream.try_clone().expect("a descriptor"));
    let mut stream = stream;
    (0..REQUESTS)
        .map(|request| {
            let id = format!("{number}-{request}");
            write!(stream, "GET /work/{id} HTTP/1.1\r\nHost: service\r\n\r\n").expect("a request");
            let (mut line, mut length) = (String::new(), 0);
            reader.read_line(&mut line).expect("an answer");
            assert!(line.starts_with("HTTP/1.1 200"), "{line}");
            while line != "\r\n" {
                line.clear();
                reader.read_line(&mut line).expect("a header");
                if let Some(value) = line.to_ascii_lowercase().strip_prefix("content-length:") {
                    length = value.trim().parse().expect("a length");
                }
            }
            let mut body = vec![0; length];
            reader.read_exact(&mut body).expect("a body");
            let body = String::from_utf8(body).expect("text");
            let (trace, span) = body.split_once(' ').expect("a trace and a span");
            (id, trace.to_owned(), span.to_owned())
        })
        .collect()
}

/// Whether the span, or one above it, is this one.
fn is_below(spans: &HashMap<&str, &Span>, span: &Span, ancestor: &str) -> bool {
    let parent = |span: &&Span| spans.get(span.parent_id.as_deref()?).copied();
    std::iter::successors(parent(&span), parent).take(100).any(|above| above.span_id == ancestor)
}

#[test]
fn in_jaeger_a_web_services_calls_are_below_their_requests() {
    let Some(service) = service() else { return };
    if !built(&["jaeger"]) {
        return;
    }
    for way in WAYS {
        let jaeger = Jaeger::start();
        let mut command = renacer();
        command.args(["--quiet", "--detail", "full", "-s", "100"]).args(jaeger.otlp.options(Protocol::Grpc));
        command.args(["-E", &format!("OTEL_EXPORTER_OTLP_ENDPOINT={}", jaeger.otlp.for_sdks())]);
        command.args(["-E", "OTEL_SERVICE_NAME=shop"]).arg("--").arg(&service).args(["serve", way]);
        let mut running = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("renacer");
        let mut port = String::new();
        BufReader::new(running.stdout.take().expect("its output")).read_line(&mut port).expect("a port");
        let address = SocketAddr::from(([127, 0, 0, 1], port.trim().parse().expect("a port")));
        let clients: Vec<_> = (0..CLIENTS).map(|number| std::thread::spawn(move || client(address, number))).collect();
        let answers: Vec<_> = clients.into_iter().flat_map(|client| client.join().expect("a client")).collect();
        drop(running.stdin.take());
        assert!(running.wait().expect("renacer ends").success());

        let (mut right, mut all) = (0, 0);
        for (id, trace, span) in &answers {
            let stored = jaeger.trace(trace).unwrap_or_else(|| panic!("Jaeger does not know the trace of {id}"));
            let spans: HashMap<&str, &Span> = stored.spans.iter().map(|span| (&*span.span_id, span)).collect();
            let server = spans.get(&**span).unwrap_or_else(|| panic!("no server span of {id}"));
            assert_eq!((&*server.name, server.ours), ("request", false));
            for step in STEPS {
                let path = format!("\"/request/{id}/{step}\"");
                let call = stored.of(Kind::Call).find(|call| call.text("syscall.arg.pathname") == Some(&path));
                all += 1;
                right += usize::from(call.is_some_and(|call| is_below(&spans, call, span)));
                let foreign = stored.of(Kind::Call).find(|call| {
                    let path = call.text("syscall.arg.pathname").unwrap_or_default();
                    path.starts_with("\"/request/") && !path.starts_with(&format!("\"/request/{id}/"))
                });
                assert!(foreign.is_none(), "a call of another request: {foreign:?}");
            }
        }
        eprintln!("{way}: {right} of {all} calls are below their request's server span");
        assert_eq!(all, CLIENTS * REQUESTS * STEPS.len());
        assert_eq!(right, all, "{way}");
    }
}
