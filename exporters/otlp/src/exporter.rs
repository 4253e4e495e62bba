//! The outside of the exporter: spans go in, and what became of them is fetched.

use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use renacer_events::Span;

use crate::config::Config;
use crate::delivery;
use crate::queue::Shared;
use crate::transport::{Error, Target};

/// What became of the spans: each one that was pushed is in exactly one of the first five numbers once the exporter has
/// finished, but for those of a backlog that go on waiting where they are.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Accepted by the collector.
    pub delivered: u64,
    /// Refused by the collector for good, where that leaves nothing to hand back: those of an accepted request that it does
    /// not want (it does not say which), and those of a refused request that was pushed encoded.
    pub rejected: u64,
    /// Of a request that the collector refused for good: handed back as such, to be set aside.
    pub refused: u64,
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
    /// Texts that [`Limits::value_length`](crate::Limits::value_length) cuts in what the collector gets, of spans that were pushed.
    pub cut: u64,
}

/// What became of a portion of a backlog, or of a request that was pushed encoded.
#[derive(Debug, Default)]
pub struct Settled {
    /// The number that the caller gave it.
    pub portion: u64,
    /// Spans that the collector has taken.
    pub delivered: u64,
    /// Spans that it took and did not want.
    pub rejected: u64,
    /// Of a backlog: those that may be delivered later.
    pub undelivered: Vec<Span>,
    /// Of a backlog: those of a request that the collector refused for good.
    pub refused: Vec<Span>,
    /// Of an encoded request: how many may be delivered later.
    pub encoded_undelivered: u64,
    /// Of an encoded request: how many are in a request that the collector refused for good.
    pub encoded_refused: u64,
}

/// What is left when an exporter has finished.
#[derive(Debug)]
pub struct Finished {
    /// What became of the spans.
    pub counts: Counts,
    /// Spans that could not be delivered, since [`Exporter::take_undelivered`] was last called.
    pub undelivered: Vec<Vec<Span>>,
    /// Spans of requests that the collector refused for good, since [`Exporter::take_refused`] was last called.
    pub refused: Vec<Vec<Span>>,
    /// Portions, since [`Exporter::take_settled`] was last called.
    pub settled: Vec<Settled>,
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
    /// have waited long enough. Where too many are under way, waits for room: not for long ([`Config::patience`]), then they
    /// are handed back at once until the collector has answered something.
    pub fn push(&mut self, spans: Vec<Span>) {
        self.shared.add(spans);
    }

    /// Takes spans that could not be delivered before. They never hold up fresh ones; what becomes of them is told by
    /// [`Exporter::take_settled`], under this number, which must be a new one. Ask [`Exporter::room_for_backlog`] first.
    pub fn push_backlog(&mut self, spans: Vec<Span>, portion: u64) {
        self.shared.add_backlog(spans, portion);
    }

    /// How many portions of a backlog may be pushed now: none while the collector does not answer, but for one every few
    /// seconds, to see whether that has changed.
    pub fn room_for_backlog(&self, now: Instant) -> usize {
        self.shared.room_for_backlog(now)
    }

    /// When [`Exporter::room_for_backlog`] and [`Exporter::take_settled`] are to be asked again by someone who has a backlog.
    pub fn backlog_due(&self) -> Option<Instant> {
        self.shared.backlog_due()
    }

    /// Takes a request that is encoded already: `ExportTraceServiceRequest` as protobuf, or as JSON where that is the
    /// configured protocol, with this many spans. What becomes of them is told by [`Exporter::take_settled`], under this
    /// number, which must be a new one. Waits for room until there is some: how long is bounded, since each request is given
    /// up in time.
    pub fn push_encoded(&mut self, request: Vec<u8>, spans: usize, portion: u64) {
        self.shared.add_encoded(request.into(), spans, portion);
    }

    /// Portions of which the end is known, since the last time.
    pub fn take_settled(&mut self) -> Vec<Settled> {
        std::mem::take(&mut self.shared.lock().settled)
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

    /// Spans of requests that the collector refused for good, since the last time. They are the caller's now.
    pub fn take_refused(&mut self) -> Vec<Vec<Span>> {
        std::mem::take(&mut self.shared.lock().refused)
    }

    /// Says that no more fresh spans come: what is gathered is sent, and a collector that is not there is tried more often.
    pub fn end(&mut self) {
        self.shared.end();
    }

    /// Waits until something was answered or given up, for this time at most. False if there is nothing to wait for: after
    /// [`Exporter::end`], because the collector was never there, or because nothing is here any more.
    pub fn wait(&self, time: Duration) -> bool {
        self.shared.wait(time)
    }

    /// Whether no span is here.
    pub fn is_idle(&self) -> bool {
        self.shared.is_idle()
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
            refused: std::mem::take(&mut state.refused),
            settled: std::mem::take(&mut state.settled),
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
