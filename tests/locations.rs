//! Each call names the line of source that made it: programs put `T|file|line|function` of their own call site into the
//! call's path, and Renacer's answer for that call is compared with it. The programs are built in many ways.

mod support;

#[path = "locations/answer.rs"]
mod answer;
#[path = "locations/rows.rs"]
mod rows;
#[path = "locations/table.rs"]
mod table;
#[path = "locations/workshop.rs"]
mod workshop;

use std::path::{Path, PathBuf};
use std::process::Command;

use answer::Language;
use rows::{Expected, Row};
use support::finish;
use table::Table;

fn check(language: Language, rows: Vec<Row>) {
    let table = workshop::run(language, rows);
    table.print();
    table.assert();
}

#[test]
fn c() {
    check(Language::C, rows::of_c());
}

#[test]
fn cpp() {
    check(Language::Cpp, rows::of_cpp());
}

#[test]
fn rust() {
    check(Language::Rust, rows::of_rust());
}

#[test]
fn go() {
    check(Language::Go, rows::of_go());
}

/// Interpreters of 3.12 or newer: those that `tests/locations/python/interpreters.sh` fetched, and the system's own.
fn pythons() -> Vec<(String, PathBuf)> {
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/python");
    let folder = std::env::var_os("PYTHON_DIR").map_or(fetched, PathBuf::from);
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let mut found: Vec<_> = entries
        .map(|entry| (format!("CPython {}", entry.file_name().to_string_lossy()), entry.path().join("bin/python3")))
        .filter(|(_, program)| program.exists())
        .collect();
    found.sort();
    let system = Path::new("/usr/bin/python3");
    let script = "import sys; sys.exit(sys.version_info < (3, 12))";
    if system.exists() && finish(Command::new(system).args(["-c", script])).status.success() {
        found.push(("CPython of the system".to_owned(), system.to_owned()));
    }
    found
}

#[test]
fn python() {
    let mut table = Table::new("Python");
    let pythons = pythons();
    if pythons.is_empty() {
        table.skip("CPython", "no interpreter of 3.12 or newer; run tests/locations/python/interpreters.sh");
    }
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/locations/python/corpus.py");
    for (name, program) in pythons {
        let words = [program.as_os_str(), "-B".as_ref(), script.as_os_str()];
        let folder = tempfile::tempdir().expect("a temporary folder");
        let result = workshop::trace(Language::Python, folder.path(), &words, &[]);
        table.add(&name, Expected::NearlyAllLines, 115, result);
    }
    table.print();
    table.assert();
}
