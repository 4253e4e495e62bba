//! Stacks of a program that tells itself how its functions were called, built in several ways.
#![cfg(target_arch = "x86_64")]

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use renacer_events::{FrameKind, Machine, Pid, ReadMemory, Registers, Stack, StackEnd, StackWalker, channel};
use renacer_symbols::modules::{Code, Modules};
use renacer_symbols::walker::{Options, Walker};

const WAYS: [&str; 6] = ["recurse", "grow", "align", "sort", "fault", "thread"];

struct Memory {
    file: File,
    reads: usize,
}

impl ReadMemory for Memory {
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        self.reads += 1;
        self.file.read_at(buffer, address).unwrap_or(0)
    }
}

/// A program that waits in a system call, with what it says of itself.
struct Stopped {
    child: Child,
    tid: Pid,
    registers: Registers,
    returns: Vec<u64>,
}

impl Drop for Stopped {
    fn drop(&mut self) {
        // It may have ended; either way it is gone then.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn numbers(line: &str, name: &str) -> Vec<u64> {
    let rest = line.strip_prefix(name).unwrap_or_else(|| panic!("{line:?} begins with {name}"));
    rest.split_whitespace().map(|number| u64::from_str_radix(number, 16).expect("a number")).collect()
}

/// A thread of the process that waits in `read` (number 0): its id, stack pointer and instruction pointer.
fn waiting(pid: u32) -> Option<(Pid, u64, u64)> {
    fs::read_dir(format!("/proc/{pid}/task")).ok()?.find_map(|entry| {
        let name = entry.ok()?.file_name().into_string().ok()?;
        let text = fs::read_to_string(format!("/proc/{pid}/task/{name}/syscall")).ok()?;
        let words: Vec<&str> = text.split_whitespace().collect();
        let number = |word: &str| u64::from_str_radix(word.strip_prefix("0x")?, 16).ok();
        match words[..] {
            ["0", "0x0", .., stack, at] => Some((name.parse().ok()?, number(stack)?, number(at)?)),
            _ => None,
        }
    })
}

impl Stopped {
    fn start(program: &Path, way: &str) -> Stopped {
        let mut child = Command::new(program)
            .arg(way)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("the program starts");
        let mut output = BufReader::new(child.stdout.take().expect("a pipe"));
        let mut line = || {
            let mut line = String::new();
            output.read_line(&mut line).expect("a line");
            line
        };
        let returns = numbers(&line(), "returns");
        let saved = numbers(&line(), "registers");
        let deadline = Instant::now() + Duration::from_secs(60);
        let (tid, stack_pointer, instruction_pointer) = loop {
            if let Some(found) = waiting(child.id()) {
                break found;
            }
            assert!(Instant::now() < deadline, "it never waits");
            std::thread::sleep(Duration::from_millis(1));
        };
        let mut general = [0; 32];
        for (register, value) in [3, 6, 12, 13, 14, 15].into_iter().zip(saved) {
            general[register] = value;
        }
        general[7] = stack_pointer;
        let registers =
            Registers { machine: Machine::X86_64, instruction_pointer, stack_pointer, general, thread_pointer: 0 };
        Stopped { child, tid, registers, returns }
    }

    fn pid(&self) -> Pid {
        self.child.id() as Pid
    }

    fn memory(&self) -> Memory {
        Memory { file: File::open(format!("/proc/{}/mem", self.child.id())).expect("its memory"), reads: 0 }
    }

    /// Where the program's own file is mapped, less the address that it gives to that place itself.
    fn bias(&self) -> u64 {
        let maps = fs::read_to_string(format!("/proc/{}/maps", self.child.id())).expect("its map");
        let exe = fs::read_link(format!("/proc/{}/exe", self.child.id())).expect("its program");
        let first = maps.lines().find(|line| line.ends_with(exe.to_str().expect("text"))).expect("it is mapped");
        let start = first.split('-').next().and_then(|start| u64::from_str_radix(start, 16).ok()).expect("an address");
        // Position-independent files begin at 0, others where they are linked to.
        if start == 0x40_0000 { 0 } else { start }
    }
}

struct Walk {
    modules: Arc<Modules>,
    walker: Walker,
    new: renacer_events::Receiver<Arc<Stack>>,
}

impl Walk {
    fn new(options: Options) -> Walk {
        let modules = Arc::new(Modules::default());
        let (sender, new) = channel(1024);
        Walk { walker: Walker::new(Arc::clone(&modules), sender, options), modules, new }
    }

    fn walk(&mut self, stopped: &Stopped) -> Arc<Stack> {
        self.walker.walk(stopped.pid(), stopped.tid, &stopped.registers, &mut stopped.memory()).expect("a stack")
    }

    /// Addresses of frames in the program's own file.
    fn own(&self, stack: &Stack) -> Vec<(u64, FrameKind)> {
        let is_own = |frame: &&renacer_events::Frame| self.modules.get(frame.module).is_some_and(|it| it.is_program);
        stack.frames.iter().filter(is_own).map(|frame| (frame.address, frame.kind)).collect()
    }

