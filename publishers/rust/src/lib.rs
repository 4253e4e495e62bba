//! Tells tracers outside of the program which OpenTelemetry span each of its threads is in, so that Renacer (or a profiler) puts
//! what it sees of a thread below that span.
//!
//! It is told as OTEP 4947 has it: the thread-local variable `otel_thread_ctx_v1` points to a record with the ids of trace and span.
//! Writing it is a matter of some nanoseconds; nothing is sent, and nobody has to listen.
//!
//! One of two is enough:
//!
//! - [`observe`], once at the start of the program: follows OpenTelemetry's own current context, which the SDK's guards and futures
//!   keep, and tracing-opentelemetry too.
//! - [`PublishLayer`], a layer for `tracing_subscriber`: follows the spans of `tracing` where tracing-opentelemetry has been told not to
//!   activate contexts.
//!
//! Tasks of tokio may move between threads at each `await`: both ways follow, as their spans are entered and left at each poll.
//!
//! On other systems than Linux on x86-64 and aarch64 nothing is published, and nothing else happens.

#[cfg(feature = "layer")]
mod layer;
#[cfg(feature = "observer")]
mod observer;
mod record;

#[cfg(feature = "layer")]
pub use layer::PublishLayer;
#[cfg(feature = "observer")]
pub use observer::observe;
