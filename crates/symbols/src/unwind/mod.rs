//! From a frame to its caller: by call frame information, by Go's table, by verified calls, or by frame pointers.

pub(crate) mod called;
pub(crate) mod cfi;
pub(crate) mod code;
mod expression;
pub(crate) mod golang;
pub(crate) mod image;
pub(crate) mod rule;
pub(crate) mod signal_frame;
pub(crate) mod state;
pub(crate) mod v8;
pub(crate) mod window;
