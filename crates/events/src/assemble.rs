//! The assembler: events become calls and spans.
//!
//! A span's id is given when it starts, because others may name it before it ends; a span is handed on when it ends. What
//! is kept is bounded by what is alive: threads, processes, and one exec at a time for each of them.

mod call_span;
mod calls;
mod context;
#[cfg(test)]
mod fixture;
mod gaps;
mod markers;
mod open;
mod options;
#[cfg(test)]
mod properties;
mod requests;
mod rotate;
mod sink;
mod state;
#[cfg(test)]
mod tests;
mod totals;

use std::sync::Arc;

use self::call_span::CallSpans;
use self::markers::Line;
use self::open::{ImageSpan, OpenSpan, Parent, ThreadSpan, Trace};
pub use self::options::Options;
use self::requests::Held;
pub use self::sink::Sink;
use self::state::{Process, Replaced, Thread};
pub use self::totals::Totals;
use crate::escape::shorten;
use crate::ids::SpanIds;
use crate::resource::{ImageFacts, resource};
use crate::{
    Attribute, Decode, Event, EventKind, ExitStatus, FastMap, Image, Origin, Pid, ProcessStarted, Select, Signal, Span,
    SpanContext, Text, Tid,
};

/// Turns the events of a run, in order, into calls and spans.
pub struct Assembler<D, S> {
    options: Options,
    trace: Trace,
    context: Parent,
    ids: SpanIds,
    call_spans: CallSpans,
    threads: FastMap<Tid, Thread>,
    processes: FastMap<Pid, Process>,
    decoder: D,
    sink: S,
    /// Which calls are wanted, where not all are.
    select: Option<Box<dyn Select>>,
    /// Which signals are wanted, where not all are.
    signals: Option<Vec<i32>>,
    totals: Totals,
    /// Processes whose line may be a marker.
    lines: usize,
    /// Images so far.
    images: u64,
    /// The time of the latest event.
    last: u64,
    /// When the present trace began.
    began: u64,
    /// The first process's span, which waits for the totals.
    root: Option<Span>,
}

impl<D: Decode, S: Sink> Assembler<D, S> {
    /// An assembler that has seen nothing yet.
    pub fn new(mut options: Options, decoder: D, sink: S) -> Self {
        let mut totals = Totals { truncated: options.resource.shorten(), ..Totals::default() };
        if let Some(redact) = &options.redact {
            totals.redacted = options.resource.redact(&**redact);
        }
        let mut taken = vec![options.root_span_id];
        let mut trace = Trace { id: options.trace_id, state: None, sampled: options.sampled };
        let mut context = Parent::default();
        if let Some(parent) = &options.parent {
            taken.push(parent.span_id);
            trace = Trace::of(parent, options.sampled);
            context = Parent { id: Some(parent.span_id), is_remote: parent.remote };
        }
        Assembler {
            call_spans: CallSpans::new(options.span_names_target),
            options,
            trace,
            context,
            ids: SpanIds::new(taken),
            threads: FastMap::default(),
            processes: FastMap::default(),
            decoder,
            sink,
            select: None,
            signals: None,
            totals,
            lines: 0,
            images: 0,
            last: 0,
            began: 0,
            root: None,
        }
    }

    /// From here on only calls that `calls` wants are told of, and only these signals: none means all.
    pub fn select(&mut self, calls: Option<Box<dyn Select>>, signals: Option<Vec<i32>>) {
        (self.select, self.signals) = (calls, signals);
    }

