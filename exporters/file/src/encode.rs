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
    let attributes = span.attribute_count();
    if attributes > 0 {
        out.extend_from_slice(b",\"attributes\":[");
        dropped += attributes - list(out, span.all_attributes(), end.saturating_sub(out.len()), attribute);
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
fn list<'a, T: 'a>(
    out: &mut Vec<u8>,
    items: impl IntoIterator<Item = &'a T>,
    budget: usize,
    item: fn(&mut Vec<u8>, &T),
) -> usize {
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
    escaped(out, &event.name);
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
    let (words, rest) = bytes.as_chunks::<8>();
    let plain = !words.iter().any(|word| needs_escape(u64::from_ne_bytes(*word)))
        && rest.iter().all(|byte| ESCAPES[usize::from(*byte)] == 0);
    if plain {
        return out.extend_from_slice(bytes);
    }
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

/// Whether one of eight bytes is a control character, a quote or a backslash.
fn needs_escape(word: u64) -> bool {
    const ONES: u64 = u64::from_ne_bytes([0x01; 8]);
    const HIGH: u64 = u64::from_ne_bytes([0x80; 8]);
    // The high bit of each byte that is below `limit`, or is zero: exact for the lowest such byte, which is enough here.
    let below = |word: u64, limit: u64| word.wrapping_sub(ONES * limit) & !word;
    let equal = |byte: u8| below(word ^ (ONES * u64::from(byte)), 1);
    (below(word, 0x20) | equal(b'"') | equal(b'\\')) & HIGH != 0
}

const DIGITS: &[u8; 16] = b"0123456789abcdef";

fn hex<const N: usize>(out: &mut Vec<u8>, bytes: &[u8; N]) {
    let mut digits = [[0; 2]; N];
    for (pair, byte) in digits.iter_mut().zip(bytes) {
        *pair = [DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]];
    }
    out.extend_from_slice(digits.as_flattened());
}

fn number(out: &mut Vec<u8>, mut number: u64) {
    let mut digits = [0; 20];
    let mut start = digits.len();
    while number >= 100 {
        start -= 2;
        digits[start..start + 2].copy_from_slice(&PAIRS[(number % 100) as usize]);
        number /= 100;
    }
    start -= 2;
    digits[start..start + 2].copy_from_slice(&PAIRS[number as usize]);
    out.extend_from_slice(&digits[start + usize::from(number < 10)..]);
}

/// `00` to `99`.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + (number / 10) as u8, b'0' + (number % 10) as u8];
        number += 1;
    }
    pairs
};

#[cfg(test)]
mod tests {
    use super::*;

    fn text(append: impl Fn(&mut Vec<u8>)) -> String {
        let mut out = Vec::new();
        append(&mut out);
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn every_character_survives_at_every_place() {
        for character in (0..0x180).chain([0x2028, 0xffff, 0x10000, 0x10_ffff]).filter_map(char::from_u32) {
            for before in 0..9 {
                let original = format!("{}{character}{}", "a".repeat(before), "é".repeat(5));
                let escaped = text(|out| escaped(out, &original));
                assert_eq!(serde_json::from_str::<String>(&format!("\"{escaped}\"")).unwrap(), original);
            }
        }
    }

    #[test]
    fn numbers_of_every_length() {
        let mut value = 0u64;
        for _ in 0..21 {
            for value in [value.wrapping_sub(1), value, value.wrapping_add(1), value.wrapping_mul(7)] {
                assert_eq!(text(|out| number(out, value)), value.to_string());
            }
            value = value.saturating_mul(10).max(1);
        }
    }

    #[test]
    fn a_cut_text_ends_at_a_character() {
        assert_eq!((cut("aé", 2), cut("aé", 3), cut("é", 0), cut("é", 1)), ("a", "aé", "", ""));
    }
}
