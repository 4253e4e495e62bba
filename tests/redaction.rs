//! `--redact`: secrets are nowhere in what Renacer writes.

mod support;

use std::fs;
use std::path::PathBuf;
use std::process::Command;

use support::spans::Trace;
use support::{Finished, finish, renacer};

const SECRET: &str = "hunter2hunter2";

/// What a run has written: all spans, text lines and standard error.
struct Written {
    _folder: tempfile::TempDir,
    spans: PathBuf,
    all: String,
    finished: Finished,
}

fn run(options: &[&str], prepare: impl FnOnce(&mut Command), program: &[&str]) -> Written {
    let folder = tempfile::tempdir().expect("a folder");
    let (spans, text) = (folder.path().join("spans"), folder.path().join("text"));
    let mut command = renacer();
    command.args(["trace", "-y", "-k", "-C", "-s", "256", "-o"]).arg(&spans);
    command.arg(format!("--text={}", text.display())).args(options);
    prepare(&mut command);
    let finished = finish(command.arg("--").args(program));
    let read = |path| fs::read_to_string(path).unwrap_or_default();
    let all = format!("{}\n{}\n{}", read(&spans), read(&text), finished.stderr);
    Written { _folder: folder, spans, all, finished }
}

impl Written {
    fn redacted(&self) -> i64 {
        let trace = Trace::read(&self.spans);
        assert_eq!(trace.faults(), [""; 0]);
        trace.spans.iter().filter_map(|span| span.int("renacer.texts.redacted")).sum()
    }

    fn assert_without(&self, secret: &str) {
        assert_eq!(self.finished.status.code(), Some(0), "{}", self.finished.stderr);
        let leak = self.all.find(secret).map(|at| &self.all[at.saturating_sub(300)..(at + 50).min(self.all.len())]);
        assert_eq!(leak, None);
        assert!(self.finished.stderr.contains(" redacted; trace "), "it is told: {}", self.finished.stderr);
        assert!(self.all.contains("REDACTED"), "{}", self.all);
    }
}

#[test]
fn the_usual_secrets_of_command_lines_are_nowhere() {
    for words in [
        &["--password", SECRET][..],
        &["--password=hunter2hunter2"],
        &["-H", "Authorization: Bearer hunter2hunter2", "https://host/"],
        &["https://me:hunter2hunter2@host/"],
        &["https://host/?a=1&access_token=hunter2hunter2&b=2"],
        &["DB_PASSWORD=hunter2hunter2"],
        &["ghp_hunter2hunter2"],
    ] {
        let words = [&["/bin/echo"], words].concat();
        let hidden = run(&[], |_| {}, &words);
        hidden.assert_without(SECRET);
        assert!(hidden.redacted() > 0);
        let shown = run(&["--no-redact"], |_| {}, &words);
        assert!(shown.all.contains(SECRET) && !shown.all.contains("REDACTED"));
        assert_eq!(shown.redacted(), 0);
    }
}

#[test]
fn lines_for_a_shell_and_what_they_run_have_none_either() {
    let line = "TOKEN=hunter2hunter2 /bin/echo --token hunter2hunter2 >/dev/null; \
                exec /bin/echo 'Authorization: Basic hunter2hunter2' >/dev/null";
    let written = run(&[], |_| {}, &["sh", "-c", line]);
    written.assert_without(SECRET);
    assert!(written.redacted() >= 5, "{}", written.redacted());
    let captured = run(&["--capture-data"], |_| {}, &["sh", "-c", "/bin/echo password=hunter2hunter2"]);
    captured.assert_without(SECRET);
}

#[test]
fn the_users_expression_holds_for_every_text() {
    let folder = tempfile::tempdir().expect("a folder");
    let alice = folder.path().join("alice");
    fs::create_dir(&alice).expect("a folder");
    fs::write(alice.join("alice.txt"), "alice").expect("a file");
    fs::copy("/bin/cat", alice.join("alice-cat")).expect("a program");
    let program = alice.join("alice-cat");
    for names in ["call", "target"] {
        let written = run(
            &["--redact", "alice", "--span-names", names, "--service-name", "the alice service", "--capture-data"],
            |command| {
                command.current_dir(&alice).env("OTEL_RESOURCE_ATTRIBUTES", "team=alice,deployment.environment=test");
            },
            &[program.to_str().expect("a name"), "alice.txt", "./alice.txt", "alice-cat"],
        );
        // The program's own output goes its own way.
        written.assert_without("alice");
        assert!(written.all.contains("REDACTED-cat") && written.all.contains("the REDACTED service"));
        assert!(written.redacted() > 10);
    }
}

#[test]
fn merged_spans_have_none() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("token=hunter2hunter2");
    fs::write(&file, [0; 100_000]).expect("a file");
    let input = format!("if={}", file.display());
    let options = ["--detail", "summary", "--span-names", "target"];
    run(&options, |_| {}, &["dd", &input, "of=/dev/null", "bs=64"]).assert_without(SECRET);
}

#[test]
fn a_wrong_expression_is_an_error_before_the_program_runs() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("made");
    let finished = finish(renacer().args(["--redact", "a(b", "touch"]).arg(&file));
    assert_eq!(finished.status.code(), Some(125));
    assert!(finished.stderr.contains("--redact a(b: ") && finished.stderr.contains("unclosed group"));
    assert!(!file.exists());
}
