//! Spans out of a line that [`crate::Writer`] has written: what a run could not deliver at once is delivered later on.
//!
//! Files of others are not read like this, because our types cannot hold all that they may contain; see [`crate::Reader`].

use std::borrow::Cow;
use std::sync::Arc;

use renacer_events::{
    Attribute, Caller, Link, Resource, Span, SpanEvent, SpanId, SpanKind, Status, Text, TraceId, Value,
};
use serde::Deserialize;
use serde_json::value::RawValue;

/// Reads lines; remembers the resource of the line before.
#[derive(Debug, Default)]
pub(crate) struct Decoder {
    latest: Option<(Box<str>, Arc<Resource>)>,
}

impl Decoder {
    /// The spans of a line; none where it is not one of ours.
    pub(crate) fn spans(&mut self, line: &[u8]) -> Option<Vec<Span>> {
        let data: Data = serde_json::from_slice(line).ok()?;
        let mut spans = Vec::new();
        for resource_spans in data.resource_spans {
            let resource = self.resource(resource_spans.resource)?;
            for span in resource_spans.scope_spans.into_iter().flat_map(|scope| scope.spans) {
                spans.push(span.decode(&resource)?);
            }
        }
        Some(spans)
    }

    fn resource(&mut self, json: &RawValue) -> Option<Arc<Resource>> {
        if let Some((_, resource)) = self.latest.as_ref().filter(|(text, _)| **text == *json.get()) {
            return Some(resource.clone());
        }
        let attributes: JsonResource = serde_json::from_str(json.get()).ok()?;
        let resource = Arc::new(Resource { attributes: all(attributes.attributes)? });
        self.latest = Some((json.get().into(), resource.clone()));
        Some(resource)
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Data<'a> {
    #[serde(borrow)]
    resource_spans: Vec<JsonResourceSpans<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonResourceSpans<'a> {
    #[serde(borrow)]
    resource: &'a RawValue,
    #[serde(borrow)]
    scope_spans: Vec<JsonScopeSpans<'a>>,
}

#[derive(Deserialize)]
struct JsonScopeSpans<'a> {
    #[serde(borrow)]
    spans: Vec<JsonSpan<'a>>,
}

#[derive(Deserialize)]
struct JsonResource<'a> {
    #[serde(borrow, default)]
    attributes: Vec<JsonAttribute<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonSpan<'a> {
    trace_id: &'a str,
    span_id: &'a str,
    trace_state: Option<String>,
    parent_span_id: &'a str,
    flags: u32,
    #[serde(borrow)]
    name: Cow<'a, str>,
    start_time_unix_nano: &'a str,
    end_time_unix_nano: &'a str,
    #[serde(borrow, default)]
    attributes: Vec<JsonAttribute<'a>>,
    #[serde(default)]
    dropped_attributes_count: u32,
    #[serde(borrow, default)]
    events: Vec<JsonEvent<'a>>,
    #[serde(default)]
    dropped_events_count: u32,
    #[serde(borrow, default)]
    links: Vec<JsonLink<'a>>,
    #[serde(borrow)]
    status: JsonStatus<'a>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonEvent<'a> {
    time_unix_nano: &'a str,
    #[serde(borrow)]
    name: Cow<'a, str>,
    #[serde(borrow, default)]
    attributes: Vec<JsonAttribute<'a>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonLink<'a> {
    trace_id: &'a str,
    span_id: &'a str,
    #[serde(borrow, default)]
    attributes: Vec<JsonAttribute<'a>>,
}

#[derive(Deserialize)]
struct JsonStatus<'a> {
    #[serde(borrow, default)]
    message: Cow<'a, str>,
    #[serde(default)]
    code: u32,
}

#[derive(Deserialize)]
struct JsonAttribute<'a> {
    #[serde(borrow)]
    key: Cow<'a, str>,
    #[serde(borrow)]
    value: JsonValue<'a>,
}

