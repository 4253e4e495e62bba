//! The usual secrets: what they look like.
//!
//! A text is searched for the words of all rules at once, since that costs about a nanosecond a byte; the rule itself looks only at
//! a text that has one of its words. Texts are as they are exported: `"`, `\` and what cannot be printed are escaped as in C.

use std::cell::RefCell;
use std::sync::OnceLock;

use aho_corasick::{AhoCorasick, AhoCorasickKind};
use regex::Regex;
use renacer_events::Text;

use super::{remove, replace, words};

/// A rule: words of which one is in every text that it finds something in, in any case; and the expression.
struct Rule(&'static [&'static str], &'static str);

/// The start of a word; the letter of an escaped newline is no part of it.
macro_rules! start {
    () => {
        r"(?:(?-u:\b)|\\[nrt0])"
    };
}
/// A value: in quotes (which may be escaped for a shell), or up to where a word of a shell or a part of an address ends.
macro_rules! value {
    () => {
        r#"((?:\\\\\\"(?:\\\\\\\\|\\[^"\\]|[^"\\])*(?:\\\\\\")?|\\"(?:\\\\\\"|\\[^"]|[^"\\])*(?:\\")?|'(?:\\.|[^'"\\])*'?|(?:\\[^"nrt0]|[^ \t"'\\&;|<>()])+))"#
    };
}
/// The rest of a header's line.
macro_rules! rest {
    () => {
        r#"((?:\\[^"nr]|[^"'\\])+)"#
    };
}

const NAMES: &[&str] = &[
    "passw",
    "passphrase",
    "pass=",
    "pass:",
    "_pwd",
    "secret",
    "token",
    "api_key",
    "api-key",
    "apikey",
    "_key",
    "access",
    "accountkey",
];

