//! Live lines as `strace -f` prints them, one whole line for a call when it returns.

use std::collections::HashSet;
use std::fmt::Write;

use jiff::Timestamp;
use jiff::tz::TimeZone;
use renacer_events::{Argument, Call, ExitStatus, Tid, signal_name};

/// Calls of which strace knows every argument at the entry: for them it leaves out ` <unfinished ...>` when they never return.
const COMPLETE_AT_ENTRY: [&str; 13] = [
    "connect",
    "execve",
    "execveat",
    "exit",
    "exit_group",
    "flock",
    "futex",
    "kill",
    "pause",
    "rt_sigsuspend",
    "tgkill",
    "tkill",
    "write",
];

/// When a line starts with the thread's id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ids {
    /// Never: strace without `-f`.
    Never,
    /// Always, as `1234  `: strace with `-f` and `-o`.
    Always,
    /// While more than one thread is known, as `[pid  1234] `: strace with `-f` on standard error.
    #[default]
    WhenSeveral,
}

/// The wall clock time in front of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Timestamps {
    /// Local time of day in seconds: `-t`.
    Seconds,
    /// Local time of day in microseconds: `-tt`.
    Microseconds,
    /// Seconds since the epoch, with microseconds: `-ttt`.
    Epoch,
}

/// How lines look.
#[derive(Clone, Debug)]
pub struct Options {
    /// Thread ids in front.
    pub ids: Ids,
    /// The thread's name behind its id, as `-Y` (`--decode-pids=comm`) does.
    pub names: bool,
    /// Wall clock time in front: `-t`, `-tt`, `-ttt`.
    pub timestamps: Option<Timestamps>,
    /// Seconds since the start of what the line before tells: `-r`. Negative where lines of several threads overlap.
    pub relative: bool,
    /// The call's duration behind it: `-T`.
    pub durations: bool,
    /// Put each call's stack below its line (`-k`); waits until it is known.
    pub stacks: bool,
    /// The column in which `= ` stands, at the earliest: `-a`.
    pub column: usize,
    /// The time zone of `timestamps`.
    pub time_zone: TimeZone,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            ids: Ids::default(),
            names: false,
            timestamps: None,
            relative: false,
            durations: false,
            stacks: false,
            column: 40,
            time_zone: TimeZone::system(),
        }
    }
}

/// Makes lines. Each method appends one whole line with its newline to `out`; all times are nanoseconds since the epoch.
pub struct Lines {
    options: Options,
    /// Threads that were named in a line and have not ended.
    threads: HashSet<Tid>,
    /// What the line before tells started then.
    before: Option<u64>,
    /// The second that was rendered last, and its text.
    second: Option<(u64, String)>,
}

impl Lines {
    /// Lines of this look.
    pub fn new(options: Options) -> Self {
        Lines { options, threads: HashSet::new(), before: None, second: None }
    }

    /// A call that has returned, or never will. `name` is the thread's name.
    pub fn call(&mut self, call: &Call, name: &str, out: &mut String) {
        let start = out.len();
        self.leader(call.tid, name, call.start, out);
        let decoded = &call.decoded;
        out.push_str(&decoded.name);
        out.push('(');
        for (index, Argument { name, text }) in decoded.arguments.iter().enumerate() {
            if index > 0 {
                out.push_str(", ");
            }
            // The one call whose arguments strace names.
            if decoded.name == "clone" {
                out.push_str(name);
                out.push('=');
            }
            out.push_str(text);
        }
        if call.result.is_none() && !COMPLETE_AT_ENTRY.contains(&&*decoded.name) {
            out.push_str(" <unfinished ...>");
        }
        out.push_str(") ");
        for _ in out.len() - start..self.options.column {
            out.push(' ');
        }
        out.push_str("= ");
        out.push_str(if decoded.result.is_empty() { "?" } else { &decoded.result });
        if self.options.durations && call.result.is_some() {
            let duration = call.end.saturating_sub(call.start);
            // Writing to a string cannot fail.
            let _ = write!(out, " <{}.{:06}>", duration / 1_000_000_000, duration % 1_000_000_000 / 1000);
        }
        out.push('\n');
        if let Some(stack) = call.caller.stack.as_ref().filter(|_| self.options.stacks) {
            for line in &stack.source().lines {
                out.push_str(line);
                out.push('\n');
            }
        }
    }

    /// A signal's delivery; `info` is the siginfo in braces, as strace renders it.
    pub fn signal(&mut self, at: u64, tid: Tid, name: &str, signal: i32, info: &str, out: &mut String) {
        self.leader(tid, name, at, out);
        let _ = writeln!(out, "--- {} {info} ---", signal_name(signal));
    }

    /// A stop by job control.
    pub fn stopped(&mut self, at: u64, tid: Tid, name: &str, signal: i32, out: &mut String) {
        self.leader(tid, name, at, out);
        let _ = writeln!(out, "--- stopped by {} ---", signal_name(signal));
    }

