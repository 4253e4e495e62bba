//! Calls belong to the span of the program's own that the thread is in. What is true stands in the path of each file that the
//! programs open: `/in/TRACE/SPAN` or `/outside`.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;

use support::contexts::check;
use support::spans::{Kind, Trace};
use support::{Leftover, available, finish, renacer, tracer, wait_until};

const SOURCES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/context");

fn folder() -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("context");
    std::fs::create_dir_all(&folder).expect("a folder for the programs");
    folder
}

/// Builds a C program or library, by one of the tests' processes at a time.
fn compile(compiler: &str, name: &str, source: &str, flags: &[&str]) -> PathBuf {
    let target = folder().join(name);
    let unfinished = folder().join(format!("{name}-{}", std::process::id()));
    let mut command = Command::new(compiler);
    command.args(["-O1", "-w", "-D_GNU_SOURCE"]).args(flags).arg("-o").arg(&unfinished);
    command.arg(Path::new(SOURCES).join(source)).args(["-pthread", "-ldl"]);
    assert!(command.status().expect("a compiler").success(), "{command:?}");
    std::fs::rename(&unfinished, &target).expect("the built program can be renamed");
    target
}

/// Builds the writer of another maker; none where crates.io cannot be reached.
fn writer(name: &str, flags: &str, target: Option<&str>) -> Option<PathBuf> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _guard = ONE_AT_A_TIME.lock();
    let folder = folder().join("writer").join(if flags.is_empty() { "plain" } else { "static" });
    let mut command = Command::new(env!("CARGO"));
    command.args(["build", "--quiet", "--locked", "--target-dir"]).arg(&folder);
    command.arg("--manifest-path").arg(Path::new(SOURCES).join("writer/Cargo.toml"));
    command.env("RUSTFLAGS", flags).env("CARGO_INCREMENTAL", "0").env_remove("CARGO_BUILD_TARGET");
    if let Some(target) = target {
        command.args(["--bin", "writer", "--target", target]);
    }
    if !command.status().expect("cargo").success() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "{command:?}");
        eprintln!("skipped: {command:?} failed");
        return None;
    }
    Some(folder.join(target.unwrap_or_default()).join("debug").join(name))
}

fn trace(options: &[&str], command: &[&Path]) -> Trace {
    let file = tempfile::Builder::new().suffix(".jsonl").tempfile().expect("a temporary file");
    let mut renacer = renacer();
    renacer.args(["--force", "-s", "100", "-o"]).arg(file.path()).args(options).arg("--").args(command);
    let finished = finish(&mut renacer);
    assert!(finished.status.success(), "{finished:?}");
    Trace::read(file.path())
}

/// What three threads of the writer do.
fn check_writer(trace: &Trace) {
    check(trace, 3 * 40, 3 * 22);
}

/// What three threads of the C publisher do.
fn check_publisher(trace: &Trace) {
    check(trace, 3 * 80, 3 * 81);
}

#[test]
fn the_other_makers_writer_is_read_from_a_program() {
    let Some(program) = writer("writer", "", None) else { return };
    check_writer(&trace(&[], &[&program]));
    check_writer(&trace(&["--no-source"], &[&program]));
    check_writer(&trace(&["-e", "trace=openat"], &[&program]));
}

#[test]
fn the_other_makers_writer_is_read_from_a_static_program() {
    let flags = "-C target-feature=+crt-static";
    for target in ["x86_64-unknown-linux-gnu", "x86_64-unknown-linux-musl"] {
        let Some(program) = writer("writer", flags, Some(target)) else { continue };
        check_writer(&trace(&[], &[&program]));
    }
}

#[test]
fn the_other_makers_writer_is_read_from_a_library_that_is_loaded_late() {
    let Some(library) = writer("libwriter_library.so", "", None) else { return };
    let loader = compile("cc", "loader", "loader.c", &[]);
    check_writer(&trace(&[], &[&loader, &library]));
    check_writer(&trace(&["-e", "trace=openat", "--no-source"], &[&loader, &library]));
}

