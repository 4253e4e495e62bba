//! Unwinding rules of damaged files, followed on invented memory. An input is a word for all registers, two bytes for the
//! memory, and a file.

#![no_main]

use libfuzzer_sys::fuzz_target;
use renacer_events::{Machine, ReadMemory};
use renacer_fuzz::Input;
use renacer_symbols::fuzzing::unwind;

/// Where the seeds have their code.
const CODE: u64 = 0x40_00b0;

/// Memory that holds the same two bytes everywhere but in every eighth page, where there is none.
struct Memory([u8; 2]);

impl ReadMemory for Memory {
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        if address >> 12 & 7 == 7 {
            return 0;
        }
        for (offset, byte) in buffer.iter_mut().enumerate() {
            *byte = self.0[(address as usize).wrapping_add(offset) & 1];
        }
        buffer.len()
    }
}

fuzz_target!(|content: &[u8]| {
    let mut input = Input(content);
    let register = input.long();
    let mut memory = Memory([input.byte(), input.byte()]);
    let machine = [Machine::X86_64, Machine::X86, Machine::Aarch64][usize::from(memory.0[0]) % 3];
    let addresses = (CODE..CODE + 0x40).step_by(3).chain([0, 1, u64::MAX]);
    unwind(input.rest(), machine, addresses, register, &mut memory);
});
