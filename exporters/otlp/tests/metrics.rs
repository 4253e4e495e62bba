//! Renacer's own metrics, as a collector gets them.

mod collector;

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use collector::{Answer, Collector, Received};
use opentelemetry_proto::tonic::collector::metrics::v1::ExportMetricsServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::metrics::v1::NumberDataPoint;
use opentelemetry_proto::tonic::metrics::v1::metric::Data;
use opentelemetry_proto::tonic::metrics::v1::number_data_point::Value;
use prost::Message;
use renacer_events::Attribute;
use renacer_otlp::{Metrics, MetricsConfig, Overrides};

const LONG: Duration = Duration::from_secs(20);

/// The configuration of an environment that asks for metrics, and warnings.
fn configured(overrides: &Overrides, variables: &[(&str, &str)]) -> (Option<MetricsConfig>, Vec<String>) {
    let lookup = |name: &str| {
        let set = variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| (*value).to_owned());
        set.or_else(|| (name == "OTEL_METRICS_EXPORTER").then(|| "otlp".to_owned()))
    };
    MetricsConfig::from_environment(&lookup, overrides).unwrap()
}

fn flags(endpoint: &str, protocol: &str) -> Overrides {
    Overrides { endpoint: Some(endpoint.into()), protocol: Some(protocol.into()), ..Overrides::default() }
}

fn start(collector: &Collector, protocol: &str, variables: &[(&str, &str)]) -> Metrics {
    let (config, warnings) = configured(&flags(&collector.url(), protocol), variables);
    assert_eq!(warnings, [""; 0]);
    let resource = vec![Attribute::new("service.instance.id", "one"), Attribute::new("service.name", "renacer")];
    Metrics::start(config.unwrap(), resource).unwrap()
}

fn request(received: &Received) -> ExportMetricsServiceRequest {
    match received.header("content-type") {
        "application/json" => serde_json::from_slice(&received.body).unwrap(),
        _ => ExportMetricsServiceRequest::decode(&*received.body).unwrap(),
    }
}

/// Name, with attributes, to value of all sums, whose properties are checked on the way.
fn figures(received: &Received, temporality: i32) -> BTreeMap<String, i64> {
    let request = request(received);
    let [resource_metrics] = &request.resource_metrics[..] else { panic!("{request:?}") };
    let attributes = &resource_metrics.resource.as_ref().unwrap().attributes;
    let keys: Vec<&str> = attributes.iter().map(|attribute| attribute.key.as_str()).collect();
    assert_eq!(keys, ["service.instance.id", "service.name"]);
    let [scope_metrics] = &resource_metrics.scope_metrics[..] else { panic!("{request:?}") };
    assert_eq!(scope_metrics.scope.as_ref().unwrap().name, "renacer");
    let sums = |metric: &opentelemetry_proto::tonic::metrics::v1::Metric| {
        let Some(Data::Sum(sum)) = &metric.data else { panic!("{metric:?}") };
        assert_eq!((sum.is_monotonic, sum.aggregation_temporality), (true, temporality));
        assert!(!metric.description.is_empty() && metric.unit.starts_with('{'), "{metric:?}");
        let value = |point: &NumberDataPoint| {
            assert!(0 < point.start_time_unix_nano && point.start_time_unix_nano <= point.time_unix_nano);
            let Some(Value::AsInt(value)) = point.value else { panic!("{point:?}") };
            let mut name = metric.name.clone();
            for attribute in &point.attributes {
                let Some(any_value::Value::StringValue(text)) =
                    attribute.value.as_ref().and_then(|it| it.value.as_ref())
                else {
                    panic!("{attribute:?}")
                };
                name += &format!(" {}={text}", attribute.key);
            }
            (name, value)
        };
        sum.data_points.iter().map(value).collect::<Vec<_>>()
    };
    scope_metrics.metrics.iter().flat_map(sums).collect()
}

