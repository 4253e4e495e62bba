//! Spans that have not ended yet: of processes and of threads.

use std::sync::Arc;

use crate::escape::shorten;
use crate::resource::ImageFacts;
use crate::signal::{signal_code_name, signal_name};
use crate::{
    Attribute, Caller, ExitStatus, Link, Pid, Resource, Signal, Span, SpanContext, SpanEvent, SpanId, SpanKind, Status,
    Text, Tid, TraceId,
};

/// The most signals and markers that are kept as events of one span; OpenTelemetry's own default limit.
const MAX_EVENTS: usize = 128;

/// The trace that a process's spans are in: the run's, or that of the caller who started its program.
#[derive(Clone, Debug)]
pub(super) struct Trace {
    pub(super) id: TraceId,
    pub(super) state: Option<Arc<str>>,
    /// Whether its spans are wanted at all.
    pub(super) sampled: bool,
}

impl Trace {
    /// The trace that a caller says it is in.
    pub(super) fn of(caller: &SpanContext, sampled: bool) -> Trace {
        let state = (!caller.trace_state.is_empty()).then(|| Arc::from(&*caller.trace_state));
        Trace { id: caller.trace_id, state, sampled }
    }
}

/// Another span, that of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Other {
    pub(super) id: SpanId,
    pub(super) trace_id: TraceId,
}

/// The growing part of a span that others hang on.
#[derive(Debug)]
pub(super) struct OpenSpan {
    pub(super) id: SpanId,
    start: u64,
    /// The latest end of anything inside.
    end: u64,
    events: Vec<SpanEvent>,
    dropped_events: u32,
    links: Vec<Other>,
    /// The span of the same thing in the trace before.
    former: Option<Link>,
}

impl OpenSpan {
    pub(super) fn new(id: SpanId, start: u64, link: Option<Other>) -> Self {
        let links = Vec::from_iter(link);
        OpenSpan { id, start, end: start.saturating_add(1), events: Vec::new(), dropped_events: 0, links, former: None }
    }

    /// Sets the start anew, as long as nothing has happened.
    pub(super) fn begin(&mut self, start: u64) {
        if self.events.is_empty() {
            self.start = start;
            self.end = start.saturating_add(1);
        }
    }

    /// Moves the span to another owner; what stays is of no use.
    pub(super) fn take(&mut self) -> Self {
        std::mem::replace(self, OpenSpan::new(self.id, self.start, None))
    }

    /// Goes on in another trace, as another span that is linked to this one; what has been so far is left.
    pub(super) fn go_on(&mut self, trace: &Trace, id: SpanId, at: u64) -> Self {
        let former = Some(link(Other { id: self.id, trace_id: trace.id }));
        std::mem::replace(self, OpenSpan { former, ..OpenSpan::new(id, at, None) })
    }

    /// Makes room for a span inside.
    pub(super) fn cover(&mut self, start: u64, end: u64) {
        self.start = self.start.min(start);
        self.end = self.end.max(end);
    }

    /// Adds a signal; false if there are too many events already.
    pub(super) fn signal(&mut self, at: u64, signal: &Signal) -> bool {
        self.event(at, "signal", || signal_attributes(signal))
    }

    /// Adds an event; false if there are too many already.
    pub(super) fn event(&mut self, at: u64, name: &'static str, attributes: impl FnOnce() -> Vec<Attribute>) -> bool {
        self.cover(at, at);
        if self.events.len() >= MAX_EVENTS {
            self.dropped_events = self.dropped_events.saturating_add(1);
            return false;
        }
        self.events.push(SpanEvent { name: name.into(), at, attributes: attributes() });
        true
    }

    /// Ends the span, at `end` or with what ends last inside.
    fn finish(self, trace: &Trace, end: u64, rest: Rest) -> Span {
        let mut events = self.events;
        events.sort_by_key(|event| event.at);
        Span {
            trace_id: trace.id,
            span_id: self.id,
            parent_id: rest.parent_id,
            trace_state: trace.state.clone(),
            parent_is_remote: rest.parent_is_remote,
            kind: rest.kind,
            name: rest.name,
            start: self.start,
            end: self.end.max(end),
            attributes: rest.attributes,
            caller: Caller::default(),
            dropped_attributes: 0,
            events,
            dropped_events: self.dropped_events,
            links: self.former.into_iter().chain(self.links.into_iter().map(link)).collect(),
            status: rest.status,
            resource: rest.resource,
            call: None,
        }
    }
}

fn signal_attributes(signal: &Signal) -> Vec<Attribute> {
    let mut attributes = Vec::with_capacity(3);
    attributes.push(Attribute::new("signal.name", Text::from(signal_name(signal.number))));
    attributes.push(Attribute::new("signal.code", Text::from(signal_code_name(signal.number, signal.code))));
    attributes.extend(signal.sender_pid.map(|pid| Attribute::new("signal.sender.pid", pid)));
    attributes
}

/// A link to a span of the same run.
pub(super) fn link(other: Other) -> Link {
    Link { trace_id: other.trace_id, span_id: other.id, attributes: Vec::new() }
}

