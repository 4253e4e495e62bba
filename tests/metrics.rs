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

/// Name, with the reason if there is one, to value of a request's sums.
fn figures(request: &Value) -> BTreeMap<String, u64> {
    let metrics = request["resourceMetrics"][0]["scopeMetrics"][0]["metrics"].as_array().expect("metrics");
    let points = |metric: &Value| {
        let name = metric["name"].as_str().expect("a name").to_owned();
        let points = metric["sum"]["dataPoints"].as_array().expect("points").clone();
        points.into_iter().map(move |point| {
            let reason = point["attributes"][0]["value"]["stringValue"].as_str().map(|reason| format!(" {reason}"));
            let value = point["asInt"].as_str().and_then(|text| text.parse().ok()).expect("a number");
            (format!("{name}{}", reason.unwrap_or_default()), value)
        })
    };
    metrics.iter().flat_map(points).collect()
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
            ("renacer.calls.merged", 0),
            ("renacer.events.lost no_room", 0),
            ("renacer.events.lost not_taken", 0),
            ("renacer.events.lost unknown_thread", 0),
            ("renacer.requests.repeated", 0),
            ("renacer.spans.delivered", number(&said, " spans delivered")),
            ("renacer.spans.file", number(&said, " spans in ")),
            ("renacer.spans.lost", 0),
            ("renacer.spans.merged", 0),
            ("renacer.spans.redelivered", 0),
            ("renacer.spans.refused", 0),
        ];
        let expected = expected.map(|(name, value)| (name.to_owned(), value));
        let (requests, others): (Vec<_>, Vec<_>) = found.into_iter().partition(|(name, _)| name == "renacer.requests");
        assert_eq!(others, expected, "{protocol:?}: {said}");
        assert!(requests[0].1 > 0);
    }
}

#[test]
fn merged_and_dropped_calls_are_told() {
    if !(built(&["otelcol"]) && available(&["cc"])) {
        return;
    }
    let (collector, endpoints) = Collector::keeping();
    let folder = tempfile::tempdir().expect("a temporary folder");
    let mut command = renacer();
    command.args(["trace", "--on-overflow", "drop", "--detail", "summary", "-o"]).arg(folder.path().join("out"));
    command.args(endpoints.options(Protocol::HttpProtobuf)).env("OTEL_METRICS_EXPORTER", "otlp").arg("--");
    let finished = finish(command.arg(program("threads")).args(["4", "20000"]));
    let said = finished.stderr;
    wait_until("the Collector to write metrics", || !collector.metrics().is_empty());
    let found = figures(&collector.metrics()[0]);
    assert_eq!(found["renacer.calls.merged"], number(&said, " calls merged into"), "{said}");
    let (_, merged_into) = said.split_once(" calls merged into ").expect("merged calls");
    assert_eq!(found["renacer.spans.merged"], number(&format!(" {merged_into}"), " spans"), "{said}");
    let dropped = if said.contains("dropped for want") { number(&said, " calls dropped for want") } else { 0 };
    assert_eq!(found["renacer.events.lost no_room"], dropped, "{said}");
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
