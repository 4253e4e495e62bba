//! Tables of names, by topic. They hold what strace 6.1 knows, and what Linux has got since.

pub(crate) mod file;
pub(crate) mod ioctl;
pub(crate) mod memory;
pub(crate) mod option;
pub(crate) mod process;
pub(crate) mod signal;
pub(crate) mod socket;
pub(crate) mod terminal;
pub(crate) mod time;
