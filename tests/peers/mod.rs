//! Real servers that receive spans: Jaeger, the OpenTelemetry Collector, rotel, and a parser that Google's protobuf library
//! provides. `tests/peers/build.sh` builds them.

#![allow(dead_code, unused_imports, reason = "each test binary uses a part of it")]

mod http;
mod jaeger;
mod process;
mod receivers;
pub mod subject;

use std::path::{Path, PathBuf};

pub use jaeger::{Jaeger, Uploaded};
pub use receivers::{Collector, Rotel, Sink};

/// How spans travel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Grpc,
    HttpProtobuf,
    HttpJson,
}

impl Protocol {
    pub const ALL: [Protocol; 3] = [Protocol::Grpc, Protocol::HttpProtobuf, Protocol::HttpJson];

    /// Its name in OpenTelemetry's configuration.
    pub fn name(self) -> &'static str {
        match self {
            Protocol::Grpc => "grpc",
            Protocol::HttpProtobuf => "http/protobuf",
            Protocol::HttpJson => "http/json",
        }
    }
}

/// A server's two OTLP ports.
#[derive(Clone, Copy, Debug)]
pub struct Endpoints {
    grpc: std::net::SocketAddr,
    http: std::net::SocketAddr,
}

impl Endpoints {
    /// The options that make Renacer send there.
    pub fn options(self, protocol: Protocol) -> [String; 4] {
        let address = if protocol == Protocol::Grpc { self.grpc } else { self.http };
        let words = ["--otlp-endpoint", &format!("http://{address}"), "--otlp-protocol", protocol.name()];
        words.map(str::to_owned)
    }

    /// Where a program's own SDK sends its spans over HTTP: OTEL_EXPORTER_OTLP_ENDPOINT.
    pub fn for_sdks(self) -> String {
        format!("http://{}", self.http)
    }

    /// Sends a body of one's own over HTTP; the status of the answer.
    pub fn post(self, content_type: &str, body: &[u8]) -> u16 {
        http::request(self.http, "POST", "/v1/traces", content_type, body).0
    }
}

/// Whether all these peers were built. If not, the caller returns: the reason is printed, and with `CI=true` it is a failure.
pub fn built(names: &[&str]) -> bool {
    for name in names {
        // The key is written last.
        if !folder().join(name).with_extension("key").exists() {
            assert!(std::env::var("CI").as_deref() != Ok("true"), "{name} is missing: run tests/peers/build.sh");
            eprintln!("skipped: {name} is missing (tests/peers/build.sh builds it)");
            return false;
        }
    }
    true
}

fn folder() -> PathBuf {
    std::env::var_os("PEERS_DIR").map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("target/peers"), Into::into)
}

/// A file beside this one.
fn source(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/peers").join(name)
}
