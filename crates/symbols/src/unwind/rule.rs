//! How one frame leads to the next: a rule for each address, small for nearly all of them.

use renacer_events::Machine;

use super::expression::evaluate;
use super::state::{State, address, return_address, stack_register};
use super::window::Window;

/// Registers that a small rule can restore. A function saves at most this many on aarch64.
const MOST_SAVED: usize = 12;

/// Where the walk goes on from an address.
#[derive(Clone, Debug)]
pub(crate) enum Rule {
    /// The outermost frame.
    End,
    /// The CFA is a register plus a number, all else stands at fixed places below it.
    Small(Small),
    /// Anything else that call frame information can say.
    Full(Box<Full>),
    /// A signal's frame as the kernel makes it, found by the code that leaves it.
    Signal,
    /// Found by a verified call, to be verified each time; none as long as none has been found.
    Called {
        /// What has been found.
        found: Option<Box<Called>>,
        /// How often nothing was found.
        failures: u8,
    },
    /// A Go function.
    Go {
        /// What it has put on the stack, with its return address, in bytes.
        moved: u64,
        /// Its return address is where a signal came, not behind a call.
        was_interrupted: bool,
    },
    /// A chain of frame pointers is all there is.
    FramePointer,
    /// It is not known.
    Unknown,
}

/// The rule of most addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Small {
    cfa_offset: i32,
    /// Of the return address, from the CFA; [`IN_REGISTER`] when it is in the machine's return register.
    return_offset: i16,
    cfa_register: u8,
    saved: u8,
    registers: [u8; MOST_SAVED],
    offsets: [i16; MOST_SAVED],
}

const IN_REGISTER: i16 = i16::MIN;

/// A function that has no call frame information, but whose caller is beyond doubt.
#[derive(Clone, Debug)]
pub(crate) struct Called {
    /// Where the function begins, in its file's terms.
    pub function: u64,
    /// The CFA is the stack pointer plus this.
    pub cfa_offset: u64,
    /// Registers that were pushed at the function's beginning: number, and offset from the CFA.
    pub saved: Vec<(u8, i16)>,
    /// The function's beginning accounts for all that is on the stack, so there are no other saved registers.
    pub is_exact: bool,
}

/// How to find the CFA.
#[derive(Clone, Debug)]
pub(crate) enum Cfa {
    /// A register plus a number.
    Register(u16, i64),
    /// The value of an expression.
    Expression(Box<[u8]>),
}

/// How to find a register's value in the caller.
#[derive(Clone, Debug)]
pub(crate) enum How {
    /// It is lost.
    Undefined,
    /// It is what it was.
    Same,
    /// In memory at the CFA plus this.
    At(i64),
    /// The CFA plus this.
    Is(i64),
    /// What another register has.
    Register(u16),
    /// In memory where an expression says.
    AtExpression(Box<[u8]>),
    /// The value of an expression.
    IsExpression(Box<[u8]>),
}

/// A rule of any form.
#[derive(Clone, Debug)]
pub(crate) struct Full {
    /// The canonical frame address.
    pub cfa: Cfa,
    /// The return address.
    pub return_address: How,
    /// All other registers that have a rule.
    pub registers: Vec<(u16, How)>,
    /// The frame was made by the kernel, so the address that it leads to was interrupted, and not left by a call.
    pub is_signal: bool,
}

/// What a rule led to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// The registers are those of the caller now.
    Caller,
    /// The same, and it was interrupted at its address.
    Interrupted,
    /// There is no caller.
    End,
    /// The rule cannot be followed.
    Lost,
}

impl Rule {
    /// Whether the frame itself is one that the kernel has made.
    pub fn is_signal_frame(&self) -> bool {
        match self {
            Rule::Signal => true,
            Rule::Full(full) => full.is_signal,
            _ => false,
        }
    }
}

