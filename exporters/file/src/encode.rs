//! A span as OTLP JSON, in the order and form in which the Collector's file exporter writes it.
//!
//! Written by hand: this runs once for every call of the traced program.

use renacer_events::{Attribute, Link, Resource, Span, SpanEvent, Status, Value};

/// The most bytes that one span takes. What does not fit is left out and counted, as OTLP provides for.
pub(crate) const MAX_SPAN: usize = 640 * 1024;
/// The most bytes that the attributes of a resource take.
pub(crate) const MAX_RESOURCE: usize = 320 * 1024;
/// The most bytes of a text that is no attribute: there is no way to leave it out.
const MAX_TEXT: usize = 16 * 1024;

/// Begins the object of one resource, up to its first span. Returns the number of attributes that were left out.
pub(crate) fn open_resource(out: &mut Vec<u8>, resource: &Resource) -> u64 {
    out.extend_from_slice(b"{\"resource\":{\"attributes\":[");
    let kept = list(out, &resource.attributes, MAX_RESOURCE, attribute);
    let dropped = (resource.attributes.len() - kept) as u64;
    out.push(b']');
    dropped_count(out, "droppedAttributesCount", dropped);
    out.extend_from_slice(b"},\"scopeSpans\":[{\"scope\":{\"name\":\"renacer\",\"version\":\"");
    out.extend_from_slice(env!("CARGO_PKG_VERSION").as_bytes());
    out.extend_from_slice(b"\"},\"spans\":[");
    dropped
}

/// Ends the object of one resource, behind its last span. The schema is that of the attributes' names.
pub(crate) const CLOSE_RESOURCE: &[u8] = b"],\"schemaUrl\":\"https://opentelemetry.io/schemas/1.44.0\"}],\
    \"schemaUrl\":\"https://opentelemetry.io/schemas/1.44.0\"}";

/// Appends one span. Returns the number of attributes, events and links that were left out because it would be too long.
pub(crate) fn span(out: &mut Vec<u8>, span: &Span) -> u64 {
    let start = out.len();
    let dropped = span_within(out, span, usize::MAX);
    if out.len() - start <= MAX_SPAN {
        return dropped;
    }
    out.truncate(start);
    // Behind the budgeted parts stands the status: at most six bytes for one of its text.
    span_within(out, span, MAX_SPAN - 8 * MAX_TEXT)
}

/// `budget`: the most bytes for all that stands in front of the status.
fn span_within(out: &mut Vec<u8>, span: &Span, budget: usize) -> u64 {
    let limited = budget != usize::MAX;
    let limit = |text| if limited { cut(text, MAX_TEXT) } else { text };
    let end = out.len().saturating_add(budget);
    out.extend_from_slice(b"{\"traceId\":\"");
    hex(out, &span.trace_id.0);
    out.extend_from_slice(b"\",\"spanId\":\"");
    hex(out, &span.span_id.0);
    if let Some(state) = &span.trace_state {
        // A part of a trace state would be another one.
        if !limited || state.len() <= MAX_TEXT {
            out.extend_from_slice(b"\",\"traceState\":\"");
            escaped(out, state);
        }
    }
    out.extend_from_slice(b"\",\"parentSpanId\":\"");
    if let Some(parent) = &span.parent_id {
        hex(out, &parent.0);
    }
    out.extend_from_slice(if span.parent_is_remote {
        b"\",\"flags\":768,\"name\":\""
    } else {
        b"\",\"flags\":256,\"name\":\""
    });
    escaped(out, limit(&span.name));
    out.extend_from_slice(b"\",\"kind\":1,\"startTimeUnixNano\":\"");
    number(out, span.start);
    out.extend_from_slice(b"\",\"endTimeUnixNano\":\"");
    number(out, span.end);
    out.push(b'"');
    let mut dropped = 0;
    if !span.attributes.is_empty() {
        out.extend_from_slice(b",\"attributes\":[");
        dropped += span.attributes.len() - list(out, &span.attributes, end.saturating_sub(out.len()), attribute);
        out.push(b']');
    }
    dropped_count(out, "droppedAttributesCount", u64::from(span.dropped_attributes) + dropped as u64);
    if !span.events.is_empty() {
        out.extend_from_slice(b",\"events\":[");
        let left_out = span.events.len() - list(out, &span.events, end.saturating_sub(out.len()), event);
        out.push(b']');
        dropped_count(out, "droppedEventsCount", u64::from(span.dropped_events) + left_out as u64);
        dropped += left_out;
    } else {
        dropped_count(out, "droppedEventsCount", u64::from(span.dropped_events));
    }
    if !span.links.is_empty() {
        out.extend_from_slice(b",\"links\":[");
        let left_out = span.links.len() - list(out, &span.links, end.saturating_sub(out.len()), link);
        out.push(b']');
        dropped_count(out, "droppedLinksCount", left_out as u64);
        dropped += left_out;
    }
    match &span.status {
        Status::Unset => out.extend_from_slice(b",\"status\":{}}"),
        Status::Error(message) if message.is_empty() => out.extend_from_slice(b",\"status\":{\"code\":2}}"),
        Status::Error(message) => {
            out.extend_from_slice(b",\"status\":{\"message\":\"");
            escaped(out, limit(message));
            out.extend_from_slice(b"\",\"code\":2}}");
        }
    }
    dropped as u64
}

