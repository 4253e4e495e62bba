//! strace's `-e`: `trace=`, `status=`, `signal=`.

mod signals;
mod status;
mod trace;

pub use self::signals::Signals;
pub(crate) use self::status::Statuses;
pub(crate) use self::trace::Trace;

use std::ops::Range;

use crate::error::Fault;
use crate::names::Names;

/// The calls and signals that one or several `-e` ask for. Of several with the same qualifier, the last counts.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Qualified {
    pub(crate) trace: Option<Trace>,
    pub(crate) status: Option<Statuses>,
    pub(crate) signals: Option<Signals>,
}

/// The longest specification, in bytes.
const LONGEST: usize = 8 * 1024;

const EXAMPLE: &str = "-e trace=openat,%network";

/// Qualifiers of strace's that Renacer has not, and what to use instead.
const OTHERS: [(&[&str], &str); 11] = [
    (&["abbrev", "a"], "structures are shown in strace's short form always"),
    (&["verbose", "v"], "structures are decoded always"),
    (&["raw", "x"], "the arguments' raw values are not shown"),
    (&["read", "reads", "r"], "--capture-data with -s exports what is read and written"),
    (&["write", "writes", "w"], "--capture-data with -s exports what is read and written"),
    (&["fault", "inject"], "Renacer only watches: use strace for it"),
    (&["quiet", "silent", "silence", "q"], "--quiet silences all but errors"),
    (&["decode-fds", "decode-fd"], "-y shows what descriptors refer to"),
    (&["decode-pids", "decode-pid"], "each span says which process and thread it belongs to"),
    (&["kvm"], "exits of virtual machines are not shown"),
    (&["secontext"], "SELinux contexts are not shown"),
];

impl Qualified {
    /// Adds what one `-e` asks for.
    pub(crate) fn add(&mut self, text: &str, names: &Names<'_>) -> Result<(), Fault> {
        if text.len() > LONGEST {
            let problem = format!("the specification is {} bytes long", text.len());
            return Err(Fault::new(LONGEST, problem, format!("{LONGEST} bytes at most"), ""));
        }
        let (qualifier, start) = match text.split_once('=') {
            Some((qualifier, _)) if is_qualifier(qualifier) => (qualifier, qualifier.len() + 1),
            Some((qualifier, _)) if !qualifier.contains([',', '/']) => return Err(unknown(qualifier)),
            _ => ("trace", 0),
        };
        match qualifier {
            "trace" | "t" => self.trace = Some(Trace::parse(text, start, names)?),
            "status" => self.status = Some(Statuses::parse(text, start)?),
            "signal" | "signals" | "s" => self.signals = Some(Signals::parse(text, start)?),
            _ => {
                let instead = OTHERS.iter().find(|(names, _)| names.contains(&qualifier)).map_or("", |(_, text)| text);
                let problem = format!("strace's -e {qualifier}= is not available here: {instead}");
                return Err(Fault::new(0, problem, "trace=, status= or signal=", EXAMPLE));
            }
        }
        Ok(())
    }
}

const OURS: [&str; 6] = ["trace", "t", "status", "signal", "signals", "s"];

fn is_qualifier(word: &str) -> bool {
    OURS.contains(&word) || OTHERS.iter().any(|(names, _)| names.contains(&word))
}

fn unknown(qualifier: &str) -> Fault {
    let problem = format!("there is no qualifier {}", crate::error::shown(qualifier));
    let nearest = crate::suggest::nearest(qualifier, OURS).map(|name| format!("{name}="));
    Fault::new(0, problem, "trace=, status= or signal=", EXAMPLE).suggest(nearest.as_deref())
}

/// What stands behind a qualifier: whether it is negated, and the words with their places. None of them means `none`.
struct Words<'a> {
    inverted: bool,
    words: Vec<(Range<usize>, &'a str)>,
    all: bool,
}

/// Splits as strace does: each leading `!` negates; `all` and `none` stand alone; commas separate the rest.
fn words<'a>(text: &'a str, start: usize, what: &str, example: &str) -> Result<Words<'a>, Fault> {
    let value = text.get(start..).unwrap_or_default();
    let bare = value.trim_start_matches('!');
    let first = text.len() - bare.len();
    let inverted = (first - start) % 2 == 1;
    let mut words = Vec::new();
    if bare == "all" || bare == "none" {
        return Ok(Words { inverted, words, all: bare == "all" });
    }
    let mut at = first;
    for word in bare.split(',') {
        if !word.is_empty() {
            words.push((at..at + word.len(), word));
        }
        at += word.len() + 1;
    }
    if words.is_empty() {
        return Err(Fault::new(first, format!("{what} is missing"), "a list, all or none", example));
    }
    Ok(Words { inverted, words, all: false })
}

/// Complains of `all` and `none` in a list, and of `!` behind its start.
fn misplaced(word: &str, at: usize, example: &str) -> Option<Fault> {
    let expected = "it to stand alone";
    match word {
        "none" | "all" => Some(Fault::new(at, format!("{word} is part of a list"), expected, example)),
        _ if word.starts_with('!') => {
            Some(Fault::new(at, "! stands within the list", "one at its start, for all of it", example))
        }
        _ => None,
    }
}
