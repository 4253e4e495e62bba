//! Who a program's caller is stands in its environment: in Renacer's own, and in that of each program that is started with another.
//! Truth is what the test, and the shell script, put there.

mod peers;
mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;

use peers::{Jaeger, Protocol, built};
use support::spans::{Kind, Span, Trace};
use support::{available, finish, renacer};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const OUTER: &str = "00f067aa0ba902b7";
const STEP: &str = "00000000000000aa";
const ELSEWHERE: &str = "0af7651916cd43dd8448eb211c80319c";

/// A script that starts programs as they come, one under a step of its own (as otel-cli does it), one in another trace, and one in a
/// trace that nobody samples.
const SCRIPT: &str = "\
/bin/cat /plain
export TRACEPARENT=00-TRACE-STEP-01
/bin/cat /step
/bin/sh -c '/bin/cat /below; true'
TRACEPARENT=00-ELSEWHERE-STEP-01 TRACESTATE=vendor=1 /bin/cat /elsewhere
TRACEPARENT=00-ELSEWHERE-STEP-00 /bin/cat /unsampled
TRACEPARENT=nonsense /bin/cat /nonsense
true
";

fn script() -> String {
    SCRIPT.replace("TRACE-", &format!("{TRACE}-")).replace("STEP", STEP).replace("ELSEWHERE", ELSEWHERE)
}

/// Runs the script under the outer span.
fn run(options: &[&str]) -> Trace {
    let file = tempfile::Builder::new().suffix(".jsonl").tempfile().expect("a temporary file");
    let mut command = renacer();
    command.env("TRACEPARENT", format!("00-{TRACE}-{OUTER}-01")).args(["--force", "-o"]).arg(file.path());
    let finished = finish(command.args(options).args(["--", "sh", "-c", &script()]));
    assert!(finished.status.success(), "{finished:?}");
    Trace::read(file.path())
}

/// The process that was run to open this path, and the call that opened it.
fn opener<'a>(trace: &'a Trace, path: &str) -> Option<(&'a Span, &'a Span)> {
    let quoted = format!("\"{path}\"");
    let call = trace.of(Kind::Call).find(|call| call.text("syscall.arg.pathname") == Some(&quoted))?;
    let process = trace.of(Kind::Process).find(|process| Some(&process.span_id) == call.parent_id.as_ref());
    Some((process.expect("a call's parent is its process"), call))
}

fn place(span: &Span) -> (&str, Option<&str>) {
    (&span.trace_id, span.parent_id.as_deref())
}

#[test]
fn a_program_with_a_caller_of_its_own_is_below_that() {
    let trace = run(&[]);
    let shell = trace.of(Kind::Process).find(|process| process.parent_id.as_deref() == Some(OUTER)).expect("the shell");
    assert_eq!((&*shell.trace_id, shell.text("renacer.parent.source")), (TRACE, None));
    let source = Some("environment");
    for (path, expected) in [
        ("/plain", ((TRACE, Some(&*shell.span_id)), None)),
        ("/step", ((TRACE, Some(STEP)), source)),
        ("/elsewhere", ((ELSEWHERE, Some(STEP)), source)),
        // What is no context says nothing.
        ("/nonsense", ((TRACE, Some(&*shell.span_id)), None)),
    ] {
        let (process, call) = opener(&trace, path).unwrap_or_else(|| panic!("nobody opened {path}"));
        assert_eq!((place(process), process.text("renacer.parent.source")), expected, "{path}");
        assert_eq!(call.trace_id, process.trace_id, "{path}");
    }
    // The inner shell is below the step, and what it runs is below the inner shell.
    let (below, _) = opener(&trace, "/below").expect("the program that the inner shell runs");
    let inner = trace.of(Kind::Process).find(|process| Some(&process.span_id) == below.parent_id.as_ref());
    let inner = inner.expect("the inner shell");
    assert_eq!((place(inner), below.text("renacer.parent.source")), ((TRACE, Some(STEP)), None));
    assert!(opener(&trace, "/unsampled").is_none(), "its caller wants no spans");
}

