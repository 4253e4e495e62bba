//! No call is lost, none is invented, and the tree is right: the spans per name are as many as `strace -f` sees.

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use support::spans::{Kind, Trace};
use support::strace::Log;
use support::{available, finish, program, renacer};

type Counts = BTreeMap<String, usize>;

/// One program, run again and again in one folder.
struct Subject {
    words: Vec<PathBuf>,
    /// Further options of Renacer.
    options: Vec<String>,
    folder: tempfile::TempDir,
}

impl Subject {
    fn new<W: Into<PathBuf>>(words: impl IntoIterator<Item = W>) -> Subject {
        let folder = tempfile::tempdir().expect("a temporary folder");
        Subject { words: words.into_iter().map(Into::into).collect(), options: Vec::new(), folder }
    }

    fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// The same surroundings for every run.
    fn prepare(&self, command: &mut Command) {
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default()).env("LC_ALL", "C");
        command.env("HOME", self.folder.path()).current_dir(self.folder.path()).stdin(Stdio::null());
    }

    /// What strace counts.
    fn strace(&self) -> Counts {
        let mut command = Command::new("strace");
        command.args(["-f", "-q", "-o"]).arg(self.file("strace.log")).arg("--").args(&self.words);
        self.prepare(&mut command);
        finish(&mut command);
        let log = std::fs::read(self.file("strace.log")).expect("strace's log");
        Log::parse(&String::from_utf8_lossy(&log)).counts()
    }

    /// What Renacer writes; the tree is checked.
    fn renacer(&self) -> Trace {
        let file = self.file("trace.otlp.jsonl");
        let mut command = renacer();
        command.args(["trace", "--force", "-o"]).arg(&file).args(&self.options).arg("--").args(&self.words);
        self.prepare(&mut command);
        let finished = finish(&mut command);
        let trace = Trace::read(&file);
        let faults = trace.faults();
        assert!(
            faults.is_empty(),
            "{} faults, such as\n{}\n{}",
            faults.len(),
            faults.iter().take(5).cloned().collect::<Vec<_>>().join("\n"),
            finished.stderr
        );
        assert_eq!(trace.losses(), Vec::<String>::new(), "{}", finished.stderr);
        trace
    }
}

/// The names whose numbers differ: name, expected, found.
fn differences(expected: &Counts, found: &Counts) -> Vec<(String, usize, usize)> {
    let names: std::collections::BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let number = |counts: &Counts, name: &String| counts.get(name).copied().unwrap_or(0);
    let compared = names.into_iter().map(|name| (name.clone(), number(expected, name), number(found, name)));
    compared.filter(|(_, expected, found)| expected != found).collect()
}

fn assert_exact(subject: &Subject) -> Trace {
    let trace = subject.renacer();
    assert_eq!(differences(&subject.strace(), &trace.counts()), [], "(name, strace, renacer)");
    trace
}

/// For programs that do not make the same calls in each run. Of each call both must have seen a number that lies in the
/// range of what the other has seen. They run again until it is so, or often enough to say that it never will be:
/// a call that is always lost, or always invented, leaves two ranges apart.
fn assert_within_variation(subject: &Subject) -> Trace {
    const RUNS: usize = 12;
    // What the first run leaves behind, an object file for one, changes what the next ones do.
    subject.strace();
    let first = subject.renacer();
    let mut renacer = vec![first.counts()];
    let mut strace = vec![subject.strace(), subject.strace(), subject.strace()];
    while !ranges_apart(&strace, &renacer).is_empty() {
        assert!(renacer.len() < RUNS, "{:?}", ranges_apart(&strace, &renacer));
        renacer.push(subject.renacer().counts());
        strace.push(subject.strace());
    }
    first
}

