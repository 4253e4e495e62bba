//! Ctrl-C and its relatives: a run ends in good order, and the file is whole.

mod support;

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use support::spans::{Kind, Trace};
use support::{Leftover, Terminal, available, is_alive, program, renacer, signal, wait_until};

/// A launched program that has said that it is ready.
struct Launched {
    renacer: Child,
    output: BufReader<std::process::ChildStdout>,
    program: i32,
    _leftover: Leftover,
    spans: PathBuf,
    _folder: tempfile::TempDir,
}

impl Launched {
    fn start(script: &str, configure: impl FnOnce(&mut Command) -> Command) -> Launched {
        Launched::start_with(&[], script, configure)
    }

    fn start_with(options: &[&str], script: &str, configure: impl FnOnce(&mut Command) -> Command) -> Launched {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let spans = folder.path().join("spans.otlp.jsonl");
        let mut command = renacer();
        command.args(["trace", "--quiet", "-o"]).arg(&spans).args(options).args(["--", "sh", "-c", script]);
        let mut command = configure(&mut command);
        let mut renacer = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn().expect("renacer runs");
        let mut output = BufReader::new(renacer.stdout.take().expect("its output"));
        assert_eq!(line(&mut output), "ready\n");
        let program = support::child_of(renacer.id());
        Launched { renacer, output, program, _leftover: Leftover(program), spans, _folder: folder }
    }

    fn signal(&self, number: Signal) {
        signal(self.renacer.id() as i32, number);
    }

    fn end(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("the end of renacer", || {
            status = self.renacer.try_wait().expect("wait");
            status.is_some()
        });
        status.expect("it has ended")
    }
}

impl Drop for Launched {
    fn drop(&mut self) {
        drop(self.renacer.kill());
        drop(self.renacer.wait());
    }
}

fn line(output: &mut impl BufRead) -> String {
    let mut line = String::new();
    output.read_line(&mut line).expect("a line");
    line
}

fn unchanged(command: &mut Command) -> Command {
    std::mem::replace(command, Command::new("true"))
}

/// The file holds one whole tree, with the program's first call in it.
fn assert_whole(spans: &Path) -> Trace {
    let trace = Trace::read(spans);
    assert_eq!(trace.faults(), Vec::<String>::new());
    assert!(trace.of(Kind::Call).any(|call| call.name == "execve"));
    trace
}

/// The program gets the signal, and how it takes it is how the run ends.
#[test]
fn program_that_handles_the_signal() {
    for number in [Signal::TERM, Signal::HUP, Signal::INT] {
        let script = "trap 'echo caught; exit 9' TERM HUP INT; echo ready; while :; do sleep 0.05; done";
        let mut launched = Launched::start(script, unchanged);
        launched.signal(number);
        assert_eq!(line(&mut launched.output), "caught\n", "{number:?}");
        assert_eq!(launched.end().code(), Some(9), "{number:?}");
        let trace = assert_whole(&launched.spans);
        assert!(trace.of(Kind::Process).any(|span| span.int("process.exit.code") == Some(9)));
    }
}

#[test]
fn program_that_dies_of_the_signal() {
    for number in [Signal::TERM, Signal::HUP, Signal::INT] {
        let mut launched = Launched::start("echo ready; exec sleep 1000", unchanged);
        launched.signal(number);
        let status = launched.end();
        let code = status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0));
        assert_eq!(code, 128 + number.as_raw(), "{status}");
        assert_whole(&launched.spans);
        wait_until("the program to be gone", || !is_alive(launched.program));
    }
}

/// A program that will not end does not keep Renacer: the next signals end it. The file is whole, nothing is left stopped.
#[test]
fn program_that_ignores_the_signal() {
    let script = "trap '' TERM; echo ready; while :; do sleep 0.05; done";
    let mut launched = Launched::start(script, unchanged);
    launched.signal(Signal::TERM);
    std::thread::sleep(Duration::from_millis(500));
    // The first is the program's to take or leave.
    let mut status = launched.renacer.try_wait().expect("wait");
    wait_until("renacer to obey", || {
        if status.is_none() {
            launched.signal(Signal::TERM);
            std::thread::sleep(Duration::from_millis(500));
            status = launched.renacer.try_wait().expect("wait");
        }
        status.is_some()
    });
    assert!(Trace::read(&launched.spans).of(Kind::Call).any(|call| call.name == "execve"));
    let left = support::state(launched.program);
    assert!(!matches!(left, Some('T' | 't')), "the program is left in state {left:?}");
}

