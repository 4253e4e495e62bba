//! A connection: TCP, TLS where asked for, and HTTP/1.1 or HTTP/2 on it.

use std::error::Error as _;
use std::sync::Arc;

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::{http1, http2};
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::rustls::ClientConfig;
use tokio_rustls::rustls::pki_types::ServerName;

use crate::config::{Config, Protocol};

pub(super) enum Connection {
    Http1(http1::SendRequest<Full<Bytes>>),
    Http2(http2::SendRequest<Full<Bytes>>),
}

impl Connection {
    pub(super) async fn open(config: &Config, tls: Option<Arc<ClientConfig>>) -> Result<Self, String> {
        let host = config.uri.host().unwrap_or_default().trim_start_matches('[').trim_end_matches(']');
        let port = config.uri.port_u16().unwrap_or(if tls.is_some() { 443 } else { 80 });
        let stream = TcpStream::connect((host, port)).await.map_err(|error| format!("{host}:{port}: {error}"))?;
        // A request is written in few large pieces: waiting for more gains nothing and costs 40 ms.
        let _ = stream.set_nodelay(true);
        match tls {
            None => Connection::start(stream, config.protocol).await,
            Some(tls) => {
                let name = ServerName::try_from(host.to_owned()).map_err(|error| format!("{host}: {error}"))?;
                let stream = TlsConnector::from(tls).connect(name, stream).await;
                Connection::start(stream.map_err(|error| format!("TLS with {host}:{port}: {error}"))?, config.protocol)
                    .await
            }
        }
    }

    async fn start<S>(stream: S, protocol: Protocol) -> Result<Self, String>
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let io = TokioIo::new(stream);
        // The connection's task ends when its sender is dropped or the other end closes; its error reaches the request.
        if protocol == Protocol::Grpc {
            let (sender, connection) =
                http2::handshake(TokioExecutor::new(), io).await.map_err(|error| describe(&error))?;
            tokio::spawn(connection);
            return Ok(Connection::Http2(sender));
        }
        let (sender, connection) = http1::handshake(io).await.map_err(|error| describe(&error))?;
        tokio::spawn(connection);
        Ok(Connection::Http1(sender))
    }

    /// Whether the other end has not closed it meanwhile.
    pub(super) async fn is_usable(&mut self) -> bool {
        match self {
            Connection::Http1(sender) => sender.ready().await.is_ok(),
            Connection::Http2(sender) => sender.ready().await.is_ok(),
        }
    }

    pub(super) async fn send(&mut self, request: Request<Full<Bytes>>) -> hyper::Result<Response<Incoming>> {
        match self {
            Connection::Http1(sender) => sender.send_request(request).await,
            Connection::Http2(sender) => {
                sender.ready().await?;
                sender.send_request(request).await
            }
        }
    }
}

/// An error with its causes.
pub(super) fn describe(error: &hyper::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
