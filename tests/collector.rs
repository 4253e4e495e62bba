//! Spans on their way through other receivers: the OpenTelemetry Collector, over OTLP and as a reader of local files, rotel,
//! and a parser that takes only what Google's protobuf library finds valid.

mod peers;
mod support;

use std::collections::BTreeSet;
use std::time::Duration;

use peers::subject::Subject;
use peers::{Collector, Jaeger, Protocol, Rotel, Sink, built};
use support::spans::{Kind, Trace};
use support::{available, finish, renacer, wait_until};

fn ids(trace: &Trace) -> BTreeSet<String> {
    trace.spans.iter().map(|span| span.span_id.clone()).collect()
}

/// The trace as Jaeger has it once the Collector has handed over as many spans as there are.
fn handed_over(jaeger: &Jaeger, file: &Trace) -> Trace {
    let mut stored = None;
    wait_until("the Collector to hand over all spans", || {
        stored = jaeger.trace(&file.spans[0].trace_id).filter(|stored| stored.spans.len() >= file.spans.len());
        stored.is_some()
    });
    stored.expect("it is there")
}

/// Traces a program once per protocol, then has the Collector read the last run's local file into a Jaeger of its own.
fn passes_whole(mut subject: Subject) {
    let jaeger = Jaeger::start();
    let (_collector, endpoints) = Collector::receiving(&jaeger);
    for protocol in Protocol::ALL {
        let file = subject.trace_with_file(&endpoints.options(protocol));
        let stored = handed_over(&jaeger, &file);
        assert_eq!(stored.faults(), [""; 0], "{protocol:?}");
        assert_eq!(ids(&stored), ids(&file), "{protocol:?}");
        subject.assert_counts(&stored.counts());
    }

    let path = subject.file("trace.otlp.jsonl");
    let file = Trace::read(&path);
    let jaeger = Jaeger::start();
    let _collector = Collector::reading(&jaeger, &path);
    let stored = handed_over(&jaeger, &file);
    assert_eq!(stored.faults(), [""; 0]);
    assert_eq!(ids(&stored), ids(&file));
    subject.assert_counts(&stored.counts());
}

/// Whether the Collector, Jaeger, strace and the program itself are there.
fn ready(tools: &[&str]) -> bool {
    built(&["jaeger", "otelcol"]) && available(&[&["strace"], tools].concat())
}

#[test]
fn counts_threads() {
    if ready(&["cc"]) {
        passes_whole(Subject::threads());
    }
}

#[test]
fn counts_forks() {
    if ready(&["cc"]) {
        passes_whole(Subject::forks());
    }
}

#[test]
fn counts_shell() {
    if ready(&[]) {
        passes_whole(Subject::shell());
    }
}

#[test]
fn counts_ls() {
    if ready(&[]) {
        passes_whole(Subject::ls());
    }
}

#[test]
fn counts_bash() {
    if ready(&["bash"]) {
        passes_whole(Subject::bash());
    }
}

#[test]
fn counts_python() {
    if ready(&["python3"]) {
        passes_whole(Subject::python());
    }
}

#[test]
fn counts_git() {
    if ready(&["git"]) {
        passes_whole(Subject::git());
    }
}

#[test]
fn counts_gcc() {
    if ready(&["gcc"]) {
        passes_whole(Subject::gcc());
    }
}

#[test]
fn a_file_is_read_while_it_grows() {
    if !ready(&[]) {
        return;
    }
    let subject = Subject::exact(["sh", "-c", "for i in 1 2 3 4 5; do ls; sleep 0.3; done"]);
    let jaeger = Jaeger::start();
    let _collector = Collector::reading(&jaeger, &subject.file("trace.otlp.jsonl"));
    let file = subject.trace_with_file(&[]);
    let stored = handed_over(&jaeger, &file);
    assert_eq!(stored.faults(), [""; 0]);
    assert_eq!(ids(&stored), ids(&file));
}

/// A request with one span, in protobuf, made by hand: its name, and the byte that its ids consist of.
fn request(name: &[u8], id: u8) -> Vec<u8> {
    let field = |number: u8, content: &[u8]| [&[number << 3 | 2, content.len() as u8], content].concat();
    let time = |number: u8, value: u64| [&[number << 3 | 1][..], &value.to_le_bytes()].concat();
    let span = [
        field(1, &[id; 16]),
        field(2, &[id; 8]),
        field(5, name),
        time(7, 1_700_000_000_000_000_000),
        time(8, 1_700_000_000_000_000_001),
    ];
    let attribute = [field(1, b"service.instance.id"), field(2, &field(1, b"by hand"))].concat();
    let scope = [field(1, &field(1, b"renacer")), field(2, &span.concat())].concat();
    field(1, &[field(1, &field(1, &attribute)), field(2, &scope)].concat())
}