/// What a span needs besides its times.
struct Rest {
    parent_id: Option<SpanId>,
    parent_is_remote: bool,
    kind: SpanKind,
    name: Text,
    attributes: Vec<Attribute>,
    status: Status,
    resource: Arc<Resource>,
}

/// The span of a thread, in a process that has several.
#[derive(Debug)]
pub(super) struct ThreadSpan {
    pub(super) open: OpenSpan,
    tid: Tid,
}

impl ThreadSpan {
    pub(super) fn new(open: OpenSpan, tid: Tid) -> Self {
        ThreadSpan { open, tid }
    }

    /// Goes on in another trace; returns the part that ends with this one.
    pub(super) fn rotate(&mut self, trace: &Trace, id: SpanId, at: u64) -> ThreadSpan {
        ThreadSpan { open: self.open.go_on(trace, id, at), tid: self.tid }
    }

    /// Ends the span and makes room for it in its process's.
    pub(super) fn finish(self, end: u64, name: &Text, image: &mut ImageSpan) -> Span {
        let mut span_name = compact_str::format_compact!("thread {name}");
        // Whole, the thread's name stands in the attribute.
        shorten(&mut span_name);
        let rest = Rest {
            parent_id: Some(image.open.id),
            parent_is_remote: false,
            kind: SpanKind::Thread,
            name: span_name,
            attributes: vec![Attribute::new("linux.tid", self.tid), Attribute::new("thread.name", name.clone())],
            status: Status::Unset,
            resource: image.resource.clone(),
        };
        let span = self.open.finish(&image.trace, end, rest);
        image.open.cover(span.start, span.end);
        span
    }
}

/// Where a process's spans belong.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Parent {
    pub(super) id: Option<SpanId>,
    pub(super) is_remote: bool,
}

/// The span of one process while it runs one program.
#[derive(Debug)]
pub(super) struct ImageSpan {
    pub(super) open: OpenSpan,
    pub(super) trace: Trace,
    pub(super) parent: Parent,
    /// Whom the program's environment names as its caller.
    pub(super) caller: Option<SpanContext>,
    pub(super) resource: Arc<Resource>,
    /// The resource without what the process says of itself, if it says anything.
    pub(super) plain_resource: Option<Arc<Resource>>,
    name: Text,
    attributes: Vec<Attribute>,
}

impl ImageSpan {
    pub(super) fn new(
        open: OpenSpan,
        (trace, parent): (Trace, Parent),
        (pid, parent_pid): (Pid, Option<Pid>),
        caller: Option<SpanContext>,
        facts: ImageFacts,
        resource: Arc<Resource>,
    ) -> Self {
        let mut attributes = Vec::with_capacity(8);
        attributes.push(Attribute::new("process.pid", pid));
        attributes.extend(parent_pid.map(|pid| Attribute::new("process.parent_pid", pid)));
        attributes.extend(facts.executable_path.map(|path| Attribute::new("process.executable.path", path)));
        attributes.extend(facts.working_directory.map(|path| Attribute::new("process.working_directory", path)));
        if !facts.command_args.is_empty() {
            attributes.push(Attribute::new("process.command_args", facts.command_args));
        }
        ImageSpan { open, trace, parent, caller, resource, plain_resource: None, name: facts.name, attributes }
    }

    /// Goes on in another trace; returns the part that ends with this one.
    pub(super) fn rotate(&mut self, next: &Trace, id: SpanId, at: u64) -> ImageSpan {
        let open = self.open.go_on(&self.trace, id, at);
        let next = Trace { sampled: self.trace.sampled, ..next.clone() };
        ImageSpan {
            open,
            trace: std::mem::replace(&mut self.trace, next),
            parent: self.parent,
            caller: self.caller.clone(),
            resource: self.resource.clone(),
            plain_resource: None,
            name: self.name.clone(),
            attributes: self.attributes.clone(),
        }
    }

    /// Adds an attribute that is known late.
    pub(super) fn note(&mut self, attribute: Attribute) {
        self.attributes.retain(|other| other.key != attribute.key);
        self.attributes.push(attribute);
    }

    /// Ends the span, with how the process ended; none when it went on with another program.
    pub(super) fn finish(mut self, end: u64, ended: Option<ExitStatus>) -> Span {
        let status = match ended {
            Some(ExitStatus::Exited(code)) => {
                self.attributes.push(Attribute::new("process.exit.code", code));
                match code {
                    0 => Status::Unset,
                    code => {
                        self.attributes.push(Attribute::new("error.type", compact_str::format_compact!("{code}")));
                        Status::Error(compact_str::format_compact!("exited with {code}"))
                    }
                }
            }
            Some(ExitStatus::Killed { signal, core_dumped }) => {
                let name = signal_name(signal);
                self.attributes.push(Attribute::new("error.type", &*name));
                let core = if core_dumped { " (core dumped)" } else { "" };
                Status::Error(compact_str::format_compact!("killed by {name}{core}"))
            }
            Some(ExitStatus::Unknown) | None => Status::Unset,
        };
        let rest = Rest {
            parent_id: self.parent.id,
            parent_is_remote: self.parent.is_remote,
            kind: SpanKind::Process,
            name: self.name,
            attributes: self.attributes,
            status,
            resource: self.resource,
        };
        self.open.finish(&self.trace, end, rest)
    }
}
