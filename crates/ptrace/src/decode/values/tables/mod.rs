//! Tables of names, by topic. Flags stand in the order in which strace writes them, with those last
//! that the kernel has got since 6.1.

pub(crate) mod file;
pub(crate) mod ioctl;
pub(crate) mod memory;
pub(crate) mod option;
pub(crate) mod perf;
pub(crate) mod process;
pub(crate) mod signal;
pub(crate) mod socket;
pub(crate) mod terminal;
pub(crate) mod time;
