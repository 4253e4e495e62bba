//! Delivers spans to an OpenTelemetry collector over OTLP.
//!
//! [`Config::from_environment`] reads flags and OpenTelemetry's environment variables and starts nothing, [`Exporter::start`]
//! starts one thread, which alone knows an asynchronous runtime. Spans are encoded on the thread that pushes them, straight
//! into the bytes that are sent ([`Protocol`]: protobuf for gRPC and HTTP, or JSON), and gathered into batches by size. A
//! few requests are under way at once. A span stays in memory until its request was answered, so whatever cannot be
//! delivered is handed back ([`Exporter::take_undelivered`]) and never lost.
//!
//! - A request that may work later is repeated, with growing pauses or when the collector says; one that cannot work is
//!   handed back at once; one that is too large is cut in two.
//! - Where nobody is there, spans are handed back at once, and every few seconds one batch is used to see whether that has
//!   changed. What was handed back can be pushed again as a backlog, which never holds up fresh spans.
//! - The number of spans in memory is bounded ([`Config::max_queue_spans`]): beyond it, pushing waits, and every wait ends,
//!   because every attempt has a time limit.
//!
//! gRPC is spoken by hand over HTTP/2: one unary call with a body that is encoded already needs a prefix of five bytes and
//! three headers, and no client library beside the HTTP one.

mod config;
mod delivery;
mod encode;
pub mod environment;
mod exporter;
mod fields;
#[cfg(fuzzing)]
pub mod fuzzing;
mod host;
mod json;
mod limits;
mod metrics;
mod protobuf;
mod queue;
mod split;
mod transport;
mod trial;
mod variables;

pub use config::{Compression, Config, ConfigError, Overrides, Protocol};
pub use encode::encode_request;
pub use exporter::{Counts, Exporter, Finished, Settled};
pub use limits::{Limits, MAX_TEXT};
pub use metrics::{Figure, Metrics, MetricsConfig};
pub use transport::Error;
pub use trial::try_collector;

/// Name of the instrumentation scope of all spans.
pub(crate) const SCOPE_NAME: &str = "renacer";
/// Its version.
pub(crate) const SCOPE_VERSION: &str = env!("CARGO_PKG_VERSION");
/// The semantic conventions that the attributes' names follow.
pub(crate) const SCHEMA_URL: &str = "https://opentelemetry.io/schemas/1.44.0";
