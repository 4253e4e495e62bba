//! From a stopped thread's registers to the line of source that made its system call.
//!
//! Two halves. The [`Walker`] belongs to the tracer thread: it keeps what each process has mapped, walks a stack with the
//! unwinding rules of the files, and records addresses in the files' own terms; equal stacks become one object. Each new
//! one goes to the resolver, a thread of its own, which reads symbols and DWARF, decides what the user's own code is, and
//! tells the stack its source. Nothing flows back. Both share the table of [`modules`].

pub mod debug_files;
mod debuginfod;
mod decompress;
mod dwarf;
mod first_sight;
#[cfg(fuzzing)]
pub mod fuzzing;
mod golang;
pub mod mapped;
mod maps;
pub mod modules;
mod names;
pub mod object_file;
pub mod perf_map;
pub mod python;
mod replay;
pub mod resolver;
mod rooted;
mod split_units;
mod stacktrace;
mod stopwatch;
mod symbol_table;
mod symbolizer;
mod unwind;
mod user_code;
pub mod walker;
