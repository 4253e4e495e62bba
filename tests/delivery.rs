//! Whatever a collector does, each span is delivered, rejected and counted, or in a file: exactly.
//!
//! The oracle is the file that `-o` names: it has every span whatever becomes of it on the way to the collector.

mod misbehaving;
mod support;

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use misbehaving::{Answer, Collector, Plan};
use support::{Finished, available, finish_within, program, renacer, wait_until};

const PROTOCOLS: [&str; 2] = ["http/protobuf", "grpc"];

/// A run, and where its files are.
struct Run {
    folder: tempfile::TempDir,
    protocol: &'static str,
    calls: usize,
    shutdown: &'static str,
}

/// What became of a run's spans.
struct Outcome {
    finished: Finished,
    produced: HashSet<u64>,
    /// In files beside the one with all: to be sent later, and refused.
    left: HashSet<u64>,
    refused: HashSet<u64>,
    /// As the closing line has it.
    delivered: usize,
    rejected: usize,
}

impl Run {
    fn new(protocol: &'static str, calls: usize, shutdown: &'static str) -> Run {
        Run { folder: tempfile::tempdir().expect("a temporary folder"), protocol, calls, shutdown }
    }

    fn command(&self, endpoint: &str, more: &[&str]) -> Command {
        let mut command = renacer();
        command.args(["trace", "--detail", "full", "-o", "all.jsonl", "--otlp-protocol", self.protocol]);
        command.args(["--otlp-endpoint", endpoint, "--shutdown-timeout", self.shutdown, "--no-source"]).args(more);
        command.arg("--").arg(program("threads")).args(["4", &(self.calls / 4).to_string()]);
        // Many requests even of a short run.
        command.env("OTEL_BSP_MAX_EXPORT_BATCH_SIZE", "512").current_dir(self.folder.path());
        command
    }

    /// Runs it, and fails unless every span is exactly where Renacer says.
    fn outcome(&self, endpoint: &str, more: &[&str]) -> Outcome {
        let finished = finish_within(&mut self.command(endpoint, more), Duration::from_secs(600));
        assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
        let closing =
            finished.stderr.lines().find(|line| line.contains(" calls by ")).expect("a closing line").to_owned();
        let part = |words: &str| {
            let number = |part: &str| part.rsplit(' ').next().map(|text| text.replace(',', "")).unwrap_or_default();
            let (before, behind) = closing.split_once(words)?;
            let count: usize = number(before.trim_end_matches(" spans").trim_end_matches(" span")).parse().ok()?;
            Some((count, behind.split([',', ';']).next().unwrap_or_default().to_owned()))
        };
        let file = |words| match part(words) {
            None => HashSet::new(),
            Some((count, name)) => {
                let ids = ids(&self.folder.path().join(name));
                assert_eq!(ids.len(), count, "{words}: {closing}");
                ids
            }
        };
        let outcome = Outcome {
            produced: file(" spans in "),
            left: file(" to be sent later in "),
            refused: file(" refused by the collector in "),
            delivered: part(" delivered to ").map_or(0, |(count, _)| count),
            rejected: part(" refused by the collector;").map_or(0, |(count, _)| count),
            finished,
        };
        let Outcome { produced, left, refused, delivered, rejected, .. } = &outcome;
        assert!(produced.len() >= self.calls, "{closing}");
        assert!(left.is_disjoint(refused));
        assert_eq!(delivered + rejected + left.len() + refused.len(), produced.len(), "{closing}");
        // No file is left behind of which nothing is said.
        let files = 1 + usize::from(!left.is_empty()) + usize::from(!refused.is_empty());
        let entries: Vec<_> = std::fs::read_dir(self.folder.path()).expect("the folder").collect();
        assert_eq!(entries.len(), files, "{entries:?}: {closing}");
        outcome
    }
}

/// The ids of a file's spans; none may be there twice.
fn ids(path: &Path) -> HashSet<u64> {
    let text = std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    assert!(text.ends_with('\n'));
    let mut ids = HashSet::new();
    for part in text.split("\",\"spanId\":\"").skip(1) {
        // Links have no trace state and no parent behind their id; spans have one or the other.
        if part[17..].starts_with(",\"parentSpanId\"") || part[17..].starts_with(",\"traceState\"") {
            let id = u64::from_str_radix(&part[..16], 16).expect("an id");
            assert!(ids.insert(id), "{id:016x} is in {} twice", path.display());
        }
    }
    ids
}