#[test]
fn strict_peers_refuse_what_lenient_ones_take() {
    if !built(&["jaeger", "otelcol", "venv"]) {
        return;
    }
    let (jaeger, rotel, sink) = (Jaeger::start(), Rotel::start(), Sink::start());
    let (_collector, collector) = Collector::receiving(&jaeger);
    let send = |name, id| {
        let body = request(name, id);
        [collector, rotel.otlp, sink.otlp].map(|peer| peer.post("application/x-protobuf", &body))
    };
    assert_eq!(send(b"caf\xe9", 0x11), [200, 400, 400]);
    assert_eq!(rotel.errors().len(), 1);
    assert_eq!(sink.refusals().len(), 1);

    assert_eq!(send("café".as_bytes(), 0x22), [200, 200, 200]);
    let taken = BTreeSet::from(["22".repeat(8)]);
    assert_eq!(sink.spans().into_keys().collect::<BTreeSet<_>>(), taken);
    wait_until("rotel to print it", || rotel.span_ids() == taken);
    let mut stored = None;
    wait_until("the span in Jaeger", || {
        stored = jaeger.trace(&"22".repeat(16));
        stored.is_some()
    });
    assert_eq!(stored.expect("it is there").spans[0].name, "café");
}

/// A program whose file names, arguments, links and thread names are bytes that are no text.
fn names() -> Subject {
    Subject::varying([support::program("names")])
}

#[test]
fn names_that_are_no_text_reach_jaeger() {
    if ready(&["cc"]) {
        passes_whole(names());
    }
}

#[test]
fn names_that_are_no_text_are_taken_by_rotel() {
    if !(built(&["venv"]) && available(&["cc"])) {
        return;
    }
    for protocol in Protocol::ALL {
        let rotel = Rotel::start();
        let file = names().trace_with_file(&rotel.otlp.options(protocol));
        wait_until("rotel to print all spans", || rotel.span_ids() == ids(&file) || !rotel.errors().is_empty());
        assert_eq!(rotel.errors(), [""; 0], "{protocol:?}");
    }
}

#[test]
fn names_that_are_no_text_are_valid_protobuf_and_json() {
    if !(built(&["venv"]) && available(&["cc"])) {
        return;
    }
    for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson] {
        let sink = Sink::start();
        let file = names().trace_with_file(&sink.otlp.options(protocol));
        assert!(sink.refusals().is_empty(), "{protocol:?}: {:?}", sink.refusals());
        assert_eq!(sink.spans().into_keys().collect::<BTreeSet<_>>(), ids(&file), "{protocol:?}");
    }
}

#[test]
fn a_receiver_that_dies_during_the_run_loses_nothing() {
    if !(built(&["venv"]) && available(&["cc"])) {
        return;
    }
    const ROUNDS: usize = 15;
    for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson] {
        let mut sink = Sink::start();
        let script =
            format!("for i in $(seq {ROUNDS}); do {} 2 100; sleep 0.2; done", support::program("threads").display());
        let subject = Subject::exact(["sh", "-c", &script]);
        let options = sink.otlp.options(protocol);
        let finished = std::thread::scope(|scope| {
            let run = scope.spawn(|| subject.trace(&options));
            wait_until("the first spans", || !sink.spans().is_empty());
            sink.kill();
            run.join().expect("the run ends")
        });
        assert!(finished.status.success(), "{}", finished.stderr);
        let mut all = sink.spans();
        assert!(!all.is_empty());
        let rest = Trace::read(&subject.file_left());
        // What the receiver took without living long enough to say so is in both.
        all.extend(rest.spans.into_iter().map(|span| (span.span_id, span.name)));
        let calls = all.values().filter(|name| *name == "getppid").count();
        // The shell itself makes one when it starts.
        assert_eq!(calls, ROUNDS * 200 + 1, "{}", finished.stderr);
    }
}

/// The Collector is killed and started again three times during a run of a minute: Jaeger has all spans in the end.
fn survives_the_collectors_deaths(protocol: Protocol) {
    let jaeger = Jaeger::start();
    let (mut collector, endpoints) = Collector::direct(&jaeger);
    let threads = support::program("threads");
    let script = format!(
        "end=$(($(date +%s) + 60)); while [ $(date +%s) -lt $end ]; do {} 2 100; sleep 0.3; done",
        threads.display()
    );
    let subject = Subject::exact(["sh", "-c", &script]);
    let full = subject.file("all.jsonl");
    let own = ["--detail", "full", "--shutdown-timeout", "60s", "-o", full.to_str().expect("a path that is text")];
    let options = [&own.map(str::to_owned)[..], &endpoints.options(protocol)].concat();
    let finished = std::thread::scope(|scope| {
        let run = scope.spawn(|| subject.trace(&options));
        for _ in 0..3 {
            std::thread::sleep(Duration::from_secs(10));
            assert!(!run.is_finished());
            collector.kill_and_restart(&jaeger, endpoints, Duration::from_secs(5));
        }
        run.join().expect("the run ends")
    });
    assert!(finished.status.success(), "{}", finished.stderr);
    let file = Trace::read(&full);
    assert!(file.spans.len() > 10_000, "{}", finished.stderr);
    let stored = jaeger.trace(&file.spans[0].trace_id).expect("the trace");
    // What was taken without a word before a death was sent again, and Jaeger keeps it once.
    assert_eq!(ids(&stored), ids(&file), "{}", finished.stderr);
    assert!(finished.stderr.contains(" of them late)"), "{}", finished.stderr);
    assert_eq!(std::fs::read_dir(full.parent().expect("a folder")).expect("it").count(), 1, "{}", finished.stderr);
    eprintln!("{}", finished.stderr);
}

