//! Sums as `ExportMetricsServiceRequest`, in protobuf and in JSON.

use std::time::{SystemTime, UNIX_EPOCH};

use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::{AggregatedMetrics, Metric, MetricData, ResourceMetrics, Sum, SumDataPoint};
use renacer_events::{Attribute, Resource};
use serde_json::{Value, json};

use crate::limits::MAX_TEXT;
use crate::protobuf::{self, VARINT, bytes, fixed64, nested, tag, varint};
use crate::{SCHEMA_URL, SCOPE_NAME, SCOPE_VERSION};

fn nanoseconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}

/// `AggregationTemporality`
fn temporality(sum: &Sum<u64>) -> u64 {
    if sum.temporality() == Temporality::Delta { 1 } else { 2 }
}

/// Every metric here is a sum of whole numbers.
fn sums(metrics: &ResourceMetrics) -> impl Iterator<Item = (&Metric, &Sum<u64>)> {
    metrics.scope_metrics().flat_map(|scope| scope.metrics()).filter_map(|metric| match metric.data() {
        AggregatedMetrics::U64(MetricData::Sum(sum)) => Some((metric, sum)),
        _ => None,
    })
}

/// A point's attributes, which all are texts.
fn attributes(point: &SumDataPoint<u64>) -> impl Iterator<Item = (String, String)> {
    point.attributes().map(|pair| (pair.key.to_string(), pair.value.to_string()))
}

pub(super) fn protobuf(resource: &Resource, metrics: &ResourceMetrics) -> Vec<u8> {
    let mut out = Vec::new();
    nested(&mut out, 1, |out| {
        bytes(out, 1, &protobuf::resource(resource));
        nested(out, 2, |out| {
            nested(out, 1, |out| {
                bytes(out, 1, SCOPE_NAME.as_bytes());
                bytes(out, 2, SCOPE_VERSION.as_bytes());
            });
            for (metric, sum) in sums(metrics) {
                nested(out, 2, |out| {
                    bytes(out, 1, metric.name().as_bytes());
                    bytes(out, 2, metric.description().as_bytes());
                    bytes(out, 3, metric.unit().as_bytes());
                    nested(out, 7, |out| {
                        for point in sum.data_points() {
                            nested(out, 1, |out| {
                                for (key, value) in attributes(point) {
                                    let attribute = Attribute { key: key.into(), value: value.into() };
                                    protobuf::attribute(out, 7, &attribute, MAX_TEXT);
                                }
                                fixed64(out, 2, nanoseconds(sum.start_time()));
                                fixed64(out, 3, nanoseconds(sum.time()));
                                fixed64(out, 6, point.value());
                            });
                        }
                        tag(out, 2, VARINT);
                        varint(out, temporality(sum));
                        tag(out, 3, VARINT);
                        varint(out, sum.is_monotonic().into());
                    });
                });
            }
            bytes(out, 3, SCHEMA_URL.as_bytes());
        });
        bytes(out, 3, SCHEMA_URL.as_bytes());
    });
    out
}

pub(super) fn json(resource: &Resource, metrics: &ResourceMetrics) -> Vec<u8> {
    let metric = |(metric, sum): (&Metric, &Sum<u64>)| {
        let points: Vec<Value> = sum
            .data_points()
            .map(|point| {
                let attributes =
                    attributes(point).map(|(key, value)| json!({"key": key, "value": {"stringValue": value}}));
                json!({
                    "attributes": attributes.collect::<Vec<_>>(),
                    "startTimeUnixNano": nanoseconds(sum.start_time()).to_string(),
                    "timeUnixNano": nanoseconds(sum.time()).to_string(),
                    "asInt": point.value().to_string(),
                })
            })
            .collect();
        json!({
            "name": metric.name(),
            "description": metric.description(),
            "unit": metric.unit(),
            "sum": {
                "dataPoints": points,
                "aggregationTemporality": temporality(sum),
                "isMonotonic": sum.is_monotonic(),
            },
        })
    };
    let metrics: Vec<Value> = sums(metrics).map(metric).collect();
    // The resource is written as that of spans is.
    let resource: Value = serde_json::from_str(&crate::json::resource(resource)).unwrap_or_default();
    json!({"resourceMetrics": [{
        "resource": resource,
        "scopeMetrics": [{
            "scope": {"name": SCOPE_NAME, "version": SCOPE_VERSION},
            "metrics": metrics,
            "schemaUrl": SCHEMA_URL,
        }],
        "schemaUrl": SCHEMA_URL,
    }]})
    .to_string()
    .into_bytes()
}