/// Appends items with commas between them as long as they fit into `budget` bytes. Returns how many did.
fn list<T>(out: &mut Vec<u8>, items: &[T], budget: usize, item: fn(&mut Vec<u8>, &T)) -> usize {
    let end = out.len().saturating_add(budget);
    let mut kept = 0;
    for each in items {
        let before = out.len();
        if kept > 0 {
            out.push(b',');
        }
        item(out, each);
        if out.len() > end {
            out.truncate(before);
        } else {
            kept += 1;
        }
    }
    kept
}

fn attribute(out: &mut Vec<u8>, attribute: &Attribute) {
    out.extend_from_slice(b"{\"key\":\"");
    escaped(out, &attribute.key);
    match &attribute.value {
        Value::Text(text) => {
            out.extend_from_slice(b"\",\"value\":{\"stringValue\":\"");
            escaped(out, text);
            out.extend_from_slice(b"\"}}");
        }
        Value::Int(int) => {
            out.extend_from_slice(b"\",\"value\":{\"intValue\":\"");
            if *int < 0 {
                out.push(b'-');
            }
            number(out, int.unsigned_abs());
            out.extend_from_slice(b"\"}}");
        }
        Value::Bool(true) => out.extend_from_slice(b"\",\"value\":{\"boolValue\":true}}"),
        Value::Bool(false) => out.extend_from_slice(b"\",\"value\":{\"boolValue\":false}}"),
        Value::Double(double) => {
            out.extend_from_slice(b"\",\"value\":{\"doubleValue\":");
            let text = match double {
                _ if double.is_nan() => "\"NaN\"".to_owned(),
                _ if double.is_infinite() => format!("\"{}Infinity\"", if *double < 0.0 { "-" } else { "" }),
                _ => format!("{double:?}"),
            };
            out.extend_from_slice(text.as_bytes());
            out.extend_from_slice(b"}}");
        }
        Value::Texts(texts) => {
            out.extend_from_slice(b"\",\"value\":{\"arrayValue\":{\"values\":[");
            for (index, text) in texts.iter().enumerate() {
                out.extend_from_slice(if index > 0 { b",{\"stringValue\":\"" } else { b"{\"stringValue\":\"" });
                escaped(out, text);
                out.extend_from_slice(b"\"}");
            }
            out.extend_from_slice(b"]}}}");
        }
    }
}

fn event(out: &mut Vec<u8>, event: &SpanEvent) {
    out.extend_from_slice(b"{\"timeUnixNano\":\"");
    number(out, event.at);
    out.extend_from_slice(b"\",\"name\":\"");
    escaped(out, event.name);
    out.push(b'"');
    attributes(out, &event.attributes);
    out.push(b'}');
}

fn link(out: &mut Vec<u8>, link: &Link) {
    out.extend_from_slice(b"{\"traceId\":\"");
    hex(out, &link.trace_id.0);
    out.extend_from_slice(b"\",\"spanId\":\"");
    hex(out, &link.span_id.0);
    out.push(b'"');
    attributes(out, &link.attributes);
    out.push(b'}');
}

fn attributes(out: &mut Vec<u8>, attributes: &[Attribute]) {
    if !attributes.is_empty() {
        out.extend_from_slice(b",\"attributes\":[");
        list(out, attributes, usize::MAX, attribute);
        out.push(b']');
    }
}

fn dropped_count(out: &mut Vec<u8>, key: &str, count: u64) {
    if count > 0 {
        out.extend_from_slice(b",\"");
        out.extend_from_slice(key.as_bytes());
        out.extend_from_slice(b"\":");
        number(out, count.min(u32::MAX.into()));
    }
}

/// The longest beginning of `text` that is no longer than `length` bytes.
fn cut(text: &str, length: usize) -> &str {
    let end = (0..=length.min(text.len())).rev().find(|end| text.is_char_boundary(*end));
    &text[..end.unwrap_or(0)]
}

/// What stands for each byte inside a JSON string: itself (0), `\` and this letter, or `\u00` and two digits (`u`).
const ESCAPES: [u8; 256] = {
    let mut table = [0; 256];
    let mut byte = 0;
    while byte < 0x20 {
        table[byte] = b'u';
        byte += 1;
    }
    table[b'\n' as usize] = b'n';
    table[b'\r' as usize] = b'r';
    table[b'\t' as usize] = b't';
    table[b'"' as usize] = b'"';
    table[b'\\' as usize] = b'\\';
    table
};

fn escaped(out: &mut Vec<u8>, text: &str) {
    let bytes = text.as_bytes();
    let mut done = 0;
    for (index, byte) in bytes.iter().enumerate() {
        let escape = ESCAPES[usize::from(*byte)];
        if escape != 0 {
            out.extend_from_slice(&bytes[done..index]);
            out.extend_from_slice(&[b'\\', escape]);
            if escape == b'u' {
                out.extend_from_slice(b"00");
                hex(out, &[*byte]);
            }
            done = index + 1;
        }
    }
    out.extend_from_slice(&bytes[done..]);
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

fn hex(out: &mut Vec<u8>, bytes: &[u8]) {
    for byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

fn number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    loop {
        start -= 1;
        digits[start] = b'0' + (number % 10) as u8;
        number /= 10;
        if number == 0 {
            break;
        }
    }
    out.extend_from_slice(&digits[start..]);
}
