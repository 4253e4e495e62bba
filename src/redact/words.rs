//! Secrets in the words of a command: behind `--password`, or behind the options of programs that are known.
//!
//! A command is a list of words, or such a list as strace renders it, or a line for a shell. All are C-escaped.

use std::ops::Range;

/// A line for a shell inside a line for a shell, and so on: not deeper than this.
const MOST_LINES: usize = 4;

/// The programs with an option that has a secret, in one word with it or in the next.
const OPTIONS: &[(&[&str], &str, Form)] = &[
    (
        &["mysql", "mysqldump", "mysqladmin", "mysqlimport", "mysqlshow", "mariadb", "mariadb-dump", "mariadb-admin"],
        "-p",
        Form::Joined,
    ),
    (&["sshpass"], "-p", Form::Both),
    (&["curl"], "-u", Form::Credentials),
    (&["curl"], "--user", Form::Credentials),
    (&["curl"], "-U", Form::Credentials),
    (&["curl"], "--proxy-user", Form::Credentials),
    (&["curl"], "--oauth2-bearer", Form::Next),
    (&["redis-cli"], "-a", Form::Next),
    (&["ldapsearch", "ldapadd", "ldapmodify", "ldapdelete", "ldappasswd"], "-w", Form::Both),
    (&["mongo", "mongosh", "mongodump", "mongorestore"], "-p", Form::Both),
    (&["docker", "podman", "buildah", "skopeo", "helm", "oras", "oc", "az"], "-p", Form::Login),
    (&["openssl"], "-k", Form::Next),
    (&["openssl"], "-K", Form::Next),
    (&["ssh-keygen"], "-N", Form::Both),
    (&["ssh-keygen"], "-P", Form::Both),
    (&["zip", "unzip"], "-P", Form::Both),
    (&["7z", "7za", "7zz"], "-p", Form::Joined),
];

/// Where an option has its secret.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Form {
    /// `-pSECRET`
    Joined,
    /// `-p SECRET`
    Next,
    /// Either.
    Both,
    /// Either, and before the secret stands `user:`.
    Credentials,
    /// `login -p SECRET`: without the word `login` the option is another one.
    Login,
}

/// The parts of each word that are secret, in order.
pub fn secrets(words: &[&str]) -> Vec<Vec<Range<usize>>> {
    secrets_within(words, MOST_LINES)
}

/// The secret parts of a line for a shell.
pub fn in_line(line: &str) -> Vec<Range<usize>> {
    line_within(line, MOST_LINES)
}

/// The secret parts of an argument as strace renders it: a list of strings is a command, other strings stand alone.
pub fn in_argument(text: &str) -> Vec<Range<usize>> {
    let strings = strings(text);
    let words: Vec<&str> = strings.iter().map(|range| text.get(range.clone()).unwrap_or_default()).collect();
    let found: Vec<Vec<Range<usize>>> = match text.starts_with("[\"") {
        true => secrets(&words),
        false => words.iter().map(|word| in_line(word)).collect(),
    };
    let moved = strings.iter().zip(found).flat_map(|(string, parts)| moved(parts, string.start));
    moved.collect()
}

fn moved(parts: Vec<Range<usize>>, by: usize) -> impl Iterator<Item = Range<usize>> {
    parts.into_iter().map(move |part| part.start + by..part.end + by)
}

fn secrets_within(words: &[&str], depth: usize) -> Vec<Vec<Range<usize>>> {
    let mut command = Command::default();
    let each = words.iter().map(|word| match command.secret(word) {
        Some(part) => vec![part],
        None if word.contains(is_blank) || word.contains("\\n") => line_within(word, depth),
        None => Vec::new(),
    });
    each.collect()
}

fn line_within(line: &str, depth: usize) -> Vec<Range<usize>> {
    let Some(depth) = depth.checked_sub(1) else { return Vec::new() };
    let mut found = Vec::new();
    for command in commands(line) {
        let words: Vec<&str> = command.iter().map(|word| line.get(word.clone()).unwrap_or_default()).collect();
        for (word, parts) in command.iter().zip(secrets_within(&words, depth)) {
            found.extend(moved(parts, word.start));
        }
    }
    found
}

/// What the words so far say about the next one.
#[derive(Default)]
struct Command {
    /// The options of the programs that were named, as bits: others may stand in front, such as `sudo`.
    options: u32,
    has_login: bool,
    /// The word before says that this one is a line for a shell.
    is_line: bool,
    /// The next word is a secret.
    next: Option<Form>,
}

impl Command {
    /// The part of the next word that is secret.
    fn secret(&mut self, word: &str) -> Option<Range<usize>> {
        let whole = 0..word.len();
        match self.next.take() {
            // Not a value, but another option: the first one asks for its secret, or has none.
            Some(_) if word.starts_with("--") => {}
            Some(Form::Credentials) => return credentials(word, 0),
            Some(_) => return Some(whole),
            None => {}
        }
        // `-c`, `-lc`: what follows is for a shell, in which there may be more behind a value.
        let is_line = std::mem::replace(&mut self.is_line, is_cluster(word, 'c'));
        if let Some((name, _)) = word.split_once('=') {
            if is_option(name) && is_secret(name) {
                return Some(name.len() + 1..word.len());
            }
            let is_assignment =
                name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !name.is_empty();
            if is_assignment && is_secret(name) && !is_line {
                return Some(name.len() + 1..word.len());
            }
        } else if is_option(word) && is_secret(word) {
            self.next = Some(Form::Next);
            return None;
        }
        let known = OPTIONS.iter().enumerate().filter(|(at, _)| self.options >> at & 1 != 0);
        for (_, &(_, option, form)) in known {
            // curl's options of one letter can be joined: `-su me:secret`.
            let is_joined = form == Form::Credentials
                && option.len() == 2
                && is_cluster(word, option.chars().last().unwrap_or('-'));
            let value = if is_joined { Some("") } else { word.strip_prefix(option) };
            let Some(value) = value else { continue };
            match (form, value.is_empty()) {
                (Form::Joined, true) => {}
                (Form::Login, _) if !self.has_login => {}
                (Form::Next, false) => continue,
                (form, true) => self.next = Some(form),
                (Form::Credentials, false) => return credentials(word, option.len()),
                (_, false) => return Some(option.len()..word.len()),
            }
            return None;
        }
        self.has_login |= word == "login";
        let program = word.rsplit('/').next().unwrap_or(word);
        for (at, (programs, ..)) in OPTIONS.iter().enumerate() {
            self.options |= u32::from(programs.contains(&program)) << at;
        }
        None
    }
}

