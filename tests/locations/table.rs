//! The table of all rows, and what it must show.

use std::fmt::Write as _;
use std::io::Write as _;

use super::answer::{Language, Marked};
use super::rows::Expected;

/// The marked calls of one run.
#[derive(Debug)]
pub struct Run {
    pub language: Language,
    pub marked: Vec<Marked>,
}

#[derive(Debug)]
struct Line {
    name: String,
    expected: Expected,
    calls: usize,
    different: usize,
    /// The fewest different marks that there must be.
    wanted: usize,
    right: usize,
    wrong: Vec<Marked>,
    missing: Vec<Marked>,
    misnamed: Vec<Marked>,
}

/// What came out of each row.
#[derive(Debug)]
pub struct Table {
    title: &'static str,
    lines: Vec<Line>,
    skipped: Vec<(String, String)>,
}

impl Table {
    pub fn new(title: &'static str) -> Table {
        Table { title, lines: Vec::new(), skipped: Vec::new() }
    }

    /// A row that cannot be run here.
    pub fn skip(&mut self, name: &str, why: &str) {
        self.skipped.push((name.to_owned(), why.to_owned()));
    }

    /// A row that was run.
    pub fn add(&mut self, name: &str, expected: Expected, wanted: usize, run: Run) {
        let different: std::collections::HashSet<_> =
            run.marked.iter().map(|marked| (&marked.file, marked.line, &marked.function)).collect();
        let mut line = Line {
            name: name.to_owned(),
            expected,
            calls: run.marked.len(),
            different: different.len(),
            wanted,
            right: 0,
            wrong: Vec::new(),
            missing: Vec::new(),
            misnamed: Vec::new(),
        };
        for marked in run.marked {
            if marked.place_is_right() == Some(true) && marked.function_is_right(run.language) == Some(false) {
                line.misnamed.push(marked.clone());
            }
            match marked.place_is_right() {
                Some(true) => line.right += 1,
                Some(false) => line.wrong.push(marked),
                None => line.missing.push(marked),
            }
        }
        self.lines.push(line);
    }

    /// Shows it, also when the test passes.
    pub fn print(&self) {
        let mut text = format!("\n{}: file and line of marked calls\n", self.title);
        writeln!(
            text,
            "  {:44} {:>5} {:>5} {:>7} {:>5} {:>8}",
            "built", "calls", "right", "missing", "wrong", "misnamed"
        )
        .expect("text grows");
        let mut lines: Vec<_> = self.lines.iter().collect();
        lines.sort_by(|a, b| a.name.cmp(&b.name));
        for line in lines {
            let misnamed =
                if line.expected == Expected::Everything { line.misnamed.len().to_string() } else { "-".into() };
            writeln!(
                text,
                "  {:44} {:5} {:5} {:7} {:5} {misnamed:>8}",
                line.name,
                line.calls,
                line.right,
                line.missing.len(),
                line.wrong.len()
            )
            .expect("text grows");
        }
        for (name, why) in &self.skipped {
            writeln!(text, "  {name:44} skipped: {why}").expect("text grows");
        }
        // Not by a macro, whose output the test runner would keep for itself.
        std::io::stderr().write_all(text.as_bytes()).expect("standard error can be written");
    }

    /// Fails with all that is not as it must be.
    pub fn assert(&self) {
        let mut faults = String::new();
        let mut fault = |line: &Line, what: &str, examples: &[Marked]| {
            writeln!(faults, "{}: {what}", line.name).expect("text grows");
            for marked in examples.iter().take(8) {
                writeln!(faults, "    {}:{} {}: {:?}", marked.file, marked.line, marked.function, marked.answer)
                    .expect("text grows");
            }
        };
        let (mut of_musl, mut right_of_musl) = (0, 0);
        for line in &self.lines {
            if line.different < line.wanted {
                fault(line, &format!("{} different marks instead of {}", line.different, line.wanted), &[]);
            }
            if !line.wrong.is_empty() {
                fault(line, "wrong", &line.wrong);
            }
            match line.expected {
                Expected::Lines | Expected::Everything if !line.missing.is_empty() => {
                    fault(line, "missing", &line.missing);
                }
                Expected::NearlyAllLines if line.right * 100 < line.calls * 95 => {
                    fault(line, "less than 95 in 100", &line.missing);
                }
                Expected::MostLines => {
                    of_musl += line.calls;
                    right_of_musl += line.right;
                }
                _ => {}
            }
            if line.expected == Expected::Everything && !line.misnamed.is_empty() {
                fault(line, "another function's name", &line.misnamed);
            }
        }
        if right_of_musl * 100 < of_musl * 99 {
            for line in self.lines.iter().filter(|line| line.expected == Expected::MostLines) {
                fault(line, &format!("{right_of_musl} of musl's {of_musl} right"), &line.missing);
            }
        }
        if std::env::var("CI").as_deref() == Ok("true") {
            for (name, why) in &self.skipped {
                writeln!(faults, "{name}: skipped: {why}").expect("text grows");
            }
        }
        assert!(faults.is_empty(), "\n{faults}");
    }
}
