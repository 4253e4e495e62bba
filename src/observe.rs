//! The assemble stage: events in, spans, text lines and the summary out.

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use renacer_events::{
    Assembler, Attribute, Call, Event, ExitStatus, Options, Pid, Receiver, Sender, Signal, Sink, Span, Tid, Totals,
};
use renacer_ptrace::decode::{Decoder, signal_info};
use renacer_symbols::resolver::{Counts, Handle};
use renacer_text::{Lines, Summary};

use crate::choose::Wanted;
use crate::decisions::{self, Losses, Places};
use crate::export::Output;
use crate::metrics::Figures;

/// Events are left to gather for this long, so that the stages wake each other seldom.
const LINGER: Duration = Duration::from_millis(50);
/// Spans are handed on in portions of this many.
const PORTION: usize = 512;

/// What of a run is shown to a person.
pub struct Shown {
    /// Live lines.
    pub lines: Option<Lines>,
    /// The summary table.
    pub summary: Option<Summary>,
    /// What is told of it as metrics.
    pub figures: Option<Arc<Figures>>,
}

/// What tells of a run beside its events.
pub struct Beside {
    /// The thread that finds the code behind calls.
    pub source: Option<Handle>,
    /// The program's decision files.
    pub decisions: Vec<PathBuf>,
}

/// What the stage has come to.
pub struct Assembled {
    /// The counts of the run.
    pub totals: Totals,
    /// The summary table, where one is wanted.
    pub summary: Option<Summary>,
    /// The counts of the thread that found the code behind the calls.
    pub source: Option<Counts>,
    /// What of the program's decision files is in no span.
    pub decisions: Losses,
}

/// Turns all events into output, and what is told beside them; returns when the sender of events is gone and everything has been handed on.
pub fn assemble(
    events: &Receiver<Event>,
    options: Options,
    decoder: Decoder,
    wanted: Option<Wanted>,
    shown: Shown,
    beside: Beside,
    output: Sender<Output>,
) -> Assembled {
    let Beside { source, decisions } = beside;
    let places = (!decisions.is_empty()).then(Places::default);
    let (clock, redact) = (options.clock, options.redact.clone());
    let portion = Portion { spans: Vec::with_capacity(PORTION), text: String::new(), shown, places, output };
    let mut assembler = Assembler::new(options, decoder, portion);
    if let Some(Wanted { calls, signals }) = wanted {
        assembler.select(calls, signals);
    }
    let mut batch = VecDeque::new();
    while events.take_all(&mut batch, LINGER).is_ok() {
        for event in batch.drain(..) {
            assembler.event(event);
        }
        assembler.sink_mut().hand_on();
        let totals = assembler.totals();
        if let Some(figures) = &assembler.sink_mut().shown.figures {
            figures.seen(&totals, 0);
        }
    }
    // The tracer has ended, so this comes to its end as well.
    let source = source.map(Handle::join);
    assembler.add_redacted(source.map_or(0, |counts| counts.redacted));
    let (files, mut losses, redacted) = decisions::read_all(&decisions, clock, redact.as_deref());
    assembler.add_redacted(redacted);
    let root = source.iter().flat_map(unresolved).collect();
    let (totals, mut portion) = assembler.finish(root);
    portion.decisions(files, &mut losses);
    portion.hand_on();
    Assembled { totals, summary: portion.shown.summary, source, decisions: losses }
}

/// What was not found out about the code that made the calls, for the root span.
fn unresolved(counts: &Counts) -> impl Iterator<Item = Attribute> {
    let counts = [
        ("renacer.code.stacks.unknown", counts.stacks_unknown),
        ("renacer.code.frames.unknown", counts.frames_unknown),
        ("renacer.code.files.refused", counts.files_refused),
    ];
    counts.into_iter().filter(|(_, count)| *count > 0).map(|(key, count)| Attribute::new(key, count as i64))
}

/// What has been made and not yet handed on.
struct Portion {
    spans: Vec<Span>,
    text: String,
    shown: Shown,
    /// Where decisions may belong, if there are any.
    places: Option<Places>,
    output: Sender<Output>,
}

impl Portion {
    /// Puts decisions where they belong, in front of the first process's span, which comes last.
    fn decisions(&mut self, files: Vec<decisions::Decisions>, losses: &mut Losses) {
        let Some(places) = self.places.take() else { return };
        let Some(mut root) = self.spans.pop() else { return };
        places.place(files, losses, |span| self.span(span));
        let counts = [("renacer.decisions.lost", losses.lost), ("renacer.decisions.outside", losses.outside)];
        let counts = counts.into_iter().filter(|(_, count)| *count > 0);
        root.attributes.extend(counts.map(|(key, count)| Attribute::new(key, count as i64)));
        self.spans.push(root);
    }

    fn hand_on(&mut self) {
        if !self.text.is_empty() {
            self.send(Output::Text);
        }
        if !self.spans.is_empty() {
            let spans = std::mem::replace(&mut self.spans, Vec::with_capacity(PORTION));
            // The export stage ends after this one; if it is gone, it has failed and said so.
            let _ = self.output.send(Output::Spans(spans));
        }
    }

    fn send(&mut self, make: impl FnOnce(String) -> Output) {
        let text = std::mem::take(&mut self.text);
        let _ = self.output.send(make(text));
    }

    fn line(&mut self, write: impl FnOnce(&mut Lines, &mut String)) {
        if let Some(lines) = &mut self.shown.lines {
            write(lines, &mut self.text);
        }
    }
}

impl Sink for Portion {
    fn call(&mut self, call: &Call, comm: &str) {
        if let Some(summary) = &mut self.shown.summary {
            summary.add(call);
        }
        self.line(|lines, text| lines.call(call, comm, text));
    }

    fn span(&mut self, span: Span) {
        if let Some(places) = &mut self.places {
            places.note(&span);
        }
        // The last one of a run stays here, since it may still be added to.
        if self.spans.len() >= PORTION {
            self.hand_on();
        }
        self.spans.push(span);
    }

    fn signal(&mut self, at: u64, _pid: Pid, tid: Tid, signal: &Signal) {
        self.line(|lines, text| {
            let info = signal_info(signal);
            lines.signal(at, tid, "", signal.number, &info, text);
        });
    }

    fn stopped(&mut self, at: u64, _pid: Pid, tid: Tid, signal: i32) {
        self.line(|lines, text| lines.stopped(at, tid, "", signal, text));
    }

    fn gap(&mut self, start: u64, end: u64, _pid: Pid, tid: Tid) {
        self.line(|lines, text| lines.untraced(end, tid, "", end - start, text));
    }

    fn exited(&mut self, at: u64, _pid: Pid, tid: Tid, status: ExitStatus) {
        self.line(|lines, text| lines.exited(at, tid, "", status, text));
    }

    fn superseded(&mut self, at: u64, pid: Pid, former_tid: Tid) {
        self.line(|lines, text| lines.superseded(at, pid, "", former_tid, text));
    }
}
