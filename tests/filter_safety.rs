//! The kernel's filter harms no program: whatever happens to Renacer, no call fails that would not have failed without it.

mod support;

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use rustix::process::Signal;
use support::spans::{Kind, Trace};
use support::{Finished, Leftover, available, finish, is_alive, program, renacer, signal, wait_until};

const BOTH: [&[&str]; 2] = [&[], &["--no-seccomp"]];

/// A program's own words and status without Renacer, and the trace and the same with it.
fn both_ways(options: &[&str], words: &[&str]) -> (Finished, Trace, Finished) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("spans.otlp.jsonl");
    let without = finish(Command::new(words[0]).args(&words[1..]).stdin(Stdio::null()));
    let with = finish(renacer().args(["trace", "-q", "-o"]).arg(&file).args(options).arg("--").args(words));
    (without, Trace::read(&file), with)
}

fn assert_unharmed(options: &[&str], words: &[&str]) -> Trace {
    let (without, trace, with) = both_ways(options, words);
    assert_eq!(trace.faults(), Vec::<String>::new());
    assert_eq!(
        (without.status, without.text(), &without.stderr),
        (with.status, with.text(), &with.stderr),
        "{options:?} {words:?} (left: without, right: with Renacer)"
    );
    trace
}

fn count(trace: &Trace, name: &str, abi: Option<&str>) -> usize {
    trace.of(Kind::Call).filter(|span| span.name == name && span.text("syscall.abi") == abi).count()
}

#[test]
#[cfg(target_arch = "x86_64")]
fn conventions_are_told_apart() {
    if !available(&["cc"]) {
        return;
    }
    let (mixed, i386) = (program("mixed"), program("arguments/i386"));
    let (mixed, i386) = (mixed.to_str().expect("a path"), i386.to_str().expect("a path"));
    // From 64 bits to 32 and back: the shell runs the one, then the other.
    let script = format!("{mixed} {i386}; {mixed}");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let run = |options: &[&str]| {
        let file = folder.path().join("spans.otlp.jsonl");
        let mut command = renacer();
        command.args(["trace", "-q", "--force", "-o"]).arg(&file).args(options).args(["--", "sh", "-c", &script]);
        let finished = finish(command.current_dir(folder.path()));
        assert_eq!(finished.status.code(), Some(0), "{finished:?}");
        Trace::read(&file)
    };
    // Each of the two runs makes five, and the shell may make some of its own.
    let all = run(&[]);
    let expected = count(&all, "getppid", None);
    assert!(expected >= 10);
    for more in BOTH {
        let trace = run(&[&["-e", "trace=getppid"][..], more].concat());
        assert_eq!(count(&trace, "getppid", None), expected, "{more:?}");
        // Ten by way of int 0x80, one by the program that is all i386.
        assert_eq!(count(&trace, "getppid", Some("i386")), 11, "{more:?}");
        assert_eq!(trace.counts().len(), 1);

        let trace = run(&[&["-e", "trace=getpgid@32"][..], more].concat());
        assert_eq!((count(&trace, "getpgid", Some("i386")), trace.counts().len()), (10, 1), "{more:?}");
        let trace = run(&[&["-e", "trace=getpgid@64"][..], more].concat());
        assert_eq!((count(&trace, "getpgid", None), trace.counts().len()), (10, 1), "{more:?}");
    }
}

#[test]
fn a_filter_of_the_programs_own() {
    if !available(&["cc"]) {
        return;
    }
    let own = program("own_seccomp");
    for more in BOTH {
        let options = [&["-e", "trace=getppid,getuid"][..], more].concat();
        let trace = assert_unharmed(&options, &[own.to_str().expect("a path")]);
        // What its filter refuses is seen although that refusal comes before our filter's report.
        let refused = trace.of(Kind::Call).find(|span| span.name == "getppid").expect("getppid");
        assert_eq!(refused.int("syscall.result"), Some(-77), "{more:?}");
        assert_eq!(count(&trace, "getuid", None), 1, "{more:?}");
    }
}

