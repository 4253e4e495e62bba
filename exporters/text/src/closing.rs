//! The one line with which a run ends: exact counts, where the spans are, and everything that was lost.

use std::fmt::{self, Display, Formatter};
use std::path::Path;
use std::time::Duration;

use renacer_events::TraceId;

/// What a run has come to. Its `Display` is the closing line, without a newline; parts that are zero are left out.
#[derive(Clone, Debug, Default)]
pub struct Counts<'a> {
    /// Calls seen.
    pub calls: u64,
    /// Processes seen.
    pub processes: u64,
    /// Threads seen, each process's first one included; named only where there are more than processes.
    pub threads: u64,
    /// From the start of the program to its end.
    pub duration: Duration,
    /// Spans that the collector has taken.
    pub delivered: u64,
    /// The collector.
    pub endpoint: Option<&'a str>,
    /// Those of them that the collector took only after they had been in a local file.
    pub delivered_later: u64,
    /// The local files; those without spans are left out.
    pub files: Vec<File<'a>>,
    /// Times in which a thread was not traced, as it was asked for.
    pub gaps: u64,
    /// How long these were together.
    pub gaps_duration: Duration,
    /// Texts that a secret was removed from.
    pub redacted: u64,
    /// Calls that have no span of their own but are counted in a merged one.
    pub merged_calls: u64,
    /// The spans that stand for them.
    pub merged_spans: u64,
    /// Spans that the collector received and refused.
    pub rejected: u64,
    /// Whatever else was lost, in the order in which it shall be told; entries of zero are left out.
    pub losses: Vec<Loss>,
    /// Spans that were not made because the caller's trace is not sampled.
    pub not_sampled: u64,
    /// The run's trace.
    pub trace_id: Option<TraceId>,
    /// Traces that followed it.
    pub more_traces: u64,
}

/// A local file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct File<'a> {
    /// Spans in it.
    pub spans: u64,
    /// Where it is.
    pub path: &'a Path,
    /// Why they are there.
    pub why: Why,
    /// Files of the same name with other numbers that hold some of them.
    pub others: usize,
}

/// Why spans are in a local file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// It holds all of them.
    All,
    /// The collector did not take them; they can be sent to it later.
    Left,
    /// The collector refused them.
    Refused,
}

/// One kind of loss.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Loss {
    /// How many.
    pub count: u64,
    /// What, for a count of one: `event dropped`, `span not written`. The first word gets an `s` for other counts.
    pub what: &'static str,
}

impl Display for Counts<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        write!(out, "renacer: {} by {}", Count(self.calls, "call"), Count(self.processes, "process"))?;
        if self.threads > self.processes {
            write!(out, " with {}", Count(self.threads, "thread"))?;
        }
        write!(out, " in {}", Seconds(self.duration))?;
        let mut separator = ": ";
        if let Some(endpoint) = self.endpoint.filter(|_| self.delivered > 0) {
            write!(out, "{separator}{} delivered to {endpoint}", Count(self.delivered, "span"))?;
            if self.delivered_later > 0 {
                write!(out, " ({} of them late)", Number(self.delivered_later))?;
            }
            separator = ", ";
        }
        for File { spans, path, why, others } in self.files.iter().filter(|file| file.spans > 0) {
            let what = match why {
                Why::All => "",
                Why::Left => " to be sent later",
                Why::Refused => " refused by the collector",
            };
            write!(out, "{separator}{}{what} in {}", Count(*spans, "span"), Name(path))?;
            if *others > 0 {
                write!(out, " and {} before it", Count(*others as u64, "file"))?;
            }
            separator = ", ";
        }
        if separator == ": " && self.not_sampled == 0 {
            write!(out, "{separator}no spans delivered")?;
        }
        if self.not_sampled > 0 {
            write!(out, "; {} not made, because the caller's trace is not sampled", Count(self.not_sampled, "span"))?;
        }
        if self.merged_calls > 0 {
            let (calls, spans) = (Count(self.merged_calls, "call"), Count(self.merged_spans, "span"));
            write!(out, "; {calls} merged into {spans}")?;
        }
        if self.gaps > 0 {
            write!(out, "; {} of {} in all untraced", Count(self.gaps, "gap"), Seconds(self.gaps_duration))?;
        }
        if self.redacted > 0 {
            write!(out, "; {} redacted", Count(self.redacted, "text"))?;
        }
        let rejected = Loss { count: self.rejected, what: "span refused by the collector" };
        let mut separator = "; LOST: ";
        for loss in std::iter::once(&rejected).chain(&self.losses).filter(|loss| loss.count > 0) {
            let (noun, rest) = loss.what.split_at(loss.what.find(' ').unwrap_or(loss.what.len()));
            write!(out, "{separator}{}{rest}", Count(loss.count, noun))?;
            separator = ", ";
        }
        if let Some(TraceId(id)) = self.trace_id {
            out.write_str("; trace ")?;
            for byte in id {
                write!(out, "{byte:02x}")?;
            }
            if self.more_traces > 0 {
                write!(out, " and {} more", self.more_traces)?;
            }
        }
        Ok(())
    }
}

/// A count with thousands separated, and its noun in the right number.
struct Count<'a>(u64, &'a str);

