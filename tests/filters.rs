//! Only what is asked for is traced: as many calls of each name as strace prints with the same options, with and without the kernel's
//! filter; and what strace has not: expressions, and where a trace begins and ends.

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use support::spans::{Kind, Span, Trace};
use support::strace::Log;
use support::{Finished, available, finish, program, renacer};
use tempfile::TempDir;

type Counts = BTreeMap<String, usize>;

const BOTH: [&[&str]; 2] = [&[], &["--no-seccomp"]];

/// A folder with a repository and a source file.
fn playground() -> TempDir {
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["a", "b", "c"] {
        std::fs::write(folder.path().join(name), name).expect("a file");
    }
    std::fs::write(folder.path().join("x.c"), "int main(void) { return 0; }\n").expect("a file");
    for words in [
        // Files as young as the index make git look twice.
        &["touch", "-d", "2020-01-01", "a", "b", "c", "x.c"][..],
        &["git", "init", "--quiet", "."],
        &["git", "add", "a", "b", "x.c"],
        &["git", "-c", "user.name=n", "-c", "user.email=e", "commit", "--quiet", "-m", "first"],
        // So that it leaves the index alone later.
        &["git", "status"],
        // So that its target is there in each run.
        &["gcc", "-c", "x.c"],
    ] {
        let finished = finish(prepared(Command::new(words[0]).args(&words[1..]), folder.path()));
        assert!(finished.status.success(), "{words:?}: {finished:?}");
    }
    folder
}

/// The same surroundings for every run.
fn prepared<'a>(command: &'a mut Command, folder: &Path) -> &'a mut Command {
    command.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").env("HOME", folder).env("TMPDIR", folder);
    command.current_dir(folder).stdin(Stdio::null())
}

/// What strace prints.
fn strace(options: &[&str], words: &[&str], folder: &Path) -> Counts {
    let log = tempfile::NamedTempFile::new().expect("a temporary file");
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", "signal=none", "-o"]).arg(log.path()).args(options).arg("--").args(words);
    finish(prepared(&mut command, folder));
    Log::parse(&String::from_utf8_lossy(&std::fs::read(log.path()).expect("strace's log"))).counts()
}

/// What Renacer exports, and how it ended.
fn trace(options: &[&str], words: &[&str], folder: &Path) -> (Trace, Finished) {
    let spans = tempfile::tempdir().expect("a temporary folder");
    let file = spans.path().join("spans.otlp.jsonl");
    let mut command = renacer();
    command.args(["trace", "-v", "-o"]).arg(&file).args(options).arg("--").args(words);
    let finished = finish(prepared(&mut command, folder));
    let trace = Trace::read(&file);
    assert_eq!(trace.faults(), Vec::<String>::new(), "{options:?} {words:?}");
    (trace, finished)
}

fn counts(options: &[&str], words: &[&str], folder: &Path) -> Counts {
    let (trace, finished) = trace(options, words, folder);
    let in_kernel = finished.stderr.contains("the kernel filters");
    assert_eq!(in_kernel, !options.contains(&"--no-seccomp"), "{options:?}: {}", finished.stderr);
    trace.counts()
}

/// Without what depends on chance: for the name of a temporary file, the C library throws its dice again where they would not be fair.
fn deterministic(mut counts: Counts) -> Counts {
    counts.remove("getrandom");
    counts
}

#[test]
fn the_calls_are_those_that_strace_prints() {
    if !available(&["strace", "git", "gcc", "python3"]) {
        return;
    }
    let folder = playground();
    let filters: [&[&str]; 14] = [
        &["-e", "trace=openat,close,execve"],
        &["-e", "trace=%file"],
        &["-e", "%desc"],
        &["-e", "trace=%process,%signal"],
        &["-e", "!read,mmap,%memory"],
        &["-e", "trace=/^.*stat"],
        &["-e", "trace=%%stat,%creds,%clock,%ipc,%network,%statfs,?nosuch"],
        &["-e", "trace=openat", "-Z"],
        &["-e", "trace=%memory,%file", "-z"],
        &["-e", "status=failed"],
        &["-e", "status=!successful", "-e", "trace=%file"],
        &["-P", "/etc/ld.so.cache"],
        &["-P", "/lib/x86_64-linux-gnu/libc.so.6", "-e", "trace=!read"],
        &["-e", "trace=all", "-e", "trace=read,write@64"],
    ];
    let programs: [&[&str]; 3] = [&["git", "status"], &["/usr/bin/python3", "-c", "import ssl"], &["gcc", "-c", "x.c"]];
    let mut some = 0;
    for words in programs {
        for filter in filters {
            let expected = deterministic(strace(filter, words, folder.path()));
            some += usize::from(!expected.is_empty());
            for more in BOTH {
                let options = [filter, more].concat();
                let found = deterministic(counts(&options, words, folder.path()));
                assert_eq!(found, expected, "{options:?} {words:?}");
            }
        }
    }
    assert!(some > 30, "only {some} of the filters left anything over");
}

