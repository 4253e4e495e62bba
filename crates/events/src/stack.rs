//! A thread's call stack at a system call's entry: where it was, and, once that has been looked up, in which source.
//!
//! The tracer walks the stack while the thread stands still and records addresses only. Names and lines are looked up by
//! another thread afterwards, once for each different stack, and are waited for when a span is encoded.

use std::sync::{Arc, OnceLock};

use crate::{Attribute, Pid, Text, Tid};

/// Which instruction set a stopped thread runs, which is what its registers mean.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Machine {
    /// 64-bit x86, also x32.
    X86_64,
    /// 32-bit x86.
    X86,
    /// 64-bit Arm.
    Aarch64,
}

/// A thread's registers, by the numbers that DWARF gives them (System V psABI of the machine).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Registers {
    /// What they belong to.
    pub machine: Machine,
    /// The instruction pointer; it follows the instruction that made the call.
    pub instruction_pointer: u64,
    /// The stack pointer.
    pub stack_pointer: u64,
    /// General registers: x86-64 0 (rax) to 15 (r15), x86 0 (eax) to 7 (edi), aarch64 0 (x0) to 30 (x30) and 31 (sp).
    pub general: [u64; 32],
    /// The thread pointer: base of fs on x86-64, of gs on x86, TPIDR_EL0 on aarch64; 0 where unknown.
    pub thread_pointer: u64,
}

/// Reads the memory of one stopped tracee.
pub trait ReadMemory {
    /// Reads up to `buffer.len()` bytes at `address`; how many could be read, from the start.
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize;

    /// Reads all of `first`, and up to `second.1.len()` bytes at `second.0` in one go where that is possible; how many came of the
    /// second, none if the first could not be read as a whole.
    fn read_two(&mut self, first: (u64, &mut [u8]), second: (u64, &mut [u8])) -> Option<usize> {
        (self.read(first.0, first.1) == first.1.len()).then(|| self.read(second.0, second.1))
    }
}

/// A file or region of code that a frame is in, by its place in the table that the walker and the resolver share.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct ModuleId(pub u32);

/// One frame of a stack, before inlined functions are expanded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Frame {
    /// The module.
    pub module: ModuleId,
    /// What `address` is.
    pub kind: FrameKind,
    /// The address in the module's own terms (for ELF: virtual address in the file).
    pub address: u64,
}

/// What the address of a frame says.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FrameKind {
    /// It follows the instruction of interest (a call, or the system call instruction): look up `address - 1`.
    Return,
    /// It is the instruction of interest itself: the frame was interrupted by a signal.
    Exact,
    /// No address but the number of an interpreter's frame (function, file, line) in the module's table.
    Interpreted,
}

/// Why a walk ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum StackEnd {
    /// At the outermost frame.
    Complete,
    /// At the most frames that are kept.
    TooDeep,
    /// No rule leads on from the last frame, or the memory that the rule names cannot be read.
    Unknown,
}

/// A call stack, innermost frame first. Equal stacks of a run are one object.
#[derive(Debug)]
pub struct Stack {
    /// The frames.
    pub frames: Box<[Frame]>,
    /// Why there are no more.
    pub end: StackEnd,
    source: OnceLock<Source>,
}

/// What was found out about a stack.
#[derive(Debug, Default)]
pub struct Source {
    /// Whether the location is in the user's own code.
    pub is_user_code: bool,
    /// `code.*` of the location, and `code.stacktrace` where it was asked for.
    pub attributes: Vec<Attribute>,
    /// The same, marked as inherited by a thread or process that was created at this place.
    pub inherited: Vec<Attribute>,
    /// The stack as text, one line a frame, where it was asked for.
    pub lines: Vec<Text>,
}

impl Stack {
    /// A stack whose source is not known yet. Whoever makes it sees to it that it is [resolved](Self::resolve) one day.
    pub fn new(frames: Box<[Frame]>, end: StackEnd) -> Self {
        Stack { frames, end, source: OnceLock::new() }
    }

    /// Tells what was found out; the first telling counts.
    pub fn resolve(&self, source: Source) {
        let _ = self.source.set(source);
    }

    /// What was found out; waits until it is.
    pub fn source(&self) -> &Source {
        self.source.wait()
    }
}

/// Which code made a call: its thread's stack, and that of the thread's birth.
#[derive(Clone, Debug, Default)]
pub struct Caller {
    /// The stack at the call's entry.
    pub stack: Option<Arc<Stack>>,
    /// The stack of the call that created the thread or process.
    pub creator: Option<Arc<Stack>>,
}

impl Caller {
    /// `code.*` attributes of the call's span; waits until they are known. A stack without user code, as that of a child of
    /// posix_spawn before its exec, takes the location of its creator.
    pub fn attributes(&self) -> &[Attribute] {
        let own = self.stack.as_ref().map(|stack| stack.source());
        match own {
            Some(own) if own.is_user_code => &own.attributes,
            Some(own) => match self.creator.as_ref().map(|stack| stack.source()) {
                Some(creator) if creator.is_user_code => &creator.inherited,
                _ => &own.attributes,
            },
            None => &[],
        }
    }
}

/// Walks the stacks of stopped threads. Called by the tracer alone, in the order in which the kernel reports things.
pub trait StackWalker {
    /// Walks the stack of a stopped thread; none if nothing at all is known of it.
    fn walk(&mut self, pid: Pid, tid: Tid, registers: &Registers, memory: &mut dyn ReadMemory) -> Option<Arc<Stack>>;
    /// A process has been created by `creator` (its memory is a copy, or the same), or is there without one.
    fn started(&mut self, pid: Pid, creator: Option<Pid>);
    /// Exec has replaced the process's memory.
    fn image_replaced(&mut self, pid: Pid);
    /// What is mapped at this range has changed.
    fn remapped(&mut self, pid: Pid, start: u64, length: u64);
    /// The process is gone.
    fn exited(&mut self, pid: Pid);
}
