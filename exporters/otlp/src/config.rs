//! Where spans go and how: from flags and from OpenTelemetry's environment variables.
//!
//! A flag wins over a variable for traces, that over a general variable. As OpenTelemetry demands, an empty variable
//! counts as unset, and one that makes no sense is ignored with a warning; a flag that makes no sense is an error.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use hyper::Uri;
use hyper::header::{HeaderName, HeaderValue};

use crate::limits::Limits;
use crate::variables::Variables;

/// How requests are framed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    /// gRPC.
    Grpc,
    /// Protobuf over HTTP/1.1.
    HttpProtobuf,
    /// JSON over HTTP/1.1.
    HttpJson,
}

impl Protocol {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "grpc" => Some(Protocol::Grpc),
            "http/protobuf" => Some(Protocol::HttpProtobuf),
            "http/json" => Some(Protocol::HttpJson),
            _ => None,
        }
    }
}

/// How bodies are compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// Not at all.
    None,
    /// With gzip, which every collector understands.
    Gzip,
    /// With zstd, which some collectors understand.
    Zstd,
}

impl Compression {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "none" => Some(Compression::None),
            "gzip" => Some(Compression::Gzip),
            "zstd" => Some(Compression::Zstd),
            _ => None,
        }
    }
}

/// What is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Signal {
    Traces,
    Metrics,
}

impl Signal {
    /// Where a collector takes it over HTTP.
    fn path(self) -> &'static str {
        match self {
            Signal::Traces => "/v1/traces",
            Signal::Metrics => "/v1/metrics",
        }
    }

    /// Where a collector takes it over gRPC.
    pub(crate) fn grpc_path(self) -> &'static str {
        match self {
            Signal::Traces => "/opentelemetry.proto.collector.trace.v1.TraceService/Export",
            Signal::Metrics => "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
        }
    }
}

/// What the command line says; it wins over the environment.
#[derive(Clone, Debug, Default)]
pub struct Overrides {
    /// Where the collector is. Like `OTEL_EXPORTER_OTLP_ENDPOINT`: for HTTP, `/v1/traces` is used where it has no path.
    /// With port 4317 and no protocol given by flag or variable, gRPC is spoken.
    pub endpoint: Option<String>,
    /// `grpc`, `http/protobuf` or `http/json`.
    pub protocol: Option<String>,
    /// `name=value` each. If there is one, headers from the environment are not sent.
    pub headers: Vec<String>,
    /// `none`, `gzip` or `zstd`.
    pub compression: Option<String>,
    /// PEM file with the certificates of the authorities to trust.
    pub certificate: Option<PathBuf>,
    /// PEM file with the certificate chain to present.
    pub client_certificate: Option<PathBuf>,
    /// PEM file with that certificate's private key.
    pub client_key: Option<PathBuf>,
    /// How long one attempt may take.
    pub timeout: Option<Duration>,
}

/// A flag that makes no sense.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The endpoint is no URL that can be used.
    #[error("the endpoint {0:?} cannot be used: {1}")]
    Endpoint(String, &'static str),
    /// The endpoint holds a user name, and likely a password: it is not repeated.
    #[error("the endpoint cannot be used: a user name in it is not supported; use a header")]
    User,
    /// No such protocol.
    #[error("unknown protocol {0:?}: it must be grpc, http/protobuf or http/json")]
    Protocol(String),
    /// No such compression.
    #[error("unknown compression {0:?}: it must be none, gzip or zstd")]
    Compression(String),
    /// A header is not `name=value`, or holds characters that a header cannot. Its value may be secret and is not repeated.
    #[error("the header {0:?} cannot be used: {1}")]
    Header(String, &'static str),
    /// A timeout of nothing.
    #[error("a timeout must be longer than 0")]
    Timeout,
}

/// Everything needed to deliver spans. Making one starts nothing.
#[derive(Clone)]
pub struct Config {
    pub(crate) signal: Signal,
    pub(crate) uri: Uri,
    pub(crate) protocol: Protocol,
    pub(crate) headers: Vec<(HeaderName, HeaderValue)>,
    pub(crate) compression: Compression,
    pub(crate) certificate: Option<PathBuf>,
    pub(crate) client_certificate: Option<PathBuf>,
    pub(crate) client_key: Option<PathBuf>,
    /// How long one attempt may take.
    pub timeout: Duration,
    /// How long all attempts on one batch may take.
    pub batch_timeout: Duration,
    /// How long a span waits for others at most before it is sent.
    pub schedule_delay: Duration,
    /// Most spans in one request.
    pub max_batch_spans: usize,
    /// Size of a request at which it is sent, before compression. A request is never larger than 3 MiB, unless a single span is.
    pub max_batch_bytes: usize,
    /// Most spans waiting or under way; beyond it, [`crate::Exporter::push`] waits.
    pub max_queue_spans: usize,
    /// Most requests under way at once.
    pub max_requests: usize,
    /// How long fresh spans wait for room while the collector answers nothing at all: the traced program waits with them.
    pub patience: Duration,
    /// Whether to go on trying for a while where nobody is there any more, rather than to hand back spans at once: for callers
    /// who have nothing better to do.
    pub patient: bool,
    /// What a span may carry.
    pub limits: Limits,
}

impl fmt::Debug for Config {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Headers carry secrets: only their names are shown.
        let names: Vec<_> = self.headers.iter().map(|(name, _)| name.as_str()).collect();
        let (endpoint, protocol, compression) = (self.endpoint(), self.protocol, self.compression);
        formatter
            .debug_struct("Config")
            .field("endpoint", &endpoint)
            .field("protocol", &protocol)
            .field("compression", &compression)
            .field("headers", &names)
            .finish_non_exhaustive()
    }
}

