//! What machine code says of frames: calls, jumps, pushes at a function's beginning, and signal trampolines.

use renacer_events::Machine;

/// How a call names its target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Call {
    /// At this distance from the address that follows the call.
    Direct(i32),
    /// The address is in memory, at this distance from the address that follows the call (x86-64).
    Slot(i32),
    /// The address is in a register, or in memory that a register leads to.
    Indirect,
}

/// Bytes before a return address that are needed to recognise a call.
pub(crate) const BEFORE: usize = 7;

fn number(bytes: &[u8]) -> Option<i32> {
    Some(i32::from_le_bytes(bytes.get(..4)?.try_into().ok()?))
}

/// The calls that may end at the end of `bytes` (the last [`BEFORE`] bytes before a return address), the likeliest first.
pub(crate) fn calls(machine: Machine, bytes: &[u8; BEFORE]) -> impl Iterator<Item = Call> {
    let found = match machine {
        Machine::Aarch64 => [aarch64_call(bytes), None],
        Machine::X86_64 | Machine::X86 => {
            let direct = if bytes[2] == 0xe8 { number(&bytes[3..]).map(Call::Direct) } else { None };
            [direct, x86_indirect(machine, bytes)]
        }
    };
    found.into_iter().flatten()
}

fn aarch64_call(bytes: &[u8; BEFORE]) -> Option<Call> {
    let word = number(&bytes[BEFORE - 4..])? as u32;
    if word >> 26 == 0b10_0101 {
        // bl, in words from itself.
        let distance = (word << 6) as i32 >> 4;
        return Some(Call::Direct(distance.wrapping_sub(4)));
    }
    // blr, blraa and their kin.
    let is_blr = word & 0xffff_fc1f == 0xd63f_0000 || word & 0xfeff_f800 == 0xd63f_0800;
    is_blr.then_some(Call::Indirect)
}

/// `call` by way of a register or memory: FF /2 in all its lengths.
fn x86_indirect(machine: Machine, bytes: &[u8; BEFORE]) -> Option<Call> {
    (2..=BEFORE).find_map(|length| {
        let call = &bytes[BEFORE - length..];
        let (opcode, modrm) = (call[0], call[1]);
        if opcode != 0xff || modrm >> 3 & 7 != 2 {
            return None;
        }
        let (mode, memory) = (modrm >> 6, modrm & 7);
        let sib = if mode != 3 && memory == 4 { 1 } else { 0 };
        let displacement = match mode {
            0 if memory == 5 || (memory == 4 && call.get(2).is_some_and(|sib| sib & 7 == 5)) => 4,
            1 => 1,
            2 => 4,
            _ => 0,
        };
        if 2 + sib + displacement != length {
            return None;
        }
        let is_slot = machine == Machine::X86_64 && mode == 0 && memory == 5;
        Some(if is_slot { Call::Slot(number(&call[2..])?) } else { Call::Indirect })
    })
}

/// The slot through which a stub of the procedure linkage table jumps, for code at `address` (x86-64).
pub(crate) fn stub_slot(code: &[u8], address: u64) -> Option<u64> {
    let endbr = code.starts_with(&[0xf3, 0x0f, 0x1e, 0xfa]);
    let mut at = if endbr { 4 } else { 0 };
    if code.get(at) == Some(&0xf2) {
        at += 1;
    }
    let jump = code.get(at..at + 6)?;
    if jump[..2] != [0xff, 0x25] {
        return None;
    }
    let next = address.wrapping_add(at as u64 + 6);
    Some(next.wrapping_add(i64::from(number(&jump[2..])?) as u64))
}

/// Where code at `address` may go on without coming back (x86-64): targets of direct jumps, and, if it jumps to an address
/// in a register, the addresses that it computes. Some of what is found may be no instruction: what matters is whether a
/// certain target is among them, which by chance it is one time in four thousand million.
pub(crate) fn jumps(code: &[u8], address: u64) -> impl Iterator<Item = u64> {
    let jumps_to_register = code.windows(2).any(|pair| pair[0] == 0xff && pair[1] & 0xf8 == 0xe0);
    let target = move |at: usize, distance: &[u8]| {
        let next = address.wrapping_add(at as u64 + 4);
        Some(next.wrapping_add(i64::from(number(distance)?) as u64))
    };
    (0..code.len()).filter_map(move |at| match code[at..] {
        [0xe9, ref distance @ ..] => target(at + 1, distance),
        // lea distance(%rip), register
        [0x48 | 0x4c, 0x8d, modrm, ref distance @ ..] if jumps_to_register && modrm & 0xc7 == 5 => {
            target(at + 3, distance)
        }
        _ => None,
    })
}