    /// A time in which a thread was not traced, told at its end.
    pub fn untraced(&mut self, at: u64, tid: Tid, name: &str, nanos: u64, out: &mut String) {
        self.leader(tid, name, at, out);
        let _ = writeln!(out, "--- untraced for {}.{:06} s ---", nanos / 1_000_000_000, nanos % 1_000_000_000 / 1000);
    }

    /// The end of a thread.
    pub fn exited(&mut self, at: u64, tid: Tid, name: &str, status: ExitStatus, out: &mut String) {
        self.leader(tid, name, at, out);
        self.threads.remove(&tid);
        let _ = match status {
            ExitStatus::Exited(code) => writeln!(out, "+++ exited with {code} +++"),
            ExitStatus::Killed { signal, core_dumped } => {
                let core = if core_dumped { " (core dumped)" } else { "" };
                writeln!(out, "+++ killed by {}{core} +++", signal_name(signal))
            }
            ExitStatus::Unknown => writeln!(out, "+++ exited with unknown status +++"),
        };
    }

    /// A thread that was not its process's first has called exec, and takes over the process's id, `pid`.
    pub fn superseded(&mut self, at: u64, pid: Tid, name: &str, former_tid: Tid, out: &mut String) {
        self.threads.remove(&former_tid);
        self.leader(pid, name, at, out);
        let _ = writeln!(out, "+++ superseded by execve in pid {former_tid} +++");
    }

    /// What stands in front of a line.
    fn leader(&mut self, tid: Tid, name: &str, at: u64, out: &mut String) {
        self.threads.insert(tid);
        let with_id = match self.options.ids {
            Ids::Never => false,
            Ids::Always => true,
            Ids::WhenSeveral => self.threads.len() > 1,
        };
        let brackets = self.options.ids == Ids::WhenSeveral;
        // Writing to a string cannot fail.
        let _ = match (with_id, self.options.names, brackets) {
            (false, ..) => Ok(()),
            (true, false, false) => write!(out, "{tid:<5} "),
            (true, true, false) => write!(out, "{tid}<{name}> "),
            (true, false, true) => write!(out, "[pid {tid:>5}] "),
            (true, true, true) => write!(out, "[pid {tid}<{name}>] "),
        };
        if let Some(timestamps) = self.options.timestamps {
            let (second, micros) = (at / 1_000_000_000, at % 1_000_000_000 / 1000);
            let _ = match timestamps {
                Timestamps::Seconds => write!(out, "{} ", self.time_of_day(second)),
                Timestamps::Microseconds => write!(out, "{}.{micros:06} ", self.time_of_day(second)),
                Timestamps::Epoch => write!(out, "{second}.{micros:06} "),
            };
        }
        if self.options.relative {
            let before = self.before.replace(at).unwrap_or(at);
            let apart = at.abs_diff(before);
            let sign = if at < before { "-" } else { "" };
            let seconds = format!("{sign}{}", apart / 1_000_000_000);
            let micros = apart % 1_000_000_000 / 1000;
            let _ = match self.options.timestamps {
                Some(_) => write!(out, "(+{seconds:>6}.{micros:06}) "),
                None => write!(out, "{seconds:>6}.{micros:06} "),
            };
        }
    }

    /// The local time of day. Rendered once a second: the time zone's rules are slow.
    fn time_of_day(&mut self, second: u64) -> &str {
        if !matches!(&self.second, Some((rendered, _)) if *rendered == second) {
            let text = match i64::try_from(second).ok().and_then(|second| Timestamp::from_second(second).ok()) {
                Some(time) => self.options.time_zone.to_datetime(time).strftime("%H:%M:%S").to_string(),
                // Beyond the year 9999: a clock that is wrong must not stop a trace.
                None => "??:??:??".to_owned(),
            };
            self.second = Some((second, text));
        }
        self.second.as_ref().map_or("", |(_, text)| text)
    }
}

#[cfg(test)]
mod tests {
    use renacer_events::{Abi, Decoded};

    use super::*;

    fn call(tid: Tid, name: &'static str, arguments: &[&str], result: Option<&str>) -> Call {
        let arguments = arguments.iter().map(|text| Argument { name: "", text: (*text).into() }).collect();
        let decoded =
            Decoded { name: name.into(), arguments, result: result.unwrap_or("?").into(), ..Decoded::default() };
        let (start, end) = (1_700_000_000_123_456_789, 1_700_000_001_123_457_999);
        Call {
            pid: tid,
            tid,
            start,
            end,
            abi: Abi::X86_64,
            number: 0,
            raw_arguments: [0; 6],
            result: result.map(|_| 0),
            decoded,
            caller: Default::default(),
        }
    }

