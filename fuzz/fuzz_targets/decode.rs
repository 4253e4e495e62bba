//! Calls with any number, convention, arguments and memory: copied as at a stop, and rendered.
//!
//! An input: how to render, how memory is, the number of steps, the steps (calls, forks, execs, signals), and the bytes that
//! stand in the tracee's memory from `BASE` on.

#![no_main]

use libfuzzer_sys::fuzz_target;
use renacer_events::{
    Abi, Decode, Decoded, DescriptorTarget, Entry, ExitStatus, Image, Memory, Missed, OpenDescriptor, Origin, Peer,
    Pid, ProcessStarted, RawCall, ReadMemory, Return, Signal,
};
use renacer_fuzz::Input;
use renacer_ptrace::capture::{self, Options};
use renacer_ptrace::decode::{DecodeOptions, Decoder, signal_info};

/// Where the tracee's memory begins.
const BASE: u64 = 0x1000;
/// No text of a call is longer: 64 KiB are copied at a stop, and a byte becomes four characters at most.
const MOST_TEXT: usize = 2 << 20;

enum Step {
    Call { pid: Pid, tid: Pid, abi: Abi, number: u64, arguments: [u64; 6], stack: u64, outcome: Outcome, shift: u8 },
    Fork { parent: Pid, child: Pid, shares: bool },
    Exec(Pid),
    Exit(Pid),
    Missed(Pid),
    Signal { number: i32, at: u16, length: u8 },
}

enum Outcome {
    Value(i64),
    Error(i64),
    Never,
}

fn step(input: &mut Input<'_>) -> Step {
    let kind = input.below(16);
    let pid = Pid::from(input.below(3));
    match kind {
        0..12 => Step::Call {
            pid,
            tid: pid + Pid::from(input.below(2)) * 100,
            abi: input.choose(&[Abi::X86_64, Abi::I386, Abi::X32, Abi::Aarch64]),
            number: input.short().into(),
            arguments: std::array::from_fn(|_| argument(input)),
            stack: BASE + u64::from(input.short()),
            outcome: match input.below(4) {
                0 | 1 => Outcome::Value(argument(input) as i64),
                2 => Outcome::Error(-i64::from(input.short())),
                _ => Outcome::Never,
            },
            shift: input.byte(),
        },
        12 => Step::Fork { parent: pid, child: Pid::from(input.below(3)), shares: input.flag() },
        13 => Step::Exec(pid),
        14 if input.flag() => Step::Missed(pid),
        14 => Step::Exit(pid),
        _ => Step::Signal { number: input.byte().into(), at: input.short(), length: input.byte() },
    }
}

fn argument(input: &mut Input<'_>) -> u64 {
    match input.below(5) {
        0 => input.byte().into(),
        1 => BASE + u64::from(input.short()),
        2 => input.long() & 0xffff_ffff,
        3 => input.long(),
        _ => u64::from(input.byte()).wrapping_neg(),
    }
}

/// The tracee's memory: `bytes` at `BASE`, or again and again everywhere.
struct Tracee<'a> {
    bytes: &'a [u8],
    everywhere: bool,
    shift: usize,
}

impl ReadMemory for Tracee<'_> {
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        let Some(start) = address.checked_sub(BASE).map(|start| start as usize) else { return 0 };
        let rest = match self.everywhere {
            true if self.bytes.is_empty() => return 0,
            true => &self.bytes[start.wrapping_add(self.shift) % self.bytes.len()..],
            false => start.checked_add(self.shift).and_then(|start| self.bytes.get(start..)).unwrap_or_default(),
        };
        let length = rest.len().min(buffer.len());
        buffer[..length].copy_from_slice(&rest[..length]);
        length
    }
}

/// Memory as no capture makes it: something at each address, of a length of its own.
fn contradictory(arguments: &[u64; 6], bytes: &[u8], shift: u8) -> Memory {
    let mut memory = Memory::new();
    for (index, &address) in arguments.iter().enumerate() {
        let length = usize::from(shift).wrapping_mul(index * 3 + 1) % 300;
        memory.push(address, &bytes[..length.min(bytes.len())]);
    }
    memory
}

