//! The system calls of each calling convention: names and arguments.
//!
//! The tables are generated: `tools/syscall_tables.py` says from what.

mod aarch64;
mod i386;
mod x32;
mod x86_64;

use std::sync::OnceLock;

use renacer_events::Abi;

/// A call's name and arguments.
#[derive(Debug, PartialEq, Eq)]
pub struct Signature {
    /// The name, as in the manual page.
    pub name: &'static str,
    /// The arguments, in order.
    pub arguments: &'static [Parameter],
}

/// One argument.
#[derive(Debug, PartialEq, Eq)]
pub struct Parameter {
    /// Its name.
    pub name: &'static str,
    /// Its type, as C writes it.
    pub ctype: &'static str,
}

type Calls = &'static [(u16, Signature)];

fn calls(abi: Abi) -> Calls {
    match abi {
        Abi::X86_64 => x86_64::CALLS,
        Abi::X32 => x32::CALLS,
        Abi::I386 => i386::CALLS,
        Abi::Aarch64 => aarch64::CALLS,
    }
}

/// The call with this number.
pub fn signature(abi: Abi, number: u64) -> Option<&'static Signature> {
    static BY_NUMBER: [OnceLock<Vec<u16>>; 4] = [const { OnceLock::new() }; 4];
    let calls = calls(abi);
    // Position in the table plus one, by number.
    let index = BY_NUMBER[abi as usize].get_or_init(|| {
        let most = calls.iter().map(|(number, _)| usize::from(*number)).max().unwrap_or(0);
        let mut index = vec![0; most + 1];
        for (position, (number, _)) in calls.iter().enumerate() {
            index[usize::from(*number)] = position as u16 + 1;
        }
        index
    });
    let position = usize::from(*index.get(usize::try_from(number).ok()?)?);
    Some(&calls[position.checked_sub(1)?].1)
}

/// The number of the call with this name.
pub fn number(abi: Abi, name: &str) -> Option<u64> {
    numbers(abi).find(|(_, known)| *known == name).map(|(number, _)| number)
}

/// All calls: number and name.
pub fn numbers(abi: Abi) -> impl Iterator<Item = (u64, &'static str)> {
    calls(abi).iter().map(|(number, signature)| (u64::from(*number), signature.name))
}
