//! Commands with a deadline: nothing a test starts can make it hang.

use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// How long anything may take before a test fails. Far more than it takes on a loaded machine.
const DEADLINE: Duration = Duration::from_secs(120);

/// A command that has ended.
#[derive(Debug)]
pub struct Finished {
    pub status: ExitStatus,
    pub stdout: Vec<u8>,
    pub stderr: String,
}

impl Finished {
    /// Standard output as text.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// The exit code as a shell shows it: 128 and the signal's number for a death by signal.
    pub fn shell_code(&self) -> i32 {
        self.status.code().unwrap_or_else(|| 128 + self.status.signal().expect("neither code nor signal"))
    }
}

/// `renacer` without the caller's OpenTelemetry settings, and without standard input.
pub fn renacer() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_renacer"));
    for (name, _) in std::env::vars_os() {
        let text = name.to_string_lossy();
        if text.starts_with("OTEL_") || ["TRACEPARENT", "TRACESTATE", "BAGGAGE"].contains(&&*text) {
            command.env_remove(&name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// Runs a command to its end. Output goes through files, so that a daemon that keeps it open does not matter.
pub fn finish(command: &mut Command) -> Finished {
    finish_within(command, DEADLINE)
}

/// As [`finish`], with a deadline of one's own.
pub fn finish_within(command: &mut Command, deadline: Duration) -> Finished {
    let mut stdout = tempfile::tempfile().expect("a temporary file");
    let mut stderr = tempfile::tempfile().expect("a temporary file");
    command.stdout(stdout.try_clone().expect("a descriptor")).stderr(stderr.try_clone().expect("a descriptor"));
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{}: {error}", describe(command)));
    let status = end_of(&mut child, deadline);
    let mut finished = Finished { status: status.unwrap_or_default(), stdout: Vec::new(), stderr: String::new() };
    let mut errors = Vec::new();
    stdout.seek(SeekFrom::Start(0)).and_then(|_| stdout.read_to_end(&mut finished.stdout)).expect("output");
    stderr.seek(SeekFrom::Start(0)).and_then(|_| stderr.read_to_end(&mut errors)).expect("output");
    finished.stderr = String::from_utf8_lossy(&errors).into_owned();
    assert!(status.is_some(), "no end within {deadline:?}: {}\n{finished:?}", describe(command));
    finished
}

fn end_of(child: &mut Child, deadline: Duration) -> Option<ExitStatus> {
    let start = Instant::now();
    while start.elapsed() < deadline {
        if let Some(status) = child.try_wait().expect("wait") {
            return Some(status);
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    child.kill().expect("kill");
    child.wait().expect("wait");
    None
}

/// Waits until something is so; fails with what was waited for when it does not become so in time.
pub fn wait_until(what: &str, mut condition: impl FnMut() -> bool) {
    let start = Instant::now();
    while !condition() {
        assert!(start.elapsed() < DEADLINE, "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The command as a person would type it.
pub fn describe(command: &Command) -> String {
    let words = std::iter::once(command.get_program()).chain(command.get_args());
    words.map(|word| word.to_string_lossy()).collect::<Vec<_>>().join(" ")
}
