//! What a tracer observes (events), what belongs together (calls), and the spans made of them.
//!
//! Plain types, the queue between two stages, and the assembler. Nothing here talks to the kernel, a disk or a network.

mod call;
mod event;
mod memory;
mod queue;
mod span;

pub use call::{Argument, Call, Decode, Decoded, Errno, Peer, RawCall};
pub use event::{
    Abi, DescriptorTarget, Entry, Event, EventKind, ExitStatus, Image, OpenDescriptor, Origin, Pid, ProcessStarted,
    Return, Signal, Tid,
};
pub use memory::Memory;
pub use queue::{Closed, Receiver, Sender, channel};
pub use span::{Attribute, Link, Resource, Span, SpanContext, SpanEvent, SpanId, SpanKind, Status, TraceId, Value};

/// Text that is short most of the time: up to 24 bytes are stored without an allocation.
pub use compact_str::CompactString as Text;
