//! Where a thread has its copy of a thread-local variable.
//!
//! What the dynamic linker has worked out for the program's own code stands in the module's table of addresses; that is read, so that it
//! is right also where several modules define the variable. A program's own variables without an entry have a place that
//! the ABI fixes (System V psABI; ELF Handling For Thread-Local Storage).

use renacer_events::{Machine, ReadMemory};

use crate::elf::{Entry, Variable};

/// Modules with thread-local variables that a process may have, as far as we believe it.
const MOST_MODULES: u64 = 1 << 16;

/// Where all threads have a variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// So far from the thread pointer.
    Fixed(i64),
    /// At `offset` in the block of this module, which each thread gets when it first uses it.
    Block { module: u64, offset: u64 },
}

/// How the process's C library arranges a thread's blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Layout {
    pub machine: Machine,
    pub is_musl: bool,
}

/// Finds the place of a variable in a module that is loaded `bias` above its own addresses, at `range`; none if the dynamic linker has
/// not got that far.
pub(crate) fn resolve(
    variable: &Variable,
    bias: u64,
    range: (u64, u64),
    is_program: bool,
    memory: &mut dyn ReadMemory,
) -> Option<Place> {
    let Some(entry) = variable.entry else { return is_program.then_some(Place::Fixed(variable.fixed)) };
    let words = |memory: &mut dyn ReadMemory, address: u64| {
        let mut bytes = [0; 16];
        let read = memory.read(address, &mut bytes);
        let [first, second] = [0, 8].map(|at| bytes[at..].first_chunk().map_or(0, |bytes| u64::from_ne_bytes(*bytes)));
        (read >= 8).then_some((first, if read == 16 { second } else { 0 }))
    };
    let block =
        |module: u64, offset: u64| (1..MOST_MODULES).contains(&module).then_some(Place::Block { module, offset });
    match entry {
        Entry::Descriptor(address) => {
            let (function, argument) = words(memory, bias.wrapping_add(address))?;
            // Lazy binding leads through the module's own code.
            if function == 0 || (range.0..range.1).contains(&function) || argument == 0 {
                return None;
            }
            let is_fixed = match variable.machine {
                // Below the thread pointer is all that is fixed.
                Machine::X86_64 => (argument as i64) < 0,
                _ => argument as i64 <= 0xffff_ffff,
            };
            if is_fixed {
                return Some(Place::Fixed(argument as i64));
            }
            let (module, offset) = words(memory, argument)?;
            block(module, offset)
        }
        Entry::FromThreadPointer(address) => {
            let (offset, _) = words(memory, bias.wrapping_add(address))?;
            (offset != 0).then_some(Place::Fixed(offset as i64))
        }
        Entry::Module(address) => {
            let (module, offset) = words(memory, bias.wrapping_add(address))?;
            block(module, offset)
        }
        Entry::ModuleAlone(address) => {
            let (module, _) = words(memory, bias.wrapping_add(address))?;
            block(module, variable.value)
        }
    }
}

