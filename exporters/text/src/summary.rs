//! The summary table of `-c`: what each kind of call cost.

use std::borrow::Cow;
use std::collections::HashMap;
use std::io::{self, Write};

use renacer_events::Call;

use crate::histogram::Histogram;

/// Names that get a row of their own. Only a program that makes up call numbers has more; all further ones share a row.
const MAX_NAMES: usize = 512;
const FURTHER: &str = "(other calls)";

/// Collects calls and renders the table. Memory is bounded: at most 15 KiB a name, 8 MiB in all.
#[derive(Debug, Default)]
pub struct Summary {
    rows: HashMap<Cow<'static, str>, Row>,
}

#[derive(Debug, Default)]
struct Row {
    durations: Histogram,
    errors: u64,
    /// Calls that never returned: they have no duration.
    unfinished: u64,
}

impl Summary {
    /// A summary of nothing.
    pub fn new() -> Self {
        Summary::default()
    }

    /// Adds a call.
    pub fn add(&mut self, call: &Call) {
        let name = &call.decoded.name;
        if !self.rows.contains_key(&**name) && self.rows.len() >= MAX_NAMES {
            return self.rows.entry(Cow::Borrowed(FURTHER)).or_default().add(call);
        }
        match self.rows.get_mut(&**name) {
            Some(row) => row.add(call),
            None => self.rows.entry(name.clone()).or_default().add(call),
        }
    }

    /// Writes the table, the costliest call first. Times are wall clock times; as in strace's table, a call that never
    /// returned is in no row, but the last line names it.
    pub fn render(&self, out: &mut impl Write) -> io::Result<()> {
        let mut rows: Vec<(&str, &Row)> =
            self.rows.iter().map(|(name, row)| (&**name, row)).filter(|(_, row)| row.durations.count > 0).collect();
        rows.sort_unstable_by(|(left_name, left), (right_name, right)| {
            let (left, right) = (&left.durations, &right.durations);
            right.sum.cmp(&left.sum).then(right.count.cmp(&left.count)).then(left_name.cmp(right_name))
        });
        let sum = rows.iter().fold(0u64, |sum, (_, row)| sum.saturating_add(row.durations.sum));
        let rule = "------ ----------- --------- --------- -------- -------- -------- -------- ----------------";
        writeln!(out, "% time     seconds     calls    errors      min      p50      p99      max syscall")?;
        writeln!(out, "{rule}")?;
        for (name, row) in &rows {
            let durations = &row.durations;
            let share = if sum == 0 { 0.0 } else { durations.sum as f64 * 100.0 / sum as f64 };
            writeln!(
                out,
                "{share:>6.2} {} {:>9} {:>9} {} {} {} {} {name}",
                seconds(durations.sum),
                durations.count,
                nonzero(row.errors),
                short(durations.min),
                short(durations.quantile(500)),
                short(durations.quantile(990)),
                short(durations.max),
            )?;
        }
        let calls: u64 = rows.iter().map(|(_, row)| row.durations.count).sum();
        let errors: u64 = rows.iter().map(|(_, row)| row.errors).sum();
        writeln!(out, "{rule}")?;
        writeln!(out, "100.00 {} {calls:>9} {:>9} {:>35} total", seconds(sum), nonzero(errors), "")?;
        let mut unfinished: Vec<(&str, u64)> =
            self.rows.iter().map(|(name, row)| (&**name, row.unfinished)).filter(|(_, count)| *count > 0).collect();
        if !unfinished.is_empty() {
            unfinished.sort_unstable();
            write!(out, "never returned:")?;
            for (index, (name, count)) in unfinished.iter().enumerate() {
                write!(out, "{} {count} {name}", if index > 0 { "," } else { "" })?;
            }
            writeln!(out)?;
        }
        Ok(())
    }
}

impl Row {
    fn add(&mut self, call: &Call) {
        if call.result.is_none() {
            self.unfinished += 1;
            return;
        }
        self.durations.add(call.end.saturating_sub(call.start));
        self.errors += u64::from(call.decoded.error.is_some());
    }
}

fn seconds(nanoseconds: u64) -> String {
    format!("{:>4}.{:06}", nanoseconds / 1_000_000_000, nanoseconds % 1_000_000_000 / 1000)
}

