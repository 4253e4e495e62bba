//! Which mappings a call has changed: what was known of what is there holds no more.

use renacer_events::{Abi, Entry};

/// Tells which ranges, by start and length, a successful call has changed in its process's mappings.
pub(super) fn changed(entry: &Entry, value: i64, mut tell: impl FnMut(u64, u64)) {
    let [first, second, third, ..] = entry.arguments;
    match mapping(entry.abi, entry.number) {
        Some(Mapping::Map) => tell(value as u64, second),
        Some(Mapping::OldMap) => tell(value as u64, (1 << 32) - (value as u64 & 0xffff_ffff)),
        Some(Mapping::Change) => tell(first, second),
        Some(Mapping::Move) => {
            tell(first, second);
            tell(value as u64, third);
        }
        None => {}
    }
}

/// How a call changes mappings.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Mapping {
    /// mmap, mmap2: the result is where, the second argument how long.
    Map,
    /// mmap of 32-bit x86, whose arguments are in memory: how long is not looked up.
    OldMap,
    /// munmap, mprotect, pkey_mprotect: the first two arguments.
    Change,
    /// mremap.
    Move,
}

fn mapping(abi: Abi, number: u64) -> Option<Mapping> {
    Some(match (abi, number) {
        (Abi::X86_64 | Abi::X32, 9) | (Abi::I386, 192) | (Abi::Aarch64, 222) => Mapping::Map,
        (Abi::I386, 90) => Mapping::OldMap,
        (Abi::X86_64 | Abi::X32, 10 | 11 | 329) | (Abi::I386, 91 | 125 | 380) | (Abi::Aarch64, 215 | 226 | 288) => {
            Mapping::Change
        }
        (Abi::X86_64 | Abi::X32, 25) | (Abi::I386, 163) | (Abi::Aarch64, 216) => Mapping::Move,
        _ => return None,
    })
}

/// Whether a call may map code, and which register has the protection that says so; [`None`] inside: it is not in a register.
/// What is unmapped cannot run, and what takes its place is mapped by a call of this kind.
pub(crate) fn maps_code(abi: Abi, number: u64) -> Option<Option<u8>> {
    match mapping(abi, number)? {
        Mapping::Change if is_munmap(abi, number) => None,
        Mapping::Map | Mapping::Change => Some(Some(2)),
        Mapping::OldMap | Mapping::Move => Some(None),
    }
}

fn is_munmap(abi: Abi, number: u64) -> bool {
    matches!((abi, number), (Abi::X86_64 | Abi::X32, 11) | (Abi::I386, 91) | (Abi::Aarch64, 215))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::table;

    #[test]
    fn mappings_agree_with_the_tables() {
        for abi in [Abi::X86_64, Abi::X32, Abi::I386, Abi::Aarch64] {
            for (number, name) in table::numbers(abi) {
                let expected = match (abi, name) {
                    (Abi::I386, "mmap") => Some(Mapping::OldMap),
                    (_, "mmap" | "mmap2") => Some(Mapping::Map),
                    (_, "munmap" | "mprotect" | "pkey_mprotect") => Some(Mapping::Change),
                    (_, "mremap") => Some(Mapping::Move),
                    _ => None,
                };
                assert_eq!(mapping(abi, number), expected, "{abi:?} {number} {name}");
                assert_eq!(is_munmap(abi, number), name == "munmap", "{abi:?} {number} {name}");
            }
        }
    }
}
