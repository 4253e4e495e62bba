//! Which calls are wanted: what a filter tells before a call, and what it tells after.

use crate::{Abi, Call};

/// What must hold of a call's raw arguments for the call to be wanted. It may promise too much, never too little: what
/// passes is asked [`Select::wants`] in the end.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Test {
    /// Holds for every call.
    Always,
    /// Holds for no call.
    Never,
    /// The lower 32 bits of the argument in this register (0 to 5) are these.
    Equals(u8, u32),
    /// The lower 32 bits of the argument in this register are others.
    Differs(u8, u32),
    /// All hold.
    All(Vec<Test>),
    /// One holds.
    Any(Vec<Test>),
}

impl Test {
    /// Whether it holds for these arguments.
    pub fn holds(&self, arguments: &[u64; 6]) -> bool {
        let low = |register: &u8| arguments.get(usize::from(*register)).map(|&argument| argument as u32);
        match self {
            Test::Always => true,
            Test::Never => false,
            Test::Equals(register, value) => low(register) == Some(*value),
            Test::Differs(register, value) => low(register) != Some(*value),
            Test::All(tests) => tests.iter().all(|test| test.holds(arguments)),
            Test::Any(tests) => tests.iter().any(|test| test.holds(arguments)),
        }
    }

    /// Both hold, in the simplest form.
    pub fn and(self, other: Test) -> Test {
        match (self, other) {
            (Test::Never, _) | (_, Test::Never) => Test::Never,
            (Test::Always, test) | (test, Test::Always) => test,
            (one, other) if one == other => one,
            (Test::All(mut tests), Test::All(more)) => {
                tests.extend(more);
                Test::All(tests)
            }
            (Test::All(mut tests), test) | (test, Test::All(mut tests)) => {
                tests.push(test);
                Test::All(tests)
            }
            (one, other) => Test::All(vec![one, other]),
        }
    }

    /// One of both holds, in the simplest form.
    pub fn or(self, other: Test) -> Test {
        match (self, other) {
            (Test::Always, _) | (_, Test::Always) => Test::Always,
            (Test::Never, test) | (test, Test::Never) => test,
            (one, other) if one == other => one,
            (Test::Any(mut tests), Test::Any(more)) => {
                tests.extend(more);
                Test::Any(tests)
            }
            (Test::Any(mut tests), test) | (test, Test::Any(mut tests)) => {
                tests.push(test);
                Test::Any(tests)
            }
            (one, other) => Test::Any(vec![one, other]),
        }
    }
}

/// Chooses calls.
pub trait Select: Send {
    /// What must hold for a call with this number in this convention; [`Test::Never`] if it is not wanted whatever happens. Numbers
    /// without a name are asked for too.
    fn before(&self, abi: Abi, number: u64) -> Test;

    /// Whether the call is wanted, now that it is over (or will never be). `comm` is the name of the thread that made it.
    fn wants(&self, call: &Call, comm: &str) -> bool;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tests_are_combined_in_their_simplest_form() {
        let equals = Test::Equals(0, 3);
        assert_eq!(Test::Always.and(equals.clone()), equals);
        assert_eq!(Test::Never.or(equals.clone()), equals);
        assert_eq!(equals.clone().and(Test::Never), Test::Never);
        assert_eq!(equals.clone().or(Test::Always), Test::Always);
        assert_eq!(equals.clone().or(equals.clone()), equals);
        let both = equals.clone().or(Test::Equals(1, 4)).or(Test::Equals(2, 5));
        assert_eq!(both, Test::Any(vec![equals, Test::Equals(1, 4), Test::Equals(2, 5)]));
    }

    #[test]
    fn only_the_lower_half_of_an_argument_counts() {
        let arguments = [0xffff_ffff_0000_0003, 0, 0, 0, 0, 0];
        assert!(Test::Equals(0, 3).holds(&arguments));
        assert!(!Test::Differs(0, 3).holds(&arguments));
        assert!(!Test::Equals(6, 0).holds(&arguments), "there is no seventh argument");
    }
}
