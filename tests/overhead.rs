//! `--overhead`: threads are traced in slices of time. The program does not notice, and what is told of the slices is true.

mod support;

use std::ffi::OsStr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;
use support::spans::{Kind, Span, Trace};
use support::{Finished, available, busy_counters, finish, program, renacer, signal, tracer, wait_until};

/// A run of `renacer trace --overhead SHARE MORE... -- WORDS...`, with its spans.
fn slices<W: AsRef<OsStr>>(share: &str, more: &[&str], words: &[W]) -> (Finished, Trace) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spans = folder.path().join("spans.otlp.jsonl");
    let mut command = renacer();
    command.args(["trace", "--no-source", "--overhead", share]).args(more).arg("-o").arg(&spans).arg("--").args(words);
    let finished = finish(&mut command);
    (finished, Trace::read(&spans))
}

fn gaps(trace: &Trace) -> Vec<&Span> {
    trace.of(Kind::Gap).collect()
}

/// Whole, with gaps, and counted right.
fn assert_sound(trace: &Trace, finished: &Finished) {
    assert_eq!(trace.faults(), Vec::<String>::new());
    let gaps = gaps(trace);
    assert!(!gaps.is_empty(), "no gaps: {}", finished.stderr);
    let totals = trace.spans.iter().find(|span| span.attributes.contains_key("renacer.calls")).expect("the totals");
    let duration: u64 = gaps.iter().map(|gap| gap.end - gap.start).sum();
    assert_eq!(totals.int("renacer.calls"), Some(trace.of(Kind::Call).count() as i64));
    assert_eq!(totals.int("renacer.gaps"), Some(gaps.len() as i64));
    assert_eq!(totals.int("renacer.gaps.duration"), Some(duration as i64));
    assert_eq!(totals.int("renacer.events.unknown"), None);
    assert!(gaps.iter().all(|gap| gap.attributes.get("renacer.untraced") == Some(&true.into())));
}

/// Waits that an interrupt would end are not ended, and those for a time take their time.
#[test]
fn waits_end_as_without() {
    if !available(&["cc"]) {
        return;
    }
    let (finished, trace) = slices("5%", &[], &[program("waits").as_os_str(), OsStr::new("5")]);
    assert_eq!((finished.text().as_str(), finished.status.code()), ("", Some(23)));
    assert_sound(&trace, &finished);
    assert!(finished.stderr.contains("untraced"), "the closing line: {}", finished.stderr);
    let interrupted = trace.of(Kind::Call).find(|call| call.text("error.type") == Some("EINTR"));
    assert!(interrupted.is_none(), "{interrupted:?}");
}

/// What a descriptor is said to be is what it is, whatever went on in the gaps.
#[test]
fn paths_are_true_or_absent() {
    if !available(&["cc"]) {
        return;
    }
    for (share, threads) in [("3%", "0"), ("6%", "2")] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        for name in ["a", "b"] {
            std::fs::create_dir(folder.path().join(name)).expect("a folder");
            for number in 0..8 {
                let content = format!("{name}/{number}");
                std::fs::write(folder.path().join(&content), &content).expect("a file");
            }
        }
        let words = [program("same_number").into_os_string(), folder.path().into(), "6".into(), threads.into()];
        let (finished, trace) = slices(share, &["--capture-data"], &words);
        assert_eq!(finished.status.code(), Some(24));
        assert_sound(&trace, &finished);
        let (mut told, mut untold) = (0, 0);
        for call in trace.of(Kind::Call).filter(|call| call.name == "read" || call.name == "pread64") {
            let content = call.text("syscall.arg.buf").unwrap_or_default().trim_matches('"');
            if !content.starts_with("a/") && !content.starts_with("b/") {
                continue;
            }
            match call.text("file.path") {
                Some(path) => {
                    assert!(Path::new(path).ends_with(content), "{path} has {content}: {call:?}");
                    told += 1;
                }
                None => untold += 1,
            }
        }
        println!("{share}, {threads} threads: {told} paths told, {untold} not");
        assert!(told > 0 && (threads != "0" || told > untold), "{told} paths were told, {untold} not");
    }
}