/// A path is also known behind descriptors that a call gets in memory.
#[test]
fn calls_that_wait_are_about_what_they_wait_for() {
    if !available(&["strace", "cc"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let waits = program("waits_for_files");
    let words = [waits.to_str().expect("a path")];
    for path in ["/dev/null", "/dev/zero"] {
        let expected = strace(&["-P", path], &words, folder.path());
        assert!(expected.contains_key("poll") && expected.contains_key("pselect6"), "{expected:?}");
        for more in BOTH {
            assert_eq!(counts(&[&["-P", path][..], more].concat(), &words, folder.path()), expected, "{path} {more:?}");
        }
    }
}

/// What an expression lets through is what it would pick from a trace of everything.
#[test]
fn expressions_pick_from_all_calls() {
    if !available(&["sh", "cat"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("data"), "0123456789").expect("a file");
    let words = ["sh", "-c", "cat data data nosuch; exec cat data >/dev/null"];
    let (all, _) = trace(&[], &words, folder.path());
    type Holds = fn(&Span) -> bool;
    let cases: [(&str, Holds); 10] = [
        ("syscall == \"openat\"", |span| span.name == "openat"),
        ("syscall in [\"read\", \"write\"] and fd == 3", |span| {
            ["read", "write"].contains(&&*span.name)
                && span.text("syscall.arg.fd").is_some_and(|fd| fd.starts_with('3'))
        }),
        ("class == \"file\" and error == \"ENOENT\"", |span| span.text("error.type") == Some("ENOENT")),
        ("path =~ \"/data$\"", |span| span.text("file.path").is_some_and(|path| path.ends_with("/data"))),
        ("bytes >= 10 and bytes < 11", |span| span.int("syscall.result") == Some(10)),
        ("result < 0", |span| span.int("syscall.result").is_some_and(|result| result < 0)),
        ("comm == \"cat\" and not class == \"memory\" and syscall == \"close\"", |_| false),
        ("arg.flags =~ \"O_CLOEXEC\"", |span| {
            span.text("syscall.arg.flags").is_some_and(|flags| flags.contains("O_CLOEXEC"))
        }),
        ("!(syscall != \"execve\" || result != 0)", |span| {
            span.name == "execve" && span.int("syscall.result") == Some(0)
        }),
        ("duration < 0s", |_| false),
    ];
    for (expression, holds) in cases {
        // What the trace of everything does not tell is asked of strace's words instead.
        let by_name = expression.contains("comm");
        for more in BOTH {
            let options = [&["--filter", expression][..], more].concat();
            let found = counts(&options, &words, folder.path());
            if by_name {
                assert!(found["close"] > 0 && found.len() == 1, "{expression}: {found:?}");
                continue;
            }
            let mut expected = Counts::new();
            // A read of ten bytes is bytes moved; a descriptor numbered ten is none.
            let moved = |span: &Span| {
                !expression.contains("bytes") || ["read", "write", "copy_file_range"].contains(&&*span.name)
            };
            for span in all.of(Kind::Call).filter(|span| holds(span) && moved(span)) {
                *expected.entry(span.name.clone()).or_default() += 1;
            }
            assert_eq!(found, expected, "{expression} {more:?}");
        }
    }
    // All are required, and the code that made a call can be asked for.
    let options = ["--filter", "syscall == \"openat\"", "--filter", "result < 0"];
    let found = counts(&options, &words, folder.path());
    assert_eq!(found.keys().collect::<Vec<_>>(), ["openat"]);
    let failed = all.of(Kind::Call).filter(|span| span.name == "openat" && span.int("syscall.result") < Some(0));
    assert_eq!(found["openat"], failed.count());
}

/// Where a descriptor leads to is known although what opened it was not asked for.
#[test]
fn paths_are_right_although_their_calls_are_filtered_out() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("data"), "x").expect("a file");
    for more in BOTH {
        let options = [&["-e", "trace=read"][..], more].concat();
        let words = ["sh", "-c", "mkdir -p in; cd in; exec 5<../data; read line <&5; exec head -c 1 ../data"];
        let (found, _) = trace(&options, &words, folder.path());
        let data =
            found.of(Kind::Call).filter(|span| span.text("file.path").is_some_and(|path| path.ends_with("data")));
        assert!(data.count() >= 3, "{more:?}: {:?}", found.spans);
        assert_eq!(found.counts().into_keys().collect::<Vec<_>>(), ["read"]);
    }
}

/// What was not asked for leaves the shape of the trace alone.
#[test]
fn processes_and_threads_are_all_there() {
    let threads = program("threads");
    let words = ["sh", "-c", &format!("/bin/true; (exit 3); {} 2>/dev/null >&2", threads.display())];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let shape = |options: &[&str]| {
        let (trace, _) = trace(options, &words, folder.path());
        let of = |kind| {
            let mut names: Vec<_> =
                trace.of(kind).map(|span| (span.name.clone(), span.int("process.exit.code"))).collect();
            names.sort();
            names
        };
        (of(Kind::Process), of(Kind::Thread))
    };
    let expected = shape(&[]);
    assert!(expected.0.len() >= 4 && expected.1.len() >= 2, "{expected:?}");
    for options in BOTH {
        assert_eq!(shape(&[&["-e", "trace=getuid"][..], options].concat()), expected, "{options:?}");
    }
}

#[test]
fn signals_are_chosen() {
    let words = ["sh", "-c", "trap : USR1 USR2; kill -USR1 $$; kill -USR2 $$; /bin/true"];
    let folder = tempfile::tempdir().expect("a temporary folder");
    let events = |options: &[&str]| {
        let (trace, _) = trace(options, &words, folder.path());
        (trace.spans.iter().map(|span| span.events.len()).sum::<usize>(), trace.of(Kind::Call).count())
    };
    let (all, calls) = events(&[]);
    assert_eq!(all, 3);
    assert_eq!(events(&["-e", "signal=USR1"]).0, 1);
    assert_eq!(events(&["-e", "signal=!USR1"]).0, 2);
    let (none, same_calls) = events(&["-e", "signal=none"]);
    assert_eq!((none, same_calls), (0, calls), "the calls are not touched");
}

#[test]
fn a_trace_begins_and_ends_with_calls() {
    let words = ["sh", "-c", "cat a; cat b; cat c; cat d; echo end"];
    let folder = tempfile::tempdir().expect("a temporary folder");
    for name in ["a", "b", "c", "d"] {
        std::fs::write(folder.path().join(name), name).expect("a file");
    }
    let opened = |options: &[&str]| -> Vec<String> {
        let options = [options, &["--filter", "class == \"file\" and path =~ \"/[abcd]$\""]].concat();
        let (trace, finished) = trace(&options, &words, folder.path());
        assert_eq!(finished.text(), "abcdend\n", "the program runs to its end");
        let mut calls: Vec<_> = trace.of(Kind::Call).filter(|span| span.name == "openat").collect();
        calls.sort_by_key(|span| span.start);
        calls
            .iter()
            .map(|span| span.text("file.path").expect("a path").rsplit('/').next().expect("a name").to_owned())
            .collect()
    };
    assert_eq!(opened(&[]), ["a", "b", "c", "d"]);
    assert_eq!(opened(&["--from", "path =~ \"/b$\""]), ["b", "c", "d"]);
    assert_eq!(opened(&["--until", "path =~ \"/b$\""]), ["a", "b"]);
    assert_eq!(opened(&["--from", "path =~ \"/b$\"", "--until", "path =~ \"/c$\""]), ["b", "c"]);
    assert_eq!(opened(&["--until", "path =~ \"/c$\"", "--on-timeout", "detach", "--no-seccomp"]), ["a", "b", "c"]);
}

/// The run is over with the last call, and does not wait for its program.
#[test]
fn until_ends_the_run() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let words = ["sh", "-c", "cat nosuch; sleep 600"];
    let start = std::time::Instant::now();
    let (_, finished) = trace(&["--until", "path =~ \"/nosuch$\"", "--on-timeout", "kill"], &words, folder.path());
    assert!(start.elapsed().as_secs() < 100, "{finished:?}");
}