    /// Takes the next event.
    pub fn event(&mut self, event: Event) {
        let at = self.options.clock.epoch(event.at);
        self.last = self.last.max(at);
        self.rotate_if_due(at);
        let tid = event.tid;
        match event.kind {
            EventKind::Entered(entry) => self.entered(tid, at, entry),
            EventKind::Returned(returned) => self.returned(tid, at, &returned),
            EventKind::Rests => self.rests(tid, at),
            EventKind::Rested => self.rested(tid, at),
            EventKind::Missed(missed) => {
                self.totals.calls_dropped += missed.calls;
                self.missed(tid, &missed);
            }
            EventKind::SignalDelivered(signal) => self.signal(tid, at, &signal),
            EventKind::ThreadStarted { pid, creator, name } => self.thread_started(pid, tid, at, creator, name),
            EventKind::ThreadExited(status) => self.thread_exited(tid, at, status),
            EventKind::ProcessStarted(started) => self.process_started(tid, at, &started),
            EventKind::ProcessExited(status) => match self.processes.contains_key(&tid) {
                true => self.end_process(tid, at, status),
                // The event may come under the id of the process's last thread.
                false => match self.threads.get(&tid).map(|thread| thread.pid) {
                    Some(pid) => self.end_process(pid, at, status),
                    None => self.totals.unknown_events += 1,
                },
            },
            EventKind::ImageReplaced { former_tid, image } => self.image_replaced(tid, former_tid, at, &image),
            EventKind::Renamed(name) => {
                let name = self.comm(&name);
                match self.threads.get_mut(&tid) {
                    Some(thread) => thread.name = name,
                    None => self.totals.unknown_events += 1,
                }
            }
            EventKind::GroupStopped { signal } => match self.threads.get(&tid) {
                Some(thread) => self.sink.stopped(at, thread.pid, tid, signal),
                None => self.totals.unknown_events += 1,
            },
            EventKind::Wrote { bytes, cut } => self.wrote(tid, at, &bytes, cut),
            EventKind::Marked(text) => self.marked(tid, at, &text),
            EventKind::Described(attributes) => self.described(tid, attributes),
            EventKind::Detached => self.detached(tid, at),
        }
    }

    /// Ends all that is still open, at the time of the last event. The span of the first process gets the totals and
    /// `root_attributes` (what other stages have counted), and comes last.
    pub fn finish(mut self, root_attributes: Vec<Attribute>) -> (Totals, S) {
        let mut pids: Vec<Pid> = self.processes.keys().copied().collect();
        pids.sort_unstable();
        for pid in pids {
            self.end_process(pid, self.last, ExitStatus::Unknown);
        }
        self.totals = self.totals();
        self.call_spans.truncated = 0;
        if let Some(mut root) = self.root.take() {
            root.attributes.extend(self.totals.attributes());
            root.attributes.extend(root_attributes);
            self.emit(root, self.options.sampled);
        }
        (self.totals, self.sink)
    }

    /// What was seen so far.
    pub fn totals(&self) -> Totals {
        Totals { truncated: self.totals.truncated + self.call_spans.truncated, ..self.totals }
    }

    /// Takes in what another stage has removed secrets from, for the totals.
    pub fn add_redacted(&mut self, texts: u64) {
        self.totals.redacted += texts;
    }

    /// The sink, for instance to flush it between events.
    pub fn sink_mut(&mut self) -> &mut S {
        &mut self.sink
    }

    fn process_started(&mut self, tid: Tid, at: u64, started: &ProcessStarted) {
        let pid = started.pid;
        if self.processes.contains_key(&pid) {
            // Its end was missed, and the kernel gave its id to another.
            self.totals.unknown_events += 1;
            self.end_process(pid, at, ExitStatus::Unknown);
        }
        self.forget_thread(tid, at);
        let (parent_pid, creator) = match started.origin {
            Origin::Forked { pid, tid, .. } => (Some(pid), self.threads.get_mut(&tid)),
            Origin::Attached => (started.parent_pid, None),
            Origin::Launched => (None, None),
        };
        let has_span = self.select.is_none();
        let (link, creator) =
            creator.and_then(|creator| creator.call.as_mut()).map(|call| call.link(has_span)).unwrap_or_default();
        let place = [parent_pid, started.parent_pid.filter(|_| started.origin != Origin::Launched)]
            .into_iter()
            .flatten()
            .find_map(|pid| self.processes.get(&pid))
            .map_or((self.trace.clone(), self.context), |process| {
                (process.image.trace.clone(), Parent { id: Some(process.image.open.id), is_remote: false })
            });
        let id = if self.totals.processes == 0 { self.options.root_span_id } else { self.ids.next() };
        self.totals.processes += 1;
        self.totals.threads += 1;
        let open = OpenSpan::new(id, at, link);
        let image = self.image(open, place, (pid, started.parent_pid), &started.image);
        let process = Process {
            parent_pid: started.parent_pid,
            number: self.totals.processes,
            image,
            tids: vec![tid],
            threaded: false,
            awaits_exec: started.origin == Origin::Launched,
            entered: false,
            line: Line::default(),
            multiplexes: false,
        };
        self.processes.insert(pid, process);
        let name = self.comm(&started.image.name);
        self.threads.insert(tid, Thread { creator, ..Thread::new(pid, name) });
        self.decoder.process_started(started);
    }

