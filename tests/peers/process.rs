//! A server that a test started: its log, what it said there, and its end.

use std::fs::File;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

use crate::support::wait_until;

/// A running server. It is killed when this is dropped.
pub struct Process {
    child: Child,
    log: PathBuf,
    /// Holds the log, and what the server needs.
    pub folder: tempfile::TempDir,
}

impl Process {
    /// Starts a server whose whole output goes to a log.
    pub fn start(command: &mut Command) -> Process {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let log = folder.path().join("log");
        let output = File::create(&log).expect("a log");
        command.stdin(Stdio::null()).stdout(output.try_clone().expect("a descriptor")).stderr(output);
        let child = command.spawn().unwrap_or_else(|error| panic!("{:?}: {error}", command.get_program()));
        Process { child, log, folder }
    }

    /// What it has said so far.
    pub fn log(&self) -> String {
        String::from_utf8_lossy(&std::fs::read(&self.log).expect("the log")).into_owned()
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        self.child.try_wait().expect("wait").is_none()
    }

    /// Ends it at once; its log can still be read.
    pub fn kill(&mut self) {
        // Ending an ended child does nothing.
        drop(self.child.kill());
        drop(self.child.wait());
    }

    /// Waits for a text in the log; fails if the server ends instead.
    pub fn expect(&mut self, text: &str) {
        wait_until(&format!("{text:?} in {}", self.log.display()), || {
            let runs = self.runs();
            let log = self.log();
            assert!(runs || log.contains(text), "the server ended:\n{log}");
            log.contains(text)
        });
    }

    /// The address behind `key` in the line of the log that contains `line`, as JSON writes it.
    pub fn address(&self, line: &str, key: &str) -> SocketAddr {
        let log = self.log();
        let start = format!("\"{key}\": \"");
        let mut found = log.lines().filter(|text| text.contains(line)).filter_map(|text| text.split_once(&start));
        let (_, rest) = found.next().unwrap_or_else(|| panic!("no {key} of {line:?} in\n{log}"));
        rest.split('"').next().and_then(|address| address.parse().ok()).unwrap_or_else(|| panic!("no address: {rest}"))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}
