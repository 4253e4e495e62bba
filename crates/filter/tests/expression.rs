//! What expressions mean: which calls they hold for, and what they ask for before.

mod support;

use std::sync::Arc;
use std::thread;
use std::time::Duration;

use renacer_events::{Abi, Argument, Attribute, Call, Errno, Select, Source, Stack, StackEnd, Test, Value};
use renacer_filter::Expression;
use support::{Facts, call, number};

fn parse(text: &str) -> Expression {
    Expression::parse(text, &Facts).unwrap_or_else(|error| panic!("{error}"))
}

fn wants(text: &str, call: &Call) -> bool {
    parse(text).wants(call, "bash")
}

fn argument(name: &'static str, text: &str) -> Argument {
    Argument { name, text: text.into() }
}

/// `openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC) = -1 ENOENT`
fn failed_openat() -> Call {
    let mut call = call(Abi::X86_64, "openat", [-100_i64 as u64, 0x7ff0, 0x80000, 0, 0, 0]);
    call.result = Some(-2);
    call.decoded.error = Some(Errno { number: 2, name: "ENOENT", message: "No such file or directory" });
    call.decoded.arguments = vec![
        argument("dirfd", "AT_FDCWD"),
        argument("pathname", r#""/etc/passwd""#),
        argument("flags", "O_RDONLY|O_CLOEXEC"),
    ];
    call.decoded.paths = vec!["/home/user".into(), "/etc/passwd".into()];
    call
}

/// `read(3</tmp/x>, 0x7ff0, 4096) = 4096`
fn read() -> Call {
    let mut call = call(Abi::X86_64, "read", [3, 0x7ff0, 4096, 0, 0, 0]);
    call.result = Some(4096);
    call.decoded.bytes = Some(4096);
    call.decoded.arguments = vec![argument("fd", "3</tmp/x>"), argument("buf", "0x7ff0"), argument("count", "4096")];
    call.decoded.paths = vec!["/tmp/x".into()];
    call.end = call.start + 1_500_000;
    call
}

#[track_caller]
fn check(call: &Call, holds: &[&str], fails: &[&str]) {
    for text in holds {
        assert!(wants(text, call), "{text}");
    }
    for text in fails {
        assert!(!wants(text, call), "{text}");
    }
}

#[test]
fn each_field_is_what_it_says() {
    let holds = [
        r#"syscall == "read""#,
        r#"syscall =~ "^re""#,
        r#"syscall in ["write", "read"]"#,
        r#"class == "desc""#,
        r#"class == "%desc""#,
        r#"class in ["file", "desc"]"#,
        r#"path == "/tmp/x""#,
        "fd == 3",
        "fd in [1, 3]",
        "result > 0",
        "result == 0x1000",
        "duration > 1ms",
        "duration <= 1.5ms",
        "duration == 1500us",
        "bytes >= 4KiB",
        "bytes < 1MB",
        "pid == 100 and tid == 101",
        r#"comm == "bash""#,
        "arg.count == 4096",
        "arg.count == 010000",
        r#"arg.count == "4096""#,
        "arg.fd == 3",
        r#"arg.fd == "3</tmp/x>""#,
        "arg.buf == 0x7ff0",
        r#"arg.buf =~ "^0x""#,
        "arg.count in [1, 4096]",
        r#"arg.count in ["x", 4096]"#,
    ];
    let fails = [
        r#"syscall == "write""#,
        r#"class == "file""#,
        "fd == 4",
        "fd < 3",
        "duration > 1.5ms",
        "bytes > 4096",
        r#"error == "ENOENT""#,
        r#"error =~ "..""#,
        r#"arg.fd == "3""#,
        "arg.count > 4096",
        r#"arg.flags =~ """#,
    ];
    check(&read(), &holds, &fails);
}

#[test]
fn one_path_of_several_is_enough() {
    let holds = [r#"path =~ "^/etc/""#, r#"path == "/home/user""#, r#"path in ["/x", "/etc/passwd"]"#];
    let fails = [r#"path != "/etc/passwd""#, r#"path !~ "^/etc/""#, r#"path not in ["/etc/passwd"]"#];
    check(&failed_openat(), &holds, &fails);
}

#[test]
fn what_is_absent_equals_nothing_and_differs_from_everything() {
    let call = call(Abi::X86_64, "getpid", [0; 6]);
    let holds = [
        "fd != 3",
        r#"error != "ENOENT""#,
        r#"error !~ ".""#,
        "fd not in [3]",
        "not fd < 3",
        "bytes != 0",
        r#"path != "/""#,
        r#"code.function != "main""#,
        r#"class != "file""#,
    ];
    let fails = ["fd == 0", "fd >= 0", "fd <= 0", r#"error =~ "^""#, "fd in [0]", "bytes == 0", "code.line < 10"];
    check(&call, &holds, &fails);
    let mut unfinished = call;
    unfinished.result = None;
    check(&unfinished, &["result != 0", "duration == 1us"], &["result == 0", "result >= 0", "result < 0"]);
}

#[test]
fn descriptors_are_signed_and_have_32_bits() {
    check(&failed_openat(), &["fd == -100", "fd < 0"], &["fd == 0xffffff9c", "arg.dirfd < 0"]);
    let mut call = read();
    call.raw_arguments[0] = 0xdead_0000_0003;
    check(&call, &["fd == 3"], &[]);
}

#[test]
fn calls_behind_socketcall_have_their_descriptor_in_the_text() {
    let mut call = call(Abi::I386, "socketcall", [3, 0x7ff0, 0, 0, 0, 0]);
    call.decoded.name = "connect".into();
    call.decoded.arguments = vec![argument("sockfd", "5<socket:[77]>")];
    check(&call, &["fd == 5", r#"syscall == "connect""#, r#"class == "network""#], &["fd == 3"]);
}

#[test]
fn a_call_without_a_name_is_called_by_its_number() {
    let mut call = read();
    call.number = 511;
    call.decoded.name = "syscall_0x1ff".into();
    call.decoded.arguments = vec![argument("a1", "0x3")];
    check(&call, &[r#"syscall == "syscall_0x1ff""#, "arg.a1 == 3", "fd != 3"], &[r#"class == "desc""#]);
    assert_eq!(parse(r#"syscall == "syscall_0x1ff""#).before(Abi::X86_64, 511), Test::Always);
    assert_eq!(parse(r#"syscall == "syscall_0x1ff""#).before(Abi::X86_64, 510), Test::Never);
    assert_eq!(parse("arg.a2 == 7").before(Abi::X86_64, 511), Test::Equals(1, 7));
}

#[test]
fn and_binds_closer_than_or_and_not_closest() {
    let forms = [
        (r#"fd == 1 or fd == 2 and pid == 3"#, r#"fd == 1 or (fd == 2 and pid == 3)"#),
        (r#"not fd == 1 and pid == 3"#, r#"not fd == 1 and pid == 3"#),
        (r#"!(fd==1||fd==2)&&pid==3"#, r#"not (fd == 1 or fd == 2) and pid == 3"#),
        (r#"not not (fd == 1)"#, r#"not not fd == 1"#),
        (r#"(fd == 1) and ((pid == 3) and tid == 4)"#, r#"fd == 1 and (pid == 3 and tid == 4)"#),
        (r#"syscall   not   in['read' ,"write",]"#, r#"syscall not in ["read", "write"]"#),
        (r#"path =~ "a\.so\"'""#, r#"path =~ "a\\.so\"'""#),
        (r#"path =~ 'it\'s "\\d"'"#, r#"path =~ "it's \"\\d\"""#),
        ("duration >= 1.5ms", "duration >= 1500us"),
        ("duration >= 2m", "duration >= 120s"),
        ("duration > 0", "duration > 0ns"),
        ("bytes > 1KiB", "bytes > 1024"),
        (r#"class == "%%stat""#, r#"class == "%%stat""#),
        (r#"class == "net""#, r#"class == "%network""#),
        ("arg.mode == 0644", "arg.mode == 420"),
    ];
    for (text, printed) in forms {
        let expression = parse(text);
        assert_eq!(expression.to_string(), printed);
        assert_eq!(parse(printed), expression, "{printed}");
    }
}

fn with_source(function: &str) -> Call {
    let mut call = read();
    let stack = Stack::new(Box::new([]), StackEnd::Complete);
    stack.resolve(Source {
        is_user_code: true,
        attributes: vec![
            Attribute { key: "code.function.name".into(), value: Value::Text(function.into()) },
            Attribute { key: "code.file.path".into(), value: Value::Text("/src/main.c".into()) },
            Attribute { key: "code.line.number".into(), value: Value::Int(42) },
        ],
        ..Source::default()
    });
    call.caller.stack = Some(Arc::new(stack));
    call
}

#[test]
fn the_code_that_made_the_call_counts() {
    let holds = [r#"code.function == "main""#, r#"code.file =~ "main\.c$""#, "code.line > 40 and code.line < 50"];
    check(&with_source("main"), &holds, &[r#"code.function == "other""#, "code.line == 1"]);
}

#[test]
fn the_source_is_waited_for_only_where_it_decides() {
    let mut call = read();
    let stack = Arc::new(Stack::new(Box::new([]), StackEnd::Complete));
    call.caller.stack = Some(stack.clone());
    // None of these would ever return if it waited.
    let undecided_by_source = [
        (r#"code.function == "main" and fd == 4"#, false),
        (r#"code.function == "main" or fd == 3"#, true),
        (r#"not (code.function == "main" and fd == 4)"#, true),
        (r#"(code.line == 1 or code.line == 2) and not fd == 3"#, false),
    ];
    for (text, expected) in undecided_by_source {
        assert!(parse(text).needs_source());
        assert_eq!(wants(text, &call), expected, "{text}");
    }
    let resolver = thread::spawn(move || {
        thread::sleep(Duration::from_millis(20));
        let function = Attribute { key: "code.function.name".into(), value: Value::Text("main".into()) };
        stack.resolve(Source { is_user_code: true, attributes: vec![function], ..Source::default() });
    });
    assert!(wants(r#"code.function == "main" and fd == 3"#, &call));
    resolver.join().unwrap();
}

#[track_caller]
fn before(text: &str, name: &str, expected: Test) {
    assert_eq!(parse(text).before(Abi::X86_64, number(Abi::X86_64, name)), expected, "{text} before {name}");
}

#[test]
fn names_and_classes_are_decided_before_the_call() {
    before(r#"syscall == "read""#, "read", Test::Always);
    before(r#"syscall == "read""#, "write", Test::Never);
    before(r#"syscall != "read""#, "read", Test::Never);
    before(r#"not (syscall == "read" or class == "network")"#, "connect", Test::Never);
    before(r#"not (syscall == "read" or class == "network")"#, "write", Test::Always);
    before(r#"class == "file" and error == "ENOENT""#, "openat", Test::Always);
    before(r#"class == "file" and error == "ENOENT""#, "read", Test::Never);
    before(r#"class == "file" or error == "ENOENT""#, "read", Test::Always);
    before(r#"syscall =~ "^open""#, "openat", Test::Always);
    before(r#"syscall !~ "^open""#, "openat", Test::Never);
}

#[test]
fn descriptors_and_integers_are_tested_in_registers() {
    before("fd == 3", "read", Test::Equals(0, 3));
    before("fd == 3", "mmap", Test::Equals(4, 3));
    before("fd == 3", "getpid", Test::Never);
    before("fd != 3", "read", Test::Differs(0, 3));
    before("fd != 3", "getpid", Test::Always);
    before("fd == -1", "read", Test::Equals(0, u32::MAX));
    before("fd == 0xffffffff", "read", Test::Never);
    before("fd < 3", "read", Test::Always);
    before("fd < 3", "getpid", Test::Never);
    before("fd in [1, 2]", "write", Test::Any(vec![Test::Equals(0, 1), Test::Equals(0, 2)]));
    before("fd not in [1, 2]", "write", Test::All(vec![Test::Differs(0, 1), Test::Differs(0, 2)]));
    before("not (fd == 1 and bytes > 5)", "write", Test::Always);
    before("not (fd == 1 or bytes > 5)", "write", Test::Differs(0, 1));
    before("arg.count == 16", "read", Test::Equals(2, 16));
    before("arg.count == 16", "openat", Test::Never);
    before("arg.count != 16", "read", Test::Always);
    before("arg.count != 16", "openat", Test::Always);
    before("arg.count > 16", "read", Test::Always);
    before(r#"arg.flags =~ "O_CREAT""#, "openat", Test::Always);
    before(r#"arg.flags =~ "O_CREAT""#, "read", Test::Never);
    before("arg.mode == 0644", "fchmod", Test::Always);
    before(r#"path == "/x""#, "getpid", Test::Never);
    before(r#"path == "/x""#, "read", Test::Always);
    before(r#"path != "/x""#, "getpid", Test::Always);
    before(r#"syscall == "read" and fd == 0 or syscall == "write" and fd == 1"#, "write", Test::Equals(0, 1));
}

#[test]
fn a_number_that_may_be_several_calls_is_each_of_them() {
    let socketcall = number(Abi::I386, "socketcall");
    let before = |text: &str| parse(text).before(Abi::I386, socketcall);
    assert_eq!(before(r#"syscall == "connect""#), Test::Always);
    assert_eq!(before(r#"syscall != "connect""#), Test::Always, "it may be another one");
    assert_eq!(before(r#"syscall == "read""#), Test::Never);
    assert_eq!(before(r#"class == "network""#), Test::Always);
    assert_eq!(before(r#"class == "ipc""#), Test::Never);
    assert_eq!(before("fd == 3"), Test::Always);
    assert_eq!(before("arg.sockfd == 3"), Test::Always);
}

#[test]
fn a_test_of_many_parts_is_none() {
    let list: Vec<String> = (0..100).map(|fd| fd.to_string()).collect();
    before(&format!("fd in [{}]", list.join(", ")), "read", Test::Always);
    before(&format!("fd in [{}]", list.join(", ")), "getpid", Test::Never);
}

#[test]
fn what_is_needed_is_known() {
    let needs = |text| (parse(text).needs_paths(), parse(text).needs_source());
    assert_eq!(needs("fd == 3"), (false, false));
    assert_eq!(needs(r#"not (fd == 3 or path =~ "x")"#), (true, false));
    assert_eq!(needs("code.line == 3"), (false, true));
}

#[test]
fn nothing_is_too_deep_or_too_long() {
    for text in ["(", "not ", "!", "fd == 1 and (", "(fd == 1) or not ("] {
        let long = text.repeat(1_000_000 / text.len());
        let error = Expression::parse(&long, &Facts).unwrap_err().to_string();
        assert!(error.contains("8192 bytes at most"), "{error}");
        let deep = text.repeat(8_000 / text.len());
        let error = Expression::parse(&deep, &Facts).unwrap_err().to_string();
        assert!(error.contains("64 parentheses"), "{error}");
    }
    let flat = vec!["fd == 1"; 600].join(" or ");
    assert_eq!(parse(&flat).to_string(), flat);
}

#[test]
fn what_the_documentation_shows_is_understood() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/filters.md")).unwrap();
    let options =
        text.lines().filter_map(|line| line.split_once("--filter '")?.1.split_once('\'')).map(|(text, _)| text);
    // The last cell of each field's row.
    let cells = text.lines().filter(|line| line.starts_with("| `") && !line.starts_with("| `-"));
    let examples = cells.filter_map(|line| line.rsplit('`').nth(1)).filter(|cell| !cell.contains("--"));
    let all: Vec<&str> = options.chain(examples).collect();
    assert!(all.len() >= 20, "{all:?}");
    for text in all {
        parse(text);
    }
}
