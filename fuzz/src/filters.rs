//! What filters are read with, and what must hold of the messages about those that cannot be read.

use std::time::Duration;

use renacer_events::Abi;
use renacer_filter::{Calls, FilterError, Place};
use renacer_ptrace::facts;
use rustix::time::{ClockId, clock_gettime};

/// The longest that reading may take: ten milliseconds, and as much again four times for what a fuzzer adds to the code.
const LONGEST: Duration = Duration::from_millis(50);

/// Reads a text, which must not take long. The processor's time counts: the machine may be busy with something else.
pub fn read<T>(text: &str, read: impl FnOnce(&str) -> T) -> T {
    let now = || Duration::try_from(clock_gettime(ClockId::ThreadCPUTime)).unwrap_or_default();
    let start = now();
    let result = read(text);
    let taken = now().saturating_sub(start);
    assert!(taken < LONGEST, "{taken:?} for {text:?}");
    result
}

/// A message points into the text, says what was expected, and does not flood a terminal.
pub fn check_message(text: &str, error: &FilterError) {
    let message = error.to_string();
    assert!(error.column() <= text.chars().count() + 1, "{message}");
    assert!(message.contains("expected: "), "{message}");
    assert!(message.len() < 2000, "{message}");
    assert!(!message.chars().any(|character| character.is_control() && character != '\n'), "{message:?}");
}

/// The tables of the tracer.
pub struct Facts;

impl Calls for Facts {
    fn abis(&self) -> &[Abi] {
        facts::ABIS
    }

    fn numbers(&self, abi: Abi) -> Vec<u64> {
        facts::numbers(abi).map(|(number, _)| number).collect()
    }

    fn names(&self, abi: Abi, number: u64) -> Vec<&'static str> {
        facts::possible_names(abi, number)
    }

    fn descriptor(&self, abi: Abi, number: u64) -> Option<usize> {
        facts::descriptor(abi, number)
    }

    fn argument(&self, abi: Abi, number: u64, name: &str) -> Option<Place> {
        let place = |register: usize| u8::try_from(register).map_or(Place::Elsewhere, Place::Register);
        let has = facts::has_argument(abi, number, name);
        has.then(|| facts::integer_argument(abi, number, name).map_or(Place::Elsewhere, place))
    }

    fn has_paths(&self, abi: Abi, number: u64) -> bool {
        facts::has_paths(abi, number)
    }

    fn arguments(&self) -> Vec<&'static str> {
        facts::argument_names().into_iter().collect()
    }

    fn errors(&self) -> Vec<&'static str> {
        facts::error_names().collect()
    }
}