const RULES: &[Rule] = &[
    // NAME=value, NAME: value, and both as in JSON.
    Rule(
        NAMES,
        concat!(
            r#"(?i)(?:(?:passw(?:or)?d|passphrase|secret|token|api[-_]?key|access[-_]?key|accountkey|(?-i:[A-Z0-9]_KEY)|(?:_|"#,
            start!(),
            r")pass|_pwd)",
            r#"(?:\\?["']?[ \t]*=[ \t]*|(?:\\\\)?\\?["'][ \t]*:[ \t]*|:[ \t]+)|"#,
            start!(),
            r"pass:|",
            // An option and its value in a list, as a program's source has it.
            r#"--?[0-9A-Za-z_-]*(?:passw(?:or)?d|passphrase|secret|token|api[-_]?key|access[-_]?key)\\?["'][ \t]*,[ \t]*)"#,
            value!()
        ),
    ),
    Rule(
        &["authorization"],
        concat!(
            r#"(?i)authorization\\?["']?[ \t]*[:=][ \t]*(?:\\?["'])?(?:(?:basic|bearer|digest|negotiate|token|apikey)[ \t]+)?"#,
            rest!()
        ),
    ),
    Rule(
        &["cookie:", "x-api-key:", "-token:"],
        concat!(r"(?i)(?:", start!(), r"(?:set-)?cookie|x-api-key|[a-z]-token):[ \t]*", rest!()),
    ),
    Rule(&["bearer"], concat!(r"(?i)", start!(), r"bearer[ \t]+([0-9A-Za-z_.~+/=-]{6,})")),
    // ~/.netrc
    Rule(&["login"], concat!(r"(?i)login[ \t]+[^ ]+[ \t]+password[ \t]+", value!())),
    // A password in an address, which may be cut before its end.
    Rule(&["://"], r#"://[^/ \t"'@:?#]*:([^/ \t"'?#]+)(?:@|"\.\.\.)"#),
    Rule(&["hooks.slack"], r"hooks\.slack\.com/services/([0-9A-Za-z_/]+)"),
    // A parameter of an address.
    Rule(
        &["key=", "sig=", "signature=", "auth=", "credential=", "token=", "secret=", "passw"],
        concat!(
            r"(?i)[?&;](?:key|sig|auth|[0-9A-Za-z_.-]*(?:token|secret|passw(?:or)?d|signature|credential|api[-_.]?key|access[-_.]?key))=",
            r#"([^&# \t"'\\]+)"#
        ),
    ),
    // Well-known shapes: GitHub, GitLab, Amazon, Slack, Stripe, Google, npm, PyPI, Hugging Face, Vault, OpenAI and its kin, JSON
    // web tokens. A string may be cut short, so not much of each is asked for.
    Rule(
        &[
            "ghp_",
            "gho_",
            "ghu_",
            "ghs_",
            "ghr_",
            "github_pat_",
            "glpat-",
            "akia",
            "asia",
            "xox",
            "k_live_",
            "aiza",
            "npm_",
            "pypi-ag",
            "hf_",
            "hvs.",
            "sk-",
            "eyj",
        ],
        concat!(
            start!(),
            r"(gh[opsru]_[A-Za-z0-9]{6,}|github_pat_[0-9A-Za-z_]{6,}|glpat-[0-9A-Za-z_-]{6,}|(?:AKIA|ASIA)[A-Z0-9]{8,}|xox[a-z]-[0-9A-Za-z_-]{6,}",
            r"|[rs]k_live_[0-9A-Za-z_]{6,}|AIza[0-9A-Za-z_-]{16,}|npm_[A-Za-z0-9]{16,}|pypi-Ag[0-9A-Za-z_-]{6,}|hf_[A-Za-z0-9]{16,}|hvs\.[0-9A-Za-z_-]{6,}",
            r"|sk-[0-9A-Za-z_-]{16,}|eyJ[0-9A-Za-z_-]{8,}(?:\.[0-9A-Za-z_-]*)*)",
        ),
    ),
    // The same, where it is cut so early that it could be something else.
    Rule(
        &["akia", "asia", "aiza", "npm_", "hf_", "sk-", "eyj", "ghp_", "gho_", "ghu_", "ghs_", "ghr_"],
        concat!(start!(), r#"((?:AKIA|ASIA|AIza|npm_|hf_|sk-|eyJ|gh[opsru]_)[0-9A-Za-z_.-]+)"\.\.\."#),
    ),
    Rule(&["private key--"], r#"(?s)PRIVATE KEY-----(.*?)(?:-----END|"|$)"#),
];

/// Words for which a text is looked at as a command: options that have a secret behind them, and programs with options of their own.
const COMMAND: &[&str] = &[
    "pass",
    "secret",
    "token",
    "key",
    "curl",
    "mysql",
    "maria",
    "redis",
    "ldap",
    "login",
    "mongo",
    "zip",
    "7z",
    "ssh-keygen",
    "openssl",
];

thread_local! {
    /// The last text that had none of the words: one call after the other is about the same file.
    static CLEAN: RefCell<Text> = const { RefCell::new(Text::const_new("")) };
}

/// The rules, ready for use.
#[derive(Debug, Default)]
pub struct Rules {
    // Made when they are first needed, so that no program has to wait for it before it starts.
    words: OnceLock<Option<Words>>,
    expressions: [OnceLock<Option<Regex>>; RULES.len()],
}

/// The bit of what is looked at as a command.
const IS_COMMAND: u32 = 1 << RULES.len();
/// All of these bits.
const ALL: u32 = IS_COMMAND | (IS_COMMAND - 1);

/// The words of all rules.
#[derive(Debug)]
struct Words {
    automaton: AhoCorasick,
    /// The rules that each word is of, as bits; the bit behind them is that of commands.
    of: Vec<u32>,
}

impl Words {
    fn new() -> Option<Self> {
        let words = || {
            let of_rules =
                RULES.iter().enumerate().flat_map(|(at, rule)| rule.0.iter().map(move |word| (*word, 1 << at)));
            of_rules.chain(COMMAND.iter().map(|word| (*word, IS_COMMAND)))
        };
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .kind(Some(AhoCorasickKind::DFA))
            .prefilter(false)
            .build(words().map(|(word, _)| word));
        Some(Words { automaton: automaton.ok()?, of: words().map(|(_, bit)| bit).collect() })
    }

    fn rules(&self, text: &str) -> u32 {
        // Twice as fast as to look for all, and enough for most texts.
        if !self.automaton.is_match(text) {
            return 0;
        }
        let found = self.automaton.find_overlapping_iter(text).map(|word| self.of.get(word.pattern().as_usize()));
        found.fold(0, |rules, bits| rules | bits.copied().unwrap_or(0))
    }
}

impl Rules {
    /// The rules that may find something, as bits.
    fn of(&self, text: &str) -> u32 {
        // Without the words, each rule looks for itself.
        self.words.get_or_init(Words::new).as_ref().map_or(ALL, |words| words.rules(text))
    }

    /// Removes secrets from a text that stands alone.
    pub fn text(&self, text: &mut Text) -> bool {
        if CLEAN.with_borrow(|clean| clean == text) {
            return false;
        }
        let rules = self.of(text);
        if rules == 0 {
            CLEAN.with_borrow_mut(|clean| {
                clean.clear();
                clean.push_str(text);
            });
            return false;
        }
        let changed = rules & IS_COMMAND != 0 && remove(text, &words::in_line(text));
        self.apply(rules, text) | changed
    }

    /// Removes secrets from an argument as strace renders it.
    pub fn argument(&self, text: &mut Text) -> bool {
        let rules = self.of(text);
        if rules == 0 {
            return false;
        }
        let changed = rules & IS_COMMAND != 0 && remove(text, &words::in_argument(text));
        self.apply(rules, text) | changed
    }

    /// Removes from the words of a command what only their neighbours tell; which of them are others now.
    pub fn command(&self, words: &mut [Text]) -> Vec<bool> {
        let mut changed = vec![false; words.len()];
        if words.iter().fold(0, |rules, word| rules | self.of(word)) & IS_COMMAND == 0 {
            return changed;
        }
        let all: Vec<&str> = words.iter().map(|word| &**word).collect();
        let secrets = words::secrets(&all);
        for ((word, parts), changed) in words.iter_mut().zip(secrets).zip(&mut changed) {
            *changed = remove(word, &parts);
        }
        changed
    }

    fn apply(&self, rules: u32, text: &mut Text) -> bool {
        let wanted = self.expressions.iter().zip(RULES).enumerate().filter(|(at, _)| rules >> at & 1 != 0);
        wanted.fold(false, |changed, (_, (expression, rule))| {
            // Each is a valid one: a test says so.
            let expression = expression.get_or_init(|| Regex::new(rule.1).ok());
            expression.as_ref().is_some_and(|expression| replace(text, expression)) | changed
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_rules_are_regular_expressions_and_have_words() {
        assert!(Words::new().is_some());
        for rule in RULES {
            assert!(Regex::new(rule.1).is_ok_and(|regex| !regex.is_match("")), "{}", rule.1);
            assert!(rule.0.iter().all(|word| word.len() > 2), "{}", rule.1);
        }
    }
}
