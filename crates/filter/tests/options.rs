//! What the options mean, alone and together: as strace 6.1 was seen to have it.

mod support;

use std::path::PathBuf;

use renacer_events::{Abi, Call, Errno, Select, Test};
use renacer_filter::{Filter, Outcome, Specs};
use support::{Facts, call, number};

fn filter(specs: Specs) -> Filter {
    Filter::new(&specs, &Facts).unwrap_or_else(|error| panic!("{error}"))
}

fn qualifiers(texts: &[&str]) -> Specs {
    Specs { qualifiers: texts.iter().map(|text| (*text).to_owned()).collect(), ..Specs::default() }
}

fn calls() -> [Call; 4] {
    let successful = call(Abi::X86_64, "read", [0; 6]);
    let mut failed = call(Abi::X86_64, "openat", [0; 6]);
    failed.result = Some(-2);
    failed.decoded.error = Some(Errno { number: 2, name: "ENOENT", message: "No such file or directory" });
    let mut interrupted = call(Abi::X86_64, "futex", [0; 6]);
    interrupted.result = Some(-512);
    interrupted.decoded.error = Some(Errno { number: 512, name: "ERESTARTSYS", message: "To be restarted" });
    let mut unfinished = call(Abi::X86_64, "exit_group", [0; 6]);
    unfinished.result = None;
    [successful, failed, interrupted, unfinished]
}

fn wanted(filter: &Filter) -> Vec<String> {
    calls().iter().filter(|call| filter.wants(call, "")).map(|call| call.decoded.name.to_string()).collect()
}

#[test]
fn calls_are_chosen_by_how_they_ended() {
    let all = ["read", "openat", "futex", "exit_group"].as_slice();
    let expected: [(&[&str], &[&str]); 13] = [
        (&[], all),
        (&["status=all"], all),
        (&["status=none"], &[]),
        (&["status=!all"], &[]),
        (&["status=failed"], &["openat", "futex"]),
        (&["status=FAILED"], &["openat", "futex"]),
        (&["status=successful"], &["read"]),
        (&["status=!failed"], &["read", "exit_group"]),
        (&["status=unfinished"], &["exit_group"]),
        (&["status=!unfinished"], &["read", "openat", "futex"]),
        (&["status=unavailable,detached"], &[]),
        (&["status=failed", "status=successful"], &["read"]),
        (&["status=failed", "trace=openat"], &["openat"]),
    ];
    for (texts, expected) in expected {
        assert_eq!(wanted(&filter(qualifiers(texts))), expected, "{texts:?}");
    }
}

#[test]
fn z_counts_more_than_a_status() {
    let with = |outcome| filter(Specs { outcome: Some(outcome), ..qualifiers(&["status=unfinished"]) });
    assert_eq!(wanted(&with(Outcome::Successful)), ["read"]);
    assert_eq!(wanted(&with(Outcome::Failed)), ["openat", "futex"]);
}

#[test]
fn of_several_traces_the_last_counts() {
    assert_eq!(wanted(&filter(qualifiers(&["trace=openat", "read"]))), ["read"]);
    assert_eq!(wanted(&filter(qualifiers(&["!openat", "trace=all"]))).len(), 4);
}

#[test]
fn signals_are_chosen() {
    let chosen = |text: &str| -> Vec<i32> {
        let filter = filter(qualifiers(&[text]));
        let signals = filter.signals();
        (0..=65).filter(|&signal| signals.is_none_or(|signals| signals.contains(signal))).collect()
    };
    assert_eq!(chosen("signal=usr1,SIGIO"), [10, 29]);
    assert_eq!(chosen("s=10"), [10]);
    assert_eq!(chosen("signals=rt_2,SIGRTMIN"), [32, 34]);
    assert_eq!(chosen("signal=none"), [0; 0]);
    assert_eq!(chosen("signal=all").len(), 66);
    assert_eq!(chosen("signal=!usr1").len(), 65);
    assert!(filter(qualifiers(&["signal=all"])).signals().is_none());
    assert!(!filter(qualifiers(&["signal=term"])).signals().unwrap().contains(-1));
}

#[test]
fn everything_is_everything() {
    let everything = [&[][..], &["all"], &["trace=!none"], &["status=all"], &["status=!none", "signal=none"]];
    assert!(everything.into_iter().all(|texts| filter(qualifiers(texts)).is_everything()));
    let less = [&["none"][..], &["?nosuch"], &["status=!unfinished"], &["%file"], &["all@64"]];
    for texts in less {
        assert!(!filter(qualifiers(texts)).is_everything(), "{texts:?}");
    }
    let expression = Specs { expressions: vec!["pid > 0".into()], ..Specs::default() };
    assert!(!filter(expression).is_everything());
}

#[test]
fn all_options_are_required() {
    let specs = Specs {
        paths: vec![PathBuf::from("/etc/passwd")],
        expressions: vec!["fd == 3".into(), "bytes > 10".into()],
        ..qualifiers(&["%desc"])
    };
    let filter = filter(specs);
    assert!(filter.needs_paths() && !filter.needs_source());
    let before = |name| filter.before(Abi::X86_64, number(Abi::X86_64, name));
    assert_eq!(before("read"), Test::Equals(0, 3));
    assert_eq!(before("getpid"), Test::Never);
    assert_eq!(before("fchmod"), Test::Equals(0, 3));
    assert_eq!(before("chmod"), Test::Never, "not of the class");
    let mut read = call(Abi::X86_64, "read", [3, 0, 0, 0, 0, 0]);
    read.decoded.bytes = Some(11);
    read.decoded.paths = vec!["/etc/passwd".into()];
    assert!(filter.wants(&read, ""));
    let lacking: [fn(&mut Call); 4] = [
        |call| call.raw_arguments[0] = 4,
        |call| call.decoded.bytes = Some(10),
        |call| call.decoded.paths.clear(),
        |call| call.decoded.name = "getpid".into(),
    ];
    for change in lacking {
        let mut call = read.clone();
        change(&mut call);
        assert!(!filter.wants(&call, ""));
    }
}

#[test]
fn a_path_is_asked_for_only_where_there_may_be_one() {
    let filter = filter(Specs { paths: vec![PathBuf::from("/etc/passwd")], ..Specs::default() });
    let before = |abi, name| filter.before(abi, number(abi, name));
    assert!(["read", "openat", "waitid", "rename"].iter().all(|name| before(Abi::X86_64, name) == Test::Always));
    assert!(["getpid", "futex", "brk", "wait4"].iter().all(|name| before(Abi::X86_64, name) == Test::Never));
    assert_eq!(before(Abi::I386, "socketcall"), Test::Always);
    let mut rename = call(Abi::X86_64, "rename", [0; 6]);
    rename.decoded.paths = vec!["/tmp/x".into(), "/etc/../etc/passwd".into()];
    assert!(filter.wants(&rename, ""));
}

#[test]
fn nothing_is_stopped_at_for_no_status() {
    assert_eq!(filter(qualifiers(&["status=none"])).before(Abi::X86_64, 0), Test::Never);
}

#[test]
fn an_error_names_its_option() {
    let specs = Specs { expressions: vec!["fd == 3".into(), "fb == 3".into()], ..Specs::default() };
    let error = Filter::new(&specs, &Facts).unwrap_err();
    assert_eq!(error.column(), 1);
    assert!(error.to_string().starts_with("--filter, column 1: \"fb\" is no field\n  fb == 3\n  ^\n"));
    assert!(error.of_option("--until").to_string().starts_with("--until, column 1"));
}
