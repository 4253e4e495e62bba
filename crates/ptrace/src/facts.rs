//! What is known of a call before it is made, for those who choose calls: its names and where its arguments are.

use std::collections::BTreeSet;

use renacer_events::{Abi, Calls, Place};

use crate::decode::calls::WAITS;
use crate::decode::spec::{self, Kind};
use crate::decode::{INTERRUPTED, error_table, indirect};
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

/// Whether the call has an argument with this name. Not for a call that stands for another one.
pub fn has_argument(abi: Abi, number: u64, name: &str) -> bool {
    own(abi, number).is_some_and(|call| {
        call.slots.iter().any(|slot| slot.name == name) || (name == INTERRUPTED && call.name == "restart_syscall")
    })
}

/// The register (0 to 5) of the argument with this name, if it is rendered so that where its text is an integer, the lower 32 bits of
/// that are the register's.
pub fn integer_argument(abi: Abi, number: u64, name: &str) -> Option<usize> {
    let slot = own(abi, number)?.slots.iter().find(|slot| slot.name == name)?;
    let as_it_is = match slot.kind {
        Kind::Int | Kind::Uint | Kind::Long | Kind::Ulong | Kind::Hex | Kind::HexInt | Kind::Pointer => true,
        Kind::Wide | Kind::WideUnsigned | Kind::WideLowHigh | Kind::Fd | Kind::DirFd | Kind::Id => true,
        Kind::Flags(_) | Kind::LongFlags(_) | Kind::WideFlags(_) | Kind::Names(_) | Kind::LongNames(_) => true,
        // Of 16 bits, chosen by other arguments, or in memory.
        _ => false,
    };
    as_it_is.then_some(slot.register)
}

/// The names of all arguments of all calls.
pub fn argument_names() -> BTreeSet<&'static str> {
    let calls = ABIS.iter().flat_map(|&abi| numbers(abi).filter_map(move |(number, _)| spec::resolved(abi, number)));
    calls
        .flat_map(|call| call.slots.iter().map(|slot| slot.name))
        .chain(indirect::argument_names())
        .chain([INTERRUPTED])
        .collect()
}

/// The names of all errors: `ENOENT`.
pub fn error_names() -> impl Iterator<Item = &'static str> {
    error_table().iter().map(|(_, name, _)| *name)
}

/// Whether the call may name a path or get a descriptor: a call for which this is false has no
/// [paths](renacer_events::Decoded::paths).
pub fn has_paths(abi: Abi, number: u64) -> bool {
    match own(abi, number) {
        Some(call) => {
            let is_path = |kind| matches!(kind, Kind::Fd | Kind::DirFd | Kind::Path);
            call.slots.iter().any(|slot| is_path(slot.kind))
                || SOMETIMES_DESCRIPTORS.contains(&call.name)
                || WAITS.contains(&call.name)
        }
        None => !indirect::possible_names(abi, number).is_empty(),
    }
}

/// Calls with an argument that is a descriptor if another argument says so.
const SOMETIMES_DESCRIPTORS: [&str; 2] = ["kcmp", "waitid"];

/// Whether the call can be about a file or a socket: it names paths, gets descriptors, or stands for calls that may.
pub fn has_subject(abi: Abi, number: u64) -> bool {
    match own(abi, number) {
        Some(call) => {
            call.path.is_some() || call.descriptor.is_some() || call.effect.is_some() || WAITS.contains(&call.name)
        }
        None => !indirect::possible_names(abi, number).is_empty(),
    }
}

/// The register of the first path that the call names.
pub(crate) fn path(abi: Abi, number: u64) -> Option<usize> {
    Some(spec::resolved(abi, number)?.path?.0)
}

/// Whether the call may change what descriptors refer to, or where relative paths start.
pub(crate) fn changes_descriptors(abi: Abi, number: u64) -> bool {
    match own(abi, number) {
        Some(call) => call.effect.is_some(),
        None => !indirect::possible_names(abi, number).is_empty(),
    }
}

/// What is known of a call that stands for itself.
fn own(abi: Abi, number: u64) -> Option<&'static spec::Resolved> {
    match indirect::possible_names(abi, number).is_empty() {
        true => spec::resolved(abi, number),
        false => None,
    }
}

/// All that is known here, for filters.
#[derive(Clone, Copy, Debug)]
pub struct KnownCalls;

impl Calls for KnownCalls {
    fn abis(&self) -> &[Abi] {
        ABIS
    }

    fn numbers(&self, abi: Abi) -> Vec<u64> {
        self::numbers(abi).map(|(number, _)| number).collect()
    }

    fn names(&self, abi: Abi, number: u64) -> Vec<&'static str> {
        self::possible_names(abi, number)
    }

    fn descriptor(&self, abi: Abi, number: u64) -> Option<usize> {
        self::descriptor(abi, number)
    }

    fn argument(&self, abi: Abi, number: u64, name: &str) -> Option<Place> {
        let place = |register: usize| u8::try_from(register).map_or(Place::Elsewhere, Place::Register);
        let has = self::has_argument(abi, number, name);
        has.then(|| self::integer_argument(abi, number, name).map_or(Place::Elsewhere, place))
    }

    fn has_paths(&self, abi: Abi, number: u64) -> bool {
        self::has_paths(abi, number)
    }

    fn arguments(&self) -> Vec<&'static str> {
        self::argument_names().into_iter().collect()
    }

    fn errors(&self) -> Vec<&'static str> {
        self::error_names().collect()
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
    fn integers_are_where_the_text_says_them() {
        let register =
            |name, argument| integer_argument(Abi::X86_64, table::number(Abi::X86_64, name).unwrap(), argument);
        assert_eq!(register("read", "count"), Some(2));
        assert_eq!(register("chmod", "mode"), None, "16 bits of it");
        assert_eq!(register("read", "nosuch"), None);
        assert!(has_argument(Abi::X86_64, 90, "mode") && !has_argument(Abi::X86_64, 0, "mode"));
        assert!(has_argument(Abi::X86_64, 219, "interrupted"));
        let names = argument_names();
        assert!(["fd", "pathname", "sockfd", "flags"].iter().all(|name| names.contains(name)));
        assert!(error_names().any(|name| name == "ENOENT"));
    }

    #[test]
    fn no_other_argument_turns_out_to_be_a_path() {
        for (abi, number) in ABIS.iter().flat_map(|&abi| numbers(abi).map(move |(number, _)| (abi, number))) {
            let Some(call) = spec::resolved(abi, number).filter(|_| !has_paths(abi, number)) else { continue };
            for slot in &call.slots {
                let Kind::Select(select) = slot.kind else { continue };
                let mut seed = 1_u64;
                for round in 0..20_000 {
                    let arguments = [0; 6].map(|_: u64| {
                        seed = seed.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                        if round % 2 == 0 { seed >> 58 } else { seed >> 33 }
                    });
                    let kind = select(abi, &arguments);
                    let is_path = matches!(kind, Kind::Fd | Kind::DirFd | Kind::Path);
                    assert!(!is_path, "{} with {arguments:?}", call.name);
                }
            }
        }
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
