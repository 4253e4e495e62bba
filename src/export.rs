//! The export stage: spans go to the collector, to the local file, or to the file what the collector could not be given.

use std::fs::File;
use std::io::{self, Write};
use std::sync::Arc;
use std::time::{Duration, Instant, SystemTime};

use renacer_events::{MergeCounts, Merger, Receiver, Span};
use renacer_file::Writer;
use renacer_otlp::{Exporter, Finished};

use crate::exit::say;
use crate::metrics::Figures;
use crate::undelivered::{Rest, Undelivered, tell};

/// At the end, what has been delivered is looked at this often.
const LOOK_EVERY: Duration = Duration::from_millis(10);

/// What the assemble stage hands on.
pub enum Output {
    /// Spans, to be exported.
    Spans(Vec<Span>),
    /// Whole text lines, to be shown.
    Text(String),
}

/// Where text lines go.
pub enum TextTarget {
    /// Standard error.
    Stderr,
    /// A file.
    File(File),
}

/// Where spans go.
pub struct Targets {
    /// The collector.
    pub exporter: Option<Exporter>,
    /// The local file that gets every span: with `-o`, or without a collector.
    pub file: Option<Writer>,
    /// What the collector could not be given.
    pub undelivered: Undelivered,
    /// Merges like calls.
    pub merger: Merger,
    /// Whether the file too gets merged spans; otherwise only the collector does.
    pub merge_file: bool,
    /// Where lines go, if they are wanted.
    pub text: Option<TextTarget>,
    /// How long the collector may take at the end.
    pub shutdown_timeout: Duration,
    /// Whether warnings are shown.
    pub quiet: bool,
    /// What is told of it as metrics.
    pub figures: Option<Arc<Figures>>,
}

/// What has become of the spans.
pub struct Delivery {
    /// The collector's part.
    pub collector: Option<Finished>,
    /// What was merged.
    pub merged: MergeCounts,
    /// The file that got every span.
    pub file: Option<Writer>,
    /// What the collector could not be given.
    pub rest: Rest,
}

/// Exports all output; returns when its sender is gone and everything has been delivered, written or counted as lost.
pub fn export(output: &Receiver<Output>, mut targets: Targets) -> Delivery {
    loop {
        match output.take(targets.due()) {
            Ok(Some(Output::Spans(spans))) => targets.spans(spans),
            Ok(Some(Output::Text(text))) => targets.text(&text),
            Ok(None) => {}
            Err(_) => break,
        }
        targets.tick();
        if let Some(figures) = &targets.figures {
            let (written, lost) = targets.in_files();
            figures.passed_on(targets.merger.counts(), targets.undelivered.delivered_later());
            figures.exported(targets.exporter.as_ref().map(Exporter::counts).as_ref(), written, lost);
        }
    }
    targets.finish()
}

impl Targets {
    /// When there is something to do although nothing comes.
    fn due(&self) -> Option<Instant> {
        let file = self.file.as_ref().and_then(Writer::due);
        let exporter = self.exporter.as_ref();
        let (open, kept) = (exporter.and_then(Exporter::due), exporter.and_then(|it| self.undelivered.due(it)));
        [file, open, kept].into_iter().flatten().min()
    }

    /// Spans in local files, and those that could not be written there or are gone because of the limit.
    fn in_files(&self) -> (u64, u64) {
        let (written, lost) = self.undelivered.counts();
        let file =
            self.file.as_ref().map_or((0, 0), |file| (file.spans_written(), file.spans_lost() + file.spans_dropped()));
        (written + file.0, lost + file.1)
    }

    fn spans(&mut self, spans: Vec<Span>) {
        if !self.merge_file {
            self.write(&spans);
        }
        let mut merged = Vec::with_capacity(spans.len());
        spans.into_iter().for_each(|span| self.merger.push(span, &mut merged));
        self.merged(merged);
    }

    /// What the merger has made.
    fn merged(&mut self, spans: Vec<Span>) {
        if self.merge_file {
            self.write(&spans);
        }
        if let Some(exporter) = self.exporter.as_mut().filter(|_| !spans.is_empty()) {
            exporter.push(spans);
        }
    }

    fn write(&mut self, spans: &[Span]) {
        if let Some(file) = &mut self.file {
            tell(file.write(spans));
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        let mut merged = Vec::new();
        self.merger.sweep(epoch_now(), &mut merged);
        self.merged(merged);
        if let Some(file) = &mut self.file {
            tell(file.tick(now));
        }
        self.exchange(now);
    }

    fn exchange(&mut self, now: Instant) {
        if let Some(exporter) = &mut self.exporter {
            exporter.tick(now);
            self.undelivered.exchange(exporter, now);
            let warnings = exporter.warnings();
            self.warn(&warnings);
        }
    }

    fn warn(&self, warnings: &[String]) {
        if !self.quiet {
            for warning in warnings {
                say(&format!("renacer: {warning}; what it does not take goes to a local file"));
            }
        }
    }

    fn text(&mut self, text: &str) {
        let written = match &mut self.text {
            Some(TextTarget::Stderr) => io::stderr().write_all(text.as_bytes()),
            Some(TextTarget::File(file)) => file.write_all(text.as_bytes()),
            None => Ok(()),
        };
        if let Err(error) = written {
            // Told once; on a broken standard error there is nobody to tell.
            self.text = None;
            say(&format!("renacer: cannot write text lines: {error}"));
        }
    }

    fn finish(mut self) -> Delivery {
        let mut merged = Vec::new();
        self.merger.close_all(&mut merged);
        self.merged(merged);
        // On the disk before anything else is waited for.
        if let Some(file) = &mut self.file {
            tell(file.flush());
        }
        self.deliver_rest();
        let collector = self.exporter.take().map(|exporter| {
            // What can be delivered was.
            let mut finished = exporter.finish(Duration::ZERO);
            self.warn(&std::mem::take(&mut finished.warnings));
            finished.undelivered.drain(..).for_each(|spans| self.undelivered.keep(&spans));
            finished.refused.drain(..).for_each(|spans| self.undelivered.set_aside(&spans));
            finished.settled.drain(..).for_each(|settled| self.undelivered.settle(settled));
            finished
        });
        Delivery { collector, merged: self.merger.counts(), file: self.file, rest: self.undelivered.close() }
    }

    /// Waits until the collector has taken everything, for as long as it may take.
    fn deliver_rest(&mut self) {
        let start = Instant::now();
        if let Some(exporter) = &mut self.exporter {
            exporter.end();
        }
        loop {
            self.exchange(Instant::now());
            let left = self.shutdown_timeout.saturating_sub(start.elapsed());
            let Some(exporter) = &self.exporter else { return };
            let done = exporter.is_idle() && !self.undelivered.has_backlog();
            if done || left.is_zero() || !exporter.wait(left.min(LOOK_EVERY)) {
                return;
            }
        }
    }
}

/// Nanoseconds since the epoch.
fn epoch_now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