/// The run's outcome is the program's own: handlers run, timers tick, threads and processes come and go, exec in a thread.
#[test]
fn programs_do_as_without() {
    if !available(&["cc"]) {
        return;
    }
    for name in
        ["handlers", "ticks", "stopcont", "waiting", "forks", "vforks", "threads", "short_threads", "thread_exec"]
    {
        let program = program(name);
        let without = finish(Command::new(&program).stdin(Stdio::null()));
        let (with, trace) = slices("1%", &[], &[&program]);
        assert_eq!(
            (without.status, without.text()),
            (with.status, with.text()),
            "{name} (left: without, right: with Renacer)"
        );
        assert_eq!(trace.faults(), Vec::<String>::new(), "{name}");
    }
    let script = "i=0; while [ $i -lt 60 ]; do i=$((i+1)); (cd /; ls) | wc -l; done";
    let without = finish(Command::new("sh").args(["-c", script]).stdin(Stdio::null()));
    let (with, trace) = slices("2%", &[], &["sh", "-c", script]);
    assert_eq!((without.status, without.text()), (with.status, with.text()));
    assert_sound(&trace, &with);
    let programs = trace.of(Kind::Process).filter(|span| span.name == "ls" || span.name == "wc").count();
    assert_eq!(programs, 120, "programs that were run, in gaps or not");
}

struct Target(Child);

impl Drop for Target {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// Attached and let go: every thread goes on, faster than its calls could be traced, and nothing goes wrong.
#[test]
fn busy_threads_are_let_be() {
    if !available(&["cc"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (counters, spans) = (folder.path().join("counters"), folder.path().join("spans.otlp.jsonl"));
    let mut target = Target(Command::new(program("busy")).arg(&counters).spawn().expect("busy runs"));
    let pid = target.0.id() as i32;
    wait_until("16 busy threads", || busy_counters(&counters).0.iter().all(|&count| count > 0));
    let mut command = renacer();
    command.args(["trace", "--no-source", "--overhead", "5%", "--duration", "4", "-o"]).arg(&spans);
    command.args(["-p", &pid.to_string()]);
    let finished = finish(&mut command);
    assert_eq!(tracer(pid), Some(0), "it is let go");
    let before = busy_counters(&counters).0;
    wait_until("every thread to go on when let go", || {
        busy_counters(&counters).0.iter().zip(before).all(|(now, before)| *now > before)
    });
    assert_eq!(busy_counters(&counters).1, [0; 16], "calls that went wrong, per thread");
    signal(pid, Signal::TERM);
    assert_eq!(target.0.wait().expect("its end").code(), Some(21));
    let trace = Trace::read(&spans);
    assert_sound(&trace, &finished);
    let threads = |kind| {
        let tids: std::collections::BTreeSet<_> = trace.of(kind).filter_map(|span| span.int("linux.tid")).collect();
        tids.len()
    };
    assert!(threads(Kind::Call) >= 16 && threads(Kind::Gap) >= 12, "{} threads had gaps", threads(Kind::Gap));
}

#[test]
fn a_share_that_is_none_is_refused() {
    let finished = finish(renacer().args(["trace", "--overhead", "5", "--", "true"]));
    assert_eq!(finished.status.code(), Some(125));
    assert!(finished.stderr.contains("from 0.1% to 100%"), "{}", finished.stderr);
}

/// What may be taken is taken: a rest is no longer than the stops before it make it.
#[test]
fn the_share_is_used() {
    if !available(&["dd"]) {
        return;
    }
    let words = ["dd", "if=/dev/zero", "of=/dev/null", "bs=1", "count=8000000"];
    let (finished, trace) = slices("20%", &[], &words);
    assert_sound(&trace, &finished);
    let root = trace.of(Kind::Process).find(|span| span.parent_id.is_none()).expect("the first process");
    let resting: u64 = gaps(&trace).iter().map(|gap| gap.end - gap.start).sum();
    let (all, resting) = ((root.end - root.start) as f64, resting as f64);
    assert!(resting < 0.95 * all, "{resting} of {all} ns at rest: {}", finished.stderr);
}
