//! Each rule of docs/spans.md by a sequence of events made by hand.

mod callers;
mod calls;
mod context;
mod losses;
mod markers;
mod processes;
mod redaction;
mod threads;
