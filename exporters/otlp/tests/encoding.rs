//! Encoded spans, read back with another implementation of the protocol: what goes in must come out.

use std::sync::Arc;

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value::Value as ProtoValue;
use opentelemetry_proto::tonic::common::v1::{AnyValue, ArrayValue, InstrumentationScope, KeyValue};
use opentelemetry_proto::tonic::resource::v1::Resource as ProtoResource;
use opentelemetry_proto::tonic::trace::v1::span::{Event, Link as ProtoLink};
use opentelemetry_proto::tonic::trace::v1::{ResourceSpans, ScopeSpans, Span as ProtoSpan, Status as ProtoStatus};
use prost::Message;
use renacer_events::{Attribute, Link, Resource, Span, SpanEvent, SpanId, SpanKind, Status, TraceId, Value};
use renacer_otlp::{Limits, MAX_TEXT, Protocol, encode_request};

fn span(resource: &Arc<Resource>, id: u64) -> Span {
    Span {
        trace_id: TraceId([7; 16]),
        span_id: SpanId(id.to_be_bytes()),
        parent_id: Some(SpanId([9; 8])),
        trace_state: Some("vendor=1".into()),
        parent_is_remote: false,
        kind: SpanKind::Call,
        name: "openat".into(),
        start: 1_700_000_000_000_000_001,
        end: u64::MAX,
        attributes: vec![
            Attribute::new("linux.tid", 42),
            Attribute::new("syscall.result", i64::MIN),
            Attribute::new("syscall.arg.pathname", "\"/tmp/a\\n\u{1f980}\""),
            Attribute::new("yes", true),
            Attribute::new("no", false),
            Attribute::new("number", Value::Double(-0.5)),
            Attribute::new("args", vec!["a".into(), "".into(), "a text that does not fit inline in a Text".into()]),
            Attribute::new("empty", ""),
        ],
        dropped_attributes: 3,
        caller: renacer_events::Caller::default(),
        call: None,
        events: vec![SpanEvent { name: "signal".into(), at: 5, attributes: vec![Attribute::new("signal", 15)] }],
        dropped_events: 2,
        links: vec![Link {
            trace_id: TraceId([1; 16]),
            span_id: SpanId([2; 8]),
            attributes: vec![Attribute::new("why", "clone")],
        }],
        status: Status::Error("No such file or directory".into()),
        resource: resource.clone(),
    }
}

fn resource(name: &str) -> Arc<Resource> {
    Arc::new(Resource { attributes: vec![Attribute::new("service.name", name)] })
}

fn decode(spans: &[Span], limits: Limits) -> ExportTraceServiceRequest {
    let bytes = encode_request(Protocol::HttpProtobuf, limits, spans);
    let request = ExportTraceServiceRequest::decode(&*bytes).unwrap();
    // Canonical: the other implementation writes the same number of bytes.
    assert_eq!(request.encoded_len(), bytes.len());
    request
}

fn only_span(request: ExportTraceServiceRequest) -> ProtoSpan {
    request
        .resource_spans
        .into_iter()
        .next()
        .unwrap()
        .scope_spans
        .into_iter()
        .next()
        .unwrap()
        .spans
        .into_iter()
        .next()
        .unwrap()
}

fn any(value: ProtoValue) -> Option<AnyValue> {
    Some(AnyValue { value: Some(value) })
}

fn pair(key: &str, value: ProtoValue) -> KeyValue {
    KeyValue { key: key.into(), value: any(value), ..KeyValue::default() }
}

fn text(text: &str) -> ProtoValue {
    ProtoValue::StringValue(text.into())
}