/// A request is never larger than this, before compression: many gRPC servers refuse more than 4 MiB.
pub(crate) const MAX_BATCH_BYTES: usize = 3 << 20;

/// How an endpoint came to be known decides what its path means.
enum Source {
    Flag,
    /// The variable of the signal.
    Signal,
    General,
}

impl Config {
    /// Reads flags and environment (`lookup` gives a variable's value). No configuration means that no collector is wanted.
    /// The strings are warnings for the user.
    pub fn from_environment(
        lookup: &dyn Fn(&str) -> Option<String>,
        overrides: &Overrides,
    ) -> Result<(Option<Config>, Vec<String>), ConfigError> {
        let mut variables = Variables::new(lookup);
        if variables.get("OTEL_CONFIG_FILE").is_some() {
            variables
                .warn("OTEL_CONFIG_FILE: configuration files are not supported; the other OTEL_* variables are used");
        }
        let config = match is_wanted(&mut variables, overrides) {
            true => Some(read(&mut variables, overrides, Signal::Traces)?),
            false => None,
        };
        Ok((config, variables.warnings))
    }

    /// A configuration for this endpoint, with defaults for the rest: for callers with no environment to read.
    pub fn new(endpoint: &str) -> Result<Config, ConfigError> {
        let overrides = Overrides { endpoint: Some(endpoint.to_owned()), ..Overrides::default() };
        let (config, _) = Config::from_environment(&|_| None, &overrides)?;
        config.ok_or_else(|| ConfigError::Endpoint(endpoint.to_owned(), "it is empty"))
    }

    /// The URL that requests go to, for a person to read.
    pub fn endpoint(&self) -> String {
        match self.protocol {
            Protocol::Grpc => self.uri.to_string().trim_end_matches('/').to_owned(),
            Protocol::HttpProtobuf | Protocol::HttpJson => self.uri.to_string(),
        }
    }

    /// The protocol that is spoken.
    pub fn protocol(&self) -> Protocol {
        self.protocol
    }

    pub(crate) fn is_secure(&self) -> bool {
        self.uri.scheme_str() == Some("https")
    }
}

/// Reads what a signal's requests need.
pub(crate) fn read(
    variables: &mut Variables<'_>,
    overrides: &Overrides,
    signal: Signal,
) -> Result<Config, ConfigError> {
    let given = protocol(variables, overrides)?;
    let (uri, protocol) = endpoint(variables, overrides, given, signal)?;
    let headers = headers(variables, overrides)?;
    let compression = compression(variables, overrides)?;
    if overrides.timeout == Some(Duration::ZERO) {
        return Err(ConfigError::Timeout);
    }
    let timeout =
        overrides.timeout.or_else(|| variables.otlp_milliseconds("TIMEOUT")).unwrap_or(Duration::from_secs(10));
    let path = |flag: &Option<PathBuf>, name: &str| {
        flag.clone().or_else(|| variables.otlp(name).map(|found| PathBuf::from(found.1)))
    };
    let certificate = path(&overrides.certificate, "CERTIFICATE");
    let client_certificate = path(&overrides.client_certificate, "CLIENT_CERTIFICATE");
    let client_key = path(&overrides.client_key, "CLIENT_KEY");

    let max_queue_spans = variables.count("OTEL_BSP_MAX_QUEUE_SIZE").unwrap_or(8192);
    let mut max_batch_spans = variables.count("OTEL_BSP_MAX_EXPORT_BATCH_SIZE").unwrap_or(max_queue_spans.min(8192));
    if max_batch_spans > max_queue_spans {
        variables.warn("OTEL_BSP_MAX_EXPORT_BATCH_SIZE is larger than the queue; the queue's size is used");
        max_batch_spans = max_queue_spans;
    }
    Ok(Config {
        signal,
        uri,
        protocol,
        headers,
        compression,
        certificate,
        client_certificate,
        client_key,
        timeout,
        batch_timeout: variables.milliseconds("OTEL_BSP_EXPORT_TIMEOUT").unwrap_or(Duration::from_secs(30)),
        schedule_delay: variables.milliseconds("OTEL_BSP_SCHEDULE_DELAY").unwrap_or(Duration::from_millis(500)),
        max_batch_spans,
        max_batch_bytes: 512 << 10,
        max_queue_spans,
        max_requests: 4,
        patience: Duration::from_millis(200),
        patient: false,
        limits: Limits::from_variables(variables),
    })
}