    fn lines(options: Options, make: impl Fn(&mut Lines, &mut String)) -> String {
        let mut out = String::new();
        make(&mut Lines::new(options), &mut out);
        out
    }

    #[test]
    fn ids_are_shown_while_there_are_several_threads() {
        let out = lines(Options::default(), |lines, out| {
            lines.call(&call(8703, "getpid", &[], Some("8703")), "sh", out);
            lines.call(&call(8706, "close", &["3"], Some("0")), "sh", out);
            lines.call(&call(8703, "close", &["3"], Some("-1 EBADF (Bad file descriptor)")), "sh", out);
            lines.signal(0, 8706, "sh", 6, "{si_signo=SIGABRT, si_code=SI_USER, si_pid=8706, si_uid=0}", out);
            lines.exited(0, 8706, "sh", ExitStatus::Killed { signal: 6, core_dumped: true }, out);
            lines.stopped(0, 8703, "sh", 19, out);
            lines.call(&call(123_456, "getpid", &[], Some("123456")), "sh", out);
            lines.superseded(0, 8703, "sh", 123_456, out);
            lines.call(&call(8703, "exit_group", &["3"], None), "sh", out);
            lines.exited(0, 8703, "sh", ExitStatus::Exited(3), out);
        });
        assert_eq!(
            out,
            "\
getpid()                                = 8703
[pid  8706] close(3)                    = 0
[pid  8703] close(3)                    = -1 EBADF (Bad file descriptor)
[pid  8706] --- SIGABRT {si_signo=SIGABRT, si_code=SI_USER, si_pid=8706, si_uid=0} ---
[pid  8706] +++ killed by SIGABRT (core dumped) +++
--- stopped by SIGSTOP ---
[pid 123456] getpid()                   = 123456
+++ superseded by execve in pid 123456 +++
exit_group(3)                           = ?
+++ exited with 3 +++
"
        );
    }

    #[test]
    fn ids_and_names_in_a_file() {
        let out = lines(Options { ids: Ids::Always, names: true, ..Options::default() }, |lines, out| {
            lines.call(&call(30426, "exit_group", &["0"], None), "sh", out);
        });
        assert_eq!(out, "30426<sh> exit_group(0)                 = ?\n");
        let out = lines(Options { ids: Ids::Always, ..Options::default() }, |lines, out| {
            lines.call(&call(12, "exit_group", &["0"], None), "sh", out);
        });
        assert_eq!(out, "12    exit_group(0)                     = ?\n");
    }

    #[test]
    fn calls_that_never_return() {
        let out = lines(Options { durations: true, ..Options::default() }, |lines, out| {
            lines.call(&call(1, "kill", &["30539", "SIGKILL"], None), "sh", out);
            lines.call(&call(1, "wait4", &["-1", "0x7ffde76acaac", "0", "NULL"], None), "sh", out);
            lines.call(&call(1, "sched_yield", &[], None), "sh", out);
        });
        assert_eq!(
            out,
            "\
kill(30539, SIGKILL)                    = ?
wait4(-1, 0x7ffde76acaac, 0, NULL <unfinished ...>) = ?
sched_yield( <unfinished ...>)          = ?
"
        );
    }

    #[test]
    fn times() {
        let options = |timestamps, relative, durations| Options {
            ids: Ids::Never,
            timestamps,
            relative,
            durations,
            column: 20,
            time_zone: TimeZone::fixed(jiff::tz::offset(-5)),
            ..Options::default()
        };
        let getpid = call(1, "getpid", &[], Some("1"));
        for (options, expected) in [
            (options(Some(Timestamps::Seconds), false, true), "17:13:20 getpid()   = 1 <1.000001>\n"),
            (options(Some(Timestamps::Microseconds), false, false), "17:13:20.123456 getpid() = 1\n"),
            (options(Some(Timestamps::Epoch), false, false), "1700000000.123456 getpid() = 1\n"),
            (options(None, true, false), "     0.000000 getpid() = 1\n"),
            (options(Some(Timestamps::Seconds), true, false), "17:13:20 (+     0.000000) getpid() = 1\n"),
        ] {
            assert_eq!(lines(options, |lines, out| lines.call(&getpid, "sh", out)), expected);
        }
        let out = lines(options(None, true, false), |lines, out| {
            lines.call(&getpid, "sh", out);
            lines.exited(1_700_000_012_123_458_000, 1, "sh", ExitStatus::Exited(0), out);
            lines.call(&getpid, "sh", out);
        });
        assert_eq!(
            out,
            "     0.000000 getpid() = 1\n    12.000001 +++ exited with 0 +++\n   -12.000001 getpid() = 1\n"
        );
        let out = lines(options(Some(Timestamps::Seconds), false, false), |lines, out| {
            lines.exited(u64::MAX, 1, "sh", ExitStatus::Unknown, out);
        });
        assert_eq!(out, "18:34:33 +++ exited with unknown status +++\n");
    }
}
