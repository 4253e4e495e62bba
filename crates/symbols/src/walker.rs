//! The walker: from a stopped thread's registers to a stack of addresses.
//!
//! It runs while the thread stands still. What it finds out of an address (the module, the rule that leads to the caller) is
//! kept, so that a stack that was seen before costs one read of registers, one of the stack, and a look at each frame.

use std::hash::Hasher;
use std::sync::Arc;

use renacer_events::{
    FastMap, Frame, FrameKind, Machine, Multiply, Pid, ReadMemory, Registers, Sender, Source, Stack, StackEnd,
    StackWalker, Tid,
};

use crate::first_sight::{Images, Own};
use crate::maps::Maps;
use crate::modules::Modules;
use crate::python::{Native, Python, Stopped, Wanted};
use crate::replay::{Looked, Replays};
use crate::unwind::called::{Code, Known, Located};
use crate::unwind::cfi::Context;
use crate::unwind::code::trampoline_size;
use crate::unwind::rule::{Called, Rule, Step, go_on};
use crate::unwind::signal_frame;
use crate::unwind::state::{State, frame_register, stack_register, word_size};
use crate::unwind::window::{Buffers, Remembered, Window};

/// Rules that are kept. At about 150 bytes each, and one for each return address ever seen.
const MOST_RULES: usize = 1 << 17;
/// Different stacks that are kept.
const MOST_STACKS: usize = 1 << 16;
/// Frames of all stacks that are kept, 16 bytes each.
const MOST_STACK_FRAMES: usize = 1 << 21;
/// How often the search for one function's caller may fail before it is not made again; each takes tens of microseconds.
const MOST_FAILURES: u8 = 8;

/// How stacks are walked.
#[derive(Clone, Copy, Debug)]
pub struct Options {
    /// The most frames of a stack.
    pub most_frames: usize,
    /// Which frames of Python are read.
    pub python: Wanted,
}

impl Default for Options {
    fn default() -> Self {
        Options { most_frames: 256, python: Wanted::All }
    }
}

/// Walks stacks of stopped threads, and keeps what their processes have mapped.
#[derive(Debug)]
pub struct Walker {
    options: Options,
    processes: FastMap<Pid, Process>,
    images: Images,
    known: Known,
    rules: FastMap<(u32, u64), Rule>,
    stacks: Stacks,
    context: Box<Context>,
    buffers: Buffers,
    frames: Vec<Frame>,
    /// Those of the frames.
    stack_pointers: Vec<u64>,
    python: Python,
    replays: Replays,
}

/// What came of a walk.
enum Walked {
    /// The thread stands as one stood before.
    Again(Arc<Stack>),
    /// There are new frames, found by looking at these registers, up to this stack pointer.
    Anew { end: StackEnd, used: u32, outermost: u64 },
}

/// What is known of one process.
#[derive(Clone, Debug, Default)]
struct Process {
    maps: Maps,
    own: Own,
    /// The interpreter of Python that it has mapped, once a frame was seen in it.
    interpreter: Option<Located>,
}

impl Walker {
    /// A walker that enters what it sees into `modules`, and gives each new stack to `new_stacks`, whose other end must
    /// resolve it.
    pub fn new(modules: Arc<Modules>, new_stacks: Sender<Arc<Stack>>, options: Options) -> Walker {
        Walker {
            options,
            processes: FastMap::default(),
            python: Python::new(Arc::clone(&modules), options.python),
            images: Images::new(modules),
            known: Known::default(),
            rules: FastMap::default(),
            stacks: Stacks { known: FastMap::default(), frames: 0, new: new_stacks },
            context: Box::new(Context::new()),
            buffers: Buffers::default(),
            frames: Vec::new(),
            stack_pointers: Vec::new(),
            replays: Replays::new(),
        }
    }

