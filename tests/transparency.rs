//! A program behaves under Renacer as it does without: each test runs it both ways and compares.

mod support;

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{Command, Stdio};

use support::{Finished, Terminal, available, finish, program, renacer, wait_until};
use tempfile::TempDir;

fn folder() -> TempDir {
    tempfile::tempdir().expect("a temporary folder")
}

/// `renacer trace --quiet` with its file in a folder of its own.
fn traced(words: &[&OsStr], spans: &Path) -> Command {
    let mut command = renacer();
    command.args(["trace", "--quiet", "--force", "-o"]).arg(spans.join("spans.otlp.jsonl")).arg("--").args(words);
    command
}

fn native(words: &[&OsStr]) -> Command {
    let mut command = Command::new(words[0]);
    command.args(&words[1..]).stdin(Stdio::null());
    command
}

/// Runs a program without and with Renacer, each in an empty folder, and asserts that exit status and both outputs are equal.
fn assert_same<W: AsRef<OsStr>>(words: &[W]) -> Finished {
    let words: Vec<&OsStr> = words.iter().map(AsRef::as_ref).collect();
    let (spans, places) = (folder(), [folder(), folder()]);
    let without = finish(native(&words).current_dir(places[0].path()));
    let with = finish(traced(&words, spans.path()).current_dir(places[1].path()));
    assert_eq!(
        (without.status, without.text(), &without.stderr),
        (with.status, with.text(), &with.stderr),
        "{words:?} (left: without, right: with Renacer)"
    );
    assert_eq!(names(places[0].path()), names(places[1].path()), "files left behind by {words:?}");
    with
}

fn names(folder: &Path) -> BTreeSet<String> {
    let entries = std::fs::read_dir(folder).expect("a folder").map(|entry| entry.expect("an entry").file_name());
    entries.map(|name| name.to_string_lossy().into_owned()).collect()
}

/// What a shell script prints, run both ways in the same surroundings.
fn assert_same_script(script: &str) -> String {
    assert_same(&["sh", "-c", script]).text()
}

#[test]
fn exit_codes() {
    for code in [0, 17, 255] {
        assert_eq!(assert_same(&["sh", "-c", &format!("exit {code}")]).status.code(), Some(code));
    }
}

#[test]
fn deaths() {
    if !available(&["cc"]) {
        return;
    }
    for (way, signal) in [("segv", 11), ("abort", 6), ("kill", 9), ("term", 15)] {
        let (spans, places) = (folder(), [folder(), folder()]);
        // The program dumps its core in `inside`, if it does. Renacer, which then dies alike, must not dump one of its own.
        let inner = "mkdir inside && cd inside && exec \"$@\"";
        let death = program("death");
        let words = [
            OsStr::new("sh"),
            OsStr::new("-c"),
            OsStr::new(inner),
            OsStr::new("sh"),
            death.as_os_str(),
            OsStr::new(way),
        ];
        let limited = |command: Command, place: &Path| {
            let mut shell = Command::new("sh");
            shell.args(["-c", "ulimit -c $(ulimit -H -c); exec \"$@\"", "sh"]).arg(command.get_program());
            finish(shell.args(command.get_args()).current_dir(place))
        };
        let without = limited(native(&words), places[0].path());
        let with = limited(traced(&words, spans.path()), places[1].path());
        assert_eq!(without.status.signal(), Some(signal));
        assert_eq!(with.status.signal(), Some(signal), "{way}: {with:?}");
        assert!(!with.status.core_dumped(), "{way}: renacer dumped a core");
        for place in &places {
            assert_eq!(names(place.path()), BTreeSet::from(["inside".to_owned()]));
        }
        let cores = places.each_ref().map(|place| names(&place.path().join("inside")).len());
        assert_eq!(cores[0], cores[1], "{way}: core files without and with");
    }
}

#[test]
fn signal_handlers() {
    if available(&["cc"]) {
        let output = "plain: -1 1 handled 1\nrestarted: 1 f handled 2\nraised: handled 102\n";
        assert_eq!(assert_same(&[program("handlers")]).text(), output);
    }
}

#[test]
fn interval_timer() {
    if available(&["cc"]) {
        assert_eq!(assert_same(&[program("ticks")]).text(), "20 ticks\n");
    }
}

#[test]
fn stopped_by_its_parent() {
    if available(&["cc"]) {
        assert_eq!(assert_same(&[program("stopcont")]).text(), "stopped 1 still 1 continued 1 exit 7\n");
    }
}

