//! What the thread's record says: the span that it is in, or none.

use opentelemetry::trace::SpanContext;

/// Makes this thread's record say that it is in this span; none: in no span.
#[cfg(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))]
pub(crate) fn publish(span: Option<&SpanContext>) {
    use libdd_otel_thread_ctx::linux::OwnedThreadContext;

    /// A record keeps its place in memory, so that a thread which leaves a span says so with ids of zeros, as the library has it.
    const NONE: ([u8; 16], [u8; 8], u8) = ([0; 16], [0; 8], 0);
    /// The library always writes the id of the thread's first span; which one that is nobody has told us.
    const UNKNOWN_ROOT: [u8; 8] = [0; 8];

    let (trace, span, flags) = match span.filter(|span| span.is_valid()) {
        Some(span) => (span.trace_id().to_bytes(), span.span_id().to_bytes(), span.trace_flags().to_u8()),
        None => NONE,
    };
    OwnedThreadContext::update(trace, span, flags, UNKNOWN_ROOT, &[]);
}

/// Nobody looks for records on this system.
#[cfg(not(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64"))))]
pub(crate) fn publish(_: Option<&SpanContext>) {}