    /// Puts frames of Python in the place of those of its interpreter.
    fn interpret(
        &mut self,
        pid: Pid,
        tid: Tid,
        registers: &Registers,
        memory: &mut dyn ReadMemory,
        end: &mut StackEnd,
    ) {
        let Some(interpreter) = self.processes.get(&pid).and_then(|process| process.interpreter) else { return };
        let image = self.images.get(interpreter.image);
        let Some(runtime) = &image.python else { return };
        let thread_pointer = if registers.machine == Machine::X86_64 { registers.thread_pointer } else { 0 };
        let stopped = Stopped { pid, tid, thread_pointer, runtime, module: image.module, bias: interpreter.bias };
        let mut memory = Remembered::new(memory, &self.buffers);
        let (frames, stack_pointers) = (&mut self.frames, self.stack_pointers.as_slice());
        self.python.weave(
            &stopped,
            &mut memory,
            Native { frames, stack_pointers, end, limit: self.options.most_frames },
        );
    }

    fn frames(&mut self, pid: Pid, registers: &Registers, memory: &mut dyn ReadMemory) -> Walked {
        let process = self.processes.entry(pid).or_default();
        let machine = registers.machine;
        let mut state = State::new(registers);
        let mut window = Window::new(memory, &mut self.buffers, state.stack(), word_size(machine));
        if let Some((stack, outermost)) = self.replays.find(pid, registers, |address| window.read_already(address)) {
            window.learn(outermost);
            return Walked::Again(stack);
        }
        let mut code = Code {
            pid,
            machine,
            maps: &mut process.maps,
            own: &mut process.own,
            images: &mut self.images,
            known: &mut self.known,
        };
        let mut kind = FrameKind::Return;
        let end = loop {
            // What follows a call may be no part of the function that called.
            let looked_up = if kind == FrameKind::Exact { state.pc } else { state.pc.wrapping_sub(1) };
            let Some(located) = find(&mut code, looked_up, &mut window) else { break StackEnd::Unknown };
            if self.frames.len() >= self.options.most_frames {
                break StackEnd::TooDeep;
            }
            let key = (located.image, looked_up.wrapping_sub(located.bias));
            let rule = match self.rules.get_mut(&key) {
                Some(rule) => rule,
                None => {
                    let rule = first_rule(&mut code, located, &state, kind, &mut window, &mut self.context);
                    if self.rules.len() >= MOST_RULES {
                        self.rules.clear();
                    }
                    self.rules.entry(key).insert_entry(rule).into_mut()
                }
            };
            // The address of a trampoline is its beginning: no call comes before it.
            let shown = if rule.is_signal_frame() { FrameKind::Exact } else { kind };
            let image = code.images.get(located.image);
            if image.python.is_some() {
                process.interpreter = Some(located);
            }
            self.stack_pointers.push(state.stack());
            self.frames.push(Frame { module: image.module, kind: shown, address: state.pc.wrapping_sub(located.bias) });
            let step = match rule {
                Rule::Small(small) => small.apply(&mut state, &mut window),
                Rule::Full(full) => full.apply(&mut state, &mut window),
                Rule::Signal => signal_frame::apply(&mut state, &mut window),
                Rule::End => Step::End,
                Rule::Go { moved, was_interrupted } => go(*moved, *was_interrupted, &mut code, &mut state, &mut window),
                Rule::FramePointer => frame_pointer(&mut code, &mut state, &mut window),
                Rule::Called { found, failures } => {
                    return_of((found, failures), &mut code, located, key.1, &mut state, &mut window)
                }
                Rule::Unknown => Step::Lost,
            };
            kind = match step {
                Step::Caller => FrameKind::Return,
                Step::Interrupted => FrameKind::Exact,
                Step::End => break StackEnd::Complete,
                Step::Lost => break StackEnd::Unknown,
            };
        };
        window.learn(state.stack());
        Walked::Anew { end, used: state.used.get(), outermost: state.stack() }
    }
}

/// The image at an address, reading the process's map where that may help.
#[inline]
fn find(code: &mut Code, address: u64, window: &mut Window) -> Option<Located> {
    code.locate(address, window).or_else(|| find_anew(code, address, window))
}

#[cold]
fn find_anew(code: &mut Code, address: u64, window: &mut Window) -> Option<Located> {
    // Low addresses are numbers, not code.
    if code.maps.find(address).is_some() || address < 0x1000 || !code.maps.may_have_changed() {
        return None;
    }
    code.maps.read(code.pid);
    code.locate(address, window)
}

