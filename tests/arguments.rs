//! Arguments and results are rendered as strace renders them: call for call, over small programs of every kind.

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};

use support::strace::{Call, Line, Log};
use support::tokens::{Run, same};
use support::{available, finish, program, renacer};

/// The share of calls that must be equal.
const EQUAL: f64 = 0.97;

/// What strace says otherwise, and why we do. A difference that is not here fails the test.
/// Program, call (each `*` for any), reason.
const ALLOWED: &[(&str, &str, &str)] =
    &[("inet6_sockets", "bind", "interfaces have no names: those depend on the tracee's network namespace")];

/// Numbers that are another in every run: call, its argument (none: the result), why.
const VARYING: &[(&str, Option<usize>, &str)] = &[
    ("clock_gettime", Some(1), "a clock"),
    ("gettimeofday", Some(0), "a clock"),
    ("time", None, "a clock"),
    ("times", None, "a clock"),
    ("getrusage", Some(1), "used time and memory"),
    ("wait4", Some(3), "used time"),
    ("sysinfo", Some(0), "free memory and load"),
    ("statfs", Some(1), "free space"),
    ("fstatfs", Some(1), "free space"),
    ("setitimer", Some(2), "time left"),
    ("getitimer", Some(1), "time left"),
    ("alarm", None, "time left"),
    ("timerfd_gettime", Some(1), "time left"),
    ("timerfd_settime", Some(3), "time left"),
    ("timer_gettime", Some(1), "time left"),
    ("select", None, "time left"),
    ("ppoll", None, "time left"),
    ("pselect6", None, "time left"),
    ("bind", Some(1), "a port that the kernel chose"),
    ("connect", Some(1), "a port that the kernel chose"),
    ("accept", Some(1), "a port that the kernel chose"),
    ("getsockname", Some(1), "a port that the kernel chose"),
    ("getpeername", Some(1), "a port that the kernel chose"),
    ("sendto", Some(4), "a port that the kernel chose"),
    ("recvfrom", Some(4), "a port that the kernel chose"),
    ("shmget", None, "an id that the kernel chose"),
    ("shmat", Some(0), "an id that the kernel chose"),
    ("shmctl", Some(0), "an id that the kernel chose"),
    ("shmctl", Some(2), "times"),
    ("semget", None, "an id that the kernel chose"),
    ("semop", Some(0), "an id that the kernel chose"),
    ("semtimedop", Some(0), "an id that the kernel chose"),
    ("semctl", Some(0), "an id that the kernel chose"),
    ("msgget", None, "an id that the kernel chose"),
    ("msgsnd", Some(0), "an id that the kernel chose"),
    ("msgrcv", Some(0), "an id that the kernel chose"),
    ("msgctl", Some(0), "an id that the kernel chose"),
    ("getcpu", Some(0), "where it runs"),
    ("kcmp", None, "an order of addresses in the kernel"),
];

/// Each line's side in one run.
struct Traced {
    log: Log,
    run: Run,
}

fn read(path: &Path) -> Traced {
    let bytes = std::fs::read(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    let text = String::from_utf8_lossy(&bytes);
    // The first exec's environment lies in the tracer's own memory: on strace's stack, on Renacer's heap.
    let (first, rest) = text.split_once('\n').unwrap_or((&text, ""));
    let log = Log::parse(&format!("{}\n{rest}", without_environment(first)));
    let mut run = Run::new(log.by_origin().iter().map(|(origin, tid, _)| (&**origin, *tid)));
    // The tracer is the parent of the first process.
    let parents = log.by_origin().into_iter().take(1).flat_map(|(_, _, lines)| lines.to_vec());
    for call in parents.filter_map(|line| line.call().filter(|call| call.name == "getppid").cloned()) {
        run.threads.insert(call.result, "tracer".to_owned());
    }
    Traced { log, run }
}

/// The line without the address in `0x7ffc01234567 /* 3 vars */`.
fn without_environment(line: &str) -> String {
    match line.split_once(" /* ").and_then(|(left, right)| Some((left.rsplit_once(", 0x")?.0, right))) {
        Some((left, right)) => format!("{left}, ENVIRONMENT /* {right}"),
        None => line.to_owned(),
    }
}

/// Runs one program in a folder of one name under a tracer.
fn trace(tracer: &mut Command, name: &str, folder: &Path) {
    let inside = folder.join("inside");
    std::fs::create_dir(&inside).expect("a folder to run in");
    tracer.arg("--").arg(program(&format!("arguments/{name}")));
    tracer.env_clear().env("PATH", "/usr/bin:/bin").env("LC_ALL", "C").current_dir(&inside).stdin(Stdio::null());
    // Renacer gives the program this variable; with it here, the environments are of one size.
    tracer.env("TRACEPARENT", "00-11111111111111111111111111111111-2222222222222222-01");
    finish(tracer);
    std::fs::remove_dir_all(&inside).expect("the folder can be removed");
}

fn same_call(left: (&Call, &Run), right: (&Call, &Run)) -> bool {
    let varies = |argument| VARYING.iter().any(|row| row.0 == left.0.name && row.1 == argument);
    let arguments = (left.0.split(), right.0.split());
    // Random bytes, whatever they are.
    let random = |index| left.0.name == "getrandom" && index == 0;
    left.0.name == right.0.name
        && arguments.0.len() == arguments.1.len()
        && arguments.0.iter().zip(&arguments.1).enumerate().all(|(index, (a, b))| {
            same((a, left.1), (b, right.1), varies(Some(index)))
                || (random(index) && a.starts_with('"') && b.starts_with('"'))
        })
        && same((&left.0.result, left.1), (&right.0.result, right.1), varies(None))
}

/// Pairs two threads' calls in order, so that one call too many or too few is one difference, not a hundred.
fn align<'a>(left: &[&'a Call], right: &[&'a Call]) -> Vec<(Option<&'a Call>, Option<&'a Call>)> {
    let mut longest = vec![vec![0u32; right.len() + 1]; left.len() + 1];
    for i in (0..left.len()).rev() {
        for j in (0..right.len()).rev() {
            longest[i][j] = if left[i].name == right[j].name {
                longest[i + 1][j + 1] + 1
            } else {
                longest[i + 1][j].max(longest[i][j + 1])
            };
        }
    }
    let (mut i, mut j, mut pairs) = (0, 0, Vec::new());
    while i < left.len() || j < right.len() {
        if i < left.len() && j < right.len() && left[i].name == right[j].name {
            pairs.push((Some(left[i]), Some(right[j])));
            (i, j) = (i + 1, j + 1);
        } else if j == right.len() || (i < left.len() && longest[i + 1][j] >= longest[i][j + 1]) {
            pairs.push((Some(left[i]), None));
            i += 1;
        } else {
            pairs.push((None, Some(right[j])));
            j += 1;
        }
    }
    pairs
}

