//! A collector that does what a test tells it: gRPC and HTTP on a loopback port of its own, plain or with TLS.

#![allow(dead_code, reason = "each test binary uses its own part of this")]

use std::collections::VecDeque;
use std::convert::Infallible;
use std::io::Read;
use std::net::SocketAddr;
use std::pin::Pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll};
use std::time::Duration;

use http_body_util::BodyExt;
use hyper::body::{Body, Bytes, Frame, Incoming};
use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use prost::Message;
use renacer_events::{Attribute, Resource, Span, SpanId, SpanKind, Status, TraceId};
use renacer_otlp::{Config, Overrides};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// What the collector does with one request.
#[derive(Clone, Debug)]
pub enum Answer {
    /// Takes it and says so as the Collector does: a partial success that is present and empty.
    Accept,
    /// HTTP: this status, these headers, this body.
    Http(u16, Vec<(&'static str, String)>, Vec<u8>),
    /// gRPC: this status and message without a body, with these further headers.
    Grpc(u32, &'static str, Vec<(&'static str, String)>),
    /// Takes it, but for some spans.
    Partial(u64, &'static str),
    /// Never answers.
    Hang,
    /// Takes it, begins to say so, and closes the connection.
    BreakOff,
    /// Answers that it is too large if it holds more spans than this, and else takes it.
    AtMost(usize),
}

/// One request as it came.
#[derive(Clone, Debug)]
pub struct Received {
    /// Path and query.
    pub path: String,
    /// Whether it came over HTTP/2.
    pub http2: bool,
    pub headers: HeaderMap,
    /// The body without compression and framing.
    pub body: Vec<u8>,
}

impl Received {
    pub fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Ids of its spans, in order.
    pub fn span_ids(&self) -> Vec<u64> {
        if self.path.to_lowercase().contains("metrics") {
            return Vec::new();
        }
        if self.header("content-type") == "application/json" {
            let request: serde_json::Value = serde_json::from_slice(&self.body).unwrap();
            let list = |value: &serde_json::Value, name: &str| value[name].as_array().unwrap().clone();
            let scopes = list(&request, "resourceSpans").into_iter().flat_map(|resource| list(&resource, "scopeSpans"));
            let spans = scopes.flat_map(|scope| list(&scope, "spans"));
            return spans.map(|span| u64::from_str_radix(span["spanId"].as_str().unwrap(), 16).unwrap()).collect();
        }
        let request = ExportTraceServiceRequest::decode(&*self.body).unwrap();
        let scopes = request.resource_spans.into_iter().flat_map(|resource| resource.scope_spans);
        let spans = scopes.flat_map(|scope| scope.spans);
        spans.map(|span| u64::from_be_bytes(span.span_id.try_into().unwrap())).collect()
    }
}

#[derive(Default)]
struct State {
    script: VecDeque<Answer>,
    /// What follows when the script is at its end.
    then: Option<Answer>,
    received: Vec<Received>,
    /// Ids of spans in requests that were taken.
    taken: Vec<u64>,
}

/// A running collector; it ends when this is dropped.
pub struct Collector {
    pub address: SocketAddr,
    state: Arc<Mutex<State>>,
    /// Its thread ends when this is dropped.
    _running: tokio::sync::oneshot::Sender<()>,
}

impl Collector {
    /// A collector that takes everything after it has done what the script says.
    pub fn start(script: Vec<Answer>) -> Self {
        Self::with(script, Answer::Accept, None)
    }

    /// A collector that does the same with every request.
    pub fn always(answer: Answer) -> Self {
        Self::with(Vec::new(), answer, None)
    }

    pub fn with(script: Vec<Answer>, then: Answer, tls: Option<ServerConfig>) -> Self {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let listener = runtime.block_on(TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        let state = State { script: script.into(), then: Some(then), ..State::default() };
        let state = Arc::new(Mutex::new(state));
        let tls = tls.map(|tls| TlsAcceptor::from(Arc::new(tls)));
        let (running, ended) = tokio::sync::oneshot::channel::<()>();
        runtime.spawn(accept(listener, tls, state.clone()));
        std::thread::spawn(move || runtime.block_on(ended));
        Collector { address, state, _running: running }
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The requests so far.
    pub fn received(&self) -> Vec<Received> {
        self.state.lock().unwrap().received.clone()
    }

    /// Ids of the spans taken, sorted.
    pub fn taken(&self) -> Vec<u64> {
        let mut taken = self.state.lock().unwrap().taken.clone();
        taken.sort_unstable();
        taken
    }
}

async fn accept(listener: TcpListener, tls: Option<TlsAcceptor>, state: Arc<Mutex<State>>) {
    while let Ok((stream, _)) = listener.accept().await {
        let (tls, state) = (tls.clone(), state.clone());
        tokio::spawn(async move {
            match tls {
                None => serve(stream, state).await,
                // Failing: a client that does not trust us, or whom we do not trust.
                Some(tls) => {
                    if let Ok(stream) = tls.accept(stream).await {
                        serve(stream, state).await;
                    }
                }
            }
        });
    }
}

async fn serve<S: AsyncRead + AsyncWrite + Unpin + Send + 'static>(stream: S, state: Arc<Mutex<State>>) {
    let mut stream = tokio::io::BufReader::new(stream);
    let Ok(start) = tokio::io::AsyncBufReadExt::fill_buf(&mut stream).await else { return };
    // HTTP/2 begins with its preface, `PRI * HTTP/2.0`.
    let http2 = start.starts_with(b"PRI");
    let service = service_fn(move |request| answer(request, state.clone()));
    let io = TokioIo::new(stream);
    let _ = match http2 {
        true => hyper::server::conn::http2::Builder::new(TokioExecutor::new()).serve_connection(io, service).await,
        false => hyper::server::conn::http1::Builder::new().serve_connection(io, service).await,
    };
}

async fn answer(request: Request<Incoming>, state: Arc<Mutex<State>>) -> Result<Response<Reply>, Infallible> {
    let (parts, body) = request.into_parts();
    let Ok(body) = body.collect().await else { return Ok(Response::new(Reply::default())) };
    let body = body.to_bytes();
    let grpc = parts.headers.get("content-type").is_some_and(|value| value == "application/grpc");
    let encoding = parts.headers.get(if grpc { "grpc-encoding" } else { "content-encoding" });
    let mut body = &body[..];
    if grpc {
        assert_eq!(u32::from_be_bytes(body[1..5].try_into().unwrap()) as usize, body.len() - 5);
        assert_eq!(body[0] == 1, encoding.is_some());
        body = &body[5..];
    }
    let body = match encoding.map(HeaderValue::as_bytes) {
        None => body.to_vec(),
        Some(b"gzip") => {
            let mut plain = Vec::new();
            flate2::read::GzDecoder::new(body).read_to_end(&mut plain).unwrap();
            plain
        }
        Some(b"zstd") => zstd::decode_all(body).unwrap(),
        Some(other) => panic!("unknown encoding {other:?}"),
    };
    let http2 = parts.version == hyper::Version::HTTP_2;
    let received = Received { path: parts.uri.path().to_owned(), http2, headers: parts.headers, body };
    let ids = received.span_ids();
    let json = received.header("content-type") == "application/json";
    let action = {
        let mut state = state.lock().unwrap();
        state.received.push(received);
        let action = state.script.pop_front().or_else(|| state.then.clone()).unwrap();
        let taken = match action {
            Answer::Accept | Answer::BreakOff => true,
            Answer::AtMost(most) => ids.len() <= most,
            _ => false,
        };
        if taken {
            state.taken.extend(&ids);
        }
        action
    };
    let accepted = if json { b"{\"partialSuccess\":{}}".to_vec() } else { b"\x0a\x00".to_vec() };
    Ok(match action {
        Answer::Accept => success(grpc, json, accepted),
        Answer::AtMost(most) if ids.len() <= most => success(grpc, json, accepted),
        Answer::AtMost(_) if grpc => {
            grpc_error(8, "grpc: received message larger than max (5000000 vs. 4194304)", Vec::new())
        }
        Answer::AtMost(_) => http_error(400, Vec::new(), b"http: request body too large".to_vec()),
        Answer::Http(status, headers, body) => http_error(status, headers, body),
        Answer::Grpc(code, message, headers) => grpc_error(code, message, headers),
        Answer::Partial(rejected, message) => {
            let body = if json {
                format!("{{\"partialSuccess\":{{\"rejectedSpans\":\"{rejected}\",\"errorMessage\":\"{message}\"}}}}")
                    .into()
            } else {
                use opentelemetry_proto::tonic::collector::trace::v1::{
                    ExportTracePartialSuccess, ExportTraceServiceResponse,
                };
                let partial =
                    ExportTracePartialSuccess { rejected_spans: rejected as i64, error_message: message.into() };
                ExportTraceServiceResponse { partial_success: Some(partial) }.encode_to_vec()
            };
            success(grpc, json, body)
        }
        Answer::BreakOff => {
            let mut response = success(grpc, json, accepted);
            response.body_mut().trailers = None;
            response.body_mut().breaks = true;
            response
        }
        Answer::Hang => {
            tokio::time::sleep(Duration::from_secs(600)).await;
            success(grpc, json, accepted)
        }
    })
}

fn success(grpc: bool, json: bool, body: Vec<u8>) -> Response<Reply> {
    let mut reply = Reply::default();
    if grpc {
        let mut framed = vec![0];
        framed.extend((body.len() as u32).to_be_bytes());
        framed.extend(body);
        reply.data = Some(framed.into());
        reply.trailers = Some(HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), "0".parse().unwrap())]));
    } else {
        reply.data = Some(body.into());
    }
    let kind = if grpc {
        "application/grpc"
    } else if json {
        "application/json"
    } else {
        "application/x-protobuf"
    };
    Response::builder().header("content-type", kind).body(reply).unwrap()
}

