//! Reads an expression:
//!
//! ```text
//! any        = all, { ("or" | "||"), all }
//! all        = one, { ("and" | "&&"), one }
//! one        = ("not" | "!"), one | "(", any, ")" | comparison
//! comparison = field, operator, value | field, ["not"], "in", "[", value, { ",", value }, "]"
//! ```

use winnow::Parser;
use winnow::ascii::multispace0;
use winnow::combinator::{alt, not, opt};
use winnow::error::ParserError;
use winnow::stream::{LocatingSlice, Location, Stateful, Stream};
use winnow::token::{any as any_character, one_of, take_while};

use super::field::Field;
use super::literal::{self, Values};
use super::tree::{Comparison, Node, Operand, Operator};
use crate::error::{Fault, shown};
use crate::names::Names;
use crate::pattern::Pattern;

/// The longest expression, in bytes.
const LONGEST: usize = 8 * 1024;
/// The most parentheses and negations within each other.
const DEEPEST: usize = 64;
/// The most regular expressions: they take the longest to read.
const MOST_PATTERNS: usize = 16;

const EXAMPLE: &str = r#"syscall == "openat" and error == "ENOENT""#;

/// What is read, and how far it has come.
pub(super) type Input<'a> = Stateful<LocatingSlice<&'a str>, State<'a>>;
pub(super) type Parsed<T> = winnow::Result<T, Fault>;

#[derive(Clone, Copy, Debug)]
pub(super) struct State<'a> {
    pub(super) names: &'a Names<'a>,
    depth: usize,
    patterns: usize,
}

impl ParserError<Input<'_>> for Fault {
    type Inner = Fault;

    fn from_input(input: &Input<'_>) -> Fault {
        Fault { at: here(input), ..Fault::default() }
    }

    fn into_inner(self) -> Result<Fault, Fault> {
        Ok(self)
    }
}

pub(super) fn here(input: &Input<'_>) -> usize {
    input.input.current_token_start()
}

/// Reads the whole text.
pub(super) fn parse(text: &str, names: &Names<'_>) -> Parsed<Node> {
    if text.len() > LONGEST {
        let problem = format!("the expression is {} bytes long", text.len());
        return Err(Fault::new(LONGEST, problem, format!("{LONGEST} bytes at most"), ""));
    }
    let state = State { names, depth: 0, patterns: 0 };
    let mut input = Input { input: LocatingSlice::new(text), state };
    multispace0.parse_next(&mut input)?;
    if rest(&input).is_empty() {
        return Err(Fault::new(here(&input), "the expression is empty", "a comparison", EXAMPLE));
    }
    let node = any(&mut input)?;
    let after = rest(&input);
    if after.is_empty() {
        return Ok(node);
    }
    let problem = match after.chars().next() {
        Some(')') => "this parenthesis was never opened".to_owned(),
        _ => format!("{} cannot follow a comparison", shown(&word_of(after))),
    };
    let meant = match after.chars().next() {
        Some('&') => Some("and"),
        Some('|') => Some("or"),
        _ => None,
    };
    Err(Fault::new(here(&input), problem, "and, or, or the end", EXAMPLE).suggest(meant))
}

pub(super) fn rest<'a>(input: &Input<'a>) -> &'a str {
    input.input.peek_finish()
}

/// What the text begins with: a word, a number, a row of signs.
pub(super) fn word_of(text: &str) -> String {
    let in_word = |character: char| character.is_alphanumeric() || matches!(character, '_' | '.' | '%');
    let of_kind = |kind: bool| move |character: &char| in_word(*character) == kind && !character.is_whitespace();
    match text.chars().next() {
        Some(quote @ ('"' | '\'')) => {
            let end = text[1..].find(quote).map_or(text.len(), |end| end + 2);
            text[..end].to_owned()
        }
        Some(first) => text.chars().take_while(of_kind(in_word(first))).collect(),
        None => String::new(),
    }
}

/// Reads this word, which must not go on, and the space behind it.
fn word<'a>(word: &'static str) -> impl FnMut(&mut Input<'a>) -> Parsed<()> {
    let goes_on = |next: char| next.is_alphanumeric() || matches!(next, '_' | '.');
    move |input: &mut Input<'a>| (word, not(one_of(goes_on)), multispace0).void().parse_next(input)
}

