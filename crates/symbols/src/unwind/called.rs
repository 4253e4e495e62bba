//! Frames of functions without call frame information, such as musl's: a word on the stack is a return address only if the
//! call before it leads to the very function that the frame is in.

use std::collections::HashSet;
use std::hash::BuildHasherDefault;

use renacer_events::{Machine, Multiply, Pid};

use super::code::{self, BEFORE, Call, Prologue};
use super::rule::Called;
use super::state::{State, word_size};
use super::window::Window;
use crate::first_sight::{Images, Own};
use crate::maps::{Maps, Place};

/// How far up the stack a return address is looked for, in bytes. Frames of musl hold buffers of some pages at most.
const FARTHEST: u64 = 32 << 10;
/// How much of a function is looked at.
const MOST_CODE: usize = 1 << 12;
/// How many jumps may lead from the called function to the one that is looked for.
const MOST_JUMPS: u32 = 3;
/// Code that is looked at for one question.
const MOST_LOOKS: u32 = 64;
/// Words between `_start` and what the function that calls `main` is using.
const NEAR_ENTRY: u64 = 8;
/// Answers that are kept.
const MOST_KNOWN: usize = 1 << 16;

/// A process's code during one walk.
pub(crate) struct Code<'a> {
    pub pid: Pid,
    pub machine: Machine,
    pub maps: &'a mut Maps,
    pub own: &'a mut Own,
    pub images: &'a mut Images,
    pub known: &'a mut Known,
}

/// An address in an image.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Located {
    pub image: u32,
    pub bias: u64,
}

type FastSet<K> = HashSet<K, BuildHasherDefault<Multiply>>;

/// What has been found out about return addresses, in the terms of their files.
#[derive(Debug, Default)]
pub(crate) struct Known {
    /// Functions may return to them.
    returns: FastSet<(u32, u64)>,
    /// The call leads to this function.
    leads: FastSet<(u32, u64, u32, u64)>,
}

