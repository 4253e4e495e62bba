//! Cuts an encoded request in two, for collectors that find it too large: structure by structure, so that nothing that others
//! wrote and we do not know is lost.

use serde_json::{Value, json};

use crate::config::Protocol;
use crate::fields::raw_fields;

/// `resource_spans`, `scope_spans` and `spans` have these numbers in what is around them.
const RESOURCE_SPANS: u64 = 1;
const SCOPE_SPANS: u64 = 2;
const SPANS: u64 = 2;

/// Two requests with the first half of the `count` spans and with the rest. None where the request is not as it should be.
pub(crate) fn halve(protocol: Protocol, request: &[u8], count: usize) -> Option<(Vec<u8>, Vec<u8>)> {
    let half = count / 2;
    match protocol {
        Protocol::Grpc | Protocol::HttpProtobuf => {
            Some((protobuf(request, 0..half, count)?, protobuf(request, half..count, count)?))
        }
        Protocol::HttpJson => {
            let request: Value = serde_json::from_slice(request).ok()?;
            Some((json(&request, 0..half, count)?, json(&request, half..count, count)?))
        }
    }
}

type Range = std::ops::Range<usize>;

/// What becomes of a field: other content, or nothing; or the whole makes no sense.
type Change<'a> = &'a mut dyn FnMut(&[u8]) -> Option<Option<Vec<u8>>>;

/// The request with only the spans of this range; it must have `count` of them in all.
fn protobuf(request: &[u8], range: Range, count: usize) -> Option<Vec<u8>> {
    let mut at = 0;
    let kept = filter(request, RESOURCE_SPANS, &mut |resource_spans| {
        filter(resource_spans, SCOPE_SPANS, &mut |scope_spans| {
            filter(scope_spans, SPANS, &mut |span| {
                at += 1;
                Some(range.contains(&(at - 1)).then(|| span.to_vec()))
            })
        })
    })?;
    (at == count).then_some(kept).flatten()
}

/// A structure with the fields of this number changed, or left out. What has none left is left out itself (`Some(None)`);
/// what makes no sense gives `None`.
fn filter(structure: &[u8], wanted: u64, change: Change) -> Option<Option<Vec<u8>>> {
    let (mut out, mut kept) = (Vec::with_capacity(structure.len()), false);
    let mut whole = 0;
    for (number, content, raw) in raw_fields(structure) {
        whole += raw.len();
        match content {
            Some(content) if number == wanted => {
                if let Some(changed) = change(content)? {
                    kept = true;
                    varint(&mut out, wanted << 3 | 2);
                    varint(&mut out, changed.len() as u64);
                    out.extend_from_slice(&changed);
                }
            }
            _ => out.extend_from_slice(raw),
        }
    }
    (whole == structure.len()).then_some(kept.then_some(out))
}

fn varint(out: &mut Vec<u8>, mut number: u64) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

fn json(request: &Value, range: Range, count: usize) -> Option<Vec<u8>> {
    let mut at = 0;
    let mut resources = Vec::new();
    for resource_spans in request.get("resourceSpans")?.as_array()? {
        let mut scopes = Vec::new();
        for scope_spans in resource_spans.get("scopeSpans").and_then(Value::as_array).into_iter().flatten() {
            let mut spans = Vec::new();
            for span in scope_spans.get("spans").and_then(Value::as_array).into_iter().flatten() {
                if range.contains(&at) {
                    spans.push(span.clone());
                }
                at += 1;
            }
            if !spans.is_empty() {
                let mut scope_spans = without(scope_spans, "spans")?;
                scope_spans.insert("spans".into(), spans.into());
                scopes.push(Value::Object(scope_spans));
            }
        }
        if !scopes.is_empty() {
            let mut resource_spans = without(resource_spans, "scopeSpans")?;
            resource_spans.insert("scopeSpans".into(), scopes.into());
            resources.push(Value::Object(resource_spans));
        }
    }
    (at == count && !resources.is_empty()).then(|| json!({ "resourceSpans": resources }).to_string().into_bytes())
}

/// An object without one of its members.
fn without(value: &Value, name: &str) -> Option<serde_json::Map<String, Value>> {
    let members = value.as_object()?.iter().filter(|(key, _)| *key != name);
    Some(members.map(|(key, value)| (key.clone(), value.clone())).collect())
}
