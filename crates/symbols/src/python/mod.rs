//! Frames of CPython, 3.12 and later, read at the stop out of a process that need not know of it.
//!
//! A thread that runs Python code has an activation of `_PyEval_EvalFrameDefault` on its native stack for each run of
//! Python frames that call one another without C in between. Such an activation is replaced by the Python frames that
//! it runs. Which ones these are is told by an address: see [`frames`]. So nothing is taken for a frame that the native
//! stack does not confirm, where that could be walked to its end; where it could not, the frames that remain follow at the
//! end.

mod code;
mod frames;
mod layout;
mod line_table;
mod reading;
mod runtime;
mod table;
mod text;
mod threads;

use std::collections::HashMap;
use std::sync::Arc;

use renacer_events::{Frame, FrameKind, ModuleId, Pid, ReadMemory, StackEnd, Tid};

use self::code::{Codes, Position};
use self::frames::{Chain, Link};
pub use self::runtime::Runtime;
use self::table::Table;
use self::threads::{Identity, States};
use crate::modules::Modules;

/// Threads of one process that are remembered.
const MOST_THREADS: usize = 4096;

/// Which of a thread's Python frames are read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Wanted {
    /// All. Each costs a read of the process's memory.
    #[default]
    All,
    /// Those up to the innermost one that is in the user's own code by its path and has a line.
    UserCode,
}

/// Reads Python frames of all processes.
#[derive(Debug)]
pub struct Python {
    modules: Arc<Modules>,
    wanted: Wanted,
    processes: HashMap<Pid, Process>,
    /// Of each interpreter's file.
    tables: HashMap<ModuleId, Table>,
    runs: Vec<Run>,
    found: Vec<Frame>,
    woven: Vec<Frame>,
}

/// A stopped thread of a process that has an interpreter mapped.
#[derive(Clone, Copy, Debug)]
pub struct Stopped<'a> {
    /// Its process.
    pub pid: Pid,
    /// The thread.
    pub tid: Tid,
    /// Its thread pointer on x86; elsewhere 0, as it does not tell the thread's pthread_self().
    pub thread_pointer: u64,
    /// The interpreter.
    pub runtime: &'a Runtime,
    /// The file that holds it.
    pub module: ModuleId,
    /// What is added to an address in that file to get one in the process.
    pub bias: u64,
}

/// A native stack, innermost frame first.
#[derive(Debug)]
pub struct Native<'a> {
    /// Its frames.
    pub frames: &'a mut Vec<Frame>,
    /// The stack pointer of each of them: a frame's own part of the stack reaches from there to that of the next.
    pub stack_pointers: &'a [u64],
    /// Why there are no more.
    pub end: &'a mut StackEnd,
    /// The most frames that are kept.
    pub limit: usize,
}

/// Python frames that one activation of the evaluator runs.
#[derive(Clone, Copy, Debug)]
struct Run {
    /// In the list of those that have been found.
    start: usize,
    end: usize,
    place: Place,
    /// Where its entry frame is, for the order among several interpreters.
    entry: u64,
}

/// Which native frame stands for a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    At(usize),
    /// Beyond the end of the native stack, which could not be walked further.
    Beyond,
}

#[derive(Debug, Default)]
struct Process {
    threads: HashMap<Tid, Thread>,
    codes: Codes,
}

#[derive(Debug)]
struct Thread {
    identity: Identity,
    states: States,
}

impl Python {
    /// None read yet. Interpreters' tables of frames are added to `modules`.
    pub fn new(modules: Arc<Modules>, wanted: Wanted) -> Self {
        Python {
            modules,
            wanted,
            processes: HashMap::new(),
            tables: HashMap::new(),
            runs: Vec::new(),
            found: Vec::new(),
            woven: Vec::new(),
        }
    }

    /// The process is gone, or runs another program.
    pub fn forget(&mut self, pid: Pid) {
        self.processes.remove(&pid);
    }

    /// Puts a stopped thread's Python frames into its native stack.
    pub fn weave(&mut self, stopped: &Stopped<'_>, memory: &mut dyn ReadMemory, native: Native<'_>) {
        let is_inside = native.frames.iter().any(|frame| frame.module == stopped.module);
        if !is_inside && *native.end == StackEnd::Complete {
            return;
        }
        let is_all = self.read(stopped, memory, &native, false) && *native.end == StackEnd::Complete;
        if !is_all && self.is_outdated(stopped, memory) {
            // It may run code of another interpreter that has been made since.
            self.read(stopped, memory, &native, true);
        }
        if !self.runs.is_empty() {
            self.merge(stopped, native);
        }
    }

