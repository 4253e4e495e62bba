//! A decision trace for programs that decide often: what was decided, on what input, and what came of it.
//!
//! ```no_run
//! renacer_decisions::open("decisions.bin")?;
//! renacer_decisions::decide("inline::cost", &[("size", 7.into()), ("hot", true.into())]);
//! renacer_decisions::result("inline::cost", &[("inlined", true.into())]);
//! # Ok::<(), renacer_decisions::OpenError>(())
//! ```
//!
//! The file is mapped into memory. Any number of threads write to it at a time, without locks, allocations or system calls; a record that
//! was made is there whatever ends the program, SIGKILL too (a crash of the machine is another matter). A forked child writes a file of
//! its own, `FILE.PID`. Where the file is full, further records are dropped and counted in its header.
//!
//! [`File`] reads one; it is safe code and trusts nothing in it. The format is described in `docs/decision-files.md`.

mod error;
mod format;
mod memory;
mod message;
mod reader;
mod recorder;
mod value;

use std::path::Path;

pub use error::{OpenError, ReadError};
pub use format::{MAGIC, VERSION};
pub use message::{Kind, Record};
pub use reader::{File, Header, Records, TraceContext};
pub use recorder::Options;
pub use value::Value;

/// Opens the program's decision file, with room for 16 MiB of records; one of that name is replaced. From here on [`decide`] and
/// [`result`] write to it; before, they do nothing.
///
/// # Errors
///
/// When the file cannot be created or mapped, and when the program has opened one already.
pub fn open(path: impl AsRef<Path>) -> Result<(), OpenError> {
    open_with(path, Options::default())
}

/// As [`open`], with options.
///
/// # Errors
///
/// As there.
pub fn open_with(path: impl AsRef<Path>, options: Options) -> Result<(), OpenError> {
    recorder::open(path.as_ref(), options)
}

/// Records that the calling thread has decided something: `category::name`, and what the decision is made on.
pub fn decide(name: &str, input: &[(&str, Value<'_>)]) {
    recorder::record(Kind::Decision, name, input);
}

/// Records what came of the calling thread's latest decision of this name.
pub fn result(name: &str, output: &[(&str, Value<'_>)]) {
    recorder::record(Kind::Result, name, output);
}