/// The names of which the two have seen numbers that have nothing in common.
fn ranges_apart(strace: &[Counts], renacer: &[Counts]) -> Vec<String> {
    let range = |runs: &[Counts], name: &String| {
        let numbers = runs.iter().map(|counts| counts.get(name).copied().unwrap_or(0));
        numbers.fold((usize::MAX, 0), |(least, most), one| (least.min(one), most.max(one)))
    };
    let names: std::collections::BTreeSet<_> = strace.iter().chain(renacer).flat_map(Counts::keys).collect();
    let compared = names.into_iter().map(|name| (name, range(strace, name), range(renacer, name)));
    let apart = compared.filter(|(_, left, right)| left.1 < right.0 || right.1 < left.0);
    apart.map(|(name, left, right)| format!("{name}: strace {left:?}, renacer {right:?}")).collect()
}

#[test]
fn threads_exact() {
    if !available(&["strace", "cc"]) {
        return;
    }
    let trace = assert_exact(&Subject::new([program("threads"), "8".into(), "1000".into()]));
    assert_eq!(trace.counts()["getppid"], 8000);
    let mut per_thread: BTreeMap<i64, usize> = BTreeMap::new();
    for call in trace.of(Kind::Call).filter(|call| call.name == "getppid") {
        *per_thread.entry(call.int("linux.tid").expect("linux.tid")).or_default() += 1;
    }
    assert_eq!(per_thread.values().copied().collect::<Vec<_>>(), [1000; 8]);
    assert_eq!(trace.of(Kind::Process).count(), 1);
}

#[test]
fn forks_exact() {
    if !available(&["strace", "cc"]) {
        return;
    }
    let trace = assert_exact(&Subject::new([program("forks"), "200".into(), "10".into()]));
    assert_eq!(trace.counts()["getppid"], 2000);
    // The children's spans are below that of the process that forked them.
    let parents: BTreeMap<&str, i64> =
        trace.of(Kind::Process).map(|span| (&*span.span_id, span.int("process.pid").expect("process.pid"))).collect();
    let forked: Vec<_> = trace.of(Kind::Process).filter(|span| span.name == "forks" && span.links > 0).collect();
    assert!(forked.len() >= 200, "{} children with a link to the call that made them", forked.len());
    for child in forked {
        let parent = parents[child.parent_id.as_deref().expect("a parent")];
        assert_eq!(Some(parent), child.int("process.parent_pid"), "{child:?}");
    }
}

#[test]
fn shell_that_kills_itself_exact() {
    if !available(&["strace"]) {
        return;
    }
    assert_exact(&Subject::new(["sh", "-c", "kill -TERM $$"]));
}

#[test]
fn exec_from_thread_has_every_thread() {
    if !available(&["cc"]) {
        return;
    }
    let trace = Subject::new([program("thread_exec")]).renacer();
    let counts = trace.counts();
    assert_eq!(counts["clone3"], 3);
    let execs: Vec<_> = trace.of(Kind::Call).filter(|call| call.name == "execve").collect();
    assert!(execs.len() >= 2 && execs.iter().all(|call| call.int("syscall.result") == Some(0)), "{execs:?}");
    assert_eq!(trace.of(Kind::Call).filter(|call| call.name == "pause").count(), 2);
}

#[test]
fn ls() {
    if available(&["strace"]) {
        assert_within_variation(&Subject::new(["ls", "-la", "/usr"]));
    }
}

#[test]
fn bash_jobs() {
    if available(&["strace", "bash"]) {
        let script = "for i in 1 2 3; do (echo $i | cat) & done; wait";
        let trace = assert_within_variation(&Subject::new(["bash", "-c", script]));
        // bash, three subshells, and in each of them echo's own process and cat.
        assert!(trace.of(Kind::Process).filter(|span| span.name == "cat").count() == 3);
    }
}

#[test]
fn python_imports() {
    if !available(&["strace", "python3"]) {
        return;
    }
    // The interpreter itself, not a script that looks for it.
    let find = finish(Command::new("python3").args(["-c", "import json, ssl, sys; print(sys.executable)"]));
    assert_within_variation(&Subject::new([find.text().trim(), "-c", "import json,ssl"]));
}

