//! A disk that is full, a file that is removed, a folder that takes none: one warning, the trace goes on over OTLP, and the
//! counts stay exact.

mod misbehaving;
mod support;

use std::collections::HashSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use misbehaving::{Answer, Collector};
use support::spans::Trace;
use support::{Finished, available, finish, program, renacer, wait_until};

/// The number in front of these words in the closing line; 0 if they are not there.
fn count(finished: &Finished, words: &str) -> usize {
    let closing = finished.stderr.lines().find(|line| line.contains(" calls by ")).expect("a closing line");
    let Some((before, _)) = closing.split_once(words) else { return 0 };
    let number = before.rsplit(' ').next().unwrap_or_default().replace(',', "");
    number.parse().unwrap_or_else(|_| panic!("{words}: {closing}"))
}

fn trace(folder: &Path, collector: &Collector, output: Option<&Path>) -> Command {
    let mut command = renacer();
    command.args(["trace", "--no-source", "--detail", "full", "--shutdown-timeout", "60s"]).current_dir(folder);
    command.arg("--otlp-endpoint").arg(format!("http://{}", collector.address));
    if let Some(output) = output {
        command.arg("-o").arg(output);
    }
    command
}

fn lost(finished: &Finished) -> usize {
    count(finished, " spans not written")
}

/// Warnings, without the closing line.
fn warnings(finished: &Finished) -> Vec<&str> {
    finished.stderr.lines().filter(|line| !line.contains(" calls by ")).collect()
}

fn ids(path: &Path) -> HashSet<u64> {
    let id = |span: &support::spans::Span| u64::from_str_radix(&span.span_id, 16).expect("an id");
    Trace::read(path).spans.iter().map(id).collect()
}

