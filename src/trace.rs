//! `renacer trace`: runs or attaches, and leads the events through the stages.
//!
//! This thread becomes the tracer, since ptrace answers only the thread that started tracing; the stages behind it get
//! threads of their own, after the fork.

use std::fs::OpenOptions;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::Context;
use renacer_context::ContextReader;
use renacer_events::{Detail, MergeOptions, Merger, Options, Pid, Redact, Totals, TraceId};
use renacer_file::{AtLimit, CreateOptions, Limit, Writer};
use renacer_otlp::Exporter;
use renacer_ptrace::decode::{DecodeOptions, Decoder};
use renacer_ptrace::{AtTimeout, Command, Interrupts, Outcome, Pin, Tracer, Unfiltered, capture};
use renacer_symbols::modules::Modules;
use renacer_symbols::python::Wanted;
use renacer_symbols::resolver::{self, Resolver};
use renacer_symbols::walker::{self, Walker};
use renacer_text::{Counts, File, Ids, Lines, Loss, Summary, Timestamps, Why};

use crate::choose;
use crate::cli::{self, InjectContext, MaxOutputPolicy, OnOverflow, OnTimeout, TraceOptions};
use crate::decisions::Losses;
use crate::exit::{Ending, say};
use crate::export::{self, Delivery, Targets, TextTarget};
use crate::inject::PythonPackage;
use crate::metrics::OwnMetrics;
use crate::observe::{self, Assembled, Beside, Shown};
use crate::select::Found;
use crate::setup;
use crate::undelivered::Undelivered;

/// Room between tracer and assembler, in events.
const EVENTS: usize = 16 * 1024;
/// Room between assembler and export, in portions of spans.
const PORTIONS: usize = 16;

