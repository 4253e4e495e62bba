//! The other receivers: the OpenTelemetry Collector, rotel, and a parser of Google's protobuf library behind HTTP.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;

use super::process::Process;
use super::{Endpoints, Jaeger, folder, source};
use crate::support::wait_until;

/// A running Collector that hands all it gets to a Jaeger, or keeps it.
pub struct Collector {
    process: Process,
    kept: tempfile::TempDir,
}

impl Collector {
    /// One that receives OTLP.
    pub fn receiving(jaeger: &Jaeger) -> (Collector, Endpoints) {
        // In its log stand the ports that it was told, not those that it got.
        let (process, endpoints) = on_free_ports(|endpoints| {
            let mut command = command("collector.yaml", jaeger);
            command.env("COLLECTOR_OTLP_GRPC", endpoints.grpc.to_string());
            command.env("COLLECTOR_OTLP_HTTP", endpoints.http.to_string());
            command
        });
        (Collector::of(process), endpoints)
    }

    /// One that receives OTLP and keeps it in files, spans and metrics.
    pub fn keeping() -> (Collector, Endpoints) {
        let kept = tempfile::tempdir().expect("a temporary folder");
        let (process, endpoints) = on_free_ports(|endpoints| {
            let mut command = Command::new(folder().join("otelcol"));
            command.arg("--config").arg(source("collector-keeping.yaml")).env("COLLECTOR_OUT", kept.path());
            command.env("COLLECTOR_OTLP_GRPC", endpoints.grpc.to_string());
            command.env("COLLECTOR_OTLP_HTTP", endpoints.http.to_string());
            command
        });
        (Collector { process, kept }, endpoints)
    }

    fn of(process: Process) -> Collector {
        Collector { process, kept: tempfile::tempdir().expect("a temporary folder") }
    }

    /// The requests with metrics that it has kept, whole lines only.
    pub fn metrics(&self) -> Vec<serde_json::Value> {
        let text = std::fs::read_to_string(self.kept.path().join("metrics.jsonl")).unwrap_or_default();
        let whole = text.split_inclusive('\n').filter(|line| line.ends_with('\n'));
        whole.map(|line| serde_json::from_str(line).expect("JSON")).collect()
    }

    /// One that receives OTLP and keeps nothing: what it says yes to is in Jaeger.
    pub fn direct(jaeger: &Jaeger) -> (Collector, Endpoints) {
        let (process, endpoints) = on_free_ports(|endpoints| direct_command(jaeger, endpoints));
        (Collector { process, kept: tempfile::tempdir().expect("a temporary folder") }, endpoints)
    }

    /// Kills it, leaves it dead for a while, and starts such a one again under the same address.
    pub fn kill_and_restart(&mut self, jaeger: &Jaeger, endpoints: Endpoints, dead: std::time::Duration) {
        self.process.kill();
        std::thread::sleep(dead);
        self.process = Process::start(&mut direct_command(jaeger, endpoints));
        self.process.expect("Everything is ready");
    }

    /// One that reads a local file.
    pub fn reading(jaeger: &Jaeger, file: &Path) -> Collector {
        let process = Process::start(command("collector-file.yaml", jaeger).env("COLLECTOR_IN", file));
        Collector::of(process)
    }
}

fn command(configuration: &str, jaeger: &Jaeger) -> Command {
    let mut command = Command::new(folder().join("otelcol"));
    command.arg("--config").arg(source(configuration)).env("JAEGER_OTLP_GRPC", jaeger.otlp.grpc.to_string());
    command
}

fn direct_command(jaeger: &Jaeger, endpoints: Endpoints) -> Command {
    let mut command = command("collector-direct.yaml", jaeger);
    command.env("COLLECTOR_OTLP_GRPC", endpoints.grpc.to_string());
    command.env("COLLECTOR_OTLP_HTTP", endpoints.http.to_string());
    command
}

/// Starts a server that cannot choose its ports itself, and waits until it listens. Others may take a port that is free
/// before the server does: then it ends, and is started again with other ports.
fn on_free_ports(mut command: impl FnMut(Endpoints) -> Command) -> (Process, Endpoints) {
    let free = || TcpListener::bind("127.0.0.1:0").and_then(|listener| listener.local_addr()).expect("a free port");
    let mut last_words = String::new();
    for _ in 0..5 {
        let endpoints = Endpoints { grpc: free(), http: free() };
        let mut process = Process::start(&mut command(endpoints));
        let mut runs = true;
        wait_until("a server to listen", || {
            runs = process.runs();
            !runs || [endpoints.grpc, endpoints.http].iter().all(|address| TcpStream::connect(address).is_ok())
        });
        if runs {
            return (process, endpoints);
        }
        last_words = process.log();
    }
    panic!("it ends whenever it is started:\n{last_words}");
}

/// A running rotel: another implementation, which refuses what is not valid UTF-8. It prints what it got.
pub struct Rotel {
    process: Process,
    pub otlp: Endpoints,
}

impl Rotel {
    pub fn start() -> Rotel {
        let (process, otlp) = on_free_ports(|endpoints| {
            let mut command = Command::new(executable());
            command.args(["start", "--exporter", "blackhole"]);
            command.args(["--debug-log", "traces", "--debug-log-verbosity", "detailed"]);
            command.args(["--otlp-grpc-endpoint", &endpoints.grpc.to_string()]);
            command.args(["--otlp-http-endpoint", &endpoints.http.to_string()]);
            command
        });
        Rotel { process, otlp }
    }

    /// The ids of the spans that it took.
    pub fn span_ids(&self) -> BTreeSet<String> {
        let log = self.process.log();
        let ids = log.lines().filter_map(|line| line.strip_prefix("    ID             : "));
        ids.map(|id| id.trim().to_owned()).collect()
    }

    /// What it complained of.
    pub fn errors(&self) -> Vec<String> {
        let is_complaint = |line: &&str| line.contains("ERROR") && !line.contains("STATUS_CODE_ERROR");
        self.process.log().lines().filter(is_complaint).map(str::to_owned).collect()
    }
}

fn executable() -> PathBuf {
    let libraries = std::fs::read_dir(folder().join("venv/lib")).expect("the environment's libraries");
    let mut found = libraries.map(|entry| entry.expect("an entry").path().join("site-packages/rotel/rotel-agent"));
    found.find(|path| path.exists()).expect("rotel-agent")
}

/// A receiver over HTTP that parses each batch with Google's protobuf library, which refuses what is not valid.
pub struct Sink {
    process: Process,
    pub otlp: Endpoints,
}

impl Sink {
    pub fn start() -> Sink {
        let mut command = Command::new(folder().join("venv/bin/python"));
        command.arg(source("sink.py"));
        let mut process = Process::start(&mut command);
        process.expect("\"address\"");
        let http = process.address("address", "address");
        Sink { process, otlp: Endpoints { grpc: http, http } }
    }

    /// Ends it at once. What it has taken is still known.
    pub fn kill(&mut self) {
        self.process.kill();
    }

    /// The spans that it took: id to name.
    pub fn spans(&self) -> BTreeMap<String, String> {
        let lines = self.lines("span ");
        lines
            .iter()
            .filter_map(|line| line.split_once(' '))
            .map(|(id, name)| (id.to_owned(), name.to_owned()))
            .collect()
    }

    /// Why it refused batches.
    pub fn refusals(&self) -> BTreeSet<String> {
        self.lines("refused ")
    }

    fn lines(&self, start: &str) -> BTreeSet<String> {
        self.process.log().lines().filter_map(|line| line.strip_prefix(start)).map(str::to_owned).collect()
    }
}
