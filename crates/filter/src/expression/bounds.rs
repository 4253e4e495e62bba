//! What is known of an expression before a call: by the call's name and the registers.
//!
//! Two tests are computed together: one that holds whenever the expression may hold, and one that holds only if it will.
//! `not` exchanges them.

use renacer_events::{Abi, Calls, Place, Test};

use super::field::Field;
use super::tree::{Comparison, Literal, Node, Operand};
use crate::calls::{UNNAMED, possible_names};

/// A test with more parts than this is of no use to a seccomp program, and [`Test::Always`] is the safe answer.
const MOST_PARTS: usize = 64;

/// A call before it is made. A number that may be several calls is each of them in turn.
struct Prospect<'a> {
    calls: &'a dyn Calls,
    abi: Abi,
    number: u64,
    name: &'a str,
    /// How many names the number has.
    names: usize,
}

/// Between what and what the truth is.
struct Bounds {
    may: Test,
    must: Test,
}

/// What must hold before the call for `node` to hold after it.
pub(super) fn before(node: &Node, calls: &dyn Calls, abi: Abi, number: u64) -> Test {
    let known = calls.names(abi, number).len();
    let names = possible_names(calls, abi, number);
    let test = names.iter().fold(Test::Never, |test, name| {
        let prospect = Prospect { calls, abi, number, name, names: known };
        test.or(node.bounds(&prospect).may)
    });
    if parts(&test) > MOST_PARTS { Test::Always } else { test }
}

fn parts(test: &Test) -> usize {
    match test {
        Test::All(tests) | Test::Any(tests) => tests.iter().map(parts).sum(),
        _ => 1,
    }
}

impl Bounds {
    const UNKNOWN: Bounds = Bounds { may: Test::Always, must: Test::Never };

    fn exactly(test: Test) -> Bounds {
        Bounds { may: test.clone(), must: test }
    }

    fn known(holds: bool) -> Bounds {
        Bounds::exactly(if holds { Test::Always } else { Test::Never })
    }

    fn not(self) -> Bounds {
        Bounds { may: opposite(self.must), must: opposite(self.may) }
    }
}

/// The test that holds where this one does not. (An argument that does not exist is neither equal nor different, but
/// registers are those of a call that has them.)
fn opposite(test: Test) -> Test {
    let all = |tests: Vec<Test>| tests.into_iter().map(opposite);
    match test {
        Test::Always => Test::Never,
        Test::Never => Test::Always,
        Test::Equals(register, value) => Test::Differs(register, value),
        Test::Differs(register, value) => Test::Equals(register, value),
        Test::All(tests) => all(tests).fold(Test::Never, Test::or),
        Test::Any(tests) => all(tests).fold(Test::Always, Test::and),
    }
}

impl Node {
    fn bounds(&self, call: &Prospect<'_>) -> Bounds {
        match self {
            Node::All(nodes) => nodes.iter().map(|node| node.bounds(call)).fold(Bounds::known(true), |all, next| {
                Bounds { may: all.may.and(next.may), must: all.must.and(next.must) }
            }),
            Node::Any(nodes) => nodes.iter().map(|node| node.bounds(call)).fold(Bounds::known(false), |any, next| {
                Bounds { may: any.may.or(next.may), must: any.must.or(next.must) }
            }),
            Node::Not(node) => node.bounds(call).not(),
            Node::Compare(comparison) if comparison.operator.is_negated() => comparison.bounds(call).not(),
            Node::Compare(comparison) => comparison.bounds(call),
        }
    }
}

impl Comparison {
    /// As if its operator were not negated.
    fn bounds(&self, call: &Prospect<'_>) -> Bounds {
        match &self.field {
            Field::Syscall => Bounds::known(self.text_holds(call.name, &self.operand)),
            Field::Class => {
                let is_member = |value: &Literal| matches!(value, Literal::Class(class) if class.contains(call.name));
                Bounds::known(matches!(&self.operand, Operand::Values(values) if values.iter().any(is_member)))
            }
            Field::Path if !call.calls.has_paths(call.abi, call.number) => Bounds::known(false),
            Field::Descriptor => match call.calls.descriptor(call.abi, call.number) {
                Some(register) => self.equals(register as u8, true).map_or(Bounds::UNKNOWN, Bounds::exactly),
                None if call.names > 1 => Bounds::UNKNOWN,
                None => Bounds::known(false),
            },
            Field::Argument(name) => match call.place(name) {
                // That the text is a number is known afterwards only.
                Some(Place::Register(register)) => match self.equals(register, false) {
                    Some(may) => Bounds { may, must: Test::Never },
                    None => Bounds::UNKNOWN,
                },
                Some(Place::Elsewhere) => Bounds::UNKNOWN,
                None => Bounds::known(false),
            },
            _ => Bounds::UNKNOWN,
        }
    }

    /// A test for one of the numbers in this register, if it is only numbers that are compared, for equality. A signed one has 32
    /// bits: no other can be equal.
    fn equals(&self, register: u8, signed: bool) -> Option<Test> {
        let Operand::Values(values) = &self.operand else { return None };
        if self.operator.is_order() {
            return None;
        }
        values.iter().try_fold(Test::Never, |test, value| match value {
            Literal::Number(number) if signed && i32::try_from(*number).is_err() => Some(test),
            Literal::Number(number) => Some(test.or(Test::Equals(register, *number as u32))),
            Literal::Text(_) | Literal::Class(_) => None,
        })
    }
}

impl Prospect<'_> {
    fn place(&self, argument: &str) -> Option<Place> {
        match self.names {
            0 => UNNAMED.iter().position(|name| *name == argument).map(|register| Place::Register(register as u8)),
            1 => self.calls.argument(self.abi, self.number, argument),
            _ => Some(Place::Elsewhere),
        }
    }
}
