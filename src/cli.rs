//! What a user may write on the command line.

use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clap_complete::Shell;
use regex::Regex;

use crate::exit::Ending;

/// Shows what a program asks of the kernel, as OpenTelemetry spans.
#[derive(Debug, Parser)]
#[command(name = "renacer", version, about, max_term_width = 100)]
#[command(after_help = "`renacer PROGRAM` is short for `renacer trace PROGRAM`.\n\
    Exit status: the program's own; 125 if Renacer fails, 126 if the program cannot be run, 127 if it is not found.")]
pub struct Cli {
    #[command(subcommand)]
    pub verb: Verb,
}

#[derive(Debug, Subcommand)]
pub enum Verb {
    /// Run a program, or attach to running ones, and trace every system call.
    Trace(Box<TraceOptions>),
    /// Deliver spans from local files to a collector.
    Send(Box<SendOptions>),
    /// Say what works on this machine, and what to do where it does not.
    Doctor(Box<DoctorOptions>),
    /// Print a script that completes Renacer's options in a shell.
    Completions {
        /// The shell.
        shell: Shell,
    },
    /// Print the manual page.
    Man,
}

#[derive(Args, Debug)]
#[command(group = clap::ArgGroup::new("attach").multiple(true))]
pub struct TraceOptions {
    /// The program and its arguments.
    #[arg(trailing_var_arg = true, value_name = "PROGRAM", required_unless_present = "attach")]
    pub command: Vec<OsString>,

    /// Attach to this running process and all its threads (may be repeated).
    #[arg(short, long, value_name = "PID", group = "attach", conflicts_with = "command", value_parser = clap::value_parser!(i32).range(1..))]
    pub pid: Vec<i32>,

    #[command(flatten)]
    pub selection: Selection,

    /// Follow new threads and processes: the default, accepted for those who are used to it.
    #[arg(short, long, conflicts_with = "no_follow")]
    pub follow: bool,

    /// Do not follow new threads and processes.
    #[arg(long)]
    pub no_follow: bool,

    /// Follow everything, but trace only the calls of processes with this name (may be repeated).
    #[arg(long, value_name = "COMM", conflicts_with = "no_follow", help_heading = "Choosing calls")]
    pub follow_only: Vec<String>,

    /// Trace only these calls, as strace has it: trace=%file, status=failed, signal=!SIGCHLD (may be repeated).
    #[arg(short = 'e', value_name = "SPEC", allow_hyphen_values = true, help_heading = "Choosing calls")]
    pub qualifiers: Vec<String>,

    /// Trace only calls for which this holds, such as 'path =~ "^/etc/" and duration > 1ms' (may be repeated: all must hold).
    #[arg(long, value_name = "EXPR", help_heading = "Choosing calls")]
    pub filter: Vec<String>,

    /// Trace only calls that are about this file (may be repeated).
    #[arg(short = 'P', long, value_name = "PATH", help_heading = "Choosing calls")]
    pub trace_path: Vec<PathBuf>,

    /// Trace only calls that succeed.
    #[arg(short = 'z', long, overrides_with = "failed_only", help_heading = "Choosing calls")]
    pub successful_only: bool,

    /// Trace only calls that fail.
    #[arg(short = 'Z', long, overrides_with = "successful_only", help_heading = "Choosing calls")]
    pub failed_only: bool,

    /// Begin with the first call for which this holds.
    #[arg(long, value_name = "EXPR", help_heading = "Choosing calls")]
    pub from: Option<String>,

    /// End the trace with the first call for which this holds.
    #[arg(long, value_name = "EXPR", help_heading = "Choosing calls")]
    pub until: Option<String>,

    /// Let a process go when it makes this call; only execve is possible, and means that it runs another program.
    #[arg(short = 'b', long, value_name = "CALL", value_parser = ["execve"], help_heading = "Choosing calls")]
    pub detach_on: Option<String>,

    /// Do not let the kernel filter: every call stops the program, and the result is the same.
    #[arg(long, help_heading = "Choosing calls")]
    pub no_seccomp: bool,

    /// Say more about how the trace is made.
    #[arg(short, long, conflicts_with = "quiet")]
    pub verbose: bool,

    /// Write the spans to this file, as OTLP JSON lines [default without a collector: renacer-PROGRAM-PID.otlp.jsonl].
    #[arg(short, long, value_name = "FILE")]
    pub output: Option<PathBuf>,

