//! Builds the rows, each in a folder of its own that is kept for the next time, and runs them under Renacer.

use std::collections::hash_map::DefaultHasher;
use std::ffi::OsStr;
use std::hash::{Hash, Hasher};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Mutex;

use super::answer::{Language, Marked};
use super::rows::Row;
use super::support::spans::Trace;
use super::support::{finish, renacer};
use super::table::{Run, Table};

/// The folder of the sources.
fn sources() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/locations")
}

/// Runs all rows, two at a time.
pub fn run(language: Language, rows: Vec<Row>) -> Table {
    let title = match language {
        Language::C => "C",
        Language::Cpp => "C++",
        Language::Rust => "Rust",
        Language::Go => "Go",
        Language::Python => "Python",
    };
    let (rows, table) = (Mutex::new(rows.into_iter()), Mutex::new(Table::new(title)));
    let work = || {
        while let Some(row) = { rows.lock().expect("rows").next() } {
            match run_one(language, &row) {
                Ok(run) => table.lock().expect("table").add(&row.name, row.expected, row.marks, run),
                Err(why) => table.lock().expect("table").skip(&row.name, &why),
            }
        }
    };
    std::thread::scope(|scope| {
        scope.spawn(work);
        scope.spawn(work);
    });
    table.into_inner().expect("table")
}

fn run_one(language: Language, row: &Row) -> Result<Run, String> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let is_there = |tool: &&&str| std::env::split_paths(&path).any(|folder| folder.join(tool).is_file());
    if let Some(tool) = row.tools.iter().find(|tool| !is_there(tool)) {
        return Err(format!("{tool} is not installed"));
    }
    if row.root && !rustix::process::geteuid().is_root() {
        return Err("only for root".to_owned());
    }
    let folder = build(row);
    let environment: Vec<_> = row
        .environment
        .iter()
        .map(|(name, value)| (*name, value.replace("$HERE", &folder.to_string_lossy())))
        .collect();
    let words: Vec<_> = row.command.iter().map(OsStr::new).collect();
    Ok(trace(language, &folder, &words, &environment))
}

/// The row's folder, with everything built.
fn build(row: &Row) -> PathBuf {
    let name: String =
        row.name.chars().map(|letter| if letter.is_ascii_alphanumeric() { letter } else { '-' }).collect();
    // Debug information names the folder, so it is built where it stays; a test in another process at the same time
    // is kept out by cargo's own lock on the folder for test files.
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("locations").join(name);
    let (complete, key) = (folder.join("complete"), key(row));
    if std::fs::read_to_string(&complete).ok().as_deref() == Some(&*key) {
        return folder;
    }
    if folder.exists() {
        std::fs::remove_dir_all(&folder).expect("the old build can be removed");
    }
    std::fs::create_dir_all(&folder).expect("a folder for the row");
    let mut shell = Command::new("sh");
    shell.args(["-e", "-c", &row.build]).current_dir(&folder).env("SRC", sources());
    let built = finish(&mut shell);
    assert!(built.status.success(), "{}\n{}\n{}", row.name, row.build, built.stderr);
    std::fs::write(complete, key).expect("the folder can be written");
    folder
}

/// A name for exactly this recipe and these sources.
fn key(row: &Row) -> String {
    let mut hasher = DefaultHasher::new();
    row.build.hash(&mut hasher);
    let mut folders = vec![sources()];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).expect("the sources").flatten() {
            let path = entry.path();
            if path.is_dir() { folders.push(path) } else { files.push(path) }
        }
    }
    files.sort();
    for file in files.iter().filter(|file| file.extension() != Some(OsStr::new("py"))) {
        file.hash(&mut hasher);
        if file.parent() != Some(&sources()) {
            std::fs::read(file).expect("a source").hash(&mut hasher);
        }
    }
    format!("{:x}", hasher.finish())
}

/// The marked calls of a command.
pub fn trace(language: Language, folder: &Path, words: &[&OsStr], environment: &[(&str, String)]) -> Run {
    let output = tempfile::tempdir().expect("a temporary folder");
    let file = output.path().join("spans.otlp.jsonl");
    let mut command = renacer();
    command.args(["trace", "--quiet", "-o"]).arg(&file).arg("--").args(words).current_dir(folder);
    command.env_remove("DEBUGINFOD_URLS").envs(environment.iter().map(|(name, value)| (name, value)));
    let finished = finish(&mut command);
    assert!(finished.status.success(), "{words:?} in {}: {finished:?}", folder.display());
    let marked = Trace::read(&file).spans.iter().filter_map(Marked::from).collect();
    Run { language, marked }
}
