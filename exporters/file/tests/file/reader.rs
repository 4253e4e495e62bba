//! What the reader makes of our lines, of others' and of rubbish.

use std::fs;
use std::io::Write;
use std::path::Path;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value;
use opentelemetry_proto::tonic::trace::v1::{Span, TracesData};
use prost::Message;
use renacer_file::{CreateOptions, Encoding, Error, Line, LineError, Reader, Writer};
use tempfile::tempdir;

use crate::spans::{bare, full, resource};

fn read(path: &Path, encoding: Encoding, max_bytes: usize) -> Vec<Result<Line, LineError>> {
    Reader::open(path, encoding, max_bytes).unwrap().collect()
}

fn read_text(text: impl AsRef<[u8]>, encoding: Encoding) -> Vec<Result<Line, LineError>> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_ref()).unwrap();
    read(file.path(), encoding, usize::MAX)
}

fn decode(bytes: &[u8], encoding: Encoding) -> ExportTraceServiceRequest {
    match encoding {
        Encoding::Protobuf => ExportTraceServiceRequest::decode(bytes).unwrap(),
        Encoding::Json => serde_json::from_slice(bytes).unwrap(),
    }
}

/// The spans in a request, whose form is checked on the way.
fn count(bytes: &[u8], encoding: Encoding) -> usize {
    let list = |json: &serde_json::Value, key: &str| json[key].as_array().unwrap().clone();
    match encoding {
        Encoding::Protobuf => spans(&decode(bytes, encoding)).count(),
        // The generated types refuse JSON that collectors take: nulls, "NaN".
        Encoding::Json => list(&serde_json::from_slice(bytes).unwrap(), "resourceSpans")
            .iter()
            .flat_map(|resource| list(resource, "scopeSpans"))
            .map(|scope| list(&scope, "spans").len())
            .sum(),
    }
}

fn spans(request: &ExportTraceServiceRequest) -> impl Iterator<Item = &Span> {
    request.resource_spans.iter().flat_map(|resource| &resource.scope_spans).flat_map(|scope| &scope.spans)
}

#[test]
fn what_was_written_is_read_equal_in_both_forms() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let (one, two) = (resource("one"), resource("two"));
    let mut writer = Writer::create(&path, CreateOptions::default()).unwrap();
    for id in 1..=1100 {
        writer.write(&[if id % 2 == 0 { full(&one, id) } else { bare(&two, id) }]).unwrap();
    }
    drop(writer);
    let text = fs::read_to_string(&path).unwrap();
    let expected: Vec<_> =
        text.lines().map(|line| serde_json::from_str::<TracesData>(line).unwrap().resource_spans).collect();
    assert_eq!(expected.len(), 3);
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let found: Vec<_> = read(&path, encoding, usize::MAX)
            .into_iter()
            .map(|line| {
                let line = line.unwrap();
                assert_eq!((line.requests.len(), line.skipped), (1, 0));
                let request = decode(&line.requests[0].bytes, encoding);
                assert_eq!(spans(&request).count() as u64, line.requests[0].spans);
                request.resource_spans
            })
            .collect();
        assert_eq!(found, expected);
    }
}

#[test]
fn a_long_line_becomes_several_requests_that_lose_nothing() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let resources: Vec<_> = (0..7).map(|number| resource(&number.to_string())).collect();
    let mut writer = Writer::create(&path, CreateOptions::default()).unwrap();
    let all: Vec<_> = (1..=400u64).map(|id| full(&resources[id as usize % 7], id)).collect();
    writer.write(&all).unwrap();
    drop(writer);
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        for max_bytes in [1, 1000, 5000, 100_000] {
            let line = read(&path, encoding, max_bytes).remove(0).unwrap();
            let mut found = Vec::new();
            for request in &line.requests {
                assert!(request.bytes.len() <= max_bytes || request.spans == 1, "{}", request.bytes.len());
                let decoded = decode(&request.bytes, encoding);
                assert_eq!(spans(&decoded).count() as u64, request.spans);
                for resource in &decoded.resource_spans {
                    assert_eq!(resource.schema_url, "https://opentelemetry.io/schemas/1.44.0");
                    let instance = &resource.resource.as_ref().unwrap().attributes[0];
                    assert_eq!(resource.scope_spans[0].scope.as_ref().unwrap().name, "renacer");
                    for span in &resource.scope_spans[0].spans {
                        found.push((instance.value.clone().unwrap().value.unwrap(), span.span_id.clone()));
                    }
                }
            }
            let mut expected: Vec<_> =
                (1..=400u64).map(|id| (Value::StringValue((id % 7).to_string()), id.to_be_bytes().to_vec())).collect();
            expected.sort_by_key(|(_, id)| id.clone());
            found.sort_by_key(|(_, id)| id.clone());
            assert_eq!(found, expected);
            if max_bytes == 1 {
                assert_eq!(line.requests.len(), 400);
            }
        }
    }
}

