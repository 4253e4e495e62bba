//! The language of `--filter`: comparisons of a call's properties, joined by `and`, `or` and `not`.

mod bounds;
mod decide;
mod field;
mod literal;
mod parse;
mod tree;

use std::fmt;

use renacer_events::{Abi, Call, Select, Test};

use self::decide::Subject;
use self::field::Field;
use self::tree::{Comparison, Node};
use crate::error::FilterError;
use crate::names::Names;
use renacer_events::Calls;

/// A condition on calls: `syscall == "openat" and error == "ENOENT"`. docs/filters.md describes the language.
///
/// Printed, it can be parsed to the same again.
#[derive(Clone)]
pub struct Expression {
    node: Node,
    calls: &'static dyn Calls,
}

impl Expression {
    /// Reads an expression. Types and names are checked.
    ///
    /// # Errors
    /// Says what is wrong, in which column, what was expected, and gives an example.
    pub fn parse(text: &str, calls: &'static dyn Calls) -> Result<Expression, FilterError> {
        let node = parse::parse(text, &Names::new(calls, text)).map_err(|fault| fault.of(text))?;
        Ok(Expression { node, calls })
    }

    /// Whether it asks for [every path](renacer_events::Decoded::paths) that a call is about.
    pub fn needs_paths(&self) -> bool {
        self.any(|comparison| comparison.field == Field::Path)
    }

    /// Whether it asks for the code that made a call, so that [`Select::wants`] may wait for that.
    pub fn needs_source(&self) -> bool {
        self.any(|comparison| comparison.field.is_of_source())
    }

    fn any(&self, is: impl Fn(&Comparison) -> bool) -> bool {
        let mut found = false;
        self.node.each(&mut |comparison| found |= is(comparison));
        found
    }
}

impl Select for Expression {
    fn before(&self, abi: Abi, number: u64) -> Test {
        bounds::before(&self.node, self.calls, abi, number)
    }

    fn wants(&self, call: &Call, comm: &str) -> bool {
        let subject = Subject { call, comm, calls: self.calls, with_source: false };
        let decided = self.node.decide(subject);
        // The source is waited for only where nothing else decides.
        decided.or_else(|| self.node.decide(Subject { with_source: true, ..subject })).unwrap_or(false)
    }
}

/// They are equal if they were written alike, but for spaces and the forms that mean the same.
impl PartialEq for Expression {
    fn eq(&self, other: &Expression) -> bool {
        self.node == other.node
    }
}

impl fmt::Display for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.node.fmt(f)
    }
}

impl fmt::Debug for Expression {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Expression").field(&self.to_string()).finish()
    }
}
