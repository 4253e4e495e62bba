//! What is read of a tracee's memory, and that no memory does harm.

use renacer_events::{Abi, Decode, Entry, RawCall, Return};

use super::{CWD, Pieces, number};
use crate::capture::{self, Options};
use crate::decode::{DecodeOptions, Decoder};
use renacer_events::ReadMemory;

#[test]
fn calls_without_pointers_read_nothing() {
    struct Untouchable;
    impl ReadMemory for Untouchable {
        fn read(&mut self, address: u64, _: &mut [u8]) -> usize {
            panic!("read at {address:#x}");
        }
    }
    for name in ["getpid", "close", "lseek", "mmap", "brk", "dup3", "kill", "epoll_create1", "read", "write", "exit"] {
        let number = number(Abi::X86_64, name);
        let arguments = [3, 0x1000, 8, 0, 0, 0];
        let memory = capture::at_entry(Abi::X86_64, number, &arguments, 0, &Options::default(), &mut Untouchable);
        assert!(memory.is_empty());
        let entry = Entry {
            abi: Abi::X86_64,
            number,
            arguments,
            instruction_pointer: 0,
            stack_pointer: 0,
            memory,
            stack: None,
            context: None,
            watched: false,
        };
        assert!(capture::at_return(&entry, 8, false, &Options::default(), &mut Untouchable).is_empty());
    }
}

#[test]
fn every_description_is_of_a_call_that_exists() {
    let abis = [Abi::X86_64, Abi::I386, Abi::X32, Abi::Aarch64];
    let exists = |name: &str| {
        abis.iter().any(|&abi| {
            (0..1024).any(|number| crate::table::signature(abi, number).is_some_and(|call| call.name == name))
        })
    };
    // These are reached through socketcall only.
    let missing: Vec<_> = crate::decode::calls::all()
        .map(|spec| spec.name)
        .filter(|name| !exists(name) && !matches!(*name, "send" | "recv"))
        .collect();
    assert_eq!(missing, [""; 0]);
}

/// Memory that counts how often it is read, and never across a page.
struct Counted {
    memory: Pieces,
    reads: Vec<(u64, usize)>,
}

impl ReadMemory for Counted {
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        self.reads.push((address, buffer.len()));
        self.memory.read(address, buffer)
    }
}

#[test]
fn each_thing_is_read_once_and_strings_not_across_a_page_without_need() {
    let options = Options { capture_data: true, ..Options::default() };
    let reads = |name: &str, arguments: [u64; 6], memory: Pieces| {
        let number = number(Abi::X86_64, name);
        let mut memory = Counted { memory, reads: Vec::new() };
        let entered = capture::at_entry(Abi::X86_64, number, &arguments, 0, &options, &mut memory);
        let entry = Entry {
            abi: Abi::X86_64,
            number,
            arguments,
            instruction_pointer: 0,
            stack_pointer: 0,
            memory: entered,
            stack: None,
            context: None,
            watched: false,
        };
        capture::at_return(&entry, 8, false, &options, &mut memory);
        memory.reads
    };
    let path = Pieces::default().with(0x1000, [&b"/etc/passwd"[..], &[0; 300]].concat());
    assert_eq!(reads("openat", [CWD, 0x1000, 0, 0, 0, 0], path), [(0x1000, 256)]);
    let edge = Pieces::default().with(0x1ffa, [&b"/etc/passwd"[..], &[0; 5000]].concat());
    assert_eq!(reads("chdir", [0x1ffa, 0, 0, 0, 0, 0], edge), [(0x1ffa, 6), (0x2000, 4090)]);
    let status = Pieces::default().with(0x3000, [0; 144]);
    assert_eq!(reads("fstat", [3, 0x3000, 0, 0, 0, 0], status), [(0x3000, 144)]);
    let data = || Pieces::default().with(0x3000, [b'x'; 4096]);
    assert_eq!(reads("read", [3, 0x3000, 4096, 0, 0, 0], data()), [(0x3000, 8)]);
    assert_eq!(reads("write", [3, 0x3000, 4096, 0, 0, 0], data()), [(0x3000, 33)]);
}

/// Memory that is readable in odd places, with contents that depend on the address alone; counts what is read of it.
struct Noise {
    seed: u64,
    read: usize,
}

fn mix(value: u64) -> u64 {
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

impl ReadMemory for Noise {
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        for (index, byte) in buffer.iter_mut().enumerate() {
            let at = address.wrapping_add(index as u64);
            if mix(self.seed ^ at >> 12).is_multiple_of(7) {
                self.read += index;
                return index;
            }
            let word = mix(self.seed ^ at >> 3);
            // Small numbers are more interesting than large ones.
            *byte = if word.is_multiple_of(3) { (word >> 8) as u8 } else { (word >> (8 * (at & 7))) as u8 & 0x13 };
        }
        self.read += buffer.len();
        buffer.len()
    }
}

#[test]
fn nothing_panics_and_nothing_grows_whatever_the_arguments_and_the_memory() {
    let mut decoders = [false, true].map(|descriptors_in_text| {
        Decoder::new(DecodeOptions {
            show_data: descriptors_in_text,
            descriptors_in_text,
            all_paths: true,
            ..DecodeOptions::default()
        })
    });
    let mut state = 1u64;
    let mut next = move || {
        state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(state)
    };
    for round in 0..24u64 {
        for abi in [Abi::X86_64, Abi::I386, Abi::X32, Abi::Aarch64] {
            for number in 0..480 {
                let options = Options {
                    string_limit: [32, 0, 4000][(round % 3) as usize],
                    capture_data: round % 2 == 1,
                    all_descriptors: round % 5 == 1,
                };
                let arguments: [u64; 6] = std::array::from_fn(|_| {
                    let value = next();
                    let value = match value % 5 {
                        0 => value >> 8,
                        1 => value >> 8 & 0xff,
                        2 => 0,
                        3 => value >> 8 & 0xffff_ffff,
                        _ => u64::MAX - (value >> 8 & 0xfff),
                    };
                    if abi == Abi::I386 { value & 0xffff_ffff } else { value }
                });
                let mut noise = Noise { seed: next(), read: 0 };
                let memory = capture::at_entry(abi, number, &arguments, next(), &options, &mut noise);
                let entry = Entry {
                    abi,
                    number,
                    arguments,
                    instruction_pointer: 0,
                    stack_pointer: next(),
                    memory,
                    stack: None,
                    context: None,
                    watched: false,
                };
                let is_error = next() % 3 == 0;
                let value = if is_error { -((next() % 600) as i64) } else { (next() >> (next() % 64)) as i64 };
                let memory = capture::at_return(&entry, value, is_error, &options, &mut noise);
                assert!(noise.read <= 2 * 64 * 1024 + 8 * 4096, "{abi:?} {number} reads {} bytes", noise.read);
                let returned = Return { value, is_error, memory };
                let returned = (next() % 8 != 0).then_some(&returned);
                for decoder in &mut decoders {
                    let decoded = decoder.call(RawCall { pid: 1, tid: 1, entry: &entry, returned, unsure: false });
                    let length: usize = decoded.arguments.iter().map(|argument| argument.text.len()).sum();
                    assert!(length < 1 << 20, "{} makes {length} bytes", decoded.name);
                }
            }
        }
    }
}
