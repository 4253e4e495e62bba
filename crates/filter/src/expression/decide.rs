//! Whether an expression holds for a call.

use renacer_events::{Attribute, Call, Text, Value};

use super::field::Field;
use super::literal::integer;
use super::tree::{Comparison, Literal, Node, Operand, Operator};
use renacer_events::Calls;

/// A call, and what else an expression may be about.
#[derive(Clone, Copy)]
pub(super) struct Subject<'a> {
    pub(super) call: &'a Call,
    pub(super) comm: &'a str,
    pub(super) calls: &'a dyn Calls,
    /// Whether to wait for what is known of the code that made the call.
    pub(super) with_source: bool,
}

/// What a field is for a call.
enum Found<'a> {
    Absent,
    Text(&'a str),
    Number(i128),
    /// One of them is enough.
    Texts(&'a [Text]),
}

impl Node {
    /// Whether it holds; none where that depends on the source, which is not to be waited for.
    pub(super) fn decide(&self, subject: Subject<'_>) -> Option<bool> {
        match self {
            Node::All(nodes) => first(nodes, subject, false),
            Node::Any(nodes) => first(nodes, subject, true),
            Node::Not(node) => node.decide(subject).map(|holds| !holds),
            Node::Compare(comparison) if comparison.field.is_of_source() && !subject.with_source => None,
            Node::Compare(comparison) => Some(comparison.holds(subject)),
        }
    }
}

/// `decisive` if one of the nodes is that, the opposite if all are.
fn first(nodes: &[Node], subject: Subject<'_>, decisive: bool) -> Option<bool> {
    let mut known = true;
    for node in nodes {
        match node.decide(subject) {
            Some(holds) if holds == decisive => return Some(decisive),
            Some(_) => {}
            None => known = false,
        }
    }
    known.then_some(!decisive)
}

impl Comparison {
    fn holds(&self, subject: Subject<'_>) -> bool {
        let holds = match (&self.field, &self.operand) {
            (Field::Class, Operand::Values(values)) => {
                let name = subject.call.decoded.name.as_ref();
                values.iter().any(|value| matches!(value, Literal::Class(class) if class.contains(name)))
            }
            (field, operand) => match field.of(subject) {
                Found::Absent => false,
                Found::Text(text) => self.text_holds(text, operand),
                Found::Texts(texts) => texts.iter().any(|text| self.text_holds(text, operand)),
                Found::Number(number) => match operand {
                    Operand::Values(values) => values.iter().any(|value| self.number_holds(number, value)),
                    Operand::Pattern(_) => false,
                },
            },
        };
        holds != self.operator.is_negated()
    }

    pub(super) fn text_holds(&self, text: &str, operand: &Operand) -> bool {
        match operand {
            Operand::Pattern(pattern) => pattern.is_match(text),
            Operand::Values(values) => values.iter().any(|value| match value {
                Literal::Text(expected) => text == expected,
                // A number is compared with the one that the text is.
                Literal::Number(_) => number_of(text).is_some_and(|number| self.number_holds(number, value)),
                Literal::Class(_) => false,
            }),
        }
    }

    fn number_holds(&self, number: i128, value: &Literal) -> bool {
        let Literal::Number(value) = value else { return false };
        match self.operator {
            Operator::Less => number < *value,
            Operator::AtMost => number <= *value,
            Operator::More => number > *value,
            Operator::AtLeast => number >= *value,
            _ => number == *value,
        }
    }
}

impl Field {
    fn of<'a>(&self, subject: Subject<'a>) -> Found<'a> {
        let call = subject.call;
        let number = |number: Option<i128>| number.map_or(Found::Absent, Found::Number);
        let text = |text: Option<&'a str>| text.map_or(Found::Absent, Found::Text);
        match self {
            Field::Syscall => Found::Text(&call.decoded.name),
            // Not a value, but members: see `Comparison::holds`.
            Field::Class => Found::Absent,
            Field::Path => Found::Texts(&call.decoded.paths),
            Field::Descriptor => number(descriptor(call, subject.calls)),
            Field::Result => number(call.result.map(i128::from)),
            Field::Error => text(call.decoded.error.map(|error| error.name).filter(|name| !name.is_empty())),
            Field::Duration => number(Some(call.end.saturating_sub(call.start).into())),
            Field::Bytes => number(call.decoded.bytes.map(i128::from)),
            Field::Pid => number(Some(call.pid.into())),
            Field::Tid => number(Some(call.tid.into())),
            Field::Comm => Found::Text(subject.comm),
            Field::Argument(name) => text(argument(call, name)),
            Field::Function => text(attribute(call, "code.function.name").and_then(as_text)),
            Field::File => text(attribute(call, "code.file.path").and_then(as_text)),
            Field::Line => number(attribute(call, "code.line.number").and_then(as_number)),
        }
    }
}

fn argument<'a>(call: &'a Call, name: &str) -> Option<&'a str> {
    call.decoded.arguments.iter().find(|argument| argument.name == name).map(|argument| argument.text.as_str())
}

/// The first descriptor that the call gets.
fn descriptor(call: &Call, calls: &dyn Calls) -> Option<i128> {
    match calls.descriptor(call.abi, call.number) {
        Some(register) => call.raw_arguments.get(register).map(|&argument| (argument as u32 as i32).into()),
        // A call that stands for another one has that one's arguments as text alone.
        None if calls.names(call.abi, call.number).len() > 1 => {
            number_of(argument(call, "sockfd").or_else(|| argument(call, "fd"))?)
        }
        None => None,
    }
}

/// The number that an argument's text is; of a descriptor, without what it refers to: `3</etc/passwd>`.
fn number_of(text: &str) -> Option<i128> {
    let end = text.find('<').unwrap_or(text.len());
    integer(&text[..end])
}

fn attribute<'a>(call: &'a Call, key: &str) -> Option<&'a Value> {
    let found = call.caller.attributes().iter().find(|attribute: &&Attribute| attribute.key == key);
    found.map(|attribute| &attribute.value)
}

fn as_text(value: &Value) -> Option<&str> {
    match value {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn as_number(value: &Value) -> Option<i128> {
    match value {
        Value::Int(number) => Some((*number).into()),
        _ => None,
    }
}