    /// Overwrite the output file if it exists.
    #[arg(long)]
    pub force: bool,

    /// Print calls as they end, in the style of strace: to standard error, or to FILE.
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    pub text: Option<Option<PathBuf>>,

    /// Keep the program and Renacer on one processor: auto only while that is faster and the program cannot notice, always for all
    /// that the program starts, never.
    #[arg(long, value_name = "WHEN", num_args = 0..=1, require_equals = true, value_enum, default_value_t = Pin::Auto, default_missing_value = "always")]
    pub pin: Pin,

    /// Put the time of day before each text line; -tt: with microseconds, -ttt: seconds since the epoch.
    #[arg(short, action = clap::ArgAction::Count, help_heading = "Text")]
    pub t: u8,

    /// Put the time since the line before at the start of each text line.
    #[arg(short, long = "relative-timestamps", help_heading = "Text")]
    pub relative: bool,

    /// Put the time spent in each call at the end of its text line.
    #[arg(short = 'T', long = "syscall-times", help_heading = "Text")]
    pub times: bool,

    /// Print a summary table at the end: calls, errors and times by call name.
    #[arg(short = 'c', long)]
    pub summary_only: bool,

    /// Print a summary table at the end, and live lines too.
    #[arg(short = 'C', long)]
    pub summary: bool,

    /// Print nothing but errors.
    #[arg(short, long)]
    pub quiet: bool,

    /// Show at most SIZE bytes of a string.
    #[arg(short, long = "string-limit", value_name = "SIZE", default_value_t = 32, value_parser = clap::value_parser!(u32).range(..=8192))]
    pub string_limit: u32,

    /// Show what a descriptor refers to behind its number.
    #[arg(short = 'y', long)]
    pub decode_fds: bool,

    /// Do not look for the source line of each call.
    #[arg(long, conflicts_with_all = ["stack", "user_code", "not_user_code"], help_heading = "Source")]
    pub no_source: bool,

