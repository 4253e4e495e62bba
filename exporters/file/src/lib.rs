//! Spans as OTLP JSON lines: written, and read back for delivery.

mod encode;
mod error;
mod open;
mod protobuf;
mod reader;
mod schema;
mod writer;

pub use error::{Error, LineError};
pub use open::CreateOptions;
pub use reader::{Encoding, Line, Reader, Request};
pub use writer::Writer;