fn nonzero(count: u64) -> String {
    if count == 0 { String::new() } else { count.to_string() }
}

/// A duration in three digits with its unit, 8 columns wide: `812ns`, `9.84µs`, `1.20ms`, `30.0s`.
fn short(nanoseconds: u64) -> String {
    if nanoseconds < 1000 {
        return format!("{:>8}", format!("{nanoseconds}ns"));
    }
    let (unit, scale) = match nanoseconds {
        // Where three digits round up to four, the next unit begins.
        0..999_500 => ("µs", 1e3),
        999_500..999_500_000 => ("ms", 1e6),
        _ => ("s", 1e9),
    };
    let value = nanoseconds as f64 / scale;
    let decimals = if value < 9.995 {
        2
    } else if value < 99.95 {
        1
    } else {
        0
    };
    format!("{:>8}", format!("{value:.decimals$}{unit}"))
}

#[cfg(test)]
mod tests {
    use renacer_events::{Abi, Decoded, Errno};

    use super::*;

    fn call(name: &'static str, duration: u64, result: Option<i64>) -> Call {
        let error = result.filter(|result| *result < 0).map(|_| Errno { number: 2, name: "ENOENT", message: "" });
        let decoded = Decoded { name: name.into(), error, ..Decoded::default() };
        Call {
            pid: 1,
            tid: 1,
            start: 1000,
            end: 1000 + duration,
            abi: Abi::X86_64,
            number: 0,
            raw_arguments: [0; 6],
            result,
            decoded,
            caller: Default::default(),
        }
    }

    fn rendered(summary: &Summary) -> String {
        let mut out = Vec::new();
        summary.render(&mut out).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn the_table_is_sorted_by_time_and_counts_exactly() {
        let mut summary = Summary::new();
        for _ in 0..3 {
            summary.add(&call("openat", 20_000, Some(3)));
        }
        summary.add(&call("openat", 40_000, Some(-2)));
        summary.add(&call("close", 812, Some(0)));
        summary.add(&call("clock_nanosleep", 30_000_000_000, Some(0)));
        summary.add(&call("exit_group", 5, None));
        summary.add(&call("wait4", 5, None));
        summary.add(&call("wait4", 5, None));
        assert_eq!(
            rendered(&summary),
            "\
% time     seconds     calls    errors      min      p50      p99      max syscall
------ ----------- --------- --------- -------- -------- -------- -------- ----------------
100.00   30.000000         1              30.0s    30.0s    30.0s    30.0s clock_nanosleep
  0.00    0.000100         4         1   20.0µs   20.2µs   40.0µs   40.0µs openat
  0.00    0.000000         1              812ns    812ns    812ns    812ns close
------ ----------- --------- --------- -------- -------- -------- -------- ----------------
100.00   30.000100         6         1                                     total
never returned: 1 exit_group, 2 wait4
"
        );
    }

    #[test]
    fn durations_have_three_digits_and_fit_their_column() {
        for (nanoseconds, text) in [
            (0, "0ns"),
            (999, "999ns"),
            (1000, "1.00µs"),
            (9_994, "9.99µs"),
            (9_996, "10.0µs"),
            (99_960, "100µs"),
            (999_499, "999µs"),
            (999_500, "1.00ms"),
            (999_499_999, "999ms"),
            (999_500_000, "1.00s"),
            (3_600_000_000_000, "3600s"),
        ] {
            assert_eq!(short(nanoseconds), format!("{text:>8}"), "{nanoseconds}");
        }
    }

    #[test]
    fn a_program_that_makes_up_calls_cannot_fill_the_memory() {
        let mut summary = Summary::new();
        for number in 0..2000u64 {
            let mut call = call("", 10, Some(-2));
            call.decoded.name = format!("syscall_{number:#x}").into();
            summary.add(&call);
        }
        assert_eq!(summary.rows.len(), MAX_NAMES + 1);
        let text = rendered(&summary);
        assert!(
            text.contains(&format!("{:>9} {:>9}     10ns     10ns     10ns     10ns {FURTHER}", 1488, 1488)),
            "{text}"
        );
        assert!(text.contains(&format!("{:>9} {:>9} {:>35} total", 2000, 2000, "")), "{text}");
    }
}
