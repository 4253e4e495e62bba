//! What a person reads: live lines in the style of strace, the summary table of `-c`, and the closing line.
//!
//! Everything here makes text and writes nothing by itself.

mod closing;
mod histogram;
mod lines;
mod summary;

pub use closing::{Counts, File, Loss, Why};
pub use lines::{Ids, Lines, Options, Timestamps};
pub use summary::Summary;
