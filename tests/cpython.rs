//! CPython's own tests of signals, threads and child processes pass under Renacer as they do without.

mod support;

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use support::{available, finish, finish_within, renacer};

const MODULES: [&str; 3] = ["test_signal", "test_threadsignals", "test_subprocess"];

/// Each test's outcome, from the file that CPython's test runner writes.
fn outcomes(report: &Path) -> BTreeMap<String, &'static str> {
    let text = std::fs::read_to_string(report).expect("the runner's report");
    let cases = text.split("<testcase ").skip(1).map(|case| {
        let name = case.split_once("name=\"").and_then(|(_, rest)| rest.split_once('"')).expect("a name").0;
        let case = case.split("</testcase>").next().unwrap_or_default();
        let marks =
            [("<failure", "failed"), ("<error", "failed"), ("<skipped", "skipped"), ("result=\"skipped\"", "skipped")];
        let outcome = marks.iter().find(|(mark, _)| case.contains(mark)).map_or("passed", |(_, outcome)| outcome);
        (name.to_owned(), outcome)
    });
    cases.collect()
}

#[test]
#[ignore = "takes several minutes; run with --ignored"]
fn its_own_tests_pass() {
    if !available(&["python3"]) {
        return;
    }
    let script = "import test.test_signal, test.test_subprocess, sys; print(sys.executable)";
    let found = finish(Command::new("python3").args(["-c", script]));
    if !found.status.success() {
        assert!(std::env::var("CI").as_deref() != Ok("true"), "this python3 has no test package");
        eprintln!("skipped: this python3 has no test package");
        return;
    }
    let python = found.text().trim().to_owned();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let (native, traced) = (folder.path().join("native.xml"), folder.path().join("traced.xml"));
    let arguments = |report: &Path| {
        let report = report.display().to_string();
        ["-m", "test", "--junit-xml", &report].into_iter().chain(MODULES).map(str::to_owned).collect::<Vec<_>>()
    };
    let limit = Duration::from_secs(1200);
    let without = finish_within(Command::new(&python).args(arguments(&native)).current_dir(folder.path()), limit);
    let mut command = renacer();
    command.args(["trace", "--quiet", "-o"]).arg(folder.path().join("spans.otlp.jsonl"));
    command.arg("--").arg(&python).args(arguments(&traced));
    let with = finish_within(command.current_dir(folder.path()), limit);
    let (without_each, with_each) = (outcomes(&native), outcomes(&traced));
    assert!(without_each.len() > 200, "{} tests", without_each.len());
    let names = without_each.keys().chain(with_each.keys());
    let different: Vec<_> = names.filter(|name| without_each.get(*name) != with_each.get(*name)).collect();
    assert!(different.is_empty(), "{different:?}\n{}\n{}", with.text(), with.stderr);
    assert_eq!(without.status, with.status);
}
