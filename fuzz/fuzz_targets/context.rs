//! What programs publish of themselves: damaged files and invented memory; records, descriptions and maps that are anything. An input is
//! a byte that says which, for a file eight bytes that the memory is full of, for the others the length of the first one.

#![no_main]

use libfuzzer_sys::fuzz_target;
use renacer_context::fuzzing::{file, record};
use renacer_events::ReadMemory;
use renacer_fuzz::Input;

/// Memory that holds the same word everywhere but in every eighth page, where there is none.
struct Memory([u8; 8]);

impl ReadMemory for Memory {
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        if address >> 12 & 7 == 7 {
            return 0;
        }
        for (byte, at) in buffer.iter_mut().zip(address..) {
            *byte = self.0[at as usize & 7];
        }
        buffer.len()
    }
}

fuzz_target!(|content: &[u8]| {
    let mut input = Input(content);
    if input.flag() {
        let mut memory = Memory(input.long().to_le_bytes());
        file(input.rest(), &mut memory);
    } else {
        let length = usize::from(input.short());
        let rest = input.rest();
        let (first, second) = rest.split_at(length.min(rest.len()));
        if let Some(attributes) = record(first, second) {
            assert!(attributes.len() <= 306, "each takes two bytes of the record at least");
        }
    }
});
