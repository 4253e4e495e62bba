//! What a tracer observes (events), what belongs together (calls), and the spans made of them.
//!
//! Plain types, the queue between two stages, and the assembler. Nothing here talks to the kernel, a disk or a network.

mod assemble;
mod call;
mod clock;
mod container;
mod context;
mod escape;
mod event;
mod ids;
mod map;
mod memory;
mod merge;
mod queue;
mod redact;
mod resource;
mod select;
mod signal;
mod span;
mod stack;
mod trace_context;
mod wire;

pub use assemble::{Assembler, Options, Sink, Totals};
pub use call::{Argument, Call, Decode, Decoded, Errno, Moves, Peer, RawCall};
pub use clock::Clock;
pub use container::Container;
pub use context::{ActiveSpan, ContextSource, MappedFile};
pub use event::{
    Abi, DescriptorTarget, Entry, Event, EventKind, ExitStatus, Image, Missed, OpenDescriptor, Origin, Pid,
    ProcessStarted, Return, Signal, Tid,
};
pub use map::{FastMap, Multiply};
pub use memory::Memory;
pub use merge::{CallFacts, Detail, MergeCounts, MergeOptions, Merger};
pub use queue::{Closed, Receiver, Sender, channel};
pub use redact::Redact;
pub use resource::ResourceOptions;
pub use select::{Calls, Place, Select, Test};
pub use signal::{signal_code_name, signal_name};
pub use span::{Attribute, Link, Resource, Span, SpanContext, SpanEvent, SpanId, SpanKind, Status, TraceId, Value};
pub use stack::{
    Caller, Frame, FrameKind, Machine, ModuleId, ReadMemory, Registers, Source, Stack, StackEnd, StackWalker,
};
pub use wire::{Carried, Part, Request, Role, Stream, Touched, Way};

/// Text that is short most of the time: up to 24 bytes are stored without an allocation.
pub use compact_str::CompactString as Text;