/// Stopped and continued by a process that is not traced: this test.
#[test]
fn stopped_by_a_stranger() {
    if !available(&["cc"]) {
        return;
    }
    let (spans, place) = (folder(), folder());
    let counters = place.path().join("counters");
    let mut child =
        traced(&[program("busy").as_os_str(), counters.as_os_str()], spans.path()).spawn().expect("renacer runs");
    let count = || support::busy_counters(&counters).0;
    wait_until("the program to count", || count().iter().all(|&count| count > 0));
    let target = support::child_of(child.id());
    support::signal(target, rustix::process::Signal::STOP);
    let mut last = count();
    wait_until("the program to stand still", || {
        std::thread::sleep(std::time::Duration::from_millis(100));
        std::mem::replace(&mut last, count()) == last
    });
    std::thread::sleep(std::time::Duration::from_millis(300));
    assert_eq!(count(), last, "it went on although it was stopped");
    support::signal(target, rustix::process::Signal::CONT);
    wait_until("the program to go on", || count().iter().zip(&last).all(|(now, before)| now > before));
    support::signal(target, rustix::process::Signal::TERM);
    assert_eq!(child.wait().expect("wait").code(), Some(21));
    assert_eq!(support::busy_counters(&counters).1, [0; 16], "calls that went wrong");
}

#[test]
fn signals_waited_for() {
    if available(&["cc"]) {
        let output = assert_same(&[program("waiting")]).text();
        assert_eq!(output.lines().count(), 11);
        assert!(output.contains("waited 0 value 4 from child 1\nread 0 value 5 from child 1\n"), "{output}");
        assert!(output.ends_with("read 10 from self 1 code 0\n"), "{output}");
    }
}

#[test]
fn exec_from_a_thread() {
    if available(&["cc"]) {
        let finished = assert_same(&[program("thread_exec")]);
        assert_eq!((finished.text().as_str(), finished.status.code()), ("replaced\n", Some(5)));
    }
}

#[test]
fn vfork_and_exec() {
    if available(&["cc"]) {
        assert_eq!(assert_same(&[program("vforks")]).text(), "50\n");
    }
}

#[test]
fn short_lived_threads() {
    if available(&["cc"]) {
        assert_eq!(assert_same(&[program("short_threads")]).text(), "1000\n");
    }
}

/// Renacer stays until the daemon has ended, and then ends as the program that it was told to run.
#[test]
fn daemon_that_outlives_its_parents() {
    if !available(&["cc"]) {
        return;
    }
    let (spans, place) = (folder(), folder());
    let daemon = program("daemon");
    let finished = finish(traced(&[daemon.as_os_str(), OsStr::new("late")], spans.path()).current_dir(place.path()));
    assert_eq!((finished.status.code(), finished.stderr.as_str()), (Some(3), ""));
    assert_eq!(std::fs::read_to_string(place.path().join("late")).expect("its file"), "late\n");
}

#[test]
fn orphan_is_followed_to_its_end() {
    let (spans, place) = (folder(), folder());
    let words = ["sh", "-c", "(sleep 1; echo late > late) & exit 3"].map(OsStr::new);
    let finished = finish(traced(&words, spans.path()).current_dir(place.path()));
    assert_eq!((finished.status.code(), finished.stderr.as_str()), (Some(3), ""));
    assert_eq!(std::fs::read_to_string(place.path().join("late")).expect("its file"), "late\n");
}

#[test]
fn output_and_input_pass_through() {
    assert_eq!(assert_same(&["seq", "1", "20000"]).text().lines().count(), 20000);
    assert_same(&["sh", "-c", "echo out; echo err >&2; printf 'no newline'"]);
    let (spans, place) = (folder(), folder());
    let content: Vec<u8> = (0..=255).cycle().take(100_000).collect();
    std::fs::write(place.path().join("input"), &content).expect("a file");
    let input = std::fs::File::open(place.path().join("input")).expect("the file");
    let finished = finish(traced(&[OsStr::new("cat")], spans.path()).stdin(input));
    assert!(finished.stdout == content, "what cat copied differs");
}

/// Blocked and ignored signals are inherited as they are, SIGPIPE among them, which Rust programs ignore for themselves.
#[test]
fn signal_dispositions_are_inherited() {
    let report = ["grep", "-E", "^Sig(Blk|Ign|Cgt)", "/proc/self/status"];
    let cases: [&[&str]; 3] = [
        &["env", "--default-signal"],
        &["env", "--default-signal", "--ignore-signal=PIPE,HUP,INT,CHLD"],
        &["env", "--default-signal", "--block-signal=USR1,TERM,RTMIN", "--ignore-signal=QUIT"],
    ];
    for case in cases {
        let spans = folder();
        let inside = traced(&report.map(OsStr::new), spans.path());
        let without = finish(Command::new(case[0]).args(&case[1..]).args(report));
        let mut with = Command::new(case[0]);
        let with = finish(with.args(&case[1..]).arg(inside.get_program()).args(inside.get_args()));
        assert!(without.status.success() && without.text().lines().count() == 3, "{without:?}");
        assert_eq!(without.text(), with.text(), "{case:?}");
    }
}

