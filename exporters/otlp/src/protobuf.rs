//! Spans and resources as protobuf: written straight into the buffer that is sent, without an intermediate tree.
//!
//! Lengths stand before what they measure. Those of attributes are computed, which is cheap; those of spans are filled in
//! afterwards: two bytes are kept free for them, which is what nearly all spans need, and the rest is moved if not.

use renacer_events::{Attribute, Link, Resource, Span, SpanEvent, Status, Value};

use crate::limits::{Limits, MAX_TEXT, cut};
use crate::{SCHEMA_URL, SCOPE_NAME, SCOPE_VERSION};

pub(crate) const VARINT: u32 = 0;
const FIXED64: u32 = 1;
pub(crate) const BYTES: u32 = 2;
const FIXED32: u32 = 5;

/// Span kind and status code as the protocol numbers them.
pub(crate) const KIND_INTERNAL: u32 = 1;
pub(crate) const STATUS_ERROR: u32 = 2;

/// Bits of a span's flags: it is known whether its parent is remote, and it is.
pub(crate) fn flags(span: &Span) -> u32 {
    if span.parent_is_remote { 0x300 } else { 0x100 }
}

pub(crate) fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

#[inline]
fn varint_len(number: u64) -> usize {
    // 7 bits a byte, and at least one byte.
    (64 - (number | 1).leading_zeros() as usize).div_ceil(7)
}

pub(crate) fn tag(out: &mut Vec<u8>, field: u32, wire_type: u32) {
    varint(out, u64::from(field << 3 | wire_type));
}

/// Size of a field of length `len` with a number below 16.
fn sized(len: usize) -> usize {
    1 + varint_len(len as u64) + len
}

pub(crate) fn bytes(out: &mut Vec<u8>, field: u32, value: &[u8]) {
    tag(out, field, BYTES);
    varint(out, value.len() as u64);
    out.extend_from_slice(value);
}

pub(crate) fn fixed64(out: &mut Vec<u8>, field: u32, value: u64) {
    tag(out, field, FIXED64);
    out.extend_from_slice(&value.to_le_bytes());
}

fn count(out: &mut Vec<u8>, field: u32, value: u32) {
    if value != 0 {
        tag(out, field, VARINT);
        varint(out, value.into());
    }
}

/// Writes a field whose length is known only afterwards.
pub(crate) fn nested(out: &mut Vec<u8>, field: u32, write: impl FnOnce(&mut Vec<u8>)) {
    tag(out, field, BYTES);
    let at = out.len();
    out.extend_from_slice(&[0, 0]);
    write(out);
    let len = out.len() - at - 2;
    let needed = varint_len(len as u64);
    if needed != 2 {
        let filler: [u8; 10] = [0; 10];
        out.splice(at..at + 2, filler[..needed].iter().copied());
    }
    let mut rest = len;
    for byte in &mut out[at..at + needed - 1] {
        *byte = rest as u8 | 0x80;
        rest >>= 7;
    }
    out[at + needed - 1] = rest as u8;
}

/// Size of an AnyValue's content; 0 for one without a value.
fn value_len(value: &Value, length: usize) -> usize {
    match value {
        Value::Text(text) => sized(cut(text, length).len()),
        Value::Int(number) => 1 + varint_len(*number as u64),
        Value::Bool(_) => 2,
        Value::Double(number) if number.is_finite() => 9,
        Value::Double(_) => 0,
        Value::Texts(texts) => sized(array_len(texts, length)),
    }
}

fn array_len(texts: &[renacer_events::Text], length: usize) -> usize {
    texts.iter().map(|text| sized(sized(cut(text, length).len()))).sum()
}