/// Runs the whole verb.
pub fn trace(mut options: TraceOptions) -> anyhow::Result<Ending> {
    let started = Instant::now();
    // Before any thread exists, so that every thread inherits it.
    let interrupts = Interrupts::block();
    // A line is in its file as a whole, even if we are killed.
    renacer_file::write_files_with(renacer_ptrace::write_to_the_end);
    let (collector, mut warnings) = setup::collector(&options.collector)?;
    let (assembly, more) = setup::assembly(&options)?;
    warnings.extend(more);
    let metrics = match collector {
        Some(_) => {
            let (metrics, more) = setup::metrics(&options.collector)?;
            warnings.extend(more);
            metrics
        }
        None => None,
    };
    let text = text_target(&options)?;
    let named = options.output.as_deref().map(|path| create(path, options.force)).transpose()?;

    let at_timeout = match options.on_timeout {
        OnTimeout::Detach => AtTimeout::Detach,
        OnTimeout::Kill => AtTimeout::Kill,
    };
    let chosen = choose::choose(&options, &interrupts)?;
    let capture = capture::Options {
        string_limit: options.string_limit as usize,
        capture_data: options.capture_data,
        all_descriptors: chosen.all_paths,
    };
    let engine = renacer_ptrace::Options {
        follow: !options.no_follow,
        capture,
        limit: options.duration,
        at_end: at_timeout,
        choice: chosen.choice.clone(),
        pin: match options.pin {
            cli::Pin::Auto => Pin::Auto,
            cli::Pin::Always => Pin::Always,
            cli::Pin::Never => Pin::Never,
        },
        detach_on_exec: options.detach_on.is_some(),
        share: options.overhead,
        follow_only: options.follow_only.clone(),
        markers: !options.no_markers,
    };
    if options.verbose {
        say(&format!("renacer: {}", chosen.how()));
    }
    let mut environment = setup::environment(&options, &assembly);
    // Until the run is over.
    let package = options.inject_context.map(|InjectContext::Python| PythonPackage::unpack()).transpose()?;
    warnings.extend(package.as_ref().and_then(|package| package.add_to(&mut environment)));
    let mut tracer = match options.command.split_first() {
        Some((program, arguments)) => {
            let command = Command {
                program: program.clone(),
                arguments: arguments.to_vec(),
                environment,
                user: options.user.clone(),
                filter: chosen.choice.clone().filter(|_| chosen.in_kernel.is_ok()),
            };
            Tracer::launch(&command, engine, &interrupts)?
        }
        None if options.selection.is_empty() => Tracer::attach(&options.pid, engine)?,
        None => {
            // Already while it is waited for them.
            interrupts.start()?;
            match options.selection.attach(&engine, &interrupts)? {
                Found::Processes(pids, tracer) => {
                    options.pid.extend(pids);
                    *tracer
                }
                Found::Interrupted(signal) => return Ok(Ending::Signal(signal)),
            }
        }
    };
    let default_path = default_path(&options, &tracer);
    let size = options.max_output.map(|bytes| Limit {
        bytes,
        then: match options.max_output_policy {
            MaxOutputPolicy::Ring => AtLimit::DropOldest,
            MaxOutputPolicy::Stop => AtLimit::Stop,
        },
    });
    let file = match named {
        Some(file) => Some(file),
        // The program has not run yet, so that nothing happens untold where the file cannot be written.
        None if collector.is_none() => Some(create(&default_path, options.force)?),
        None => None,
    };

    if !options.quiet {
        warnings.iter().for_each(|warning| say(&format!("renacer: {warning}")));
    }
    if options.selection.is_empty() {
        interrupts.start()?;
    }
    let endpoint = collector.as_ref().map(|config| config.endpoint());
    let metrics = metrics.map(|config| OwnMetrics::start(config, &assembly)).transpose()?;
    let figures = metrics.as_ref().map(|metrics| metrics.figures.clone());
    let targets = Targets {
        exporter: collector.map(Exporter::start).transpose().context("cannot start the export")?,
        file: match size {
            Some(size) => file.map(|file| file.limited(size)),
            None => file,
        },
        undelivered: Undelivered::new(default_path, size),
        merger: Merger::new(merging(&options, endpoint.is_some())),
        merge_file: options.detail.is_some(),
        text,
        shutdown_timeout: options.collector.shutdown_timeout,
        quiet: options.quiet,
        figures: figures.clone(),
    };
    let shown = Shown { figures, ..shown(&options) };
    let decode = DecodeOptions {
        descriptors_in_text: options.decode_fds,
        all_paths: chosen.all_paths,
        ..DecodeOptions::new(&capture)
    };
    let trace_id = assembly.trace_id;
    let assembly = Options { join_requests: assembly.join_requests && chosen.choice.is_none(), ..assembly };

    let source = source(&options, assembly.redact.clone(), &mut tracer)?;
    if !options.no_context {
        tracer.read_contexts(Box::new(ContextReader::new()));
    }

    let (events, event_queue) = renacer_events::channel(EVENTS);
    let (outputs, output_queue) = renacer_events::channel(PORTIONS);
    let thread = |name: &str| std::thread::Builder::new().name(name.into());
    let beside = Beside { source, decisions: options.decisions.clone() };
    let assembler = thread("assemble").spawn(move || {
        let decoder = Decoder::new(decode);
        observe::assemble(&event_queue, assembly, decoder, chosen.wanted, shown, beside, outputs)
    })?;
    let exporter = thread("export").spawn(move || export::export(&output_queue, targets))?;

    let drops = match options.on_overflow {
        Some(policy) => policy == OnOverflow::Drop,
        None => options.command.is_empty(),
    };
    tracer.tell_of_passing(Box::new(|| {
        say("renacer: the trace is over, but the kernel's filter cannot be taken off the program: Renacer stays until it ends \
             (interrupt once more to kill it)");
    }));
    let mut unheard = 0;
    let outcome = if drops {
        let events = Rc::new(events);
        let queue = events.clone();
        tracer.drop_when_full(Box::new(move || queue.has_room()));
        tracer.run(&interrupts, &mut |event| unheard += u64::from(events.send_over(event).is_err()))
    } else {
        let outcome = tracer.run(&interrupts, &mut |event| unheard += u64::from(events.send(event).is_err()));
        // The assemble stage ends when nobody can send any more.
        drop(events);
        outcome
    };
    // What the program leaves behind may still start Pythons.
    let ended = outcome.as_ref().is_ok_and(|outcome| !outcome.timed_out && outcome.interrupted.is_none());
    if let Some(package) = package
        && (!ended || options.no_follow || options.detach_on.is_some())
    {
        package.keep();
    }
    let Assembled { totals, summary, source, decisions } =
        assembler.join().map_err(|_| anyhow::anyhow!("the assemble stage failed"))?;
    let delivery = exporter.join().map_err(|_| anyhow::anyhow!("the export stage failed"))?;
    let outcome = match outcome {
        Ok(outcome) => outcome,
        Err(error) => {
            // The program never ran: leave no empty file behind.
            if let Some(file) = delivery.file.filter(|_| options.output.is_none() && totals.spans == 0) {
                let _ = std::fs::remove_file(file.path());
            }
            return Err(match error {
                renacer_ptrace::TraceError::Launch(launch) => launch.into(),
                other => other.into(),
            });
        }
    };
    if options.verbose && outcome.filter_refused {
        say(&format!("renacer: every call stopped the program after all: {}", Unfiltered::Refused));
    }
    if let Some(summary) = summary {
        let mut table = Vec::new();
        summary.render(&mut table)?;
        say(String::from_utf8_lossy(&table).trim_end());
    }
    let run =
        Run { totals, delivery, outcome, unheard, source, decisions, endpoint, trace_id, duration: started.elapsed() };
    if let Some(trouble) = metrics.and_then(|metrics| run.end_metrics(metrics, options.collector.shutdown_timeout))
        && !options.quiet
    {
        say(&format!("renacer: {trouble}"));
    }
    if !options.quiet || run.has_lost_spans() {
        // Losses are never silent.
        say(&run.counts().to_string());
    }
    Ok(run.ending())
}