/// The code that returns from a signal's handler, where no call frame information marks it: musl's and Go's.
pub(crate) fn is_signal_trampoline(machine: Machine, code: &[u8]) -> bool {
    match machine {
        // mov $15, %rax; syscall, with either encoding of the move.
        Machine::X86_64 => {
            code.starts_with(&[0x48, 0xc7, 0xc0, 15, 0, 0, 0, 0x0f, 0x05])
                || code.starts_with(&[0xb8, 15, 0, 0, 0, 0x0f, 0x05])
        }
        // mov $173, %eax; int $0x80
        Machine::X86 => code.starts_with(&[0xb8, 173, 0, 0, 0, 0xcd, 0x80]),
        // mov x8, #139; svc #0
        Machine::Aarch64 => code.starts_with(&[0x68, 0x11, 0x80, 0xd2, 0x01, 0, 0, 0xd4]),
    }
}

/// The size of the usual code of this kind, in bytes.
pub(crate) fn trampoline_size(machine: Machine) -> u64 {
    match machine {
        Machine::X86_64 => 9,
        Machine::X86 => 7,
        Machine::Aarch64 => 8,
    }
}

/// What a function has done to the stack by the time it reaches some address (x86-64).
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Prologue {
    /// Bytes below the return address, if the code could be followed to the end of its prologue.
    pub size: u64,
    /// DWARF number of each register that was pushed, with the offset from the CFA.
    pub pushed: Vec<(u8, i16)>,
}

/// Follows a function's code from its beginning up to the first jump, call or unknown instruction.
pub(crate) fn prologue(code: &[u8]) -> Prologue {
    /// DWARF numbers by the machine's own: rax rcx rdx rbx rsp rbp rsi rdi.
    const DWARF: [u8; 16] = [0, 2, 1, 3, 7, 6, 4, 5, 8, 9, 10, 11, 12, 13, 14, 15];
    let mut found = Prologue::default();
    let mut at = 0;
    while let Some(instruction) = code.get(at..).filter(|rest| !rest.is_empty()) {
        let Some(length) = length(instruction) else { break };
        let push = match *instruction {
            [byte @ 0x50..=0x57, ..] => Some(byte - 0x50),
            [0x41, byte @ 0x50..=0x57, ..] => Some(byte - 0x50 + 8),
            _ => None,
        };
        if let Some(register) = push {
            found.size += 8;
            let register = DWARF[usize::from(register)];
            let is_callee_saved = matches!(register, 3 | 6 | 12..=15);
            if is_callee_saved && !found.pushed.iter().any(|(known, _)| *known == register) {
                let Ok(offset) = i16::try_from(found.size) else { break };
                found.pushed.push((register, -8 - offset));
            }
        } else if let [0x48, 0x83, 0xec, size, ..] = *instruction {
            found.size += u64::from(size);
        } else if let [0x48, 0x81, 0xec, ref rest @ ..] = *instruction {
            let Some(size) = number(rest).and_then(|size| u64::try_from(size).ok()) else { break };
            found.size += size;
        } else if let [0x6a | 0x68, ..] = *instruction {
            found.size += 8;
        }
        at += length;
    }
    found
}