    /// Reads the runs of a thread; whether each of the evaluator's frames has one.
    fn read(&mut self, stopped: &Stopped<'_>, memory: &mut dyn ReadMemory, native: &Native<'_>, again: bool) -> bool {
        self.runs.clear();
        self.found.clear();
        let layout = &stopped.runtime.layout;
        let process = self.processes.entry(stopped.pid).or_default();
        if process.threads.len() >= MOST_THREADS && !process.threads.contains_key(&stopped.tid) {
            process.threads.clear();
        }
        let thread = process
            .threads
            .entry(stopped.tid)
            .or_insert_with(|| Thread { identity: identity(stopped), states: States::default() });
        let state = stopped.bias.wrapping_add(stopped.runtime.state);
        let mut is_enough = false;
        let mut is_fresh = again || thread.states.states.is_empty();
        if is_fresh {
            thread.states = States::find(layout, state, thread.identity, memory);
        }
        let mut place = 0;
        while let Some(&state_of_thread) = thread.states.states.get(place) {
            place += 1;
            match threads::innermost_frame(layout, state_of_thread, thread.identity, memory) {
                Some(innermost) => {
                    let mut reader = Reader {
                        stopped,
                        wanted: self.wanted,
                        is_enough: false,
                        modules: &self.modules,
                        tables: &mut self.tables,
                        codes: &mut process.codes,
                        runs: &mut self.runs,
                        found: &mut self.found,
                    };
                    is_enough |= reader.read(innermost, memory, native);
                }
                None if is_fresh => {}
                None => {
                    // The state is another thread's by now, or gone.
                    is_fresh = true;
                    thread.states = States::find(layout, state, thread.identity, memory);
                    self.runs.clear();
                    self.found.clear();
                    place = 0;
                }
            }
        }
        if thread.states.states.len() > 1 {
            self.runs.sort_by_key(|run| run.entry);
        }
        // Where enough has been read, what lies beyond is of no interest.
        let beyond = match self.runs.last() {
            Some(Run { place: Place::At(place), .. }) if is_enough => place + 1,
            _ => native.frames.len(),
        };
        let mut frames = native.frames.iter().take(beyond).enumerate();
        frames.all(|(place, frame)| {
            !is_evaluator(stopped, frame) || self.runs.iter().any(|run| run.place == Place::At(place))
        })
    }

    fn is_outdated(&self, stopped: &Stopped<'_>, memory: &mut dyn ReadMemory) -> bool {
        let thread = self.processes.get(&stopped.pid).and_then(|process| process.threads.get(&stopped.tid));
        let state = stopped.bias.wrapping_add(stopped.runtime.state);
        thread.is_some_and(|thread| thread.states.is_outdated(&stopped.runtime.layout, state, memory))
    }

    fn merge(&mut self, stopped: &Stopped<'_>, native: Native<'_>) {
        let Native { frames, end, limit, .. } = native;
        self.woven.clear();
        let mut runs = self.runs.iter().peekable();
        for (place, frame) in frames.iter().enumerate() {
            let is_evaluator = is_evaluator(stopped, frame);
            match runs.peek() {
                Some(run) if run.place == Place::At(place) => {
                    // An entry frame elsewhere than in the interpreter is no entry frame.
                    if frame.module != stopped.module {
                        return;
                    }
                    match self.found.get(run.start..run.end) {
                        Some([]) | None => self.woven.push(*frame),
                        Some(found) => self.woven.extend_from_slice(found),
                    }
                    runs.next();
                }
                // What it runs is not known, so nothing can be said of what lies beyond either.
                Some(_) if is_evaluator => {
                    self.woven.extend_from_slice(frames.get(place..).unwrap_or_default());
                    runs.by_ref().for_each(drop);
                    break;
                }
                _ => self.woven.push(*frame),
            }
        }
        for run in runs.filter(|_| *end != StackEnd::Complete) {
            self.woven.extend_from_slice(self.found.get(run.start..run.end).unwrap_or_default());
        }
        if self.woven.len() > limit {
            self.woven.truncate(limit);
            *end = StackEnd::TooDeep;
        }
        std::mem::swap(frames, &mut self.woven);
    }
}