#[test]
fn only_programs_of_a_name_are_traced() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::write(folder.path().join("data"), "x").expect("a file");
    let words = ["sh", "-c", "cat data; (cat data; exec head -c 1 data); true"];
    for filter in [&[][..], &["-e", "trace=openat,execve"]] {
        for more in BOTH {
            let options = [&["--follow-only", "cat"][..], filter, more].concat();
            let (found, _) = trace(&options, &words, folder.path());
            let named: BTreeMap<&str, &str> =
                found.of(Kind::Process).map(|span| (&*span.span_id, &*span.name)).collect();
            let callers: Vec<_> =
                found.of(Kind::Call).map(|span| named[&**span.parent_id.as_ref().expect("a parent")]).collect();
            // The exec that begins the run is in the span of the shell, whose own calls are not traced.
            let (shell, others): (Vec<_>, Vec<_>) = callers.into_iter().partition(|name| *name != "cat");
            assert!(shell.len() <= 1, "{options:?}: {shell:?}");
            assert!(others.len() > 5 || !filter.is_empty(), "{options:?}");
            let read = found.of(Kind::Call).filter(|span| {
                span.name == "openat" && span.text("file.path").is_some_and(|path| path.ends_with("/data"))
            });
            assert!(read.count() >= 2, "{options:?}");
        }
    }
}

