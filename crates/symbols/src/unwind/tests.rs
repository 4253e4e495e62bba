//! Rules on memory that is made up, and on files that are damaged.

use renacer_events::{Machine, ReadMemory, Registers};

use super::exercise::exercise;
use super::expression::evaluate;
use super::rule::{Cfa, Full, How, Small, Step};
use super::state::State;
use super::window::{Buffers, Window};

/// Words at the addresses from `base` on; counts how often it is read.
struct Words {
    base: u64,
    bytes: Vec<u8>,
    reads: usize,
}

impl Words {
    fn new(base: u64, words: impl IntoIterator<Item = u64>) -> Words {
        Words { base, bytes: words.into_iter().flat_map(u64::to_le_bytes).collect(), reads: 0 }
    }
}

impl ReadMemory for Words {
    fn read(&mut self, address: u64, buffer: &mut [u8]) -> usize {
        self.reads += 1;
        let Some(start) = address.checked_sub(self.base).and_then(|start| usize::try_from(start).ok()) else {
            return 0;
        };
        let bytes = self.bytes.get(start..).unwrap_or_default();
        let size = bytes.len().min(buffer.len());
        buffer[..size].copy_from_slice(&bytes[..size]);
        size
    }
}

fn state(machine: Machine, pc: u64, stack: u64) -> State {
    let general = std::array::from_fn(|index| index as u64);
    let registers = Registers { machine, instruction_pointer: pc, stack_pointer: stack, general, thread_pointer: 0 };
    State::new(&registers)
}

fn full(cfa: Cfa, return_address: How, registers: Vec<(u16, How)>) -> Full {
    Full { cfa, return_address, registers, is_signal: false }
}

#[test]
fn small_rules_do_what_full_ones_do() {
    let registers = || vec![(6, How::At(-16)), (3, How::At(-24)), (12, How::Same), (17, How::At(-32))];
    for machine in [Machine::X86_64, Machine::Aarch64] {
        let rule = full(Cfa::Register(7, 32), How::At(-8), registers());
        let small = Small::new(&rule, machine).expect("it is small");
        let mut memory = Words::new(0x1000, 100..200);
        let mut buffers = Buffers::default();
        let mut results = Vec::new();
        for is_small in [true, false] {
            let mut state = state(machine, 0x5000, 0x1000);
            state.set(7, Some(0x1000));
            let mut window = Window::new(&mut memory, &mut buffers, 0x1000, 8);
            let step =
                if is_small { small.apply(&mut state, &mut window) } else { rule.apply(&mut state, &mut window) };
            results.push((step, state.pc, state.general, state.unknown));
        }
        assert_eq!(results[0], results[1]);
        let (step, pc, general, unknown) = results[0];
        assert_eq!((step, pc, general[6], general[3], general[12], unknown), (Step::Caller, 103, 102, 101, 12, 0));
    }
}

#[test]
fn rules_that_are_not_small_stay_full() {
    let rule = |how| full(Cfa::Register(7, 8), How::At(-8), vec![(3, how)]);
    for how in [How::Undefined, How::Is(8), How::Register(4), How::At(-70_000), How::IsExpression(Box::default())] {
        assert_eq!(Small::new(&rule(how), Machine::X86_64), None);
    }
    assert_eq!(Small::new(&full(Cfa::Expression(Box::default()), How::At(-8), vec![]), Machine::X86_64), None);
    assert_eq!(Small::new(&full(Cfa::Register(7, 8), How::Same, vec![]), Machine::X86_64), None);
    assert!(Small::new(&Full { is_signal: true, ..rule(How::Same) }, Machine::X86_64).is_none());
}

#[test]
fn stacks_grow_downward_only() {
    let mut memory = Words::new(0x1000, 1..100);
    let mut buffers = Buffers::default();
    for (offset, expected) in [(-8, Step::Lost), (0, Step::Lost), (8, Step::Caller)] {
        let rule = full(Cfa::Register(7, offset), How::At(-8), vec![]);
        let small = Small::new(&rule, Machine::X86_64).expect("it is small");
        let mut window = Window::new(&mut memory, &mut buffers, 0x1040, 8);
        let (mut one, mut two) = (state(Machine::X86_64, 0x5000, 0x1040), state(Machine::X86_64, 0x5000, 0x1040));
        assert_eq!(small.apply(&mut one, &mut window), expected, "{offset}");
        assert_eq!(rule.apply(&mut two, &mut window), expected, "{offset}");
    }
}

