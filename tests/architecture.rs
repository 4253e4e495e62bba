//! The invariants of docs/architecture.md that a look at the sources can check.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Longer files, and why they may be.
const LONG: [(&str, &str); 4] = [
    ("crates/ptrace/src/decode/values/tables/file.rs", "a table of names"),
    ("crates/ptrace/src/decode/values/tables/ioctl.rs", "a table of names"),
    ("crates/ptrace/src/decode/values/tables/option.rs", "a table of names"),
    ("crates/ptrace/src/decode/values/tables/process.rs", "a table of names"),
];
const MOST_LINES: usize = 600;

struct Source {
    path: String,
    text: String,
}

impl Source {
    /// Comments and literals blanked, lines kept.
    fn code(&self) -> String {
        blank(&self.text)
    }

    fn is_test(&self) -> bool {
        self.path.starts_with("tests/") || self.path.contains("/tests/") || self.path.ends_with("/tests.rs")
    }

    /// The code that is part of the product, without a test module at its end.
    fn product_code(&self) -> String {
        let code = self.code();
        match code.find("#[cfg(test)]\nmod tests {") {
            Some(at) => code[..at].to_owned(),
            None => code,
        }
    }
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn files(folder: &Path, wanted: &dyn Fn(&Path) -> bool, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of the project") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                files(&path, wanted, found);
            }
        } else if wanted(&path) {
            found.push(path);
        }
    }
}

fn find(folders: &[&str], wanted: &dyn Fn(&Path) -> bool) -> Vec<Source> {
    let mut found = Vec::new();
    for folder in folders.iter().map(|folder| root().join(folder)).filter(|folder| folder.is_dir()) {
        files(&folder, wanted, &mut found);
    }
    found.sort();
    let source = |path: PathBuf| Source {
        text: fs::read_to_string(&path).expect("a text file"),
        path: path.strip_prefix(root()).expect("inside the project").to_string_lossy().into_owned(),
    };
    found.into_iter().map(source).collect()
}

fn sources() -> Vec<Source> {
    let all = find(&["src", "crates", "exporters", "publishers", "tests", "fuzz"], &|path| {
        path.extension().is_some_and(|extension| extension == "rs")
    });
    assert!(all.len() > 50, "the sources were not found");
    all
}

/// Replaces what stands in comments, strings and character literals by spaces.
fn blank(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    let mut code = String::with_capacity(text.len());
    let mut at = 0;
    while at < chars.len() {
        let end = literal_end(&chars, at);
        if end > at {
            code.extend(chars[at..end].iter().map(|&c| if c == '\n' { '\n' } else { ' ' }));
            at = end;
        } else {
            code.push(chars[at]);
            at += 1;
        }
    }
    code
}

/// Where the comment or literal that begins at `at` ends; `at` if there is none.
fn literal_end(chars: &[char], at: usize) -> usize {
    let is = |at: usize, c: char| chars.get(at) == Some(&c);
    let from = |start: usize, c: char| (start..chars.len()).find(|&i| is(i, c)).unwrap_or(chars.len());
    let after_name = at > 0 && (chars[at - 1].is_alphanumeric() || chars[at - 1] == '_');
    match chars[at] {
        '/' if is(at + 1, '/') => from(at, '\n'),
        '/' if is(at + 1, '*') => {
            (at + 2..chars.len()).find(|&i| is(i, '*') && is(i + 1, '/')).map_or(chars.len(), |i| i + 2)
        }
        '"' => {
            let mut i = at + 1;
            while i < chars.len() && chars[i] != '"' {
                i += if chars[i] == '\\' { 2 } else { 1 };
            }
            (i + 1).min(chars.len())
        }
        'r' if (!after_name || is(at - 1, 'b')) && (is(at + 1, '"') || is(at + 1, '#')) => {
            let hashes = chars[at + 1..].iter().take_while(|&&c| c == '#').count();
            if !is(at + 1 + hashes, '"') {
                return at;
            }
            let closes = |i: usize| is(i, '"') && (1..=hashes).all(|n| is(i + n, '#'));
            (at + 2 + hashes..chars.len()).find(|&i| closes(i)).map_or(chars.len(), |i| i + 1 + hashes)
        }
        '\'' if is(at + 1, '\\') => from(at + 3, '\'') + 1,
        '\'' if is(at + 2, '\'') => at + 3,
        _ => at,
    }
}

/// How often `word` stands in `code` as a word of its own.
fn words(code: &str, word: &str) -> usize {
    code.split(|c: char| !c.is_alphanumeric() && c != '_').filter(|&found| found == word).count()
}

#[test]
fn literals_and_comments_are_no_code() {
    let text = "a /* unsafe */ \"unsafe \\\" unsafe\" 'x' '\"' r#\"unsafe \" unsafe\"# &'a b // unsafe\nunsafe { unsafe_code }";
    assert_eq!(words(&blank(text), "unsafe"), 1);
    assert_eq!(blank(text).lines().count(), 2);
    assert!(blank(text).contains("&'a b"));
}

