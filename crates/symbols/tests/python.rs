//! Python frames of real interpreters, compared with what the programs say of themselves. No ptrace: a child that waits in
//! a read is as still as a stopped one, and its memory is read through /proc.
//!
//! Interpreters are those that tests/locations/python/interpreters.sh gets, pyenv's, and the system's. Without any there is
//! nothing to compare with.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;

use renacer_events::{Frame, FrameKind, ModuleId, Pid, ReadMemory, StackEnd};
use renacer_symbols::modules::{Code, Module, Modules};
use renacer_symbols::object_file::ObjectFile;
use renacer_symbols::python::{Native, Python, Runtime, Stopped, Wanted};

/// Memory of a child, with a count of reads.
struct Memory {
    file: File,
    reads: usize,
}

impl ReadMemory for Memory {
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        self.reads += 1;
        if i64::try_from(address).is_err() {
            return 0;
        }
        let mut done = 0;
        while let Ok(read @ 1..) = self.file.read_at(&mut buffer[done..], address + done as u64) {
            done += read;
        }
        done
    }
}

/// An interpreter in a process.
struct Mapped {
    runtime: Runtime,
    module: ModuleId,
    bias: u64,
}

fn interpreters() -> Vec<PathBuf> {
    let fetched = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../target/python");
    let home = std::env::var_os("HOME").map(PathBuf::from).unwrap_or_default();
    let entries = [fetched, home.join(".pyenv/versions")].map(|folder| fs::read_dir(folder).into_iter().flatten());
    let found = entries.into_iter().flatten().flatten().map(|entry| entry.path().join("bin/python3"));
    // Two names of one interpreter are one.
    let mut found: Vec<_> = found.chain(["/usr/bin/python3".into()]).flat_map(fs::canonicalize).collect();
    found.sort();
    found.dedup();
    found.retain(|program| {
        let version = Command::new(program).args(["-c", "import sys; print(sys.version_info >= (3, 12))"]).output();
        version.is_ok_and(|version| version.stdout == b"True\n")
    });
    if found.is_empty() {
        eprintln!("skipped: no interpreter; tests/locations/python/interpreters.sh gets some");
    }
    found
}

/// Looks for the interpreter among a process's files.
fn mapped(pid: Pid, modules: &Modules) -> Option<Mapped> {
    let maps = fs::read_to_string(format!("/proc/{pid}/maps")).unwrap();
    let executable = maps.lines().filter(|line| line.contains(" r-xp ") && line.contains('/'));
    executable
        .filter_map(|line| {
            let path = &line[line.find('/')?..];
            let [range, _, offset] = *line.split(' ').take(3).collect::<Vec<_>>() else { return None };
            let hex = |text| u64::from_str_radix(text, 16).unwrap();
            let opened = File::open(path).ok()?;
            let file = ObjectFile::open(&opened).ok()?;
            let bias = hex(range.split('-').next()?).wrapping_sub(file.address_of_offset(hex(offset))?);
            let runtime = Runtime::find(&file, path.as_bytes())?;
            let module = Module { code: Code::File(opened), path: path.into(), is_program: false, root: None };
            Some(Mapped { runtime, module: modules.add(module)?, bias })
        })
        .next()
}

/// The stack pointer of a thread that waits in a system call.
fn stack_pointer(pid: Pid, tid: Pid) -> u64 {
    loop {
        let told = fs::read_to_string(format!("/proc/{pid}/task/{tid}/syscall")).unwrap();
        // Number, six arguments, stack pointer, instruction pointer. Zero is read, and the descriptor is 0.
        let fields: Vec<_> = told.split_whitespace().collect();
        if fields.len() == 9 && fields[..2] == ["0", "0x0"] || cfg!(not(target_arch = "x86_64")) && fields.len() == 9 {
            return u64::from_str_radix(fields[7].trim_start_matches("0x"), 16).unwrap();
        }
        std::thread::yield_now();
    }
}

struct Traced {
    python: Python,
    modules: Arc<Modules>,
    mapped: Mapped,
}

impl Traced {
    /// The Python frames of a thread that waits, as (function, file, line), and in how many reads.
    fn frames(&mut self, pid: Pid, tid: Pid) -> (Vec<(String, String, u32)>, usize) {
        let Mapped { runtime, module, bias } = &self.mapped;
        let mut memory = Memory { file: File::open(format!("/proc/{pid}/mem")).unwrap(), reads: 0 };
        // As if no frame but the innermost native one could be had.
        let mut frames = vec![Frame { module: ModuleId(u32::MAX), kind: FrameKind::Return, address: 1 }];
        let pointers = [stack_pointer(pid, tid)];
        let mut end = StackEnd::Unknown;
        let native = Native { frames: &mut frames, stack_pointers: &pointers, end: &mut end, limit: 512 };
        let stopped = Stopped { pid, tid, thread_pointer: 0, runtime, module: *module, bias: *bias };
        self.python.weave(&stopped, &mut memory, native);
        assert_eq!(frames.remove(0).module, ModuleId(u32::MAX));
        let found = frames.iter().map(|frame| {
            assert_eq!(frame.kind, FrameKind::Interpreted);
            let module = self.modules.get(frame.module).unwrap();
            let Code::Interpreter(table) = &module.code else { panic!("not the interpreter's table") };
            let place = Arc::clone(&table.read().unwrap()[usize::try_from(frame.address).unwrap()]);
            (place.function.clone(), place.file.clone(), place.line)
        });
        (found.collect(), memory.reads)
    }
}

