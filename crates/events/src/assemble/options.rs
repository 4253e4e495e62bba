//! What the assembler is told about a run.

use std::sync::Arc;
use std::time::Duration;

use crate::{Clock, Redact, ResourceOptions, SpanContext, SpanId, TraceId};

/// What a run looks like.
#[derive(Clone, Debug)]
pub struct Options {
    /// The trace of a run without `parent`.
    pub trace_id: TraceId,
    /// The id of the first process's span, which the launched program is told before it starts.
    pub root_span_id: SpanId,
    /// The caller's context: the run joins its trace.
    pub parent: Option<SpanContext>,
    /// Whether spans are made at all. If not, calls are still assembled, and spans counted.
    pub sampled: bool,
    /// Programs that are started with a caller of their own in their environment join its trace.
    pub join_callers: bool,
    /// Calls belong to the requests that their threads receive and send, as the connections' bytes say.
    pub join_requests: bool,
    /// From the events' times to those of spans.
    pub clock: Clock,
    /// Names of call spans carry the base name of the file or the peer's port.
    pub span_names_target: bool,
    /// A trace that is this old ends, and the run goes on in another one that is linked to it.
    pub rotate: Option<Duration>,
    /// What stands on the resources.
    pub resource: ResourceOptions,
    /// What is removed from all texts.
    pub redact: Option<Arc<dyn Redact>>,
}