/// What must be true of a case beside the sum.
#[derive(Clone, Copy, PartialEq)]
enum Expect {
    /// Everything is delivered.
    Delivered,
    /// Nothing is.
    Nothing,
    /// Some is refused, the rest delivered.
    SomeRefused,
    /// Some is rejected, the rest delivered.
    SomeRejected,
    /// Some is, some is not.
    Either,
}

/// Name, plan, what is expected, and whether the collector may have spans of which Renacer cannot know.
type Case = (&'static str, Plan, Expect, bool);

const CASES: [Case; 14] = [
    ("accepts", |_, _| Answer::Accept, Expect::Delivered, false),
    ("resets in the middle of requests", |_, _| Answer::Reset, Expect::Nothing, false),
    (
        "resets every third request",
        |n, _| if n % 3 == 1 { Answer::Reset } else { Answer::Accept },
        Expect::Delivered,
        false,
    ),
    (
        "breaks off every third answer",
        |n, _| if n % 3 == 1 { Answer::AcceptAndBreakOff } else { Answer::Accept },
        Expect::Delivered,
        true,
    ),
    (
        "is busy at every third request",
        |n, _| if n % 3 == 1 { Answer::Busy(None) } else { Answer::Accept },
        Expect::Delivered,
        false,
    ),
    (
        "wants to be left alone for a second now and then",
        |n, _| if n % 20 == 1 { Answer::Busy(Some(1)) } else { Answer::Accept },
        Expect::Delivered,
        false,
    ),
    (
        "is exhausted and says when it will not be",
        |n, _| if n % 3 == 1 { Answer::Exhausted { may_retry: true } } else { Answer::Accept },
        Expect::Delivered,
        false,
    ),
    (
        "is exhausted for good",
        |n, _| if n % 3 == 1 { Answer::Exhausted { may_retry: false } } else { Answer::Accept },
        Expect::Either,
        false,
    ),
    (
        "refuses one batch in ten",
        |n, _| if n % 10 == 1 { Answer::Refuse } else { Answer::Accept },
        Expect::SomeRefused,
        false,
    ),
    ("does not want three spans of each batch", |_, _| Answer::Partial(3), Expect::SomeRejected, false),
    (
        "takes 4 MiB at most",
        |_, bytes| if bytes.is_some_and(|bytes| bytes > 4 << 20) { Answer::TooLarge } else { Answer::Accept },
        Expect::Delivered,
        false,
    ),
    (
        "takes 20 kB at most",
        |_, bytes| if bytes.is_some_and(|bytes| bytes > 20_000) { Answer::TooLarge } else { Answer::Accept },
        Expect::Delivered,
        false,
    ),
    ("never answers", |_, _| Answer::Silence, Expect::Nothing, false),
    ("answers garbage", |_, _| Answer::Garbage, Expect::Nothing, false),
];

fn check(case: &Case, protocol: &'static str, calls: usize, shutdown: &'static str) {
    let (name, plan, expect, unknown) = *case;
    let collector = Collector::start(plan);
    let run = Run::new(protocol, calls, shutdown);
    let start = std::time::Instant::now();
    let outcome = run.outcome(&format!("http://{}", collector.address), &[]);
    let Outcome { finished, produced, left, refused, delivered, rejected } = &outcome;
    let what = format!("{name} ({protocol}): {}", finished.stderr);
    let (taken, unwanted) = collector.taken();
    assert!(taken.is_subset(produced), "{what}");
    assert!(taken.is_disjoint(refused), "{what}");
    if unknown {
        assert!(taken.len() >= *delivered, "{what}");
    } else {
        assert_eq!((taken.len(), unwanted as usize), (*delivered, *rejected), "{what}");
        assert!(taken.is_disjoint(left), "{what}");
    }
    let all: HashSet<u64> = taken.iter().chain(left).chain(refused).copied().collect();
    assert_eq!(all.len() + rejected, produced.len(), "{what}");
    let rest = (left.is_empty(), refused.is_empty(), *rejected == 0);
    match expect {
        Expect::Delivered => assert_eq!(rest, (true, true, true), "{what}"),
        Expect::Nothing => assert_eq!((*delivered, rest), (0, (false, true, true)), "{what}"),
        Expect::SomeRefused => assert_eq!(rest, (true, false, true), "{what}"),
        Expect::SomeRejected => assert_eq!(rest, (true, true, false), "{what}"),
        Expect::Either => assert!(*delivered > 0, "{what}"),
    }
    println!(
        "{name:50} {protocol:14} produced {}, delivered {delivered}, rejected {rejected}, refused {}, left {}; {:?}",
        produced.len(),
        refused.len(),
        left.len(),
        start.elapsed(),
    );
}

/// 5 s of latency: most is delivered at the end, or left.
fn check_slow(protocol: &'static str, calls: usize, plan: Plan, shutdown: &'static str) {
    check(&("answers after seconds", plan, Expect::Either, true), protocol, calls, shutdown);
}

fn check_refused_connections(protocol: &'static str, calls: usize) {
    let collector = Collector::start(|_, _| Answer::Accept);
    collector.go_away();
    let outcome = Run::new(protocol, calls, "10s").outcome(&format!("http://{}", collector.address), &[]);
    assert_eq!((outcome.delivered, outcome.left.len()), (0, outcome.produced.len()), "{}", outcome.finished.stderr);
}

/// The collector goes away for a while.
fn check_absence(protocol: &'static str, calls: usize, absent: Duration) {
    let collector = Collector::start(|_, _| Answer::Accept);
    let run = Run::new(protocol, calls, "120s");
    let outcome = std::thread::scope(|scope| {
        let running = scope.spawn(|| run.outcome(&format!("http://{}", collector.address), &[]));
        // More than four requests under way: some were answered.
        wait_until("the first spans", || collector.taken().0.len() > 5 * 512);
        collector.go_away();
        std::thread::sleep(absent);
        collector.come_back();
        running.join().expect("the run ends")
    });
    let what = &outcome.finished.stderr;
    assert_eq!(outcome.delivered, outcome.produced.len(), "{what}");
    assert_eq!(collector.taken().0, outcome.produced, "{what}");
}

/// A server whose certificate we would trust, had it not expired.
fn check_expired(protocol: &'static str, calls: usize) {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/misbehaving");
    let mut server = Command::new("python3");
    server.arg(source.join("expired.py")).stdout(std::process::Stdio::piped());
    let mut server = server.spawn().expect("python3 runs");
    let mut port = String::new();
    let mut output = std::io::BufReader::new(server.stdout.take().expect("output"));
    std::io::BufRead::read_line(&mut output, &mut port).expect("a port");
    let authority: PathBuf = source.join("authority.pem");
    let options = ["--otlp-certificate", authority.to_str().expect("a path that is text")];
    let run = Run::new(protocol, calls, "10s");
    let outcome = run.outcome(&format!("https://localhost:{}", port.trim()), &options);
    server.kill().and_then(|()| server.wait()).expect("it ends");
    let said = &outcome.finished.stderr;
    assert_eq!((outcome.delivered, outcome.left.len()), (0, outcome.produced.len()), "{said}");
    assert!(said.to_lowercase().contains("expired"), "{said}");
}

/// Everything, with a program of so many calls.
fn check_all(calls: usize, latency: Plan, shutdown: &'static str) {
    for protocol in PROTOCOLS {
        for case in &CASES {
            // Who never answers is waited for at the end.
            let silent = matches!(case.0, "never answers");
            check(case, protocol, calls, if silent { shutdown } else { "120s" });
        }
        check_slow(protocol, calls, latency, shutdown);
        check_refused_connections(protocol, calls);
        check_expired(protocol, calls);
    }
}

#[test]
fn every_span_of_a_short_run_is_where_it_is_said_to_be() {
    if available(&["cc", "python3"]) {
        let latency: Plan = |_, _| Answer::AcceptAfter(Duration::from_millis(500));
        check_all(8_000, latency, "1s");
    }
}

/// Takes minutes.
#[test]
#[ignore = "takes minutes: cargo test --release --test delivery -- --ignored"]
fn every_span_of_200_000_calls_is_where_it_is_said_to_be() {
    if available(&["cc", "python3"]) {
        let latency: Plan = |_, _| Answer::AcceptAfter(Duration::from_secs(5));
        check_all(200_000, latency, "10s");
    }
}

#[test]
fn what_was_missed_during_a_short_absence_is_delivered() {
    if available(&["cc"]) {
        PROTOCOLS.iter().for_each(|protocol| check_absence(protocol, 8_000, Duration::from_secs(1)));
    }
}

#[test]
#[ignore = "takes a minute"]
fn what_was_missed_of_200_000_calls_during_a_long_absence_is_delivered() {
    if available(&["cc"]) {
        PROTOCOLS.iter().for_each(|protocol| check_absence(protocol, 200_000, Duration::from_secs(20)));
    }
}