/// Makes the tracer walk stacks, and starts the thread that finds their source.
fn source(
    options: &TraceOptions,
    redact: Option<Arc<dyn Redact>>,
    tracer: &mut Tracer,
) -> anyhow::Result<Option<resolver::Handle>> {
    if options.no_source {
        return Ok(None);
    }
    let modules = Arc::new(Modules::default());
    let wanted = resolver::Options {
        stacktrace: options.stack.map(|frames| frames as usize),
        user_code: options.user_code.clone(),
        not_user_code: options.not_user_code.clone(),
        redact,
    };
    let (stacks, resolver) = Resolver::new(modules.clone(), wanted).start()?;
    let mut walk = walker::Options::default();
    // The user's code may lie beyond the frames that are shown.
    walk.most_frames = walk.most_frames.max(options.stack.unwrap_or(0) as usize);
    if options.stack.is_none() && options.not_user_code.is_empty() {
        walk.python = Wanted::UserCode;
    }
    tracer.walk_stacks(Box::new(Walker::new(modules, stacks, walk)));
    Ok(Some(resolver))
}

fn create(path: &Path, overwrite: bool) -> anyhow::Result<Writer> {
    Ok(Writer::create(path, CreateOptions { overwrite })?)
}

/// `renacer-PROGRAM-PID.otlp.jsonl`, in the folder that we are in.
fn default_path(options: &TraceOptions, tracer: &Tracer) -> PathBuf {
    let pid = tracer.main_pid().or(options.pid.first().copied()).unwrap_or_default();
    let name = match options.command.first() {
        Some(program) => Path::new(program).file_name().unwrap_or_default().to_string_lossy().into_owned(),
        None => renacer_ptrace::proc::name(pid as Pid).replace('/', "_"),
    };
    PathBuf::from(format!("renacer-{name}-{pid}.otlp.jsonl"))
}

/// A collector gets a readable trace unless told otherwise; the file gets everything.
fn merging(options: &TraceOptions, has_collector: bool) -> MergeOptions {
    let detail = match options.detail {
        Some(cli::Detail::Full) => Detail::Full,
        Some(cli::Detail::Auto) => Detail::Auto,
        Some(cli::Detail::Summary) => Detail::Summary,
        None if has_collector => Detail::Auto,
        None => Detail::Full,
    };
    MergeOptions { detail, max_spans: options.max_spans, slow: options.slow }
}

fn text_target(options: &TraceOptions) -> anyhow::Result<Option<TextTarget>> {
    Ok(match &options.text {
        Some(Some(path)) => {
            let file = OpenOptions::new()
                .write(true)
                .create(true)
                .truncate(true)
                .mode(0o600)
                .open(path)
                .with_context(|| format!("cannot write text lines to {}", path.display()))?;
            Some(TextTarget::File(file))
        }
        Some(None) => Some(TextTarget::Stderr),
        None => options.summary.then_some(TextTarget::Stderr),
    })
}

fn shown(options: &TraceOptions) -> Shown {
    let to_file = matches!(options.text, Some(Some(_)));
    let lines = (options.text.is_some() || options.summary).then(|| {
        Lines::new(renacer_text::Options {
            ids: if to_file { Ids::Always } else { Ids::WhenSeveral },
            timestamps: match options.t {
                0 => None,
                1 => Some(Timestamps::Seconds),
                2 => Some(Timestamps::Microseconds),
                _ => Some(Timestamps::Epoch),
            },
            relative: options.relative,
            durations: options.times,
            stacks: options.stack.is_some(),
            ..renacer_text::Options::default()
        })
    });
    let summary = (options.summary || options.summary_only).then(Summary::new);
    Shown { lines, summary, figures: None }
}

/// A run that is over.
struct Run {
    totals: Totals,
    delivery: Delivery,
    outcome: Outcome,
    unheard: u64,
    source: Option<resolver::Counts>,
    decisions: Losses,
    endpoint: Option<String>,
    trace_id: TraceId,
    duration: Duration,
}