impl Code<'_> {
    /// The image that an address is in, without reading the process's map anew.
    #[inline]
    pub fn locate(&mut self, address: u64, window: &mut Window) -> Option<Located> {
        let index = self.maps.find(address)?;
        if let Place::Image { image, bias } = self.maps.range(index).place {
            return Some(Located { image, bias });
        }
        self.enter(index, window)
    }

    #[cold]
    fn enter(&mut self, index: usize, window: &mut Window) -> Option<Located> {
        if self.maps.range(index).place == Place::New {
            let mapping = self.maps.range(index).mapping.clone();
            let place = self.images.place(self.pid, self.own, &mapping, window);
            self.maps.set(index, place);
        }
        match self.maps.range(index).place {
            Place::Image { image, bias } => Some(Located { image, bias }),
            Place::New | Place::Nowhere => None,
        }
    }

    /// Copies code from its file, or from memory where it is in none; how many bytes there are.
    pub fn read(&mut self, located: Located, address: u64, buffer: &mut [u8], window: &mut Window) -> usize {
        let image = self.images.get(located.image);
        if image.file.is_none() {
            return window.bytes(address, buffer);
        }
        let found = image.code(address.wrapping_sub(located.bias), buffer.len()).unwrap_or_default();
        buffer[..found.len()].copy_from_slice(found);
        found.len()
    }

    fn calls_before(&mut self, located: Located, back: u64, window: &mut Window) -> [Option<Call>; 2] {
        let mut before = [0; BEFORE];
        let length = self.read(located, back.wrapping_sub(BEFORE as u64), &mut before, window);
        let mut found = [None; 2];
        if length == BEFORE {
            for (place, call) in found.iter_mut().zip(code::calls(self.machine, &before)) {
                *place = Some(call);
            }
        }
        found
    }

    /// Whether an address is one that a function may return to: it follows a call, ends a signal's handler, or is the
    /// first of a goroutine.
    pub fn is_return(&mut self, back: u64, window: &mut Window) -> bool {
        let Some(located) = self.locate(back.wrapping_sub(1), window) else { return false };
        let key = (located.image, back.wrapping_sub(located.bias));
        if self.known.returns.contains(&key) {
            return true;
        }
        let is = self.calls_before(located, back, window)[0].is_some()
            || self.is_signal_trampoline(located, back, window)
            || self.images.get(located.image).is_top_of_go(self.machine, key.1.wrapping_sub(1));
        if is {
            if self.known.returns.len() >= MOST_KNOWN {
                self.known.returns.clear();
            }
            self.known.returns.insert(key);
        }
        is
    }

    /// Whether the code at an address returns from a signal's handler.
    pub fn is_signal_trampoline(&mut self, located: Located, address: u64, window: &mut Window) -> bool {
        let mut code = [0; 9];
        let length = self.read(located, address, &mut code, window);
        code::is_signal_trampoline(self.machine, &code[..length])
    }

    /// Whether the call before an address leads to the function at another.
    pub fn leads(&mut self, back: u64, function: u64, window: &mut Window) -> bool {
        let (Some(from), Some(to)) = (self.locate(back.wrapping_sub(1), window), self.locate(function, window)) else {
            return false;
        };
        let key = (from.image, back.wrapping_sub(from.bias), to.image, function.wrapping_sub(to.bias));
        if self.known.leads.contains(&key) {
            return true;
        }
        let leads = self.reaches(from, back, &mut |_, target| target == function, window);
        if leads {
            if self.known.leads.len() >= MOST_KNOWN {
                self.known.leads.clear();
            }
            self.known.leads.insert(key);
        }
        leads
    }

    /// Whether the call before an address leads to a `goal`, a function that this holds for.
    fn reaches(
        &mut self,
        from: Located,
        back: u64,
        goal: &mut dyn FnMut(&mut Self, u64) -> bool,
        window: &mut Window,
    ) -> bool {
        let mut looks = MOST_LOOKS;
        self.calls_before(from, back, window).into_iter().flatten().any(|call| {
            let at = |distance: i32| back.wrapping_add(i64::from(distance) as u64);
            let target = match call {
                Call::Direct(distance) => Some(at(distance)),
                Call::Slot(distance) => window.other_word(at(distance)),
                Call::Indirect => None,
            };
            target.is_some_and(|target| self.arrives(target, goal, MOST_JUMPS, &mut looks, window))
        })
    }

    /// Whether code at `target` is the goal, or jumps to it: stubs for other files, and tail calls.
    fn arrives(
        &mut self,
        target: u64,
        goal: &mut dyn FnMut(&mut Self, u64) -> bool,
        jumps: u32,
        looks: &mut u32,
        window: &mut Window,
    ) -> bool {
        if goal(self, target) {
            return true;
        }
        let (Some(jumps), Some(left)) = (jumps.checked_sub(1), looks.checked_sub(1)) else { return false };
        *looks = left;
        let Some(located) = self.locate(target, window) else { return false };
        let own = target.wrapping_sub(located.bias);
        let image = self.images.get(located.image);
        let stub = image.code(own, 16).and_then(|code| code::stub_slot(code, target));
        if let Some(slot) = stub {
            let beyond = window.other_word(slot);
            return beyond.is_some_and(|beyond| self.arrives(beyond, goal, jumps, looks, window));
        }
        let Some((start, end)) = image.function(own).filter(|(start, _)| *start == own) else { return false };
        let size = usize::try_from(end - start).unwrap_or(MOST_CODE).min(MOST_CODE);
        let Some(code) = image.code(own, size) else { return false };
        // Jumps within the function are no calls.
        let leaves = |next: &u64| next.wrapping_sub(target) >= size as u64;
        let next: Vec<u64> = code::jumps(code, target).filter(leaves).collect();
        if next.iter().any(|next| goal(self, *next)) {
            return true;
        }
        next.into_iter().any(|next| {
            // Further ones are known by their symbols.
            let begins = self.locate(next, window).is_some_and(|located| {
                let own = next.wrapping_sub(located.bias);
                self.images.get(located.image).function(own).is_some_and(|(start, _)| start == own)
            });
            begins && self.arrives(next, goal, jumps, looks, window)
        })
    }

    /// Looks for the caller of the function that an address is in.
    pub fn search(&mut self, located: Located, address: u64, state: &State, window: &mut Window) -> Option<Called> {
        let word = word_size(self.machine);
        let Some((start, _)) = self.images.get(located.image).function(address) else {
            return self.search_nameless(located, address, state, window);
        };
        let prologue = self.prologue(located, start, address).unwrap_or_default();
        let function = start.wrapping_add(located.bias);
        let stack = state.stack();
        let mut leads = |offset: u64, window: &mut Window| {
            let back = window.word(stack.checked_add(offset)?)?;
            // Most words are no addresses of code at all.
            self.maps.find(back.wrapping_sub(1))?;
            self.leads(back, function, window).then_some(offset)
        };
        // Where the function's beginning says that it is, or else the first that can be.
        let mut found = leads(prologue.size, window);
        let mut offset = 0;
        while found.is_none() && offset < FARTHEST {
            window.word(stack.checked_add(offset)?)?;
            found = leads(offset, window);
            offset += word;
        }
        let found = found?;
        let is_exact = found == prologue.size;
        let mut saved = prologue.pushed;
        saved.retain(|(_, offset)| u64::from(offset.unsigned_abs()) <= found + word);
        Some(Called { function: start, cfa_offset: found + word, saved, is_exact })
    }

    /// The same where no symbol tells where the function begins: at the target of a call before the address, if from there
    /// on exactly so much has been put on the stack as is there.
    fn search_nameless(
        &mut self,
        located: Located,
        address: u64,
        state: &State,
        window: &mut Window,
    ) -> Option<Called> {
        let stack = state.stack();
        let word = word_size(self.machine);
        for offset in (0..FARTHEST).step_by(word as usize) {
            let back = window.word(stack.checked_add(offset)?)?;
            let Some(from) = self.locate(back.wrapping_sub(1), window) else { continue };
            let mut found = None;
            let mut goal = |code: &mut Self, target: u64| {
                let start = target.wrapping_sub(located.bias);
                let is_near = address.checked_sub(start).is_some_and(|within| within < MOST_CODE as u64);
                if is_near && !code.images.get(located.image).begins_within(start, address) {
                    let prologue = code.prologue(located, start, address).filter(|it| it.size == offset);
                    found = prologue.map(|prologue| (start, prologue.pushed));
                }
                found.is_some()
            };
            if self.reaches(from, back, &mut goal, window)
                && let Some((function, saved)) = found
            {
                return Some(Called { function, cfa_offset: offset + word, saved, is_exact: true });
            }
        }
        None
    }

    /// What the function has put on the stack before it comes to an address, where its code can be read.
    fn prologue(&mut self, located: Located, start: u64, address: u64) -> Option<Prologue> {
        if self.machine != Machine::X86_64 {
            return None;
        }
        let length = usize::try_from(address.checked_sub(start)?).ok()?.min(MOST_CODE);
        self.images.get(located.image).code(start, length).map(code::prologue)
    }

    /// Whether the function that an address is in is the first on its stack: its return address is where `_start` or a
    /// function like `clone` would have called it, after it has cleared the frame pointer.
    pub fn begins_stack(&mut self, located: Located, address: u64, state: &State, window: &mut Window) -> bool {
        let Some((start, _)) = self.images.get(located.image).function(address) else {
            return self.is_near_entry(state, window);
        };
        let Some(size) = self.prologue(located, start, address).map(|prologue| prologue.size) else { return false };
        let Some(back) = window.word(state.stack().wrapping_add(size)) else { return false };
        let Some(from) = self.locate(back.wrapping_sub(1), window) else { return false };
        if self.calls_before(from, back, window)[0].is_none() {
            return false;
        }
        let own = back.wrapping_sub(from.bias);
        let before = self.images.get(from.image).code(own.wrapping_sub(24), 24).unwrap_or_default();
        // xor %ebp, %ebp, or with a prefix %rbp
        before.windows(2).any(|pair| pair == [0x31, 0xed])
    }

    /// Whether the program's `_start` is so near on the stack that only the function that calls `main` can be between.
    fn is_near_entry(&mut self, state: &State, window: &mut Window) -> bool {
        let word = word_size(self.machine);
        (0..NEAR_ENTRY).any(|index| {
            let back = state.stack().checked_add(index * word).and_then(|at| window.word(at));
            let Some(back) = back.filter(|back| self.maps.find(back.wrapping_sub(1)).is_some()) else { return false };
            let Some(from) = self.locate(back.wrapping_sub(1), window) else { return false };
            let own = back.wrapping_sub(1).wrapping_sub(from.bias);
            self.images.get(from.image).is_entry(own) && self.calls_before(from, back, window)[0].is_some()
        })
    }
}