    /// Record whole call stacks, of at most N frames: code.stacktrace in spans, and below each text line.
    #[arg(short = 'k', long, value_name = "N", num_args = 0..=1, require_equals = true, default_missing_value = "128",
        value_parser = clap::value_parser!(u32).range(1..=1024), help_heading = "Source")]
    pub stack: Option<u32>,

    /// Sources in this folder are the user's own code (may be repeated) [default: all but libraries and dependencies].
    #[arg(long, value_name = "PATH", help_heading = "Source")]
    pub user_code: Vec<PathBuf>,

    /// Sources in this folder are not the user's own code (may be repeated).
    #[arg(long, value_name = "PATH", help_heading = "Source")]
    pub not_user_code: Vec<PathBuf>,

    /// Do not look for the spans that the program itself publishes, nor for the callers that its children are started with: all calls
    /// belong to Renacer's own trace.
    #[arg(long, help_heading = "Spans")]
    pub no_context: bool,

    /// Make the OpenTelemetry of a program that is launched publish its spans, so that calls are below them (docs/context.md).
    #[arg(
        long,
        value_name = "LANGUAGE",
        value_enum,
        requires = "command",
        conflicts_with_all = ["no_context", "attach"],
        help_heading = "Spans"
    )]
    pub inject_context: Option<InjectContext>,
    /// Do not look for markers: lines such as `[DECISION] category::name input={}` on standard error, and access("MARK: text", F_OK).
    #[arg(long, help_heading = "Spans")]
    pub no_markers: bool,

    /// Read what the program records of its decisions in this file, and in those of its forked children beside it, when the run ends (may
    /// be repeated).
    #[arg(long, value_name = "FILE", help_heading = "Spans")]
    pub decisions: Vec<PathBuf>,

    /// Show the contents of buffers that are read, written, sent and received. They may hold secrets.
    #[arg(long)]
    pub capture_data: bool,

    /// Remove what matches from all texts: its group 1, or the whole (may be repeated) [always: passwords, tokens and keys of the usual forms].
    #[arg(long, value_name = "REGEX")]
    pub redact: Vec<String>,

    /// Leave the usual secrets in: only what --redact names is removed.
    #[arg(long)]
    pub no_redact: bool,

    /// Set (VAR=VALUE) or unset (VAR) a variable in the program's environment (may be repeated).
    #[arg(short = 'E', long = "env", value_name = "VAR[=VALUE]")]
    pub env: Vec<OsString>,

    /// Run the program as this user.
    #[arg(short, long = "user", value_name = "USER")]
    pub user: Option<OsString>,

    /// Names of the call spans: the call's, or with the file or port that it is about.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = SpanNames::Call, help_heading = "Spans")]
    pub span_names: SpanNames,

    /// service.name of the spans [default: OTEL_SERVICE_NAME, else each program's own name].
    #[arg(long, value_name = "NAME", help_heading = "Spans")]
    pub service_name: Option<String>,

    /// Join this trace (W3C traceparent) [default: TRACEPARENT].
    #[arg(long, value_name = "TRACEPARENT", help_heading = "Spans")]
    pub trace_parent: Option<String>,

    /// End the trace after this time.
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Volume")]
    pub duration: Option<Duration>,

    /// What happens to the launched program when the time is up, or with --until.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = OnTimeout::Detach, help_heading = "Volume")]
    pub on_timeout: OnTimeout,

    /// Let the local file grow to this size only, such as 100MB; with the ring, all its files together. So may the files of what the collector does not take.
    #[arg(long, value_name = "SIZE", value_parser = size, help_heading = "Volume")]
    pub max_output: Option<u64>,

    /// What happens when the local file is as large as it may get.
    #[arg(long, value_name = "WHAT", value_enum, default_value_t = MaxOutputPolicy::Ring, requires = "max_output", help_heading = "Volume")]
    pub max_output_policy: MaxOutputPolicy,

    /// Begin another trace after this time, linked to the one before.
    #[arg(long, value_name = "TIME", value_parser = duration, help_heading = "Volume")]
    pub rotate: Option<Duration>,

    /// Let tracing take this share of each thread's time only, such as 5%: threads are traced in slices of time, with marked gaps between.
    #[arg(long, value_name = "SHARE", value_parser = share, help_heading = "Volume")]
    pub overhead: Option<f64>,

    /// What happens when calls come faster than they can be delivered [default: block, but drop with -p].
    #[arg(long, value_name = "WHAT", value_enum, help_heading = "Volume")]
    pub on_overflow: Option<OnOverflow>,

    /// How many spans are made of the calls [default: auto to a collector, full to a local file].
    #[arg(long, value_name = "DETAIL", value_enum, help_heading = "Volume")]
    pub detail: Option<Detail>,

    /// After this many spans, like calls are merged (with --detail auto).
    #[arg(long, value_name = "N", default_value_t = 10_000, help_heading = "Volume")]
    pub max_spans: u64,

    /// A call that takes this long keeps a span of its own.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10ms", help_heading = "Volume")]
    pub slow: Duration,

    #[command(flatten)]
    pub collector: CollectorOptions,
}

/// Which running processes to attach to, for who does not know their ids.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Attaching")]
pub struct Selection {
    /// Attach to the processes with this name: the executable's, the process's own, or its first argument (may be repeated).
    #[arg(long, value_name = "NAME", group = "attach", conflicts_with_all = ["command", "pid"])]
    pub attach_name: Vec<String>,

    /// Attach to the processes of which such a name matches (may be repeated).
    #[arg(long, value_name = "REGEX", group = "attach", conflicts_with_all = ["command", "pid"])]
    pub attach_regex: Vec<Regex>,

    /// Attach to the processes that listen on this TCP port (may be repeated).
    #[arg(long, value_name = "PORT", group = "attach", conflicts_with_all = ["command", "pid"], value_parser = clap::value_parser!(u16).range(1..))]
    pub attach_port: Vec<u16>,

    /// Attach to the processes of the container whose id begins so (may be repeated).
    #[arg(long, value_name = "ID", group = "attach", conflicts_with_all = ["command", "pid"])]
    pub container: Vec<String>,

    /// Attach to the processes of the container of this name in its pod (may be repeated).
    #[arg(long, value_name = "NAME", group = "attach", conflicts_with_all = ["command", "pid"])]
    pub pod_container: Vec<String>,

    /// Attach to the processes of all containers but Renacer's own.
    #[arg(long, group = "attach", conflicts_with_all = ["command", "pid"])]
    pub attach_all: bool,