/// Reads this word, or the sign that means the same, and the space behind it.
fn keyword<'a>(name: &'static str, sign: &'static str) -> impl FnMut(&mut Input<'a>) -> Parsed<()> {
    move |input: &mut Input<'a>| alt((word(name), (sign, multispace0).void())).parse_next(input)
}

/// Reads this sign and the space behind it.
pub(super) fn sign<'a>(sign: char) -> impl FnMut(&mut Input<'a>) -> Parsed<()> {
    move |input: &mut Input<'a>| (sign, multispace0).void().parse_next(input)
}

fn any(input: &mut Input<'_>) -> Parsed<Node> {
    let mut nodes = vec![all(input)?];
    while opt(keyword("or", "||")).parse_next(input)?.is_some() {
        nodes.push(all(input)?);
    }
    Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::Any(nodes) })
}

fn all(input: &mut Input<'_>) -> Parsed<Node> {
    let mut nodes = vec![one(input)?];
    while opt(keyword("and", "&&")).parse_next(input)?.is_some() {
        nodes.push(one(input)?);
    }
    Ok(if nodes.len() == 1 { nodes.remove(0) } else { Node::All(nodes) })
}

fn one(input: &mut Input<'_>) -> Parsed<Node> {
    let at = here(input);
    if input.state.depth > DEEPEST {
        let expected = format!("{DEEPEST} parentheses and negations within each other at most");
        return Err(Fault::new(at, "this is nested too deeply", expected, ""));
    }
    input.state.depth += 1;
    let node = if opt(keyword("not", "!")).parse_next(input)?.is_some() {
        Node::Not(Box::new(one(input)?))
    } else if opt(sign('(')).parse_next(input)?.is_some() {
        let node = any(input)?;
        if opt(sign(')')).parse_next(input)?.is_none() {
            let problem = format!("the parenthesis at column {} is not closed", input.state.names.column(at));
            return Err(Fault::new(here(input), problem, "and, or, or )", r#"(fd == 0 or fd == 1) and bytes > 0"#));
        }
        node
    } else {
        Node::Compare(comparison(input)?)
    };
    input.state.depth -= 1;
    Ok(node)
}

fn comparison(input: &mut Input<'_>) -> Parsed<Comparison> {
    let field = field(input)?;
    let at = here(input);
    let operator = operator(input, &field)?;
    if !field.kind().allows(operator) {
        let what = match operator {
            _ if operator.is_pattern() => "=~ and !~ compare text".to_owned(),
            _ => format!("{operator} compares numbers"),
        };
        let problem = format!("{field} is {}, and {what}", field.kind().name());
        return Err(Fault::new(at, problem, field.kind().operators(), &field.example()));
    }
    let operand = if operator.is_pattern() {
        Operand::Pattern(pattern(input, &field)?)
    } else if operator.is_list() {
        Operand::Values(list(input, &field, operator)?)
    } else {
        Operand::Values(vec![Values { field: &field, operator }.one(input)?])
    };
    Ok(Comparison { field, operator, operand })
}

fn field(input: &mut Input<'_>) -> Parsed<Field> {
    let at = here(input);
    let in_name = |character: char| character.is_alphanumeric() || matches!(character, '_' | '.');
    let name: &str = take_while(0.., in_name).parse_next(input)?;
    let example =
        |field: Option<&str>| field.and_then(Field::named).map_or(EXAMPLE.to_owned(), |field| field.example());
    let names = || Field::names().chain(["arg.NAME"]).collect::<Vec<_>>().join(", ");
    if name.is_empty() || name.starts_with(|first: char| first.is_ascii_digit()) {
        let found = word_of(&format!("{name}{}", rest(input)));
        return Err(match found.as_str() {
            "" | ")" => Fault::new(at, "a comparison is missing", "a comparison, not or (", EXAMPLE),
            found => Fault::new(at, format!("{} is no field", shown(found)), format!("a field ({})", names()), EXAMPLE),
        });
    }
    multispace0.parse_next(input)?;
    if let Some(argument) = name.strip_prefix("arg.") {
        if input.state.names.is_argument(argument) {
            return Ok(Field::Argument(argument.to_owned()));
        }
        let nearest = input.state.names.nearest_argument(argument).map(|name| format!("arg.{name}"));
        let problem = format!("no system call has an argument named {}", shown(argument));
        let expected = "the name of an argument as in its manual page";
        return Err(Fault::new(at + 4, problem, expected, r#"arg.flags =~ "O_CREAT""#).suggest(nearest.as_deref()));
    }
    Field::named(name).ok_or_else(|| {
        let problem = format!("{} is no field", shown(name));
        if input.state.names.is_call(name) {
            return Fault::new(at, problem, "a comparison", &format!(r#"syscall == "{name}""#));
        }
        let nearest = match name {
            "trace" | "t" | "status" | "signal" => Some("-e, which takes strace's specifications"),
            "arg" => Some("arg.NAME"),
            "name" | "call" => Some("syscall"),
            "errno" => Some("error"),
            "file" | "filename" => Some("path"),
            "time" | "latency" => Some("duration"),
            "size" | "length" => Some("bytes"),
            "function" => Some("code.function"),
            "line" => Some("code.line"),
            _ => crate::suggest::nearest(name, Field::names()),
        };
        Fault::new(at, problem, format!("a field ({})", names()), &example(nearest)).suggest(nearest)
    })
}

fn operator(input: &mut Input<'_>, field: &Field) -> Parsed<Operator> {
    let at = here(input);
    for (symbol, operator) in Operator::SYMBOLS {
        if opt((symbol, multispace0)).parse_next(input)?.is_some() {
            return Ok(operator);
        }
    }
    let start = input.checkpoint();
    let negated = opt(word("not")).parse_next(input)?.is_some();
    if opt(word("in")).parse_next(input)?.is_some() {
        return Ok(if negated { Operator::NotIn } else { Operator::In });
    }
    input.reset(&start);
    let found = word_of(rest(input));
    let problem = match found.as_str() {
        "" | ")" => format!("{field} is compared with nothing"),
        found => format!("{} is no operator", shown(found)),
    };
    let mut fault = Fault::new(at, problem, field.kind().operators(), &field.example());
    match found.chars().next() {
        Some('=') => fault = fault.suggest(Some("==")),
        Some('~') => fault = fault.suggest(Some("=~")),
        _ => {}
    }
    Err(fault)
}

fn list(input: &mut Input<'_>, field: &Field, operator: Operator) -> Parsed<Vec<literal::Literal>> {
    let example = format!("{field} {operator} [{}]", field.sample());
    let values = Values { field, operator };
    if opt(sign('[')).parse_next(input)?.is_none() {
        let problem = format!("{operator} is not followed by a list");
        return Err(Fault::new(here(input), problem, "values in brackets", &example));
    }
    let mut found = vec![values.one(input)?];
    loop {
        if opt(sign(']')).parse_next(input)?.is_some() {
            return Ok(found);
        }
        if opt(sign(',')).parse_next(input)?.is_none() {
            return Err(Fault::new(here(input), "the list is not closed", "a comma or ]", &example));
        }
        if opt(sign(']')).parse_next(input)?.is_some() {
            return Ok(found);
        }
        found.push(values.one(input)?);
    }
}

fn pattern(input: &mut Input<'_>, field: &Field) -> Parsed<Pattern> {
    let at = here(input);
    let example = match field {
        Field::Path => r#"path =~ "^/etc/""#.to_owned(),
        _ => format!(r#"{field} =~ "^a""#),
    };
    let Some(text) = literal::quoted(input)? else {
        let problem = match word_of(rest(input)).as_str() {
            "" => "the regular expression is missing".to_owned(),
            found => format!("{} is no regular expression", shown(found)),
        };
        return Err(Fault::new(at, problem, "a regular expression in quotes", &example));
    };
    input.state.patterns += 1;
    if input.state.patterns > MOST_PATTERNS {
        let expected = format!("{MOST_PATTERNS} at most; a|b in one does for two");
        return Err(Fault::new(at, "there are too many regular expressions", expected, ""));
    }
    Pattern::new(&text).map_err(|problem| {
        let problem = format!("the regular expression cannot be used: {problem}");
        Fault::new(at, problem, "a regular expression as the regex crate has them", &example)
    })
}

/// One character, whichever it is.
pub(super) fn character(input: &mut Input<'_>) -> Parsed<char> {
    any_character.parse_next(input)
}
