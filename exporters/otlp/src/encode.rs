//! A request under construction: spans of one resource are kept together, each resource is encoded once a run.

use std::collections::HashMap;
use std::sync::Arc;

use hyper::body::Bytes;
use renacer_events::{Resource, Span};

use crate::config::Protocol;
use crate::limits::Limits;
use crate::{json, protobuf};

/// Encoded resources are kept for this many processes.
const KEPT_RESOURCES: usize = 256;

/// Spans in the form in which they are sent.
enum Form {
    Protobuf(Vec<u8>),
    Json(String),
}

impl Form {
    /// With so many bytes in front of the first span, in protobuf.
    fn new(protocol: Protocol, gap: usize) -> Self {
        match protocol {
            Protocol::Grpc | Protocol::HttpProtobuf => Form::Protobuf(vec![0; gap]),
            Protocol::HttpJson => Form::Json(String::new()),
        }
    }

    fn len(&self) -> usize {
        match self {
            Form::Protobuf(bytes) => bytes.len(),
            Form::Json(text) => text.len(),
        }
    }
}

struct Group {
    resource: Arc<Resource>,
    encoded_resource: Arc<Form>,
    spans: Form,
    /// Bytes in front of the spans, for what will stand there: mostly there is one group, which need not be copied then.
    gap: usize,
}

/// Encodes spans of one run.
pub(crate) struct Encoder {
    protocol: Protocol,
    limits: Limits,
    /// By the resource's address, which stays its own as long as it is held here.
    resources: HashMap<usize, (Arc<Resource>, Arc<Form>)>,
}

/// Encoded spans that become one request.
#[derive(Default)]
pub(crate) struct Body {
    groups: Vec<Group>,
    /// Where the group of a resource is, by the resource's address.
    places: HashMap<usize, usize>,
    last: usize,
    len: usize,
}

impl Encoder {
    pub(crate) fn new(protocol: Protocol, limits: Limits) -> Self {
        Encoder { protocol, limits, resources: HashMap::new() }
    }

    fn resource(&mut self, resource: &Arc<Resource>) -> Arc<Form> {
        let address = Arc::as_ptr(resource) as usize;
        if let Some((_, form)) = self.resources.get(&address) {
            return form.clone();
        }
        if self.resources.len() >= KEPT_RESOURCES {
            self.resources.clear();
        }
        let form = Arc::new(match self.protocol {
            Protocol::Grpc | Protocol::HttpProtobuf => Form::Protobuf(protobuf::resource(resource)),
            Protocol::HttpJson => Form::Json(json::resource(resource)),
        });
        self.resources.insert(address, (resource.clone(), form.clone()));
        form
    }

    /// Adds a span to a request.
    pub(crate) fn add(&mut self, body: &mut Body, span: &Span) {
        if !body.groups.get(body.last).is_some_and(|group| Arc::ptr_eq(&group.resource, &span.resource)) {
            let address = Arc::as_ptr(&span.resource) as usize;
            body.last = match body.places.get(&address) {
                Some(place) => *place,
                None => {
                    let encoded_resource = self.resource(&span.resource);
                    // What stands around the spans: the scope, the schema's address twice, and lengths.
                    body.len += encoded_resource.len() + 256;
                    let gap = if body.groups.is_empty() { encoded_resource.len() + 256 } else { 0 };
                    let spans = Form::new(self.protocol, gap);
                    body.groups.push(Group { resource: span.resource.clone(), encoded_resource, spans, gap });
                    body.places.insert(address, body.groups.len() - 1);
                    body.groups.len() - 1
                }
            };
        }
        let spans = &mut body.groups[body.last].spans;
        let before = spans.len();
        match spans {
            Form::Protobuf(out) => protobuf::span(out, span, &self.limits),
            Form::Json(out) => {
                if !out.is_empty() {
                    out.push(',');
                }
                json::span(out, span, &self.limits);
            }
        }
        body.len += spans.len() - before;
    }

    /// A request with these spans.
    pub(crate) fn body(&mut self, spans: &[Span]) -> Body {
        let mut body = Body::default();
        for span in spans {
            self.add(&mut body, span);
        }
        body
    }
}

