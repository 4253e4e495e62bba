//! Values in an expression: text, numbers, durations, sizes, names of calls, classes and errors.

use winnow::Parser;
use winnow::ascii::multispace0;
use winnow::token::take_while;

use super::field::{Field, Type};
use super::parse::{Input, Parsed, character, here, rest, word_of};
pub(super) use super::tree::Literal;
use super::tree::Operator;
use crate::classes::Class;
use crate::error::{Fault, shown};
use crate::suggest::nearest;

/// What values are read for.
pub(super) struct Values<'a> {
    pub(super) field: &'a Field,
    pub(super) operator: Operator,
}

impl Values<'_> {
    /// Reads one value, and checks that the field can have it.
    pub(super) fn one(&self, input: &mut Input<'_>) -> Parsed<Literal> {
        let at = here(input);
        let kind = self.field.kind();
        let takes_text = matches!(kind, Type::Text | Type::Class | Type::Either) && !self.operator.is_order();
        if let Some(text) = quoted(input)? {
            return match kind {
                _ if takes_text => self.text(input, at, text),
                _ => Err(self.mismatch(at, &format!("{} is text", shown(&text)))),
            };
        }
        let takes_number = !matches!(kind, Type::Text | Type::Class);
        let found = rest(input);
        if !found.starts_with(|first: char| first.is_ascii_digit() || matches!(first, '-' | '+')) {
            let fault = match word_of(found).as_str() {
                "" | ")" | "]" | "," => self.mismatch(at, "a value is missing"),
                word if takes_text && word.starts_with(char::is_alphanumeric) => {
                    self.mismatch(at, &format!("{} is not in quotes", shown(word)))
                }
                word => self.mismatch(at, &format!("{} is no value", shown(word))),
            };
            return Err(fault);
        }
        let digits =
            |character: char| character.is_ascii_alphanumeric() || matches!(character, '.' | '_' | '-' | '+' | 'µ');
        let text: &str = take_while(1.., digits).parse_next(input)?;
        multispace0.parse_next(input)?;
        if !takes_number {
            return Err(self.mismatch(at, &format!("{text} is a number")));
        }
        let number = match kind {
            Type::Duration => duration(text),
            Type::Bytes => size(text),
            _ => integer(text).filter(|number| in_range(*number)),
        };
        number.map(Literal::Number).ok_or_else(|| {
            let problem = match kind {
                Type::Duration if integer(text).is_some() => "has no unit",
                Type::Duration => "is no duration",
                Type::Bytes => "is no number of bytes",
                _ if integer(text).is_some() => "is too large",
                _ => "is no whole number",
            };
            self.mismatch(at, &format!("{text} {problem}"))
        })
    }

    fn mismatch(&self, at: usize, problem: &str) -> Fault {
        let expected = match self.field.kind() {
            Type::Either if self.operator.is_order() => "a whole number".to_owned(),
            kind @ (Type::Text | Type::Number) => format!("{}, as {} is {}", kind.value(), self.field, kind.name()),
            kind => kind.value().to_owned(),
        };
        let example = match self.field.kind() {
            Type::Either if self.operator.is_order() => format!("{} {} 10", self.field, self.operator),
            _ if self.operator.is_list() => format!("{} {} [{}]", self.field, self.operator, self.field.sample()),
            _ => self.field.example(),
        };
        Fault::new(at, problem, expected, &example)
    }

    /// Names of calls, classes and errors are known.
    fn text(&self, input: &Input<'_>, at: usize, text: String) -> Parsed<Literal> {
        let names = input.state.names;
        let example = self.field.example();
        match self.field {
            Field::Syscall if !names.is_call(&text) => {
                let problem = format!("no system call is named {}", shown(&text));
                let expected = "the name of a system call";
                Err(Fault::new(at, problem, expected, &example).suggest(names.nearest_call(&text)))
            }
            Field::Error if !names.is_error(&text) => {
                let problem = format!("no error is named {}", shown(&text));
                let expected = "the name of an error, as in errno(3)";
                Err(Fault::new(at, problem, expected, &example).suggest(names.nearest_error(&text)))
            }
            Field::Class => Class::with_or_without_percent(&text).map(Literal::Class).ok_or_else(|| {
                let bare = || Class::names().map(|name| &name[1..]);
                let problem = format!("no class is named {}", shown(&text));
                let expected = format!("one of {}", bare().collect::<Vec<_>>().join(", "));
                Fault::new(at, problem, expected, &example).suggest(nearest(text.trim_start_matches('%'), bare()))
            }),
            _ => Ok(Literal::Text(text)),
        }
    }
}