#[test]
fn callers_are_left_alone_where_nobody_wants_them() {
    let trace = run(&["--no-context"]);
    assert!(trace.spans.iter().all(|span| span.trace_id == TRACE));
    for path in ["/step", "/elsewhere", "/unsampled"] {
        let (process, _) = opener(&trace, path).unwrap_or_else(|| panic!("nobody opened {path}"));
        assert_eq!(process.text("renacer.parent.source"), None, "{path}");
    }
}

/// Answers requests until it is dropped with the program.
fn server() -> std::net::SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = listener.local_addr().expect("its address");
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.expect("a connection");
            let mut request = Vec::new();
            let mut part = [0; 1024];
            while !request.ends_with(b"\r\n\r\n") {
                match stream.read(&mut part) {
                    Ok(0) | Err(_) => break,
                    Ok(count) => request.extend_from_slice(&part[..count]),
                }
            }
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello");
        }
    });
    address
}

/// A span that the test itself tells Jaeger of, as a build system or a service would.
fn tell(jaeger: &Jaeger, id: &str, parent: &str, name: &str) {
    let span = format!(
        r#"{{"resourceSpans":[{{"resource":{{"attributes":[{{"key":"service.name","value":{{"stringValue":"caller"}}}}]}},
        "scopeSpans":[{{"spans":[{{"traceId":"{TRACE}","spanId":"{id}","parentSpanId":"{parent}","name":"{name}","kind":1,
        "startTimeUnixNano":"1700000000000000000","endTimeUnixNano":"1700000001000000000"}}]}}]}}]}}"#
    );
    assert_eq!(jaeger.otlp.post("application/json", span.as_bytes()), 200);
}

#[test]
fn in_jaeger_a_shell_script_is_below_its_caller() {
    if !built(&["jaeger"]) || !available(&["curl"]) {
        return;
    }
    let jaeger = Jaeger::start();
    let address = server();
    tell(&jaeger, OUTER, "", "outer");
    tell(&jaeger, STEP, OUTER, "step");
    let script = format!(
        "curl -s http://{address}/first; curl -s http://{address}/second | cat
         TRACEPARENT=00-{TRACE}-{STEP}-01 curl -s http://{address}/third; exit 7"
    );
    let mut command: Command = renacer();
    command.env("TRACEPARENT", format!("00-{TRACE}-{OUTER}-01")).args(["-s", "200", "--detail", "full"]);
    command.args(jaeger.otlp.options(Protocol::Grpc)).args(["--", "sh", "-c", &script]);
    let finished = finish(&mut command);
    assert_eq!((finished.status.code(), &*finished.stdout), (Some(7), "hello".repeat(3).as_bytes()), "{finished:?}");

    let stored = jaeger.trace(TRACE).expect("Jaeger knows the trace");
    let parent = |span: &Span| stored.spans.iter().find(|other| Some(&other.span_id) == span.parent_id.as_ref());
    let path = |span: &Span| {
        let mut names: Vec<&str> =
            std::iter::successors(Some(span), |span| parent(span)).map(|span| &*span.name).collect();
        names.reverse();
        // `sh` is a link to another name.
        names.join("/").replace("/dash", "/sh").replace("/bash", "/sh")
    };
    assert_eq!(stored.spans.iter().filter(|span| parent(span).is_none()).map(path).collect::<Vec<_>>(), ["outer"]);
    let port = Some(i64::from(address.port()));
    let connects = stored.spans.iter().filter(|span| span.name == "connect" && span.int("network.peer.port") == port);
    let mut connects: Vec<_> = connects.map(path).collect();
    connects.sort();
    assert_eq!(connects, ["outer/sh/curl/connect", "outer/sh/curl/connect", "outer/step/curl/connect"]);
    // Every process and every call is somewhere below the caller.
    for span in &stored.spans {
        assert!(path(span).starts_with("outer"), "{span:?}");
    }
    assert!(stored.of(Kind::Call).count() > 500, "three programs make many calls");
}