#[test]
fn every_field_arrives() {
    let args = ["a", "", "a text that does not fit inline in a Text"];
    let args = ArrayValue { values: args.iter().map(|arg| AnyValue { value: Some(text(arg)) }).collect() };
    let schema_url = "https://opentelemetry.io/schemas/1.44.0".to_owned();
    let expected = ResourceSpans {
        resource: Some(ProtoResource { attributes: vec![pair("service.name", text("a"))], ..ProtoResource::default() }),
        scope_spans: vec![ScopeSpans {
            scope: Some(InstrumentationScope {
                name: "renacer".into(),
                version: env!("CARGO_PKG_VERSION").into(),
                ..InstrumentationScope::default()
            }),
            spans: vec![ProtoSpan {
                trace_id: vec![7; 16],
                span_id: vec![0, 0, 0, 0, 0, 0, 0, 1],
                trace_state: "vendor=1".into(),
                parent_span_id: vec![9; 8],
                flags: 0x100,
                name: "openat".into(),
                kind: 1,
                start_time_unix_nano: 1_700_000_000_000_000_001,
                end_time_unix_nano: u64::MAX,
                attributes: vec![
                    pair("linux.tid", ProtoValue::IntValue(42)),
                    pair("syscall.result", ProtoValue::IntValue(i64::MIN)),
                    pair("syscall.arg.pathname", text("\"/tmp/a\\n\u{1f980}\"")),
                    pair("yes", ProtoValue::BoolValue(true)),
                    pair("no", ProtoValue::BoolValue(false)),
                    pair("number", ProtoValue::DoubleValue(-0.5)),
                    pair("args", ProtoValue::ArrayValue(args)),
                    pair("empty", text("")),
                ],
                dropped_attributes_count: 3,
                events: vec![Event {
                    time_unix_nano: 5,
                    name: "signal".into(),
                    attributes: vec![pair("signal", ProtoValue::IntValue(15))],
                    dropped_attributes_count: 0,
                }],
                dropped_events_count: 2,
                links: vec![ProtoLink {
                    trace_id: vec![1; 16],
                    span_id: vec![2; 8],
                    attributes: vec![pair("why", text("clone"))],
                    ..ProtoLink::default()
                }],
                dropped_links_count: 0,
                status: Some(ProtoStatus { message: "No such file or directory".into(), code: 2 }),
            }],
            schema_url: schema_url.clone(),
        }],
        schema_url,
    };
    assert_eq!(decode(&[span(&resource("a"), 1)], Limits::default()).resource_spans, [expected]);
}

#[test]
fn an_empty_span_has_no_fields_that_mean_something() {
    let mut bare = span(&resource("a"), 1);
    bare.parent_id = None;
    bare.trace_state = None;
    bare.attributes.clear();
    bare.events.clear();
    bare.links.clear();
    (bare.dropped_attributes, bare.dropped_events) = (0, 0);
    bare.status = Status::Unset;
    bare.parent_is_remote = true;
    let decoded = only_span(decode(&[bare.clone()], Limits::default()));
    assert_eq!((decoded.parent_span_id, decoded.trace_state), (vec![], String::new()));
    assert_eq!((decoded.status, decoded.flags), (None, 0x300));
    // An error without words.
    bare.status = Status::Error("".into());
    let decoded = only_span(decode(&[bare], Limits::default()));
    assert_eq!(decoded.status, Some(ProtoStatus { message: String::new(), code: 2 }));
}

#[test]
fn spans_of_one_resource_stand_together_in_their_order() {
    let (first, second) = (resource("first"), resource("second"));
    let spans: Vec<_> = (0..100).map(|id| span(if id % 3 == 0 { &first } else { &second }, id)).collect();
    let request = decode(&spans, Limits::default());
    let ids: Vec<Vec<u64>> = request
        .resource_spans
        .iter()
        .map(|resource| {
            let spans = &resource.scope_spans[0].spans;
            spans.iter().map(|span| u64::from_be_bytes(span.span_id.clone().try_into().unwrap())).collect()
        })
        .collect();
    let expected = |third: bool| (0..100).filter(|id| (id % 3 == 0) == third).collect::<Vec<u64>>();
    assert_eq!(ids, [expected(true), expected(false)]);
}

#[test]
fn lengths_of_every_size_are_written_right() {
    // Around each border between one, two and three bytes of length, for attribute and span alike.
    for size in (0..140).chain(16_200..16_384) {
        let mut span = span(&resource("a"), 1);
        span.events.clear();
        span.attributes = vec![Attribute::new("text", "x".repeat(size))];
        let decoded = only_span(decode(&[span], Limits::default()));
        assert_eq!(decoded.attributes, [pair("text", text(&"x".repeat(size)))], "{size}");
    }
}