#[test]
#[ignore = "takes a minute: cargo test --test collector -- --ignored"]
fn all_spans_survive_three_deaths_of_the_collector() {
    if ready(&["cc"]) {
        std::thread::scope(|scope| {
            for protocol in [Protocol::Grpc, Protocol::HttpProtobuf] {
                scope.spawn(move || survives_the_collectors_deaths(protocol));
            }
        });
    }
}

/// A Rust program's `std::fs::File::open` names the program's own function, file and line in Jaeger, behind the Collector.
#[test]
fn the_line_of_rusts_file_open_arrives() {
    if !ready(&["rustc"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let source = folder.path().join("opener.rs");
    let code = "mod shelf {\n    #[inline(never)]\n    pub fn take(name: &str) -> bool {\n        std::fs::File::open(name).is_ok()\n    }\n}\n\n\
                fn main() {\n    shelf::take(\"/no such file\");\n}\n";
    std::fs::write(&source, code).expect("a file");
    let program = folder.path().join("opener");
    let mut rustc = std::process::Command::new("rustc");
    rustc.args(["-O", "-g", "--edition", "2024", "-o"]).arg(&program).arg(&source);
    assert!(rustc.status().expect("rustc runs").success());

    let subject = Subject::exact([&program]);
    let jaeger = Jaeger::start();
    let (_collector, endpoints) = Collector::receiving(&jaeger);
    let file = subject.trace_with_file(&endpoints.options(Protocol::Grpc));
    let stored = handed_over(&jaeger, &file);
    let opens = stored.of(Kind::Call).filter(|call| call.text("syscall.arg.pathname") == Some("\"/no such file\""));
    let opens: Vec<_> = opens.collect();
    let [open] = opens.as_slice() else { panic!("{opens:?}") };
    assert_eq!(open.text("code.function.name"), Some("opener::shelf::take"));
    assert_eq!(open.text("code.file.path"), source.canonicalize().ok().as_ref().and_then(|path| path.to_str()));
    assert_eq!(open.int("code.line.number"), Some(4));
    assert_eq!(open.text("renacer.code.origin"), None);
}

/// A run that is too long to look at call by call arrives merged, and its totals are exact.
#[test]
fn a_long_run_arrives_merged_with_exact_totals() {
    if !ready(&["cc"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let flood = support::program("flood");
    let opened = folder.path().join("opened meanwhile");
    std::fs::write(&opened, "text").expect("a file");
    let jaeger = Jaeger::start();
    let (_collector, endpoints) = Collector::receiving(&jaeger);
    let file = folder.path().join("all.otlp.jsonl");
    let input = folder.path().join("input");
    std::fs::write(&input, "x").expect("a file");
    let mut command = renacer();
    command.args(["trace", "-o"]).arg(&file).args(endpoints.options(Protocol::HttpProtobuf)).arg("--");
    command.arg(&flood).arg(folder.path()).arg("16000");
    command.stdin(std::fs::File::open(&input).expect("a file"));
    let finished = finish(&mut command);
    assert!(finished.status.success(), "{}", finished.stderr);

    let all = Trace::read(&file);
    assert_eq!(all.faults(), [""; 0]);
    let calls = all.of(Kind::Call).count() as i64;
    assert!(calls > 18_000);
    let mut stored = None;
    wait_until("the root span in Jaeger", || {
        stored = jaeger.trace(&all.spans[0].trace_id);
        stored.as_ref().is_some_and(|trace| trace.spans.iter().any(|span| span.int("renacer.calls").is_some()))
    });
    let stored = stored.expect("it is there");
    assert_eq!(stored.faults(), [""; 0]);
    assert!(stored.spans.len() < 12_000, "{}", stored.spans.len());
    assert_eq!(stored.of(Kind::Call).map(|call| call.int("syscall.count").unwrap_or(1)).sum::<i64>(), calls);
    let failures = |trace: &Trace| trace.of(Kind::Call).filter(|call| call.text("error.type").is_some()).count();
    assert_eq!(failures(&stored), failures(&all));
}
