//! Calls as a decoder gets them, from hand-made memory. The expected texts are what strace 6.1 prints.

mod capturing;
mod descriptors;
mod rendering;

use std::path::PathBuf;

use renacer_events::{Abi, Decode, Entry, Image, Origin, Pid, ProcessStarted, RawCall, Return};

use super::{DecodeOptions, Decoded, Decoder};
use crate::capture::{self, Options};
use renacer_events::ReadMemory;

/// A tracee's memory: pieces at addresses, and nothing else is readable.
#[derive(Default)]
struct Pieces(Vec<(u64, Vec<u8>)>);

impl Pieces {
    fn with(mut self, address: u64, bytes: impl AsRef<[u8]>) -> Self {
        self.0.push((address, bytes.as_ref().to_vec()));
        self
    }
}

impl ReadMemory for Pieces {
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        for (start, bytes) in &self.0 {
            if let Some(rest) = address.checked_sub(*start).and_then(|skip| bytes.get(skip as usize..)) {
                let length = rest.len().min(buffer.len());
                buffer[..length].copy_from_slice(&rest[..length]);
                if length > 0 {
                    return length;
                }
            }
        }
        0
    }
}

fn number(abi: Abi, name: &str) -> u64 {
    (0..1024).find(|&number| crate::table::signature(abi, number).is_some_and(|call| call.name == name)).unwrap()
}

/// What a call returned.
enum Outcome {
    Value(i64),
    Error(i64),
    Never,
}
use Outcome::{Error, Never, Value};

const PID: Pid = 100;

struct Tracer {
    decoder: Decoder,
    options: Options,
    unsure: bool,
}

impl Tracer {
    fn new(options: Options) -> Self {
        let mut decoder = Decoder::new(DecodeOptions::new(&options));
        decoder.process_started(&started(PID, Origin::Launched));
        Tracer { decoder, options, unsure: false }
    }

    fn call(
        &mut self,
        abi: Abi,
        name: &str,
        arguments: &[u64],
        before: Pieces,
        outcome: Outcome,
        after: Pieces,
    ) -> Decoded {
        self.call_of(PID, abi, name, arguments, before, outcome, after)
    }

    #[expect(clippy::too_many_arguments)]
    fn call_of(
        &mut self,
        pid: Pid,
        abi: Abi,
        name: &str,
        arguments: &[u64],
        mut before: Pieces,
        outcome: Outcome,
        mut after: Pieces,
    ) -> Decoded {
        let mut all = [0; 6];
        all[..arguments.len()].copy_from_slice(arguments);
        let number = number(abi, name);
        let memory = capture::at_entry(abi, number, &all, 0, &self.options, &mut before);
        let entry = Entry {
            abi,
            number,
            arguments: all,
            instruction_pointer: 0,
            stack_pointer: 0,
            memory,
            stack: None,
            context: None,
            watched: false,
        };
        let (value, is_error) = match outcome {
            Value(value) => (value, false),
            Error(number) => (-number, true),
            Never => {
                return self.decoder.call(RawCall {
                    pid,
                    tid: pid,
                    entry: &entry,
                    returned: None,
                    unsure: self.unsure,
                });
            }
        };
        let memory = capture::at_return(&entry, value, is_error, &self.options, &mut after);
        let returned = Return { value, is_error, memory };
        self.decoder.call(RawCall { pid, tid: pid, entry: &entry, returned: Some(&returned), unsure: self.unsure })
    }

    fn open(&mut self, path: &str, flags: u64, descriptor: i64) {
        let memory = Pieces::default().with(0x1000, format!("{path}\0"));
        self.call(Abi::X86_64, "openat", &[CWD, 0x1000, flags], memory, Value(descriptor), Pieces::default());
    }

    fn path_of(&mut self, descriptor: u64) -> Option<String> {
        let none = Pieces::default;
        let decoded = self.call(Abi::X86_64, "fsync", &[descriptor], none(), Value(0), none());
        decoded.file_path.map(String::from)
    }
}

const CWD: u64 = -100i64 as u64;
const CLOEXEC: u64 = 0o2_000_000;

fn started(pid: Pid, origin: Origin) -> ProcessStarted {
    let image = Image { working_directory: Some(PathBuf::from("/home/user")), ..Image::default() };
    ProcessStarted { pid, parent_pid: None, origin, image, descriptors: Vec::new() }
}

fn line(decoded: &Decoded) -> String {
    let arguments: Vec<_> = decoded.arguments.iter().map(|argument| argument.text.as_str()).collect();
    format!("{}({}) = {}", decoded.name, arguments.join(", "), decoded.result)
}

/// A call on its own, as a line.
fn text(abi: Abi, name: &str, arguments: &[u64], before: Pieces, outcome: Outcome, after: Pieces) -> String {
    line(&Tracer::new(Options::default()).call(abi, name, arguments, before, outcome, after))
}

fn words(words: &[u64]) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()).collect()
}

fn ints(ints: &[u32]) -> Vec<u8> {
    ints.iter().flat_map(|int| int.to_le_bytes()).collect()
}