/// Reads text in double or single quotes and the space behind it; none if there is no quote. A backslash makes the quote that
/// it stands before, or another backslash, a part of the text; before anything else it is one itself.
pub(super) fn quoted(input: &mut Input<'_>) -> Parsed<Option<String>> {
    let at = here(input);
    let Some(quote) = rest(input).chars().next().filter(|first| matches!(first, '"' | '\'')) else {
        return Ok(None);
    };
    character(input)?;
    let mut text = String::new();
    while !rest(input).is_empty() {
        match character(input)? {
            '\\' if rest(input).starts_with([quote, '\\']) => text.push(character(input)?),
            next if next == quote => {
                multispace0.parse_next(input)?;
                return Ok(Some(text));
            }
            next => text.push(next),
        }
    }
    Err(Fault::new(at, "the text is not closed", format!("a second {quote} behind it"), r#"comm == "bash""#))
}

/// As C writes integers: decimal, hexadecimal with `0x`, octal with `0`.
pub(super) fn integer(text: &str) -> Option<i128> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (radix, digits) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => (16, digits),
        None if digits.len() > 1 && digits.starts_with('0') => (8, &digits[1..]),
        None => (10, digits),
    };
    if !digits.starts_with(|first: char| first.is_ascii_hexdigit()) {
        return None;
    }
    let number = i128::from_str_radix(digits, radix).ok()?;
    Some(if negative { -number } else { number })
}

/// Whether a register can hold it.
fn in_range(number: i128) -> bool {
    (i128::from(i64::MIN)..=i128::from(u64::MAX)).contains(&number)
}

/// A decimal number and its unit.
fn split(text: &str) -> (&str, &str) {
    let end = text.find(|character: char| !character.is_ascii_digit() && character != '.').unwrap_or(text.len());
    text.split_at(end)
}

/// In nanoseconds.
fn duration(text: &str) -> Option<i128> {
    let (number, unit) = split(text);
    let unit: i128 = match unit {
        "ns" => 1,
        "us" | "µs" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" | "min" => 60_000_000_000,
        "" if number == "0" => 1,
        _ => return None,
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    if whole.is_empty() || fraction.is_empty() || whole.len() > 18 || fraction.len() > 9 {
        return None;
    }
    let part = fraction.parse::<i128>().ok()? * unit / 10_i128.pow(fraction.len() as u32);
    (whole.parse::<i128>().ok()? * unit).checked_add(part).filter(|number| in_range(*number))
}

fn size(text: &str) -> Option<i128> {
    let (number, unit) = split(text);
    let unit: i128 = match unit {
        "B" => 1,
        "KB" | "kB" => 1_000,
        "KiB" => 1 << 10,
        "MB" => 1_000_000,
        "MiB" => 1 << 20,
        "GB" => 1_000_000_000,
        "GiB" => 1 << 30,
        _ => return integer(text).filter(|number| in_range(*number)),
    };
    if number.len() > 19 {
        return None;
    }
    number.parse::<i128>().ok().map(|number| number * unit).filter(|number| in_range(*number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_are_those_of_c() {
        assert_eq!(integer("42"), Some(42));
        assert_eq!(integer("-1"), Some(-1));
        assert_eq!(integer("0x1F"), Some(31));
        assert_eq!(integer("0644"), Some(420));
        assert_eq!(integer("0"), Some(0));
        assert_eq!(integer("-0x10"), Some(-16));
        for wrong in ["", "-", "0x", "--1", "0x-1", "0-1", "1.5", "1ms", "089", "+1", "0x+1", "1_000"] {
            assert_eq!(integer(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("1ms"), Some(1_000_000));
        assert_eq!(duration("1.5us"), Some(1_500));
        assert_eq!(duration("0.0000000019s"), None, "too fine");
        assert_eq!(duration("2m"), Some(120_000_000_000));
        assert_eq!(duration("0"), Some(0));
        for wrong in ["1", "ms", ".5s", "1.s", "1h", "-1ms", "1.2.3s", "99999999999999999999s", "999999999999999m"] {
            assert_eq!(duration(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn sizes_may_have_units() {
        assert_eq!(size("4096"), Some(4096));
        assert_eq!(size("64KiB"), Some(65536));
        assert_eq!(size("1MB"), Some(1_000_000));
        assert_eq!(size("0x10"), Some(16));
        assert_eq!(size("5B"), Some(5));
        assert_eq!(size("0"), Some(0));
        for wrong in ["1.5KiB", "KiB", "1kib", "1K", "99999999999GiB", "99999999999999999999B"] {
            assert_eq!(size(wrong), None, "{wrong}");
        }
    }
}