    /// How many stacks were new.
    fn new_stacks(&self) -> usize {
        let mut count = 0;
        while let Ok(Some(_)) = self.new.take(Some(Instant::now())) {
            count += 1;
        }
        count
    }
}

/// Builds the program; none if the compiler is not there.
fn build(folder: &Path, compiler: &str, options: &[&str]) -> Option<PathBuf> {
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/walker/stacks.c");
    let program = folder.join("stacks");
    let status = Command::new(compiler).args(options).args(["-pthread", "-o"]).arg(&program).arg(source).status();
    match status {
        Ok(status) => {
            assert!(status.success(), "{compiler} {options:?}");
            Some(program)
        }
        Err(_) => {
            eprintln!("no {compiler}: not tested");
            None
        }
    }
}

/// All ways of one build: the program's own frames are exactly those that it tells.
fn check(compiler: &str, options: &[&str], ways: &[&str]) {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(program) = build(folder.path(), compiler, options) else { return };
    for way in ways {
        let stopped = Stopped::start(&program, way);
        let mut walk = Walk::new(Options::default());
        let stack = walk.walk(&stopped);
        let bias = stopped.bias();
        // Functions of libraries, such as the one that calls main, are not among the program's own.
        let is_own = |address: &u64| (0x1000..0x100_0000).contains(address);
        let expected = stopped.returns.iter().map(|address| address.wrapping_sub(bias)).filter(is_own);
        let expected: Vec<u64> = expected.collect();
        let own = walk.own(&stack);
        let found: Vec<u64> = own.iter().map(|(address, _)| *address).collect();
        let what = format!("{compiler} {options:?} {way}: {expected:x?} in {own:x?}, {:?}", stack.end);
        let interrupted = own.iter().filter(|(_, kind)| *kind == FrameKind::Exact).count();
        if options.contains(&"-static") {
            // All of libc's are among them: the told ones must be there, in order.
            let mut rest = found.iter();
            for address in &expected {
                assert!(rest.any(|found| found == address), "{address:x} is missing: {what}");
            }
            assert_eq!(interrupted, if *way == "fault" { 2 } else { 0 }, "{what}");
        } else {
            // The innermost is the call of read, the outermost _start, except in threads.
            let end = found.len() - usize::from(*way != "thread");
            let mut told = found[1..end].to_vec();
            if *way == "sort" {
                // The call of qsort, which does not tell where it returns to.
                told.remove(told.len() - 2);
            }
            assert_eq!(told, expected, "{what}");
            assert_eq!(interrupted, usize::from(*way == "fault"), "{what}");
        }
        assert_eq!(stack.end, StackEnd::Complete, "{what}");
    }
}

#[test]
fn without_optimisation() {
    check("gcc", &["-O0"], &WAYS);
}

#[test]
fn optimised_without_frame_pointers() {
    check("gcc", &["-O2", "-mavx2", "-fomit-frame-pointer"], &WAYS);
}

#[test]
fn not_position_independent() {
    check("gcc", &["-O1", "-no-pie"], &WAYS);
}

#[test]
fn statically_linked() {
    check("gcc", &["-O2", "-static"], &WAYS);
}

#[test]
fn segments_with_different_offsets() {
    if Command::new("ld.lld").arg("--version").output().is_err() {
        eprintln!("no lld: not tested");
        return;
    }
    check("gcc", &["-O2", "-fuse-ld=lld"], &["recurse", "fault"]);
}

#[test]
fn debug_frame_beside_eh_frame() {
    let options = ["-g", "-O2", "-fomit-frame-pointer", "-fno-asynchronous-unwind-tables", "-fno-unwind-tables"];
    check("gcc", &options, &WAYS);
    check("gcc", &[&options[..], &["-gz=zlib"]].concat(), &["recurse", "align"]);
}

#[test]
fn an_index_is_made_where_there_is_no_table() {
    check("gcc", &["-O2", "-static", "-Wl,--no-eh-frame-hdr"], &["recurse", "grow", "align", "sort"]);
}

#[test]
fn musl_has_no_call_frame_information() {
    check("musl-gcc", &["-O0", "-static"], &WAYS);
    check("musl-gcc", &["-O2", "-static"], &WAYS);
}

#[test]
fn a_stack_is_new_once_and_bounded() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(program) = build(folder.path(), "gcc", &["-O0"]) else { return };
    let stopped = Stopped::start(&program, "recurse");
    let mut walk = Walk::new(Options { most_frames: 50, ..Options::default() });
    let stack = walk.walk(&stopped);
    assert_eq!((stack.frames.len(), stack.end), (50, StackEnd::TooDeep));
    assert!(Arc::ptr_eq(&stack, &walk.walk(&stopped)));
    assert_eq!(walk.new_stacks(), 1);
    // What is known stays when the process is copied, and goes with another program.
    walk.walker.started(-1, Some(stopped.pid()));
    let copied = walk.walker.walk(-1, -1, &stopped.registers, &mut stopped.memory()).expect("a stack");
    assert!(Arc::ptr_eq(&stack, &copied));
    walk.walker.image_replaced(-1);
    assert!(walk.walker.walk(-1, -1, &stopped.registers, &mut stopped.memory()).is_none());
    walk.walker.exited(-1);
    assert_eq!(walk.new_stacks(), 0);
}

