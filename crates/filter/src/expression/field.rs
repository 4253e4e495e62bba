//! What a comparison is about: a property of a call.

use std::fmt;

use super::tree::Operator;

/// A property of a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Field {
    Syscall,
    Class,
    Path,
    Descriptor,
    Result,
    Error,
    Duration,
    Bytes,
    Pid,
    Tid,
    Comm,
    Argument(String),
    Function,
    File,
    Line,
}

/// What a field's values are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Type {
    Text,
    Class,
    Number,
    /// Nanoseconds.
    Duration,
    Bytes,
    /// Text, or the number that the text is.
    Either,
}

/// The fields but `arg.NAME`, with what to say of them.
static FIELDS: [(&str, Field, Type, &str); 14] = [
    ("syscall", Field::Syscall, Type::Text, r#"syscall == "openat""#),
    ("class", Field::Class, Type::Class, r#"class == "file""#),
    ("path", Field::Path, Type::Text, r#"path =~ "^/etc/""#),
    ("fd", Field::Descriptor, Type::Number, "fd == 3"),
    ("result", Field::Result, Type::Number, "result < 0"),
    ("error", Field::Error, Type::Text, r#"error == "ENOENT""#),
    ("duration", Field::Duration, Type::Duration, "duration > 1ms"),
    ("bytes", Field::Bytes, Type::Bytes, "bytes >= 64KiB"),
    ("pid", Field::Pid, Type::Number, "pid == 1234"),
    ("tid", Field::Tid, Type::Number, "tid == 1234"),
    ("comm", Field::Comm, Type::Text, r#"comm == "bash""#),
    ("code.function", Field::Function, Type::Text, r#"code.function =~ "^main""#),
    ("code.file", Field::File, Type::Text, r#"code.file =~ "main\.c$""#),
    ("code.line", Field::Line, Type::Number, "code.line == 42"),
];

impl Field {
    /// The field with this name, which is not that of an argument.
    pub(crate) fn named(name: &str) -> Option<Field> {
        FIELDS.iter().find(|(known, ..)| *known == name).map(|(_, field, ..)| field.clone())
    }

    /// The names of all fields.
    pub(crate) fn names() -> impl Iterator<Item = &'static str> {
        FIELDS.iter().map(|(name, ..)| *name)
    }

    fn row(&self) -> Option<&'static (&'static str, Field, Type, &'static str)> {
        FIELDS.iter().find(|(_, field, ..)| field == self)
    }

    pub(crate) fn kind(&self) -> Type {
        self.row().map_or(Type::Either, |(_, _, kind, _)| *kind)
    }

    /// A comparison with it, as it may stand in a filter.
    pub(crate) fn example(&self) -> String {
        match self.row() {
            Some((.., example)) => (*example).to_owned(),
            None => format!(r#"{self} =~ "O_CREAT""#),
        }
    }

    /// Two values that it may have, as they may stand in a list.
    pub(crate) fn sample(&self) -> &'static str {
        match self {
            Field::Syscall => r#""read", "write""#,
            Field::Class => r#""file", "network""#,
            Field::Path => r#""/etc/passwd", "/etc/group""#,
            Field::Error => r#""ENOENT", "EACCES""#,
            Field::Duration => "1ms, 2ms",
            Field::Comm => r#""bash", "sh""#,
            Field::Function => r#""main", "run""#,
            Field::File => r#""/src/main.c", "/src/run.c""#,
            _ => "1, 2",
        }
    }

    /// Whether it is about the code that made the call, which takes the longest to become known.
    pub(crate) fn is_of_source(&self) -> bool {
        matches!(self, Field::Function | Field::File | Field::Line)
    }
}

impl fmt::Display for Field {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self, self.row()) {
            (_, Some((name, ..))) => f.write_str(name),
            (Field::Argument(name), None) => write!(f, "arg.{name}"),
            (_, None) => Ok(()),
        }
    }
}

impl Type {
    /// Whether values can be compared so.
    pub(crate) fn allows(self, operator: Operator) -> bool {
        match operator {
            Operator::Equal | Operator::Differs | Operator::In | Operator::NotIn => true,
            Operator::Matches | Operator::MatchesNot => matches!(self, Type::Text | Type::Either),
            Operator::Less | Operator::AtMost | Operator::More | Operator::AtLeast => {
                !matches!(self, Type::Text | Type::Class)
            }
        }
    }

    /// The operators that it allows.
    pub(crate) fn operators(self) -> &'static str {
        match self {
            Type::Text => "==, !=, =~, !~, in or not in",
            Type::Class => "==, !=, in or not in",
            Type::Number | Type::Duration | Type::Bytes => "==, !=, <, <=, >, >=, in or not in",
            Type::Either => "==, !=, =~, !~, <, <=, >, >=, in or not in",
        }
    }

    /// What a value of it looks like.
    pub(crate) fn value(self) -> &'static str {
        match self {
            Type::Text => "text in quotes",
            Type::Class => "the name of a class in quotes",
            Type::Number => "a whole number",
            Type::Duration => "a number with a unit: ns, us, ms, s or m",
            Type::Bytes => "a whole number, with B, KB, KiB, MB, MiB, GB or GiB if you like",
            Type::Either => "text in quotes, or a whole number",
        }
    }

    /// What it is, in words.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Type::Text => "text",
            Type::Class => "a class",
            Type::Number => "a number",
            Type::Duration => "a duration",
            Type::Bytes => "a number of bytes",
            Type::Either => "text or a number",
        }
    }
}
