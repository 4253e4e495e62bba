//! Regular expressions of limited size. Matching takes time in proportion to the text, whatever the expression.

use regex_automata::meta::{BuildError, Config, Regex};
use regex_automata::util::syntax;

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
        // What would make matching long texts faster takes milliseconds to prepare, and paths are short.
        let limits = Config::new().nfa_size_limit(Some(LARGEST)).hybrid_cache_capacity(LARGEST);
        let limits = limits.dfa(false).auto_prefilter(false);
        let syntax = syntax::Config::new().unicode(false).utf8(false).nest_limit(50);
        match Regex::builder().configure(limits.utf8_empty(false)).syntax(syntax).build(text) {
            Ok(regex) => Ok(Pattern { text: text.to_owned(), regex }),
            Err(error) => Err(problem(&error)),
        }
    }

    pub(crate) fn text(&self) -> &str {
        &self.text
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.regex.is_match(text.as_bytes())
    }
}

fn problem(error: &BuildError) -> String {
    match (error.size_limit(), error.syntax_error()) {
        (Some(_), _) => "it is too large".to_owned(),
        // The last line says it, those before show the expression.
        (None, Some(error)) => {
            let text = error.to_string();
            text.lines().last().unwrap_or_default().trim_start_matches("error: ").to_owned()
        }
        (None, None) => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wrong_is_one_line() {
        assert_eq!(Pattern::new("a(b").unwrap_err(), "unclosed group");
        let deep = format!("{}a{}", "(".repeat(100), ")".repeat(100));
        let told = "exceed the maximum number of nested parentheses/brackets (50)";
        assert_eq!(Pattern::new(&deep).unwrap_err(), told);
        assert_eq!(Pattern::new(r"(\w{1000}){1000}").unwrap_err(), "it is too large");
        assert!(Pattern::new("^/etc/").unwrap().is_match("/etc/passwd"));
        assert!(Pattern::new("^(ü|.)+é$").unwrap().is_match("aüé"));
    }
}
