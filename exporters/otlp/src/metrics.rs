//! Renacer's own metrics: counts of a run, through OpenTelemetry's SDK to the collector, where the user asks for them.
//!
//! Stages tell how far they are ([`Figure::set`]); the SDK's periodic reader collects that now and then and at the end, on a
//! thread of its own. Reading the variables starts nothing, and without a configuration there is nothing to start.

mod encode;
mod sender;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use opentelemetry::metrics::{Meter, MeterProvider};
use opentelemetry::{InstrumentationScope, KeyValue};
use opentelemetry_sdk::metrics::{PeriodicReader, SdkMeterProvider, Temporality};
use renacer_events::Attribute;

use self::sender::{Sender, State};
use crate::config::{Config, ConfigError, Overrides, Signal, read};
use crate::transport::Error;
use crate::variables::Variables;
use crate::{SCHEMA_URL, SCOPE_NAME, SCOPE_VERSION};

/// Where metrics go, and how often.
#[derive(Clone, Debug)]
pub struct MetricsConfig {
    config: Config,
    interval: Duration,
    temporality: Temporality,
}

impl MetricsConfig {
    /// Reads flags and environment: metrics are wanted only where `OTEL_METRICS_EXPORTER` names `otlp`. The strings are
    /// warnings for the user.
    ///
    /// # Errors
    ///
    /// A flag that makes no sense.
    pub fn from_environment(
        lookup: &dyn Fn(&str) -> Option<String>,
        overrides: &Overrides,
    ) -> Result<(Option<MetricsConfig>, Vec<String>), ConfigError> {
        let mut variables = Variables::new(lookup).of_signal("METRICS");
        // Other exporters may be the traced program's business: no word about them.
        let wanted =
            variables.get("OTEL_METRICS_EXPORTER").is_some_and(|list| list.split(',').any(|e| e.trim() == "otlp"));
        if !wanted {
            return Ok((None, Vec::new()));
        }
        let mut config = match read(&mut variables, overrides, Signal::Metrics) {
            Ok(config) => config,
            // As the endpoint of traces it may be one: metrics have a variable of their own.
            Err(ConfigError::Endpoint(text, reason)) => {
                let text =
                    format!("no metrics are sent to {text:?}: {reason}; OTEL_EXPORTER_OTLP_METRICS_ENDPOINT is not");
                return Ok((None, vec![text]));
            }
            Err(error) => return Err(error),
        };
        // What is the matter with the general ones has been said for traces.
        variables.warnings.retain(|warning| warning.contains("_METRICS_"));
        let timeout = variables.milliseconds("OTEL_METRIC_EXPORT_TIMEOUT").unwrap_or(Duration::from_secs(30));
        config.batch_timeout = timeout;
        let interval = variables.milliseconds("OTEL_METRIC_EXPORT_INTERVAL").unwrap_or(Duration::from_secs(60));
        let temporality = variables.otlp_choice("TEMPORALITY_PREFERENCE", |text| text.parse().ok()).unwrap_or_default();
        Ok((Some(MetricsConfig { config, interval, temporality }), variables.warnings))
    }
}

/// A count that only grows.
#[derive(Clone, Debug)]
pub struct Figure(Arc<AtomicU64>);

impl Figure {
    /// It has come to this.
    pub fn set(&self, total: u64) {
        self.0.store(total, Ordering::Relaxed);
    }
}

/// Sends figures in the background from [`Metrics::start`] on, and a last time in [`Metrics::finish`].
pub struct Metrics {
    provider: SdkMeterProvider,
    meter: Meter,
    state: Arc<State>,
}

impl Metrics {
    /// Reads the certificates and starts the thread. No connection is made before there is something to send. The
    /// attributes say what is measured; the first is to be unique for each run.
    ///
    /// # Errors
    ///
    /// Certificates that cannot be used.
    pub fn start(config: MetricsConfig, resource: Vec<Attribute>) -> Result<Self, Error> {
        let state = Arc::new(State::default());
        let sender = Sender::new(config.config, resource, config.temporality, state.clone())?;
        let reader = PeriodicReader::builder(sender).with_interval(config.interval).build();
        let provider = SdkMeterProvider::builder().with_reader(reader).build();
        let scope = InstrumentationScope::builder(SCOPE_NAME).with_version(SCOPE_VERSION).with_schema_url(SCHEMA_URL);
        let meter = provider.meter_with_scope(scope.build());
        Ok(Metrics { provider, meter, state })
    }

    /// Adds a figure. The unit is a word for what is counted.
    pub fn figure(&self, name: &'static str, unit: &'static str, description: &'static str) -> Figure {
        let figure = Arc::new(AtomicU64::new(0));
        let observed = figure.clone();
        let counter = self.meter.u64_observable_counter(name).with_unit(format!("{{{unit}}}"));
        let counter = counter.with_description(description);
        let _registered = counter.with_callback(move |to| to.observe(observed.load(Ordering::Relaxed), &[])).build();
        Figure(figure)
    }

    /// Adds a figure that is told apart by an attribute: one for each of its values.
    pub fn figures<const N: usize>(
        &self,
        name: &'static str,
        unit: &'static str,
        description: &'static str,
        key: &'static str,
        values: [&'static str; N],
    ) -> [Figure; N] {
        let figures = values.map(|_| Figure(Arc::new(AtomicU64::new(0))));
        let observed = figures.clone();
        let counter = self.meter.u64_observable_counter(name).with_unit(format!("{{{unit}}}"));
        let tell = move |to: &dyn opentelemetry::metrics::AsyncInstrument<u64>| {
            for (figure, value) in observed.iter().zip(values) {
                to.observe(figure.0.load(Ordering::Relaxed), &[KeyValue::new(key, value)]);
            }
        };
        let _registered = counter.with_description(description).with_callback(tell).build();
        figures
    }

    /// Sends the figures a last time, and then nothing more: for `deadline` at most; not at all if that is zero. Returns what the user should know.
    pub fn finish(self, deadline: Duration) -> Option<String> {
        self.state.end(Instant::now() + deadline);
        // It fails where the sender has failed, which has a better word for it.
        let _ = self.provider.shutdown();
        self.state.trouble()
    }
}

impl Drop for Metrics {
    /// Without [`Metrics::finish`], nothing is sent any more.
    fn drop(&mut self) {
        self.state.end(Instant::now());
    }
}