/// Written as other writers do: numbers for strings and the reverse, names of enumerations, upper-case ids, unknown fields.
const FOREIGN: &str = r#"{"unknown":{"a":[1,2]},"resourceSpans":[{"resource":{"attributes":[
 {"key":"bytes","value":{"bytesValue":"AP/+"}},
 {"key":"list","value":{"arrayValue":{"values":[{"intValue":7},{"doubleValue":-0.5},{"kvlistValue":{"values":[{"key":"k","value":{"boolValue":false}}]}},{}]}}},
 {"key":"nothing"},{"key":"null","value":null}],"droppedAttributesCount":2,
 "entityRefs":[{"schemaUrl":"s","type":"service","idKeys":["a","b"],"descriptionKeys":["c"]}]},
 "schemaUrl":"https://example.org/1","scopeSpans":[{"scope":{"name":"lib","version":"2","attributes":[{"key":"x","value":{"intValue":"-3"}}],"droppedAttributesCount":1},"schemaUrl":"https://example.org/2",
 "spans":[{"traceId":"4BF92F3577B34DA6A3CE929D0E0E4736","spanId":"00F067AA0BA902B7","name":"GET","kind":"SPAN_KIND_SERVER","startTimeUnixNano":1700000000000000000,"endTimeUnixNano":"1700000000000000005",
  "traceState":"a=b","flags":257,"status":{"code":"STATUS_CODE_OK","message":"m"},"new":[],
  "events":[{"timeUnixNano":"3","name":"e","droppedAttributesCount":4}],"droppedEventsCount":5,
  "links":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7","traceState":"c=d","flags":256,"droppedAttributesCount":6}],"droppedLinksCount":7},
 {"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b8","parentSpanId":null,"kind":3,"status":{"code":2}}]}]},
 {"resource":null,"scopeSpans":[{"spans":null}]},{}]}"#;

#[test]
fn what_other_writers_know_is_kept() {
    let text = FOREIGN.replace('\n', "");
    for encoding in [Encoding::Protobuf, Encoding::Json] {
        let line = read_text(&text, encoding).remove(0).unwrap();
        assert_eq!((line.requests.len(), line.skipped, line.number), (1, 0, 1));
        let request = decode(&line.requests[0].bytes, encoding);
        let [resource] = &request.resource_spans[..] else { panic!("{request:?}") };
        assert_eq!(resource.schema_url, "https://example.org/1");
        let attributes = resource.resource.as_ref().unwrap();
        assert_eq!(attributes.dropped_attributes_count, 2);
        assert_eq!(attributes.entity_refs[0].id_keys, ["a", "b"]);
        let value = |index: usize| attributes.attributes[index].value.clone().and_then(|value| value.value);
        assert_eq!(value(0), Some(Value::BytesValue(vec![0, 255, 254])));
        let Some(Value::ArrayValue(list)) = value(1) else { panic!("{request:?}") };
        assert_eq!(list.values.len(), 4);
        assert_eq!(list.values[0].value, Some(Value::IntValue(7)));
        assert_eq!(list.values[1].value, Some(Value::DoubleValue(-0.5)));
        let Some(Value::KvlistValue(map)) = &list.values[2].value else { panic!("{list:?}") };
        assert_eq!(map.values[0].value.as_ref().unwrap().value, Some(Value::BoolValue(false)));
        assert_eq!((list.values[3].value.clone(), value(2), value(3)), (None, None, None));
        let scope = &resource.scope_spans[0];
        assert_eq!(scope.schema_url, "https://example.org/2");
        let [first, second] = &scope.spans[..] else { panic!("{request:?}") };
        let scope = scope.scope.as_ref().unwrap();
        assert_eq!((&*scope.name, &*scope.version, scope.dropped_attributes_count), ("lib", "2", 1));
        assert_eq!(first.trace_id, b"\x4b\xf9\x2f\x35\x77\xb3\x4d\xa6\xa3\xce\x92\x9d\x0e\x0e\x47\x36");
        assert_eq!((first.kind, first.flags, &*first.trace_state), (2, 257, "a=b"));
        assert_eq!(
            (first.start_time_unix_nano, first.end_time_unix_nano),
            (1_700_000_000_000_000_000, 1_700_000_000_000_000_005)
        );
        assert_eq!((first.status.as_ref().unwrap().code, &*first.status.as_ref().unwrap().message), (1, "m"));
        assert_eq!((first.events[0].time_unix_nano, first.events[0].dropped_attributes_count), (3, 4));
        assert_eq!(
            (first.links[0].flags, first.links[0].dropped_attributes_count, &*first.links[0].trace_state),
            (256, 6, "c=d")
        );
        assert_eq!((first.dropped_events_count, first.dropped_links_count), (5, 7));
        assert_eq!((second.kind, second.status.as_ref().unwrap().code, second.parent_span_id.len()), (3, 2, 0));
    }
}