/// Finds the rule of an address that is seen for the first time.
#[cold]
fn first_rule(
    code: &mut Code,
    located: Located,
    state: &State,
    kind: FrameKind,
    window: &mut Window,
    context: &mut Context,
) -> Rule {
    let machine = code.machine;
    let address = state.pc.wrapping_sub(located.bias);
    let looked_up = if kind == FrameKind::Exact { address } else { address.wrapping_sub(1) };
    let image = code.images.get(located.image);
    if let Some(rule) = image.rule(machine, looked_up, context) {
        return rule;
    }
    // At its beginning, or in the call that it is for.
    if code.is_signal_trampoline(located, state.pc, window)
        || code.is_signal_trampoline(located, state.pc.wrapping_sub(trampoline_size(machine)), window)
    {
        return Rule::Signal;
    }
    let image = code.images.get(located.image);
    if image.is_entry(looked_up) {
        return Rule::End;
    }
    if image.keeps_frame_pointer(looked_up) {
        return Rule::FramePointer;
    }
    let has_function = image.function(looked_up).is_some();
    let has_no_rules = image.has_no_rules(machine);
    match machine {
        Machine::X86_64 | Machine::X86 if has_function || (!has_no_rules && !image.is_generated) => {
            Rule::Called { found: None, failures: 0 }
        }
        _ if has_no_rules => Rule::FramePointer,
        _ => Rule::Unknown,
    }
}

/// Goes on to the caller that a verified call proves.
fn return_of(
    (rule, failures): (&mut Option<Box<Called>>, &mut u8),
    code: &mut Code,
    located: Located,
    address: u64,
    state: &mut State,
    window: &mut Window,
) -> Step {
    let word = word_size(code.machine);
    let back = |called: &Called, code: &mut Code, state: &State, window: &mut Window| {
        let cfa = state.stack().checked_add(called.cfa_offset)?;
        let back = window.word(cfa.checked_sub(word)?)?;
        code.leads(back, called.function.wrapping_add(located.bias), window).then_some((cfa, back))
    };
    let mut found = rule.as_ref().and_then(|called| back(called, code, state, window));
    if found.is_none() && *failures < MOST_FAILURES {
        match code.search(located, address, state, window) {
            Some(called) => {
                found = back(&called, code, state, window);
                *rule = Some(Box::new(called));
            }
            None => *failures += 1,
        }
    }
    let (Some((cfa, back)), Some(called)) = (found, rule) else {
        return if code.begins_stack(located, address, state, window) { Step::End } else { Step::Lost };
    };
    if !called.is_exact {
        // They may have been saved where nobody knows.
        let kept: &[u16] = match code.machine {
            Machine::X86 => &[3, 5, 6, 7],
            _ => &[3, 6, 12, 13, 14, 15],
        };
        for register in kept {
            state.set(*register, None);
        }
    }
    for (register, offset) in &called.saved {
        let value = window.word(cfa.wrapping_add(i64::from(*offset) as u64));
        state.set((*register).into(), value);
    }
    go_on(state, cfa, back)
}

/// Goes on to the caller of a Go function.
fn go(moved: u64, was_interrupted: bool, code: &mut Code, state: &mut State, window: &mut Window) -> Step {
    let word = word_size(code.machine);
    let frame = u16::from(frame_register(code.machine));
    let cfa = state.stack().wrapping_add(moved);
    let back = window.word(cfa.wrapping_sub(word));
    let back = back.filter(|back| was_interrupted || code.is_return(*back, window));
    let Some(back) = back else {
        // It has changed to another stack: frame pointers are right across that.
        return frame_pointer(code, state, window);
    };
    if moved > word {
        let saved = window.word(cfa.wrapping_sub(2 * word));
        state.set(frame, saved);
    }
    match go_on(state, cfa, back) {
        Step::Caller if was_interrupted => Step::Interrupted,
        step => step,
    }
}

