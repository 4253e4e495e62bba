//! `-e signal=`: which signals.

use renacer_events::signal_name;

use super::{misplaced, words};
use crate::error::{Fault, shown};
use crate::suggest::nearest;

const EXAMPLE: &str = "signal=SIGTERM,int";
/// As strace has it.
const HIGHEST: usize = 255;

/// A choice of signals.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signals {
    chosen: Vec<bool>,
}

impl Signals {
    pub(super) fn parse(text: &str, start: usize) -> Result<Signals, Fault> {
        let list = words(text, start, "the list of signals", EXAMPLE)?;
        let mut chosen = vec![list.all; HIGHEST + 1];
        for (place, word) in list.words {
            match number(word).and_then(|number| chosen.get_mut(number)) {
                Some(chosen) => *chosen = true,
                None => return Err(misplaced(word, place.start, EXAMPLE).unwrap_or_else(|| unknown(word, place.start))),
            }
        }
        chosen.iter_mut().for_each(|chosen| *chosen ^= list.inverted);
        Ok(Signals { chosen })
    }

    /// Whether the signal with this number is wanted.
    pub fn contains(&self, signal: i32) -> bool {
        usize::try_from(signal).ok().and_then(|signal| self.chosen.get(signal)).is_some_and(|chosen| *chosen)
    }

    pub(crate) fn is_everything(&self) -> bool {
        self.chosen.iter().all(|chosen| *chosen)
    }
}

/// The number of a signal; its name may lack `SIG`, and have small letters.
fn number(word: &str) -> Option<usize> {
    if word.starts_with(|first: char| first.is_ascii_digit()) {
        return word.parse().ok();
    }
    let name = word.to_ascii_uppercase();
    let name = name.strip_prefix("SIG").unwrap_or(&name);
    (1..=64).find(|&number| signal_name(number).strip_prefix("SIG") == Some(name)).map(|number| number as usize)
}

fn unknown(word: &str, at: usize) -> Fault {
    if word.starts_with(|first: char| first.is_ascii_digit()) {
        let problem = format!("{} is no number of a signal", shown(word));
        return Fault::new(at, problem, format!("0 to {HIGHEST}"), EXAMPLE);
    }
    let names: Vec<_> = (1..=64).map(signal_name).collect();
    let upper = word.to_ascii_uppercase();
    let full = if upper.starts_with("SIG") { upper } else { format!("SIG{upper}") };
    let problem = format!("no signal is named {}", shown(word));
    let expected = "a name as in signal(7), with or without SIG, or a number";
    Fault::new(at, problem, expected, EXAMPLE).suggest(nearest(&full, names.iter().map(|name| name.as_ref())))
}
