//! Python programs on OpenTelemetry's stock SDK that publish their spans with `publishers/python`, which Renacer brings along or pip has
//! installed: threads, tasks, greenlets, and web services whose spans and calls are in a real Jaeger. What is true stands in the paths
//! that the programs open.

mod peers;
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use peers::{Jaeger, Protocol, built};
use support::contexts::check;
use support::services::{Service, ask, below};
use support::spans::{Kind, Trace};
use support::{finish, renacer};

const CLIENTS: usize = 32;
const REQUESTS: usize = 8;

/// A file of `tests/publishers/build.sh`; none where that has not run.
fn publishers(name: &str) -> Option<PathBuf> {
    let folder = std::env::var_os("PUBLISHERS_DIR")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/publishers"), PathBuf::from);
    let path = folder.join(name);
    if !path.exists() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{name} is missing: run tests/publishers/build.sh");
        eprintln!("skipped: {name} is missing (tests/publishers/build.sh makes it)");
        return None;
    }
    Some(path)
}

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/publishers/python").join(name)
}

/// Runs the steps; what they say of themselves must be so.
fn run_steps(way: &str, prepare: impl FnOnce(&mut Command)) {
    let Some(python) = publishers("venv/bin/python") else { return };
    let file = tempfile::Builder::new().suffix(".jsonl").tempfile().expect("a temporary file");
    let mut command = renacer();
    command.args(["--force", "--no-source", "-s", "100", "-o"]).arg(file.path());
    prepare(&mut command);
    let finished = finish(command.arg("--").arg(python).arg(script("steps.py")).arg(way));
    assert!(finished.status.success(), "{finished:?}");
    let counts: Vec<usize> = finished.text().split_whitespace().map(|word| word.parse().expect("a number")).collect();
    assert!(counts[0] >= 400 && counts[1] >= 200, "{counts:?}");
    check(&Trace::read(file.path()), counts[0], counts[1]);
}

fn injected(command: &mut Command) {
    command.args(["--inject-context", "python"]);
}

#[test]
fn threads_are_in_their_own_spans() {
    run_steps("threads", injected);
}

#[test]
fn tasks_of_asyncio_are_in_their_own_spans() {
    run_steps("asyncio", injected);
}

#[test]
fn tasks_of_uvloop_are_in_their_own_spans() {
    run_steps("uvloop", injected);
}

#[test]
fn greenlets_are_in_their_own_spans() {
    run_steps("gevent", injected);
}

#[test]
fn the_package_that_pip_installs_does_the_same() {
    let Some(installed) = publishers("installed") else { return };
    run_steps("asyncio", |command| {
        command.env("PYTHONPATH", installed).env("OTEL_PYTHON_CONTEXT", "renacer_context");
    });
}

#[test]
fn a_python_without_opentelemetry_runs_as_ever() {
    let mut command = renacer();
    command.args([
        "--quiet",
        "--force",
        "-o",
        "/dev/null",
        "--inject-context",
        "python",
        "--",
        "python3",
        "-c",
        "print(6 * 7)",
    ]);
    let finished = finish(&mut command);
    assert_eq!((finished.status.code(), &*finished.text(), &*finished.stderr), (Some(0), "42\n", ""));
}

/// A service under Renacer, both of which tell their spans to this Jaeger.
fn serve(jaeger: &Jaeger, python: &Path, words: &[&str]) -> Service {
    let mut command = renacer();
    command.args(["--quiet", "--no-source", "--detail", "full", "-s", "100", "--inject-context", "python"]);
    command.args(jaeger.otlp.options(Protocol::Grpc));
    command.args(["-E", &format!("OTEL_EXPORTER_OTLP_ENDPOINT={}", jaeger.otlp.for_sdks())]);
    command.args(["-E", &format!("OTEL_SERVICE_NAME={}", words[0]), "--"]);
    Service::start(command.arg(python).arg(script("services.py")).args(words))
}

/// The share of all requests' steps that are below their own server spans in Jaeger: at least 99 of 100, and all others nowhere else.
fn check_service(kind: &str, path: fn(&str) -> String, steps: &[&str]) {
    let Some(python) = publishers("venv/bin/python") else { return };
    if !built(&["jaeger"]) {
        return;
    }
    let jaeger = Jaeger::start();
    let service = serve(&jaeger, &python, &[kind]);
    let answers = ask(service.address, CLIENTS, REQUESTS, path);
    service.end();
    let mut right = 0;
    for (id, words) in &answers {
        let stored = jaeger.trace(&words[0]).unwrap_or_else(|| panic!("Jaeger does not know the trace of {id}"));
        right += below(&stored, id, &words[1], steps);
    }
    let all = CLIENTS * REQUESTS * steps.len();
    eprintln!("{kind} {}: {right} of {all} calls are below their request's server span", path(""));
    assert!(right * 100 >= all * 99, "{right} of {all}");
}

#[test]
fn in_jaeger_fastapis_threads_are_below_their_requests() {
    check_service("fastapi", |id| format!("/sync/{id}"), &["begin", "inner", "end"]);
}

#[test]
fn in_jaeger_fastapis_tasks_are_below_their_requests() {
    check_service("fastapi", |id| format!("/async/{id}"), &["begin", "after", "thread", "task", "inner", "end"]);
}

#[test]
fn in_jaeger_uvloops_tasks_are_below_their_requests() {
    check_service("uvloop", |id| format!("/async/{id}"), &["begin", "after", "thread", "task", "inner", "end"]);
}

#[test]
fn in_jaeger_flasks_threads_are_below_their_requests() {
    check_service("flask", |id| format!("/sync/{id}"), &["begin", "inner", "end"]);
}

#[test]
fn in_jaeger_two_services_and_a_database_are_one_trace() {
    let Some(python) = publishers("venv/bin/python") else { return };
    if !built(&["jaeger"]) {
        return;
    }
    let jaeger = Jaeger::start();
    let stock = serve(&jaeger, &python, &["stock"]);
    let order = serve(&jaeger, &python, &["order", &format!("http://{}", stock.address)]);
    let answers = ask(order.address, 8, 4, |id| format!("/order/{id}"));
    order.end();
    stock.end();
    for (id, words) in &answers {
        let [trace, ordering, same_trace, stocking] = &words[..] else { panic!("{words:?}") };
        assert_eq!(trace, same_trace);
        let stored = jaeger.trace(trace).expect("Jaeger knows the trace");
        assert_eq!(below(&stored, id, ordering, &["order", "ordered", "stock"]), 3, "{id}");
        assert_eq!(below(&stored, id, stocking, &["stock"]), 1, "{id}");
        // The database's files are read in the span of its client.
        let query = stored.spans.iter().find(|span| !span.ours && span.name.starts_with("SELECT")).expect("a query");
        let reads = stored.of(Kind::Call).filter(|call| call.parent_id.as_ref() == Some(&query.span_id)).count();
        assert!(reads > 0, "no call is below {query:?}");
        let names: std::collections::BTreeSet<_> =
            stored.of(Kind::Call).filter_map(|call| call.resource.get("service.name")?.as_str()).collect();
        assert_eq!(names.len(), 1, "both run as the same program: {names:?}");
    }
}
