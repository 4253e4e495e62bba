//! `-e trace=`: which calls, by name, number, class or regular expression.

use std::collections::{HashMap, HashSet};

use renacer_events::{Abi, Call, Calls, Test};

use super::{misplaced, words};
use crate::calls::possible_names;
use crate::classes::Class;
use crate::error::{Fault, shown};
use crate::names::Names;
use crate::pattern::Pattern;
use crate::suggest::nearest;

const EXAMPLE: &str = "trace=openat,%network,/^epoll";

/// No convention has as many calls.
const MOST_CALLS: u64 = 1024;
/// The most regular expressions: they take the longest to read.
const MOST_PATTERNS: usize = 16;

/// A choice of calls.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Trace {
    inverted: bool,
    all: bool,
    /// The calls of one convention or of all.
    parts: Vec<Part>,
}

#[derive(Debug, PartialEq)]
struct Part {
    abi: Option<Abi>,
    names: HashSet<&'static str>,
    /// With the name that the call must have, where a number may be several calls: its own, not those it may stand for.
    numbers: HashMap<(Abi, u64), Option<&'static str>>,
    all: bool,
}

impl Trace {
    pub(super) fn parse(text: &str, start: usize, names: &Names<'_>) -> Result<Trace, Fault> {
        let list = words(text, start, "the list of system calls", EXAMPLE)?;
        let mut trace = Trace { inverted: list.inverted, all: list.all, parts: Vec::new() };
        let (mut patterns, mut seen) = (0, HashSet::new());
        for (place, word) in list.words.into_iter().filter(|(_, word)| seen.insert(*word)) {
            let mut at = place.start;
            let bare = word.trim_start_matches('?');
            at += word.len() - bare.len();
            let (name, abi) = personality(bare, at)?;
            if name.starts_with('/') {
                patterns += 1;
                if patterns > MOST_PATTERNS {
                    let expected = format!("{MOST_PATTERNS} at most; a|b in one does for two");
                    return Err(Fault::new(at, "there are too many regular expressions", expected, ""));
                }
            }
            let optional = bare.len() < word.len();
            match (calls(name, at, abi, names), optional) {
                (Ok(found), _) => trace.add(abi, found),
                (Err(Failure::NotFound(_)), true) => {}
                (Err(Failure::NotFound(fault) | Failure::Wrong(fault)), _) => return Err(fault),
            }
        }
        Ok(trace)
    }

    fn add(&mut self, abi: Option<Abi>, found: Found) {
        let index = self.parts.iter().position(|part| part.abi == abi).unwrap_or_else(|| {
            self.parts.push(Part { abi, names: HashSet::new(), numbers: HashMap::new(), all: false });
            self.parts.len() - 1
        });
        let part = &mut self.parts[index];
        match found {
            Found::All => part.all = true,
            Found::Numbers(numbers) => part.numbers.extend(numbers),
            Found::Names(names) => part.names.extend(names),
        }
    }

    fn contains(&self, abi: Abi, number: u64, name: &str) -> bool {
        let in_part = |part: &Part| {
            let by_number = || part.numbers.get(&(abi, number)).is_some_and(|own| own.is_none_or(|own| own == name));
            part.abi.is_none_or(|own| own == abi) && (part.all || part.names.contains(name) || by_number())
        };
        (self.all || self.parts.iter().any(in_part)) != self.inverted
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.parts.is_empty() && self.all != self.inverted
    }

    pub(crate) fn before(&self, calls: &dyn Calls, abi: Abi, number: u64) -> Test {
        let possible = possible_names(calls, abi, number).iter().any(|name| self.contains(abi, number, name));
        if possible { Test::Always } else { Test::Never }
    }

    pub(crate) fn wants(&self, call: &Call) -> bool {
        self.contains(call.abi, call.number, &call.decoded.name)
    }
}

enum Found {
    All,
    Numbers(Vec<((Abi, u64), Option<&'static str>)>),
    Names(Vec<&'static str>),
}

enum Failure {
    /// There is no such call. Behind `?` this is no error.
    NotFound(Fault),
    Wrong(Fault),
}

/// Splits `name@64` into the name and the convention.
fn personality(word: &str, at: usize) -> Result<(&str, Option<Abi>), Fault> {
    let Some((name, designator)) = word.rsplit_once('@') else { return Ok((word, None)) };
    let abi = match designator {
        "64" if cfg!(target_arch = "aarch64") => Abi::Aarch64,
        "64" => Abi::X86_64,
        "32" => Abi::I386,
        "x32" => Abi::X32,
        _ => {
            let problem = format!("{} is no calling convention", shown(designator));
            return Err(Fault::new(at + name.len() + 1, problem, "64, 32 or x32", "trace=openat@64"));
        }
    };
    Ok((name, Some(abi)))
}

fn calls(word: &str, at: usize, abi: Option<Abi>, names: &Names<'_>) -> Result<Found, Failure> {
    if word == "all" {
        return Ok(Found::All);
    }
    if let Some(fault) = misplaced(word, at, EXAMPLE) {
        return Err(Failure::NotFound(fault));
    }
    if word.starts_with(|first: char| first.is_ascii_digit()) {
        return match word.parse() {
            Ok(number) if number < MOST_CALLS => Ok(Found::Numbers(names.numbered(number))),
            _ => {
                let problem = format!("no system call has the number {}", shown(word));
                let expected = format!("a decimal number below {MOST_CALLS}");
                Err(Failure::NotFound(Fault::new(at, problem, expected, "trace=257")))
            }
        };
    }
    if let Some(text) = word.strip_prefix('/') {
        let text = text.strip_suffix('/').unwrap_or(text);
        let pattern = Pattern::new(text).map_err(|problem| {
            let problem = format!("the regular expression cannot be used: {problem}");
            let expected = "a regular expression without a comma, as the regex crate has them";
            Failure::Wrong(Fault::new(at + 1, problem, expected, "trace=/^(open|close)"))
        })?;
        let found = names.calls(abi, |name| pattern.is_match(name));
        if found.is_empty() {
            let problem = format!("no system call matches {}", shown(text));
            let expected = "a regular expression that some name matches, or a ? before it";
            return Err(Failure::NotFound(Fault::new(at, problem, expected, "trace=/^open")));
        }
        return Ok(Found::Names(found));
    }
    if let Some(class) = Class::in_list(word) {
        return Ok(Found::Names(names.calls(abi, |name| class.contains(name))));
    }
    match names.call(word, abi) {
        Some(name) => Ok(Found::Names(vec![name])),
        None => Err(Failure::NotFound(not_found(word, at, abi, names))),
    }
}

fn not_found(word: &str, at: usize, abi: Option<Abi>, names: &Names<'_>) -> Fault {
    if word.is_empty() {
        return Fault::new(at, "a name is missing", "the name of a system call", EXAMPLE);
    }
    if word.starts_with('%') {
        let problem = format!("no class is named {}", shown(word));
        let expected = format!("one of {}", Class::names().collect::<Vec<_>>().join(", "));
        return Fault::new(at, problem, expected, EXAMPLE).suggest(nearest(word, Class::names()));
    }
    if abi.is_some() && names.is_call(word) {
        let problem = format!("{} is no system call of this calling convention", shown(word));
        return Fault::new(at, problem, "a call that it has, or a ? before the name", "trace=?open@32");
    }
    let problem = format!("no system call is named {}", shown(word));
    let class = Class::names().find(|name| name.trim_start_matches('%') == word);
    let nearest = class.or_else(|| names.nearest_call(word));
    Fault::new(at, problem, "a name, a number, a %class or a /regex", EXAMPLE).suggest(nearest)
}
