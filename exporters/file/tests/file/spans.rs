//! Spans to write.

use std::sync::Arc;

use renacer_events::{Attribute, Link, Resource, Span, SpanEvent, SpanId, SpanKind, Status, TraceId, Value};

pub fn resource(instance: &str) -> Arc<Resource> {
    Arc::new(Resource {
        attributes: vec![
            Attribute::new("service.instance.id", instance),
            Attribute::new("service.name", "ls"),
            Attribute::new("process.pid", 1234),
        ],
    })
}

/// A span with nothing that can be absent.
pub fn bare(resource: &Arc<Resource>, id: u64) -> Span {
    Span {
        trace_id: TraceId(*b"\x4b\xf9\x2f\x35\x77\xb3\x4d\xa6\xa3\xce\x92\x9d\x0e\x0e\x47\x36"),
        span_id: SpanId(id.to_be_bytes()),
        parent_id: None,
        trace_state: None,
        parent_is_remote: false,
        kind: SpanKind::Process,
        name: "ls".into(),
        start: 1_700_000_000_000_000_000,
        end: 1_700_000_000_000_000_001,
        attributes: Vec::new(),
        dropped_attributes: 0,
        caller: renacer_events::Caller::default(),
        call: None,
        events: Vec::new(),
        dropped_events: 0,
        links: Vec::new(),
        status: Status::Unset,
        resource: resource.clone(),
    }
}

/// A span with everything.
pub fn full(resource: &Arc<Resource>, id: u64) -> Span {
    Span {
        parent_id: Some(SpanId(*b"\x00\xf0\x67\xaa\x0b\xa9\x02\xb7")),
        trace_state: Some("vendor=a,other=b".into()),
        parent_is_remote: true,
        kind: SpanKind::Call,
        name: "openat \"\\\u{0}\u{1f}\n\r\t\u{7f}é\u{1F600}\u{2028}</".into(),
        start: u64::MAX - 1,
        end: u64::MAX,
        attributes: vec![
            Attribute::new("syscall.result", i64::MIN),
            Attribute::new("syscall.number", 257),
            Attribute::new("process.interactive", true),
            Attribute::new("process.other", false),
            Attribute { key: "a \"key\"".to_owned().into(), value: Value::Double(-1.5e-300) },
            Attribute { key: "whole".into(), value: Value::Double(3.0) },
            Attribute { key: "huge".into(), value: Value::Double(f64::MAX) },
            Attribute::new("process.command_args", vec!["ls".into(), "".into(), "-l\"a".into()]),
            Attribute::new("none", Vec::new()),
            Attribute::new("empty", ""),
        ],
        dropped_attributes: 3,
        caller: renacer_events::Caller::default(),
        call: None,
        events: vec![
            SpanEvent { name: "signal".into(), at: 1_700_000_000_000_000_000, attributes: Vec::new() },
            SpanEvent { name: "signal".into(), at: 7, attributes: vec![Attribute::new("signal.name", "SIGCHLD")] },
        ],
        dropped_events: 2,
        links: vec![
            Link { trace_id: TraceId([1; 16]), span_id: SpanId([2; 8]), attributes: Vec::new() },
            Link { trace_id: TraceId([3; 16]), span_id: SpanId([4; 8]), attributes: vec![Attribute::new("k", 0)] },
        ],
        status: Status::Error("No such file or directory".into()),
        ..bare(resource, id)
    }
}