#[test]
fn a_child_that_asks_not_to_be_traced() {
    if !available(&["cc"]) {
        return;
    }
    for more in BOTH {
        let options = [&["-e", "trace=getppid"][..], more].concat();
        assert_unharmed(&options, &[program("untraced").to_str().expect("a path")]);
    }
}

#[test]
fn a_program_that_forbids_looking_at_it() {
    if !available(&["cc"]) {
        return;
    }
    for more in BOTH {
        let options = [&["-e", "trace=getppid"][..], more].concat();
        let trace = assert_unharmed(&options, &[program("undumpable").to_str().expect("a path")]);
        assert_eq!(count(&trace, "getppid", None), 4, "{more:?}");
    }
}

/// By a user without rights, too, to whom ptrace denies what the set-user-id bit gives.
#[test]
fn set_user_id_programs() {
    if !rustix::process::getuid().is_root() || !available(&["setpriv"]) {
        eprintln!("skipped: only root can make a set-user-id program");
        return;
    }
    let folder = tempfile::Builder::new().prefix("renacer").tempdir_in("/var/tmp").expect("a temporary folder");
    let id = folder.path().join("id");
    std::fs::copy("/usr/bin/id", &id).expect("a copy of id");
    let renacer = folder.path().join("renacer");
    std::fs::copy(env!("CARGO_BIN_EXE_renacer"), &renacer).expect("a copy of renacer");
    for (path, mode) in [(&id, 0o4755), (&renacer, 0o755), (&folder.path().to_owned(), 0o777)] {
        use std::os::unix::fs::PermissionsExt;
        std::fs::set_permissions(path, std::fs::Permissions::from_mode(mode)).expect("permissions");
    }
    let as_nobody = |words: &[&std::ffi::OsStr]| {
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).args(words).current_dir(folder.path());
        // Without the loader's variables, which count for nothing where it takes care: a filter takes that away together with the rights.
        finish(command.env_clear().env("PATH", "/usr/bin:/bin").stdin(Stdio::null()))
    };
    let traced = |options: &[&str]| {
        let mut words = vec![renacer.as_os_str()];
        words.extend(["trace", "-q", "--force", "-o", "spans.otlp.jsonl"].map(std::ffi::OsStr::new));
        words.extend(options.iter().map(std::ffi::OsStr::new));
        words.extend([std::ffi::OsStr::new("--"), id.as_os_str(), std::ffi::OsStr::new("-u")]);
        let finished = as_nobody(&words);
        assert_eq!(finished.status.code(), Some(0), "{finished:?}");
        (finished.text(), Trace::read(&folder.path().join("spans.otlp.jsonl")).counts())
    };
    let (user, calls) = traced(&["-e", "trace=openat"]);
    assert_eq!(
        (user.as_str(), calls.len()),
        ("65534\n", 1),
        "its rights are not gained under an unprivileged tracer, nor without the filter"
    );
    assert_eq!(traced(&["-e", "trace=openat", "--no-seccomp"]), (user, calls));
    // Traced by root it has its owner's rights.
    let mut command = Command::new(&renacer);
    command.args(["trace", "-q", "--force", "-u", "nobody", "-e", "trace=openat", "-o"]);
    let finished =
        finish(command.arg(folder.path().join("root.otlp.jsonl")).arg("--").arg(&id).arg("-u").stdin(Stdio::null()));
    assert_eq!(finished.text(), "0\n", "{finished:?}");
}

/// Starts `enosys`, which notes every call that fails with ENOSYS.
fn start_noting(file: &Path, options: &[&str]) -> Child {
    let mut command = renacer();
    command.args(["trace", "-q", "--force", "-o"]).arg(file.with_extension("otlp.jsonl")).args(options);
    command.arg("--").arg(program("enosys")).arg(file).stdin(Stdio::null()).stdout(Stdio::null());
    command.spawn().expect("renacer runs")
}

