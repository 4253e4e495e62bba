//! A request under construction: spans of one resource are kept together, each resource is encoded once a run.

use std::collections::HashMap;
use std::sync::Arc;

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
    fn new(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Grpc | Protocol::HttpProtobuf => Form::Protobuf(Vec::new()),
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
                    let spans = Form::new(self.protocol);
                    body.groups.push(Group { resource: span.resource.clone(), encoded_resource, spans });
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
    pub(crate) fn finish(self) -> Vec<u8> {
        let (mut bytes, mut text) = (Vec::new(), String::new());
        for group in &self.groups {
            match (&*group.encoded_resource, &group.spans) {
                (Form::Protobuf(resource), Form::Protobuf(spans)) => {
                    if bytes.is_empty() {
                        bytes.reserve(self.len);
                    }
                    protobuf::resource_spans(&mut bytes, resource, spans);
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
            return bytes;
        }
        text.push_str("]}");
        text.into_bytes()
    }
}

/// Encodes spans as one request, uncompressed: what [`crate::Exporter`] sends for them.
pub fn encode_request(protocol: Protocol, limits: Limits, spans: &[Span]) -> Vec<u8> {
    Encoder::new(protocol, limits).body(spans).finish()
}
