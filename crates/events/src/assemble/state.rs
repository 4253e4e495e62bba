//! What is known of the processes and threads that live.

use std::sync::Arc;

use super::markers::Line;
use super::open::{ImageSpan, Other, ThreadSpan, Trace};
use super::requests::{Belongs, Held};
use crate::{Caller, Entry, Pid, SpanId, Stack, Stream, Text, Tid, Way};

pub(super) struct Process {
    pub(super) parent_pid: Option<Pid>,
    /// How many processes there had been when it began, itself included.
    pub(super) number: u64,
    pub(super) image: ImageSpan,
    /// The threads that live.
    pub(super) tids: Vec<Tid>,
    /// It has, or has had, more than one thread since its last exec.
    pub(super) threaded: bool,
    /// Launched, and not yet seen to run the program that it was launched for.
    pub(super) awaits_exec: bool,
    /// It has entered a call.
    pub(super) entered: bool,
    /// The line that it is writing to its standard error.
    pub(super) line: Line,
    /// Its connections are waited for together, so that its threads may do anything for anyone.
    pub(super) multiplexes: bool,
}

pub(super) struct Thread {
    pub(super) pid: Pid,
    pub(super) name: Text,
    pub(super) span: Option<ThreadSpan>,
    pub(super) call: Option<OpenCall>,
    /// The image that the call in flight, an exec, has ended: its spans end with that call.
    pub(super) replaced: Option<Box<Replaced>>,
    /// The call that `restart_syscall` goes on with.
    pub(super) interrupted: Option<Other>,
    /// The stack of the call that created it, until exec.
    pub(super) creator: Option<Arc<Stack>>,
    /// It is not traced now.
    pub(super) gap: Option<Gap>,
    /// The requests that it is about.
    pub(super) held: Held,
}

/// A time without tracing that has not ended yet.
pub(super) struct Gap {
    pub(super) start: u64,
    /// The span of the thread, or of the process, that it began in.
    pub(super) parent: SpanId,
}

pub(super) struct OpenCall {
    pub(super) id: SpanId,
    /// The span of its thread or process.
    pub(super) parent: SpanId,
    /// The trace that its process is in.
    pub(super) trace: Trace,
    /// The span of the program's own that it belongs to.
    pub(super) context: Option<Belongs>,
    /// The connection whose bytes it moves.
    pub(super) stream: Option<(Arc<Stream>, Way)>,
    pub(super) link: Option<Other>,
    /// Another span links to it.
    pub(super) is_linked: bool,
    pub(super) tid: Tid,
    pub(super) start: u64,
    pub(super) entry: Entry,
    pub(super) caller: Caller,
    /// What its process has open was looked at meanwhile.
    pub(super) unsure: bool,
}

pub(super) struct Replaced {
    pub(super) image: ImageSpan,
    pub(super) thread: Option<(ThreadSpan, Text)>,
}

impl OpenCall {
    /// What links to it refer to.
    pub(super) fn itself(&self) -> Other {
        Other { id: self.id, trace_id: self.context.as_ref().map_or(self.trace.id, |belongs| belongs.span.trace_id) }
    }

    /// Itself, for the span of what it creates to link to (`has_span`: it is certain to have a span), and its stack.
    pub(super) fn link(&mut self, has_span: bool) -> (Option<Other>, Option<Arc<Stack>>) {
        let has_span = has_span && self.trace.sampled && !self.entry.watched;
        self.is_linked |= has_span;
        (has_span.then_some(self.itself()), self.caller.stack.clone())
    }
}

impl Thread {
    pub(super) fn new(pid: Pid, name: Text) -> Self {
        Thread {
            pid,
            name,
            span: None,
            call: None,
            replaced: None,
            interrupted: None,
            creator: None,
            gap: None,
            held: Held::default(),
        }
    }
}
