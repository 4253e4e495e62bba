//! `-e` chooses the same calls as strace does, which is asked: it answers every call that there is without making it, those that
//! the specification names with another error (tools/every.s).

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use renacer_events::{Abi, Select, Test};
use renacer_filter::{Filter, Specs};
use support::{Facts, call};

/// The version that the table of classes is taken from.
const VERSION: &str = "version 6.1\n";

/// A program that makes every call; none where there is no strace of the right version, or no C compiler.
fn program(folder: &Path) -> Option<PathBuf> {
    let version = Command::new("strace").arg("--version").output().ok()?;
    if !String::from_utf8_lossy(&version.stdout).contains(VERSION) || !cfg!(target_arch = "x86_64") {
        return None;
    }
    let source = concat!(env!("CARGO_MANIFEST_DIR"), "/tools/every.s");
    let program = folder.join("every");
    let built = Command::new("cc").args(["-nostdlib", "-static", "-o"]).arg(&program).arg(source).status().ok()?;
    built.success().then_some(program)
}

/// Every call that the program makes (by convention, number and name), and whether strace counts it to `set`.
/// None if strace does not understand it.
fn ask_strace(program: &Path, folder: &Path, set: &str) -> Option<BTreeMap<(bool, u64, String), bool>> {
    let output = folder.join("output");
    let _ = std::fs::remove_file(&output);
    let mut strace = Command::new("strace");
    strace.args([
        "-n",
        "-e",
        "signal=none",
        "-e",
        "inject=all:error=ENOSYS",
        "-e",
        &format!("inject={set}:error=EPERM"),
        "-o",
    ]);
    strace.arg(&output).arg(program).current_dir(folder).stderr(Stdio::null()).status().unwrap();
    let text = String::from_utf8_lossy(&std::fs::read(output).ok()?).into_owned();
    let mut calls = BTreeMap::new();
    let (mut last, mut is_i386) = (0, false);
    for line in text.lines().filter(|line| line.contains("(INJECTED)")) {
        let (number, rest) = line.trim_start_matches('[').split_once(']').unwrap();
        let number = number.trim().parse().unwrap();
        is_i386 |= number < last;
        last = number;
        let name = rest.trim_start().split('(').next().unwrap();
        calls.insert((is_i386, number, name.to_owned()), line.contains(" EPERM "));
    }
    assert!(calls.len() > 800, "{set}: strace showed {} calls", calls.len());
    Some(calls)
}

#[test]
fn the_same_calls_are_chosen() {
    let folder = tempfile::tempdir().unwrap();
    let Some(program) = program(folder.path()) else {
        println!("skipped: this needs strace 6.1 and cc on x86-64");
        return;
    };
    let classes = "%file %desc %net %network %process %memory %signal %ipc %creds %clock %pure %stat %lstat %fstat \
        %%stat %statfs %fstatfs %%statfs file desc network process memory signal ipc";
    let others = "open openat,close !open !!open !!!open,read all none !all !none all,open ?nosuch ??nosuch,open ,open open,,close, \
        3 !3 102 222 ?9999 0,1,%net /open /^open /^(read|write) !/^.*at$ /[0-9]$ ?/nosuch,close /stat,%clock open@64 open@32 \
        %file@32 !%file@64 3@32 3@64 /open@32 all@32 !all@64 ?mmap2@64 mmap2 socketcall socket,connect semop send \
        mmap select %network,!!x stat fstat,lstat pread64 ?open,?close umount2 !%desc,file ??%nosuch ?none@64 /^.{3}$ \
        /^[a-z]+$ accept4@32,accept@64 /_time64$ %stat@32";
    let wrong = "nosuch open,nosuch 9999 0x3 3x open@65 @64 none@64 open,none open,!close ! , %nosuch clock creds net stat,pure /( /nosuch \
        mmap2@64 OPEN %FILE open@64@32 ?/( ?open@65 -1";
    for set in classes.split_whitespace().chain(others.split_whitespace()).chain(wrong.split_whitespace()) {
        let expected = ask_strace(&program, folder.path(), set);
        let filter = Filter::new(&Specs { qualifiers: vec![format!("trace={set}")], ..Specs::default() }, &Facts);
        let (expected, filter) = match (expected, filter) {
            (Some(expected), Ok(filter)) => (expected, filter),
            (None, Err(_)) => continue,
            (Some(_), Err(error)) => panic!("strace understands it: {error}"),
            (None, Ok(_)) => panic!("strace does not understand {set}"),
        };
        let is_wrong = wrong.split_whitespace().any(|wrong| wrong == set);
        assert!(!is_wrong, "{set} is understood");
        for ((is_i386, number, name), expected) in expected {
            let abi = if is_i386 { Abi::I386 } else { Abi::X86_64 };
            let mut call = call(Abi::X86_64, "read", [0; 6]);
            (call.abi, call.number) = (abi, number);
            call.decoded.name = name.clone().into();
            assert_eq!(filter.wants(&call, ""), expected, "{set}: {name} ({number}, {abi:?})");
            let before = filter.before(abi, number);
            assert!(before == Test::Always || !expected, "{set}: {name} is ruled out");
        }
    }
}
