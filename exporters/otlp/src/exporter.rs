//! The outside of the exporter: spans go in, and what became of them is fetched.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use renacer_events::Span;

use crate::config::Config;
use crate::delivery;
use crate::queue::Shared;
use crate::transport::{Error, Target};

/// What became of the spans: each one that was pushed is in exactly one of the first four numbers once the exporter has finished.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accepted by the collector.
    pub delivered: u64,
    /// Refused by the collector for good, where that leaves nothing to hand back: those of an accepted request that it does
    /// not want (it does not say which), and those of a refused request that was pushed encoded.
    pub rejected: u64,
    /// Not delivered, and handed back; of requests that were pushed encoded, only counted. After a time-out the collector
    /// may have them nevertheless.
    pub handed_back: u64,
    /// Held by the exporter's thread when that failed: gone.
    pub lost: u64,
    /// The first complaint of the collector about spans, in its words.
    pub first_rejection: Option<String>,
    /// Requests sent, repetitions included.
    pub requests: u64,
    /// Requests that repeated an earlier one.
    pub retries: u64,
}

/// What is left when an exporter has finished.
#[derive(Debug)]
pub struct Finished {
    /// What became of the spans.
    pub counts: Counts,
    /// Spans that could not be delivered, since [`Exporter::take_undelivered`] was last called.
    pub undelivered: Vec<Vec<Span>>,
    /// What the user should know, since [`Exporter::warnings`] was last called.
    pub warnings: Vec<String>,
}

/// Delivers spans in the background, on one thread, which exists from [`Exporter::start`] on.
///
/// Dropping it without [`Exporter::finish`] gives up what is not delivered yet.
pub struct Exporter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Exporter {
    /// Reads the certificates and starts the thread. Nothing is sent and no connection made before there are spans.
    ///
    /// # Errors
    ///
    /// Certificates that cannot be used, or no thread from the system.
    pub fn start(config: Config) -> Result<Self, Error> {
        let target = Arc::new(Target::new(config.clone())?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let shared = Arc::new(Shared::new(config));
        let inside = shared.clone();
        let thread = std::thread::Builder::new().name("renacer-otlp".into()).spawn(move || {
            runtime.block_on(delivery::run(inside, target));
            // A name that is still being looked up must not hold up the end.
            runtime.shutdown_background();
        })?;
        Ok(Exporter { shared, thread: Some(thread) })
    }

    /// Takes spans, which are encoded here and sent when there are enough of them or when [`Exporter::tick`] finds that they
    /// have waited long enough. Where too many are under way, waits for room: for a second at most, then they are handed
    /// back at once until the collector has answered something.
    pub fn push(&mut self, spans: Vec<Span>) {
        self.shared.add(spans);
    }

    /// Takes a request that is encoded already: `ExportTraceServiceRequest` as protobuf, or as JSON where that is the
    /// configured protocol, with this many spans. If it cannot be delivered, they are only counted. Waits for room until there is some:
    /// how long is bounded, since each request is given up in time.
    pub fn push_encoded(&mut self, request: Vec<u8>, spans: usize) {
        self.shared.add_encoded(request, spans);
    }

    /// When [`Exporter::tick`] has something to send or there may be undelivered spans or warnings to fetch; none while
    /// nothing is here.
    pub fn due(&self) -> Option<Instant> {
        self.shared.due()
    }

    /// Sends spans that have waited for as long as the configuration allows ([`Config::schedule_delay`]).
    pub fn tick(&mut self, now: Instant) {
        self.shared.close_old(now);
    }

    /// Spans that could not be delivered, since the last time. They are the caller's now.
    pub fn take_undelivered(&mut self) -> Vec<Vec<Span>> {
        std::mem::take(&mut self.shared.lock().undelivered)
    }

    /// What the user should know, since the last time; each kind of trouble is told once.
    pub fn warnings(&mut self) -> Vec<String> {
        std::mem::take(&mut self.shared.lock().warnings)
    }

    /// What became of the spans so far.
    pub fn counts(&self) -> Counts {
        self.shared.lock().counts.clone()
    }

    /// Sends what is left, for `deadline` at most; the rest is handed back. After it, nothing happens any more.
    pub fn finish(mut self, deadline: Duration) -> Finished {
        self.stop(deadline);
        let mut state = self.shared.lock();
        // Nothing is left, unless the thread has failed.
        state.counts.lost += state.take_held();
        Finished {
            counts: state.counts.clone(),
            undelivered: std::mem::take(&mut state.undelivered),
            warnings: std::mem::take(&mut state.warnings),
        }
    }

    fn stop(&mut self, deadline: Duration) {
        if let Some(thread) = self.thread.take() {
            self.shared.stop(deadline);
            // It keeps the deadline. If it has panicked, the counts show what is missing.
            let _ = thread.join();
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}
