//! An expression as it was understood; printed, it is understood the same again.

use std::fmt;

use super::field::{Field, Type};
use crate::classes::Class;
use crate::pattern::Pattern;

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Node {
    All(Vec<Node>),
    Any(Vec<Node>),
    Not(Box<Node>),
    Compare(Comparison),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Comparison {
    pub(crate) field: Field,
    pub(crate) operator: Operator,
    pub(crate) operand: Operand,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Operator {
    Equal,
    Differs,
    Matches,
    MatchesNot,
    Less,
    AtMost,
    More,
    AtLeast,
    In,
    NotIn,
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Operand {
    /// One value, or those of a list.
    Values(Vec<Literal>),
    Pattern(Pattern),
}

#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Literal {
    Text(String),
    /// Of a duration, nanoseconds. Wide enough for what registers hold, with or without a sign.
    Number(i128),
    Class(Class),
}

impl Operator {
    /// All of them, each before those that it begins with.
    pub(crate) const SYMBOLS: [(&'static str, Operator); 8] = [
        ("==", Operator::Equal),
        ("!=", Operator::Differs),
        ("=~", Operator::Matches),
        ("!~", Operator::MatchesNot),
        ("<=", Operator::AtMost),
        (">=", Operator::AtLeast),
        ("<", Operator::Less),
        (">", Operator::More),
    ];

    /// Whether it is the exact opposite of another one, for absent values too.
    pub(crate) fn is_negated(self) -> bool {
        matches!(self, Operator::Differs | Operator::MatchesNot | Operator::NotIn)
    }

    pub(crate) fn is_list(self) -> bool {
        matches!(self, Operator::In | Operator::NotIn)
    }

    pub(crate) fn is_pattern(self) -> bool {
        matches!(self, Operator::Matches | Operator::MatchesNot)
    }

    pub(crate) fn is_order(self) -> bool {
        matches!(self, Operator::Less | Operator::AtMost | Operator::More | Operator::AtLeast)
    }
}

impl fmt::Display for Operator {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Operator::In => "in",
            Operator::NotIn => "not in",
            _ => Operator::SYMBOLS.iter().find(|(_, operator)| operator == self).map_or("", |(symbol, _)| symbol),
        })
    }
}

impl Node {
    /// Calls `look` with each comparison.
    pub(crate) fn each(&self, look: &mut dyn FnMut(&Comparison)) {
        match self {
            Node::All(nodes) | Node::Any(nodes) => nodes.iter().for_each(|node| node.each(look)),
            Node::Not(node) => node.each(look),
            Node::Compare(comparison) => look(comparison),
        }
    }
}

impl fmt::Display for Node {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |f: &mut fmt::Formatter<'_>, nodes: &[Node], word: &str| {
            for (index, node) in nodes.iter().enumerate() {
                if index > 0 {
                    f.write_str(word)?;
                }
                match node {
                    Node::All(_) | Node::Any(_) => write!(f, "({node})")?,
                    Node::Not(_) | Node::Compare(_) => write!(f, "{node}")?,
                }
            }
            Ok(())
        };
        match self {
            Node::All(nodes) => list(f, nodes, " and "),
            Node::Any(nodes) => list(f, nodes, " or "),
            Node::Not(node) if matches!(**node, Node::All(_) | Node::Any(_)) => write!(f, "not ({node})"),
            Node::Not(node) => write!(f, "not {node}"),
            Node::Compare(comparison) => write!(f, "{comparison}"),
        }
    }
}

impl fmt::Display for Comparison {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} ", self.field, self.operator)?;
        let unit = if self.field.kind() == Type::Duration { "ns" } else { "" };
        match &self.operand {
            Operand::Pattern(pattern) => quoted(f, pattern.text()),
            Operand::Values(values) if self.operator.is_list() => {
                f.write_str("[")?;
                for (index, value) in values.iter().enumerate() {
                    f.write_str(if index > 0 { ", " } else { "" })?;
                    literal(f, value, unit)?;
                }
                f.write_str("]")
            }
            Operand::Values(values) => values.iter().try_for_each(|value| literal(f, value, unit)),
        }
    }
}

fn literal(f: &mut fmt::Formatter<'_>, literal: &Literal, unit: &str) -> fmt::Result {
    match literal {
        Literal::Text(text) => quoted(f, text),
        Literal::Class(class) => quoted(f, class.name()),
        Literal::Number(number) if !unit.is_empty() => {
            let units = [("s", 1_000_000_000), ("ms", 1_000_000), ("us", 1_000)];
            let fits = units.iter().find(|(_, size)| *number != 0 && number % size == 0);
            let &(unit, size) = fits.unwrap_or(&("ns", 1));
            write!(f, "{}{unit}", number / size)
        }
        Literal::Number(number) => write!(f, "{number}"),
    }
}

fn quoted(f: &mut fmt::Formatter<'_>, text: &str) -> fmt::Result {
    write!(f, "\"{}\"", text.replace('\\', "\\\\").replace('"', "\\\""))
}
