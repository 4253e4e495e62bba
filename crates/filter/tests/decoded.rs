//! What is ruled out before a call agrees with what the tracer really makes of it: for every call that there is.

mod support;

use renacer_events::{Abi, Call, Caller, Calls, Decode, Entry, Memory, Place, RawCall, Return, Select};
use renacer_filter::Expression;
use renacer_ptrace::decode::{DecodeOptions, Decoder};
use support::Facts;

struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
        self.0 >> 11
    }

    /// What registers often hold, and what they hardly ever do.
    fn register(&mut self, abi: Abi) -> u64 {
        let value = match self.next() % 6 {
            0 => self.next() % 8,
            1 => 1 << (self.next() % 64),
            2 => (self.next() % 300).wrapping_neg(),
            3 => (self.next() % 8) | 0xabcd_0000_0000,
            4 => (self.next() % 8) | 0x5678_0000,
            _ => self.next() << 11,
        };
        if abi == Abi::I386 { value & 0xffff_ffff } else { value }
    }
}

/// The call that the tracer reports.
fn decoded(decoder: &mut Decoder, abi: Abi, number: u64, arguments: [u64; 6], value: i64) -> Call {
    let entry = Entry {
        abi,
        number,
        arguments,
        instruction_pointer: 0x1000,
        stack_pointer: 0x2000,
        memory: Memory::new(),
        stack: None,
        context: None,
        watched: false,
    };
    let is_error = (-4095..0).contains(&value);
    let returned = Return { value, is_error, memory: Memory::new() };
    let decoded = decoder.call(RawCall { pid: 100, tid: 100, entry: &entry, returned: Some(&returned), unsure: false });
    Call {
        pid: 100,
        tid: 100,
        start: 0,
        end: 1,
        abi,
        number,
        raw_arguments: arguments,
        result: Some(value),
        decoded,
        caller: Caller::default(),
    }
}

#[test]
fn arguments_are_where_the_tables_say() {
    let mut random = Random(4711);
    let mut decoder =
        Decoder::new(DecodeOptions { all_paths: true, descriptors_in_text: true, ..DecodeOptions::default() });
    let (known, mut integers) = (Facts.arguments(), 0);
    for &abi in Facts.abis() {
        for number in Facts.numbers(abi).into_iter().chain([999]) {
            for round in 0..60 {
                let arguments = [0; 6].map(|_: u64| random.register(abi));
                let value = [0, 3, -2, -516][round % 4];
                let call = decoded(&mut decoder, abi, number, arguments, value);
                let names = Facts.names(abi, number);
                let name = call.decoded.name.as_ref();
                assert!(names.contains(&name) || names.is_empty(), "{abi:?} {number} is {name}");
                assert!(Facts.has_paths(abi, number) || call.decoded.paths.is_empty(), "{call:?}");
                for argument in &call.decoded.arguments {
                    let text = argument.text.split('<').next().unwrap_or_default();
                    let integer = |text: &str| match text.strip_prefix("0x") {
                        Some(digits) => u64::from_str_radix(digits, 16).ok(),
                        None => text.parse::<i64>().map(|number| number as u64).or_else(|_| text.parse()).ok(),
                    };
                    let place = match names.len() {
                        0 => continue,
                        1 => Facts.argument(abi, number, argument.name),
                        _ => Some(Place::Elsewhere),
                    };
                    let place = place.unwrap_or_else(|| panic!("{name} has no {}", argument.name));
                    assert!(known.contains(&argument.name), "{}", argument.name);
                    if let (Place::Register(register), Some(integer)) = (place, integer(text)) {
                        let held = arguments[usize::from(register)];
                        assert_eq!(
                            integer as u32, held as u32,
                            "{abi:?} {name} {}: {} {held:#x}",
                            argument.name, argument.text
                        );
                        integers += 1;
                    }
                }
            }
        }
    }
    assert!(integers > 10_000, "{integers}");
}

#[test]
fn nothing_wanted_is_ruled_out_before() {
    let mut random = Random(815);
    let mut decoder = Decoder::new(DecodeOptions { all_paths: true, ..DecodeOptions::default() });
    let expressions = [
        "fd == 3",
        "fd != 3",
        "not (fd in [-1, 0, 2] or result == 0)",
        "arg.fd == 2 or arg.count in [1, 2, 3] or arg.flags == 0",
        "not (arg.flags == 0 or arg.addr == 4)",
        "arg.offset == 5 or arg.mask == 5 or arg.length == 3 or arg.mode == 03 or arg.owner == -1",
        "arg.a1 == 3 or arg.a2 == 4 or arg.a3 != 1",
        r#"class == "desc" and arg.dirfd == 1 and not error == "EPERM""#,
        r#"path =~ "." or arg.op =~ "_" or arg.interrupted =~ "resum""#,
    ];
    let expressions = expressions.map(|text| Expression::parse(text, &Facts).unwrap());
    let mut wanted = [0; 9];
    for &abi in Facts.abis() {
        for number in Facts.numbers(abi).into_iter().chain([999]) {
            for round in 0..60 {
                let arguments = [0; 6].map(|_: u64| random.register(abi));
                let call = decoded(&mut decoder, abi, number, arguments, [0, 3, -2, -516][round % 4]);
                for (expression, wanted) in expressions.iter().zip(&mut wanted) {
                    if expression.wants(&call, "") {
                        *wanted += 1;
                        let before = expression.before(abi, number);
                        assert!(before.holds(&arguments), "{expression}: {before:?} rules out {call:?}");
                    }
                }
            }
        }
    }
    assert!(wanted.iter().all(|count| *count > 10), "{wanted:?}");
}
