//! The programs whose calls are counted, here and by strace, each run in a folder of its own.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use crate::support::spans::Trace;
use crate::support::strace::Log;
use crate::support::{Finished, finish, program, renacer};

/// Calls per name.
pub type Counts = BTreeMap<String, usize>;

/// A program, and what strace has counted of it so far.
pub struct Subject {
    words: Vec<PathBuf>,
    folder: tempfile::TempDir,
    /// It makes the same calls in each run.
    exact: bool,
    counted: Vec<Counts>,
}

impl Subject {
    /// A program that makes the same calls in each run.
    pub fn exact<W: Into<PathBuf>>(words: impl IntoIterator<Item = W>) -> Subject {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Subject { words: words.into_iter().map(Into::into).collect(), folder, exact: true, counted: Vec::new() }
    }

    /// A program whose calls differ a little from run to run.
    pub fn varying<W: Into<PathBuf>>(words: impl IntoIterator<Item = W>) -> Subject {
        Subject { exact: false, ..Subject::exact(words) }
    }

    /// Eight threads that make 1,000 calls each.
    pub fn threads() -> Subject {
        Subject::exact([program("threads"), "8".into(), "1000".into()])
    }

    /// 200 children that make 10 calls each.
    pub fn forks() -> Subject {
        Subject::exact([program("forks"), "200".into(), "10".into()])
    }

    /// A shell that ends by a signal.
    pub fn shell() -> Subject {
        Subject::exact(["sh", "-c", "kill -TERM $$"])
    }

    pub fn ls() -> Subject {
        Subject::varying(["ls", "-la", "/usr"])
    }

    /// Three jobs at a time, each a pipe between two processes.
    pub fn bash() -> Subject {
        Subject::varying(["bash", "-c", "for i in 1 2 3; do (echo $i | cat) & done; wait"])
    }

    pub fn python() -> Subject {
        // The interpreter itself, not a script that looks for it.
        let find = finish(Command::new("python3").args(["-c", "import json, ssl, sys; print(sys.executable)"]));
        Subject::varying([find.text().trim(), "-c", "import json,ssl"])
    }

    /// A checkout with one commit.
    pub fn git() -> Subject {
        let subject = Subject::varying(["git", "log", "-1"]);
        let identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
        for words in [&["init", "-q", "."][..], &["commit", "-q", "--allow-empty", "-m", "First"]] {
            let mut command = Command::new("git");
            command.args(identity).args(words);
            subject.prepare(&mut command);
            assert!(finish(&mut command).status.success());
        }
        subject
    }

    pub fn gcc() -> Subject {
        let subject = Subject::varying(["gcc", "-O1", "-c", "hello.c", "-o", "hello.o"]);
        let source = "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n";
        std::fs::write(subject.file("hello.c"), source).expect("a source file");
        // Replacing what the run before has made takes other calls than making it.
        assert!(subject.run().status.success());
        subject
    }

    /// A file in its folder.
    pub fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The local file that a run left in its folder because it was not told of another place.
    pub fn file_left(&self) -> PathBuf {
        let entries = std::fs::read_dir(self.folder.path()).expect("the folder");
        let paths = entries.map(|entry| entry.expect("an entry").path());
        let files: Vec<_> = paths.filter(|path| path.to_string_lossy().ends_with(".otlp.jsonl")).collect();
        assert_eq!(files.len(), 1, "{files:?}");
        files[0].clone()
    }

    /// The same surroundings for every run.
    fn prepare(&self, command: &mut Command) {
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LC_ALL", "C");
        command.env("HOME", self.folder.path()).current_dir(self.folder.path()).stdin(Stdio::null());
    }

    /// Runs it as it is.
    pub fn run(&self) -> Finished {
        let mut command = Command::new(&self.words[0]);
        command.args(&self.words[1..]);
        self.prepare(&mut command);
        finish(&mut command)
    }

    /// Runs it under Renacer with these options.
    pub fn trace(&self, options: &[String]) -> Finished {
        let mut command = renacer();
        command.arg("trace").args(options).arg("--").args(&self.words);
        self.prepare(&mut command);
        finish(&mut command)
    }

    /// Runs it under Renacer with these options, and reads the local file that is written too; nothing may be wrong with it.
    pub fn trace_with_file(&self, options: &[String]) -> Trace {
        let path = self.file("trace.otlp.jsonl");
        let own = ["--force", "-o", path.to_str().expect("a path that is text")].map(str::to_owned);
        let finished = self.trace(&[&own, options].concat());
        // The programs say nothing there, and Renacer only its closing line, without a loss.
        let said = finished.stderr.trim_end();
        assert!(said.starts_with("renacer: ") && !said.contains('\n') && !said.contains("LOST"), "{said}");
        let trace = Trace::read(&path);
        let faults = trace.faults();
        assert!(faults.is_empty(), "{} faults, such as {}\n{}", faults.len(), faults[0], finished.stderr);
        trace
    }

    /// Fails when these numbers are not strace's. Where they vary, each must be one that lies between what strace itself has
    /// counted in some runs: a call that is always lost never does, however often strace runs.
    pub fn assert_counts(&mut self, found: &Counts) {
        let most_runs = if self.exact { 1 } else { 100 };
        loop {
            if self.counted.len() >= if self.exact { 1 } else { 3 } {
                let outside = self.outside(found);
                if outside.is_empty() {
                    return;
                }
                assert!(self.counted.len() < most_runs, "{outside:#?}");
            }
            let counts = self.strace();
            self.counted.push(counts);
        }
    }

    fn outside(&self, found: &Counts) -> Vec<String> {
        let names: BTreeSet<_> = self.counted.iter().flat_map(Counts::keys).chain(found.keys()).collect();
        let number = |counts: &Counts, name: &String| counts.get(name).copied().unwrap_or(0);
        let range = |name| {
            let numbers = self.counted.iter().map(|counts| number(counts, name));
            numbers.fold((usize::MAX, 0), |(least, most), one| (least.min(one), most.max(one)))
        };
        let compared = names.into_iter().map(|name| (name, range(name), number(found, name)));
        let wrong = compared.filter(|(_, (least, most), found)| found < least || found > most);
        wrong.map(|(name, range, found)| format!("{name}: strace {range:?}, found {found}")).collect()
    }

    fn strace(&self) -> Counts {
        let mut command = Command::new("strace");
        command.args(["-f", "-q", "-o"]).arg(self.file("strace.log")).arg("--").args(&self.words);
        self.prepare(&mut command);
        finish(&mut command);
        let log = std::fs::read(self.file("strace.log")).expect("strace's log");
        Log::parse(&String::from_utf8_lossy(&log)).counts()
    }
}
