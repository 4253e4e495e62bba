//! Spans as OTLP JSON lines: written, and read back for delivery.

mod decode;
mod encode;
mod error;
mod limit;
mod open;
mod protobuf;
mod reader;
mod schema;
mod segments;
mod spill;
mod transcode;
mod writer;

pub use error::{Error, LineError};
pub use limit::{AtLimit, Limit};
pub use open::CreateOptions;
pub use reader::{Encoding, Line, Reader, Request};
pub use segments::Segments;
pub use spill::{Left, Spill};
pub use writer::{WriteFile, Writer, write_files_with};