impl Body {
    /// An upper bound of the request's size in bytes.
    pub(crate) fn len(&self) -> usize {
        self.len + 32
    }

    /// The bytes to send.
    pub(crate) fn finish(mut self) -> Bytes {
        if let [Group { encoded_resource, spans: Form::Protobuf(spans), gap, .. }] = &mut self.groups[..]
            && let Form::Protobuf(resource) = &**encoded_resource
        {
            let head = protobuf::head(resource, spans.len() - *gap);
            if let Some(start) = gap.checked_sub(head.len()) {
                spans[start..*gap].copy_from_slice(&head);
                protobuf::tail(spans);
                return Bytes::from(std::mem::take(spans)).slice(start..);
            }
        }
        let (mut bytes, mut text) = (Vec::new(), String::new());
        for group in &self.groups {
            match (&*group.encoded_resource, &group.spans) {
                (Form::Protobuf(resource), Form::Protobuf(spans)) => {
                    if bytes.is_empty() {
                        bytes.reserve(self.len);
                    }
                    let spans = &spans[group.gap..];
                    bytes.extend_from_slice(&protobuf::head(resource, spans.len()));
                    bytes.extend_from_slice(spans);
                    protobuf::tail(&mut bytes);
                }
                (Form::Json(resource), Form::Json(spans)) => {
                    if text.is_empty() {
                        text.reserve(self.len());
                        text.push_str("{\"resourceSpans\":[");
                    } else {
                        text.push(',');
                    }
                    json::resource_spans(&mut text, resource, spans);
                }
                // One encoder makes only one form.
                (Form::Protobuf(_), Form::Json(_)) | (Form::Json(_), Form::Protobuf(_)) => {}
            }
        }
        if text.is_empty() {
            return bytes.into();
        }
        text.push_str("]}");
        text.into_bytes().into()
    }
}

/// Encodes spans as one request, uncompressed: what [`crate::Exporter`] sends for them.
pub fn encode_request(protocol: Protocol, limits: Limits, spans: &[Span]) -> Bytes {
    Encoder::new(protocol, limits).body(spans).finish()
}

#[cfg(test)]
mod tests {
    use renacer_events::{Attribute, SpanId, SpanKind, Status, TraceId};

    use super::*;

    fn span(resource: &Arc<Resource>, id: u64, name: &str) -> Span {
        Span {
            trace_id: TraceId([7; 16]),
            span_id: SpanId(id.to_be_bytes()),
            parent_id: None,
            trace_state: None,
            parent_is_remote: false,
            kind: SpanKind::Call,
            name: name.into(),
            start: id,
            end: id + 1,
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

    fn resource(name: String) -> Arc<Resource> {
        Arc::new(Resource { attributes: vec![Attribute::new("service.name", name)] })
    }

    const PROTOCOLS: [Protocol; 3] = [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson];

    #[test]
    fn no_request_is_longer_than_its_announced_length_nor_much_shorter() {
        for protocol in PROTOCOLS {
            for (processes, size) in [(1, 0), (1, 20_000), (3, 5), (400, 200)] {
                let resources: Vec<_> = (0..processes).map(|id| resource(format!("{id:size$}"))).collect();
                let spans: Vec<_> = (0..1000).map(|id| span(&resources[id % processes], id as u64, "read")).collect();
                let body = Encoder::new(protocol, Limits::default()).body(&spans);
                let (announced, real) = (body.len(), body.finish().len());
                assert!((real..=real + 32 + 256 * processes).contains(&announced), "{announced} for {real}");
            }
        }
    }

    #[test]
    fn a_process_never_gets_anothers_resource() {
        for protocol in PROTOCOLS {
            let mut encoder = Encoder::new(protocol, Limits::default());
            // More processes than are remembered, whose memory is used again and again.
            for round in 0..3 * KEPT_RESOURCES {
                let spans = [0, 1, 0].map(|part| span(&resource(format!("{round}.{part}")), 1, "read"));
                let fresh = encode_request(protocol, Limits::default(), &spans);
                assert!(encoder.body(&spans).finish() == fresh, "{round}");
                assert!(encoder.resources.len() <= KEPT_RESOURCES + 2);
            }
        }
    }
}