impl Display for Count<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let plural = match self.0 {
            1 => "",
            _ if self.1.ends_with('s') => "es",
            _ => "s",
        };
        write!(out, "{} {}{plural}", Number(self.0), self.1)
    }
}

/// A number with thousands separated.
struct Number(u64);

impl Display for Number {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let digits = self.0.to_string();
        for (index, digit) in digits.chars().enumerate() {
            if index > 0 && (digits.len() - index).is_multiple_of(3) {
                out.write_str(",")?;
            }
            write!(out, "{digit}")?;
        }
        Ok(())
    }
}

/// A duration as one says it: `0.8 ms`, `12 ms`, `1.24 s`, `3 min 20 s`.
struct Seconds(Duration);

impl Display for Seconds {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        let seconds = self.0.as_secs_f64();
        match self.0.as_millis() {
            0..10 => write!(out, "{:.1} ms", seconds * 1e3),
            millis @ 10..1000 => write!(out, "{millis} ms"),
            1000..60_000 => write!(out, "{:.2} s", (seconds * 100.0).floor() / 100.0),
            _ => write!(out, "{} min {} s", self.0.as_secs() / 60, self.0.as_secs() % 60),
        }
    }
}

/// A file's name on one line, whatever it contains; in quotes where it would be read wrongly.
struct Name<'a>(&'a Path);

impl Display for Name<'_> {
    fn fmt(&self, out: &mut Formatter<'_>) -> fmt::Result {
        match self.0.to_str() {
            Some(name) if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || "/._-+@=".contains(c)) => {
                out.write_str(name)
            }
            _ => write!(out, "{:?}", self.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts() -> Counts<'static> {
        Counts { calls: 1245, processes: 3, threads: 3, duration: Duration::from_micros(123_456), ..Counts::default() }
    }

    #[test]
    fn everything_delivered() {
        let counts = Counts {
            delivered: 1250,
            endpoint: Some("http://127.0.0.1:4318"),
            trace_id: Some(TraceId(*b"\x4b\xf9\x2f\x35\x77\xb3\x4d\xa6\xa3\xce\x92\x9d\x0e\x0e\x47\x36")),
            ..counts()
        };
        assert_eq!(
            counts.to_string(),
            "renacer: 1,245 calls by 3 processes in 123 ms: 1,250 spans delivered to http://127.0.0.1:4318; \
             trace 4bf92f3577b34da6a3ce929d0e0e4736"
        );
    }

    #[test]
    fn one_of_each_in_a_file() {
        let counts = Counts {
            calls: 1,
            processes: 1,
            threads: 1,
            files: vec![File { spans: 1, path: Path::new("ls-1234.otlp.jsonl"), why: Why::All, others: 0 }],
            duration: Duration::from_micros(812),
            ..Counts::default()
        };
        assert_eq!(counts.to_string(), "renacer: 1 call by 1 process in 0.8 ms: 1 span in ls-1234.otlp.jsonl");
    }

    #[test]
    fn losses_are_always_stated() {
        let counts = Counts {
            calls: 1_000_000,
            threads: 8,
            duration: Duration::from_millis(200_000),
            delivered: 900_000,
            endpoint: Some("grpc://c:4317"),
            delivered_later: 2000,
            files: vec![
                File { spans: 0, path: Path::new("all.jsonl"), why: Why::All, others: 0 },
                File { spans: 1000, path: Path::new("a b\n.jsonl"), why: Why::Left, others: 0 },
                File { spans: 5, path: Path::new("c.jsonl"), why: Why::Refused, others: 7 },
            ],
            merged_calls: 98_000,
            merged_spans: 2,
            redacted: 3,
            gaps: 12,
            gaps_duration: Duration::from_millis(1250),
            rejected: 1,
            losses: vec![
                Loss { count: 12, what: "event dropped" },
                Loss { count: 0, what: "span not written" },
                Loss { count: 1, what: "text" },
            ],
            ..counts()
        };
        assert_eq!(
            counts.to_string(),
            "renacer: 1,000,000 calls by 3 processes with 8 threads in 3 min 20 s: \
             900,000 spans delivered to grpc://c:4317 (2,000 of them late), \
             1,000 spans to be sent later in \"a b\\n.jsonl\", 5 spans refused by the collector in c.jsonl and 7 files before it; \
             98,000 calls merged into 2 spans; 12 gaps of 1.25 s in all untraced; 3 texts redacted; LOST: 1 span refused by the collector, 12 events dropped, 1 text"
        );
    }

    #[test]
    fn nothing_delivered_is_said_as_well() {
        assert_eq!(counts().to_string(), "renacer: 1,245 calls by 3 processes in 123 ms: no spans delivered");
        assert_eq!(
            Counts { not_sampled: 1250, ..counts() }.to_string(),
            "renacer: 1,245 calls by 3 processes in 123 ms; 1,250 spans not made, because the caller's trace is not sampled"
        );
    }

    #[test]
    fn durations_are_never_rounded_up_to_the_next_unit() {
        for (millis, text) in [(9.99, "10.0 ms"), (999.9, "999 ms"), (59_999.0, "59.99 s"), (60_000.0, "1 min 0 s")] {
            assert_eq!(Seconds(Duration::from_secs_f64(millis / 1e3)).to_string(), text);
        }
    }
}
