//! Renacer's own metrics: the figures of a run, for a collector, where the user asks for them.

use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use renacer_events::{Attribute, MergeCounts, Options, Totals, Value};
use renacer_otlp::{Counts, Figure, Metrics, MetricsConfig, environment};

/// The longest that the last figures take on their way: nobody waits for these.
const LONGEST_END: Duration = Duration::from_secs(5);

/// What of a run is counted; the stages tell it as they go.
pub struct Figures {
    calls: Figure,
    merged_calls: Figure,
    merged_spans: Figure,
    /// Events: of unknown threads, that no stage took, and calls for which there was no room.
    events_lost: [Figure; 3],
    delivered: Figure,
    written: Figure,
    refused: Figure,
    lost: Figure,
    requests: Figure,
    retries: Figure,
    redelivered: Figure,
}

impl Figures {
    fn new(metrics: &Metrics) -> Self {
        Figures {
            calls: metrics.figure("renacer.calls", "call", "System calls seen"),
            merged_calls: metrics.figure("renacer.calls.merged", "call", "System calls that are in merged spans"),
            merged_spans: metrics.figure("renacer.spans.merged", "span", "Spans that stand for several system calls"),
            events_lost: metrics.figures(
                "renacer.events.lost",
                "event",
                "Events that are in no span: of unknown threads, that no stage took, and calls for which there was no room",
                "reason",
                ["unknown_thread", "not_taken", "no_room"],
            ),
            delivered: metrics.figure("renacer.spans.delivered", "span", "Spans that the collector has taken"),
            written: metrics.figure("renacer.spans.file", "span", "Spans in the local file"),
            refused: metrics.figure("renacer.spans.refused", "span", "Spans that the collector has refused"),
            lost: metrics.figure("renacer.spans.lost", "span", "Spans that are neither delivered nor in the file"),
            requests: metrics.figure("renacer.requests", "request", "Requests with spans, repetitions included"),
            redelivered: metrics.figure("renacer.spans.redelivered", "span", "Spans delivered after they had been in a file"),
            retries: metrics.figure("renacer.requests.repeated", "request", "Requests that repeated an earlier one"),
        }
    }

    /// What the assemble stage has seen, and how many events did not reach it.
    pub fn seen(&self, totals: &Totals, unheard: u64) {
        self.calls.set(totals.calls);
        let lost = [totals.unknown_events, unheard, totals.calls_dropped];
        self.events_lost.iter().zip(lost).for_each(|(figure, count)| figure.set(count));
    }

    /// What was merged, and how many spans were delivered from a file.
    pub fn passed_on(&self, merged: MergeCounts, redelivered: u64) {
        self.merged_calls.set(merged.calls);
        self.merged_spans.set(merged.spans);
        self.redelivered.set(redelivered);
    }

    /// What has become of the spans: how many are in local files, and how many could not be written there.
    pub fn exported(&self, collector: Option<&Counts>, written: u64, not_written: u64) {
        self.written.set(written);
        self.lost.set(not_written + collector.map_or(0, |counts| counts.lost));
        if let Some(counts) = collector {
            self.delivered.set(counts.delivered);
            self.refused.set(counts.rejected + counts.refused);
            self.requests.set(counts.requests);
            self.retries.set(counts.retries);
        }
    }
}

/// The figures and what sends them.
pub struct OwnMetrics {
    metrics: Metrics,
    /// The figures.
    pub figures: Arc<Figures>,
}

impl OwnMetrics {
    /// Starts to send them.
    pub fn start(config: MetricsConfig, run: &Options) -> anyhow::Result<Self> {
        // Both ids: a caller may have several runs in one trace.
        let (trace, root) = (u128::from_be_bytes(run.trace_id.0), u64::from_be_bytes(run.root_span_id.0));
        let mut resource = vec![
            Attribute::new("service.instance.id", format!("{trace:032x}-{root:016x}")),
            Attribute::new("service.name", "renacer"),
            Attribute::new("service.version", env!("CARGO_PKG_VERSION")),
            Attribute::new("process.pid", i64::from(std::process::id())),
        ];
        resource.extend(environment::detected());
        if let Some(redact) = &run.redact {
            for attribute in resource.iter_mut().skip(1) {
                if let Value::Text(text) = &mut attribute.value {
                    redact.text(text);
                }
            }
        }
        let metrics = Metrics::start(config, resource).context("cannot send metrics")?;
        let figures = Arc::new(Figures::new(&metrics));
        Ok(OwnMetrics { metrics, figures })
    }

    /// Sends the last ones, unless nothing of this run has reached the collector. Returns what the user should know.
    pub fn finish(self, collector: Option<&Counts>, timeout: Duration) -> Option<String> {
        let reached = collector.is_none_or(|counts| counts.delivered > 0 || counts.handed_back == 0);
        self.metrics.finish(if reached { timeout.min(LONGEST_END) } else { Duration::ZERO })
    }
}