/// Whether a collector is wanted at all: a flag or a variable must say so, and none may forbid it.
fn is_wanted(variables: &mut Variables<'_>, overrides: &Overrides) -> bool {
    if overrides.endpoint.as_deref().is_some_and(|endpoint| !endpoint.is_empty()) {
        return true;
    }
    if variables.flag("OTEL_SDK_DISABLED") {
        variables.warn("OTEL_SDK_DISABLED is set: spans go to the local file only");
        return false;
    }
    let mut wanted = overrides.protocol.is_some() || !overrides.headers.is_empty();
    if let Some(exporters) = variables.get("OTEL_TRACES_EXPORTER") {
        let mut other = false;
        for exporter in exporters.split(',').map(str::trim) {
            match exporter {
                "otlp" => wanted = true,
                "none" => other = true,
                "console" | "otlp/stdout" | "zipkin" | "jaeger" | "logging" => {
                    variables.warn(&format!(
                        "OTEL_TRACES_EXPORTER: there is no exporter {exporter:?} here; only otlp and none"
                    ));
                    other = true;
                }
                _ => variables.warn(&format!("OTEL_TRACES_EXPORTER: unknown exporter {exporter:?} is ignored")),
            }
        }
        if other && !wanted {
            return false;
        }
    }
    let names = [
        "ENDPOINT",
        "PROTOCOL",
        "HEADERS",
        "COMPRESSION",
        "CERTIFICATE",
        "CLIENT_CERTIFICATE",
        "CLIENT_KEY",
        "TIMEOUT",
        "INSECURE",
    ];
    wanted || names.iter().any(|name| variables.otlp(name).is_some())
}

fn protocol(variables: &mut Variables<'_>, overrides: &Overrides) -> Result<Option<Protocol>, ConfigError> {
    match &overrides.protocol {
        Some(text) => Protocol::parse(text).map(Some).ok_or_else(|| ConfigError::Protocol(text.clone())),
        None => Ok(variables.otlp_choice("PROTOCOL", Protocol::parse)),
    }
}

fn compression(variables: &mut Variables<'_>, overrides: &Overrides) -> Result<Compression, ConfigError> {
    match &overrides.compression {
        Some(text) => Compression::parse(text).ok_or_else(|| ConfigError::Compression(text.clone())),
        None => Ok(variables.otlp_choice("COMPRESSION", Compression::parse).unwrap_or(Compression::None)),
    }
}

fn endpoint(
    variables: &mut Variables<'_>,
    overrides: &Overrides,
    given: Option<Protocol>,
    signal: Signal,
) -> Result<(Uri, Protocol), ConfigError> {
    let insecure = variables.otlp("INSECURE").is_some_and(|(_, value)| value.eq_ignore_ascii_case("true"));
    if let Some(text) = overrides.endpoint.as_deref().filter(|text| !text.is_empty()) {
        let protocol =
            given.unwrap_or(if port_of(text) == Some(4317) { Protocol::Grpc } else { Protocol::HttpProtobuf });
        return match target(text, Source::Flag, protocol, insecure, signal) {
            Ok(uri) => Ok((uri, protocol)),
            Err(_) if text.contains('@') => Err(ConfigError::User),
            Err(reason) => Err(ConfigError::Endpoint(text.to_owned(), reason)),
        };
    }
    let protocol = given.unwrap_or(Protocol::HttpProtobuf);
    let [own, general] = variables.otlp_names("ENDPOINT");
    for (name, source) in [(own, Source::Signal), (general, Source::General)] {
        let Some(text) = variables.get(&name) else { continue };
        match target(&text, source, protocol, insecure, signal) {
            Ok(uri) => return Ok((uri, protocol)),
            // It may hold a password.
            Err(reason) if text.contains('@') => variables.warn(&format!("{name} is ignored: {reason}")),
            Err(reason) => variables.warn(&format!("{name}={text:?} is ignored: {reason}")),
        }
    }
    let default = if protocol == Protocol::Grpc { "http://localhost:4317" } else { "http://localhost:4318" };
    match target(default, Source::General, protocol, insecure, signal) {
        Ok(uri) => Ok((uri, protocol)),
        Err(reason) => Err(ConfigError::Endpoint(default.to_owned(), reason)),
    }
}

