//! `--redact`: removes secrets from all texts, those that the user names and the usual ones (docs/redaction.md).

mod rules;
mod words;

use std::ops::Range;

use anyhow::anyhow;
use memchr::memchr2;
use regex::Regex;
use renacer_events::{Redact, Text};

use self::rules::Rules;

/// What stands in place of a secret.
const MARK: &str = "REDACTED";
/// No secret with what tells that it is one is shorter than this.
const SHORTEST: usize = 8;

/// Removes what the user's expressions find, and the usual secrets.
#[derive(Debug)]
pub struct Redactor {
    usual: Option<Rules>,
    patterns: Vec<Regex>,
}

impl Redactor {
    /// With these expressions, and the usual rules if they are wanted. None if there is nothing to remove.
    ///
    /// # Errors
    ///
    /// When an expression is none.
    pub fn new(patterns: &[String], usual: bool) -> anyhow::Result<Option<Self>> {
        let compile = |pattern: &String| {
            let regex = Regex::new(pattern).map_err(|error| {
                anyhow!(
                    "--redact {pattern}: {error}\nWrite a regular expression as Rust's regex crate takes it, for instance \
                     --redact 'session=([0-9a-f]+)': group 1 is replaced, or all that matches where there is none"
                )
            })?;
            match regex.is_match("") {
                true => Err(anyhow!(
                    "--redact '{pattern}': it matches where there is nothing, so it cannot tell what to remove; \
                     write + instead of *, for instance"
                )),
                false => Ok(regex),
            }
        };
        let patterns = patterns.iter().map(compile).collect::<anyhow::Result<Vec<_>>>()?;
        let usual = usual.then(Rules::default);
        Ok((usual.is_some() || !patterns.is_empty()).then_some(Redactor { usual, patterns }))
    }

    fn patterns(&self, text: &mut Text) -> bool {
        self.patterns.iter().fold(false, |changed, pattern| replace(text, pattern) | changed)
    }
}

impl Redact for Redactor {
    fn text(&self, text: &mut Text) -> bool {
        let usual = self.usual.as_ref().filter(|_| text.len() >= SHORTEST);
        let changed = usual.is_some_and(|rules| rules.text(text));
        self.patterns(text) | changed
    }

    fn argument(&self, text: &mut Text) -> bool {
        let usual = self.usual.as_ref().filter(|_| text.len() >= SHORTEST);
        // All but strings and names of files is Renacer's own text: flags, numbers, names of fields.
        let usual = usual.filter(|_| memchr2(b'"', b'<', text.as_bytes()).is_some());
        let changed = usual.is_some_and(|rules| rules.argument(text));
        self.patterns(text) | changed
    }

    fn command(&self, words: &mut [Text]) -> u64 {
        let before = match &self.usual {
            Some(rules) => rules.command(words),
            None => vec![false; words.len()],
        };
        let each = words.iter_mut().zip(before).map(|(word, changed)| u64::from(self.text(word) | changed));
        each.sum()
    }
}

/// Replaces all that a regular expression finds: its group 1, or the whole where that is no part of it. Tells whether the text is another.
fn replace(text: &mut Text, regex: &Regex) -> bool {
    let found: Vec<Range<usize>> = match regex.captures_len() {
        1 => regex.find_iter(text).map(|found| found.range()).collect(),
        _ => {
            let all = regex.captures_iter(text);
            all.filter_map(|found| found.get(1).or_else(|| found.get(0))).map(|found| found.range()).collect()
        }
    };
    remove(text, &found)
}

/// Replaces these parts, which stand in order, by the mark. Tells whether the text is another.
fn remove(text: &mut Text, parts: &[Range<usize>]) -> bool {
    if parts.is_empty() {
        return false;
    }
    let mut result = Text::with_capacity(text.len() + MARK.len());
    let mut changed = false;
    let mut at = 0;
    for part in parts {
        // Nothing is there, or it is within the part before.
        let (Some(before), Some(secret)) = (text.get(at..part.start), text.get(part.clone())) else { continue };
        if secret.is_empty() {
            continue;
        }
        changed |= secret != MARK;
        result.push_str(before);
        result.push_str(MARK);
        at = part.end;
    }
    result.push_str(text.get(at..).unwrap_or_default());
    if changed {
        *text = result;
    }
    changed
}

#[cfg(test)]
mod tests;