/// Where the thread with this thread pointer has the variable; none if it has not got its block yet.
pub(crate) fn address(place: Place, thread_pointer: u64, layout: Layout, memory: &mut dyn ReadMemory) -> Option<u64> {
    let (module, offset) = match place {
        Place::Fixed(offset) => return Some(thread_pointer.wrapping_add_signed(offset)),
        Place::Block { module, offset } => (module, offset),
    };
    let mut word = |address: u64| {
        let mut bytes = [0; 8];
        (memory.read(address, &mut bytes) == 8).then_some(u64::from_ne_bytes(bytes))
    };
    let blocks = word(match (layout.machine, layout.is_musl) {
        (Machine::Aarch64, false) => thread_pointer,
        (Machine::Aarch64, true) => thread_pointer.wrapping_sub(8),
        _ => thread_pointer.wrapping_add(8),
    })?;
    // How many there are stands before the first one: in glibc one pair of words before the table, whose pairs count from 0.
    let (count, at) = match layout.is_musl {
        true => (blocks, blocks.wrapping_add(module * 8)),
        false => (blocks.wrapping_sub(16), blocks.wrapping_add(module * 16)),
    };
    if word(count)? < module {
        return None;
    }
    // TLS_DTV_UNALLOCATED is all ones.
    let block = word(at).filter(|block| *block != 0 && *block != u64::MAX)?;
    Some(block.wrapping_add(offset))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Words at addresses.
    struct Words(Vec<(u64, u64)>);

    impl ReadMemory for Words {
        fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
            let mut done = 0;
            for chunk in buffer.chunks_exact_mut(8) {
                let Some((_, word)) = self.0.iter().find(|(at, _)| *at == address + done as u64) else { break };
                chunk.copy_from_slice(&word.to_ne_bytes());
                done += 8;
            }
            done
        }
    }

    fn variable(entry: Option<Entry>, machine: Machine) -> Variable {
        Variable { layout: crate::record::Layout::ThreadContext, machine, value: 0x20, fixed: -0x40, entry }
    }

    fn resolved(entry: Option<Entry>, machine: Machine, words: &[(u64, u64)]) -> Option<Place> {
        resolve(&variable(entry, machine), 0x1000, (0x1000, 0x2000), true, &mut Words(words.to_vec()))
    }

    #[test]
    fn a_program_has_its_variables_where_the_abi_says() {
        assert_eq!(resolved(None, Machine::X86_64, &[]), Some(Place::Fixed(-0x40)));
        let library = resolve(&variable(None, Machine::X86_64), 0, (0, 0), false, &mut Words(vec![]));
        assert_eq!(library, None);
    }

    #[test]
    fn a_descriptor_leads_to_an_offset_or_to_a_block() {
        let entry = Some(Entry::Descriptor(0x10));
        let fixed = [(0x1010, 0x7777), (0x1018, (-0x100_i64) as u64)];
        assert_eq!(resolved(entry, Machine::X86_64, &fixed), Some(Place::Fixed(-0x100)));
        let block = [(0x1010, 0x7777), (0x1018, 0x9000), (0x9000, 3), (0x9008, 0x28)];
        assert_eq!(resolved(entry, Machine::X86_64, &block), Some(Place::Block { module: 3, offset: 0x28 }));
        assert_eq!(resolved(entry, Machine::Aarch64, &block), Some(Place::Fixed(0x9000)));
        for unresolved in [vec![(0x1010, 0), (0x1018, 0)], vec![(0x1010, 0x1800), (0x1018, 0x9000)], vec![]] {
            assert_eq!(resolved(entry, Machine::X86_64, &unresolved), None, "{unresolved:?}");
        }
    }

    #[test]
    fn other_entries_have_offsets_and_modules() {
        let words = [(0x1010, 2), (0x1018, 0x30)];
        let machine = Machine::X86_64;
        assert_eq!(resolved(Some(Entry::FromThreadPointer(0x10)), machine, &words), Some(Place::Fixed(2)));
        let whole = Place::Block { module: 2, offset: 0x30 };
        assert_eq!(resolved(Some(Entry::Module(0x10)), machine, &words), Some(whole));
        let alone = Place::Block { module: 2, offset: 0x20 };
        assert_eq!(resolved(Some(Entry::ModuleAlone(0x10)), machine, &words), Some(alone));
        let zero = [(0x1010, 0), (0x1018, 0x30)];
        for entry in [Entry::FromThreadPointer(0x10), Entry::Module(0x10), Entry::ModuleAlone(0x10)] {
            assert_eq!(resolved(Some(entry), machine, &zero), None);
        }
    }

    #[test]
    fn blocks_are_found_in_both_libraries_tables() {
        let place = Place::Block { module: 2, offset: 8 };
        let at = |machine, is_musl, words: &[(u64, u64)]| {
            address(place, 0x5000, Layout { machine, is_musl }, &mut Words(words.to_vec()))
        };
        let glibc = [(0x5008, 0x6000), (0x5ff0, 4), (0x6020, 0x8000)];
        assert_eq!(at(Machine::X86_64, false, &glibc), Some(0x8008));
        let musl = [(0x5008, 0x6000), (0x6000, 2), (0x6010, 0x8000)];
        assert_eq!(at(Machine::X86_64, true, &musl), Some(0x8008));
        let arm = [(0x5000, 0x6000), (0x5ff0, 4), (0x6020, 0x8000)];
        assert_eq!(at(Machine::Aarch64, false, &arm), Some(0x8008));
        let arm = [(0x4ff8, 0x6000), (0x6000, 2), (0x6010, 0x8000)];
        assert_eq!(at(Machine::Aarch64, true, &arm), Some(0x8008));
        let few = [(0x5008, 0x6000), (0x5ff0, 1), (0x6020, 0x8000)];
        assert_eq!(at(Machine::X86_64, false, &few), None);
        let none = [(0x5008, 0x6000), (0x5ff0, 4), (0x6020, u64::MAX)];
        assert_eq!(at(Machine::X86_64, false, &none), None);
    }
}