/// The port in an endpoint that may have no scheme.
fn port_of(text: &str) -> Option<u16> {
    text.parse::<Uri>().ok()?.port_u16()
}

/// The URL that requests to this endpoint go to.
fn target(text: &str, source: Source, protocol: Protocol, insecure: bool, signal: Signal) -> Result<Uri, &'static str> {
    let text = text.trim();
    let whole = match text.contains("://") {
        true => text.to_owned(),
        // For gRPC, the specification allows an address alone, which is then a secure one unless INSECURE says otherwise.
        false if protocol == Protocol::Grpc => format!("{}://{text}", if insecure { "http" } else { "https" }),
        false => return Err("it must begin with http:// or https://"),
    };
    let uri: Uri = whole.parse().map_err(|_| "it is no URL")?;
    let scheme = uri.scheme_str().filter(|scheme| matches!(*scheme, "http" | "https"));
    let scheme = scheme.ok_or("it must begin with http:// or https://")?;
    let authority = uri.authority().filter(|authority| !authority.host().is_empty()).ok_or("it names no host")?;
    if authority.as_str().contains('@') {
        return Err("a user name in it is not supported; use a header");
    }
    let verbatim = || uri.path_and_query().map_or("/".to_owned(), ToString::to_string);
    let path = match (protocol, source) {
        (Protocol::Grpc, _) => "/".to_owned(),
        (_, Source::Signal) => verbatim(),
        (_, Source::Flag) if !matches!(uri.path(), "" | "/") => match signal {
            Signal::Traces => verbatim(),
            // The flag says where traces go; others go beside them.
            Signal::Metrics => {
                let before = uri.path().strip_suffix(Signal::Traces.path());
                let before = before.ok_or("it is for traces alone")?;
                format!("{before}{}", signal.path())
            }
        },
        (_, Source::Flag | Source::General) => format!("{}{}", uri.path().trim_end_matches('/'), signal.path()),
    };
    Uri::builder().scheme(scheme).authority(authority.clone()).path_and_query(path).build().map_err(|_| "it is no URL")
}

fn headers(
    variables: &mut Variables<'_>,
    overrides: &Overrides,
) -> Result<Vec<(HeaderName, HeaderValue)>, ConfigError> {
    let mut headers = Vec::new();
    if !overrides.headers.is_empty() {
        for text in &overrides.headers {
            let name = text.split('=').next().unwrap_or_default().to_owned();
            let (name, value) = text.split_once('=').ok_or(ConfigError::Header(name, "it must be name=value"))?;
            // A flag's value is taken as it stands; only variables are percent-encoded.
            let header = header(name, value).map_err(|reason| ConfigError::Header(name.to_owned(), reason))?;
            headers.push(header);
        }
        return Ok(headers);
    }
    let Some((variable, text)) = variables.otlp("HEADERS") else { return Ok(headers) };
    for entry in text.split(',').map(str::trim).filter(|entry| !entry.is_empty()) {
        // Properties behind a semicolon belong to the list's format but mean nothing here.
        let found = entry.split_once('=').ok_or("it is not name=value").and_then(|(name, value)| {
            let value = crate::variables::percent_decode(value.trim()).ok_or("its percent-encoding is broken")?;
            header(name, &value)
        });
        match found {
            Ok(found) => headers.push(found),
            Err(reason) => {
                let name = entry.split('=').next().unwrap_or_default().trim();
                variables.warn(&format!("{variable}: the header {name:?} is ignored: {reason}"));
            }
        }
    }
    Ok(headers)
}

fn header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), &'static str> {
    let name =
        HeaderName::from_bytes(name.trim().as_bytes()).map_err(|_| "its name holds characters that it cannot")?;
    let own = ["content-type", "content-length", "content-encoding", "transfer-encoding", "connection", "host", "te"];
    if own.contains(&name.as_str()) || name.as_str().starts_with("grpc-") {
        return Err("it belongs to the protocol");
    }
    let mut value = HeaderValue::from_str(value.trim()).map_err(|_| "its value holds characters that it cannot")?;
    value.set_sensitive(true);
    Ok((name, value))
}

#[cfg(test)]
mod tests;
