//! Regular expressions of limited size. Matching takes time in proportion to the text, whatever the expression.

use regex::bytes::{Regex, RegexBuilder};

/// The most memory that a compiled expression may take, in bytes: far more than one written by hand needs.
const LARGEST: usize = 256 * 1024;

/// A regular expression and its text. Letters, digits and the like are ASCII's: what strace escapes has no others, and the tables
/// for all of Unicode would make expressions a hundred times as large.
#[derive(Clone, Debug)]
pub(crate) struct Pattern {
    text: String,
    regex: Regex,
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Pattern) -> bool {
        self.text == other.text
    }
}

impl Pattern {
    /// What is wrong with it, in words, if it cannot be understood.
    pub(crate) fn new(text: &str) -> Result<Pattern, String> {
        let built =
            RegexBuilder::new(text).unicode(false).size_limit(LARGEST).dfa_size_limit(LARGEST).nest_limit(50).build();
        match built {
            Ok(regex) => Ok(Pattern { text: text.to_owned(), regex }),
            Err(regex::Error::CompiledTooBig(_)) => Err("it is too large".to_owned()),
            // The last line says it, those before show the expression.
            Err(error) => {
                let text = error.to_string();
                let last = text.lines().last().unwrap_or_default();
                Err(last.trim_start_matches("error: ").to_owned())
            }
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text.as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_one_line() {
        assert_eq!(Pattern::new("a(b").unwrap_err(), "unclosed group");
        assert_eq!(Pattern::new(r"(\w{1000}){1000}").unwrap_err(), "it is too large");
        assert!(Pattern::new("^/etc/").unwrap().is_match("/etc/passwd"));
        assert!(Pattern::new("^(ü|.)+é$").unwrap().is_match("aüé"));
    }
}
