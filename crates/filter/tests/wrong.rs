//! What a user is told of filters that cannot be understood: tests/wrong.txt has each with the message it gets.
//!
//! With RENACER_WRITE set, the file is written anew.

mod support;

use std::fmt::Write;

use renacer_filter::{Filter, Specs};
use support::Facts;

const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/wrong.txt");

/// The option that a line begins with, and its value.
fn message(line: &str) -> String {
    let (option, value) = line.split_once(' ').unwrap_or((line, ""));
    let specs = match option {
        "-e" => Specs { qualifiers: vec![value.into()], ..Specs::default() },
        _ => Specs { expressions: vec![value.into()], ..Specs::default() },
    };
    match Filter::new(&specs, &Facts) {
        Ok(_) => "it is understood".into(),
        Err(error) => error.to_string(),
    }
}

#[test]
fn each_wrong_filter_gets_its_message() {
    let file = std::fs::read_to_string(FILE).unwrap();
    let given: Vec<&str> = file.lines().filter_map(|line| line.strip_prefix("> ")).collect();
    assert!(given.len() >= 40, "{} filters", given.len());
    let mut told = String::new();
    for line in given {
        let message = message(line);
        assert_ne!(message, "it is understood", "{line}");
        write!(told, "> {line}\n{message}\n\n").unwrap();
    }
    if std::env::var_os("RENACER_WRITE").is_some() {
        return std::fs::write(FILE, &told).unwrap();
    }
    assert!(told == file, "tests/wrong.txt should be:\n{told}");
}