    /// Wait until there is such a process, for this time at most [default: for ever].
    #[arg(long, value_name = "TIME", num_args = 0..=1, require_equals = true, value_parser = duration, conflicts_with_all = ["command", "pid"])]
    pub wait: Option<Option<Duration>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Pin {
    /// While it is faster and the program cannot notice.
    Auto,
    /// Always: the program can notice.
    Always,
    /// Never.
    Never,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum InjectContext {
    /// PYTHONPATH and OTEL_PYTHON_CONTEXT are set for it.
    Python,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnTimeout {
    /// It goes on untraced.
    Detach,
    /// It is ended: SIGTERM, and SIGKILL 5 seconds later.
    Kill,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum MaxOutputPolicy {
    /// There are several files; the oldest is removed, and its spans are counted.
    Ring,
    /// Nothing more is written; further spans are counted.
    Stop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum OnOverflow {
    /// The program waits.
    Block,
    /// The program goes on; calls that go by are counted.
    Drop,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Detail {
    /// One for each call.
    Full,
    /// One for each call up to --max-spans; then like calls are merged, but for failures, slow calls, and what makes or ends processes.
    Auto,
    /// One for each thread and call name in each second.
    Summary,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum SpanNames {
    /// `openat`
    Call,
    /// `openat libc.so.6`
    Target,
}

/// Where spans go. Each option has a variable of OpenTelemetry, which it overrides.
#[derive(Args, Debug, Default)]
#[command(next_help_heading = "Collector")]
pub struct CollectorOptions {
    /// Send spans to this collector, such as http://localhost:4318 [variable: OTEL_EXPORTER_OTLP_ENDPOINT].
    #[arg(long, value_name = "URL")]
    pub otlp_endpoint: Option<String>,

    /// grpc, http/protobuf or http/json [variable: OTEL_EXPORTER_OTLP_PROTOCOL].
    #[arg(long, value_name = "PROTOCOL")]
    pub otlp_protocol: Option<String>,

    /// A header for every request (may be repeated) [variable: OTEL_EXPORTER_OTLP_HEADERS].
    #[arg(long, value_name = "NAME=VALUE")]
    pub otlp_header: Vec<String>,

    /// gzip, zstd or none [variable: OTEL_EXPORTER_OTLP_COMPRESSION].
    #[arg(long, value_name = "HOW")]
    pub otlp_compression: Option<String>,

    /// Certificates (PEM) to trust instead of the system's [variable: OTEL_EXPORTER_OTLP_CERTIFICATE].
    #[arg(long, value_name = "FILE")]
    pub otlp_certificate: Option<PathBuf>,

    /// Our certificate (PEM) [variable: OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE].
    #[arg(long, value_name = "FILE")]
    pub otlp_client_certificate: Option<PathBuf>,

    /// Our certificate's key (PEM) [variable: OTEL_EXPORTER_OTLP_CLIENT_KEY].
    #[arg(long, value_name = "FILE")]
    pub otlp_client_key: Option<PathBuf>,

    /// How long one request may take [variable: OTEL_EXPORTER_OTLP_TIMEOUT, in milliseconds; default: 10s].
    #[arg(long, value_name = "TIME", value_parser = duration)]
    pub otlp_timeout: Option<Duration>,

    /// How long to wait for the collector at the end, before what is left goes to the file.
    #[arg(long, value_name = "TIME", value_parser = duration, default_value = "10s")]
    pub shutdown_timeout: Duration,
}

#[derive(Args, Debug)]
pub struct SendOptions {
    /// Files of OTLP JSON lines, and decision files.
    #[arg(required = true, value_name = "FILE")]
    pub files: Vec<PathBuf>,

    /// Remove each file of which everything was accepted.
    #[arg(long)]
    pub delete: bool,

    /// Print nothing but errors.
    #[arg(short, long)]
    pub quiet: bool,

    #[command(flatten)]
    pub collector: CollectorOptions,
}

#[derive(Args, Debug)]
pub struct DoctorOptions {
    #[command(flatten)]
    pub collector: CollectorOptions,
}

/// `10s`, `500ms`, `2m`; a bare number is seconds.
fn duration(text: &str) -> Result<Duration, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale = match unit {
        "ms" => 0.001,
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(format!("`{unit}` is no unit of time; write 500ms, 10s or 2m")),
    };
    let number: f64 = number.parse().map_err(|_| "write a time as 500ms, 10s or 2m".to_string())?;
    Duration::try_from_secs_f64(number * scale).map_err(|error| error.to_string())
}

/// A share from 0.1% to 100%: `5%` or `0.05`.
fn share(text: &str) -> Result<f64, String> {
    let (number, whole) = match text.strip_suffix('%') {
        Some(number) => (number, 100.0),
        None => (text, 1.0),
    };
    let number: f64 = number.trim_end().parse().map_err(|_| "write a share as 5% or 0.05".to_string())?;
    let share = number / whole;
    if (0.001..=1.0).contains(&share) { Ok(share) } else { Err("it must be from 0.1% to 100%".into()) }
}

/// A size: `100MB`, `64KiB`, or a plain number of bytes.
fn size(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let scale: u64 = match unit.to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kb" => 1000,
        "kib" => 1 << 10,
        "m" | "mb" => 1_000_000,
        "mib" => 1 << 20,
        "g" | "gb" => 1_000_000_000,
        "gib" => 1 << 30,
        _ => return Err(format!("`{unit}` is no unit of size; write 100MB or 64MiB")),
    };
    let number: u64 = number.parse().map_err(|_| "write a size as 100MB or 64MiB".to_string())?;
    let bytes = number.checked_mul(scale).ok_or("that is too much")?;
    if bytes < 1 << 20 { Err("at least 1MiB is needed".into()) } else { Ok(bytes) }
}

/// Puts `trace` before the first argument where that is no subcommand: `renacer ls` means `renacer trace ls`.
pub fn with_default_verb(arguments: impl Iterator<Item = OsString>) -> Vec<OsString> {
    let mut arguments: Vec<OsString> = arguments.collect();
    let known = |word: &OsString| {
        let word = word.to_string_lossy();
        matches!(&*word, "help" | "-h" | "--help" | "-V" | "--version")
            || Cli::command().get_subcommands().any(|verb| verb.get_name() == word)
    };
    if arguments.get(1).is_some_and(|word| !known(word)) {
        arguments.insert(1, "trace".into());
    }
    arguments
}

/// Prints a completion script.
pub fn completions(shell: Shell) -> anyhow::Result<Ending> {
    let mut script = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "renacer", &mut script);
    std::io::stdout().write_all(&script)?;
    Ok(Ending::Status(0))
}

/// Prints the manual page, with one section for each subcommand.
pub fn manual() -> anyhow::Result<Ending> {
    let mut page = Vec::new();
    let command = Cli::command();
    clap_mangen::Man::new(command.clone()).render(&mut page)?;
    for verb in command.get_subcommands().filter(|verb| !verb.is_hide_set()) {
        clap_mangen::Man::new(verb.clone()).title(format!("renacer-{}", verb.get_name())).render(&mut page)?;
    }
    std::io::stdout().write_all(&page)?;
    Ok(Ending::Status(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<OsString> {
        with_default_verb(line.split(' ').map(OsString::from))
    }

    #[test]
    fn trace_is_the_default() {
        assert_eq!(words("renacer ls -la"), ["renacer", "trace", "ls", "-la"]);
        assert_eq!(words("renacer -p 1"), ["renacer", "trace", "-p", "1"]);
        assert_eq!(words("renacer send x"), ["renacer", "send", "x"]);
        assert_eq!(words("renacer --help"), ["renacer", "--help"]);
        assert_eq!(words("renacer"), ["renacer"]);
    }

    #[test]
    fn options_of_the_program_are_its_own() {
        let cli = Cli::try_parse_from(words("renacer -s 64 ls -la --force -o x")).unwrap();
        let Verb::Trace(options) = cli.verb else { panic!("not trace") };
        assert_eq!(options.command, ["ls", "-la", "--force", "-o", "x"]);
        assert_eq!((options.string_limit, options.force, options.output), (64, false, None));
    }

    #[test]
    fn times() {
        assert_eq!(duration("500ms"), Ok(Duration::from_millis(500)));
        assert_eq!(duration("10"), Ok(Duration::from_secs(10)));
        assert_eq!(duration("1.5m"), Ok(Duration::from_secs(90)));
        assert!(duration("10x").is_err() && duration("").is_err() && duration("-1s").is_err());
    }

    #[test]
    fn shares() {
        assert_eq!((share("5%"), share("0.05"), share("100 %")), (Ok(0.05), Ok(0.05), Ok(1.0)));
        for text in ["0", "0.01%", "101%", "5", "-5%", "NaN", "%", ""] {
            assert!(share(text).is_err(), "{text}");
        }
    }

    #[test]
    fn the_command_line_is_consistent() {
        Cli::command().debug_assert();
    }
}
