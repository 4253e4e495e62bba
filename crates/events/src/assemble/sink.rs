//! Where calls and spans go, and what else happens along the way.

use crate::{Call, ExitStatus, Pid, Signal, Span, Tid};

/// Takes what the assembler makes, in the order in which it ends. All times are in nanoseconds since the epoch.
pub trait Sink {
    /// A call ended, or never will. `comm` is the thread's name. Comes before the call's span.
    fn call(&mut self, _call: &Call, _comm: &str) {}
    /// A span ended.
    fn span(&mut self, _span: Span) {}
    /// A signal is delivered to a thread.
    fn signal(&mut self, _at: u64, _pid: Pid, _tid: Tid, _signal: &Signal) {}
    /// A thread was stopped by this signal (job control).
    fn stopped(&mut self, _at: u64, _pid: Pid, _tid: Tid, _signal: i32) {}
    /// A thread was not traced between these times.
    fn gap(&mut self, _start: u64, _end: u64, _pid: Pid, _tid: Tid) {}
    /// A thread is gone. A process is gone with its last thread.
    fn exited(&mut self, _at: u64, _pid: Pid, _tid: Tid, _status: ExitStatus) {}
    /// A thread that was not the first of its process has called exec: from here on its id is that of the process.
    fn superseded(&mut self, _at: u64, _pid: Pid, _former_tid: Tid) {}
}