/// The processes that have the file as an argument, but for Renacer.
fn left_over(file: &Path) -> Vec<i32> {
    let word = file.as_os_str().as_encoded_bytes();
    let processes = std::fs::read_dir("/proc").expect("/proc").flatten();
    let pids = processes.filter_map(|entry| entry.file_name().to_str()?.parse::<i32>().ok());
    let of_file = |pid: &i32| {
        let words = std::fs::read(format!("/proc/{pid}/cmdline")).unwrap_or_default();
        words.split(|&byte| byte == 0).any(|other| other == word)
            && !words.starts_with(env!("CARGO_BIN_EXE_renacer").as_bytes())
    };
    pids.filter(of_file).filter(|&pid| is_alive(pid)).collect()
}

#[test]
fn killed_at_random_moments_it_leaves_no_program_in_a_filter_without_a_tracer() {
    if !available(&["cc"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut state = u64::from(std::process::id());
    for round in 0..50 {
        let file = folder.path().join(format!("noted-{round}"));
        let mut renacer = start_noting(&file, &["-e", "trace=getuid,openat,execve"]);
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        // The start matters as much as what comes later.
        std::thread::sleep(Duration::from_micros((state >> 33) % if round % 2 == 0 { 15_000 } else { 300_000 }));
        renacer.kill().expect("SIGKILL");
        renacer.wait().expect("its end");
        // Should a process survive, it has time to note what fails.
        std::thread::sleep(Duration::from_millis(10));
        wait_until("its processes to be gone", || left_over(&file).is_empty());
        let noted = std::fs::read_to_string(&file).unwrap_or_default();
        assert_eq!(noted, "", "round {round}");
    }
}

/// A filter cannot be taken off: asked twice to end, Renacer lets all calls by until the program has ended.
#[test]
fn interrupted_it_stays_until_the_program_ends() {
    if !available(&["cc"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("noted");
    let mut command = renacer();
    command
        .args(["trace", "-o"])
        .arg(folder.path().join("spans.otlp.jsonl"))
        .args(["-e", "trace=getuid,openat,execve"]);
    let enosys = program("enosys");
    let script = format!("trap '' TERM; echo ready; {} {}; exit 7", enosys.display(), file.display());
    command.args(["--", "sh", "-c", &script]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut renacer = command.spawn().expect("renacer runs");
    let _leftover = Leftover(renacer.id() as i32);
    let mut line = String::new();
    BufReader::new(renacer.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    assert_eq!(line, "ready\n");
    wait_until("the program to be at work", || file.exists());
    signal(renacer.id() as i32, Signal::TERM);
    std::thread::sleep(Duration::from_millis(300));
    signal(renacer.id() as i32, Signal::TERM);
    std::thread::sleep(Duration::from_millis(700));
    assert!(renacer.try_wait().expect("wait").is_none(), "it must stay");
    assert_eq!(std::fs::read_to_string(&file).expect("the file"), "");
    std::fs::remove_file(&file).expect("the program ends without its file");
    let mut status = None;
    wait_until("the end", || {
        status = renacer.try_wait().expect("wait");
        status.is_some()
    });
    assert_eq!(status.and_then(|status| status.code()), Some(7));
    let mut errors = String::new();
    renacer.stderr.take().expect("its errors").read_to_string(&mut errors).expect("text");
    assert!(errors.contains("cannot be taken off"), "{errors}");
    let trace = Trace::read(&folder.path().join("spans.otlp.jsonl"));
    assert_eq!(trace.faults(), Vec::<String>::new());
}

/// Where a run may end before its program does, there is no filter, and it says so.
#[test]
fn runs_that_may_end_first_have_no_filter() {
    let script = ["--", "sh", "-c", "sleep 0.6; cat /dev/null; exit 3"];
    for (options, reason) in [
        (&["--duration", "200ms"][..], "outlive the trace"),
        (&["-b", "execve"], "let go"),
        (&["--no-follow"], "not followed"),
        (&["--until", "syscall == \"execve\" and path =~ \"sleep\""], "outlive --until"),
    ] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let mut command = renacer();
        command.args(["trace", "-v", "-o"]).arg(folder.path().join("spans.otlp.jsonl")).args(["-e", "trace=openat"]);
        let finished = finish(command.args(options).args(script));
        assert!(finished.stderr.contains(reason), "{options:?}: {}", finished.stderr);
        assert!(!finished.stderr.contains("not implemented"), "{options:?}: {}", finished.stderr);
    }
}