/// Writes an attribute of the sort that nearly all are: a text or a number, less than 128 bytes in all, so that each length
/// is one byte. Half of the encoder's time goes here. Tells whether it was one.
#[inline]
fn short_attribute(out: &mut Vec<u8>, field: u32, attribute: &Attribute, length: usize) -> bool {
    let key = attribute.key.as_bytes();
    let tag = (field << 3 | BYTES) as u8;
    // Once, rather than at each of the steps: measured, a tenth of the time.
    out.reserve(256);
    match &attribute.value {
        Value::Text(text) => {
            let text = text.as_bytes();
            let len = 2 + key.len() + 4 + text.len();
            if len >= 128 || text.len() > length {
                return false;
            }
            out.extend_from_slice(&[tag, len as u8, 1 << 3 | 2, key.len() as u8]);
            out.extend_from_slice(key);
            out.extend_from_slice(&[2 << 3 | 2, text.len() as u8 + 2, 1 << 3 | 2, text.len() as u8]);
            out.extend_from_slice(text);
            true
        }
        Value::Int(number) => {
            let value_len = 1 + varint_len(*number as u64);
            let len = 2 + key.len() + 2 + value_len;
            if len >= 128 {
                return false;
            }
            out.extend_from_slice(&[tag, len as u8, 1 << 3 | 2, key.len() as u8]);
            out.extend_from_slice(key);
            out.extend_from_slice(&[2 << 3 | 2, value_len as u8, 3 << 3]);
            varint(out, *number as u64);
            true
        }
        Value::Bool(_) | Value::Double(_) | Value::Texts(_) => false,
    }
}

pub(crate) fn attribute(out: &mut Vec<u8>, field: u32, attribute: &Attribute, length: usize) {
    if short_attribute(out, field, attribute, length) {
        return;
    }
    let key = cut(&attribute.key, MAX_TEXT);
    let value_len = value_len(&attribute.value, length);
    tag(out, field, BYTES);
    varint(out, (sized(key.len()) + sized(value_len)) as u64);
    bytes(out, 1, key.as_bytes());
    tag(out, 2, BYTES);
    varint(out, value_len as u64);
    match &attribute.value {
        Value::Text(text) => bytes(out, 1, cut(text, length).as_bytes()),
        Value::Bool(flag) => {
            tag(out, 2, VARINT);
            out.push((*flag).into());
        }
        Value::Int(number) => {
            tag(out, 3, VARINT);
            varint(out, *number as u64);
        }
        Value::Double(number) if number.is_finite() => fixed64(out, 4, number.to_bits()),
        // There is no place for it in many stores: the key stands without a value.
        Value::Double(_) => {}
        Value::Texts(texts) => {
            tag(out, 5, BYTES);
            varint(out, array_len(texts, length) as u64);
            for text in texts {
                let text = cut(text, length);
                tag(out, 1, BYTES);
                varint(out, sized(text.len()) as u64);
                bytes(out, 1, text.as_bytes());
            }
        }
    }
}

/// Writes a span as an entry of `ScopeSpans.spans`.
pub(crate) fn span(out: &mut Vec<u8>, span: &Span, limits: &Limits) {
    nested(out, 2, |out| {
        let mut ids = [0; 28];
        ids[..2].copy_from_slice(&[1 << 3 | 2, 16]);
        ids[2..18].copy_from_slice(&span.trace_id.0);
        ids[18..20].copy_from_slice(&[2 << 3 | 2, 8]);
        ids[20..].copy_from_slice(&span.span_id.0);
        out.extend_from_slice(&ids);
        if let Some(state) = span.trace_state.as_deref().filter(|state| !state.is_empty()) {
            bytes(out, 3, state.as_bytes());
        }
        if let Some(parent) = span.parent_id {
            bytes(out, 4, &parent.0);
        }
        bytes(out, 5, cut(&span.name, MAX_TEXT).as_bytes());
        let mut times = [0; 20];
        times[..3].copy_from_slice(&[6 << 3, KIND_INTERNAL as u8, 7 << 3 | 1]);
        times[3..11].copy_from_slice(&span.start.to_le_bytes());
        times[11] = 8 << 3 | 1;
        times[12..].copy_from_slice(&span.end.to_le_bytes());
        out.extend_from_slice(&times);
        let (own, of_caller) = (&span.attributes[..], span.caller.attributes());
        let present = own.len() + of_caller.len();
        let own = &own[..own.len().min(limits.attributes)];
        for entry in own {
            attribute(out, 9, entry, limits.value_length);
        }
        for entry in &of_caller[..of_caller.len().min(limits.attributes - own.len())] {
            attribute(out, 9, entry, limits.value_length);
        }
        count(out, 10, left_out(present, limits.attributes).saturating_add(span.dropped_attributes));
        for entry in span.events.iter().take(limits.events) {
            event(out, entry, limits);
        }
        count(out, 12, left_out(span.events.len(), limits.events).saturating_add(span.dropped_events));
        for entry in span.links.iter().take(limits.links) {
            link(out, entry, limits);
        }
        count(out, 14, left_out(span.links.len(), limits.links));
        if let Status::Error(message) = &span.status {
            let message = cut(message, MAX_TEXT);
            tag(out, 15, BYTES);
            varint(out, (if message.is_empty() { 0 } else { sized(message.len()) } + 2) as u64);
            if !message.is_empty() {
                bytes(out, 2, message.as_bytes());
            }
            count(out, 3, STATUS_ERROR);
        }
        tag(out, 16, FIXED32);
        out.extend_from_slice(&flags(span).to_le_bytes());
    });
}

