//! Finding and signalling processes, and reading what the `busy` program says of itself.

use std::path::Path;

use rustix::process::{Pid, Signal, kill_process};

use super::wait_until;

/// The first child of a process, as soon as it has one.
pub fn child_of(pid: u32) -> i32 {
    let mut child = None;
    wait_until("a child process", || {
        // A child belongs to the thread that forked it.
        let tasks = std::fs::read_dir(format!("/proc/{pid}/task")).into_iter().flatten().flatten();
        let children = tasks.filter_map(|task| std::fs::read_to_string(task.path().join("children")).ok());
        child = children.filter_map(|text| text.split_whitespace().next()?.parse().ok()).next();
        child.is_some()
    });
    child.expect("there is one")
}

/// Sends a signal; the process must exist.
pub fn signal(pid: i32, signal: Signal) {
    kill_process(Pid::from_raw(pid).expect("a process id"), signal).unwrap_or_else(|error| panic!("{pid}: {error}"));
}

/// A process that must not outlive the test, even if the test fails.
pub struct Leftover(pub i32);

impl Drop for Leftover {
    fn drop(&mut self) {
        if is_alive(self.0) {
            signal(self.0, Signal::KILL);
        }
    }
}

/// Whether a process exists and is not a zombie.
pub fn is_alive(pid: i32) -> bool {
    !matches!(state(pid), None | Some('Z' | 'X'))
}

/// The letter of a process's state, if there is such a process.
pub fn state(pid: i32) -> Option<char> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    text.rsplit_once(") ")?.1.chars().next()
}

/// The process that traces this one, 0 when none does.
pub fn tracer(pid: i32) -> Option<i32> {
    let text = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    text.lines().find_map(|line| line.strip_prefix("TracerPid:"))?.trim().parse().ok()
}

/// What `busy` keeps in its file: each thread's calls, and each thread's calls that went wrong.
pub fn busy_counters(file: &Path) -> ([u64; 16], [u64; 16]) {
    let mut counters = ([0; 16], [0; 16]);
    let bytes = std::fs::read(file).unwrap_or_default();
    let numbers = bytes.chunks_exact(8).map(|bytes| u64::from_ne_bytes(bytes.try_into().expect("eight bytes")));
    for (counter, number) in counters.0.iter_mut().chain(&mut counters.1).zip(numbers) {
        *counter = number;
    }
    counters
}