fn http_error(status: u16, headers: Vec<(&'static str, String)>, body: Vec<u8>) -> Response<Reply> {
    let mut response = Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Reply { data: Some(body.into()), ..Reply::default() }).unwrap()
}

fn grpc_error(code: u32, message: &str, headers: Vec<(&'static str, String)>) -> Response<Reply> {
    let mut response = Response::builder()
        .header("content-type", "application/grpc")
        .header("grpc-status", code)
        .header("grpc-message", message);
    for (name, value) in headers {
        response = response.header(name, value);
    }
    response.body(Reply::default()).unwrap()
}

/// The body of an answer.
#[derive(Default)]
struct Reply {
    data: Option<Bytes>,
    trailers: Option<HeaderMap>,
    /// Ends with an error, so that the connection is closed in the middle.
    breaks: bool,
}

impl Body for Reply {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = self.data.take().map(Frame::data).or_else(|| self.trailers.take().map(Frame::trailers));
        if frame.is_none() && self.breaks {
            return Poll::Ready(Some(Err(std::io::ErrorKind::BrokenPipe.into())));
        }
        Poll::Ready(frame.map(Ok))
    }
}

/// Spans with these ids.
pub fn spans(ids: std::ops::Range<u64>) -> Vec<Span> {
    let resource = Arc::new(Resource { attributes: vec![Attribute::new("service.name", "test")] });
    ids.map(|id| Span {
        trace_id: TraceId([7; 16]),
        span_id: SpanId(id.to_be_bytes()),
        parent_id: None,
        trace_state: None,
        parent_is_remote: false,
        kind: SpanKind::Call,
        name: "getppid".into(),
        start: 1_000,
        end: 2_000,
        attributes: vec![Attribute::new("syscall.result", id as i64)],
        dropped_attributes: 0,
        caller: renacer_events::Caller::default(),
        call: None,
        events: Vec::new(),
        dropped_events: 0,
        links: Vec::new(),
        status: Status::Unset,
        resource: resource.clone(),
    })
    .collect()
}

/// Ids of these spans, sorted.
pub fn ids(batches: &[Vec<Span>]) -> Vec<u64> {
    let mut ids: Vec<u64> = batches.iter().flatten().map(|span| u64::from_be_bytes(span.span_id.0)).collect();
    ids.sort_unstable();
    ids
}

/// A configuration for this endpoint and protocol.
pub fn config(endpoint: &str, protocol: &str) -> Config {
    let overrides =
        Overrides { endpoint: Some(endpoint.into()), protocol: Some(protocol.into()), ..Overrides::default() };
    let mut config = Config::from_environment(&|_| None, &overrides).unwrap().0.unwrap();
    // The machine may be busy with other tests.
    config.patience = Duration::from_secs(30);
    config
}

/// The numbers from 0 that these ids should be.
pub fn numbers(count: u64) -> Vec<u64> {
    (0..count).collect()
}
