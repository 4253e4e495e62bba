//! A filter in the kernel: calls that nobody asked for do not stop the program at all.
//!
//! The program is classic BPF (seccomp(2), Documentation/userspace-api/seccomp_filter.rst). It looks for the call's convention, then
//! by binary search for its number, then at the lower halves of its arguments where that matters, and answers SECCOMP_RET_TRACE or
//! SECCOMP_RET_ALLOW. A filter can never be taken off again, and a call that it wants traced fails with ENOSYS where no tracer is:
//! so it is only used where the tracer stays for as long as the program, its threads and its children live.

use renacer_events::{Abi, Test};

use crate::choice::{Choice, MOST};
use crate::proc;
use crate::sys::seccomp as sys;

pub(crate) use crate::sys::seccomp::Instruction;

/// Why the kernel does not filter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Unfiltered {
    /// The kernel does not know SECCOMP_RET_TRACE.
    #[error("the kernel has no seccomp filters that report to a tracer")]
    Unsupported,
    /// What another filter forbids would not be seen any more: its refusal comes before our report.
    #[error("Renacer itself runs under a seccomp filter, whose refusals would go unseen")]
    AlreadyFiltered,
    /// The program's process was refused the filter.
    #[error("the kernel refused the filter")]
    Refused,
}

/// Whether programs that we launch can be given a filter.
pub fn available() -> Result<(), Unfiltered> {
    if !sys::can_trace() {
        return Err(Unfiltered::Unsupported);
    }
    match proc::seccomp_mode() {
        Some(0) => Ok(()),
        _ => Err(Unfiltered::AlreadyFiltered),
    }
}

/// linux/seccomp.h, struct seccomp_data: where the fields are.
const NUMBER: u32 = 0;
const ARCHITECTURE: u32 = 4;
const ARGUMENTS: u32 = 16;

/// linux/audit.h
#[cfg(target_arch = "x86_64")]
const AUDIT_ARCH_X86_64: u32 = 0xc000_003e;
#[cfg(target_arch = "x86_64")]
const AUDIT_ARCH_I386: u32 = 0x4000_0003;
#[cfg(target_arch = "aarch64")]
const AUDIT_ARCH_AARCH64: u32 = 0xc000_00b7;
/// asm/unistd.h: set in the number of an x32 call.
#[cfg(target_arch = "x86_64")]
const X32_SYSCALL_BIT: u32 = 0x4000_0000;
/// The number of a cancelled call, -1, has it too, but is none of x32.
#[cfg(target_arch = "x86_64")]
const NEGATIVE: u32 = 0x8000_0000;

/// linux/bpf_common.h
const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
const IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
const IF_AT_LEAST: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
const RETURN: u16 = 0x06; // BPF_RET | BPF_K
#[cfg(target_arch = "x86_64")]
const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K

/// What SECCOMP_RET_TRACE carries to the tracer, to know its own filter's reports.
pub(crate) const OURS: u16 = 0x5e0a;

/// Tests with more parts are not looked at in the kernel: their calls all stop.
const MOST_PARTS: usize = 60;
/// linux/bpf_common.h, BPF_MAXINSNS.
const MOST_INSTRUCTIONS: usize = 4096;

/// The program for a choice of calls.
pub(crate) fn program(choice: &Choice) -> Vec<Instruction> {
    let program = build(&|abi, number| choice.stops(abi, number));
    if program.len() <= MOST_INSTRUCTIONS {
        return program;
    }
    // Without the arguments there is one range at most for each number that differs from its neighbour.
    build(&|abi, number| match choice.stops(abi, number) {
        Test::Never => Test::Never,
        _ => Test::Always,
    })
}

fn build(stops: &dyn Fn(Abi, u64) -> Test) -> Vec<Instruction> {
    let mut program = vec![load(ARCHITECTURE)];
    program.extend(conventions(stops));
    program
}

/// The program behind the load of the architecture.
#[cfg(target_arch = "x86_64")]
fn conventions(stops: &dyn Fn(Abi, u64) -> Test) -> Vec<Instruction> {
    let native = search(Abi::X86_64, stops);
    let mut x32 = vec![plain(AND, !X32_SYSCALL_BIT)];
    x32.extend(search(Abi::X32, stops));
    let mut x86_64 = vec![load(NUMBER)];
    // From the highest down: cancelled calls, x32's, the native ones.
    let unnamed = leaf(&stops(Abi::X86_64, MOST));
    x86_64.extend(branch(NEGATIVE, branch(X32_SYSCALL_BIT, native, x32), unnamed));
    let mut i386 = vec![load(NUMBER)];
    i386.extend(search(Abi::I386, stops));
    // Another architecture's calls are counted by the tracer.
    choose(AUDIT_ARCH_X86_64, x86_64, choose(AUDIT_ARCH_I386, i386, vec![answer(true)]))
}

