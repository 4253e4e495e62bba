//! How long it takes to encode a span with twelve attributes: `cargo bench -p renacer-otlp`. Prints the median of many rounds for
//! each protocol; run it on a quiet machine.

use std::hint::black_box;
use std::sync::Arc;
use std::time::Instant;

use renacer_events::{Attribute, Caller, Resource, Span, SpanId, SpanKind, Status, TraceId};
use renacer_otlp::{Limits, Protocol, encode_request};

/// As many as one request has.
const SPANS: u64 = 1000;
const ROUNDS: usize = 300;

fn span(resource: &Arc<Resource>, id: u64) -> Span {
    let path = "/usr/share/locale/en_US/LC_MESSAGES/libc.mo";
    Span {
        trace_id: TraceId([0x4b; 16]),
        span_id: SpanId(id.to_be_bytes()),
        parent_id: Some(SpanId([7; 8])),
        trace_state: None,
        parent_is_remote: false,
        kind: SpanKind::Call,
        name: "openat".into(),
        start: 1_700_000_000_000_000_000 + id * 20_000,
        end: 1_700_000_000_000_009_000 + id * 20_000,
        attributes: vec![
            Attribute::new("linux.tid", 4242),
            Attribute::new("syscall.number", 257),
            Attribute::new("syscall.arg.dirfd", "AT_FDCWD"),
            Attribute::new("syscall.arg.pathname", format!("\"{path}\"")),
            Attribute::new("syscall.arg.flags", "O_RDONLY|O_CLOEXEC"),
            Attribute::new("syscall.result", 3),
            Attribute::new("file.path", path),
            Attribute::new("code.function.name", "load_catalogue"),
            Attribute::new("code.file.path", "/home/user/workload/src/catalogue.c"),
            Attribute::new("code.line.number", 123),
            Attribute::new("code.column.number", 9),
            Attribute::new("thread.name", "worker"),
        ],
        dropped_attributes: 0,
        caller: Caller::default(),
        call: None,
        events: Vec::new(),
        dropped_events: 0,
        links: Vec::new(),
        status: Status::Unset,
        resource: resource.clone(),
    }
}

fn main() {
    let resource = Arc::new(Resource {
        attributes: vec![Attribute::new("service.instance.id", "1"), Attribute::new("service.name", "workload")],
    });
    let spans: Vec<Span> = (1..=SPANS).map(|id| span(&resource, id)).collect();
    for protocol in [Protocol::HttpProtobuf, Protocol::HttpJson] {
        let mut times: Vec<f64> = (0..ROUNDS)
            .map(|_| {
                let start = Instant::now();
                black_box(encode_request(protocol, Limits::default(), black_box(&spans)));
                start.elapsed().as_nanos() as f64 / SPANS as f64
            })
            .collect();
        times.sort_by(f64::total_cmp);
        let bytes = encode_request(protocol, Limits::default(), &spans).len() as f64 / SPANS as f64;
        let (fastest, median) = (times[0], times[ROUNDS / 2]);
        println!("{protocol:?}: {median:.0} ns a span (fastest round {fastest:.0}), {bytes:.0} bytes");
    }
}