#[test]
fn each_way_to_reach_a_thread_local_variable_is_followed() {
    for (compiler, name) in [("cc", "gnu"), ("musl-gcc", "musl")] {
        if !available(&[compiler]) {
            continue;
        }
        let loader = compile(compiler, &format!("loader-{name}"), "loader.c", &[]);
        for flags in
            [&["-mtls-dialect=gnu"][..], &["-mtls-dialect=gnu2"], &["-ftls-model=initial-exec"], &["-DELASTIC"]]
        {
            if name == "musl" && flags == ["-ftls-model=initial-exec"] {
                // It does not load such libraries late.
                continue;
            }
            let flags = [&["-shared", "-fPIC"][..], flags].concat();
            let file = format!("publisher-{name}-{}.so", flags[2].trim_start_matches('-'));
            let library = compile(compiler, &file, "publisher.c", &flags);
            check_publisher(&trace(&[], &[&loader, &library]));
        }
        for flags in [&["-static"][..], &["-pie", "-fPIE"], &["-no-pie"], &["-static", "-DELASTIC"]] {
            let flags = [&["-DMAIN"][..], flags].concat();
            let file = format!("publisher-{name}{}", flags.join(""));
            check_publisher(&trace(&[], &[&compile(compiler, &file, "publisher.c", &flags)]));
        }
    }
}

#[test]
fn programs_are_read_that_ran_before_they_were_traced() {
    let program = compile("cc", "publisher-attached", "publisher.c", &["-DMAIN", "-pie", "-fPIE"]);
    let loader = compile("cc", "loader-attached", "loader.c", &[]);
    let flags = ["-shared", "-fPIC", "-mtls-dialect=gnu2"];
    let library = compile("cc", "publisher-attached.so", "publisher.c", &flags);
    for words in [&[&*program][..], &[&loader, &library]] {
        let mut target = Command::new(words[0]);
        target.args(&words[1..]).arg("wait").stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut target = target.spawn().expect("the program runs");
        let _leftover = Leftover(target.id() as i32);
        let mut line = String::new();
        BufReader::new(target.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
        let file = tempfile::Builder::new().suffix(".jsonl").tempfile().expect("a temporary file");
        let mut command = renacer();
        command.args(["--force", "-s", "100", "--on-overflow", "block", "-o"]).arg(file.path());
        let mut renacer = command.args(["-p", &target.id().to_string()]).spawn().expect("renacer runs");
        wait_until("the program to be traced", || tracer(target.id() as i32) == Some(renacer.id() as i32));
        target.stdin.take().expect("its input").write_all(b"\n").expect("a line");
        assert!(target.wait().expect("its end").success());
        assert!(renacer.wait().expect("its end").success());
        let trace = Trace::read(file.path());
        check_publisher(&trace);
        if words.len() == 1 {
            let process = trace.of(Kind::Process).next().expect("a process");
            assert_eq!(process.resource["service.name"], "shop");
        }
    }
}

#[test]
fn what_the_process_says_of_itself_is_on_its_resource_and_its_calls() {
    let program = compile("cc", "publisher-described", "publisher.c", &["-DMAIN"]);
    for options in [&[][..], &["-e", "trace=openat"], &["--service-name", "mine"]] {
        let trace = trace(options, &[&program]);
        let process = trace.of(Kind::Process).next().expect("a process");
        let name = if options.contains(&"mine") { "mine" } else { "shop" };
        assert_eq!(process.resource["service.name"], name);
        assert_eq!(process.resource["service.version"], "1.2");
        assert_eq!(process.resource["deployment.environment.name"], "test");
        for call in trace.of(Kind::Call).filter(|call| call.attributes.contains_key("renacer.parent.source")) {
            assert_eq!((call.text("http.route"), call.resource["service.name"].as_str()), (Some("/route"), Some(name)));
        }
    }
}

#[test]
fn calls_of_different_spans_are_not_merged() {
    let program = compile("cc", "publisher-merged", "publisher.c", &["-DMAIN"]);
    let trace = trace(&["--detail", "summary"], &[&program]);
    let inside = trace.of(Kind::Call).filter(|call| call.attributes.contains_key("renacer.parent.source"));
    let mut spans: Vec<_> = inside
        .map(|call| {
            assert_eq!((&*call.name, call.int("syscall.count")), ("openat", Some(2)));
            (call.trace_id.clone(), call.parent_id.clone())
        })
        .collect();
    spans.sort();
    spans.dedup();
    assert_eq!(spans.len(), 3 * 40);
    let total: i64 = trace.of(Kind::Call).map(|call| call.int("syscall.count").unwrap_or(1)).sum();
    let calls = trace.spans.iter().find_map(|span| span.int("renacer.calls"));
    assert_eq!(Some(total), calls);
}

#[test]
fn without_contexts_all_calls_are_in_the_runs_trace() {
    let program = compile("cc", "publisher-plain", "publisher.c", &["-DMAIN"]);
    let trace = trace(&["--no-context"], &[&program]);
    assert_eq!(trace.faults(), Vec::<String>::new());
    assert!(trace.spans.iter().all(|span| !span.attributes.contains_key("renacer.parent.source")));
}