#[test]
fn bad_lines_are_told_by_number_and_their_neighbours_survive() {
    let good = r#"{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7"}]}]}]}"#;
    let text = [
        good.as_bytes(),
        b"",
        b"{\"resourceSpans\":[",
        b"{\"resourceLogs\":[]}",
        b"{\"resourceMetrics\":[]}",
        b"{\"data\":[]}",
        b"[]",
        b"{\"resourceSpans\":[{\"resource\":{\"attributes\":[{\"key\":1}]}}]}",
        b"{\"resourceSpans\":[]}",
        b"\xff",
        good.as_bytes(),
        &good.as_bytes()[..50],
    ]
    .join(&b"\n"[..]);
    let found: Vec<String> = read_text(text, Encoding::Protobuf)
        .into_iter()
        .map(|line| match line {
            Ok(line) => format!("line {}: {} requests, {} skipped", line.number, line.requests.len(), line.skipped),
            Err(error) => error.to_string(),
        })
        .collect();
    assert_eq!(
        found,
        [
            "line 1: 1 requests, 0 skipped",
            "line 3: is not OTLP JSON: EOF while parsing a list at line 1 column 18",
            "line 4: holds logs and no spans",
            "line 5: holds metrics and no spans",
            "line 6: is not OTLP JSON: it has no resourceSpans",
            "line 7: is not OTLP JSON: invalid length 0, expected struct TracesData with 3 elements at line 1 column 2",
            "line 8: resource.attributes.key is no string",
            "line 9: 0 requests, 0 skipped",
            "line 10: is not OTLP JSON: expected value at line 1 column 1",
            "line 11: 1 requests, 0 skipped",
            "line 12: is the last one and cut off (is not OTLP JSON: EOF while parsing a string at line 1 column 50)",
        ]
    );
}