/// How one program fared: calls compared, and each difference as call name and text.
#[derive(Default)]
struct Outcome {
    compared: usize,
    differences: Vec<(String, String)>,
}

fn compare(expected: &Traced, found: &Traced) -> Outcome {
    let mut outcome = Outcome::default();
    let found_threads: BTreeMap<String, &[Line]> =
        found.log.by_origin().into_iter().map(|(origin, _, lines)| (origin, lines)).collect();
    for (origin, _, lines) in expected.log.by_origin() {
        let other = found_threads.get(&origin).copied().unwrap_or_default();
        let calls: (Vec<_>, Vec<_>) =
            (lines.iter().filter_map(Line::call).collect(), other.iter().filter_map(Line::call).collect());
        for (left, right) in align(&calls.0, &calls.1) {
            outcome.compared += 1;
            let equal = match (left, right) {
                (Some(left), Some(right)) => same_call((left, &expected.run), (right, &found.run)),
                _ => false,
            };
            if !equal {
                let show = |call: Option<&Call>| {
                    call.map_or("nothing".to_owned(), |call| {
                        format!("{}({}) = {}", call.name, call.arguments, call.result)
                    })
                };
                let call = left.or(right).map(|call| call.name.clone()).unwrap_or_default();
                let text = format!("thread {origin}\n    strace  {}\n    renacer {}", show(left), show(right));
                outcome.differences.push((call, text));
            }
        }
        // Signals and ends, in their own order: a signal may come between any two calls.
        let rest = |lines: &[Line]| -> Vec<String> {
            lines
                .iter()
                .filter_map(|line| match line {
                    Line::Signal(text) => Some(format!("--- {text} ---")),
                    Line::End(text) => Some(format!("+++ {text} +++")),
                    Line::Call(_) => None,
                })
                .collect()
        };
        let (left, right) = (rest(lines), rest(other));
        for index in 0..left.len().max(right.len()) {
            outcome.compared += 1;
            let (a, b) = (left.get(index), right.get(index));
            let equal = match (a, b) {
                // The times that a child used are another in every run.
                (Some(a), Some(b)) => same((a, &expected.run), (b, &found.run), a.contains("si_utime")),
                _ => false,
            };
            if !equal {
                outcome
                    .differences
                    .push(("signal".to_owned(), format!("thread {origin}\n    strace  {a:?}\n    renacer {b:?}")));
            }
        }
    }
    outcome
}

fn programs() -> Vec<String> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/programs/arguments");
    let names = std::fs::read_dir(folder).expect("the programs").map(|entry| entry.expect("an entry").path());
    let mut names: Vec<String> =
        names.map(|path| path.file_stem().expect("a name").to_string_lossy().into_owned()).collect();
    if cfg!(not(target_arch = "x86_64")) {
        names.retain(|name| name != "int80" && name != "i386");
    }
    names.sort();
    names
}