fn wait_for(what: &str, condition: impl Fn() -> bool) {
    let started = Instant::now();
    while !condition() {
        assert!(started.elapsed() < LONG, "no {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn figures_arrive_at_the_end_in_every_protocol() {
    for (protocol, path) in [
        ("grpc", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export"),
        ("http/protobuf", "/v1/metrics"),
        ("http/json", "/v1/metrics"),
    ] {
        let collector = Collector::start(Vec::new());
        let metrics = start(&collector, protocol, &[]);
        let calls = metrics.figure("renacer.calls", "call", "Calls seen");
        let _never = metrics.figure("renacer.spans.lost", "span", "Spans lost");
        let lost = metrics.figures("renacer.events.lost", "event", "Events lost", "reason", ["one", "other"]);
        lost[1].set(3);
        calls.set(7);
        calls.set(u64::from(u32::MAX) * 3);
        assert_eq!(metrics.finish(LONG), None, "{protocol}");
        let received = collector.received();
        assert_eq!(received.iter().map(|one| one.path.as_str()).collect::<Vec<_>>(), [path]);
        let expected = [
            ("renacer.calls", i64::from(u32::MAX) * 3),
            ("renacer.spans.lost", 0),
            ("renacer.events.lost reason=one", 0),
            ("renacer.events.lost reason=other", 3),
        ];
        assert_eq!(figures(&received[0], 2), expected.map(|(name, value)| (name.to_owned(), value)).into());
    }
}

#[test]
fn figures_arrive_meanwhile() {
    let collector = Collector::start(Vec::new());
    let metrics = start(&collector, "http/protobuf", &[("OTEL_METRIC_EXPORT_INTERVAL", "20")]);
    let calls = metrics.figure("renacer.calls", "call", "Calls seen");
    for total in [3, 5] {
        calls.set(total);
        let arrived = |received: &Received| figures(received, 2)["renacer.calls"] == total as i64;
        wait_for("request with this figure", || collector.received().iter().any(arrived));
    }
    assert_eq!(metrics.finish(LONG), None);
}

#[test]
fn differences_are_sent_where_they_are_preferred() {
    let collector = Collector::start(Vec::new());
    let preference = ("OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE", "delta");
    let metrics = start(&collector, "http/json", &[preference, ("OTEL_METRIC_EXPORT_INTERVAL", "20")]);
    let calls = metrics.figure("renacer.calls", "call", "Calls seen");
    calls.set(3);
    let sum = || collector.received().iter().map(|one| figures(one, 1)["renacer.calls"]).sum::<i64>();
    wait_for("first difference", || sum() == 3);
    calls.set(10);
    assert_eq!(metrics.finish(LONG), None);
    assert_eq!(sum(), 10);
}

#[test]
fn a_collector_without_metrics_is_asked_once_and_not_complained_of() {
    for (protocol, answer) in [
        ("http/protobuf", Answer::Http(404, Vec::new(), b"404 page not found".to_vec())),
        ("grpc", Answer::Grpc(12, "unknown service", Vec::new())),
    ] {
        let collector = Collector::always(answer);
        let metrics = start(&collector, protocol, &[("OTEL_METRIC_EXPORT_INTERVAL", "10")]);
        let _calls = metrics.figure("renacer.calls", "call", "Calls seen");
        wait_for("request", || !collector.received().is_empty());
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(metrics.finish(LONG), None, "{protocol}");
        assert_eq!(collector.received().len(), 1, "{protocol}");
    }
}

#[test]
fn a_busy_collector_is_asked_again_and_another_refusal_is_told() {
    let busy = || Answer::Http(503, Vec::new(), Vec::new());
    for (script, trouble) in [(vec![busy()], None), (vec![busy(), busy()], Some("503"))] {
        let collector = Collector::start(script);
        let metrics = start(&collector, "http/protobuf", &[]);
        metrics.figure("renacer.calls", "call", "Calls seen").set(1);
        let told = metrics.finish(LONG);
        assert_eq!(told.is_some(), trouble.is_some(), "{told:?}");
        assert!(told.unwrap_or_default().contains(trouble.unwrap_or_default()));
        assert_eq!(collector.received().len(), 2);
    }
    let collector = Collector::always(Answer::Partial(1, "too old"));
    let metrics = start(&collector, "http/protobuf", &[]);
    metrics.figure("renacer.calls", "call", "Calls seen").set(1);
    assert!(metrics.finish(LONG).is_some_and(|told| told.contains("too old")));
}

#[test]
fn nothing_is_sent_without_time() {
    let collector = Collector::start(Vec::new());
    let metrics = start(&collector, "grpc", &[]);
    metrics.figure("renacer.calls", "call", "Calls seen").set(1);
    assert_eq!(metrics.finish(Duration::ZERO), None);
    assert_eq!(collector.received().len(), 0);
}

#[test]
fn an_end_that_nobody_answers_keeps_its_deadline() {
    let collector = Collector::always(Answer::Hang);
    let metrics = start(&collector, "http/protobuf", &[]);
    metrics.figure("renacer.calls", "call", "Calls seen").set(1);
    let started = Instant::now();
    assert!(metrics.finish(Duration::from_millis(100)).is_some_and(|told| told.contains("no answer")));
    assert!(started.elapsed() < LONG / 2);
}

#[test]
fn metrics_are_wanted_only_where_the_variable_says_so() {
    for value in ["none", "", "console", "prometheus", "otlp-like"] {
        let (config, warnings) = configured(&flags("http://127.0.0.1:1", "grpc"), &[("OTEL_METRICS_EXPORTER", value)]);
        assert!(config.is_none() && warnings.is_empty(), "{value}: {warnings:?}");
    }
    assert!(configured(&Overrides::default(), &[("OTEL_METRICS_EXPORTER", "console, otlp")]).0.is_some());
}

#[test]
fn metrics_have_an_endpoint_of_their_own() {
    let collector = Collector::start(Vec::new());
    let url = |path: &str| format!("{}{path}", collector.url());
    let flag = |path: &str| Overrides { endpoint: Some(url(path)), ..Overrides::default() };
    let (own, general) = ("OTEL_EXPORTER_OTLP_METRICS_ENDPOINT", "OTEL_EXPORTER_OTLP_ENDPOINT");
    let none = Overrides::default();
    let (a, b, c) = (url("/own/metrics"), url("/base"), url("/elsewhere"));
    let cases = [
        (
            &none,
            vec![(own, a.as_str()), (general, b.as_str()), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", c.as_str())],
            "/own/metrics",
        ),
        (&none, vec![(general, b.as_str()), ("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", c.as_str())], "/base/v1/metrics"),
        (&flag(""), vec![(general, b.as_str())], "/v1/metrics"),
        (&flag("/x/v1/traces"), vec![], "/x/v1/metrics"),
        (&flag("/"), vec![(own, a.as_str())], "/v1/metrics"),
    ];
    for (overrides, variables, path) in cases {
        let (config, warnings) = configured(overrides, &variables);
        assert_eq!(warnings, [""; 0]);
        let metrics = Metrics::start(config.unwrap(), Vec::new()).unwrap();
        metrics.figure("renacer.calls", "call", "Calls seen").set(1);
        assert_eq!(metrics.finish(LONG), None);
        assert_eq!(collector.received().last().unwrap().path, path);
    }
    let (config, warnings) = configured(&flag("/only/for/traces"), &[]);
    assert!(config.is_none());
    assert!(warnings[0].contains("/only/for/traces"), "{warnings:?}");
}
