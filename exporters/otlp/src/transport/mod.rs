//! One request and its answer: over HTTP/1.1 or gRPC (HTTP/2), plain or through TLS.

mod answer;
mod connection;
mod tls;

use std::io::Write;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full, Limited};
use hyper::body::Bytes;
use hyper::header::{self, HeaderValue};
use hyper::{Method, Request, Version};

pub(crate) use answer::Answer;
#[cfg(fuzzing)]
pub(crate) use answer::interpret;
use connection::Connection;
pub use tls::Error;

use crate::config::{Compression, Config, Protocol};

/// An answer larger than this is not read.
const MAX_ANSWER: usize = 4 << 20;
/// A connection that is not there after this time will not come.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(3);

/// What all connections to the collector share.
pub(crate) struct Target {
    config: Config,
    tls: Option<Arc<tokio_rustls::rustls::ClientConfig>>,
}

impl Target {
    /// Reads the certificates that the configuration names.
    pub(crate) fn new(config: Config) -> Result<Self, Error> {
        let tls = match config.is_secure() {
            true => Some(Arc::new(tls::client_config(&config)?)),
            false => None,
        };
        Ok(Target { config, tls })
    }

    /// What is sent for an encoded request: compressed, and for gRPC with its prefix.
    fn pack(&self, body: &Bytes) -> Bytes {
        let compression = self.config.compression;
        let body = compress(body, compression);
        if self.config.protocol != Protocol::Grpc {
            return body;
        }
        let mut framed = Vec::with_capacity(body.len() + 5);
        framed.push(u8::from(compression != Compression::None));
        // A request is far below 4 GiB: the exporter closes it at 3 MiB.
        framed.extend_from_slice(&(body.len() as u32).to_be_bytes());
        framed.extend_from_slice(&body);
        framed.into()
    }

    fn request(&self, body: Bytes) -> Option<Request<Full<Bytes>>> {
        let config = &self.config;
        let encoding = match config.compression {
            Compression::None => None,
            Compression::Gzip => Some("gzip"),
            Compression::Zstd => Some("zstd"),
        };
        let mut request = Request::new(Full::new(body));
        *request.method_mut() = Method::POST;
        let authority = config.uri.authority()?;
        if config.protocol == Protocol::Grpc {
            let scheme = config.uri.scheme_str()?;
            *request.uri_mut() = format!("{scheme}://{authority}{}", config.signal.grpc_path()).parse().ok()?;
            *request.version_mut() = Version::HTTP_2;
            request.headers_mut().insert(header::TE, HeaderValue::from_static("trailers"));
            let timeout = format!("{}m", config.timeout.as_millis().clamp(1, 99_999_999));
            request.headers_mut().insert("grpc-timeout", HeaderValue::from_str(&timeout).ok()?);
            if let Some(encoding) = encoding {
                request.headers_mut().insert("grpc-encoding", HeaderValue::from_static(encoding));
            }
        } else {
            *request.uri_mut() = config.uri.path_and_query()?.as_str().parse().ok()?;
            request.headers_mut().insert(header::HOST, HeaderValue::from_str(authority.as_str()).ok()?);
            if let Some(encoding) = encoding {
                request.headers_mut().insert(header::CONTENT_ENCODING, HeaderValue::from_static(encoding));
            }
        }
        let content_type = match config.protocol {
            Protocol::Grpc => "application/grpc",
            Protocol::HttpProtobuf => "application/x-protobuf",
            Protocol::HttpJson => "application/json",
        };
        let headers = request.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        headers.insert(header::USER_AGENT, HeaderValue::from_static(concat!("renacer/", env!("CARGO_PKG_VERSION"))));
        for (name, value) in &config.headers {
            headers.insert(name, value.clone());
        }
        Some(request)
    }
}

fn compress(body: &Bytes, compression: Compression) -> Bytes {
    match compression {
        Compression::None => body.clone(),
        Compression::Gzip => {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::with_capacity(body.len() / 4), flate2::Compression::fast());
            // Writing into memory does not fail.
            let _ = encoder.write_all(body);
            encoder.finish().unwrap_or_default().into()
        }
        Compression::Zstd => zstd::bulk::compress(body, 1).unwrap_or_default().into(),
    }
}

/// One sender of requests, with a connection of its own that is kept open between them.
pub(crate) struct Client {
    target: Arc<Target>,
    connection: Option<Connection>,
    /// Something that speaks the protocol has answered.
    answered: bool,
}

impl Client {
    pub(crate) fn new(target: Arc<Target>) -> Self {
        Client { target, connection: None, answered: false }
    }

    /// What is sent for an encoded request.
    pub(crate) fn pack(&self, body: &Bytes) -> Bytes {
        self.target.pack(body)
    }

    /// Sends one request and waits for its answer, for `timeout` at most.
    pub(crate) async fn send(&mut self, body: Bytes, timeout: Duration) -> Answer {
        // Whoever waits too long cannot use the connection again: the answer may still come.
        let connection = self.connection.take();
        match tokio::time::timeout(timeout, exchange(&self.target, connection, body, self.answered)).await {
            Ok((answer, connection)) => {
                self.connection = connection;
                self.answered |= self.connection.is_some();
                answer
            }
            Err(_) => Answer::TimedOut(format!("no answer within {timeout:?}")),
        }
    }
}

/// One request on a connection that is kept or made; what can be kept comes back. A connection that breaks before anything
/// was ever `answered` likely leads to something that is no collector, or not one for this protocol.
async fn exchange(
    target: &Target,
    connection: Option<Connection>,
    body: Bytes,
    answered: bool,
) -> (Answer, Option<Connection>) {
    let mut kept = None;
    if let Some(mut connection) = connection
        && connection.is_usable().await
    {
        kept = Some(connection);
    }
    let mut connection = match kept {
        Some(connection) => connection,
        None => match tokio::time::timeout(CONNECT_TIMEOUT, Connection::open(&target.config, target.tls.clone())).await
        {
            Ok(Ok(connection)) => connection,
            Ok(Err(message)) => return (Answer::NotConnected(message), None),
            Err(_) => return (Answer::NotConnected(format!("no connection within {CONNECT_TIMEOUT:?}")), None),
        },
    };
    let Some(request) = target.request(body) else {
        return (Answer::Refused("the endpoint makes no request".into()), None);
    };
    let response = match connection.send(request).await {
        Ok(response) => response,
        Err(error) if answered => {
            return (Answer::Retry { message: connection::describe(&error), after: None }, None);
        }
        Err(error) => {
            let protocol = if target.config.protocol == Protocol::Grpc { "gRPC" } else { "HTTP/1.1" };
            let message = format!("{} (does it speak {protocol} there?)", connection::describe(&error));
            return (Answer::NotConnected(message), None);
        }
    };
    let (parts, body) = response.into_parts();
    let collected = match Limited::new(body, MAX_ANSWER).collect().await {
        Ok(collected) => collected,
        Err(error) => return (answer::unreadable(&parts, target.config.protocol, &*error), None),
    };
    let trailers = collected.trailers().cloned();
    let answer = answer::interpret(&parts, trailers.as_ref(), &collected.to_bytes(), target.config.protocol);
    (answer, Some(connection))
}
