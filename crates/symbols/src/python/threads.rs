//! CPython's thread states: which of them are those of a stopped thread.

use renacer_events::ReadMemory;

use super::layout::Layout;
use super::reading::{fill, word, word_at};

/// What is looked at before the search is given up.
const MOST_INTERPRETERS: usize = 64;
const MOST_THREADS: usize = 8192;

/// How a stopped thread is told from others.
#[derive(Clone, Copy, Debug)]
pub(super) enum Identity {
    /// By what pthread_self() gives in it, which is its thread pointer on x86. A child of fork or vfork keeps it.
    Pointer(u64),
    /// By what gettid() gives in it, which is its id in its own pid namespace.
    Native(u64),
}

/// A thread state of the stopped thread. It has one in each interpreter in which it has run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct State {
    address: u64,
    interpreter: u64,
}

/// All states of a thread.
#[derive(Debug, Default)]
pub(super) struct States {
    pub states: Vec<State>,
    /// The newest interpreter when they were searched for: another one may hold another state.
    newest: u64,
}

impl States {
    /// Searches for them. `runtime` is the address of the runtime's state.
    pub fn find(layout: &Layout, runtime: u64, identity: Identity, memory: &mut dyn ReadMemory) -> States {
        let newest = newest(layout, runtime, memory);
        let mut found = States { states: Vec::new(), newest };
        let (mut interpreter, mut threads_left) = (newest, MOST_THREADS);
        for _ in 0..MOST_INTERPRETERS {
            let at = |offset: usize| interpreter.wrapping_add(offset as u64);
            let Some(mut address) = word_at(memory, at(layout.threads_head)) else { break };
            while address != 0 && threads_left > 0 {
                threads_left -= 1;
                let state = State { address, interpreter };
                let Some(thread) = Thread::read(layout, state, memory) else { break };
                if thread.is(identity) {
                    found.states.push(state);
                    break;
                }
                address = thread.next;
            }
            match word_at(memory, at(layout.interpreter_next)) {
                Some(next) if next != 0 => interpreter = next,
                _ => break,
            }
        }
        found
    }

    /// Whether interpreters were made since.
    pub fn is_outdated(&self, layout: &Layout, runtime: u64, memory: &mut dyn ReadMemory) -> bool {
        newest(layout, runtime, memory) != self.newest
    }
}

fn newest(layout: &Layout, runtime: u64, memory: &mut dyn ReadMemory) -> u64 {
    word_at(memory, runtime.wrapping_add(layout.interpreters_head as u64)).unwrap_or(0)
}

/// What a thread state says.
struct Thread {
    next: u64,
    id: u64,
    native_id: u64,
    frame: u64,
}

impl Thread {
    fn read(layout: &Layout, state: State, memory: &mut dyn ReadMemory) -> Option<Thread> {
        let fields = &layout.thread;
        let mut bytes = [0; 1024];
        let bytes = bytes.get_mut(..fields.size)?;
        fill(memory, state.address, bytes)?;
        if word(bytes, fields.interpreter)? != state.interpreter {
            return None;
        }
        Some(Thread {
            next: word(bytes, fields.next)?,
            id: word(bytes, fields.id)?,
            native_id: word(bytes, fields.native_id)?,
            frame: word(bytes, fields.frame)?,
        })
    }

    fn is(&self, identity: Identity) -> bool {
        match identity {
            Identity::Pointer(pointer) => self.id == pointer,
            Identity::Native(id) => self.native_id == id,
        }
    }
}

/// The innermost frame of a thread state, 0 if it runs no Python; none if this is no state of that thread any more.
pub(super) fn innermost_frame(
    layout: &Layout,
    state: State,
    identity: Identity,
    memory: &mut dyn ReadMemory,
) -> Option<u64> {
    let thread = Thread::read(layout, state, memory)?;
    if !thread.is(identity) {
        return None;
    }
    if layout.thread.frame_is_indirect && thread.frame != 0 {
        return word_at(memory, thread.frame);
    }
    Some(thread.frame)
}
