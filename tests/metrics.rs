//! Renacer's own metrics at a real Collector: the figures are those of the closing line. Jaeger takes none, and nobody notices.

mod peers;
mod support;

use std::collections::BTreeMap;

use peers::{Collector, Endpoints, Jaeger, Protocol, built};
use serde_json::Value;
use support::{available, finish, program, renacer, wait_until};

/// Runs a program with a collector and, where wanted, metrics. Returns what Renacer has said.
fn said(to: Endpoints, protocol: Protocol, variables: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = renacer();
    command.args(["trace", "-o"]).arg(folder.path().join("out.otlp.jsonl")).args(to.options(protocol)).arg("--");
    command.arg(program("threads")).args(["4", "250"]).envs(variables.iter().copied());
    let finished = finish(&mut command);
    assert!(finished.status.success(), "{}", finished.stderr);
    finished.stderr
}

/// The number before a word of the closing line.
fn number(line: &str, what: &str) -> u64 {
    let before = &line[..line.find(what).unwrap_or_else(|| panic!("no {what:?} in {line}"))];
    let digits = before.trim_end().rsplit(' ').next().unwrap_or_default().replace(',', "");
    digits.parse().unwrap_or_else(|_| panic!("no number before {what:?} in {line}"))
}

/// Name to value of a request's sums.
fn figures(request: &Value) -> BTreeMap<&str, u64> {
    let metrics = request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().expect("metrics");
    let value = |metric: &Value| metric["sum"]["dataPoints"][0]["asInt"].as_str().and_then(|text| text.parse().ok());
    metrics.iter().map(|metric| (metric["name"].as_str().expect("a name"), value(metric).expect("a number"))).collect()
}

#[test]
fn figures_are_those_of_the_closing_line() {
    if !(built(&["otelcol"]) && available(&["cc"])) {
        return;
    }
    for protocol in Protocol::ALL {
        let (collector, endpoints) = Collector::keeping();
        let said = said(endpoints, protocol, &[("OTEL_METRICS_EXPORTER", "otlp")]);
        wait_until("the Collector to write metrics", || !collector.metrics().is_empty());
        let requests = collector.metrics();
        assert_eq!(requests.len(), 1, "{protocol:?}");
        let found = figures(&requests[0]);
        assert!(!said.contains("LOST"), "{said}");
        assert!(found["renacer.calls"] > 1000);
        let expected = [
            ("renacer.calls", number(&said, " calls by")),
            ("renacer.events.lost", 0),
            ("renacer.requests.repeated", 0),
            ("renacer.spans.delivered", number(&said, " spans delivered")),
            ("renacer.spans.file", number(&said, " spans in ")),
            ("renacer.spans.lost", 0),
            ("renacer.spans.refused", 0),
        ];
        let (requests, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|(name, _)| *name == "renacer.requests");
        assert_eq!(others, expected, "{protocol:?}: {said}");
        assert!(requests[0].1 > 0);
    }
}

#[test]
fn metrics_are_sent_only_where_they_are_asked_for() {
    if !(built(&["otelcol"]) && available(&["cc"])) {
        return;
    }
    let (collector, endpoints) = Collector::keeping();
    for variables in [&[][..], &[("OTEL_METRICS_EXPORTER", "none")], &[("OTEL_METRICS_EXPORTER", "console")]] {
        said(endpoints, Protocol::HttpProtobuf, variables);
    }
    said(endpoints, Protocol::HttpProtobuf, &[("OTEL_METRICS_EXPORTER", "otlp")]);
    wait_until("the Collector to write metrics", || !collector.metrics().is_empty());
    assert_eq!(collector.metrics().len(), 1);
}

#[test]
fn jaeger_takes_none_and_nothing_is_said_of_it() {
    if !(built(&["jaeger"]) && available(&["cc"])) {
        return;
    }
    let jaeger = Jaeger::start();
    for protocol in Protocol::ALL {
        let said = said(jaeger.otlp, protocol, &[("OTEL_METRICS_EXPORTER", "otlp")]);
        assert_eq!(said.lines().count(), 1, "{protocol:?}: {said}");
        assert!(said.contains("spans delivered"), "{said}");
    }
}