#[test]
fn a_lost_register_is_not_used() {
    let mut memory = Words::new(0x1000, 1..100);
    let mut buffers = Buffers::default();
    let mut window = Window::new(&mut memory, &mut buffers, 0x1000, 8);
    let mut state = state(Machine::X86_64, 0x5000, 0x1000);
    let lose = full(Cfa::Register(7, 8), How::At(-8), vec![(6, How::Undefined)]);
    assert_eq!(lose.apply(&mut state, &mut window), Step::Caller);
    let by_frame = full(Cfa::Register(6, 16), How::At(-8), vec![]);
    assert_eq!(by_frame.apply(&mut state, &mut window), Step::Lost);
    // A register that no memory can be read for is lost too.
    let restore = full(Cfa::Register(7, 8), How::At(-8), vec![(6, How::At(1 << 40))]);
    assert_eq!(restore.apply(&mut state, &mut window), Step::Caller);
    assert_eq!(by_frame.apply(&mut state, &mut window), Step::Lost);
}

#[test]
fn arm_leaves_return_by_register_and_sign_their_addresses() {
    let mut memory = Words::new(0x1000, [0, 0xab12_0000_1234_5678]);
    let mut buffers = Buffers::default();
    let mut window = Window::new(&mut memory, &mut buffers, 0x1000, 8);
    let mut leaf = state(Machine::Aarch64, 0x5000, 0x1000);
    leaf.set(30, Some(0x007f_0000_0000_4000));
    let rule = Small::new(&full(Cfa::Register(31, 0), How::Same, vec![]), Machine::Aarch64).expect("it is small");
    assert_eq!(rule.apply(&mut leaf, &mut window), Step::Caller);
    assert_eq!((leaf.pc, leaf.stack()), (0x4000, 0x1000));
    // Whoever would do that again from the same place would do it for ever.
    leaf.set(30, Some(0x4000));
    assert_eq!(rule.apply(&mut leaf, &mut window), Step::Lost);
    let saved = full(Cfa::Register(31, 16), How::At(-8), vec![(30, How::At(-8))]);
    let mut state = state(Machine::Aarch64, 0x5000, 0x1000);
    assert_eq!(saved.apply(&mut state, &mut window), Step::Caller);
    assert_eq!(state.pc, 0x1234_5678);
}

#[test]
fn x86_has_words_of_four_bytes() {
    let mut memory = Words::new(0x1000, [0x0804_9000_0000_0007, 0x1111_1111_2222_2222]);
    let mut buffers = Buffers::default();
    let mut window = Window::new(&mut memory, &mut buffers, 0x1000, 4);
    let mut state = state(Machine::X86, 0x0804_8000, 0x1000);
    let rule = full(Cfa::Register(4, 8), How::At(-4), vec![(5, How::At(-8))]);
    let small = Small::new(&rule, Machine::X86).expect("it is small");
    assert_eq!(small.apply(&mut state, &mut window), Step::Caller);
    assert_eq!((state.pc, state.stack(), state.general[5]), (0x0804_9000, 0x1008, 7));
}

/// The value of an expression, with 0x2000 on the stack at first, rdi 5 and the address 0x100b.
fn value(bytes: &[u8]) -> Option<u64> {
    let mut memory = Words::new(0x1000, 100..200);
    let mut buffers = Buffers::default();
    let state = state(Machine::X86_64, 0x100b, 0x1000);
    let mut window = Window::new(&mut memory, &mut buffers, 0x1000, 8);
    evaluate(bytes, Some(0x2000), &state, &mut window)
}

