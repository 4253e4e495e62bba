//! The layout of lines, compared with what strace itself prints: each of its lines is taken apart and made again.

use std::process::Command;

use jiff::tz::TimeZone;
use renacer_events::{Abi, Argument, Call, Decoded, ExitStatus, signal_name};
use renacer_text::{Ids, Lines, Options, Timestamps};

/// What strace prints, with these options, about this script; nothing where there is no strace.
fn strace(options: &[&str], script: &str) -> Option<String> {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("out");
    let output = Command::new("strace")
        .args(options)
        .arg("-o")
        .arg(&file)
        .args(["--", "sh", "-c", script])
        .env("TZ", "UTC")
        .output();
    match output {
        Ok(_) => Some(std::fs::read_to_string(file).unwrap()),
        Err(error) => {
            assert!(std::env::var_os("CI").is_none(), "no strace: {error}");
            eprintln!("skipped: no strace: {error}");
            None
        }
    }
}

/// Removes a leading number.
fn number(text: &mut &str) -> u64 {
    let length = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, rest) = text.split_at(length);
    *text = rest;
    number.parse().unwrap()
}

/// Removes `seconds.micros`.
fn time(text: &mut &str) -> u64 {
    let seconds = number(text);
    *text = text.strip_prefix('.').unwrap();
    seconds * 1_000_000_000 + number(text) * 1000
}

fn signal(name: &str) -> i32 {
    (1..=64).find(|number| signal_name(*number) == name).unwrap()
}

/// Makes the line again from its parts. `text` has no leader any more.
fn again(lines: &mut Lines, tid: i32, at: u64, text: &str, out: &mut String) {
    if let Some(text) = text.strip_prefix("--- stopped by ") {
        lines.stopped(at, tid, "sh", signal(text.strip_suffix(" ---").unwrap()), out);
    } else if let Some(text) = text.strip_prefix("--- ") {
        let (name, info) = text.strip_suffix(" ---").unwrap().split_once(' ').unwrap();
        lines.signal(at, tid, "sh", signal(name), info, out);
    } else if let Some(code) = text.strip_prefix("+++ exited with ") {
        let code = code.strip_suffix(" +++").unwrap().parse().unwrap();
        lines.exited(at, tid, "sh", ExitStatus::Exited(code), out);
    } else if let Some(text) = text.strip_prefix("+++ killed by ") {
        let text = text.strip_suffix(" +++").unwrap();
        let name = text.strip_suffix(" (core dumped)").unwrap_or(text);
        lines.exited(at, tid, "sh", ExitStatus::Killed { signal: signal(name), core_dumped: name != text }, out);
    } else {
        let (name, text) = text.split_once('(').unwrap();
        let (text, duration) = match text.strip_suffix('>').and_then(|text| text.rsplit_once(" <")) {
            Some((text, mut duration)) => (text, time(&mut duration)),
            None => (text, 0),
        };
        let (arguments, result) = text.rsplit_once("= ").unwrap();
        let arguments = arguments.trim_end().strip_suffix(')').unwrap();
        let unfinished = arguments.strip_suffix(" <unfinished ...>");
        // clone's arguments have names in the text, the first one being this.
        let all = unfinished.unwrap_or(arguments);
        let argument = Argument { name: "child_stack", text: all.strip_prefix("child_stack=").unwrap_or(all).into() };
        let decoded = Decoded {
            name: name.to_owned().into(),
            arguments: if arguments.is_empty() { Vec::new() } else { vec![argument] },
            result: result.into(),
            ..Decoded::default()
        };
        let call = Call {
            pid: tid,
            tid,
            start: at,
            end: at + duration,
            abi: Abi::X86_64,
            number: 0,
            raw_arguments: [0; 6],
            result: (result != "?").then_some(0),
            decoded,
            caller: renacer_events::Caller::default(),
        };
        lines.call(&call, "sh", out);
    }
}