/// Ctrl-C on a terminal reaches the whole foreground group: the program gets it once, not twice.
#[test]
fn key_on_a_terminal() {
    if !available(&["setsid"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let spans = folder.path().join("spans.otlp.jsonl");
    let script =
        "n=0; trap 'n=$((n+1))' INT; echo ready; while [ $n = 0 ]; do sleep 0.05; done; sleep 0.5; echo got $n; exit 9";
    let mut command = renacer();
    command.args(["trace", "--quiet", "-o"]).arg(&spans).args(["--", "sh", "-c", script]);
    let words: Vec<&OsStr> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    let mut terminal = Terminal::start(&words, |_| {});
    terminal.expect("ready\r\n");
    terminal.press("\x03");
    terminal.expect("got 1\r\n");
    assert_eq!(terminal.end().code(), Some(9));
    assert_whole(&spans);
}

/// Under nohup, SIGHUP means nothing.
#[test]
fn ignored_signals_stay_ignored() {
    let script = "echo ready; i=0; while [ $i -lt 20 ]; do sleep 0.05; i=$((i+1)); done; exit 6";
    let mut launched = Launched::start(script, |command| {
        let mut outer = Command::new("env");
        outer.arg("--ignore-signal=HUP").arg(command.get_program()).args(command.get_args());
        outer
    });
    launched.signal(Signal::HUP);
    assert_eq!(launched.end().code(), Some(6));
    assert_whole(&launched.spans);
}

/// What stands in the file when Renacer is killed at any time is valid, to the last line.
#[test]
fn killed_renacer_leaves_a_valid_file() {
    if !available(&["cc"]) {
        return;
    }
    for _ in 0..5 {
        let script = format!("echo ready; while :; do {} 4 1000; done", program("threads").display());
        let mut launched = Launched::start(&script, unchanged);
        wait_until("something in the file", || {
            std::fs::metadata(&launched.spans).is_ok_and(|file| file.len() > 2_000_000)
        });
        launched.signal(Signal::KILL);
        launched.end();
        // The line that was being written comes to its end.
        let whole = || std::fs::read(&launched.spans).is_ok_and(|bytes| bytes.ends_with(b"\n"));
        wait_until("whole lines", whole);
        let trace = Trace::read(&launched.spans);
        assert!(trace.of(Kind::Call).count() > 1000);
        wait_until("the program to be gone", || !is_alive(launched.program));
    }
}

/// With `--duration` the trace ends and the program goes on, untraced and unharmed.
#[test]
fn a_program_goes_on_untraced_when_the_time_is_up() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let go_on = folder.path().join("go on");
    let script = format!("echo ready; until test -e '{}'; do sleep 0.05; done; echo done", go_on.display());
    let mut run = Launched::start_with(&["--duration", "400ms"], &script, unchanged);
    assert_eq!(run.end().code(), Some(0));
    assert!(is_alive(run.program));
    assert_eq!(support::tracer(run.program), Some(0));
    std::fs::write(&go_on, "").expect("a file");
    assert_eq!(line(&mut run.output), "done\n");
    assert_whole(&run.spans);
}

/// `--on-timeout kill` ends the program: gently, and then for good.
#[test]
fn a_program_is_ended_when_the_time_is_up() {
    for (script, signal) in [("exec sleep 60", 15), ("trap '' TERM; while :; do sleep 1; done", 9)] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let spans = folder.path().join("spans.otlp.jsonl");
        let mut command = renacer();
        command.args(["trace", "--duration", "300ms", "--on-timeout", "kill", "-o"]).arg(&spans);
        let finished = support::finish(command.args(["--", "sh", "-c", script]));
        assert_eq!(finished.status.signal(), Some(signal), "{script}: {}", finished.text());
        assert_whole(&spans);
    }
}