/// Runs a program that stops; `each` is told what it says, and lets it go on.
fn run(interpreter: &Path, script: &str, mut each: impl FnMut(&str, &mut Child, &mut ChildStdin)) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python").join(script);
    let mut child = Command::new(interpreter).arg(script).stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    let (mut input, output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    for line in BufReader::new(output).lines() {
        each(&line.unwrap(), &mut child, &mut input);
    }
    assert!(child.wait().unwrap().success());
}

#[test]
fn frames_are_those_that_python_tells() {
    for interpreter in interpreters() {
        let modules = Arc::new(Modules::default());
        let mut traced: Option<Traced> = None;
        let (mut stops, mut reads) = (0, Vec::new());
        run(&interpreter, "stops.py", |line, child, input| {
            let pid = Pid::try_from(child.id()).unwrap();
            let traced = traced.get_or_insert_with(|| {
                let mapped = mapped(pid, &modules).expect("an interpreter that is known");
                Traced { python: Python::new(Arc::clone(&modules), Wanted::All), modules: Arc::clone(&modules), mapped }
            });
            let fields: Vec<_> = line.split('\t').collect();
            let told = fields[2..].chunks(3).map(|place| {
                let [function, file, line] = place else { panic!("{place:?}") };
                (function.to_string(), file.to_string(), line.parse::<u32>().unwrap())
            });
            let told: Vec<_> = told.collect();
            let (found, needed) = traced.frames(fields[0].parse().unwrap(), fields[1].parse().unwrap());
            assert_eq!(found, told, "{} at stop {stops}", interpreter.display());
            reads.push((needed, told.len()));
            stops += 1;
            input.write_all(b".").unwrap();
        });
        assert_eq!(stops, 66);
        // The first stop of all is not warm. One read for each code object, one for each piece of frames, and two or three.
        let (needed, frames) = reads[reads.len() - 1];
        eprintln!("{}: {needed} reads for {frames} frames", interpreter.display());
        assert!(needed <= frames + 5, "{needed} reads for {frames} frames");
    }
}

/// Memory in which every now and then a bit is another one.
struct Damaged {
    memory: Memory,
    state: u64,
    damage: u64,
}

impl ReadMemory for Damaged {
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        let read = self.memory.read(address, buffer);
        for byte in &mut buffer[..read] {
            self.state = self.state.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
            if (self.state >> 33).is_multiple_of(self.damage) {
                *byte ^= 1 << (self.state >> 61);
            }
        }
        read
    }
}

#[test]
fn damaged_memory_is_survived() {
    for interpreter in interpreters() {
        let modules = Arc::new(Modules::default());
        let mut stops = 0;
        let mut most_reads = 0;
        run(&interpreter, "stops.py", |line, child, input| {
            let pid = Pid::try_from(child.id()).unwrap();
            stops += 1;
            if stops % 16 == 1 && line.starts_with(&format!("{pid}\t{pid}\t")) {
                let Mapped { runtime, module, bias } = &mapped(pid, &modules).unwrap();
                let pointers = [stack_pointer(pid, pid)];
                for round in 0..12_u64 {
                    let memory = Memory { file: File::open(format!("/proc/{pid}/mem")).unwrap(), reads: 0 };
                    let state = round << 32 | stops;
                    let mut memory = Damaged { memory, state, damage: 10 << (round % 12) };
                    let mut python = Python::new(Arc::clone(&modules), Wanted::All);
                    for _ in 0..3 {
                        let mut frames = vec![Frame { module: *module, kind: FrameKind::Return, address: 1 }];
                        let mut end = StackEnd::Unknown;
                        let native =
                            Native { frames: &mut frames, stack_pointers: &pointers, end: &mut end, limit: 64 };
                        let stopped =
                            Stopped { pid, tid: pid, thread_pointer: 0, runtime, module: *module, bias: *bias };
                        python.weave(&stopped, &mut memory, native);
                        assert!(frames.len() <= 64);
                    }
                    most_reads = most_reads.max(memory.memory.reads);
                }
            }
            input.write_all(b".").unwrap();
        });
        assert!(most_reads < 100_000, "{most_reads} reads");
    }
}
