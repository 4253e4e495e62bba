//! What is asked of the tables of calls besides one call at a time.

use renacer_events::{Abi, Calls};

/// The arguments of a call whose number has no name, in the order of the registers.
pub(crate) const UNNAMED: [&str; 6] = ["a1", "a2", "a3", "a4", "a5", "a6"];

/// The names of a call with this number, one at least.
pub(crate) fn possible_names(calls: &dyn Calls, abi: Abi, number: u64) -> Vec<std::borrow::Cow<'static, str>> {
    let names = calls.names(abi, number);
    if names.is_empty() {
        return vec![format!("syscall_{number:#x}").into()];
    }
    names.into_iter().map(Into::into).collect()
}

/// Every name of a call.
pub(crate) fn all_names(calls: &dyn Calls) -> impl Iterator<Item = (Abi, &'static str)> + '_ {
    calls.abis().iter().flat_map(move |&abi| {
        calls.numbers(abi).into_iter().flat_map(move |number| calls.names(abi, number)).map(move |name| (abi, name))
    })
}