/// Just as OTLP writes a value: an object with one member.
#[derive(Deserialize)]
enum JsonValue<'a> {
    #[serde(borrow, rename = "stringValue")]
    String(Cow<'a, str>),
    #[serde(rename = "intValue")]
    Int(&'a str),
    #[serde(rename = "boolValue")]
    Bool(bool),
    #[serde(rename = "doubleValue")]
    Double(Number),
    #[serde(rename = "arrayValue")]
    Array(JsonArray),
}

/// Numbers that JSON does not have are texts.
#[derive(Deserialize)]
#[serde(untagged)]
enum Number {
    Finite(f64),
    Other(String),
}

#[derive(Deserialize)]
struct JsonArray {
    values: Vec<JsonText>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct JsonText {
    string_value: String,
}

impl JsonSpan<'_> {
    fn decode(self, resource: &Arc<Resource>) -> Option<Span> {
        Some(Span {
            trace_id: TraceId(id(self.trace_id)?),
            span_id: SpanId(id(self.span_id)?),
            parent_id: match self.parent_span_id {
                "" => None,
                digits => Some(SpanId(id(digits)?)),
            },
            trace_state: self.trace_state.map(Into::into),
            parent_is_remote: self.flags & 0x200 != 0,
            // Merging is over, and nothing else asks for it.
            kind: SpanKind::Call,
            name: text(&self.name),
            start: self.start_time_unix_nano.parse().ok()?,
            end: self.end_time_unix_nano.parse().ok()?,
            attributes: all(self.attributes)?,
            caller: Caller::default(),
            dropped_attributes: self.dropped_attributes_count,
            events: self.events.into_iter().map(JsonEvent::decode).collect::<Option<_>>()?,
            dropped_events: self.dropped_events_count,
            links: self.links.into_iter().map(JsonLink::decode).collect::<Option<_>>()?,
            status: if self.status.code == 2 { Status::Error(text(&self.status.message)) } else { Status::Unset },
            resource: resource.clone(),
            call: None,
        })
    }
}

impl JsonEvent<'_> {
    fn decode(self) -> Option<SpanEvent> {
        let name = Cow::Owned(self.name.into_owned());
        Some(SpanEvent { name, at: self.time_unix_nano.parse().ok()?, attributes: all(self.attributes)? })
    }
}

impl JsonLink<'_> {
    fn decode(self) -> Option<Link> {
        let (trace_id, span_id) = (TraceId(id(self.trace_id)?), SpanId(id(self.span_id)?));
        Some(Link { trace_id, span_id, attributes: all(self.attributes)? })
    }
}

fn all(attributes: Vec<JsonAttribute>) -> Option<Vec<Attribute>> {
    attributes.into_iter().map(attribute).collect()
}

fn attribute(attribute: JsonAttribute) -> Option<Attribute> {
    let value = match attribute.value {
        JsonValue::String(value) => Value::Text(text(&value)),
        JsonValue::Int(digits) => Value::Int(digits.parse().ok()?),
        JsonValue::Bool(value) => Value::Bool(value),
        JsonValue::Double(Number::Finite(value)) => Value::Double(value),
        JsonValue::Double(Number::Other(name)) => Value::Double(name.parse().ok()?),
        JsonValue::Array(array) => Value::Texts(array.values.iter().map(|value| text(&value.string_value)).collect()),
    };
    Some(Attribute { key: Cow::Owned(attribute.key.into_owned()), value })
}

fn text(text: &str) -> Text {
    text.into()
}

fn id<const N: usize>(digits: &str) -> Option<[u8; N]> {
    let (pairs, []) = digits.as_bytes().as_chunks::<2>() else { return None };
    let digit = |byte: u8| char::from(byte).to_digit(16).map(|digit| digit as u8);
    let mut bytes = [0; N];
    if pairs.len() != N {
        return None;
    }
    for (byte, [high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(*high)? << 4 | digit(*low)?;
    }
    Some(bytes)
}
