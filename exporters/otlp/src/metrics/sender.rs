//! Sends what the SDK has collected, over the connection and in the protocol that spans use.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use opentelemetry_sdk::error::{OTelSdkError, OTelSdkResult};
use opentelemetry_sdk::metrics::Temporality;
use opentelemetry_sdk::metrics::data::ResourceMetrics;
use opentelemetry_sdk::metrics::exporter::PushMetricExporter;
use renacer_events::{Attribute, Resource};
use tokio::runtime::Runtime;

use super::encode;
use crate::config::{Config, Protocol};
use crate::transport::{Answer, Client, Error, Target};

/// The pause before a request is repeated.
const PAUSE: Duration = Duration::from_millis(300);

/// What sender and owner both know.
#[derive(Default)]
pub(super) struct State {
    /// Everything must be gone by then.
    end: Mutex<Option<Instant>>,
    trouble: Mutex<Option<String>>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl State {
    pub(super) fn end(&self, at: Instant) {
        *lock(&self.end) = Some(at);
    }

    /// Why the last figures did not arrive.
    pub(super) fn trouble(&self) -> Option<String> {
        lock(&self.trouble).take()
    }

    fn left(&self) -> Duration {
        lock(&self.end).map_or(Duration::MAX, |end| end.saturating_duration_since(Instant::now()))
    }
}

pub(super) struct Sender {
    config: Config,
    resource: Resource,
    temporality: Temporality,
    state: Arc<State>,
    /// The reader's thread drives it itself, while it sends.
    connection: Mutex<(Runtime, Client)>,
    /// The collector takes no metrics.
    unwanted: AtomicBool,
}

impl Sender {
    pub(super) fn new(
        config: Config,
        resource: Vec<Attribute>,
        temporality: Temporality,
        state: Arc<State>,
    ) -> Result<Self, Error> {
        let client = Client::new(Arc::new(Target::new(config.clone())?));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let resource = Resource { attributes: resource };
        let (connection, unwanted) = (Mutex::new((runtime, client)), AtomicBool::new(false));
        Ok(Sender { config, resource, temporality, state, connection, unwanted })
    }

    /// Sends a request, a second time where that may help; for as long as there is time.
    fn send(&self, body: Vec<u8>) -> Result<(), String> {
        let mut connection = lock(&self.connection);
        let (runtime, client) = &mut *connection;
        let end = Instant::now() + self.config.batch_timeout.min(self.state.left());
        let bytes = client.pack(&body.into());
        let mut attempt = || {
            let left = end.saturating_duration_since(Instant::now());
            runtime.block_on(client.send(bytes.clone(), self.config.timeout.min(left)))
        };
        let mut answer = attempt();
        if let Answer::Retry { after, .. } = &answer {
            let pause = after.unwrap_or_default().max(PAUSE);
            if Instant::now() + pause < end {
                std::thread::sleep(pause);
                answer = attempt();
            }
        }
        match answer {
            Answer::Delivered { rejected: 0, .. } => Ok(()),
            Answer::Delivered { rejected, message } => {
                Err(format!("{rejected} rejected: {}", message.unwrap_or_default()))
            }
            Answer::NoSuchService(_) => {
                self.unwanted.store(true, Ordering::Relaxed);
                Ok(())
            }
            Answer::Retry { message, .. }
            | Answer::Refused(message)
            | Answer::TooLarge(message)
            | Answer::NotConnected(message)
            | Answer::TimedOut(message) => Err(message),
        }
    }
}

impl PushMetricExporter for Sender {
    async fn export(&self, metrics: &ResourceMetrics) -> OTelSdkResult {
        if self.unwanted.load(Ordering::Relaxed) || self.state.left().is_zero() {
            return Ok(());
        }
        let body = match self.config.protocol() {
            Protocol::Grpc | Protocol::HttpProtobuf => encode::protobuf(&self.resource, metrics),
            Protocol::HttpJson => encode::json(&self.resource, metrics),
        };
        let result = self.send(body);
        // The latest outcome counts: figures are totals.
        *lock(&self.state.trouble) =
            result.as_ref().err().map(|error| format!("metrics did not reach {}: {error}", self.config.endpoint()));
        result.map_err(OTelSdkError::InternalFailure)
    }

    fn force_flush(&self) -> OTelSdkResult {
        Ok(())
    }

    fn shutdown_with_timeout(&self, _timeout: Duration) -> OTelSdkResult {
        Ok(())
    }

    fn temporality(&self) -> Temporality {
        self.temporality
    }
}

impl fmt::Debug for Sender {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Sender").field("config", &self.config).finish_non_exhaustive()
    }
}