/// Goes on along the chain of frame pointers, as far as that is plausible.
fn frame_pointer(code: &mut Code, state: &mut State, window: &mut Window) -> Step {
    let word = word_size(code.machine);
    let frame = u16::from(frame_register(code.machine));
    let Some(at) = state.register(frame) else { return Step::Lost };
    if at == 0 {
        return Step::End;
    }
    let stack_moved_up = at >= state.stack();
    if !stack_moved_up || !at.is_multiple_of(word) {
        return Step::Lost;
    }
    let (saved, back) = (window.word(at), window.word(at.wrapping_add(word)));
    let (Some(saved), Some(back)) = (saved, back) else { return Step::Lost };
    if back == 0 {
        return Step::End;
    }
    if find(code, back.wrapping_sub(1), window).is_none() || !code.is_return(back, window) {
        return Step::Lost;
    }
    state.set(frame, Some(saved));
    // On aarch64 the frame record is not at the frame's end, so that the stack pointer is a lower bound only.
    state.set(stack_register(code.machine).into(), Some(at.wrapping_add(2 * word)));
    go_on(state, at.wrapping_add(2 * word), back)
}

impl StackWalker for Walker {
    fn walk(&mut self, pid: Pid, tid: Tid, registers: &Registers, memory: &mut dyn ReadMemory) -> Option<Arc<Stack>> {
        self.frames.clear();
        self.stack_pointers.clear();
        let (mut end, used, outermost) = match self.frames(pid, registers, memory) {
            Walked::Again(stack) => return Some(stack),
            Walked::Anew { end, used, outermost } => (end, used, outermost),
        };
        self.interpret(pid, tid, registers, memory, &mut end);
        if self.frames.is_empty() {
            return None;
        }
        let stack = self.stacks.intern(&self.frames, end);
        let process = self.processes.get(&pid);
        // Python's frames are not on the stack, and what failed may succeed.
        let holds = end == StackEnd::Complete && process.is_some_and(|process| process.interpreter.is_none());
        if let Some(words) = self.buffers.looked().filter(|_| holds) {
            self.replays.remember(pid, registers, &Looked { used, words, outermost }, &stack);
        }
        Some(stack)
    }

    fn started(&mut self, pid: Pid, creator: Option<Pid>) {
        let process = creator.and_then(|creator| self.processes.get(&creator).cloned());
        self.processes.insert(pid, process.unwrap_or_default());
    }

    fn image_replaced(&mut self, pid: Pid) {
        self.replays.forget();
        self.python.forget(pid);
        self.processes.insert(pid, Process::default());
    }

    fn remapped(&mut self, pid: Pid, start: u64, length: u64) {
        if let Some(process) = self.processes.get_mut(&pid)
            && process.maps.forget(start, length)
        {
            self.replays.forget();
        }
    }

    fn exited(&mut self, pid: Pid) {
        self.replays.forget();
        self.python.forget(pid);
        self.processes.remove(&pid);
    }
}

/// All different stacks, by the sum of their frames.
struct Stacks {
    known: FastMap<u64, Arc<Stack>>,
    frames: usize,
    new: Sender<Arc<Stack>>,
}

impl std::fmt::Debug for Stacks {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Stacks").field("known", &self.known.len()).finish_non_exhaustive()
    }
}

impl Stacks {
    fn intern(&mut self, frames: &[Frame], end: StackEnd) -> Arc<Stack> {
        let mut sum = Multiply::default();
        for frame in frames {
            sum.write_u64(frame.address);
            sum.write_u64(u64::from(frame.module.0) << 8 | frame.kind as u64);
        }
        let sum = sum.finish() ^ end as u64;
        if let Some(known) = self.known.get(&sum)
            && *known.frames == *frames
            && known.end == end
        {
            return known.clone();
        }
        if self.known.len() >= MOST_STACKS || self.frames >= MOST_STACK_FRAMES {
            self.known.clear();
            self.frames = 0;
        }
        let stack = Arc::new(Stack::new(frames.into(), end));
        self.frames += frames.len();
        self.known.insert(sum, stack.clone());
        if self.new.send(stack.clone()).is_err() {
            // Nobody looks anything up any more, and whoever waits for it must not wait for ever.
            stack.resolve(Source::default());
        }
        stack
    }
}
