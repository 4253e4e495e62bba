//! The system call tables agree with what they are generated from, and with the kernel's headers and trace events where these are
//! at hand.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use renacer_events::Abi;
use renacer_ptrace::table::{number, numbers, signature};

const ABIS: [Abi; 4] = [Abi::X86_64, Abi::I386, Abi::X32, Abi::Aarch64];

/// Calls that are newer than the headers of some distributions in use, below the number from which all new calls are numbered alike.
const NEW_IN_GAPS: [&str; 2] = ["uretprobe", "uprobe"];

/// Says why a comparison is not made; with `CI=true` a missing source is a failure.
fn skipped(why: &str) {
    assert!(std::env::var("CI").as_deref() != Ok("true"), "{why}");
    eprintln!("skipped: {why}");
}

fn tools() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tools")
}

fn generator(argument: &str) -> Option<Output> {
    Command::new("python3").arg("-B").arg(tools().join("syscall_tables.py")).arg(argument).output().ok()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn generated_from_what_stands_beside_the_generator() {
    match generator("--check") {
        None => skipped("python3 is not installed"),
        Some(output) if output.status.code() == Some(77) => skipped(&said(&output)),
        Some(output) => assert!(output.status.success(), "{}", said(&output)),
    }
}

#[test]
fn the_arguments_are_the_running_kernels() {
    let version = std::fs::read_to_string("/proc/sys/kernel/osrelease").expect("the kernel has a version");
    if !version.starts_with("6.18.") {
        return eprintln!("skipped: the arguments are those of Linux 6.18, and this is {version}");
    }
    let snapshot = std::fs::read_to_string(tools().join("tracefs-6.18.txt")).expect("the snapshot");
    match generator("--snapshot") {
        Some(output) if output.status.success() => {
            let lines = |text: &str| text.lines().map(str::to_owned).collect::<BTreeSet<_>>();
            let (kept, now) = (lines(&snapshot), lines(&String::from_utf8_lossy(&output.stdout)));
            // A kernel may be built without some calls; those that it has are the same.
            assert!(now.len() > 300, "{} calls", now.len());
            assert_eq!(now.difference(&kept).collect::<Vec<_>>(), Vec::<&String>::new());
        }
        // Not in CI either: tracefs is for root, and not in every container.
        _ => eprintln!("skipped: tracefs cannot be read"),
    }
}

/// `#define __NR_name value` lines; values may be sums or other macros.
fn definitions(text: &str) -> BTreeMap<String, u64> {
    let raw: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.strip_prefix("#define ")?.split_once(' ')).collect();
    let value = |text: &str| {
        let text = raw.get(text.trim()).copied().unwrap_or(text);
        text.trim().trim_matches(['(', ')']).trim_start_matches("__X32_SYSCALL_BIT + ").parse().ok()
    };
    let calls = raw.iter().filter_map(|(name, text)| Some((name.strip_prefix("__NR_")?.to_owned(), value(text)?)));
    // What is not a call: the number of calls, and a range.
    calls.filter(|(name, _)| name != "syscalls" && name != "arch_specific_syscall").collect()
}

/// Exactly the header's calls, and above them those that are newer than the header.
fn compare(abi: Abi, header: &BTreeMap<String, u64>) {
    assert!(header.len() > 290, "{abi:?}: {} calls in the header", header.len());
    let (shared, last_shared) = (424, header.values().copied().filter(|&number| number < 512).max().unwrap_or(0));
    assert!(last_shared > shared, "{abi:?}: the header ends at {last_shared}");
    for (name, &number) in header {
        assert_eq!(signature(abi, number).map(|call| call.name), Some(&**name), "{abi:?} {number}");
    }
    for (number, name) in numbers(abi) {
        let newer = (number > last_shared && number < 512) || NEW_IN_GAPS.contains(&name);
        assert!(newer || header.get(name) == Some(&number), "{abi:?}: the header has no {name} with number {number}");
    }
}

#[test]
fn numbers_are_those_of_the_installed_headers() {
    let folder = Path::new("/usr/include/x86_64-linux-gnu/asm");
    for (abi, file) in [(Abi::X86_64, "unistd_64.h"), (Abi::I386, "unistd_32.h"), (Abi::X32, "unistd_x32.h")] {
        match std::fs::read_to_string(folder.join(file)) {
            Ok(text) => compare(abi, &definitions(&text)),
            Err(_) if cfg!(not(target_arch = "x86_64")) => eprintln!("skipped: {file} is not installed"),
            Err(_) => skipped(&format!("{file} is not installed")),
        }
    }
}

