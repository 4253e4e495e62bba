//! A span as OpenTelemetry defines it, before it is encoded.

use std::borrow::Cow;
use std::sync::Arc;

use crate::{CallFacts, Caller, Text};

/// A trace id; never all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct TraceId(pub [u8; 16]);
/// A span id; never all zero.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SpanId(pub [u8; 8]);

/// What a caller hands over: W3C trace context.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SpanContext {
    /// The trace.
    pub trace_id: TraceId,
    /// The span that is the parent of what follows.
    pub span_id: SpanId,
    /// Whether the caller samples this trace.
    pub sampled: bool,
    /// The `tracestate` header, empty when there was none.
    pub trace_state: String,
    /// Whether it came from another process.
    pub remote: bool,
}

/// One finished span. Everything is set: consumers need no other knowledge.
#[derive(Clone, Debug)]
pub struct Span {
    /// The trace it belongs to.
    pub trace_id: TraceId,
    /// Its own id.
    pub span_id: SpanId,
    /// Its parent, absent for a root.
    pub parent_id: Option<SpanId>,
    /// W3C `tracestate`, absent or shared by the whole run.
    pub trace_state: Option<Arc<str>>,
    /// Whether the parent is in another process (OTLP flags 0x300; 0x100 for a local parent or none).
    pub parent_is_remote: bool,
    /// What sort of thing it stands for.
    pub kind: SpanKind,
    /// The name, as shown.
    pub name: Text,
    /// Start, nanoseconds since the epoch.
    pub start: u64,
    /// End, nanoseconds since the epoch; at least `start + 1`.
    pub end: u64,
    /// Attributes in the order in which they shall stand, but for those of `caller`. Keys are unique.
    pub attributes: Vec<Attribute>,
    /// The code that made the call; its attributes stand behind the others.
    pub caller: Caller,
    /// Attributes left out because of a limit.
    pub dropped_attributes: u32,
    /// Events, in order of time.
    pub events: Vec<SpanEvent>,
    /// Events left out because of a limit.
    pub dropped_events: u32,
    /// Links.
    pub links: Vec<Link>,
    /// The outcome.
    pub status: Status,
    /// What produced it: one per process, shared by its spans.
    pub resource: Arc<Resource>,
    /// Of a system call: what merging needs to know. Not exported.
    pub call: Option<CallFacts>,
}

impl Span {
    /// All attributes in order, those of the caller too; waits until they are known.
    pub fn all_attributes(&self) -> impl Iterator<Item = &Attribute> {
        self.attributes.iter().chain(self.caller.attributes())
    }

    /// How many attributes there are in all.
    pub fn attribute_count(&self) -> usize {
        self.attributes.len() + self.caller.attributes().len()
    }
}

/// What sort of thing a span stands for. All are of OpenTelemetry's kind INTERNAL.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum SpanKind {
    /// A process, one span per exec image.
    Process,
    /// A thread.
    Thread,
    /// A system call.
    Call,
    /// A time in which a thread was not traced.
    Gap,
    /// A decision that a program has recorded in a file of its own.
    Decision,
}

/// The outcome of a span.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Status {
    /// Nothing to say.
    #[default]
    Unset,
    /// It failed, with this message.
    Error(Text),
}

/// Something that happened during a span.
#[derive(Clone, Debug)]
pub struct SpanEvent {
    /// Its name.
    pub name: Cow<'static, str>,
    /// When, nanoseconds since the epoch.
    pub at: u64,
    /// Attributes.
    pub attributes: Vec<Attribute>,
}

/// A reference to another span.
#[derive(Clone, Debug)]
pub struct Link {
    /// The other span's trace.
    pub trace_id: TraceId,
    /// The other span.
    pub span_id: SpanId,
    /// Attributes.
    pub attributes: Vec<Attribute>,
}

/// A key and its value.
#[derive(Clone, Debug, PartialEq)]
pub struct Attribute {
    /// The key.
    pub key: Cow<'static, str>,
    /// The value.
    pub value: Value,
}

impl Attribute {
    /// An attribute with a key that is known at compile time.
    pub fn new(key: &'static str, value: impl Into<Value>) -> Self {
        Attribute { key: Cow::Borrowed(key), value: value.into() }
    }
}

/// The value of an attribute. Text is valid UTF-8 and at most 16 KiB (docs/spans.md).
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    /// A string.
    Text(Text),
    /// An integer.
    Int(i64),
    /// A boolean.
    Bool(bool),
    /// A finite number.
    Double(f64),
    /// Several strings.
    Texts(Vec<Text>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::Text(text.into())
    }
}
impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::Text(text.into())
    }
}
impl From<Text> for Value {
    fn from(text: Text) -> Self {
        Value::Text(text)
    }
}
impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Value::Int(number)
    }
}
impl From<i32> for Value {
    fn from(number: i32) -> Self {
        Value::Int(number.into())
    }
}
impl From<bool> for Value {
    fn from(flag: bool) -> Self {
        Value::Bool(flag)
    }
}
impl From<Vec<Text>> for Value {
    fn from(texts: Vec<Text>) -> Self {
        Value::Texts(texts)
    }
}

/// What a process's spans have in common. Compare by `Arc::ptr_eq` to group spans.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Resource {
    /// Attributes in the order in which they shall stand: `service.instance.id` first.
    pub attributes: Vec<Attribute>,
}
