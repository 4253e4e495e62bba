//! Jaeger: started, and asked what it has stored.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use super::http::request;
use super::process::Process;
use super::{Endpoints, folder, source};
use crate::support::spans::Trace;

/// A running Jaeger that keeps its spans in memory.
pub struct Jaeger {
    process: Process,
    pub otlp: Endpoints,
    query: std::net::SocketAddr,
}

/// What Jaeger's user interface gets to see of a file that is uploaded to it.
#[derive(Debug)]
pub struct Uploaded {
    pub traces: usize,
    /// Span id to name.
    pub names: BTreeMap<String, String>,
    /// What Jaeger finds odd.
    pub warnings: Vec<String>,
}

impl Jaeger {
    pub fn start() -> Jaeger {
        let mut command = Command::new(folder().join("jaeger"));
        command.arg("--config").arg(source("jaeger.yaml"));
        for port in ["JAEGER_QUERY_HTTP", "JAEGER_OTLP_GRPC", "JAEGER_OTLP_HTTP", "JAEGER_UI_CONFIG"] {
            command.env_remove(port);
        }
        let mut process = Process::start(&mut command);
        process.expect("Everything is ready");
        let otlp = Endpoints {
            grpc: process.address("Starting GRPC server", "endpoint"),
            http: process.address("Starting HTTP server", "endpoint"),
        };
        let query = process.address("Query server started", "http_addr");
        Jaeger { process, otlp, query }
    }

    /// The trace as it is stored (v3 of the interface: OTLP, nanoseconds); none while Jaeger knows nothing of it.
    pub fn trace(&self, id: &str) -> Option<Trace> {
        let (status, body) = request(self.query, "GET", &format!("/api/v3/traces/{id}?raw_traces=true"), "", b"");
        if status == 404 {
            return None;
        }
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        let answer: Value = serde_json::from_slice(&body).expect("JSON");
        Some(Trace::from_data(&answer["result"]))
    }

    /// Uploads a local file as the user interface does: it puts the lines together and has the server translate them.
    pub fn upload(&self, file: &Path) -> Uploaded {
        let text = std::fs::read_to_string(file).expect("a local file");
        let lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("JSON"));
        let resources: Vec<Value> = lines
            .flat_map(|mut line| match line["resourceSpans"].take() {
                Value::Array(resources) => resources,
                other => panic!("no resourceSpans: {other}"),
            })
            .collect();
        let body = json!({ "resourceSpans": resources }).to_string();
        let (status, body) = request(self.query, "POST", "/api/transform", "application/json", body.as_bytes());
        assert_eq!(status, 200, "{}", String::from_utf8_lossy(&body));
        read_upload(&serde_json::from_slice(&body).expect("JSON"))
    }
}

fn read_upload(answer: &Value) -> Uploaded {
    let traces = answer["data"].as_array().expect("traces");
    let text = |value: &Value| value.as_str().expect("text").to_owned();
    let mut uploaded = Uploaded { traces: traces.len(), names: BTreeMap::new(), warnings: Vec::new() };
    for span in traces.iter().flat_map(|trace| trace["spans"].as_array().expect("spans")) {
        let previous = uploaded.names.insert(text(&span["spanID"]), text(&span["operationName"]));
        assert!(previous.is_none(), "a span twice: {span}");
        uploaded.warnings.extend(span["warnings"].as_array().into_iter().flatten().map(text));
    }
    uploaded
}
