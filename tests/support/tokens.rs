//! Compares two renderings of the same call from two runs of a program, in which ids, addresses and clocks differ.

use std::collections::HashMap;

/// What is known of one run: which thread ids occurred, under their names that do not depend on the run.
#[derive(Debug, Default)]
pub struct Run {
    pub threads: HashMap<String, String>,
}

impl Run {
    pub fn new<'a>(threads: impl Iterator<Item = (&'a str, i32)>) -> Run {
        Run { threads: threads.map(|(origin, tid)| (tid.to_string(), origin.to_owned())).collect() }
    }
}

/// Whether two texts say the same. Numbers are free to differ where `numbers_vary`.
pub fn same(left: (&str, &Run), right: (&str, &Run), numbers_vary: bool) -> bool {
    let (a, b) = (tokens(left.0), tokens(right.0));
    a.len() == b.len()
        && a.iter().zip(&b).all(|(a, b)| {
            a == b
                || both_threads((a, left.1), (b, right.1))
                || both_addresses(a, b)
                || (numbers_vary && is_number(a) && is_number(b))
        })
}

fn both_threads(left: (&str, &Run), right: (&str, &Run)) -> bool {
    match (left.1.threads.get(left.0), right.1.threads.get(right.0)) {
        (Some(left), Some(right)) => left == right,
        _ => false,
    }
}

/// Whether both are addresses of the same region: program and heap, or libraries and stack; of either word size.
fn both_addresses(left: &str, right: &str) -> bool {
    let region = |text: &str| {
        let digits = text.strip_prefix("0x")?;
        let number = u64::from_str_radix(digits, 16).ok()?;
        match number {
            0x5500_0000_0000..=0x56ff_ffff_ffff => Some(1),
            0x7e00_0000_0000..=0x7fff_ffff_efff => Some(2),
            0x4000_0000..=0x7fff_ffff => Some(3),
            0xf000_0000..=0xffff_dfff => Some(4),
            _ => None,
        }
    };
    region(left).is_some() && region(left) == region(right)
}

fn is_number(token: &str) -> bool {
    token.as_bytes()[0].is_ascii_digit()
}

/// Words and numbers, quoted strings, and single other characters.
fn tokens(text: &str) -> Vec<&str> {
    let bytes = text.as_bytes();
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'_';
    let mut tokens = Vec::new();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        if bytes[at] == b'"' {
            at += 1;
            while at < bytes.len() && bytes[at] != b'"' {
                at += 1 + usize::from(bytes[at] == b'\\');
            }
            at += 1;
        } else if is_word(bytes[at]) {
            while at < bytes.len() && is_word(bytes[at]) {
                at += 1;
            }
        } else {
            at += text[at..].chars().next().map_or(1, char::len_utf8);
        }
        at = at.min(bytes.len());
        tokens.push(&text[start..at]);
    }
    tokens
}