fn check(decoded: &Decoded) {
    assert!(!decoded.name.is_empty());
    let arguments = decoded.arguments.iter().map(|argument| &argument.text);
    for text in arguments.chain([&decoded.result]).chain(&decoded.file_path) {
        assert!(text.len() <= MOST_TEXT, "{}: {} bytes", decoded.name, text.len());
        assert!(!text.chars().any(char::is_control), "{}: {text:?}", decoded.name);
    }
}

fn started(pid: Pid, origin: Origin) -> ProcessStarted {
    let open = |number, target, close_on_exec| OpenDescriptor { number, target, close_on_exec };
    let image = Image { working_directory: Some("/home/user".into()), ..Image::default() };
    let descriptors = vec![
        open(0, DescriptorTarget::Path(b"/dev/pts/0\x1b".to_vec()), false),
        open(3, DescriptorTarget::Socket(Peer { name: Some("socket:[7]".into()), ..Peer::default() }), true),
    ];
    ProcessStarted { pid, parent_pid: None, origin, image, descriptors }
}

fuzz_target!(|bytes: &[u8]| {
    let mut input = Input(bytes);
    let string_limit = input.choose(&[32, 0, 1, 300, 100_000]);
    let bits = input.byte();
    let options = Options { string_limit, capture_data: bits & 1 != 0, all_descriptors: bits & 16 != 0 };
    let (descriptors_in_text, everywhere, contradicts) = (bits & 2 != 0, bits & 4 != 0, bits & 8 != 0);
    let steps: Vec<Step> = (0..input.below(9)).map(|_| step(&mut input)).collect();
    let bytes = input.rest();

    let mut decoder =
        Decoder::new(DecodeOptions { descriptors_in_text, all_paths: true, ..DecodeOptions::new(&options) });
    decoder.process_started(&started(0, Origin::Launched));
    for step in steps {
        match step {
            Step::Call { pid, tid, abi, number, arguments, stack, outcome, shift } => {
                let mut before = Tracee { bytes, everywhere, shift: 0 };
                let memory = match contradicts {
                    true => contradictory(&arguments, bytes, shift),
                    false => capture::at_entry(abi, number, &arguments, stack, &options, &mut before),
                };
                let (instruction_pointer, stack_pointer) = (0x400_000, stack);
                let entry = Entry {
                    abi,
                    number,
                    arguments,
                    instruction_pointer,
                    stack_pointer,
                    stack: None,
                    context: None,
                    watched: false,
                    memory,
                };
                let (value, is_error) = match outcome {
                    Outcome::Value(value) => (value, false),
                    Outcome::Error(value) => (value, true),
                    Outcome::Never => {
                        check(&decoder.call(RawCall { pid, tid, entry: &entry, returned: None, unsure: false }));
                        continue;
                    }
                };
                let mut after = Tracee { bytes, everywhere, shift: shift.into() };
                let memory = match contradicts {
                    true => contradictory(&arguments, bytes, shift.wrapping_add(1)),
                    false => capture::at_return(&entry, value, is_error, &options, &mut after),
                };
                let returned = Return { value, is_error, memory };
                check(&decoder.call(RawCall { pid, tid, entry: &entry, returned: Some(&returned), unsure: false }));
            }
            Step::Fork { parent, child, shares } => decoder.process_started(&started(
                child,
                Origin::Forked { pid: parent, tid: parent, shares_descriptors: shares },
            )),
            Step::Exec(pid) => decoder.image_replaced(pid),
            Step::Missed(pid) => {
                let descriptors = started(pid, Origin::Attached).descriptors;
                decoder.missed(pid, &Missed { calls: 1, descriptors, working_directory: None });
            }
            Step::Exit(pid) => decoder.process_exited(pid, ExitStatus::Unknown),
            Step::Signal { number, at, length } => {
                let info = bytes.get(usize::from(at)..).unwrap_or_default();
                let info = info[..info.len().min(length.into())].to_vec();
                let signal = Signal { number, code: 0, errno: 0, sender_pid: None, sender_uid: None, info };
                assert!(!signal_info(&signal).chars().any(char::is_control));
            }
        }
    }
});
