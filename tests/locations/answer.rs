//! What a marked call says, and whether that is right.

use serde_json::Value;

use super::support::spans::Span;

/// What a program is written in, which decides how functions are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    C,
    Cpp,
    Rust,
    Go,
    Python,
}

/// One marked call.
#[derive(Clone, Debug)]
pub struct Marked {
    /// The mark.
    pub file: String,
    pub line: i64,
    pub function: String,
    /// `code.file.path`, `code.line.number` and `code.function.name` of its span.
    pub answer: Answer,
}

#[derive(Clone, Debug, Default)]
pub struct Answer {
    pub file: Option<String>,
    pub line: Option<i64>,
    pub function: Option<String>,
}

impl Marked {
    /// Reads a span; none if its call is not marked.
    pub fn from(span: &Span) -> Option<Marked> {
        let arguments = span.attributes.iter().filter(|(key, _)| key.starts_with("syscall.arg."));
        let path = arguments.filter_map(|(_, value)| value.as_str()?.strip_prefix("\"T|")?.strip_suffix('"')).next()?;
        let mut parts = path.splitn(3, '|');
        let (file, line, function) = (parts.next()?, parts.next()?, parts.next()?);
        let text = |key: &str| span.attributes.get(key).and_then(Value::as_str).map(str::to_owned);
        Some(Marked {
            file: file.to_owned(),
            line: line.parse().ok()?,
            function: function.to_owned(),
            answer: Answer {
                file: text("code.file.path"),
                line: span.int("code.line.number"),
                function: text("code.function.name"),
            },
        })
    }

    /// Whether file and line are right; none if the span does not say both.
    pub fn place_is_right(&self) -> Option<bool> {
        let (file, line) = (self.answer.file.as_deref()?, self.answer.line?);
        let wanted = normal(&self.file);
        // A relative path is relative to where the compiler ran, which the mark does not know.
        let same = file == wanted || (!wanted.starts_with('/') && file.ends_with(&format!("/{wanted}")));
        Some(same && line == self.line)
    }

    /// Whether the function's name is right; none if the span does not say it, or the mark leaves it open.
    pub fn function_is_right(&self, language: Language) -> Option<bool> {
        let answer = self.answer.function.as_deref()?;
        if self.function == "*" {
            return None;
        }
        Some(match language {
            Language::C => answer == self.function,
            Language::Go => answer == self.function || same_but_for_type_arguments(answer, &self.function),
            Language::Cpp => without_arguments(answer) == self.function,
            Language::Rust => {
                // A default method has the name of the trait, or of the type that it is compiled for.
                let of_trait = answer.split_once(" as ").map(|(_, rest)| format!("<{rest}"));
                [Some(answer), of_trait.as_deref()].into_iter().flatten().any(|answer| {
                    let name = closures_without_numbers(&without_arguments(answer));
                    name == self.function || is_method_without_type(&name, &self.function)
                })
            }
            Language::Python => answer == self.function || answer.ends_with(&format!(".{}", self.function)),
        })
    }
}

/// A path without `.`, `..` and empty parts.
fn normal(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    let root = if path.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

/// A C++ or Rust name without template arguments, and of `<Type as Trait>::method` the type's.
fn without_arguments(name: &str) -> String {
    let (mut text, mut depth, mut before) = (String::new(), 0usize, ' ');
    let name = match name.strip_prefix('<').and_then(|rest| Some((rest, closing(rest)?))) {
        Some((rest, end)) => {
            let inside = &rest[..end];
            let inside = inside.split_once(" as ").map_or(inside, |(of_type, _)| of_type);
            format!("{inside}{}", &rest[end + 1..])
        }
        None => name.to_owned(),
    };
    for (at, character) in name.char_indices() {
        match character {
            '<' if !name[..at].ends_with("operator") => depth += 1,
            '>' if depth > 0 && before != '-' => depth -= 1,
            other if depth == 0 => text.push(other),
            _ => {}
        }
        before = character;
    }
    text.replace("::::", "::").trim_end_matches("::").to_owned()
}

/// `{closure#1}`, as it is called in the newer of Rust's two schemes of symbols, as `{{closure}}`, which is in the older.
fn closures_without_numbers(name: &str) -> String {
    let parts = name.split("::").map(|part| if part.starts_with("{closure#") { "{{closure}}" } else { part });
    parts.collect::<Vec<_>>().join("::")
}

/// Where the bracket that is open at the start is closed.
fn closing(text: &str) -> Option<usize> {
    let mut depth = 1usize;
    text.char_indices().find_map(|(at, character)| {
        match character {
            '<' => depth += 1,
            '>' => depth -= 1,
            _ => {}
        }
        (depth == 0).then_some(at)
    })
}

/// `a::{impl#0}::f`, as DWARF calls a method in Rust, for `a::Type::f`.
fn is_method_without_type(answer: &str, wanted: &str) -> bool {
    let (answer, wanted): (Vec<_>, Vec<_>) = (answer.split("::").collect(), wanted.split("::").collect());
    answer.len() == wanted.len()
        && answer.iter().zip(&wanted).all(|(answer, wanted)| answer == wanted || answer.starts_with("{impl#"))
}

/// `main.generic[...]`, as Go's runtime says, for the full `main.generic[go.shape.int]` of DWARF.
fn same_but_for_type_arguments(answer: &str, wanted: &str) -> bool {
    let parts = |name: &str| {
        let (start, rest) = name.split_once('[')?;
        Some((start.to_owned(), rest.rsplit_once(']')?.1.to_owned()))
    };
    parts(answer).is_some() && parts(answer) == parts(wanted)
}
