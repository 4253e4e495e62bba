//! From a stopped thread's registers to the line of source that made its system call.
//!
//! Two halves. The [`Walker`] belongs to the tracer thread: it keeps what each process has mapped, walks a stack with the
//! unwinding rules of the files, and records addresses in the files' own terms; equal stacks become one object. Each new
//! one goes to the resolver, a thread of its own, which reads symbols and DWARF, decides what the user's own code is, and
//! tells the stack its source. Nothing flows back. Both share the table of [`modules`].

pub mod debug_files;
mod debuginfod;
mod decompress;
mod first_sight;
pub mod mapped;
mod maps;
pub mod modules;
pub mod object_file;
pub mod perf_map;
pub mod python;
mod rooted;
mod split_units;
mod unwind;
pub mod walker;