/// The length of an x86-64 instruction; none for jumps, calls, returns, pops, and whatever does not stand in a prologue.
fn length(code: &[u8]) -> Option<usize> {
    if code.starts_with(&[0xf3, 0x0f, 0x1e, 0xfa]) {
        return Some(4);
    }
    let mut at = 0;
    let mut wide = false;
    let mut short = false;
    loop {
        match *code.get(at)? {
            0x66 => short = true,
            0xf2 | 0xf3 | 0x64 | 0x65 | 0x2e => {}
            byte @ 0x40..=0x4f => {
                wide = byte & 8 != 0;
                at += 1;
                break;
            }
            _ => break,
        }
        at += 1;
        if at > 4 {
            return None;
        }
    }
    let opcode = *code.get(at)?;
    at += 1;
    let word = if short { 2 } else { 4 };
    let (has_modrm, immediate) = match opcode {
        0x0f => {
            let second = *code.get(at)?;
            at += 1;
            match second {
                // System calls come after the prologue, jumps end it.
                0x05 | 0x80..=0x8f => return None,
                0x10..=0x1f | 0x28..=0x2f | 0x40..=0x4f | 0x50..=0x6f | 0x74..=0x76 | 0x7e | 0x7f | 0x90..=0x9f => {
                    (true, 0)
                }
                0xa3 | 0xab | 0xaf | 0xb1 | 0xb3 | 0xb6 | 0xb7 | 0xbb..=0xbf | 0xc0 | 0xc1 | 0xd0..=0xfe => (true, 0),
                0x70 | 0xba | 0xc6 => (true, 1),
                0xa2 => (false, 0),
                _ => return None,
            }
        }
        0x00..=0x3f if opcode & 7 < 4 => (true, 0),
        0x00..=0x3f if opcode & 7 == 4 => (false, 1),
        0x00..=0x3f if opcode & 7 == 5 => (false, word),
        0x50..=0x57 | 0x90 | 0x98 | 0x99 => (false, 0),
        0x63 | 0x84..=0x8b | 0x8d => (true, 0),
        0x68 => (false, 4),
        0x6a => (false, 1),
        0x69 => (true, word),
        0x6b => (true, 1),
        0x80 | 0x83 | 0xc0 | 0xc1 | 0xc6 => (true, 1),
        0x81 | 0xc7 => (true, word),
        0xa8 => (false, 1),
        0xa9 => (false, word),
        0xb0..=0xb7 => (false, 1),
        0xb8..=0xbf => (false, if wide { 8 } else { word }),
        0xd0..=0xd3 => (true, 0),
        0xf6 => (true, if *code.get(at)? >> 3 & 7 < 2 { 1 } else { 0 }),
        0xf7 => (true, if *code.get(at)? >> 3 & 7 < 2 { word } else { 0 }),
        0xfe => (true, 0),
        // inc and dec only: the rest are calls, jumps and pushes.
        0xff if *code.get(at)? >> 3 & 7 < 2 => (true, 0),
        _ => return None,
    };
    if has_modrm {
        let modrm = *code.get(at)?;
        at += 1;
        let (mode, memory) = (modrm >> 6, modrm & 7);
        if mode != 3 {
            let mut base = memory;
            if memory == 4 {
                base = *code.get(at)? & 7;
                at += 1;
            }
            at += match mode {
                0 if base == 5 => 4,
                1 => 1,
                2 => 4,
                _ => 0,
            };
        }
    }
    at += immediate;
    (at <= code.len()).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(machine: Machine, code: &[u8]) -> Vec<Call> {
        let mut before = [0x90; BEFORE];
        before[BEFORE - code.len()..].copy_from_slice(code);
        calls(machine, &before).collect()
    }

    #[test]
    fn calls_of_every_form_are_seen() {
        let x86_64 = |code: &[u8]| found(Machine::X86_64, code);
        assert_eq!(x86_64(&[0xe8, 0x10, 0, 0, 0]), [Call::Direct(16)]);
        assert_eq!(x86_64(&[0xff, 0x15, 0xf0, 0xff, 0xff, 0xff]), [Call::Slot(-16)]);
        assert_eq!(found(Machine::X86, &[0xff, 0x15, 0, 0x20, 0, 0]), [Call::Indirect]);
        // call *%rax; *%r9; *8(%rax); *8(%rsp); *(%rbx,%rax,8); *0x100(%rax); *0x100(%rsp)
        for code in [
            &[0xff, 0xd0][..],
            &[0x41, 0xff, 0xd1],
            &[0xff, 0x50, 8],
            &[0xff, 0x54, 0x24, 8],
            &[0xff, 0x14, 0xc3],
            &[0xff, 0x90, 0, 1, 0, 0],
            &[0xff, 0x94, 0x24, 0, 1, 0, 0],
        ] {
            assert_eq!(x86_64(code), [Call::Indirect], "{code:x?}");
        }
        // jmp *%rax, push, ret, syscall
        for code in [&[0xff, 0xe0][..], &[0xff, 0x70, 8], &[0xc3], &[0x0f, 0x05]] {
            assert_eq!(x86_64(code), [], "{code:x?}");
        }
    }

    #[test]
    fn calls_of_aarch64_are_seen() {
        let aarch64 = |word: u32| found(Machine::Aarch64, &word.to_le_bytes());
        // bl .+8 and bl .-4, from the call itself; blr x3; b .+8; ret
        assert_eq!(aarch64(0x9400_0002), [Call::Direct(4)]);
        assert_eq!(aarch64(0x97ff_ffff), [Call::Direct(-8)]);
        assert_eq!(aarch64(0xd63f_0060), [Call::Indirect]);
        assert_eq!(aarch64(0x1400_0002), []);
        assert_eq!(aarch64(0xd65f_03c0), []);
    }

    #[test]
    fn stubs_lead_to_their_slot() {
        assert_eq!(stub_slot(&[0xff, 0x25, 0x10, 0, 0, 0], 0x1000), Some(0x1016));
        assert_eq!(stub_slot(&[0xf3, 0x0f, 0x1e, 0xfa, 0xff, 0x25, 0x10, 0, 0, 0], 0x1000), Some(0x101a));
        assert_eq!(stub_slot(&[0xf3, 0x0f, 0x1e, 0xfa, 0xf2, 0xff, 0x25, 0, 0, 0, 0], 0x1000), Some(0x100b));
        assert_eq!(stub_slot(&[0xff, 0x35, 0x10, 0, 0, 0], 0x1000), None);
    }

    #[test]
    fn jumps_lead_away() {
        // jmp .+0x15, then lea 0x10(%rip),%rax; jmp *%rax, with and without the last.
        let code = [0xe9, 0x10, 0, 0, 0, 0x48, 0x8d, 0x05, 0x10, 0, 0, 0, 0xff, 0xe0];
        assert_eq!(jumps(&code, 0x1000).collect::<Vec<_>>(), [0x1015, 0x101c]);
        assert_eq!(jumps(&code[..12], 0x1000).collect::<Vec<_>>(), [0x1015]);
        assert_eq!(jumps(&code[..4], 0x1000).count(), 0);
    }

    #[test]
    fn a_prologue_tells_what_is_on_the_stack() {
        // push %r12; mov %rdi,%r12; push %rbp; mov %edx,%ebp; push %rbx; sub $0x90,%rsp; lea 8(%rsp),%rdi; call
        let code = [
            0x41, 0x54, 0x49, 0x89, 0xfc, 0x55, 0x89, 0xd5, 0x53, 0x48, 0x81, 0xec, 0x90, 0, 0, 0, 0x48, 0x8d, 0x7c,
            0x24, 8, 0xe8, 0, 0, 0, 0, 0x41, 0x55,
        ];
        let expected = Prologue { size: 0x90 + 24, pushed: vec![(12, -16), (6, -24), (3, -32)] };
        assert_eq!(prologue(&code), expected);
        assert_eq!(prologue(&[]), Prologue::default());
        // An instruction that is cut off.
        assert_eq!(prologue(&[0x55, 0x48, 0x81, 0xec, 0x90]), Prologue { size: 8, pushed: vec![(6, -16)] });
    }

    #[test]
    fn any_bytes_are_bytes() {
        for seed in 0..20_000u64 {
            let mut bytes = [0; 16];
            let mut value = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            for byte in &mut bytes {
                value ^= value << 13;
                value ^= value >> 7;
                value ^= value << 17;
                *byte = value as u8;
            }
            let before = [bytes[0], bytes[1], bytes[2], bytes[3], bytes[4], bytes[5], bytes[6]];
            for machine in [Machine::X86_64, Machine::X86, Machine::Aarch64] {
                assert!(calls(machine, &before).count() <= 2);
            }
            assert!(prologue(&bytes).pushed.len() <= 6);
            assert!(jumps(&bytes, u64::MAX).count() <= 12, "{bytes:x?}");
            assert!(length(&bytes).is_none_or(|length| (1..=16).contains(&length)));
        }
    }
}