impl Small {
    /// Makes a rule small, if it can be.
    pub fn new(full: &Full, machine: Machine) -> Option<Small> {
        let Cfa::Register(cfa_register, cfa_offset) = full.cfa else { return None };
        if full.is_signal {
            return None;
        }
        let mut small = Small {
            cfa_offset: i32::try_from(cfa_offset).ok()?,
            return_offset: match full.return_address {
                How::At(offset) => i16::try_from(offset).ok().filter(|offset| *offset != IN_REGISTER)?,
                How::Same if machine == Machine::Aarch64 => IN_REGISTER,
                _ => return None,
            },
            cfa_register: u8::try_from(cfa_register).ok().filter(|register| *register < 32)?,
            saved: 0,
            registers: [0; MOST_SAVED],
            offsets: [0; MOST_SAVED],
        };
        for (register, how) in &full.registers {
            let index = usize::from(small.saved);
            match how {
                How::Same => {}
                // Vector registers are not followed.
                _ if *register >= 32 => {}
                How::At(offset) if index < MOST_SAVED => {
                    small.registers[index] = *register as u8;
                    small.offsets[index] = i16::try_from(*offset).ok()?;
                    small.saved += 1;
                }
                _ => return None,
            }
        }
        Some(small)
    }

    #[inline]
    pub fn apply(&self, state: &mut State, window: &mut Window) -> Step {
        let Some(base) = state.register(self.cfa_register.into()) else { return Step::Lost };
        let cfa = address(state.machine, base.wrapping_add(i64::from(self.cfa_offset) as u64));
        let machine = state.machine;
        let word = |window: &mut Window, offset: i16| {
            window.word(address(machine, cfa.wrapping_add(i64::from(offset) as u64)))
        };
        let back = match self.return_offset {
            IN_REGISTER => state.register(30),
            offset => word(window, offset),
        };
        let Some(back) = back else { return Step::Lost };
        // Only a function that has not touched the stack leaves the stack pointer as it is; its caller has it in a register.
        let is_leaf = self.return_offset == IN_REGISTER && cfa == state.stack() && back != state.pc;
        if cfa <= state.stack() && !is_leaf {
            return Step::Lost;
        }
        for index in 0..usize::from(self.saved).min(MOST_SAVED) {
            let value = word(window, self.offsets[index]);
            state.set(self.registers[index].into(), value);
        }
        go_on(state, cfa, back)
    }
}

/// Sets the stack pointer and the instruction pointer of the caller.
pub(crate) fn go_on(state: &mut State, cfa: u64, back: u64) -> Step {
    state.set(stack_register(state.machine).into(), Some(cfa));
    state.pc = return_address(state.machine, back);
    if state.pc == 0 { Step::End } else { Step::Caller }
}

impl Full {
    /// Follows the rule.
    pub fn apply(&self, state: &mut State, window: &mut Window) -> Step {
        self.follow(state, window).unwrap_or(Step::Lost)
    }

    fn follow(&self, state: &mut State, window: &mut Window) -> Option<Step> {
        let machine = state.machine;
        let cfa = match &self.cfa {
            Cfa::Register(register, offset) => state.register(*register)?.wrapping_add(*offset as u64),
            Cfa::Expression(bytes) => evaluate(bytes, None, state, window)?,
        };
        let cfa = address(machine, cfa);
        if let Cfa::Register(..) = self.cfa
            && !self.is_signal
            && cfa <= state.stack()
            && !matches!(self.return_address, How::Same)
        {
            return None;
        }
        let old = state.clone();
        let mut find = |register: u16, how: &How| match how {
            How::Undefined => None,
            How::Same => old.register(register),
            How::At(offset) => window.word(address(machine, cfa.wrapping_add(*offset as u64))),
            How::Is(offset) => Some(cfa.wrapping_add(*offset as u64)),
            How::Register(other) => old.register(*other),
            How::AtExpression(bytes) => {
                let at = evaluate(bytes, Some(cfa), &old, window)?;
                window.word(at)
            }
            How::IsExpression(bytes) => evaluate(bytes, Some(cfa), &old, window),
        };
        let back = find(super::state::return_register(machine), &self.return_address)?;
        state.set(stack_register(machine).into(), Some(cfa));
        for (register, how) in &self.registers {
            state.set(*register, find(*register, how));
        }
        let old_pc = old.pc;
        state.pc = return_address(machine, back);
        if state.pc == 0 {
            return Some(Step::End);
        }
        if state.pc == old_pc && state.stack() == old.stack() {
            return None;
        }
        Some(if self.is_signal { Step::Interrupted } else { Step::Caller })
    }
}
