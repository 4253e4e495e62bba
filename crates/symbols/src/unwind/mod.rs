//! From a frame to its caller: by call frame information, by Go's table, by verified calls, or by frame pointers.

pub(crate) mod called;
pub(crate) mod cfi;
pub(crate) mod code;
#[cfg(any(test, fuzzing))]
pub mod exercise;
mod expression;
pub(crate) mod golang;
pub(crate) mod image;
pub(crate) mod rule;
pub(crate) mod signal_frame;
pub(crate) mod state;
#[cfg(test)]
mod tests;
pub(crate) mod v8;
pub(crate) mod window;
