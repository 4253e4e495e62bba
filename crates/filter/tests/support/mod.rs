//! What is known of the calls themselves, from the tracer's tables.

use renacer_events::{Abi, Call, Caller, Calls, Decoded};
pub use renacer_ptrace::facts::KnownCalls as Facts;

/// A call that succeeded, with its own name.
#[allow(dead_code)]
pub fn call(abi: Abi, name: &str, arguments: [u64; 6]) -> Call {
    let number = Facts.numbers(abi).into_iter().find(|&number| Facts.names(abi, number).last() == Some(&name));
    Call {
        pid: 100,
        tid: 101,
        start: 1_000,
        end: 2_000,
        abi,
        number: number.unwrap_or_else(|| panic!("no call is named {name}")),
        raw_arguments: arguments,
        result: Some(0),
        decoded: Decoded { name: name.to_owned().into(), ..Decoded::default() },
        caller: Caller::default(),
    }
}

/// The number of the call with this name, which is its own.
#[allow(dead_code)]
pub fn number(abi: Abi, name: &str) -> u64 {
    call(abi, name, [0; 6]).number
}
