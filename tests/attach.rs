//! Attaching to running programs and letting them go: they never notice.

mod support;

use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use rustix::process::Signal;
use support::spans::{Kind, Trace};
use support::{available, busy_counters, is_alive, program, renacer, signal, state, tracer, wait_until};

/// A process of the test's own, ended with the test whatever happens.
struct Target(Child);

impl Target {
    fn pid(&self) -> i32 {
        self.0.id() as i32
    }

    fn tasks(&self) -> Vec<i32> {
        let tasks = std::fs::read_dir(format!("/proc/{}/task", self.pid())).expect("its tasks").flatten();
        tasks.map(|task| task.file_name().to_string_lossy().parse().expect("a thread id")).collect()
    }

    /// Whether all its threads are traced, or none is.
    fn all_traced(&self, traced: bool) -> bool {
        self.tasks().into_iter().all(|task| tracer(task).is_some_and(|tracer| (tracer != 0) == traced))
    }
}

impl Drop for Target {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// `busy`, counting already.
fn start_busy(counters: &Path) -> Target {
    let target = Target(Command::new(program("busy")).arg(counters).spawn().expect("busy runs"));
    wait_until("16 busy threads", || busy_counters(counters).0.iter().all(|&count| count > 0));
    target
}

fn attach(target: &Target, spans: &Path) -> Target {
    let mut command = renacer();
    command.args(["trace", "--quiet", "--force", "-o"]).arg(spans).arg("-p").arg(target.pid().to_string());
    let tracer = Target(command.stderr(Stdio::inherit()).spawn().expect("renacer runs"));
    wait_until("all threads to be traced", || target.all_traced(true));
    tracer
}

/// Ctrl-C to the tracer: it ends as strace does, and every thread of the target is free.
fn detach(mut tracer: Target, target: &Target) {
    signal(tracer.pid(), Signal::INT);
    let status = end_of(&mut tracer);
    let code =
        status.code().unwrap_or_else(|| 128 + std::os::unix::process::ExitStatusExt::signal(&status).unwrap_or(0));
    assert_eq!(code, 130, "the tracer's end: {status}");
    assert!(target.all_traced(false), "a thread is still traced");
}

fn end_of(child: &mut Target) -> std::process::ExitStatus {
    let mut status = None;
    wait_until("the end of a process", || {
        status = child.0.try_wait().expect("wait");
        status.is_some()
    });
    status.expect("it has ended")
}

fn place() -> (tempfile::TempDir, PathBuf, PathBuf) {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (counters, spans) = (folder.path().join("counters"), folder.path().join("spans.otlp.jsonl"));
    (folder, counters, spans)
}

#[test]
fn busy_threads_50_times() {
    if !available(&["cc"]) {
        return;
    }
    let (_folder, counters, spans) = place();
    let mut target = start_busy(&counters);
    for round in 0..50 {
        let tracer = attach(&target, &spans);
        let before = busy_counters(&counters).0;
        wait_until("every thread to go on while traced", || {
            busy_counters(&counters).0.iter().zip(before).all(|(now, before)| *now > before)
        });
        if round % 10 == 0 {
            // A thread may have counted before its first stop. The first thread only waits.
            let workers = target.tasks().into_iter().filter(|&task| task != target.pid());
            let marks: Vec<_> = workers.map(|tid| format!(r#""linux.tid","value":{{"intValue":"{tid}"}}"#)).collect();
            wait_until("a call of every thread in the file", || {
                let text = std::fs::read_to_string(&spans).unwrap_or_default();
                marks.iter().all(|mark| text.contains(mark))
            });
        }
        detach(tracer, &target);
        let before = busy_counters(&counters).0;
        wait_until("every thread to go on when let go", || {
            busy_counters(&counters).0.iter().zip(before).all(|(now, before)| *now > before)
        });
        if round % 10 == 0 {
            let trace = Trace::read(&spans);
            assert_eq!(trace.faults(), Vec::<String>::new(), "round {round}");
            let threads: std::collections::BTreeSet<_> =
                trace.of(Kind::Call).filter_map(|call| call.int("linux.tid")).collect();
            assert!(threads.len() >= 16, "calls of {} threads", threads.len());
        }
    }
    assert_eq!(busy_counters(&counters).1, [0; 16], "calls that went wrong, per thread");
    signal(target.pid(), Signal::TERM);
    assert_eq!(end_of(&mut target).code(), Some(21));
}

/// An attached target does not need its tracer.
#[test]
fn killed_tracer_leaves_an_attached_target_running() {
    if !available(&["cc"]) {
        return;
    }
    let (_folder, counters, spans) = place();
    let mut target = start_busy(&counters);
    let mut tracer = attach(&target, &spans);
    signal(tracer.pid(), Signal::KILL);
    end_of(&mut tracer);
    wait_until("the threads to be free", || target.all_traced(false));
    let before = busy_counters(&counters).0;
    wait_until("every thread to go on", || {
        busy_counters(&counters).0.iter().zip(before).all(|(now, before)| *now > before)
    });
    signal(target.pid(), Signal::TERM);
    assert_eq!(end_of(&mut target).code(), Some(21));
}

/// A launched one dies with it.
#[test]
fn killed_tracer_takes_a_launched_target_along() {
    let (_folder, _, spans) = place();
    let mut command = renacer();
    command.args(["trace", "--quiet", "-o"]).arg(&spans).args(["--", "sh", "-c", "echo up; sleep 1000 & wait"]);
    let mut tracer = Target(command.stdout(Stdio::piped()).spawn().expect("renacer runs"));
    let mut line = String::new();
    BufReader::new(tracer.0.stdout.take().expect("its output")).read_line(&mut line).expect("a line");
    assert_eq!(line, "up\n");
    let shell = support::child_of(tracer.0.id());
    let sleep = support::child_of(shell as u32);
    let _leftovers = [support::Leftover(shell), support::Leftover(sleep)];
    signal(tracer.pid(), Signal::KILL);
    end_of(&mut tracer);
    wait_until("the target and its child to be gone", || !is_alive(shell) && !is_alive(sleep));
}

#[test]
fn sleeping_target_sleeps_its_time() {
    let (_folder, _, spans) = place();
    let start = Instant::now();
    let mut target = Target(Command::new("sleep").arg("3").spawn().expect("sleep runs"));
    wait_until("sleep to sleep", || state(target.pid()) == Some('S'));
    let tracer = attach(&target, &spans);
    std::thread::sleep(Duration::from_millis(300));
    detach(tracer, &target);
    assert!(end_of(&mut target).success());
    assert!(start.elapsed() >= Duration::from_secs(3), "it slept {:?}", start.elapsed());
}

/// Waits that an interrupt ends with EINTR go on when the tracer comes and when it leaves.
#[test]
fn waiting_target_goes_on_waiting() {
    if !available(&["cc"]) || cfg!(not(target_arch = "x86_64")) {
        return;
    }
    let (_folder, _, spans) = place();
    let mut command = Command::new(program("waits"));
    // Those for a time are told the truth: EINTR, since they would begin anew.
    command.args(["1000", "untimed"]).stdout(Stdio::piped());
    let mut target = Target(command.spawn().expect("waits runs"));
    wait_until("it to wait", || target.tasks().len() >= 7);
    for _ in 0..5 {
        let tracer = attach(&target, &spans);
        std::thread::sleep(Duration::from_millis(400));
        detach(tracer, &target);
    }
    signal(target.pid(), Signal::KILL);
    let mut output = String::new();
    std::io::Read::read_to_string(&mut target.0.stdout.take().expect("its output"), &mut output).expect("its output");
    assert_eq!(output, "");
}

#[test]
fn reading_target_goes_on_reading() {
    let (_folder, _, spans) = place();
    let mut target =
        Target(Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("cat runs"));
    let mut keys = target.0.stdin.take().expect("its input");
    let mut output = BufReader::new(target.0.stdout.take().expect("its output"));
    let mut echoed = |text: &str| {
        keys.write_all(text.as_bytes()).expect("cat takes input");
        let mut line = String::new();
        output.read_line(&mut line).expect("a line");
        assert_eq!(line, text);
    };
    echoed("before\n");
    let tracer = attach(&target, &spans);
    echoed("while traced\n");
    detach(tracer, &target);
    echoed("afterwards\n");
    drop(keys);
    assert!(end_of(&mut target).success());
    let trace = Trace::read(&spans);
    assert_eq!(trace.faults(), Vec::<String>::new());
    let written: Vec<_> = trace.of(Kind::Call).filter(|call| call.name == "write").collect();
    assert_eq!(written.len(), 1, "{written:?}");
    assert_eq!(written[0].int("syscall.result"), Some(13));
}

#[test]
fn stopped_target_stays_stopped() {
    let (_folder, _, spans) = place();
    let mut target = Target(Command::new("sleep").arg("1").spawn().expect("sleep runs"));
    wait_until("sleep to sleep", || state(target.pid()) == Some('S'));
    signal(target.pid(), Signal::STOP);
    wait_until("it to stop", || state(target.pid()) == Some('T'));
    let tracer = attach(&target, &spans);
    detach(tracer, &target);
    wait_until("it to be stopped", || state(target.pid()) == Some('T'));
    std::thread::sleep(Duration::from_millis(300));
    assert_eq!(state(target.pid()), Some('T'));
    signal(target.pid(), Signal::CONT);
    assert!(end_of(&mut target).success());
}

/// When the target ends by itself, so does the tracer.
#[test]
fn target_ends_while_attached() {
    let (_folder, _, spans) = place();
    let mut shell = Command::new("sh");
    shell.args(["-c", "read line; sh -c 'exit 4'; exit 5"]).stdin(Stdio::piped());
    let mut target = Target(shell.spawn().expect("sh runs"));
    let mut tracer = attach(&target, &spans);
    target.0.stdin.take().expect("its input").write_all(b"go\n").expect("it takes input");
    assert_eq!(end_of(&mut target).code(), Some(5));
    assert!(end_of(&mut tracer).code().is_some());
    let trace = Trace::read(&spans);
    assert_eq!(trace.faults(), Vec::<String>::new());
    let mut codes: Vec<_> = trace.of(Kind::Process).filter_map(|span| span.int("process.exit.code")).collect();
    codes.sort();
    assert_eq!(codes, [4, 5], "the child's and the target's exit codes");
}

#[test]
fn several_targets() {
    let (_folder, _, spans) = place();
    let start = || Target(Command::new("cat").stdin(Stdio::piped()).stdout(Stdio::null()).spawn().expect("cat runs"));
    let mut targets = [start(), start(), start()];
    let mut command = renacer();
    command.args(["trace", "--quiet", "-o"]).arg(&spans);
    for target in &targets {
        command.arg("-p").arg(target.pid().to_string());
    }
    let mut tracer = Target(command.spawn().expect("renacer runs"));
    wait_until("all to be traced", || targets.iter().all(|target| target.all_traced(true)));
    for target in &mut targets {
        drop(target.0.stdin.take());
        assert!(end_of(target).success());
    }
    end_of(&mut tracer);
    let trace = Trace::read(&spans);
    for target in &targets {
        let own = |span: &&support::spans::Span| span.int("process.pid") == Some(target.pid().into());
        assert_eq!(trace.of(Kind::Process).filter(own).count(), 1);
        assert!(
            trace
                .of(Kind::Call)
                .any(|call| call.name == "exit_group" && call.int("linux.tid") == Some(target.pid().into()))
        );
    }
}

/// Of many busy threads none is kept waiting for the others: the kernel names the same ones first again and again.
#[test]
fn every_busy_thread_gets_its_turn() {
    if !available(&["cc"]) {
        return;
    }
    let (_folder, counters, spans) = place();
    let target = start_busy(&counters);
    let tracer = attach(&target, &spans);
    // A thread that is seized runs untraced until it is stopped the first time, and fast.
    let seized = busy_counters(&counters).0;
    let all_at_work = || busy_counters(&counters).0.iter().zip(seized).all(|(now, then)| now - then >= 20);
    wait_until("all threads to be at work", all_at_work);
    let before = busy_counters(&counters).0;
    let made = || -> Vec<u64> { busy_counters(&counters).0.iter().zip(before).map(|(now, then)| now - then).collect() };
    wait_until("16 threads to make 8000 rounds", || made().iter().sum::<u64>() >= 8000);
    let made = made();
    detach(tracer, &target);
    let (least, most) = (made.iter().min(), made.iter().max());
    assert!(least.zip(most).is_some_and(|(least, most)| *most <= 20 * least), "{made:?}");
}
