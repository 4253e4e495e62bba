//! What a user is told of a filter that cannot be understood: what is wrong, where, what was expected, and an example.

use std::fmt;

/// How much of a long filter is shown, in characters.
const SHOWN: usize = 100;

/// A filter that cannot be understood. Its text has several lines: what is wrong, the filter, a mark below the place,
/// what was expected there, and an example.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub struct FilterError {
    /// The option that the filter was given with.
    option: Option<&'static str>,
    /// The filter.
    filter: String,
    fault: Fault,
}

/// What is wrong, and where.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Fault {
    /// In bytes from the filter's start.
    pub(crate) at: usize,
    pub(crate) problem: String,
    pub(crate) expected: String,
    pub(crate) example: String,
}

impl Fault {
    pub(crate) fn new(at: usize, problem: impl Into<String>, expected: impl Into<String>, example: &str) -> Fault {
        Fault { at, problem: problem.into(), expected: expected.into(), example: example.to_owned() }
    }

    /// Adds the name that was probably meant.
    pub(crate) fn suggest(mut self, name: Option<&str>) -> Fault {
        if let Some(name) = name {
            self.expected.push_str(&format!("; did you mean {name}?"));
        }
        self
    }

    /// As it is told to the user.
    pub(crate) fn of(self, filter: &str) -> FilterError {
        FilterError { option: None, filter: filter.to_owned(), fault: self }
    }
}

impl FilterError {
    /// Names the option that the filter was given with: `--until`.
    pub fn of_option(mut self, option: &'static str) -> Self {
        self.option = Some(option);
        self
    }

    /// The place of what is wrong: in characters from the filter's start, the first being 1.
    pub fn column(&self) -> usize {
        self.before().count() + 1
    }

    fn before(&self) -> impl Iterator<Item = char> + '_ {
        self.filter.char_indices().take_while(|(at, _)| *at < self.fault.at).map(|(_, character)| character)
    }
}

impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(option) = self.option {
            write!(f, "{option}, ")?;
        }
        let column = self.column();
        writeln!(f, "column {column}: {}", self.fault.problem)?;
        if !self.filter.trim().is_empty() {
            self.show(f, column)?;
        }
        write!(f, "  expected: {}", self.fault.expected)?;
        if !self.fault.example.is_empty() {
            write!(f, "\n  example:  {}", self.fault.example)?;
        }
        Ok(())
    }
}

impl FilterError {
    /// The filter, or of a long one what is around the place, and the mark.
    fn show(&self, f: &mut fmt::Formatter<'_>, column: usize) -> fmt::Result {
        let first = (column - 1).saturating_sub(SHOWN / 2);
        let printable = |character: char| if character.is_control() { ' ' } else { character };
        let mut rest = self.filter.chars().map(printable).skip(first);
        let (before, after) = (if first > 0 { "..." } else { "" }, "...");
        write!(f, "  {before}{}", rest.by_ref().take(SHOWN).collect::<String>().trim_end())?;
        writeln!(f, "{}", if rest.next().is_some() { after } else { "" })?;
        writeln!(f, "  {:1$}^", "", before.len() + column - 1 - first)
    }
}

/// A word of the user's, as it is shown in a message.
pub(crate) fn shown(word: &str) -> String {
    let printable = |character: char| if character.is_control() { ' ' } else { character };
    let mut shown: String = word.chars().take(60).map(printable).collect();
    if word.chars().nth(60).is_some() {
        shown.push_str("...");
    }
    // Quotes around what has its own would only confuse.
    if shown.starts_with(['"', '\'']) { shown } else { format!("\"{shown}\"") }
}
