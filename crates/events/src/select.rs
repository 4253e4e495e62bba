//! Which calls are wanted: what a filter tells before a call, what it tells after, and what it must know of all calls.

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

/// Knows the system calls, for those who choose them. The names are those that [`Decoded::name`](crate::Decoded::name) will have.
pub trait Calls: Sync {
    /// Every calling convention that programs can use.
    fn abis(&self) -> &[Abi];

    /// The numbers that have a name.
    fn numbers(&self, abi: Abi) -> Vec<u64>;

    /// The names that a call with this number may turn out to have: several where it stands for another one (`socketcall`, which comes last),
    /// none where the number has no name.
    fn names(&self, abi: Abi, number: u64) -> Vec<&'static str>;

    /// The register (0 to 5) of the first descriptor that the call gets; none if it gets none, or has several names.
    fn descriptor(&self, abi: Abi, number: u64) -> Option<usize>;

    /// Where the argument with this name is; none if the call has none. Not asked where a call has several names, or none.
    fn argument(&self, abi: Abi, number: u64, name: &str) -> Option<Place>;

    /// Whether the call may name a path or get a descriptor, so that it can have [paths](crate::Decoded::paths).
    fn has_paths(&self, abi: Abi, number: u64) -> bool;

    /// The names that arguments have.
    fn arguments(&self) -> Vec<&'static str>;

    /// The names of errors: `ENOENT`.
    fn errors(&self) -> Vec<&'static str>;
}

/// Where an argument is before the call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this register (0 to 5). If its text is an integer, the lower 32 bits of that are those of the register.
    Register(u8),
    /// In memory, in part of a register, or rendered as something else than what the register holds.
    Elsewhere,
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