#[test]
fn expressions_have_their_value() {
    // breg7 8; breg16 0; lit15; and; lit11; ge; lit3; shl; plus: the rule of procedure linkage tables.
    assert_eq!(value(&[0x77, 8, 0x80, 0, 0x3f, 0x1a, 0x3b, 0x2a, 0x33, 0x24, 0x22]), Some(0x1010));
    // breg7 16; deref
    assert_eq!(value(&[0x77, 16, 0x06]), Some(102));
    // The initial value; plus 4; minus rdi
    assert_eq!(value(&[]), Some(0x2000));
    assert_eq!(value(&[0x23, 4]), Some(0x2004));
    assert_eq!(value(&[0x75, 0, 0x1c]), Some(0x1ffb));
    // lit1; lit2; lit3; rot; drop; drop
    assert_eq!(value(&[0x31, 0x32, 0x33, 0x17, 0x13, 0x13]), Some(3));
    // lit8; lit0; div
    assert_eq!(value(&[0x38, 0x30, 0x1b]), None);
    // The smallest number; lit1; neg; div
    assert_eq!(value(&[0x0e, 0, 0, 0, 0, 0, 0, 0, 0x80, 0x31, 0x1f, 0x1b]), None);
    // Nothing on the stack, an unknown operation, an address that cannot be read, half an operand.
    for bytes in [&[0x13, 0x13][..], &[0xff], &[0x30, 0x06], &[0x0e, 1]] {
        assert_eq!(value(bytes), None, "{bytes:x?}");
    }
    // skip -3: for ever; lit1 without end; a jump out of the expression.
    assert_eq!(value(&[0x2f, 0xfd, 0xff]), None);
    assert_eq!(value(&[0x31; 65]), None);
    assert_eq!(value(&[0x2f, 0x00, 0x7f]), None);
}

#[test]
fn a_stack_is_read_in_few_pieces() {
    let mut memory = Words::new(0x10_0000, 0..20_000);
    let mut buffers = Buffers::default();
    let mut window = Window::new(&mut memory, &mut buffers, 0x10_0000, 8);
    for word in 0..20_000 {
        assert_eq!(window.word(0x10_0000 + word * 8), Some(word));
    }
    window.learn(0x10_0000 + 20_000 * 8);
    assert_eq!(window.word(0x10_0000 + 20_000 * 8), None);
    assert!(memory.reads < 12, "{} reads", memory.reads);
    // Another stack, and back.
    memory.reads = 0;
    let mut window = Window::new(&mut memory, &mut buffers, 0x10_0000, 8);
    assert_eq!(
        [0x10_0000, 0x12_0000, 0x10_0008, 0x12_0008, 0].map(|at| window.word(at)),
        [Some(0), Some(0x4000), Some(1), Some(0x4001), None]
    );
    assert_eq!(window.word(u64::MAX), None);
    assert_eq!(window.word(u64::MAX - 7), None);
    // Two for the stacks, one or two for each address that is nowhere.
    assert!(memory.reads <= 8, "{} reads", memory.reads);
}

#[test]
fn damaged_files_are_survived() {
    let maps = std::fs::read("/proc/self/maps").expect("this process's map");
    let vdso = crate::maps::parse(&maps).into_iter().find(|mapping| *mapping.path == *b"[vdso]").expect("a vDSO");
    let mut image = vec![0; (vdso.end - vdso.start) as usize];
    let memory = std::fs::File::open("/proc/self/mem").expect("this process's memory");
    std::os::unix::fs::FileExt::read_exact_at(&memory, &mut image, vdso.start).expect("the vDSO is there");
    let addresses = || (0..image.len() as u64).step_by(61);
    let mut stack = Words::new(0x1000, 0x5000..0x5400);
    let whole = exercise(&image, Machine::X86_64, addresses(), 0x1000, &mut stack);
    if cfg!(target_arch = "x86_64") {
        assert!(whole > 10, "only {whole} rules were found and followed");
    }
    let mut random = 1u64;
    let mut next = |below: usize| {
        random ^= random << 13;
        random ^= random >> 7;
        random ^= random << 17;
        random as usize % below
    };
    let mut followed = 0;
    for round in 0..400 {
        let mut damaged = image.clone();
        for _ in 0..=next(20) {
            // Mostly among the tables, which in a vDSO come before the code.
            let limit = if next(4) == 0 { image.len() } else { image.len() / 4 };
            damaged[next(limit)] = next(256) as u8;
        }
        let machine = [Machine::X86_64, Machine::X86, Machine::Aarch64][round % 3];
        let register = [0x1000, 0x1010, u64::MAX - 3][next(3)];
        followed += exercise(&damaged, machine, addresses(), register, &mut stack);
    }
    assert!(followed > 0);
}