#[test]
fn the_same_file_is_one_module_in_all_processes() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(program) = build(folder.path(), "gcc", &["-O0"]) else { return };
    let (one, two) = (Stopped::start(&program, "sort"), Stopped::start(&program, "sort"));
    let mut walk = Walk::new(Options::default());
    let (first, second) = (walk.walk(&one), walk.walk(&two));
    assert!(Arc::ptr_eq(&first, &second), "{first:?} {second:?}");
    let program_module =
        first.frames.iter().filter_map(|frame| walk.modules.get(frame.module)).find(|it| it.is_program);
    let module = program_module.expect("the program's own");
    assert!(matches!(module.code, Code::File(_)));
    assert_eq!(module.path, program.canonicalize().expect("its path").into_os_string().into_encoded_bytes());
}

#[test]
fn a_deleted_program_is_read_by_what_is_mapped() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(program) = build(folder.path(), "gcc", &["-O2"]) else { return };
    let stopped = Stopped::start(&program, "recurse");
    let bias = stopped.bias();
    fs::remove_file(&program).expect("it is there");
    fs::write(&program, "something else").expect("it can be");
    let mut walk = Walk::new(Options::default());
    let stack = walk.walk(&stopped);
    let own = walk.own(&stack);
    assert_eq!(own.get(1).map(|own| own.0), Some(stopped.returns[0] - bias), "{own:x?}");
    assert_eq!(stack.end, StackEnd::Complete);
}

#[test]
fn a_known_stack_costs_one_read() {
    let folder = tempfile::tempdir().expect("a folder");
    let Some(program) = build(folder.path(), "gcc", &["-O0"]) else { return };
    let stopped = Stopped::start(&program, "grow");
    let mut walk = Walk::new(Options::default());
    let reads = (0..3).map(|_| {
        let mut memory = stopped.memory();
        walk.walker.walk(stopped.pid(), stopped.tid, &stopped.registers, &mut memory).expect("a stack");
        memory.reads
    });
    let reads: Vec<usize> = reads.collect();
    // The stack is about 200 KB, of which a fraction is read at once.
    assert!(reads[0] > 1 && reads[2] <= reads[0], "{reads:?}");
    let shallow = Stopped::start(&program, "sort");
    walk.walk(&shallow);
    let mut memory = shallow.memory();
    walk.walker.walk(shallow.pid(), shallow.tid, &shallow.registers, &mut memory).expect("a stack");
    assert_eq!(memory.reads, 1);
}

#[test]
fn any_registers_and_any_memory_are_survived() {
    struct Noise(u64);
    impl ReadMemory for Noise {
        fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
            for (index, byte) in buffer.iter_mut().enumerate() {
                let word = (address.wrapping_add(index as u64) ^ self.0) >> 3;
                let value = word.wrapping_mul(0x9e37_79b9_7f4a_7c15);
                *byte = (value >> (8 * (index % 8))) as u8;
            }
            if self.0.is_multiple_of(5) { buffer.len() / 2 } else { buffer.len() }
        }
    }
    let folder = tempfile::tempdir().expect("a folder");
    let Some(program) = build(folder.path(), "gcc", &["-O2", "-static"]) else { return };
    let stopped = Stopped::start(&program, "sort");
    let mut walk = Walk::new(Options::default());
    walk.walk(&stopped);
    let mut found = 0;
    for seed in 0..3000u64 {
        let mut registers = stopped.registers.clone();
        let random = |index: u64| (seed * 64 + index + 1).wrapping_mul(0xd134_2543_de82_ef95);
        registers.machine = [Machine::X86_64, Machine::X86, Machine::Aarch64][seed as usize % 3];
        // Code of the program, some of it not where instructions begin.
        registers.instruction_pointer = 0x40_1000 + random(0) % 0x8_0000;
        registers.stack_pointer = if seed % 2 == 0 { stopped.registers.stack_pointer & !7 } else { random(1) };
        for (index, register) in registers.general.iter_mut().enumerate() {
            *register = random(index as u64 + 2) >> (seed % 60);
        }
        let memory: &mut dyn ReadMemory = if seed % 4 == 0 { &mut stopped.memory() } else { &mut Noise(seed) };
        let stack = walk.walker.walk(stopped.pid(), stopped.tid, &registers, memory);
        found += usize::from(stack.is_some());
        walk.new_stacks();
    }
    assert!(found > 1000, "only {found} had a frame at all");
}