/// A small file system that is gone in the end; none without the right to make one.
struct Small(PathBuf, #[allow(dead_code, reason = "removed when it is dropped")] tempfile::TempDir);

impl Small {
    fn new() -> Option<Small> {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let place = folder.path().to_owned();
        let mounted = Command::new("mount").args(["-t", "tmpfs", "-o", "size=1m", "none"]).arg(&place).output();
        if !mounted.is_ok_and(|output| output.status.success()) {
            eprintln!("skipped: only root can mount a small file system here");
            return None;
        }
        Some(Small(place, folder))
    }
}

impl Drop for Small {
    fn drop(&mut self) {
        let unmounted = Command::new("umount").arg(&self.0).status();
        assert!(unmounted.is_ok_and(|status| status.success()));
    }
}

#[test]
fn a_device_that_takes_nothing_hinders_no_delivery() {
    if !available(&["cc"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let collector = Collector::start(|_, _| Answer::Accept);
    let mut command = trace(folder.path(), &collector, Some(Path::new("/dev/full")));
    let finished = finish(command.arg("--").arg(program("threads")).args(["2", "2000"]));
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let delivered = count(&finished, " spans delivered to ");
    assert_eq!((collector.taken().0.len(), lost(&finished)), (delivered, delivered), "{}", finished.stderr);
    assert!(delivered > 4000);
    let [warning] = warnings(&finished)[..] else { panic!("{}", finished.stderr) };
    assert!(warning.contains("No space left on device"), "{warning}");
}

#[test]
fn a_full_disk_loses_what_does_not_fit_and_counts_it() {
    let Some(small) = Small::new() else { return };
    if !available(&["cc"]) {
        return;
    }
    let path = small.0.join("all.jsonl");
    let collector = Collector::start(|_, _| Answer::Accept);
    let mut command = trace(&small.0, &collector, Some(&path));
    let finished = finish(command.arg("--").arg(program("threads")).args(["2", "5000"]));
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let (taken, written) = (collector.taken().0, ids(&path));
    assert!(written.is_subset(&taken) && !written.is_empty());
    assert_eq!(count(&finished, " spans in "), written.len(), "{}", finished.stderr);
    assert_eq!(written.len() + lost(&finished), taken.len(), "{}", finished.stderr);
    assert_eq!(count(&finished, " spans delivered to "), taken.len());
    assert_eq!(warnings(&finished).len(), 1, "{}", finished.stderr);
}

#[test]
fn a_full_disk_under_a_collector_that_is_away_loses_what_does_not_fit_and_the_rest_is_delivered() {
    let Some(small) = Small::new() else { return };
    if !available(&["cc"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let all = folder.path().join("all.jsonl");
    let collector = Collector::start(|_, _| Answer::Accept);
    collector.go_away();
    let finished = std::thread::scope(|scope| {
        let mut command = trace(&small.0, &collector, Some(&all));
        command.arg("--").arg("sh").args(["-c", "\"$0\" 2 5000; read line"]).arg(program("threads"));
        let (input, output) = std::io::pipe().expect("a pipe");
        command.stdin(input);
        let run = scope.spawn(move || finish(&mut command));
        // Full, as far as whole lines fit.
        let spilled = || fs::read_dir(&small.0).expect("the folder").flatten().map(|entry| entry.path()).next();
        wait_until("the file", || spilled().is_some_and(|path| path.metadata().is_ok_and(|it| it.len() > 600_000)));
        wait_until("all calls", || {
            fs::read_to_string(&all).is_ok_and(|text| text.matches("\"getppid\"").count() >= 10_000)
        });
        collector.come_back();
        wait_until("the end of the file", || spilled().is_none());
        drop(output);
        run.join().expect("the run ends")
    });
    let (produced, taken) = (ids(&all), collector.taken().0);
    assert!(taken.is_subset(&produced));
    assert_eq!(count(&finished, " spans delivered to "), taken.len(), "{}", finished.stderr);
    assert_eq!(taken.len() + lost(&finished), produced.len(), "{}", finished.stderr);
    assert!(lost(&finished) > 0);
    assert_eq!(warnings(&finished).len(), 2, "the collector's and the disk's: {}", finished.stderr);
}

#[test]
fn what_waits_for_a_collector_is_limited_too_and_what_goes_is_counted() {
    if !available(&["cc"]) {
        return;
    }
    for (policy, words) in [("ring", " spans removed with the oldest files"), ("stop", " spans not written")] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let waiting = folder.path().join("waiting");
        fs::create_dir(&waiting).expect("a folder");
        let all = folder.path().join("all.jsonl");
        let collector = Collector::start(|_, _| Answer::Accept);
        collector.go_away();
        // The limit holds for both kinds of files, each by itself.
        let size = || {
            fs::read_dir(&waiting)
                .expect("the folder")
                .flatten()
                .map(|it| it.metadata().map_or(0, |it| it.len()))
                .sum::<u64>()
        };
        let finished = std::thread::scope(|scope| {
            let mut command = trace(&waiting, &collector, Some(&all));
            command.args(["--max-output", "1MiB", "--max-output-policy", policy]);
            command.arg("--").arg("sh").args(["-c", "\"$0\" 2 5000; read line"]).arg(program("threads"));
            let (input, output) = std::io::pipe().expect("a pipe");
            command.stdin(input);
            let run = scope.spawn(move || finish(&mut command));
            wait_until("the files", || size() > 600_000);
            let start = std::time::Instant::now();
            // While the rest comes.
            while start.elapsed().as_secs() < 3 {
                assert!(size() <= 1 << 20, "{}", size());
                std::thread::sleep(std::time::Duration::from_millis(20));
            }
            collector.come_back();
            wait_until("the end of the files", || size() == 0);
            drop(output);
            run.join().expect("the run ends")
        });
        let taken = collector.taken().0;
        assert_eq!(count(&finished, " spans delivered to "), taken.len(), "{}", finished.stderr);
        // What is not there is counted, of both kinds of files.
        let in_all: HashSet<u64> = fs::read_dir(folder.path())
            .expect("the folder")
            .map(|entry| entry.expect("an entry").path())
            .filter(|path| path.is_file())
            .flat_map(|path| ids(&path))
            .collect();
        // Three programs, and three threads of the last one.
        let produced = count(&finished, " calls by ") + 6;
        assert!(taken.len() < produced && in_all.len() < produced, "{}", finished.stderr);
        // What there was room for was delivered.
        assert!(taken.len() > 400 && in_all.len() > 400, "{}", finished.stderr);
        assert_eq!(2 * produced, taken.len() + in_all.len() + count(&finished, words), "{policy}: {}", finished.stderr);
    }
}

#[test]
fn a_file_that_may_grow_no_more_is_told_once_and_counted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("all.jsonl");
    let collector = Collector::start(|_, _| Answer::Accept);
    let traced = trace(folder.path(), &collector, Some(&path));
    // As a quota does, the limit lets a part of a line through, and then fails.
    let mut command = Command::new("sh");
    command.args(["-c", "ulimit -f 600; exec \"$@\"", "sh"]).arg(traced.get_program()).args(traced.get_args());
    command
        .args(["--", "sh", "-c", "for i in 1 2 3 4 5 6 7 8 9 10; do /bin/ls > /dev/null; done"])
        .current_dir(folder.path());
    for (name, value) in traced.get_envs().filter(|(_, value)| value.is_none()) {
        assert!(value.is_none());
        command.env_remove(name);
    }
    let finished = finish(&mut command);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let (taken, written) = (collector.taken().0, ids(&path));
    assert!(written.is_subset(&taken) && !written.is_empty());
    assert_eq!(count(&finished, " spans in "), written.len(), "{}", finished.stderr);
    assert_eq!(written.len() + lost(&finished), taken.len(), "{}", finished.stderr);
    assert!(lost(&finished) > 0);
    let [warning] = warnings(&finished)[..] else { panic!("{}", finished.stderr) };
    assert!(warning.contains("File too large"), "{warning}");
}

#[test]
fn a_quota_that_is_used_up_is_told_once_and_counted() {
    if !available(&["strace"]) {
        return;
    }
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("all.jsonl");
    let collector = Collector::start(|_, _| Answer::Accept);
    let mut command = trace(folder.path(), &collector, Some(&path));
    command.args(["--", "sh", "-c", "read line; for i in 1 2 3 4 5 6 7 8 9; do /bin/ls > /dev/null; sleep 0.1; done"]);
    let (input, mut output) = std::io::pipe().expect("a pipe");
    let errors = folder.path().join("errors");
    let mut renacer =
        command.stdin(input).stderr(fs::File::create(&errors).expect("a file")).spawn().expect("renacer runs");
    drop(command);
    // Few kernels have quotas; the answer of one that is used up is put in place of the kernel's, for one thread and what it
    // starts, and for one file.
    let thread = || {
        let tasks = fs::read_dir(format!("/proc/{}/task", renacer.id())).into_iter().flatten().flatten();
        let named =
            |task: &fs::DirEntry| fs::read_to_string(task.path().join("comm")).is_ok_and(|name| name == "export\n");
        tasks.filter(named).map(|task| task.file_name()).next()
    };
    wait_until("the thread that writes", || thread().is_some());
    let thread = thread().expect("it is there");
    wait_until("the first lines", || fs::metadata(&path).is_ok_and(|file| file.len() > 0));
    // The thread has other processes write for it.
    let mut strace = Command::new("strace");
    strace
        .args(["-q", "-f", "-e", "inject=write:error=EDQUOT", "-o", "/dev/null", "-P"])
        .arg(&path)
        .arg("-p")
        .arg(&thread);
    let mut strace = strace.spawn().expect("strace runs");
    let status = Path::new("/proc").join(&thread).join("status");
    wait_until("strace", || {
        let attached = fs::read_to_string(&status).is_ok_and(|status| !status.contains("TracerPid:\t0\n"));
        attached || strace.try_wait().is_ok_and(|ended| ended.is_some())
    });
    std::io::Write::write_all(&mut output, b"\n").expect("the program waits");
    drop(output);
    let ended = renacer.wait().expect("it ends");
    if strace.wait().is_ok_and(|status| !status.success()) {
        eprintln!("skipped: strace may not attach here");
        return;
    }
    let stderr = fs::read_to_string(&errors).expect("what it said");
    let finished = Finished { status: ended, stdout: Vec::new(), stderr };
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    let (taken, written) = (collector.taken().0, ids(&path));
    assert!(written.is_subset(&taken) && !written.is_empty());
    assert_eq!(written.len() + lost(&finished), taken.len(), "{}", finished.stderr);
    assert!(lost(&finished) > 0, "{}", finished.stderr);
    let [warning] = warnings(&finished)[..] else { panic!("{}", finished.stderr) };
    assert!(warning.contains("quota exceeded"), "{warning}");
}

#[test]
fn a_file_that_is_removed_is_a_loss_that_is_counted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("all.jsonl");
    let collector = Collector::start(|_, _| Answer::Accept);
    let mut command = trace(folder.path(), &collector, Some(&path));
    command.args(["--", "sh", "-c", "sleep 0.5; rm all.jsonl; ls > /dev/null"]);
    let finished = finish(&mut command);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert_eq!(count(&finished, " spans delivered to "), lost(&finished), "{}", finished.stderr);
    assert_eq!(collector.taken().0.len(), lost(&finished));
    let [warning] = warnings(&finished)[..] else { panic!("{}", finished.stderr) };
    assert!(warning.contains("was removed"), "{warning}");
    assert_eq!(count(&finished, " spans in "), 0);
}

#[test]
fn a_folder_that_takes_no_file_is_a_loss_that_is_counted() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let all = folder.path().join("all.jsonl");
    let collector = Collector::start(|_, _| Answer::Accept);
    collector.go_away();
    // Not even root can make a file there.
    let mut command = trace(Path::new("/proc"), &collector, Some(&all));
    command.args(["--", "ls", "/"]);
    let finished = finish(&mut command);
    assert_eq!(finished.status.code(), Some(0), "{}", finished.stderr);
    assert_eq!(lost(&finished), ids(&all).len(), "{}", finished.stderr);
    assert_eq!(warnings(&finished).len(), 2, "the collector's and the folder's: {}", finished.stderr);
}
