//! DWARF expressions in unwinding rules: evaluated on a frame's registers and memory, in bounded steps.

use gimli::{Encoding, EndianSlice, Format, LittleEndian, Operation, Reader};
use renacer_events::Machine;

use super::state::{State, return_register, word_size};
use super::window::Window;

const MOST_STEPS: usize = 1000;
const MOST_VALUES: usize = 64;

/// The value stack of an evaluation.
struct Values {
    values: [u64; MOST_VALUES],
    length: usize,
    mask: u64,
}

impl Values {
    fn push(&mut self, value: u64) -> Option<()> {
        *self.values.get_mut(self.length)? = value & self.mask;
        self.length += 1;
        Some(())
    }

    fn pop(&mut self) -> Option<u64> {
        self.length = self.length.checked_sub(1)?;
        Some(self.values[self.length])
    }

    fn pick(&self, index: usize) -> Option<u64> {
        let at = self.length.checked_sub(index)?.checked_sub(1)?;
        Some(self.values[at])
    }

    /// Sign-extended.
    fn signed(&self, value: u64) -> i64 {
        if self.mask == u64::MAX { value as i64 } else { i64::from(value as u32 as i32) }
    }

    fn binary(&mut self, operation: impl FnOnce(u64, u64) -> u64) -> Option<()> {
        let right = self.pop()?;
        let left = self.pop()?;
        self.push(operation(left, right))
    }

    fn compare(&mut self, operation: impl FnOnce(i64, i64) -> bool) -> Option<()> {
        let right = self.pop()?;
        let left = self.pop()?;
        let holds = operation(self.signed(left), self.signed(right));
        self.push(holds.into())
    }
}

/// The value of an expression, none where it cannot be told. `initial` (the CFA) is on the stack at first.
pub(crate) fn evaluate(bytes: &[u8], initial: Option<u64>, state: &State, window: &mut Window) -> Option<u64> {
    let size = word_size(state.machine);
    let mask = if size == 8 { u64::MAX } else { u64::from(u32::MAX) };
    let encoding = Encoding { address_size: size as u8, format: Format::Dwarf32, version: 4 };
    let whole = EndianSlice::new(bytes, LittleEndian);
    let mut rest = whole;
    let mut values = Values { values: [0; MOST_VALUES], length: 0, mask };
    if let Some(initial) = initial {
        values.push(initial)?;
    }
    let register = |number: u16| {
        let is_pc = number == return_register(state.machine) && state.machine != Machine::Aarch64;
        if is_pc { Some(state.pc) } else { state.register(number) }
    };
    for _ in 0..MOST_STEPS {
        if rest.is_empty() {
            return values.pop();
        }
        let operation = Operation::parse(&mut rest, encoding).ok()?;
        let jump = |target: i16, rest: &EndianSlice<'_, LittleEndian>| {
            let here = rest.offset_from(whole);
            let there = here.checked_add_signed(target.into())?;
            bytes.get(there..).map(|bytes| EndianSlice::new(bytes, LittleEndian))
        };
        match operation {
            Operation::Deref { size: wanted, space: false, .. } => {
                let address = values.pop()?;
                let word = window.word(address)?;
                let bits = u32::from(wanted) * 8;
                values.push(if bits >= 64 { word } else { word & ((1 << bits) - 1) })?;
            }
            Operation::Drop => {
                values.pop()?;
            }
            Operation::Pick { index } => {
                let value = values.pick(index.into())?;
                values.push(value)?;
            }
            Operation::Swap => {
                let (top, next) = (values.pop()?, values.pop()?);
                values.push(top)?;
                values.push(next)?;
            }
            Operation::Rot => {
                let (one, two, three) = (values.pop()?, values.pop()?, values.pop()?);
                values.push(one)?;
                values.push(three)?;
                values.push(two)?;
            }
            Operation::Abs => {
                let value = values.pop()?;
                let value = values.signed(value).unsigned_abs();
                values.push(value)?;
            }
            Operation::And => values.binary(|left, right| left & right)?,
            Operation::Or => values.binary(|left, right| left | right)?,
            Operation::Xor => values.binary(|left, right| left ^ right)?,
            Operation::Plus => values.binary(u64::wrapping_add)?,
            Operation::Minus => values.binary(u64::wrapping_sub)?,
            Operation::Mul => values.binary(u64::wrapping_mul)?,
            Operation::Div => {
                let right = values.pop()?;
                let left = values.pop()?;
                let quotient = values.signed(left).checked_div(values.signed(right))?;
                values.push(quotient as u64)?;
            }
            Operation::Mod => {
                let right = values.pop()?;
                let left = values.pop()?;
                values.push(left.checked_rem(right)?)?;
            }
            Operation::Neg => {
                let value = values.pop()?;
                values.push(value.wrapping_neg())?;
            }
            Operation::Not => {
                let value = values.pop()?;
                values.push(!value)?;
            }
            Operation::PlusConstant { value } => {
                let left = values.pop()?;
                values.push(left.wrapping_add(value))?;
            }
            Operation::Shl => values.binary(|left, right| shifted(right).map_or(0, |by| left << by))?,
            Operation::Shr => values.binary(|left, right| shifted(right).map_or(0, |by| left >> by))?,
            Operation::Shra => {
                let right = values.pop()?;
                let left = values.pop()?;
                let value = values.signed(left) >> shifted(right).unwrap_or(63);
                values.push(value as u64)?;
            }
            Operation::Bra { target } => {
                if values.pop()? != 0 {
                    rest = jump(target, &rest)?;
                }
            }
            Operation::Skip { target } => rest = jump(target, &rest)?,
            Operation::Eq => values.compare(|left, right| left == right)?,
            Operation::Ne => values.compare(|left, right| left != right)?,
            Operation::Ge => values.compare(|left, right| left >= right)?,
            Operation::Gt => values.compare(|left, right| left > right)?,
            Operation::Le => values.compare(|left, right| left <= right)?,
            Operation::Lt => values.compare(|left, right| left < right)?,
            Operation::UnsignedConstant { value } => values.push(value)?,
            Operation::SignedConstant { value } => values.push(value as u64)?,
            Operation::Register { register: number } => values.push(register(number.0)?)?,
            Operation::RegisterOffset { register: number, offset, .. } => {
                values.push(register(number.0)?.wrapping_add(offset as u64))?;
            }
            Operation::Address { .. } => return None,
            Operation::CallFrameCFA => values.push(initial?)?,
            Operation::Nop => {}
            _ => return None,
        }
    }
    None
}

fn shifted(by: u64) -> Option<u32> {
    u32::try_from(by).ok().filter(|by| *by < 64)
}