#[test]
fn attributes_events_and_links_of_every_length_arrive() {
    let mut span = span(&resource("a"), 1);
    let limits = Limits { attributes: usize::MAX, ..Limits::default() };
    // Around each border where a key, a text or both need a byte more.
    let mut expected = Vec::new();
    span.attributes.clear();
    for key in (1..135).map(|size| "k".repeat(size)) {
        for size in [0, 1, 122_usize.saturating_sub(key.len()), 123_usize.saturating_sub(key.len()), 127, 128] {
            span.attributes.push(Attribute { key: key.clone().into(), value: Value::from("v".repeat(size)) });
            expected.push(pair(&key, text(&"v".repeat(size))));
        }
        span.attributes.push(Attribute { key: key.clone().into(), value: Value::Bool(true) });
        expected.push(pair(&key, ProtoValue::BoolValue(true)));
    }
    for number in (0..64).flat_map(|bit| [1_i64 << bit, (1_i64 << bit).wrapping_sub(1), -(1_i64 << (bit % 63))]) {
        for key in ["k", &"k".repeat(115), &"k".repeat(120)] {
            span.attributes.push(Attribute { key: key.to_owned().into(), value: Value::Int(number) });
            expected.push(pair(key, ProtoValue::IntValue(number)));
        }
    }
    let sizes = [0, 80, 127, 128, 129, 16_000, 16_370, 16_384, 20_000, 200 * 16_384];
    // As many texts as it takes, none longer than is allowed.
    let texts = |size: usize| vec![Attribute::new("t", vec!["x".repeat(size % 16_384).into(); 1 + size / 16_384])];
    span.events = sizes.map(|size| SpanEvent { name: "e".into(), at: 1, attributes: texts(size) }).into();
    let link = span.links[0].clone();
    span.links = sizes.map(|size| Link { attributes: texts(size), ..link.clone() }).into();
    let decoded = only_span(decode(&[span], limits));
    assert!(decoded.attributes == expected);
    let arrived = |attributes: &[KeyValue]| match attributes {
        [KeyValue { value: Some(AnyValue { value: Some(ProtoValue::ArrayValue(array)) }), .. }] => {
            let length = |value: &AnyValue| match &value.value {
                Some(ProtoValue::StringValue(text)) => text.len(),
                other => panic!("{other:?}"),
            };
            array.values.iter().map(length).collect::<Vec<_>>()
        }
        other => panic!("{} attributes", other.len()),
    };
    for (at, size) in sizes.into_iter().enumerate() {
        let expected = vec![size % 16_384; 1 + size / 16_384];
        assert_eq!(arrived(&decoded.events[at].attributes), expected);
        assert_eq!(arrived(&decoded.links[at].attributes), expected);
    }
}

#[test]
fn every_character_arrives_everywhere_in_both_forms() {
    let mut hostile = String::new();
    for character in (0..0x300).chain([0x2028, 0x2029, 0xfeff, 0xffff, 0x10000, 0x10_ffff]).filter_map(char::from_u32) {
        hostile.extend(['a', character, character]);
    }
    let resource = Arc::new(Resource {
        attributes: vec![Attribute { key: hostile.clone().into(), value: Value::from(hostile.as_str()) }],
    });
    let mut span = span(&resource, 1);
    span.name = hostile.as_str().into();
    span.status = Status::Error(hostile.as_str().into());
    span.trace_state = Some(hostile.as_str().into());
    span.attributes = resource.attributes.clone();
    span.attributes.push(Attribute::new("texts", vec![hostile.as_str().into(), "".into(), hostile.as_str().into()]));
    span.events[0].attributes = resource.attributes.clone();
    span.links[0].attributes = resource.attributes.clone();
    let request = decode(&[span.clone()], Limits::default());
    let json = encode_request(Protocol::HttpJson, Limits::default(), &[span]);
    assert!(serde_json::from_slice::<ExportTraceServiceRequest>(&json).unwrap() == request);
    let expected = [pair(&hostile, text(&hostile))];
    assert!(request.resource_spans[0].resource.as_ref().unwrap().attributes == expected);
    let decoded = only_span(request);
    assert_eq!([&decoded.name, &decoded.trace_state, &decoded.status.unwrap().message], [&hostile; 3]);
    assert!(decoded.attributes[..1] == expected);
    let array = [&*hostile, "", &hostile].map(|entry| AnyValue { value: Some(text(entry)) });
    assert!(decoded.attributes[1] == pair("texts", ProtoValue::ArrayValue(ArrayValue { values: array.into() })));
    assert!(decoded.events[0].attributes == expected && decoded.links[0].attributes == expected);
}

