//! The span of the program's own that a thread is in, as the program publishes it.

use std::sync::Arc;

use crate::{Attribute, Pid, ReadMemory, SpanId, Tid, TraceId};

/// A span that the program's own code says it is in. Equal ones of a thread that follow each other are one object.
#[derive(Clone, Debug, PartialEq)]
pub struct ActiveSpan {
    /// Its trace.
    pub trace_id: TraceId,
    /// The span itself.
    pub span_id: SpanId,
    /// Whether its trace is sampled.
    pub sampled: bool,
    /// What else the program says of what the thread does.
    pub attributes: Vec<Attribute>,
}

/// A file that a call has mapped as code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MappedFile {
    /// Where the mapping begins.
    pub address: u64,
    /// How long it is, in bytes.
    pub length: u64,
    /// The program's descriptor of the file.
    pub descriptor: i32,
    /// Where in the file it begins, in bytes.
    pub offset: u64,
}

/// Reads which span a stopped thread is in. Called by the tracer alone, in the order in which the kernel reports things.
pub trait ContextSource {
    /// Whether the process may publish its spans, or has said something of itself: only then is the rest worth asking.
    fn publishes(&mut self, pid: Pid, memory: &mut dyn ReadMemory) -> bool;
    /// The span that a stopped thread is in. The thread pointer is the base of fs on x86-64, TPIDR_EL0 on aarch64.
    fn active(
        &mut self,
        pid: Pid,
        tid: Tid,
        thread_pointer: u64,
        memory: &mut dyn ReadMemory,
    ) -> Option<Arc<ActiveSpan>>;
    /// What the process has said of itself since this was last asked: attributes of its resource.
    fn described(&mut self, pid: Pid) -> Option<Vec<Attribute>>;
    /// A process has been created by `creator` (its memory is a copy, or the same), or is there without one.
    fn started(&mut self, pid: Pid, creator: Option<Pid>);
    /// Exec has replaced the process's memory.
    fn image_replaced(&mut self, pid: Pid);
    /// Calls of the process went by untold: what it has mapped may have changed.
    fn missed(&mut self, pid: Pid);
    /// A file has been mapped as code, by the thread that is stopped.
    fn mapped(&mut self, pid: Pid, tid: Tid, file: MappedFile);
    /// What is mapped at this range has changed.
    fn remapped(&mut self, pid: Pid, start: u64, length: u64);
    /// The process has given a range of its memory a name (PR_SET_VMA_ANON_NAME), which is at `name`.
    fn named(&mut self, pid: Pid, start: u64, name: u64, memory: &mut dyn ReadMemory);
    /// The thread is gone.
    fn thread_ended(&mut self, pid: Pid, tid: Tid);
    /// The process is gone.
    fn exited(&mut self, pid: Pid);
}