#[test]
fn programs_are_let_go_when_they_run_another() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let words = ["sh", "-c", "(cd /; exec cat /dev/null); echo here >/dev/null; exit 4"];
    let (found, finished) = trace(&["-b", "execve"], &words, folder.path());
    assert_eq!(finished.status.code(), Some(4));
    let execs: Vec<_> = found.of(Kind::Call).filter(|span| span.name == "execve").collect();
    assert_eq!(execs.len(), 2);
    assert!(execs.iter().all(|span| span.int("syscall.result") == Some(0)), "{execs:?}");
    let opens = found
        .of(Kind::Call)
        .filter(|span| span.text("file.path") == Some("/dev/null"))
        .filter(|span| span.name == "read");
    assert_eq!(opens.count(), 0, "cat's own calls are not traced");
}

#[test]
fn wrong_filters_are_explained() {
    for (options, expected) in [
        (&["-e", "trace=opennat"][..], "openat"),
        (&["-e", "inject=all:error=EIO"], "strace"),
        (&["--filter", "syscal == \"read\""], "syscall"),
        (&["--filter", "duration > 3"], "ms"),
        (&["--from", "result =="], "--from"),
        (&["-b", "open"], "execve"),
        (&["--no-source", "--filter", "code.function == \"main\""], "--no-source"),
    ] {
        let finished = finish(renacer().args(["trace"]).args(options).args(["--", "true"]));
        assert_eq!(finished.status.code(), Some(125), "{options:?}: {finished:?}");
        assert!(finished.stderr.contains(expected), "{options:?}: {}", finished.stderr);
    }
}

/// A child is where its parent was when it made it, not where that one began.
#[test]
fn children_begin_where_their_parent_is() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    std::fs::create_dir(folder.path().join("in")).expect("a folder");
    std::fs::write(folder.path().join("in/data"), "x").expect("a file");
    for options in [&[][..], &["-e", "trace=openat"], &["-e", "trace=openat", "--no-seccomp"]] {
        let (found, _) =
            trace(options, &["sh", "-c", "cd in; (: < data; cat data >/dev/null); (exec cat data)"], folder.path());
        let paths: Vec<_> = found
            .of(Kind::Call)
            .filter(|span| span.name == "openat")
            .filter_map(|span| span.text("file.path"))
            .collect();
        let right = folder.path().join("in/data").to_str().expect("a path").to_owned();
        assert_eq!(paths.iter().filter(|path| path.ends_with("/data")).collect::<Vec<_>>(), [&right; 3], "{options:?}");
    }
}
