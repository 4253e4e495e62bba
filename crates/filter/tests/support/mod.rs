//! What is known of the calls themselves, from the tracer's tables.

use renacer_events::{Abi, Call, Caller, Decoded};
use renacer_filter::{Calls, Place};
use renacer_ptrace::facts;

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
