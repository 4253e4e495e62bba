//! Runs or attaches to programs under ptrace and reads their system calls.

pub mod capture;
pub mod decode;
mod descriptors;
