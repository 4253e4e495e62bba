//! The outside of the exporter: spans go in, and what became of them comes out.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use renacer_events::Span;

use crate::config::Config;
use crate::delivery;
use crate::queue::Shared;
use crate::transport::{Error, Target};

/// Why spans come back.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// The collector could not be reached, or did not take spans in time.
    Unreachable(String),
    /// The collector does not want them: sending them again would not help.
    Refused(String),
    /// The time for the last ones was up.
    Stopped,
}

/// Is told what happens. Its functions are called on the exporter's thread, one at a time; while one runs, nothing is sent.
/// They must not call the exporter.
pub trait Listener: Send + 'static {
    /// These spans were not delivered and will not be: they belong to the listener now.
    fn handed_back(&mut self, spans: Vec<Span>, reason: &Reason);
    /// Something that the user should know; each kind of trouble is told once a run.
    fn warning(&mut self, text: &str);
}

/// What became of the spans: each one that was given is in exactly one of the numbers, once the exporter has stopped.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accepted by the collector.
    pub delivered: u64,
    /// In a request that the collector accepted, but not they. It does not say which.
    pub rejected: u64,
    /// Given to the listener.
    pub handed_back: u64,
    /// The first complaint of the collector, in its words.
    pub complaint: Option<String>,
}

/// Delivers spans in the background. It has one thread, which exists from [`Exporter::start`] on.
pub struct Exporter {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

impl Exporter {
    /// Reads the certificates and starts the thread. Nothing is sent and no connection made before there are spans.
    pub fn start(config: Config, listener: impl Listener) -> Result<Self, Error> {
        let target = Arc::new(Target::new(config.clone())?);
        let runtime = tokio::runtime::Builder::new_current_thread().enable_io().enable_time().build()?;
        let shared = Arc::new(Shared::new(config, Box::new(listener)));
        let inside = shared.clone();
        let thread = std::thread::Builder::new().name("renacer-otlp".into()).spawn(move || {
            runtime.block_on(delivery::run(inside, target));
            // A name that is still being looked up must not hold up the end.
            runtime.shutdown_background();
        })?;
        Ok(Exporter { shared, thread: Some(thread) })
    }

    /// Adds a span. Waits while too many are under way; how long is bounded, since what cannot be delivered in time comes back.
    pub fn push(&self, span: Span) {
        self.send(vec![span]);
    }

    /// Adds spans, as [`Exporter::push`].
    pub fn send(&self, spans: Vec<Span>) {
        self.shared.add(spans);
    }

    /// What became of the spans so far.
    pub fn counts(&self) -> Counts {
        self.shared.lock().counts.clone()
    }

    /// Sends what is left, for `deadline` at most; the rest is handed back. After it, nothing happens any more.
    pub fn flush_and_stop(mut self, deadline: Duration) -> Counts {
        self.stop(deadline);
        self.counts()
    }

    fn stop(&mut self, deadline: Duration) {
        if let Some(thread) = self.thread.take() {
            self.shared.stop(deadline);
            // It has a deadline of its own. If it panicked, the counts show what is missing.
            let _ = thread.join();
        }
    }
}

impl Drop for Exporter {
    fn drop(&mut self) {
        self.stop(Duration::ZERO);
    }
}