fn is_evaluator(stopped: &Stopped<'_>, frame: &Frame) -> bool {
    let instruction = match frame.kind {
        FrameKind::Return => frame.address.wrapping_sub(1),
        _ => frame.address,
    };
    frame.module == stopped.module
        && stopped.runtime.evaluator.as_ref().is_some_and(|evaluator| evaluator.contains(&instruction))
}

fn identity(stopped: &Stopped<'_>) -> Identity {
    if stopped.thread_pointer != 0 {
        return Identity::Pointer(stopped.thread_pointer);
    }
    Identity::Native(own_tid(stopped.pid, stopped.tid).unwrap_or(stopped.tid).unsigned_abs().into())
}

/// A thread's id in its own pid namespace.
fn own_tid(pid: Pid, tid: Tid) -> Option<Tid> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/task/{tid}/status")).ok()?;
    let ids = status.lines().find_map(|line| line.strip_prefix("NSpid:"))?;
    ids.split_whitespace().next_back()?.parse().ok()
}

/// Reads the chain of one thread state.
struct Reader<'a> {
    stopped: &'a Stopped<'a>,
    wanted: Wanted,
    /// No more code is wanted.
    is_enough: bool,
    modules: &'a Modules,
    tables: &'a mut HashMap<ModuleId, Table>,
    codes: &'a mut Codes,
    runs: &'a mut Vec<Run>,
    found: &'a mut Vec<Frame>,
}

impl Reader<'_> {
    /// Reads it; whether that was ended by having enough.
    fn read(&mut self, innermost: u64, memory: &mut dyn ReadMemory, native: &Native<'_>) -> bool {
        let (first, last) = (native.stack_pointers.first(), native.stack_pointers.last());
        let stack = first.copied().unwrap_or(0)..last.copied().unwrap_or(0);
        let mut chain = Chain::new(&self.stopped.runtime.layout, innermost, stack);
        let mut start = self.found.len();
        // A run whose entry frame cannot be reached belongs to nobody knows which native frame: it is not taken.
        while let Ok(Some(link)) = chain.next(memory) {
            match link {
                Link::Entry(entry) => {
                    // One that is elsewhere stands between Python frames, as that of a class's call to __init__ does.
                    if let Some(place) = place(native, entry) {
                        self.runs.push(Run { start, end: self.found.len(), place, entry });
                        start = self.found.len();
                        if self.is_enough {
                            return true;
                        }
                    }
                }
                // Only the entry frame is of interest.
                Link::Code { .. } if self.is_enough => {}
                Link::Code { code, instruction } => {
                    let Some(frame) = self.frame(code, instruction, memory) else { break };
                    self.found.extend(frame);
                    self.is_enough |= self.found.len() >= native.limit;
                }
            }
        }
        self.found.truncate(start);
        false
    }

    /// None if it cannot be read, and no frame if it is none that Python shows.
    #[expect(clippy::option_option, reason = "unreadable and hidden differ")]
    fn frame(&mut self, code: u64, instruction: u64, memory: &mut dyn ReadMemory) -> Option<Option<Frame>> {
        let Stopped { runtime, bias, module, .. } = *self.stopped;
        let code_type = runtime.code_type.map(|address| address.wrapping_add(bias));
        let position = self.codes.position(&runtime.layout, code_type, code, instruction, memory)?;
        let Position::Line(code, line) = position else { return Some(None) };
        self.is_enough |= self.wanted == Wanted::UserCode && code.is_user_code && line != 0;
        let table = match self.tables.entry(module) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => entry.insert(Table::new(self.modules, module)?),
        };
        let known = code.numbers.iter().find(|(known, _)| *known == line).map(|(_, number)| *number);
        let number = match known {
            Some(number) => number,
            None => {
                let number = table.number(&code.function, &code.file, line)?;
                code.numbers.push((line, number));
                number
            }
        };
        Some(Some(Frame { module: table.id(), kind: FrameKind::Interpreted, address: number.into() }))
    }
}

/// Which native frame an entry frame is in.
fn place(native: &Native<'_>, entry: u64) -> Option<Place> {
    let pointers = native.stack_pointers;
    let found = pointers.windows(2).position(|pair| matches!(*pair, [start, end] if (start..end).contains(&entry)));
    match found {
        Some(place) => Some(Place::At(place)),
        None if *native.end != StackEnd::Complete && pointers.last().is_none_or(|last| entry >= *last) => {
            Some(Place::Beyond)
        }
        None => None,
    }
}