/// The program behind the load of the architecture.
#[cfg(target_arch = "aarch64")]
fn conventions(stops: &dyn Fn(Abi, u64) -> Test) -> Vec<Instruction> {
    let mut native = vec![load(NUMBER)];
    native.extend(search(Abi::Aarch64, stops));
    choose(AUDIT_ARCH_AARCH64, native, vec![answer(true)])
}

/// Finds what to do with the number that is loaded.
fn search(abi: Abi, stops: &dyn Fn(Abi, u64) -> Test) -> Vec<Instruction> {
    // Each range begins with a number and reaches to the next one's.
    let mut ranges: Vec<(u32, Test)> = Vec::new();
    for number in 0..=MOST {
        let test = stops(abi, number);
        if ranges.last().is_none_or(|(_, last)| *last != test) {
            ranges.push((number as u32, test));
        }
    }
    halve(&ranges)
}

fn halve(ranges: &[(u32, Test)]) -> Vec<Instruction> {
    match ranges {
        [] => vec![answer(true)],
        [(_, test)] => leaf(test),
        _ => {
            let (lower, upper) = ranges.split_at(ranges.len() / 2);
            branch(upper[0].0, halve(lower), halve(upper))
        }
    }
}

/// Goes to `upper` where what is loaded is at least `bound`.
fn branch(bound: u32, lower: Vec<Instruction>, upper: Vec<Instruction>) -> Vec<Instruction> {
    conditional(IF_AT_LEAST, bound, upper, lower)
}

/// Goes to `equal` where what is loaded is `value`.
fn choose(value: u32, equal: Vec<Instruction>, other: Vec<Instruction>) -> Vec<Instruction> {
    conditional(IF_EQUAL, value, equal, other)
}

/// Both ways end with an answer. The one taken if the condition does not hold comes first.
fn conditional(code: u16, value: u32, holds: Vec<Instruction>, fails: Vec<Instruction>) -> Vec<Instruction> {
    let mut program = match u8::try_from(fails.len()) {
        Ok(distance) => vec![Instruction { code, jt: distance, jf: 0, k: value }],
        // Conditional jumps reach 255 instructions; this one reaches a jump that goes on.
        Err(_) => vec![Instruction { code, jt: 0, jf: 1, k: value }, plain(JUMP, fails.len() as u32)],
    };
    program.extend(fails);
    program.extend(holds);
    program
}

/// Looks at the arguments.
fn leaf(test: &Test) -> Vec<Instruction> {
    if parts(test) > MOST_PARTS {
        return vec![answer(true)];
    }
    evaluate(test, vec![answer(true)], vec![answer(false)])
}

fn parts(test: &Test) -> usize {
    match test {
        Test::All(tests) | Test::Any(tests) => 1 + tests.iter().map(parts).sum::<usize>(),
        _ => 1,
    }
}

/// Goes on with `holds` or with `fails`, which both end with an answer.
fn evaluate(test: &Test, holds: Vec<Instruction>, fails: Vec<Instruction>) -> Vec<Instruction> {
    let compare = |register: u8, value, equal, other| {
        let mut program = vec![load(ARGUMENTS + 8 * u32::from(register))];
        program.extend(choose(value, equal, other));
        program
    };
    match test {
        Test::Always => holds,
        Test::Never => fails,
        &Test::Equals(register @ 0..6, value) => compare(register, value, holds, fails),
        &Test::Differs(register @ 0..6, value) => compare(register, value, fails, holds),
        Test::Equals(..) => fails,
        Test::Differs(..) => holds,
        // What follows is repeated in each way: answers are one instruction, and `parts` limits the rest.
        Test::All(tests) => tests.iter().rev().fold(holds, |holds, test| evaluate(test, holds, fails.clone())),
        Test::Any(tests) => tests.iter().rev().fold(fails, |fails, test| evaluate(test, holds.clone(), fails)),
    }
}

fn load(offset: u32) -> Instruction {
    plain(LOAD, offset)
}

fn plain(code: u16, k: u32) -> Instruction {
    Instruction { code, jt: 0, jf: 0, k }
}