#[test]
fn descriptors_are_inherited() {
    let output = assert_same_script("exec 7</dev/null 9>/dev/null; ls /proc/self/fd");
    assert!(output.contains("7\n") && output.contains("9\n"), "{output}");
    assert_same_script("ls /proc/self/fd");
}

#[test]
fn everything_else_is_inherited() {
    let output = assert_same_script(
        "grep -E '^(Umask|Uid|Gid|Groups|NoNewPrivs|Seccomp|Cap|Cpus_allowed|Mems_allowed|CoreDumping|THP)' /proc/self/status
         cat /proc/self/limits /proc/self/personality /proc/self/coredump_filter /proc/self/oom_score_adj
         cat /proc/self/timerslack_ns /proc/self/cgroup
         cut -d' ' -f5-8,19,41 /proc/self/stat
         echo \"$0 $#\"",
    );
    assert!(output.contains("Cpus_allowed") && output.contains("Max core file size"), "{output}");
}

/// The one thing added to the environment is TRACEPARENT.
#[test]
fn environment_is_inherited() {
    let spans = folder();
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    for given in [None, Some(parent)] {
        let surroundings = |command: &mut Command| {
            command.env_clear().env("PATH", "/usr/bin:/bin").env("EMPTY", "").env("WORDS", "two words");
            if let Some(given) = given {
                command.env("TRACEPARENT", given).env("TRACESTATE", "vendor=1").env("BAGGAGE", "a=b");
            }
        };
        let mut command = native(&[OsStr::new("env")]);
        surroundings(&mut command);
        let without = finish(&mut command).text();
        let mut command = traced(&[OsStr::new("env")], spans.path());
        surroundings(&mut command);
        let with = finish(&mut command).text();
        let rest = |text: &str| -> BTreeSet<String> {
            text.lines().filter(|line| !line.starts_with("TRACEPARENT=")).map(str::to_owned).collect()
        };
        assert_eq!(rest(&without), rest(&with));
        let added: Vec<_> = with.lines().filter_map(|line| line.strip_prefix("TRACEPARENT=")).collect();
        let [added] = added[..] else { panic!("TRACEPARENT stands not once: {with}") };
        let fields: Vec<_> = added.split('-').collect();
        assert_eq!(fields.iter().map(|field| field.len()).collect::<Vec<_>>(), [2, 32, 16, 2], "{added}");
        if let Some(given) = given {
            assert_eq!(added[..35], given[..35], "another trace");
            assert_ne!(added, given, "the program's parent is its process span");
        }
    }
}

/// Ctrl-Z, fg, a background job and exit in an interactive bash on a terminal.
fn use_job_control(words: &[&OsStr]) -> Option<i32> {
    let mut terminal = Terminal::start(words, |command| {
        command.env_clear().env("PATH", "/usr/bin:/bin").env("PS1", "READY> ").env("TERM", "dumb").env("HOME", "/");
    });
    terminal.expect("READY> ");
    // What it says shows that it runs; the command line that the terminal echoes does not contain it.
    terminal.press("sh -c 'echo $((6*7)); exec cat'\n");
    terminal.expect("42\r\n");
    terminal.press("hello\n");
    // Once as the terminal's echo, once as cat's output.
    terminal.expect("hello\r\nhello\r\n");
    terminal.press("\x1a");
    terminal.expect("Stopped");
    terminal.expect("READY> ");
    terminal.press("jobs\n");
    terminal.expect("Stopped");
    terminal.expect("READY> ");
    terminal.press("fg\n");
    terminal.expect("exec cat'\r\n");
    terminal.press("again\n");
    terminal.expect("again\r\nagain\r\n");
    terminal.press("\x03");
    terminal.expect("READY> ");
    terminal.press("echo status $?\n");
    terminal.expect("status 130\r\n");
    terminal.expect("READY> ");
    terminal.press("sleep 0.2 & wait $!; echo waited $?\n");
    terminal.expect("waited 0\r\n");
    terminal.expect("READY> ");
    terminal.press("exit 7\n");
    terminal.end().code()
}

#[test]
fn job_control() {
    if !available(&["bash", "setsid"]) {
        return;
    }
    let bash = ["bash", "--norc", "--noprofile", "-i"].map(OsStr::new);
    assert_eq!(use_job_control(&bash), Some(7));
    let spans = folder();
    let command = traced(&bash, spans.path());
    let words: Vec<&OsStr> = std::iter::once(command.get_program()).chain(command.get_args()).collect();
    assert_eq!(use_job_control(&words), Some(7));
}