/// 64-bit Arm has the generic numbers, with what arch/arm64/include/uapi/asm/unistd.h asks for.
#[test]
fn numbers_are_those_of_the_generic_header() {
    let wanted = "RENAMEAT NEW_STAT SET_GET_RLIMIT TIME32_SYSCALLS SYS_CLONE3 MEMFD_SECRET";
    let mut compiler = Command::new("cc");
    compiler.args(["-E", "-dM", "-xc", "-include", "asm-generic/unistd.h", "/dev/null"]);
    compiler.args(wanted.split(' ').map(|name| format!("-D__ARCH_WANT_{name}")));
    match compiler.output() {
        Ok(output) if output.status.success() => {
            let mut header = definitions(&String::from_utf8_lossy(&output.stdout));
            // It defines both names where both are wanted, and the library's macros for 32-bit processors never.
            header.retain(|_, number| *number < 512);
            compare(Abi::Aarch64, &header);
        }
        _ => skipped("there is no C compiler, or no asm-generic/unistd.h"),
    }
}

#[test]
fn names_that_every_tracer_must_have_right() {
    for (abi, name, expected) in [
        (Abi::X86_64, "getppid", 110),
        (Abi::I386, "getppid", 64),
        (Abi::X32, "getppid", 110),
        (Abi::Aarch64, "getppid", 173),
        (Abi::X86_64, "newfstatat", 262),
        (Abi::I386, "fstatat64", 300),
        (Abi::Aarch64, "newfstatat", 79),
        (Abi::X32, "rt_sigaction", 512),
        (Abi::X32, "pwritev2", 547),
        (Abi::I386, "futex_time64", 422),
    ] {
        assert_eq!(number(abi, name), Some(expected), "{abi:?} {name}");
        assert_eq!(signature(abi, expected).map(|call| call.name), Some(name));
    }
    let names: Vec<_> = (107..=113).filter_map(|number| Some(signature(Abi::X86_64, number)?.name)).collect();
    assert_eq!(names, ["geteuid", "getegid", "setpgid", "getppid", "getpgrp", "setsid", "setreuid"]);
    assert_eq!(number(Abi::Aarch64, "futex_time64"), None, "a call of 32-bit processors");
    assert_eq!(number(Abi::X32, "rt_sigaction"), Some(512));
    assert_eq!(signature(Abi::X32, 13), None, "x32 has another number for it");
    for abi in ABIS {
        assert_eq!(signature(abi, 470), None, "newer than the table");
        assert_eq!(signature(abi, u64::MAX), None);
        assert_eq!(number(abi, "no_such_call"), None);
    }
}

#[test]
fn arguments_have_the_manuals_names_and_each_conventions_order() {
    let names = |abi, name: &str| -> Vec<&str> {
        let call = signature(abi, number(abi, name).expect("a known name")).expect("a known number");
        call.arguments.iter().map(|parameter| parameter.name).collect()
    };
    assert_eq!(names(Abi::X86_64, "openat"), ["dirfd", "pathname", "flags", "mode"]);
    assert_eq!(names(Abi::X86_64, "mmap"), ["addr", "length", "prot", "flags", "fd", "offset"]);
    assert_eq!(names(Abi::X86_64, "clone"), ["flags", "stack", "parent_tid", "child_tid", "tls"]);
    assert_eq!(names(Abi::Aarch64, "clone"), ["flags", "stack", "parent_tid", "tls", "child_tid"]);
    assert_eq!(names(Abi::I386, "clone"), ["flags", "stack", "parent_tid", "tls", "child_tid"]);
    assert_eq!(names(Abi::I386, "pread64"), ["fd", "buf", "count", "offset_low", "offset_high"]);
    assert_eq!(names(Abi::I386, "mmap"), ["args"]);
    assert_eq!(names(Abi::I386, "_llseek"), ["fd", "offset_high", "offset_low", "result", "whence"]);
}

#[test]
fn complete_and_without_doubles() {
    for (abi, at_least) in [(Abi::X86_64, 383), (Abi::I386, 459), (Abi::X32, 369), (Abi::Aarch64, 325)] {
        let calls: Vec<_> = numbers(abi).collect();
        assert!((at_least..480).contains(&calls.len()), "{abi:?}: {} calls", calls.len());
        assert!(calls.is_sorted_by(|a, b| a.0 < b.0), "{abi:?}: numbers in order, each once");
        assert_eq!(
            calls.iter().map(|call| call.1).collect::<BTreeSet<_>>().len(),
            calls.len(),
            "{abi:?}: each name once"
        );
        for (index, name) in calls {
            assert_eq!(number(abi, name), Some(index));
            let arguments = signature(abi, index).expect("it is in the table").arguments;
            assert!(arguments.len() <= 6, "{abi:?} {name}");
            let distinct: BTreeSet<_> = arguments.iter().map(|parameter| parameter.name).collect();
            assert_eq!(distinct.len(), arguments.len(), "{abi:?} {name}: two arguments of one name");
            let whole = |text: &str| !text.is_empty() && text.trim() == text;
            assert!(arguments.iter().all(|p| whole(p.name) && whole(p.ctype)), "{abi:?} {name}: {arguments:?}");
        }
    }
}
