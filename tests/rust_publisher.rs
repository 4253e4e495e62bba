//! Rust programs that publish their spans with `publishers/rust`: tasks of tokio that move between threads, and a web service whose
//! spans and calls are in a real Jaeger. What is true stands in the paths that the programs open.

mod peers;
mod support;

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use peers::{Jaeger, Protocol, built};
use support::contexts::check;
use support::services::{Service, ask, below};
use support::spans::{Kind, Trace};
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
        check(&trace, 100 * 10 * 6, 100 * 10);
        let process = trace.of(Kind::Process).next().expect("a process");
        assert_eq!((&process.resource["service.name"], process.resource.get("other")), (&"shop".into(), None));
        let threads = trace
            .of(Kind::Call)
            .filter(|call| call.text("syscall.arg.pathname").is_some_and(|path| path.starts_with("\"/in/")));
        let threads: std::collections::BTreeSet<_> = threads.map(|call| call.int("linux.tid")).collect();
        assert!(threads.len() >= 3, "the tasks ran on {} threads", threads.len());
    }
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
        let service = Service::start(&mut command);
        let answers = ask(service.address, CLIENTS, REQUESTS, |id| format!("/work/{id}"));
        service.end();

        let (mut right, all) = (0, CLIENTS * REQUESTS * STEPS.len());
        for (id, words) in &answers {
            let stored = jaeger.trace(&words[0]).unwrap_or_else(|| panic!("Jaeger does not know the trace of {id}"));
            right += below(&stored, id, &words[1], &STEPS);
        }
        eprintln!("{way}: {right} of {all} calls are below their request's server span");
        assert_eq!(right, all, "{way}");
    }
}
