//! What is known of a call before it is made, for those who choose calls: its names and where its arguments are.

use renacer_events::Abi;

use crate::arch::{self, Role};
use crate::decode::{indirect, spec};
use crate::table;

pub use crate::table::numbers;

/// Every convention that programs on this machine can use.
#[cfg(target_arch = "x86_64")]
pub const ABIS: &[Abi] = &[Abi::X86_64, Abi::I386, Abi::X32];
/// Every convention that programs on this machine can use.
#[cfg(target_arch = "aarch64")]
pub const ABIS: &[Abi] = &[Abi::Aarch64];

/// The names that a call with this number may turn out to have: several where it stands for another one (`socketcall`), none where the
/// number has no name.
pub fn possible_names(abi: Abi, number: u64) -> Vec<&'static str> {
    let mut names = indirect::possible_names(abi, number);
    names.extend(table::signature(abi, number).map(|signature| signature.name));
    names
}

/// The register (0 to 5) of the first descriptor that the call gets; none if it gets none, or if it stands for another call.
pub fn descriptor(abi: Abi, number: u64) -> Option<usize> {
    own(abi, number)?.descriptor
}

/// The register (0 to 5) of the argument with this name; none if the call has none, or if it stands for another call.
pub fn argument(abi: Abi, number: u64, name: &str) -> Option<usize> {
    own(abi, number)?.slots.iter().find(|slot| slot.name == name).map(|slot| slot.register)
}

/// Whether the call can be about a file or a socket: it names paths, gets descriptors, or stands for calls that may.
pub fn has_subject(abi: Abi, number: u64) -> bool {
    match own(abi, number) {
        Some(call) => call.path.is_some() || call.descriptor.is_some() || call.effect.is_some(),
        None => !indirect::possible_names(abi, number).is_empty(),
    }
}

/// Whether the call may change what descriptors refer to, or where relative paths start.
pub(crate) fn changes_descriptors(abi: Abi, number: u64) -> bool {
    match own(abi, number) {
        Some(call) => call.effect.is_some(),
        None => !indirect::possible_names(abi, number).is_empty(),
    }
}

/// Whether all that the tracer needs of the call is its entry.
pub(crate) fn only_entry_matters(abi: Abi, number: u64) -> bool {
    matches!(arch::role(abi, number), Some(Role::Exec | Role::Fork | Role::Clone | Role::Clone3 | Role::Exit))
}

/// What is known of a call that stands for itself.
fn own(abi: Abi, number: u64) -> Option<&'static spec::Resolved> {
    match indirect::possible_names(abi, number).is_empty() {
        true => spec::resolved(abi, number),
        false => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn calls_that_stand_for_others_may_have_all_their_names() {
        let names = possible_names(Abi::I386, 102);
        assert!(names.contains(&"socketcall") && names.contains(&"connect") && names.contains(&"recvmmsg"));
        assert_eq!(possible_names(Abi::X86_64, 0), ["read"]);
        assert!(possible_names(Abi::X86_64, 9999).is_empty());
        assert!(possible_names(Abi::I386, 90).contains(&"mmap"));
    }

    #[test]
    fn registers_are_those_of_the_convention() {
        assert_eq!(descriptor(Abi::X86_64, 0), Some(0));
        assert_eq!(descriptor(Abi::X86_64, 39), None);
        assert_eq!(argument(Abi::X86_64, 257, "flags"), Some(2));
        assert_eq!(argument(Abi::X86_64, 257, "nosuch"), None);
        assert_eq!(descriptor(Abi::X86_64, 9), Some(4), "mmap's is the fifth");
    }

    #[test]
    fn what_opens_and_closes_is_known() {
        for name in ["open", "openat", "close", "dup2", "socket", "accept4", "pipe2", "chdir", "fcntl"] {
            let number = table::number(Abi::X86_64, name).unwrap();
            assert!(changes_descriptors(Abi::X86_64, number), "{name}");
        }
        for name in ["getppid", "read", "mmap", "clone"] {
            let number = table::number(Abi::X86_64, name).unwrap();
            assert!(!changes_descriptors(Abi::X86_64, number), "{name}");
        }
    }
}
