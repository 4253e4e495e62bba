//! Tracer and tracee run on one processor for a while, and the program cannot tell.

mod support;

use std::path::Path;
use std::process::{Command, Stdio};

use support::spans::Trace;
use support::{Leftover, available, finish, program, renacer, wait_until};

/// On how many processors a process may run.
fn processors(pid: i32) -> Option<usize> {
    let pid = rustix::process::Pid::from_raw(pid)?;
    Some(rustix::thread::sched_getaffinity(Some(pid)).ok()?.count() as usize)
}

fn several() -> bool {
    let several = processors(std::process::id() as i32).is_some_and(|count| count > 1);
    if !several {
        eprintln!("skipped: there is one processor only");
    }
    several
}

#[test]
fn a_program_sees_no_difference() {
    if !several() || !available(&["cc"]) {
        return;
    }
    let affinity = program("affinity");
    let folder = tempfile::tempdir().expect("a temporary folder");
    let file = folder.path().join("spans.otlp.jsonl");
    for options in
        [&[][..], &["-e", "trace=%file,getppid"], &["-e", "trace=%file,getppid", "--no-seccomp"], &["--pin=never"]]
    {
        for _ in 0..3 {
            let mut command = renacer();
            command.args(["trace", "-q", "--force", "-o"]).arg(&file).args(options).arg("--").arg(&affinity);
            let finished = finish(&mut command);
            assert_eq!((finished.status.code(), finished.text().as_str()), (Some(0), "0 wrong\n"), "{options:?}");
            assert_eq!(Trace::read(&file).faults(), Vec::<String>::new());
        }
    }
}

#[test]
fn nproc_counts_all_processors() {
    if !several() || !available(&["nproc", "sh"]) {
        return;
    }
    let script = "i=0; while [ $i -lt 200 ]; do : < /dev/null; i=$((i+1)); done; nproc; grep Cpus_allowed_list /proc/self/status";
    let folder = tempfile::tempdir().expect("a temporary folder");
    let without = finish(Command::new("sh").args(["-c", script]).stdin(Stdio::null())).text();
    let run = |pin: &str| {
        let mut command = renacer();
        command.args(["trace", "-q", "--force", "-o"]).arg(folder.path().join("spans.otlp.jsonl"));
        finish(command.args([pin, "--", "sh", "-c", script])).text()
    };
    assert_eq!(run("--pin=auto"), without);
    assert_eq!(run("--pin=never"), without);
    assert!(run("--pin").starts_with("1\n"), "told to, it binds the program");
}

/// The two tests above would say nothing if nothing were ever bound.
#[test]
fn a_busy_program_is_bound_and_let_go_when_it_is_silent() {
    if !several() {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = renacer();
    command.args(["trace", "-q", "--no-source", "-o"]).arg(folder.path().join("spans.otlp.jsonl"));
    // Calls until it is told otherwise, then none for a long time.
    let flag = folder.path().join("flag");
    let script = format!("while ! test -e {}; do :; done; exec sleep 600", flag.display());
    let mut renacer = command.args(["--", "sh", "-c", &script]).stdin(Stdio::null()).spawn().expect("renacer runs");
    let program = support::child_of(renacer.id());
    let leftover = Leftover(program);
    wait_until("the program to be bound", || processors(program) == Some(1));
    std::fs::write(&flag, "").expect("the flag");
    wait_until("the program to sleep", || runs(program, "sleep"));
    wait_until("it to be let go", || processors(program).is_some_and(|count| count > 1));
    drop(leftover);
    wait_until("the end", || renacer.try_wait().expect("wait").is_some());
}

fn runs(pid: i32, name: &str) -> bool {
    std::fs::read_link(format!("/proc/{pid}/exe")).is_ok_and(|path| path == Path::new("/usr/bin").join(name))
}