fn event(out: &mut Vec<u8>, event: &SpanEvent, limits: &Limits) {
    nested(out, 11, |out| {
        fixed64(out, 1, event.at);
        bytes(out, 2, event.name.as_bytes());
        for entry in event.attributes.iter().take(limits.event_attributes) {
            attribute(out, 3, entry, limits.value_length);
        }
        count(out, 4, left_out(event.attributes.len(), limits.event_attributes));
    });
}

fn link(out: &mut Vec<u8>, link: &Link, limits: &Limits) {
    nested(out, 13, |out| {
        bytes(out, 1, &link.trace_id.0);
        bytes(out, 2, &link.span_id.0);
        for entry in link.attributes.iter().take(limits.link_attributes) {
            attribute(out, 4, entry, limits.value_length);
        }
        count(out, 5, left_out(link.attributes.len(), limits.link_attributes));
    });
}

/// How many of `present` are beyond `limit`.
pub(crate) fn left_out(present: usize, limit: usize) -> u32 {
    u32::try_from(present.saturating_sub(limit)).unwrap_or(u32::MAX)
}

/// A resource's attributes, as the content of `ResourceSpans.resource`. Limits do not apply to it.
pub(crate) fn resource(resource: &Resource) -> Vec<u8> {
    let mut out = Vec::with_capacity(512);
    for entry in &resource.attributes {
        attribute(&mut out, 1, entry, MAX_TEXT);
    }
    out
}

/// What stands in front of so many bytes of spans in an entry of `ExportTraceServiceRequest.resource_spans`.
pub(crate) fn head(resource: &[u8], spans: usize) -> Vec<u8> {
    let scope_len = sized(SCOPE_NAME.len()) + sized(SCOPE_VERSION.len());
    let scope_spans_len = sized(scope_len) + spans + sized(SCHEMA_URL.len());
    let mut out = Vec::with_capacity(resource.len() + 128);
    tag(&mut out, 1, BYTES);
    varint(&mut out, (sized(resource.len()) + sized(scope_spans_len) + sized(SCHEMA_URL.len())) as u64);
    bytes(&mut out, 1, resource);
    tag(&mut out, 2, BYTES);
    varint(&mut out, scope_spans_len as u64);
    tag(&mut out, 1, BYTES);
    varint(&mut out, scope_len as u64);
    bytes(&mut out, 1, SCOPE_NAME.as_bytes());
    bytes(&mut out, 2, SCOPE_VERSION.as_bytes());
    out
}

/// What stands behind them.
pub(crate) fn tail(out: &mut Vec<u8>) {
    bytes(out, 3, SCHEMA_URL.as_bytes());
    bytes(out, 3, SCHEMA_URL.as_bytes());
}