impl Run {
    fn counts<'a>(&'a self) -> Counts<'a> {
        let Run { totals, delivery, outcome, .. } = self;
        let collector = delivery.collector.as_ref().map(|finished| &finished.counts);
        let loss = |count, what| Loss { count, what };
        let (file, rest) = (delivery.file.as_ref(), &delivery.rest);
        let spans_in = |file: &'a Writer, why| File {
            spans: file.spans_written(),
            path: file.path(),
            why,
            others: file.older_files(),
        };
        let left = rest.left.path.as_deref().map(|path| File {
            spans: rest.left.spans,
            path,
            why: Why::Left,
            others: rest.left.others,
        });
        let refused = spans_in(&rest.refused, Why::Refused);
        let files = file.map(|file| spans_in(file, Why::All)).into_iter().chain(left).chain([refused]).collect();
        Counts {
            calls: totals.calls,
            processes: totals.processes,
            threads: totals.threads,
            duration: self.duration,
            delivered: collector.map_or(0, |counts| counts.delivered),
            endpoint: self.endpoint.as_deref(),
            delivered_later: rest.delivered_later,
            files,
            rejected: collector.map_or(0, |counts| counts.rejected),
            losses: vec![
                loss(self.spans_not_written(), "span not written"),
                loss(self.spans_dropped(), "span removed with the oldest files"),
                loss(collector.map_or(0, |counts| counts.lost), "span held by a collector that did not answer"),
                loss(outcome.dropped_calls, "call dropped for want of room"),
                loss(self.unheard, "event dropped"),
                loss(totals.unknown_events, "event of an unknown thread"),
                loss(totals.orphan_returns, "call entered before the attach"),
                loss(totals.signals_dropped, "event of a signal left out"),
                loss(totals.markers_dropped, "marker left out"),
                loss(self.decisions.lost, "decision lost by its program"),
                loss(self.decisions.outside, "decision outside the trace"),
                loss(self.decisions.files, "decision file not read"),
                loss(outcome.foreign_calls, "call of a foreign architecture"),
                loss(self.source.map_or(0, |source| source.files_refused), "file with symbols not read"),
                loss(totals.truncated, "text shortened"),
                loss(
                    collector.map_or(0, |counts| counts.cut),
                    "text shortened for the collector, as OTEL_ variables say",
                ),
                loss(file.map_or(0, Writer::parts_left_out) + rest.parts_left_out, "attribute left out"),
            ],
            redacted: totals.redacted,
            gaps: totals.gaps,
            gaps_duration: Duration::from_nanos(totals.gaps_duration),
            merged_calls: delivery.merged.calls,
            merged_spans: delivery.merged.spans,
            not_sampled: totals.spans_not_sampled,
            trace_id: Some(self.trace_id),
            more_traces: totals.traces,
        }
    }

    /// Sends the figures of the closing line; returns what the user should know.
    fn end_metrics(&self, metrics: OwnMetrics, timeout: Duration) -> Option<String> {
        let collector = self.delivery.collector.as_ref().map(|finished| &finished.counts);
        metrics.figures.seen(&self.totals, self.unheard);
        metrics.figures.passed_on(self.delivery.merged, self.delivery.rest.delivered_later);
        metrics.figures.exported(collector, self.spans_written(), self.spans_not_written() + self.spans_dropped());
        metrics.finish(collector, timeout)
    }

    /// Whether whole spans are missing, in the file or at the collector.
    fn has_lost_spans(&self) -> bool {
        let collector = self.delivery.collector.as_ref().map(|finished| &finished.counts);
        let lost = collector.map_or(0, |counts| counts.rejected + counts.lost);
        lost + self.spans_dropped() + self.spans_not_written() + self.unheard > 0
    }

    /// Removed because of --max-output.
    fn spans_dropped(&self) -> u64 {
        let Delivery { file, rest, .. } = &self.delivery;
        file.as_ref().map_or(0, Writer::spans_dropped) + rest.left.dropped + rest.refused.spans_dropped()
    }

    fn spans_written(&self) -> u64 {
        let Delivery { file, rest, .. } = &self.delivery;
        file.as_ref().map_or(0, Writer::spans_written) + rest.left.spans + rest.refused.spans_written()
    }

    fn spans_not_written(&self) -> u64 {
        let Delivery { file, rest, .. } = &self.delivery;
        file.as_ref().map_or(0, Writer::spans_lost) + rest.left.lost + rest.refused.spans_lost()
    }

    fn ending(&self) -> Ending {
        match (self.outcome.status, self.outcome.interrupted) {
            (Some(status), _) => Ending::like(status),
            (None, Some(signal)) => Ending::Signal(signal),
            (None, None) => Ending::Status(0),
        }
    }
}
