//! What must be known of the system calls themselves to read a filter, and to tell before a call whether it may be wanted.

use renacer_events::Abi;

/// Knows the system calls. The names are those that [`Decoded::name`](renacer_events::Decoded::name) will have.
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

    /// Whether the call may name a path or get a descriptor, so that it can have [paths](renacer_events::Decoded::paths).
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