/// What follows `user:`.
fn credentials(word: &str, from: usize) -> Option<Range<usize>> {
    let colon = word.get(from..)?.find(':')?;
    Some(from + colon + 1..word.len())
}

/// Whether a word is options of one letter each, of which this is the last.
fn is_cluster(word: &str, last: char) -> bool {
    let letters = word.strip_prefix('-').unwrap_or_default();
    letters.ends_with(last) && letters.chars().all(|letter| letter.is_ascii_alphabetic())
}

fn is_option(word: &str) -> bool {
    word.starts_with('-') && !word.contains(is_blank)
}

fn is_blank(letter: char) -> bool {
    letter == ' '
}

/// Whether what has this name is a secret: `--db-password`, `GITHUB_TOKEN`. Files that hold one have other names.
fn is_secret(name: &str) -> bool {
    const ENDS: [&str; 9] =
        ["password", "passwd", "passphrase", "secret", "token", "api-key", "apikey", "access-key", "secret-key"];
    // `-psecret` is the option `-p`.
    let is_short = name.starts_with('-') && !name.starts_with("--");
    let plain = name.trim_start_matches('-').to_ascii_lowercase().replace('_', "-");
    let is_end = |end: &str| {
        let before = plain.strip_suffix(end);
        before.is_some_and(|before| !is_short || before.is_empty() || before.ends_with('-'))
    };
    let is_key = name.len() > 4 && name.ends_with("_KEY");
    let is_pass = plain == "pass" || plain.ends_with("-pass") || plain.ends_with("-pwd");
    is_key || is_pass || ENDS.iter().any(|end| is_end(end))
}

/// The strings in a text that strace renders: what stands between two `"`.
fn strings(text: &str) -> Vec<Range<usize>> {
    let mut found = Vec::new();
    let mut start = None;
    for unit in Units(text, 0) {
        if unit.as_str(text) == "\"" {
            match start.take() {
                Some(start) => found.push(start..unit.0.start),
                None => start = Some(unit.0.end),
            }
        }
    }
    found
}

/// One character of what was escaped.
struct Unit(Range<usize>);

impl Unit {
    fn as_str<'a>(&self, text: &'a str) -> &'a str {
        text.get(self.0.clone()).unwrap_or_default()
    }
}

/// The characters of an escaped text.
struct Units<'a>(&'a str, usize);

impl Iterator for Units<'_> {
    type Item = Unit;

    fn next(&mut self) -> Option<Unit> {
        let mut letters = self.0.get(self.1..)?.chars();
        let first = letters.next()?;
        let mut end = self.1 + first.len_utf8();
        if first == '\\' {
            let rest = letters.as_str();
            let digits = rest.bytes().take(3).take_while(|byte| (b'0'..=b'7').contains(byte)).count();
            end += if digits > 0 { digits } else { letters.next().map_or(0, char::len_utf8) };
        }
        let start = std::mem::replace(&mut self.1, end);
        Some(Unit(start..end))
    }
}

/// The commands of a line for a shell, each as where its words stand. Quotes around a whole word are not part of it.
fn commands(line: &str) -> Vec<Vec<Range<usize>>> {
    let mut commands = vec![Vec::new()];
    let (mut word, mut quote, mut escaped): (Option<Range<usize>>, Option<&str>, bool) = (None, None, false);
    let mut end = |word: &mut Option<Range<usize>>, is_last: bool| {
        if let Some(word) = word.take()
            && let Some(command) = commands.last_mut()
        {
            command.push(unquoted(line, word));
        }
        if is_last {
            commands.push(Vec::new());
        }
    };
    for unit in Units(line, 0) {
        let text = unit.as_str(line);
        let was_escaped = std::mem::take(&mut escaped);
        match (quote, text) {
            _ if was_escaped => {}
            (Some(open), _) if open == text => quote = None,
            (None, "'" | "\\\"") => quote = Some(text),
            (None | Some("\\\""), "\\\\") => escaped = true,
            (Some(_), _) => {}
            (None, " " | "\\t" | "\\r" | "\\0" | "\\000") => {
                end(&mut word, false);
                continue;
            }
            (None, "\\n" | ";" | "|" | "&" | "(" | ")" | "`" | "<" | ">") => {
                end(&mut word, true);
                continue;
            }
            (None, _) => {}
        }
        let start = word.as_ref().map_or(unit.0.start, |word| word.start);
        word = Some(start..unit.0.end);
    }
    end(&mut word, true);
    commands
}

fn unquoted(line: &str, word: Range<usize>) -> Range<usize> {
    let text = line.get(word.clone()).unwrap_or_default();
    for quote in ["'", "\\\""] {
        if text.len() >= 2 * quote.len() && text.starts_with(quote) && text.ends_with(quote) {
            return word.start + quote.len()..word.end - quote.len();
        }
    }
    word
}