#[test]
fn limits_are_kept_and_what_is_left_out_is_counted() {
    let limits =
        Limits { value_length: 3, attributes: 4, events: 1, links: 1, event_attributes: 1, link_attributes: 0 };
    let mut span = span(&resource("resources have no limits"), 1);
    let mut event = span.events[0].clone();
    event.attributes.push(Attribute::new("more", 1));
    span.events = vec![event.clone(), event.clone(), event];
    span.links.push(span.links[0].clone());
    let request = decode(&[span], limits);
    let resource = request.resource_spans[0].resource.as_ref().unwrap();
    assert_eq!(resource.attributes, [pair("service.name", text("resources have no limits"))]);
    let decoded = only_span(request);
    assert_eq!(decoded.attributes.len(), 4);
    assert_eq!(decoded.attributes[2], pair("syscall.arg.pathname", text("\"/t")));
    assert_eq!(
        (decoded.dropped_attributes_count, decoded.events.len(), decoded.dropped_events_count),
        (4 + 3, 1, 2 + 2)
    );
    assert_eq!((decoded.events[0].attributes.len(), decoded.events[0].dropped_attributes_count), (1, 1));
    assert_eq!((decoded.links.len(), decoded.dropped_links_count), (1, 1));
    assert_eq!((decoded.links[0].attributes.len(), decoded.links[0].dropped_attributes_count), (0, 1));
}

#[test]
fn no_text_is_longer_than_stores_take_and_none_is_cut_inside_a_character() {
    let mut span = span(&resource("a"), 1);
    // Three bytes a character: the limit lies inside one.
    let long = "\u{20ac}".repeat(10_000);
    span.name = long.as_str().into();
    span.status = Status::Error(long.as_str().into());
    span.attributes = vec![Attribute::new("text", long.as_str()), Attribute::new("texts", vec![long.as_str().into()])];
    let cut = "\u{20ac}".repeat(MAX_TEXT / 3);
    let decoded = only_span(decode(&[span], Limits::default()));
    assert_eq!((decoded.name, decoded.status.unwrap().message), (cut.clone(), cut.clone()));
    let array = ArrayValue { values: vec![AnyValue { value: Some(text(&cut)) }] };
    assert_eq!(decoded.attributes, [pair("text", text(&cut)), pair("texts", ProtoValue::ArrayValue(array))]);
}

#[test]
fn what_is_no_number_is_not_sent() {
    let mut span = span(&resource("a"), 1);
    let doubles = [f64::NAN, f64::INFINITY, f64::NEG_INFINITY];
    span.attributes = doubles.iter().map(|double| Attribute::new("double", Value::Double(*double))).collect();
    let decoded = only_span(decode(&[span.clone()], Limits::default()));
    assert!(decoded.attributes.iter().all(|attribute| attribute.value == Some(AnyValue { value: None })));
    assert_eq!(decoded.attributes.len(), 3);
    let json = encode_request(Protocol::HttpJson, Limits::default(), &[span]);
    let json: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let attributes = json.pointer("/resourceSpans/0/scopeSpans/0/spans/0/attributes").unwrap().as_array().unwrap();
    assert!(attributes.iter().all(|attribute| attribute["value"] == serde_json::json!({})));
}

#[test]
fn json_says_the_same_as_protobuf() {
    let (first, second) = (resource("first"), resource("sec\u{1}ond\"\\"));
    let mut spans: Vec<_> = (0..4).map(|id| span(if id % 2 == 0 { &first } else { &second }, id)).collect();
    spans[1].status = Status::Unset;
    spans[2].parent_is_remote = true;
    spans[3].parent_id = None;
    let event = spans[0].events[0].clone();
    spans[0].events.extend([event.clone(), event]);
    spans[0].events[0].attributes.insert(0, Attribute::new("long", "longer than allowed"));
    let link = spans[0].links[0].clone();
    spans[0].links.push(link);
    let none = Limits { value_length: 0, attributes: 0, events: 0, links: 0, event_attributes: 0, link_attributes: 0 };
    let few = Limits { value_length: 3, attributes: 6, events: 2, links: 1, event_attributes: 1, link_attributes: 1 };
    for limits in [Limits::default(), none, few] {
        let json = encode_request(Protocol::HttpJson, limits, &spans);
        let read: ExportTraceServiceRequest = serde_json::from_slice(&json).unwrap();
        assert_eq!(read, decode(&spans, limits));
    }
    let json = encode_request(Protocol::HttpJson, Limits::default(), &spans);
    let value: serde_json::Value = serde_json::from_slice(&json).unwrap();
    let span = value.pointer("/resourceSpans/0/scopeSpans/0/spans/0").unwrap();
    assert_eq!(span["traceId"], "07070707070707070707070707070707");
    assert_eq!(span["startTimeUnixNano"], "1700000000000000001");
    assert_eq!(span["kind"], 1);
    assert_eq!(span["attributes"][1]["value"]["intValue"], "-9223372036854775808");
}
