//! What filters are read with, and what must hold of the messages about those that cannot be read.

use std::time::Duration;

use renacer_filter::FilterError;
pub use renacer_ptrace::facts::KnownCalls as Facts;
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