/// Tells the tracer, or lets the call by.
fn answer(trace: bool) -> Instruction {
    plain(RETURN, if trace { libc::SECCOMP_RET_TRACE | u32::from(OURS) } else { libc::SECCOMP_RET_ALLOW })
}

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;

    /// What the kernel would do (net/core/filter.c), for the instructions that are used here.
    fn run(program: &[Instruction], number: u32, architecture: u32, arguments: &[u64; 6]) -> bool {
        let (mut at, mut loaded) = (0, 0u32);
        loop {
            let Instruction { code, jt, jf, k } = program[at];
            at += 1;
            match code {
                LOAD => {
                    loaded = match k {
                        NUMBER => number,
                        ARCHITECTURE => architecture,
                        _ => {
                            assert!(k >= ARGUMENTS && k.is_multiple_of(8), "a load at {k}");
                            arguments[(k - ARGUMENTS) as usize / 8] as u32
                        }
                    }
                }
                AND => loaded &= k,
                JUMP => at += k as usize,
                IF_EQUAL => at += usize::from(if loaded == k { jt } else { jf }),
                IF_AT_LEAST => at += usize::from(if loaded >= k { jt } else { jf }),
                RETURN => return k != libc::SECCOMP_RET_ALLOW,
                _ => panic!("instruction {code:#x}"),
            }
        }
    }

    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (self.0 >> 33) % bound
        }

        fn test(&mut self, depth: u64) -> Test {
            match self.below(if depth == 0 { 4 } else { 6 }) {
                0 => Test::Always,
                1 => Test::Never,
                2 => Test::Equals(self.below(7) as u8, self.below(4) as u32),
                3 => Test::Differs(self.below(6) as u8, self.below(4) as u32),
                4 => Test::All((0..self.below(4)).map(|_| self.test(depth - 1)).collect()),
                _ => Test::Any((0..self.below(4)).map(|_| self.test(depth - 1)).collect()),
            }
        }
    }

    #[test]
    fn the_program_and_the_tests_agree_on_random_calls() {
        let mut random = Random(7);
        for round in 0..60 {
            // Few or many different tests, so that ranges are long or short.
            let different = 1 + random.below(12);
            let tests: Vec<Test> = (0..different).map(|_| random.test(2)).collect();
            let sparse = round % 2 == 0;
            let pick = |abi: Abi, number: u64| {
                let key =
                    number.min(MOST).wrapping_mul(0x9e37_79b9_7f4a_7c15).wrapping_add(abi as u64 * 77 + round) >> 20;
                if sparse && !key.is_multiple_of(16) { &Test::Never } else { &tests[(key % different) as usize] }
            };
            let program = build(&|abi, number| pick(abi, number).clone());
            for _ in 0..2000 {
                let raw = match random.below(12) {
                    0 => u32::MAX - random.below(3) as u32,
                    1 => X32_SYSCALL_BIT + random.below(2000) as u32,
                    2 => random.below(1 << 32) as u32,
                    _ => random.below(1100) as u32,
                };
                let architecture = [AUDIT_ARCH_X86_64, AUDIT_ARCH_I386, 0xc000_00b7][random.below(3) as usize];
                let arguments = std::array::from_fn(|_| random.below(4) | random.below(2) << 32);
                let expected = match crate::arch::abi(architecture, raw.into()) {
                    // Only the part of it that the kernel's program has room for is exact.
                    Some((abi, number)) => pick(abi, number).holds(&arguments),
                    None => true,
                };
                assert_eq!(
                    run(&program, raw, architecture, &arguments),
                    expected,
                    "{raw:#x} {architecture:#x} {arguments:?}"
                );
            }
        }
    }

    #[test]
    fn a_test_that_is_too_long_is_left_to_the_tracer() {
        let long = Test::Any((0..100).map(|value| Test::Equals(0, value)).collect());
        let program = build(&|_, number| if number == 1 { long.clone() } else { Test::Never });
        assert!(run(&program, 1, AUDIT_ARCH_X86_64, &[1000, 0, 0, 0, 0, 0]), "it may hold, so the call stops");
        assert!(!run(&program, 2, AUDIT_ARCH_X86_64, &[0; 6]));
    }

    #[test]
    fn the_worst_choice_has_room() {
        let program = build(&|_, number| if number % 2 == 0 { Test::Never } else { Test::Always });
        assert!(program.len() > 4096 / 2, "it is the worst one: {}", program.len());
        // Real tables end before 500, which leaves less than half of this.
        assert!(program.len() / 2 <= MOST_INSTRUCTIONS, "{}", program.len());
    }
}
