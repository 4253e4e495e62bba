//! What must hold of any expression and any call.

mod support;

use proptest::prelude::*;
use proptest::test_runner::RngSeed;
use renacer_events::{Abi, Argument, Call, Calls, Errno, Place, Select, Test, Text};
use renacer_filter::{Expression, Filter, Specs};
use support::{Facts, call};

fn config() -> ProptestConfig {
    // The same cases each time.
    ProptestConfig {
        cases: 400,
        rng_seed: RngSeed::Fixed(4711),
        failure_persistence: None,
        ..ProptestConfig::default()
    }
}

fn text_of(strings: &[&'static str]) -> impl Strategy<Value = String> + use<> {
    prop::sample::select(strings.to_vec()).prop_map(str::to_owned)
}

/// A comparison as a user may write it.
fn comparison() -> impl Strategy<Value = String> {
    let equal = || text_of(&["==", "!="]);
    let order = || text_of(&["==", "!=", "<", "<=", ">", ">="]);
    let matches = || text_of(&["=~", "!~"]);
    let name =
        || text_of(&["read", "write", "openat", "connect", "mmap", "socketcall", "getpid", "syscall_0x1ff", "select"]);
    let number =
        || prop_oneof![(-3_i64..6).prop_map(|n| n.to_string()), text_of(&["0x3", "0644", "-100", "4294967295"])];
    let numeric = || {
        text_of(&["fd", "result", "pid", "tid", "code.line", "arg.fd", "arg.count", "arg.a1", "arg.mode", "arg.flags"])
    };
    let textual = || text_of(&["comm", "path", "arg.flags", "arg.pathname", "arg.fd", "code.function", "code.file"]);
    let string = || text_of(&[r#""3""#, r#"'O_CREAT'"#, r#""/etc/passwd""#, r#""a\"b\\c""#, r#""""#, r#"'it\'s'"#]);
    let pattern = || text_of(&[r#""^/etc""#, r#"'\d+'"#, r#"".""#, r#""a|\"b""#, r#""CREAT""#]);
    prop_oneof![
        (equal(), name()).prop_map(|(operator, name)| format!("syscall {operator} \"{name}\"")),
        (prop::bool::ANY, prop::collection::vec(name(), 1..4))
            .prop_map(|(not, names)| format!("syscall {}in{names:?}", if not { "not " } else { "" })),
        matches().prop_map(|operator| format!(r#"syscall{operator}"^(re|so|get)""#)),
        (equal(), text_of(&["file", "%desc", "network", "%%stat", "memory"]))
            .prop_map(|(operator, class)| format!("class {operator} '{class}'")),
        (numeric(), order(), number()).prop_map(|(field, operator, number)| format!("{field}{operator}{number}")),
        (numeric(), prop::bool::ANY, prop::collection::vec(number(), 1..4)).prop_map(|(field, not, numbers)| {
            format!("{field} {}in [{}]", if not { "not " } else { "" }, numbers.join(","))
        }),
        (textual(), equal(), string()).prop_map(|(field, operator, text)| format!("{field} {operator} {text}")),
        (textual(), matches(), pattern()).prop_map(|(field, operator, text)| format!("{field} {operator} {text}")),
        (order(), text_of(&["1ns", "1.5us", "2ms", "3s", "1m", "0"]))
            .prop_map(|(op, value)| format!("duration {op} {value}")),
        (order(), text_of(&["0", "1B", "4KiB", "1MB", "16"])).prop_map(|(op, value)| format!("bytes {op} {value}")),
        (equal(), text_of(&["ENOENT", "EAGAIN"])).prop_map(|(operator, error)| format!("error {operator} \"{error}\"")),
    ]
}

fn expression() -> impl Strategy<Value = String> {
    comparison().prop_recursive(5, 24, 4, |inner| {
        let joined = |inner: BoxedStrategy<String>, words: &[&'static str]| {
            (prop::collection::vec(inner, 2..4), text_of(words)).prop_map(|(parts, word)| parts.join(&word))
        };
        prop_oneof![
            joined(inner.clone().boxed(), &[" and ", "&&", " && "]),
            joined(inner.clone().boxed(), &[" or ", "||"]),
            (text_of(&["not ", "!", "! "]), inner.clone()).prop_map(|(not, inner)| format!("{not}({inner})")),
            (text_of(&["not ", "!"]), comparison()).prop_map(|(not, inner)| format!("{not}{inner}")),
            inner.prop_map(|inner| format!("( {inner} )")),
        ]
    })
}

/// A register: small numbers, so that comparisons hold now and then, with and without something above the lower half.
fn register() -> impl Strategy<Value = u64> {
    let high = prop_oneof![3 => Just(0), 1 => Just(1 << 32), 1 => Just(0xffff_ffff_0000_0000)];
    let low = prop_oneof![
        4 => 0_u64..6,
        1 => Just(0x1a4),
        1 => (-100_i64..0).prop_map(|n| n as u64 & 0xffff_ffff),
    ];
    (low, high).prop_map(|(low, high)| low | high)
}

/// How an argument may be rendered.
fn rendered(place: Option<Place>, registers: &[u64; 6], choice: u8) -> Text {
    let register = match place {
        Some(Place::Register(register)) => registers[usize::from(register)],
        // Anything.
        _ => u64::from(choice / 8),
    };
    let text = match choice % 8 {
        0 => (register as i32).to_string(),
        1 => register.to_string(),
        2 => format!("{register:#x}"),
        3 => format!("{}</etc/passwd>", register as i32),
        4 => format!("{:#o}", register as u32).replace("0o", "0"),
        5 => "O_RDWR|O_CREAT".to_owned(),
        6 => "NULL".to_owned(),
        _ => (register as i64).to_string(),
    };
    text.into()
}

/// A call as it may be: what is rendered fits what the registers hold.
fn any_call() -> impl Strategy<Value = Call> {
    let numbers: Vec<(Abi, u64)> = [
        (Abi::X86_64, "read"),
        (Abi::X86_64, "write"),
        (Abi::X86_64, "openat"),
        (Abi::X86_64, "mmap"),
        (Abi::X86_64, "getpid"),
        (Abi::X86_64, "connect"),
        (Abi::X86_64, "fchmod"),
        (Abi::X86_64, "newfstatat"),
        (Abi::X86_64, "restart_syscall"),
        (Abi::I386, "pread64"),
        (Abi::I386, "socketcall"),
        (Abi::I386, "ipc"),
        (Abi::I386, "select"),
        (Abi::I386, "_llseek"),
        (Abi::X32, "readv"),
    ]
    .map(|(abi, name)| (abi, support::number(abi, name)))
    .into_iter()
    .chain([(Abi::X86_64, 511), (Abi::I386, 90), (Abi::X86_64, 5000)])
    .collect();
    let registers = prop::array::uniform6(register());
    let number = prop::sample::select(numbers);
    let result = prop_oneof![Just(None), (-3_i64..6).prop_map(Some), Just(Some(4096))];
    let choices = prop::collection::vec(any::<u8>(), 8);
    (number, registers, result, choices, any::<prop::sample::Index>()).prop_map(
        |((abi, number), registers, result, choices, which)| {
            let mut call = call(Abi::X86_64, "read", registers);
            (call.abi, call.number, call.result) = (abi, number, result);
            call.end = call.start + u64::from(choices[0]) * 20;
            let names = Facts.names(abi, number);
            call.decoded.name = match names.len() {
                0 => format!("syscall_{number:#x}").into(),
                _ => which.get(&names).to_owned().into(),
            };
            let wanted = ["fd", "sockfd", "count", "flags", "mode", "pathname", "a1", "interrupted"];
            for (name, choice) in wanted.into_iter().zip(&choices) {
                let place = match names.len() {
                    0 => (name == "a1").then_some(Place::Register(0)),
                    1 => Facts.argument(abi, number, name),
                    _ => Some(Place::Elsewhere),
                };
                if place.is_some() && choice % 7 > 0 {
                    let text = rendered(place, &registers, *choice);
                    call.decoded.arguments.push(Argument { name, text });
                }
            }
            if Facts.has_paths(abi, number) && choices[1] % 2 == 0 {
                call.decoded.paths = vec!["/etc/passwd".into(), "/tmp".into()];
            }
            call.decoded.bytes = result.filter(|_| choices[2] % 2 == 0).and_then(|result| u64::try_from(result).ok());
            call.decoded.error = result.filter(|result| *result == -2).map(|_| Errno {
                number: 2,
                name: "ENOENT",
                message: "No such file or directory",
            });
            call
        },
    )
}

fn specification() -> impl Strategy<Value = String> {
    let part =
        text_of(&["read", "?nosuch", "%file", "network", "/^s", "3", "connect@32", "all@64", "511", "%desc@x32"]);
    (text_of(&["", "!", "trace=!", "t="]), prop::collection::vec(part, 1..4))
        .prop_map(|(start, parts)| start + &parts.join(","))
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn printed_it_parses_to_the_same(text in expression()) {
        let parsed = Expression::parse(&text, &Facts).unwrap_or_else(|error| panic!("{error}"));
        let printed = parsed.to_string();
        let again = Expression::parse(&printed, &Facts).unwrap_or_else(|error| panic!("{error}"));
        prop_assert_eq!(&again, &parsed);
        prop_assert_eq!(again.to_string(), printed);
    }

    #[test]
    fn nothing_wanted_is_ruled_out_before(text in expression(), calls in prop::collection::vec(any_call(), 40)) {
        let parsed = Expression::parse(&text, &Facts).unwrap();
        let opposite = Expression::parse(&format!("not ({text})"), &Facts).unwrap();
        for call in &calls {
            let wanted = parsed.wants(call, "O_CREAT");
            prop_assert_eq!(opposite.wants(call, "O_CREAT"), !wanted);
            for (expression, wanted) in [(&parsed, wanted), (&opposite, !wanted)] {
                let before = expression.before(call.abi, call.number);
                prop_assert!(!wanted || before.holds(&call.raw_arguments), "{expression}: {before:?} rules out {call:?}");
            }
        }
    }

    #[test]
    fn a_whole_filter_rules_out_nothing_wanted(
        qualifier in specification(),
        text in expression(),
        calls in prop::collection::vec(any_call(), 40),
    ) {
        let specs = Specs { qualifiers: vec![qualifier.clone()], expressions: vec![text], ..Specs::default() };
        let filter = Filter::new(&specs, &Facts).unwrap_or_else(|error| panic!("{error}"));
        let both = Filter::new(&Specs { qualifiers: vec![qualifier], ..Specs::default() }, &Facts).unwrap();
        for call in &calls {
            let before = filter.before(call.abi, call.number);
            prop_assert!(!filter.wants(call, "sh") || before.holds(&call.raw_arguments), "{before:?} rules out {call:?}");
            // Names alone decide before the call, but where a number may be several calls.
            let wanted = both.wants(call, "sh");
            match both.before(call.abi, call.number) {
                Test::Always => prop_assert!(wanted || Facts.names(call.abi, call.number).len() > 1),
                Test::Never => prop_assert!(!wanted),
                other => prop_assert!(false, "{other:?}"),
            }
        }
    }

    #[test]
    fn whatever_is_written_is_answered(text in ".{0,200}", start in comparison()) {
        for text in [text.clone(), format!("{start} {text}"), format!("{start}and{text}")] {
            if let Err(error) = Expression::parse(&text, &Facts) {
                let message = error.to_string();
                prop_assert!(error.column() <= text.chars().count() + 1, "{message}");
                prop_assert!(message.contains("expected: "), "{message}");
            }
        }
    }
}