#[test]
fn unsafe_sites_are_explained_and_listed() {
    let security = fs::read_to_string(root().join("SECURITY.md")).expect("SECURITY.md");
    let row = |line: &str| {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let path = cells.get(1)?.strip_prefix('`')?.strip_suffix('`')?;
        Some((path.to_owned(), cells.get(2)?.parse::<usize>().ok()?))
    };
    let listed: BTreeMap<String, usize> = security.lines().filter_map(row).collect();
    let mut found = BTreeMap::new();
    for source in sources() {
        let code = source.code();
        let lines: Vec<&str> = source.text.lines().map(str::trim).collect();
        for (index, line) in code.lines().enumerate() {
            let count = words(line, "unsafe");
            if count == 0 {
                continue;
            }
            *found.entry(source.path.clone()).or_insert(0) += count;
            let above = lines[..index].iter().rev().skip_while(|line| line.starts_with("#["));
            let explained = above.take_while(|line| line.starts_with("//")).any(|line| line.contains("SAFETY:"));
            assert!(explained, "{}:{}: unsafe without a SAFETY comment above", source.path, index + 1);
        }
    }
    assert_eq!(found, listed, "the code (left) and SECURITY.md (right) differ");
    for path in found.keys() {
        let others =
            ["crates/symbols/src/mapped.rs", "publishers/rust/src/memory.rs", "publishers/decisions/src/memory.rs"];
        let may_have = path.starts_with("crates/ptrace/src/sys/") || others.contains(&&**path);
        assert!(may_have, "unsafe in {path}");
    }
}

/// The names in a manifest's dependency tables: with `development`, those for tests too. What the workspace merely offers is none.
fn dependencies(manifest: &str, development: bool) -> Vec<String> {
    let mut names = Vec::new();
    let mut inside = false;
    for line in manifest.lines().map(str::trim) {
        if let Some(table) = line.strip_prefix('[').and_then(|line| line.strip_suffix(']')) {
            let table = table.trim_matches(['[', ']']);
            let (owner, single) = match table.split_once("dependencies.") {
                Some((before, name)) => (format!("{before}dependencies"), Some(name)),
                None => (table.to_owned(), None),
            };
            inside = owner.ends_with("dependencies")
                && owner != "workspace.dependencies"
                && (development || !owner.ends_with("dev-dependencies"));
            names.extend(single.filter(|_| inside).map(str::to_owned));
            inside &= single.is_none();
        } else if inside && let Some((name, _)) = line.split_once(['.', '=', ' ']).filter(|_| !line.starts_with('#')) {
            names.push(name.to_owned());
        }
    }
    names
}

fn manifests() -> Vec<Source> {
    let mut all = find(&["crates", "exporters", "publishers"], &|path| path.ends_with("Cargo.toml"));
    let text = fs::read_to_string(root().join("Cargo.toml")).expect("the root's manifest");
    all.push(Source { path: "Cargo.toml".into(), text });
    assert!(all.len() >= 6, "the manifests were not found");
    all
}

#[test]
fn only_the_otlp_exporter_has_a_runtime() {
    let runtime = |name: &String| ["tokio", "hyper", "tonic"].iter().any(|start| name.starts_with(start));
    for manifest in manifests() {
        let found: Vec<String> = dependencies(&manifest.text, true).into_iter().filter(runtime).collect();
        assert_eq!(!found.is_empty(), manifest.path == "exporters/otlp/Cargo.toml", "{}: {found:?}", manifest.path);
    }
}

#[test]
fn libraries_know_the_events_and_no_sibling() {
    for manifest in manifests()
        .into_iter()
        .filter(|manifest| manifest.path.starts_with("crates/") || manifest.path.starts_with("exporters/"))
    {
        let mut ours = dependencies(&manifest.text, false);
        ours.retain(|name| name.starts_with("renacer"));
        let expected: &[&str] = if manifest.path == "crates/events/Cargo.toml" { &[] } else { &["renacer-events"] };
        assert_eq!(ours, expected, "{}", manifest.path);
    }
}

/// Product code in which one of these strings stands.
fn users_of(strings: &[&str]) -> Vec<String> {
    let product = sources().into_iter().filter(|source| !source.is_test());
    let uses = |source: &Source| {
        let code = source.product_code();
        strings.iter().any(|string| code.contains(string))
    };
    product.filter(uses).map(|source| source.path).collect()
}

#[test]
fn only_the_ptrace_crate_traces_forks_and_waits() {
    let calls = ["ptrace", "fork", "vfork", "waitpid", "waitid", "wait4"];
    let calls: Vec<String> = calls.iter().map(|call| format!("libc::{call}(")).chain(["SYS_ptrace".into()]).collect();
    let users = users_of(&calls.iter().map(String::as_str).collect::<Vec<_>>());
    assert!(!users.is_empty(), "the calls were not found at all");
    for path in users {
        assert!(path.starts_with("crates/ptrace/src/sys/"), "{path}");
    }
    assert_eq!(users_of(&["process::Command", "Command::new("]), Vec::<String>::new(), "starting programs forks too");
}

#[test]
fn every_queue_is_bounded() {
    assert_eq!(users_of(&["mpsc::channel(", "mpsc::channel::<", "unbounded"]), Vec::<String>::new());
}

#[test]
fn every_file_says_what_it_is_for() {
    for source in sources() {
        let first = source.text.lines().next().unwrap_or_default();
        assert!(first.starts_with("//! ") && first.len() > 8, "{} begins with: {first}", source.path);
    }
}

#[test]
fn files_are_short_but_for_those_listed() {
    let long: Vec<String> = sources()
        .into_iter()
        .filter(|source| source.text.lines().count() > MOST_LINES)
        .map(|source| source.path)
        .collect();
    assert_eq!(
        long,
        LONG.map(|(path, _reason)| path),
        "longer than {MOST_LINES} lines (left), and listed as such (right)"
    );
}