#[test]
fn git_log() {
    if !available(&["strace", "git"]) {
        return;
    }
    let subject = Subject::new(["git", "log", "-1"]);
    let identity = ["-c", "user.name=A", "-c", "user.email=a@example.org"];
    for words in [&["init", "-q", "."][..], &["commit", "-q", "--allow-empty", "-m", "First"]] {
        let mut command = Command::new("git");
        command.args(identity).args(words);
        subject.prepare(&mut command);
        assert!(finish(&mut command).status.success());
    }
    assert_within_variation(&subject);
}

#[test]
fn gcc_compiles() {
    if !available(&["strace", "gcc"]) {
        return;
    }
    let subject = Subject::new(["gcc", "-O1", "-c", "hello.c", "-o", "hello.o"]);
    let source = "#include <stdio.h>\nint main(void) { puts(\"hello\"); return 0; }\n";
    std::fs::write(subject.file("hello.c"), source).expect("a source file");
    assert_within_variation(&subject);
    assert!(Path::new(&subject.file("hello.o")).exists());
}

/// The real user of each program, where users change between programs and within one.
#[test]
fn each_program_has_its_user() {
    if !available(&["python3"]) || !rustix::process::geteuid().is_root() {
        return eprintln!("skipped: only root can become another user");
    }
    // A change of user, a child that runs no program of its own, one that does, and one that goes on changing.
    let script = "import os\n\
        def child(work):\n\
        \x20   pid = os.fork()\n\
        \x20   if pid == 0:\n\
        \x20       work()\n\
        \x20       os._exit(0)\n\
        \x20   os.waitpid(pid, 0)\n\
        child(lambda: os.execv('/bin/true', ['true', 'before']))\n\
        os.setreuid(1234, 0)\n\
        child(lambda: None)\n\
        child(lambda: os.execv('/bin/true', ['true', 'after']))\n\
        child(lambda: (os.setuid(4321), os.execv('/bin/true', ['true', 'last'])))\n";
    let subject = Subject::new(["python3", "-c", script]);
    subject.renacer();
    let text = std::fs::read_to_string(subject.file("trace.otlp.jsonl")).expect("the file");
    let mut users = BTreeMap::new();
    for line in text.lines() {
        let data: serde_json::Value = serde_json::from_str(line).expect("JSON");
        for resource in data["resourceSpans"].as_array().expect("resources") {
            let attributes = resource["resource"]["attributes"].as_array().expect("attributes");
            let get =
                |key: &str| attributes.iter().find(|attribute| attribute["key"] == key).map(|found| &found["value"]);
            let arguments = get("process.command_args").expect("arguments")["arrayValue"]["values"].to_string();
            let user: i64 = get("process.real_user.id").expect("a user")["intValue"]
                .as_str()
                .expect("a number")
                .parse()
                .expect("a number");
            let name = ["before", "after", "last"]
                .into_iter()
                .find(|name| arguments.contains(&format!("\"{name}\"")) && !arguments.contains("import"));
            users.entry(name.unwrap_or("python3")).or_insert_with(std::collections::BTreeSet::new).insert(user);
        }
    }
    let expected: BTreeMap<_, std::collections::BTreeSet<i64>> =
        [("before", [0].into()), ("after", [1234].into()), ("last", [4321].into()), ("python3", [0, 1234].into())]
            .into();
    assert_eq!(users, expected);
}

/// What was not found out about the code is counted where the run's other counts are; unless nobody asked for it.
#[test]
fn unknown_code_is_counted() {
    let mut subject = Subject::new(["true"]);
    subject.options = vec!["--no-source".into()];
    let counted = |trace: &Trace| {
        let root = trace.of(Kind::Process).find(|span| span.int("renacer.calls").is_some()).expect("a root span");
        root.int("renacer.code.frames.unknown")
    };
    assert_eq!(counted(&subject.renacer()), None);
    subject.options.clear();
    let trace = subject.renacer();
    let nameless = trace.of(Kind::Call).filter(|call| call.text("code.function.name").is_none()).count();
    assert_eq!(counted(&trace).is_some(), nameless > 0);
    // The dynamic loader is stripped everywhere.
    assert!(nameless > 0);
}
