//! The registers of one frame while a walk goes from the innermost frame outward.

use std::cell::Cell;

use renacer_events::{Machine, Registers};

/// What is known of the registers of a frame.
#[derive(Clone, Debug)]
pub(crate) struct State {
    /// What the registers mean.
    pub machine: Machine,
    /// The instruction pointer.
    pub pc: u64,
    /// General registers by their DWARF numbers; the stack pointer is one of them.
    pub general: [u64; 32],
    /// A bit for each general register whose value is not known.
    pub unknown: u32,
    /// A bit for each general register that was asked for.
    pub used: Cell<u32>,
}

/// The DWARF number of the stack pointer.
pub(crate) fn stack_register(machine: Machine) -> u8 {
    match machine {
        Machine::X86_64 => 7,
        Machine::X86 => 4,
        Machine::Aarch64 => 31,
    }
}

/// The DWARF number of the frame pointer.
pub(crate) fn frame_register(machine: Machine) -> u8 {
    match machine {
        Machine::X86_64 => 6,
        Machine::X86 => 5,
        Machine::Aarch64 => 29,
    }
}

/// The DWARF number under which the return address is saved.
pub(crate) fn return_register(machine: Machine) -> u16 {
    match machine {
        Machine::X86_64 => 16,
        Machine::X86 => 8,
        Machine::Aarch64 => 30,
    }
}

/// The size of a saved register, in bytes.
pub(crate) fn word_size(machine: Machine) -> u64 {
    match machine {
        Machine::X86_64 | Machine::Aarch64 => 8,
        Machine::X86 => 4,
    }
}

/// An address without what the machine does not look at.
pub(crate) fn address(machine: Machine, value: u64) -> u64 {
    match machine {
        Machine::X86_64 => value,
        Machine::X86 => value & 0xffff_ffff,
        // User addresses have at most 48 bits (52 where a program asks for them); above is the authentication code.
        Machine::Aarch64 => value & 0x000f_ffff_ffff_ffff,
    }
}

/// A return address without its authentication code (which covers bits 48 to 54, and 56 to 63 where tags are off).
pub(crate) fn return_address(machine: Machine, value: u64) -> u64 {
    match machine {
        Machine::Aarch64 => value & 0x0000_ffff_ffff_ffff,
        _ => address(machine, value),
    }
}

impl State {
    /// The innermost frame.
    pub fn new(registers: &Registers) -> State {
        let mut state = State {
            machine: registers.machine,
            pc: address(registers.machine, registers.instruction_pointer),
            general: registers.general,
            unknown: 0,
            used: Cell::new(0),
        };
        state.general[usize::from(stack_register(state.machine))] = registers.stack_pointer;
        state
    }

    /// A general register's value, where it is known.
    pub fn register(&self, number: u16) -> Option<u64> {
        let index = usize::from(number);
        let known = index < self.general.len() && self.unknown >> index & 1 == 0;
        self.used.set(self.used.get() | u32::from(known) << (index & 31));
        known.then(|| self.general[index])
    }

    /// The stack pointer.
    pub fn stack(&self) -> u64 {
        self.general[usize::from(stack_register(self.machine))]
    }

    /// Sets a general register; others are not kept.
    pub fn set(&mut self, number: u16, value: Option<u64>) {
        let index = usize::from(number);
        if index < self.general.len() {
            match value {
                Some(value) => {
                    self.general[index] = value;
                    self.unknown &= !(1 << index);
                }
                None => self.unknown |= 1 << index,
            }
        }
    }
}