    /// The span of a process's image, with its resource.
    fn image(
        &mut self,
        open: OpenSpan,
        place: (Trace, Parent),
        (pid, parent_pid): (Pid, Option<Pid>),
        image: &Image,
    ) -> ImageSpan {
        let mut facts = ImageFacts::new(image);
        if let Some(redact) = &self.options.redact {
            self.totals.redacted += facts.redact(&**redact);
        }
        self.totals.truncated += facts.truncated;
        self.images += 1;
        let resource = resource(&self.options.resource, self.trace.id, self.images, pid, parent_pid, image, &facts);
        ImageSpan::new(open, place, (pid, parent_pid), image.caller.clone(), facts, Arc::new(resource))
    }

    fn thread_started(&mut self, pid: Pid, tid: Tid, at: u64, creator: Option<Tid>, name: String) {
        self.forget_thread(tid, at);
        let name = self.comm(&name);
        let Some(process) = self.processes.get_mut(&pid) else {
            self.totals.unknown_events += 1;
            return;
        };
        let creating = creator.and_then(|tid| self.threads.get_mut(&tid)?.call.as_mut());
        let (link, creator) = creating.map(|call| call.link(self.select.is_none())).unwrap_or_default();
        if !process.threaded {
            process.threaded = true;
            // From here on, the thread that was alone has a span as well.
            for tid in &process.tids {
                if let Some(thread) = self.threads.get_mut(tid) {
                    thread.span = Some(ThreadSpan::new(OpenSpan::new(self.ids.next(), at, None), *tid));
                }
            }
        }
        process.tids.push(tid);
        let mut thread = Thread { creator, ..Thread::new(pid, name) };
        thread.span = Some(ThreadSpan::new(OpenSpan::new(self.ids.next(), at, link), tid));
        self.threads.insert(tid, thread);
        self.totals.threads += 1;
    }

    /// Ends the spans of an image whose process runs another program now.
    fn end_replaced(&mut self, mut replaced: Replaced, at: u64) {
        if let Some((span, name)) = replaced.thread.take() {
            let span = span.finish(at, &name, &mut replaced.image);
            self.emit(span, replaced.image.trace.sampled);
        }
        self.end_image(replaced.image, at, None);
    }

    fn signal(&mut self, tid: Tid, at: u64, signal: &Signal) {
        let known = self.threads.get_mut(&tid).and_then(|thread| Some((self.processes.get_mut(&thread.pid)?, thread)));
        let Some((process, thread)) = known else {
            self.totals.unknown_events += 1;
            return;
        };
        if self.signals.as_ref().is_some_and(|wanted| !wanted.contains(&signal.number)) {
            return;
        }
        let open = thread.span.as_mut().map_or(&mut process.image.open, |span| &mut span.open);
        self.totals.signals += 1;
        self.totals.signals_dropped += u64::from(!open.signal(at, signal));
        self.sink.signal(at, thread.pid, tid, signal);
    }

    fn image_replaced(&mut self, pid: Pid, former_tid: Tid, at: u64, image: &Image) {
        let belongs = self.threads.get(&former_tid).is_some_and(|thread| thread.pid == pid);
        if !belongs || !self.processes.contains_key(&pid) {
            self.totals.unknown_events += 1;
            return;
        }
        self.end_gap(former_tid, at);
        self.decoder.image_replaced(pid);
        self.forget_line(pid);
        self.end_threads(pid, Some(former_tid), at);
        if former_tid != pid {
            self.forget_thread(pid, at);
        }
        if self.threads.get(&former_tid).is_some_and(|thread| thread.replaced.is_some()) {
            // A second exec without an end of the first.
            self.totals.unknown_events += 1;
            self.end_call(former_tid, at, None, false);
        }
        let name = self.comm(&image.name);
        let (Some(mut thread), Some(mut process)) = (self.threads.remove(&former_tid), self.processes.remove(&pid))
        else {
            return;
        };
        if former_tid != pid {
            self.sink.superseded(at, pid, former_tid);
        }
        let former_name = std::mem::replace(&mut thread.name, name);
        thread.creator = None;
        thread.held = Held::default();
        process.multiplexes = false;
        process.tids = vec![pid];
        let call = thread.call.as_mut().and_then(|call| call.link(self.select.is_none()).0);
        let first = std::mem::take(&mut process.awaits_exec) && !std::mem::take(&mut process.threaded);
        // The program that was launched begins with its exec: what ran before has no span of its own.
        let open = match first {
            true => process.image.open.take(),
            false => OpenSpan::new(self.ids.next(), at, call),
        };
        let own = own_caller(&process.image, image).filter(|_| !first && self.options.join_callers);
        let place = match own {
            Some(caller) => (Trace::of(caller, caller.sampled), Parent { id: Some(caller.span_id), is_remote: true }),
            None => (process.image.trace.clone(), process.image.parent),
        };
        let mut new = self.image(open, place, (pid, process.parent_pid), image);
        if own.is_some() {
            new.note(Attribute::new("renacer.parent.source", "environment"));
        }
        let image = std::mem::replace(&mut process.image, new);
        self.processes.insert(pid, process);
        if !first {
            let replaced = Replaced { image, thread: thread.span.take().map(|span| (span, former_name)) };
            match &thread.call {
                // The return of a call that nobody asked for is of no interest.
                Some(call) if !call.entry.watched => thread.replaced = Some(Box::new(replaced)),
                _ => self.end_replaced(replaced, at),
            }
        }
        self.threads.insert(pid, thread);
    }

