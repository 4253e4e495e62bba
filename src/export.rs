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
    /// The local file. With a collector and without `-o` it is made when it is needed.
    pub file: Writer,
    /// Whether the file gets every span, not only those that the collector could not be given.
    pub file_gets_all: bool,
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
    /// The file, with what it got.
    pub file: Writer,
}

/// Exports all output; returns when its sender is gone and everything has been delivered, written or counted as lost.
pub fn export(output: &Receiver<Output>, mut targets: Targets) -> Delivery {
    loop {
        let due = [targets.file.due(), targets.exporter.as_ref().and_then(Exporter::due)].into_iter().flatten().min();
        match output.take(due) {
            Ok(Some(Output::Spans(spans))) => targets.spans(spans),
            Ok(Some(Output::Text(text))) => targets.text(&text),
            Ok(None) => {}
            Err(_) => break,
        }
        targets.tick();
        if let Some(figures) = &targets.figures {
            figures.exported(targets.exporter.as_ref().map(Exporter::counts).as_ref(), &targets.file);
        }
    }
    targets.finish()
}

impl Targets {
    fn spans(&mut self, spans: Vec<Span>) {
        let file_gets_all = self.file_gets_all || self.exporter.is_none();
        if file_gets_all && !self.merge_file {
            self.write(&spans);
        }
        let mut merged = Vec::with_capacity(spans.len());
        spans.into_iter().for_each(|span| self.merger.push(span, &mut merged));
        self.merged(merged);
    }

    /// What the merger has made.
    fn merged(&mut self, spans: Vec<Span>) {
        if self.merge_file && (self.file_gets_all || self.exporter.is_none()) {
            self.write(&spans);
        }
        if let Some(exporter) = self.exporter.as_mut().filter(|_| !spans.is_empty()) {
            exporter.push(spans);
        }
    }

    /// The file returns each trouble once, and counts what it could not write.
    fn write(&mut self, spans: &[Span]) {
        let written = self.file.write(spans);
        self.tell(written);
    }

    fn tell(&self, result: Result<(), renacer_file::Error>) {
        if let Err(error) = result {
            say(&format!("renacer: {error}"));
        }
    }

    fn tick(&mut self) {
        let now = Instant::now();
        let mut merged = Vec::new();
        self.merger.sweep(epoch_now(), &mut merged);
        self.merged(merged);
        if let Some(exporter) = &mut self.exporter {
            exporter.tick(now);
            let (undelivered, warnings) = (exporter.take_undelivered(), exporter.warnings());
            self.undelivered(undelivered);
            self.warn(&warnings);
        }
        let ticked = self.file.tick(now);
        self.tell(ticked);
    }

    fn undelivered(&mut self, batches: Vec<Vec<Span>>) {
        // A file that has everything has these already.
        if !self.file_gets_all {
            for spans in batches {
                self.write(&spans);
            }
        }
    }

    fn warn(&self, warnings: &[String]) {
        if !self.quiet {
            for warning in warnings {
                say(&format!("renacer: {warning}; what it does not take goes to the local file"));
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
        let collector = self.exporter.take().map(|exporter| {
            let mut finished = exporter.finish(self.shutdown_timeout);
            self.warn(&std::mem::take(&mut finished.warnings));
            self.undelivered(std::mem::take(&mut finished.undelivered));
            finished
        });
        let flushed = self.file.flush();
        self.tell(flushed);
        Delivery { collector, merged: self.merger.counts(), file: self.file }
    }
}

/// Nanoseconds since the epoch.
fn epoch_now() -> u64 {
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
