//! Spans and resources as OTLP JSON: hexadecimal ids, enumerations as numbers, 64-bit numbers as strings.

use std::fmt::Write;

use renacer_events::{Attribute, Resource, Span, Status, Value};

use crate::limits::{Limits, MAX_TEXT, cut};
use crate::protobuf::{KIND_INTERNAL, STATUS_ERROR, flags, left_out};
use crate::{SCHEMA_URL, SCOPE_NAME, SCOPE_VERSION};

fn hex(out: &mut String, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.push('"');
    for byte in bytes {
        out.push(char::from(DIGITS[usize::from(byte >> 4)]));
        out.push(char::from(DIGITS[usize::from(byte & 15)]));
    }
    out.push('"');
}

fn string(out: &mut String, text: &str) {
    out.push('"');
    let mut clean = 0;
    for (at, byte) in text.bytes().enumerate() {
        if byte >= b' ' && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.push_str(&text[clean..at]);
        clean = at + 1;
        match byte {
            b'"' => out.push_str("\\\""),
            b'\\' => out.push_str("\\\\"),
            b'\n' => out.push_str("\\n"),
            b'\t' => out.push_str("\\t"),
            _ => number(out, format_args!("\\u{byte:04x}")),
        }
    }
    out.push_str(&text[clean..]);
    out.push('"');
}

fn number(out: &mut String, text: impl std::fmt::Display) {
    // Writing into a string cannot fail.
    let _ = write!(out, "{text}");
}

fn list<T>(out: &mut String, items: impl Iterator<Item = T>, mut write: impl FnMut(&mut String, T)) {
    out.push('[');
    for (at, item) in items.enumerate() {
        if at > 0 {
            out.push(',');
        }
        write(out, item);
    }
    out.push(']');
}

fn attributes<'a>(out: &mut String, attributes: impl IntoIterator<Item = &'a Attribute>, limit: usize, length: usize) {
    list(out, attributes.into_iter().take(limit), |out, attribute| {
        out.push_str("{\"key\":");
        string(out, cut(&attribute.key, MAX_TEXT));
        out.push_str(",\"value\":{");
        match &attribute.value {
            Value::Text(text) => {
                out.push_str("\"stringValue\":");
                string(out, cut(text, length));
            }
            Value::Int(value) => number(out, format_args!("\"intValue\":\"{value}\"")),
            Value::Bool(flag) => number(out, format_args!("\"boolValue\":{flag}")),
            // `{:?}` keeps a number that is whole a number with a fraction, and is exact.
            Value::Double(value) if value.is_finite() => number(out, format_args!("\"doubleValue\":{value:?}")),
            Value::Double(_) => {}
            Value::Texts(texts) => {
                out.push_str("\"arrayValue\":{\"values\":");
                list(out, texts.iter(), |out, text| {
                    out.push_str("{\"stringValue\":");
                    string(out, cut(text, length));
                    out.push('}');
                });
                out.push('}');
            }
        }
        out.push_str("}}");
    });
}

fn count(out: &mut String, name: &str, value: u32) {
    if value > 0 {
        number(out, format_args!(",\"{name}\":{value}"));
    }
}

/// Writes a span as an object.
pub(crate) fn span(out: &mut String, span: &Span, limits: &Limits) {
    out.push_str("{\"traceId\":");
    hex(out, &span.trace_id.0);
    out.push_str(",\"spanId\":");
    hex(out, &span.span_id.0);
    if let Some(state) = span.trace_state.as_deref().filter(|state| !state.is_empty()) {
        out.push_str(",\"traceState\":");
        string(out, state);
    }
    if let Some(parent) = span.parent_id {
        out.push_str(",\"parentSpanId\":");
        hex(out, &parent.0);
    }
    out.push_str(",\"name\":");
    string(out, cut(&span.name, MAX_TEXT));
    let (start, end) = (span.start, span.end);
    number(
        out,
        format_args!(
            ",\"kind\":{KIND_INTERNAL},\"startTimeUnixNano\":\"{start}\",\"endTimeUnixNano\":\"{end}\",\"attributes\":"
        ),
    );
    attributes(out, span.all_attributes(), limits.attributes, limits.value_length);
    let dropped = left_out(span.attribute_count(), limits.attributes).saturating_add(span.dropped_attributes);
    count(out, "droppedAttributesCount", dropped);
    if !span.events.is_empty() {
        out.push_str(",\"events\":");
        list(out, span.events.iter().take(limits.events), |out, event| {
            number(out, format_args!("{{\"timeUnixNano\":\"{}\",\"name\":", event.at));
            string(out, &event.name);
            out.push_str(",\"attributes\":");
            attributes(out, &event.attributes, limits.event_attributes, limits.value_length);
            count(out, "droppedAttributesCount", left_out(event.attributes.len(), limits.event_attributes));
            out.push('}');
        });
    }
    count(out, "droppedEventsCount", left_out(span.events.len(), limits.events).saturating_add(span.dropped_events));
    if !span.links.is_empty() {
        out.push_str(",\"links\":");
        list(out, span.links.iter().take(limits.links), |out, link| {
            out.push_str("{\"traceId\":");
            hex(out, &link.trace_id.0);
            out.push_str(",\"spanId\":");
            hex(out, &link.span_id.0);
            out.push_str(",\"attributes\":");
            attributes(out, &link.attributes, limits.link_attributes, limits.value_length);
            count(out, "droppedAttributesCount", left_out(link.attributes.len(), limits.link_attributes));
            out.push('}');
        });
    }
    count(out, "droppedLinksCount", left_out(span.links.len(), limits.links));
    if let Status::Error(message) = &span.status {
        number(out, format_args!(",\"status\":{{\"code\":{STATUS_ERROR},\"message\":"));
        string(out, cut(message, MAX_TEXT));
        out.push('}');
    }
    number(out, format_args!(",\"flags\":{}}}", flags(span)));
}

/// A resource as an object.
pub(crate) fn resource(resource: &Resource) -> String {
    let mut out = String::from("{\"attributes\":");
    attributes(&mut out, &resource.attributes, usize::MAX, MAX_TEXT);
    out.push('}');
    out
}

/// Writes an entry of `resourceSpans` around spans that are written already, with commas between them.
pub(crate) fn resource_spans(out: &mut String, resource: &str, spans: &str) {
    out.push_str("{\"resource\":");
    out.push_str(resource);
    number(
        out,
        format_args!(
            ",\"scopeSpans\":[{{\"scope\":{{\"name\":\"{SCOPE_NAME}\",\"version\":\"{SCOPE_VERSION}\"}},\"spans\":["
        ),
    );
    out.push_str(spans);
    number(out, format_args!("],\"schemaUrl\":\"{SCHEMA_URL}\"}}],\"schemaUrl\":\"{SCHEMA_URL}\"}}"));
}