#[test]
fn a_bad_span_does_not_take_the_others_with_it() {
    let ids = r#""traceId":"4bf92f3577b34da6a3ce929d0e0e4736","spanId":"00f067aa0ba902b7""#;
    let bad = [
        (r#"{"traceId":"4bf92f3577b34da6a3ce929d0e0e4736"}"#.to_owned(), "span.spanId is missing"),
        (
            r#"{"traceId":"","spanId":"00f067aa0ba902b7"}"#.to_owned(),
            "span.traceId is not 32 hexadecimal digits, or zero",
        ),
        (
            r#"{"traceId":"S/kvNXezTaajzpKdDg5HNg==","spanId":"APBnqgupArc="}"#.to_owned(),
            "span.spanId is not 16 hexadecimal digits, or zero",
        ),
        (
            r#"{"traceId":"00000000000000000000000000000000","spanId":"00f067aa0ba902b7"}"#.to_owned(),
            "span.traceId is not 32 hexadecimal digits, or zero",
        ),
        (format!(r#"{{{ids},"parentSpanId":"12"}}"#), "span.parentSpanId is not 16 hexadecimal digits, or zero"),
        (format!(r#"{{{ids},"startTimeUnixNano":-1}}"#), "span.startTimeUnixNano is out of range"),
        (format!(r#"{{{ids},"kind":"SPAN_KIND_OTHER"}}"#), "span.kind is no integer"),
        (format!(r#"{{{ids},"attributes":{{}}}}"#), "span.attributes is no array"),
        (
            format!(r#"{{{ids},"attributes":[{{"key":"a","value":{{"intValue":"9223372036854775808"}}}}]}}"#),
            "span.attributes.value.intValue is out of range",
        ),
        (format!(r#"{{{ids},"links":[{{}}]}}"#), "span.links.traceId is missing"),
        (format!(r#"{{{ids},"events":["x"]}}"#), "span.events is no object"),
        ("7".to_owned(), "span is no object"),
        (format!(r#"{{{ids},"name":"\ud800"}}"#), "a span is no JSON: "),
    ];
    for (span, reason) in bad {
        let text = format!(r#"{{"resourceSpans":[{{"scopeSpans":[{{"spans":[{{{ids}}},{span},{{{ids}}}]}}]}}]}}"#);
        let found = read_text(&text, Encoding::Protobuf).remove(0);
        let line = found.unwrap_or_else(|error| panic!("{span}: {error}"));
        assert_eq!((line.requests[0].spans, line.skipped), (2, 1), "{span}");
        assert!(line.reason.as_ref().unwrap().starts_with(reason), "{span}: {:?}", line.reason);
    }
}

#[test]
fn lines_beyond_the_bound_are_skipped_without_being_kept() {
    let file = tempfile::NamedTempFile::new().unwrap();
    // Sparse: no disk is used for it.
    file.as_file().set_len(65 << 20).unwrap();
    let mut text = fs::OpenOptions::new().append(true).open(file.path()).unwrap();
    text.write_all(b"\n{\"resourceSpans\":[]}\n").unwrap();
    let found = read(file.path(), Encoding::Json, usize::MAX);
    assert_eq!(found.len(), 2);
    assert_eq!(found[0], Err(LineError { line: 1, message: "is longer than 64 MiB".to_owned() }));
    assert_eq!(found[1].as_ref().unwrap().number, 2);
}

#[test]
fn files_that_cannot_be_read_are_named() {
    let folder = tempdir().unwrap();
    let error = Reader::open(folder.path().join("none"), Encoding::Json, 1).unwrap_err();
    assert!(matches!(error, Error::Read { .. }), "{error}");
    let error = Reader::open(folder.path(), Encoding::Json, 1).unwrap_err();
    assert!(matches!(error, Error::NotAFile { .. }), "{error}");
}

/// Changes at random (but the same in every run): whatever comes of it is told or is a request that decodes.
#[test]
fn hostile_lines_never_panic_and_never_become_bad_requests() {
    let folder = tempdir().unwrap();
    let path = folder.path().join("a.jsonl");
    let mut writer = Writer::create(&path, CreateOptions::default()).unwrap();
    writer.write(&[full(&resource("one"), 1), bare(&resource("two"), 2)]).unwrap();
    drop(writer);
    let seeds = [fs::read(&path).unwrap(), FOREIGN.replace('\n', "").into_bytes()];
    let pieces: [&[u8]; 16] = [
        b"{",
        b"}",
        b"[",
        b"]",
        b"\"",
        b"\\",
        b"null",
        b"-1",
        b"1e999",
        b"\"\"",
        b"18446744073709551616",
        b",",
        b":",
        b"\\ud800",
        b"\xc3\x28",
        b"\n",
    ];
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |bound: usize| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state % bound as u64) as usize
    };
    let (mut taken, mut refused) = (0, 0);
    let mutated = folder.path().join("mutated");
    for round in 0..20 {
        let mut text = Vec::new();
        for _ in 0..100 {
            let mut line = seeds[random(2)].clone();
            for _ in 0..=random(3) {
                let at = random(line.len());
                match random(4) {
                    0 => line[at] = random(256) as u8,
                    1 => drop(line.drain(at..(at + random(20)).min(line.len()))),
                    2 => drop(line.splice(at..at, pieces[random(pieces.len())].iter().copied())),
                    _ => {
                        let end = (at + random(200)).min(line.len());
                        let copy = line[at..end].to_vec();
                        let to = random(line.len());
                        line.splice(to..to, copy);
                    }
                }
            }
            text.extend_from_slice(&line);
            text.push(b'\n');
        }
        // Nesting without end.
        text.extend_from_slice(b"{\"resourceSpans\":[{\"scopeSpans\":[{\"spans\":[");
        text.extend_from_slice(&b"{\"a\":[".repeat(1000 * round));
        fs::write(&mutated, &text).unwrap();
        for encoding in [Encoding::Protobuf, Encoding::Json] {
            for line in read(&mutated, encoding, [1, 3000, usize::MAX][round % 3]) {
                match line {
                    Ok(line) => {
                        for request in &line.requests {
                            assert_eq!(count(&request.bytes, encoding) as u64, request.spans);
                            taken += 1;
                        }
                    }
                    Err(_) => refused += 1,
                }
            }
        }
    }
    assert!(taken > 500 && refused > 500, "{taken} {refused}");
}