#[test]
fn lines_in_a_file_of_one_process() {
    for script in ["exit 7", "kill -KILL $$", "kill -TERM $$", "trap : USR1; kill -USR1 $$; read x < /nonexistent"] {
        let Some(text) = strace(&[], script) else { return };
        let mut lines = Lines::new(Options { ids: Ids::Never, ..Options::default() });
        assert!(text.lines().count() > 10);
        for line in text.lines() {
            let mut out = String::new();
            again(&mut lines, 1, 0, line, &mut out);
            assert_eq!(out, format!("{line}\n"));
        }
    }
}

#[test]
fn lines_in_a_file_of_several_processes() {
    for (option, name) in [("-f", ""), ("-fY", "<sh>")] {
        let Some(text) = strace(&[option], "(exit 3); (kill -KILL $(exec sh -c 'echo $PPID')); kill -TERM $$") else {
            return;
        };
        let mut lines = Lines::new(Options { ids: Ids::Always, names: option == "-fY", ..Options::default() });
        let mut made = 0;
        for line in text.lines() {
            // strace splits calls that others interrupt.
            if line.contains(" <unfinished ...>") && !line.ends_with("= ?") || line.contains(" resumed>") {
                continue;
            }
            let mut rest = line;
            let tid = number(&mut rest) as i32;
            // In the arguments, too, there are names behind process ids then.
            let Some(rest) = rest.strip_prefix(name) else { continue };
            let mut out = String::new();
            again(&mut lines, tid, 0, rest.trim_start(), &mut out);
            assert_eq!(out, format!("{line}\n"));
            made += 1;
        }
        assert!(made > 30, "{text}");
        assert!(text.contains("+++ exited with 3 +++") && text.contains("+++ killed by SIGKILL +++"), "{text}");
    }
}

#[test]
fn times_in_front_and_behind() {
    let options = |timestamps, relative| Options {
        ids: Ids::Never,
        timestamps,
        relative,
        durations: true,
        time_zone: TimeZone::UTC,
        ..Options::default()
    };
    let Some(text) = strace(&["-ttt", "-T"], "exit 0") else { return };
    let mut lines = Lines::new(options(Some(Timestamps::Epoch), false));
    for line in text.lines() {
        let (mut rest, mut out) = (line, String::new());
        let at = time(&mut rest);
        again(&mut lines, 1, at, rest.strip_prefix(' ').unwrap(), &mut out);
        assert_eq!(out, format!("{line}\n"));
    }

    for (flag, timestamps) in [("-t", Timestamps::Seconds), ("-tt", Timestamps::Microseconds)] {
        let Some(text) = strace(&[flag, "-T"], "exit 0") else { return };
        let mut lines = Lines::new(options(Some(timestamps), false));
        for line in text.lines() {
            let (mut rest, mut out) = (line, String::new());
            let mut at = number(&mut rest);
            for _ in 0..2 {
                rest = rest.strip_prefix(':').unwrap();
                at = at * 60 + number(&mut rest);
            }
            at *= 1_000_000_000;
            if let Some(micros) = rest.strip_prefix('.') {
                rest = micros;
                at += number(&mut rest) * 1000;
            }
            again(&mut lines, 1, at, rest.strip_prefix(' ').unwrap(), &mut out);
            assert_eq!(out, format!("{line}\n"));
        }
    }

    for (flags, timestamps) in [(&["-r"][..], None), (&["-r", "-ttt"], Some(Timestamps::Epoch))] {
        let Some(text) = strace(flags, "exit 0") else { return };
        let mut lines = Lines::new(Options { durations: false, ..options(timestamps, true) });
        let mut at = 1_700_000_000_000_000_000;
        for line in text.lines() {
            let (mut rest, mut out) = (line, String::new());
            if timestamps.is_some() {
                time(&mut rest);
                rest = rest.strip_prefix(" (+").unwrap();
            }
            rest = rest.trim_start();
            at += time(&mut rest);
            again(&mut lines, 1, at, rest.trim_start_matches([' ', ')']), &mut out);
            // The two times are of two clocks.
            let tail = |line: &str| line.split_once(" (+").map_or(line, |(_, tail)| tail).to_owned();
            assert_eq!(tail(&out), tail(&format!("{line}\n")));
        }
    }
}
