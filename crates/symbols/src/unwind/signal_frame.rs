//! The frame that the kernel makes for a signal's handler, where only the code that returns from it tells that it is one.

use renacer_events::Machine;

use super::rule::Step;
use super::state::{State, address, word_size};
use super::window::Window;

/// x86-64: DWARF number of each register of the kernel's sigcontext, in order, which begins 40 bytes into the ucontext.
const X86_64: [u16; 16] = [8, 9, 10, 11, 12, 13, 14, 15, 5, 4, 6, 3, 1, 0, 2, 7];
/// x86: edi, esi, ebp, esp, ebx, edx, ecx, eax.
const X86: [u16; 8] = [7, 6, 5, 4, 3, 2, 1, 0];

/// Takes all registers from the frame that the stack pointer is at.
pub(crate) fn apply(state: &mut State, window: &mut Window) -> Step {
    restore(state, window).unwrap_or(Step::Lost)
}

fn restore(state: &mut State, window: &mut Window) -> Option<Step> {
    let machine = state.machine;
    let stack = state.stack();
    let size = word_size(machine);
    // Where the registers begin, their numbers in order, and after how many words from there the address stands.
    let (start, count, pc) = match machine {
        // The return address is popped: struct ucontext is next.
        Machine::X86_64 => (stack.checked_add(40)?, X86_64.len(), 16),
        // Behind number and information there is the address of struct ucontext.
        Machine::X86 => (window.word(address(machine, stack.wrapping_add(8)))?.wrapping_add(36), X86.len(), 10),
        // struct siginfo, then struct ucontext with its mask, then the address of a fault.
        Machine::Aarch64 => (stack.checked_add(128 + 176 + 8)?, 32, 32),
    };
    let number = |index: usize| match machine {
        Machine::X86_64 => X86_64[index],
        Machine::X86 => X86[index],
        Machine::Aarch64 => index as u16,
    };
    let mut word = |index: u64| window.word(address(machine, start.wrapping_add(index * size)));
    let back = word(pc)?;
    for index in 0..count {
        let value = word(index as u64)?;
        state.set(number(index), Some(value));
    }
    state.pc = address(machine, back);
    Some(if state.pc == 0 { Step::End } else { Step::Interrupted })
}
