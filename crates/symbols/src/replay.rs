//! Walks that need not be made again: of a thread that stands where one stood before.
//!
//! A walk's outcome is decided by the registers and the words of the stack that it looks at, and by what is mapped. So the
//! words are written down, and where all of them are the same again, so is the stack. What else is on the stack does not matter.

use std::sync::Arc;

use renacer_events::{Pid, Registers, Stack};

/// How many walks are remembered; each is a kilobyte for a stack of some 30 frames.
const SLOTS: usize = 256;
/// Longer walks are not remembered.
const MOST_WORDS: usize = 1024;

/// Remembered walks.
#[derive(Debug)]
pub(crate) struct Replays {
    slots: Vec<Option<Replay>>,
    /// Counts changes of what is mapped anywhere.
    epoch: u64,
}

#[derive(Debug)]
struct Replay {
    pid: Pid,
    epoch: u64,
    registers: Registers,
    /// A bit for each general register that was looked at.
    used: u32,
    /// The words of the stack that were looked at.
    words: Vec<(u64, u64)>,
    /// The stack pointer of the outermost frame.
    outermost: u64,
    stack: Arc<Stack>,
}

/// What a walk has looked at.
pub(crate) struct Looked<'a> {
    /// A bit for each general register.
    pub used: u32,
    /// Words of the stack.
    pub words: &'a [(u64, u64)],
    /// The stack pointer of the outermost frame.
    pub outermost: u64,
}

impl Replays {
    /// Remembers nothing yet.
    pub fn new() -> Replays {
        Replays { slots: (0..SLOTS).map(|_| None).collect(), epoch: 0 }
    }

    /// What is mapped has changed: nothing holds any more.
    pub fn forget(&mut self) {
        self.epoch += 1;
    }

    /// The stack of a thread, and the stack pointer of its outermost frame, if it stands as one stood before. `word` reads its stack.
    pub fn find(
        &self,
        pid: Pid,
        registers: &Registers,
        word: impl Fn(u64) -> Option<u64>,
    ) -> Option<(Arc<Stack>, u64)> {
        let replay = self.slots.get(slot(registers))?.as_ref()?;
        let known = &replay.registers;
        let same = replay.pid == pid
            && replay.epoch == self.epoch
            && known.machine == registers.machine
            && known.instruction_pointer == registers.instruction_pointer
            && known.stack_pointer == registers.stack_pointer
            && known
                .general
                .iter()
                .zip(&registers.general)
                .enumerate()
                .all(|(index, (known, now))| replay.used >> index & 1 == 0 || known == now)
            && replay.words.iter().all(|&(address, known)| word(address) == Some(known));
        same.then(|| (replay.stack.clone(), replay.outermost))
    }

    /// Remembers a walk.
    pub fn remember(&mut self, pid: Pid, registers: &Registers, looked: &Looked, stack: &Arc<Stack>) {
        if looked.words.len() > MOST_WORDS {
            return;
        }
        let epoch = self.epoch;
        let Some(slot) = self.slots.get_mut(slot(registers)) else { return };
        let mut words = slot.take().map(|replay| replay.words).unwrap_or_default();
        words.clear();
        words.extend_from_slice(looked.words);
        *slot = Some(Replay {
            pid,
            epoch,
            registers: registers.clone(),
            used: looked.used,
            words,
            outermost: looked.outermost,
            stack: stack.clone(),
        });
    }
}

fn slot(registers: &Registers) -> usize {
    let mixed = (registers.stack_pointer >> 3 ^ registers.instruction_pointer).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (mixed >> 56) as usize % SLOTS
}

#[cfg(test)]
mod tests {
    use renacer_events::{Machine, StackEnd};

    use super::*;

    fn registers() -> Registers {
        let general = std::array::from_fn(|index| index as u64);
        Registers {
            machine: Machine::X86_64,
            instruction_pointer: 0x401000,
            stack_pointer: 0x7fff_0000,
            general,
            thread_pointer: 0,
        }
    }

    #[test]
    fn a_stack_is_the_same_where_all_that_was_looked_at_is() {
        let mut replays = Replays::new();
        let stack = Arc::new(Stack::new(Box::new([]), StackEnd::Complete));
        let words = [(0x7fff_0008, 5), (0x7fff_0020, 6)];
        let looked = Looked { used: 1 << 6, words: &words, outermost: 0x7fff_0100 };
        replays.remember(7, &registers(), &looked, &stack);
        let memory = |address: u64| words.iter().find(|(known, _)| *known == address).map(|&(_, word)| word);
        let finds = |replays: &Replays, pid, registers: &Registers| replays.find(pid, registers, memory).is_some();
        let found = replays.find(7, &registers(), memory).expect("the same walk");
        assert!(Arc::ptr_eq(&found.0, &stack) && found.1 == 0x7fff_0100);

        // A register that nobody looked at does not matter, one that decided does.
        let (mut other, mut decisive) = (registers(), registers());
        (other.general[0], decisive.general[6]) = (99, 99);
        assert!(finds(&replays, 7, &other));
        assert!(!finds(&replays, 7, &decisive));
        let mut moved = registers();
        moved.instruction_pointer += 2;
        assert!(!finds(&replays, 7, &moved));
        assert!(!finds(&replays, 8, &registers()));
        // Another word, and one that cannot be read.
        assert!(replays.find(7, &registers(), |address| memory(address).map(|word| word + 1)).is_none());
        assert!(replays.find(7, &registers(), |address| memory(address).filter(|word| *word == 5)).is_none());
        // Something else is mapped.
        replays.forget();
        assert!(!finds(&replays, 7, &registers()));
    }
}