#[test]
fn as_strace_renders_them() {
    if !available(&["strace", "cc"]) {
        return;
    }
    let names = programs();
    assert!(names.len() >= 25, "{names:?}");
    let (mut compared, mut different, mut unexplained) = (0, 0, 0);
    for name in &names {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (left, right) = (folder.path().join("strace.log"), folder.path().join("renacer.log"));
        trace(Command::new("strace").args(["-f", "-q", "-o"]).arg(&left), name, folder.path());
        let mut command = renacer();
        command.args(["trace", "--quiet", "--capture-data", "-o"]).arg(folder.path().join("spans.otlp.jsonl"));
        trace(command.arg(format!("--text={}", right.display())), name, folder.path());
        let outcome = compare(&read(&left), &read(&right));
        println!("{name}: {} of {} differ", outcome.differences.len(), outcome.compared);
        compared += outcome.compared;
        different += outcome.differences.len();
        for (call, text) in outcome.differences {
            let reason = ALLOWED.iter().find(|row| (row.0 == "*" || row.0 == name) && (row.1 == "*" || row.1 == call));
            unexplained += usize::from(reason.is_none());
            println!("  {} {text}", reason.map_or("UNEXPLAINED".to_owned(), |row| format!("({})", row.2)));
        }
    }
    let equal = (compared - different) as f64 / compared as f64;
    println!(
        "{compared} compared, {different} differ, {unexplained} of them unexplained: {:.2} % equal",
        equal * 100.0
    );
    assert!(equal >= EQUAL && unexplained == 0, "{:.2} % equal, {unexplained} differences unexplained", equal * 100.0);
}

/// The comparison itself: strace against strace, twice. It sees no difference where there is none.
#[test]
fn strace_equals_itself() {
    if !available(&["strace", "cc"]) {
        return;
    }
    let mut faults = Vec::new();
    for name in programs() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let logs = [folder.path().join("first.log"), folder.path().join("second.log")];
        for log in &logs {
            trace(Command::new("strace").args(["-f", "-q", "-o"]).arg(log), &name, folder.path());
        }
        let outcome = compare(&read(&logs[0]), &read(&logs[1]));
        assert!(outcome.compared > 10, "{name}: {} compared", outcome.compared);
        faults.extend(outcome.differences.into_iter().map(|(_, text)| format!("{name}: {text}")));
    }
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

/// And it does see one where there is one.
#[test]
fn differences_are_seen() {
    let parse = |text: &str| {
        let log = Log::parse(text);
        let run = Run::new(log.by_origin().iter().map(|(origin, tid, _)| (&**origin, *tid)));
        Traced { log, run }
    };
    let expected = "10 brk(NULL) = 0x555555555000\n10 clone(flags=SIGCHLD) = 11\n10 wait4(11,  <unfinished ...>\n\
        11 write(1, \") = 1, \", 7) = 7\n11 +++ exited with 0 +++\n10 <... wait4 resumed>NULL, 0, NULL) = 11\n\
        10 clock_gettime(CLOCK_REALTIME, {tv_sec=5, tv_nsec=6}) = 0\n";
    let same = expected.replace("10 ", "20 ").replace("11", "21").replace("555555555000", "566666666000");
    let same = same.replace("tv_sec=5", "tv_sec=7");
    let outcome = compare(&parse(expected), &parse(&same));
    assert_eq!((outcome.compared, outcome.differences.len()), (6, 0), "{:?}", outcome.differences);
    for (from, to) in [
        ("= 7", "= 6"),
        ("wait4(21", "wait4(20"),
        ("\") = 1, \"", "\") = 2, \""),
        ("0x566666666000", "0x7f6666666000"),
        ("0x566666666000", "0x566666666"),
        ("CLOCK_REALTIME", "CLOCK_BOOTTIME"),
        ("exited with 0", "exited with 1"),
        ("20 brk(NULL) = 0x566666666000\n", ""),
    ] {
        let changed = same.replacen(from, to, 1);
        assert_ne!(changed, same, "{from} does not occur");
        let outcome = compare(&parse(expected), &parse(&changed));
        assert_eq!(outcome.differences.len(), 1, "{from} -> {to}: {:?}", outcome.differences);
    }
}

/// What a program reads and writes is not shown unless asked for, wherever the output goes.
#[test]
fn contents_only_when_asked_for() {
    if !available(&["cc"]) {
        return;
    }
    let mut shown = Vec::new();
    for options in [&["--quiet"][..], &["--quiet", "--capture-data"]] {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let (text, spans) = (folder.path().join("text"), folder.path().join("spans.otlp.jsonl"));
        let mut command = renacer();
        command.arg("trace").args(options).arg("-o").arg(&spans).arg(format!("--text={}", text.display()));
        trace(&mut command, "transfers", folder.path());
        for file in [text, spans] {
            let content = std::fs::read_to_string(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display()));
            assert!(content.contains("pwrite64"), "{content}");
            shown.push(["abcdef0123", "a second piece", "at four"].map(|secret| content.contains(secret)));
        }
    }
    assert_eq!(shown, [[false; 3], [false; 3], [true; 3], [true; 3]]);
}