    /// A thread's name, redacted and limited like every text.
    fn comm(&mut self, name: &str) -> Text {
        let mut name = Text::from(name);
        if let Some(redact) = &self.options.redact {
            self.totals.redacted += u64::from(redact.text(&mut name));
        }
        self.totals.truncated += u64::from(shorten(&mut name));
        name
    }

    fn thread_exited(&mut self, tid: Tid, at: u64, status: ExitStatus) {
        let Some(pid) = self.threads.get(&tid).map(|thread| thread.pid) else {
            self.totals.unknown_events += 1;
            return;
        };
        self.end_thread(tid, at, matches!(status, ExitStatus::Exited(_)));
        self.sink.exited(at, pid, tid, status);
    }

    fn detached(&mut self, tid: Tid, at: u64) {
        let Some(pid) = self.threads.get(&tid).map(|thread| thread.pid) else {
            self.totals.unknown_events += 1;
            return;
        };
        self.end_thread(tid, at, false);
        // No other event will tell that nothing of the process is traced any more.
        if self.processes.get(&pid).is_some_and(|process| process.tids.is_empty()) {
            self.end_process(pid, at, ExitStatus::Unknown);
        }
    }

    /// Makes room for a new thread with this id. Should there be an old one, its end was missed.
    fn forget_thread(&mut self, tid: Tid, at: u64) {
        if self.threads.contains_key(&tid) {
            self.totals.unknown_events += 1;
            self.end_thread(tid, at, false);
        }
    }

    fn end_thread(&mut self, tid: Tid, at: u64, exits: bool) {
        self.end_call(tid, at, None, exits);
        self.end_gap(tid, at);
        let Some(thread) = self.threads.remove(&tid) else { return };
        let Some(process) = self.processes.get_mut(&thread.pid) else { return };
        process.tids.retain(|&other| other != tid);
        if let Some(span) = thread.span {
            let span = span.finish(at, &thread.name, &mut process.image);
            let sampled = process.image.trace.sampled;
            self.emit(span, sampled);
        }
    }

    /// Ends the threads of a process, but for one.
    fn end_threads(&mut self, pid: Pid, but: Option<Tid>, at: u64) {
        let Some(process) = self.processes.get(&pid) else { return };
        for tid in process.tids.clone() {
            if Some(tid) != but {
                self.end_thread(tid, at, false);
            }
        }
    }

    fn end_process(&mut self, pid: Pid, at: u64, status: ExitStatus) {
        self.end_threads(pid, None, at);
        self.forget_line(pid);
        if let Some(process) = self.processes.remove(&pid) {
            self.end_image(process.image, at, Some(status));
            self.decoder.process_exited(pid, status);
        }
    }

    fn end_image(&mut self, image: ImageSpan, at: u64, status: Option<ExitStatus>) {
        let sampled = image.trace.sampled;
        let span = image.finish(at, status);
        if span.span_id == self.options.root_span_id {
            self.root = Some(span);
        } else {
            self.emit(span, sampled);
        }
    }

    fn emit(&mut self, span: Span, sampled: bool) {
        if sampled {
            self.totals.spans += 1;
            self.sink.span(span);
        } else {
            self.totals.spans_not_sampled += 1;
        }
    }
}

/// The caller that a program's environment names, if that is another than the one the program before was given.
fn own_caller<'a>(before: &ImageSpan, image: &'a Image) -> Option<&'a SpanContext> {
    image.caller.as_ref().filter(|caller| before.caller.as_ref() != Some(caller))
}
