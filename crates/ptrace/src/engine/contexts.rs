//! What the source of contexts is told: files mapped as code, and memory that a process has given a name.

use renacer_events::{Abi, ContextSource, Entry, MappedFile, Pid, ReadMemory, Tid};

use super::stacks;

/// include/uapi/linux/prctl.h
const PR_SET_VMA: u64 = 0x5356_4d41;
const PR_SET_VMA_ANON_NAME: u64 = 0;

/// Tells the source what a call has done that returned `value`.
pub(super) fn returned(
    source: &mut dyn ContextSource,
    (pid, tid): (Pid, Tid),
    entry: &Entry,
    (value, is_error): (i64, bool),
    memory: &mut dyn ReadMemory,
) {
    let [first, second, third, fourth, fifth, sixth] = entry.arguments;
    match (entry.abi, entry.number) {
        // A kernel without names for anonymous memory refuses, and what was to be said has been said all the same.
        (Abi::X86_64, 157) | (Abi::Aarch64, 167) if first == PR_SET_VMA && second == PR_SET_VMA_ANON_NAME => {
            source.named(pid, third, fifth, memory);
        }
        (Abi::X86_64, 9) | (Abi::Aarch64, 222) if !is_error => {
            stacks::changed(entry, value, |start, length| source.remapped(pid, start, length));
            let is_code = third & libc::PROT_EXEC as u64 != 0;
            let is_file = fourth & libc::MAP_ANONYMOUS as u64 == 0;
            if is_code && is_file {
                let file =
                    MappedFile { address: value as u64, length: second, descriptor: fifth as i32, offset: sixth };
                source.mapped(pid, tid, file);
            }
        }
        _ if !is_error => stacks::changed(entry, value, |start, length| source.remapped(pid, start, length)),
        _ => {}
    }
}
