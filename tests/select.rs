//! Attaching to processes whose ids nobody knows: by name, by expression, by port, with and without waiting for them.

mod support;

use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use rustix::process::Signal;
use support::spans::{Kind, Trace};
use support::{Finished, finish, renacer, signal, tracer, wait_until};

/// A program of a name that no other process has: it looks at a file again and again until it is killed.
struct Unique {
    folder: tempfile::TempDir,
    name: String,
}

impl Unique {
    fn new(what: &str) -> Unique {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let name = format!("rn-{what}-{}", std::process::id() % 100_000);
        // A process is known as the link that it was run by. (A copy might still be open for writing in a child of another test.)
        std::os::unix::fs::symlink("/bin/bash", folder.path().join(&name)).expect("a link to bash");
        Unique { folder, name }
    }

    fn start(&self) -> Running {
        let script = "while :; do : < /etc/hostname; read -t 0.01 < /dev/zero; done";
        let mut command = Command::new(self.folder.path().join(&self.name));
        Running(command.args(["-c", script]).stderr(Stdio::null()).spawn().expect("the program runs"))
    }

    fn spans(&self) -> PathBuf {
        self.folder.path().join("spans.jsonl")
    }

    /// `renacer trace ... -o FILE`, for a little while.
    fn trace(&self, options: &[&str]) -> Command {
        let mut command = renacer();
        command.args(["trace", "--no-source", "--duration", "300ms", "-o"]).arg(self.spans()).args(options);
        command
    }
}

struct Running(Child);

impl Running {
    fn pid(&self) -> i64 {
        self.0.id().into()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// The processes that were traced.
fn traced(unique: &Unique, finished: &Finished) -> Vec<i64> {
    assert!(finished.status.success(), "{finished:?}");
    let trace = Trace::read(&unique.spans());
    let mut pids: Vec<i64> = trace.of(Kind::Process).filter_map(|process| process.int("process.pid")).collect();
    pids.sort_unstable();
    pids.dedup();
    assert!(trace.of(Kind::Call).count() > 10, "they make calls");
    pids
}

#[test]
fn all_processes_of_a_name_are_traced() {
    for by in ["--attach-name", "--attach-regex"] {
        let unique = Unique::new("name");
        let (first, second) = (unique.start(), unique.start());
        let pattern = format!("^{}$", unique.name);
        let word = if by == "--attach-name" { &unique.name } else { &pattern };
        let finished = finish(&mut unique.trace(&[by, word]));
        let mut both = [first.pid(), second.pid()];
        both.sort_unstable();
        assert_eq!(traced(&unique, &finished), both, "{by}");
        assert_eq!(tracer(first.pid() as i32), Some(0), "it was let go");
    }
}

#[test]
fn who_listens_on_a_port_is_traced() {
    let unique = Unique::new("port");
    let script = "import socket, time\ns = socket.create_server(('127.0.0.1', 0)); print(s.getsockname()[1], flush=True)\n\
                  while True:\n time.sleep(0.001)";
    let mut command = Command::new("python3");
    let mut running = Running(command.args(["-c", script]).stdout(Stdio::piped()).spawn().expect("python3"));
    let mut port = String::new();
    let output = running.0.stdout.take().expect("its output");
    std::io::BufRead::read_line(&mut std::io::BufReader::new(output), &mut port).expect("a port");
    let finished = finish(&mut unique.trace(&["--attach-port", port.trim()]));
    // python3 may be a script that runs another one in its place, under the same id.
    assert_eq!(traced(&unique, &finished), [running.pid()]);
}

#[test]
fn renacer_waits_for_a_process_that_is_not_there_yet() {
    let unique = Unique::new("wait");
    let waiting = unique.trace(&["--attach-name", &unique.name, "--wait"]).stderr(Stdio::null()).spawn();
    let mut waiting = waiting.expect("renacer runs");
    std::thread::sleep(std::time::Duration::from_millis(100));
    assert!(waiting.try_wait().expect("its state").is_none(), "it waits");
    let running = unique.start();
    wait_until("the program to be traced", || tracer(running.pid() as i32).is_some_and(|tracer| tracer != 0));
    let status = waiting.wait().expect("it ends");
    assert!(status.success(), "{status:?}");
    let trace = Trace::read(&unique.spans());
    assert!(trace.of(Kind::Process).any(|process| process.int("process.pid") == Some(running.pid())));
}

#[test]
fn what_is_not_there_is_told() {
    let unique = Unique::new("none");
    let finished = finish(&mut unique.trace(&["--attach-name", &unique.name]));
    assert_eq!(finished.status.code(), Some(125));
    assert!(
        finished.stderr.contains(&format!("there is no such process: --attach-name {}", unique.name)),
        "{finished:?}"
    );
    let finished = finish(unique.trace(&["--attach-name", &unique.name, "--wait=200ms"]).arg("--force"));
    assert_eq!(finished.status.code(), Some(125));
    assert!(finished.stderr.contains("there was no such process within 200ms"), "{finished:?}");
    // Port 1 has nobody's.
    let finished = finish(unique.trace(&["--attach-name", &unique.name, "--attach-port", "1"]).arg("--force"));
    assert!(finished.stderr.contains(&format!("--attach-name {} --attach-port 1", unique.name)), "{finished:?}");
    for wrong in
        [&["--attach-regex", "("][..], &["-p", "1", "--attach-name", "x"], &["-p", "1", "--inject-context", "python"]]
    {
        let finished = finish(unique.trace(wrong).arg("--force"));
        assert_eq!(finished.status.code(), Some(125));
        assert!(finished.stderr.starts_with("error: "), "{finished:?}");
    }
}

#[test]
fn a_signal_ends_the_waiting() {
    let unique = Unique::new("signal");
    let waiting = unique.trace(&["--attach-name", &unique.name, "--wait"]).stderr(Stdio::null()).spawn();
    let mut waiting = waiting.expect("renacer runs");
    std::thread::sleep(std::time::Duration::from_millis(200));
    signal(waiting.id() as i32, Signal::TERM);
    let status = waiting.wait().expect("it ends");
    assert_eq!(std::os::unix::process::ExitStatusExt::signal(&status), Some(15), "{status:?}");
}
