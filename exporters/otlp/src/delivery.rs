//! Sending batches: several at a time, again where that may help, in halves where they are too large, and back where nothing
//! helps.

use std::sync::Arc;
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use tokio::task::JoinSet;

use crate::config::MAX_BATCH_BYTES;
use crate::queue::{Content, Load, Reach, Shared, with_jitter};
use crate::split;
use crate::transport::{Answer, Client, Target};

/// Most attempts for one request.
const MAX_ATTEMPTS: u32 = 6;
/// The first pause between two attempts; each further one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(200);
/// The longest pause of our own choice.
const LONGEST_PAUSE: Duration = Duration::from_secs(5);
/// The same when the run is over and only delivery is waited for.
const LONGEST_LAST_PAUSE: Duration = Duration::from_millis(500);
/// No request is larger, before compression: OTLP forbids it. Only one span alone can be.
const MAX_REQUEST: usize = 64 << 20;
/// A collector that takes less than this at a time is not adapted to.
const SMALLEST_TARGET: usize = 4096;

/// Sends until the exporter is stopped and everything is gone or the time is up.
pub(crate) async fn run(shared: Arc<Shared>, target: Arc<Target>) {
    let mut workers = JoinSet::new();
    for _ in 0..shared.config.max_requests.max(1) {
        workers.spawn(work(shared.clone(), Client::new(target.clone())));
    }
    shared.stopping.notified().await;
    let deadline = shared.lock().stop_at.unwrap_or_else(Instant::now);
    let all = async { while workers.join_next().await.is_some() {} };
    // Those that are late are dropped with their connections; their spans are kept in the shared state.
    let _ = tokio::time::timeout_at(deadline.into(), all).await;
    drop(workers);
    shared.hand_back_rest();
}

async fn work(shared: Arc<Shared>, client: Client) {
    let mut worker = Worker { shared, client };
    loop {
        // Made before the look, so that no call between look and wait is missed.
        let notified = worker.shared.work.notified();
        let (batch, more, stopping) = {
            let mut state = worker.shared.lock();
            (state.take(), state.has_work(), state.stop_at.is_some())
        };
        match batch {
            Some((number, content)) => {
                drop(notified);
                if more {
                    worker.shared.work.notify_one();
                }
                worker.deliver(number, content).await;
            }
            None if stopping => return,
            None => notified.await,
        }
    }
}

/// What became of a request in the end.
enum Outcome {
    Delivered { rejected: u64, message: Option<String> },
    TooLarge(String),
    Refused(String),
    NotDelivered,
}

struct Worker {
    shared: Arc<Shared>,
    client: Client,
}

impl Worker {
    /// Delivers a batch, in pieces if need be.
    async fn deliver(&mut self, number: u64, content: Content) {
        let mut pieces = vec![(number, content)];
        while let Some((number, content)) = pieces.pop() {
            let size = content.len();
            let divisible = self.shared.lock().is_divisible(number);
            // Fresh spans are never encoded before it is known that they are sent in one piece.
            if size > MAX_BATCH_BYTES && divisible && matches!(content, Content::Body(_)) {
                pieces.extend(self.halve(number, &Bytes::new()));
                continue;
            }
            let body = content.finish();
            if body.len() > MAX_REQUEST {
                self.refused(number, "a single span makes a request of more than 64 MiB, which is not sent");
                continue;
            }
            match self.attempt(&body).await {
                Outcome::TooLarge(message) if divisible => {
                    // Later ones are made smaller from the start.
                    let mut state = self.shared.lock();
                    state.target_bytes = state.target_bytes.min(size / 2).max(SMALLEST_TARGET);
                    drop(state);
                    let halves = self.halve(number, &body);
                    if halves.is_empty() {
                        self.refused(number, &message);
                    }
                    pieces.extend(halves);
                }
                Outcome::TooLarge(message) | Outcome::Refused(message) => self.refused(number, &message),
                Outcome::NotDelivered => self.shared.give_up(number, false),
                Outcome::Delivered { rejected, message } => {
                    self.shared.delivered(number, rejected);
                    if rejected > 0 || message.is_some() {
                        let message = message.unwrap_or_default();
                        let text = match rejected {
                            0 => format!("the collector says: {message}"),
                            _ => format!("the collector rejected {rejected} spans of a request: {message}"),
                        };
                        self.shared.complain(&message, text);
                    }
                }
            }
        }
    }

    /// Cuts a request in two; the last one is to be sent first. Nothing comes of a request that cannot be cut.
    fn halve(&self, number: u64, body: &Bytes) -> Vec<(u64, Content)> {
        let mut guard = self.shared.lock();
        let state = &mut *guard;
        let (first, second): (Load, Load) = match state.release(number) {
            Some(Load::Spans(mut first)) => {
                let second = first.split_off(first.len() / 2);
                (Load::Spans(first), Load::Spans(second))
            }
            Some(Load::Backlog(portion, mut first)) => {
                let second = first.split_off(first.len() / 2);
                (Load::Backlog(portion, first), Load::Backlog(portion, second))
            }
            Some(Load::Encoded(portion, count)) => {
                let Some(halves) = split::halve(self.shared.config.protocol(), body, count) else {
                    state.under_way.insert(number, Load::Encoded(portion, count));
                    return Vec::new();
                };
                let mut piece =
                    |bytes: Vec<u8>, count| (state.keep(Load::Encoded(portion, count)), Content::Encoded(bytes.into()));
                return vec![piece(halves.1, count - count / 2), piece(halves.0, count / 2)];
            }
            None => return Vec::new(),
        };
        let mut piece = |load: Load| {
            let body = match &load {
                Load::Spans(spans) | Load::Backlog(_, spans) => state.encoder.body(spans),
                Load::Encoded(..) => return None,
            };
            Some((state.keep(load), Content::Body(body)))
        };
        [piece(second), piece(first)].into_iter().flatten().collect()
    }

    fn refused(&self, number: u64, message: &str) {
        let endpoint = self.shared.config.endpoint();
        self.shared.complain(message, format!("the collector at {endpoint} refused spans: {message}"));
        self.shared.give_up(number, true);
    }

    /// Sends one request as often as it takes or makes sense.
    async fn attempt(&mut self, body: &Bytes) -> Outcome {
        let started = Instant::now();
        let mut packed = None;
        let mut pause = FIRST_PAUSE;
        for attempts in 1.. {
            let Some(mode) = self.mode() else { return Outcome::NotDelivered };
            // Compressed only when it is really sent, and only once.
            let bytes = packed.get_or_insert_with(|| self.client.pack(body));
            {
                let counts = &mut self.shared.lock().counts;
                counts.requests += 1;
                counts.retries += u64::from(attempts > 1);
            }
            let config = &self.shared.config;
            let left = config.batch_timeout.saturating_sub(started.elapsed());
            let sent = Instant::now();
            let answer = self.client.send(bytes.clone(), config.timeout.min(left)).await;
            let (message, after, lost) = match answer {
                Answer::Delivered { rejected, message } => {
                    self.shared.lock().reached(true);
                    return Outcome::Delivered { rejected, message };
                }
                Answer::TooLarge(message) => {
                    self.shared.lock().reached(false);
                    return Outcome::TooLarge(message);
                }
                Answer::Refused(message) | Answer::NoSuchService(message) => {
                    self.shared.lock().reached(false);
                    return Outcome::Refused(message);
                }
                Answer::NotConnected(message) => {
                    self.shared.lock().found_nobody();
                    // Who has nowhere else to keep spans waits a little, if somebody was there before.
                    let patient = config.patient && (mode == Mode::Normal || attempts < 2);
                    (message, None, !patient)
                }
                // Who does not answer one request will not answer the next, unless it answers others meanwhile.
                Answer::TimedOut(message) => (message, None, true),
                Answer::Retry { message, after } => (message, after, false),
            };
            // Since this attempt: an earlier success says nothing of now, and a probe that fails must say so.
            let others_succeed = self.shared.lock().last_success.is_some_and(|at| at > sent);
            let ending = self.shared.lock().ending.is_some();
            let wait = with_jitter(pause.min(if ending { LONGEST_LAST_PAUSE } else { LONGEST_PAUSE }));
            let wait = after.map_or(wait, |after| after.max(wait));
            pause = (pause * 2).min(LONGEST_PAUSE);
            let late = started.elapsed() + wait >= config.batch_timeout;
            if mode == Mode::Probe || (lost && !others_succeed) || late || attempts >= MAX_ATTEMPTS {
                if !others_succeed {
                    self.not_reached(&message, after);
                }
                return Outcome::NotDelivered;
            }
            tokio::time::sleep(wait).await;
        }
        Outcome::NotDelivered
    }

    /// How a request may be sent now; none if it may not.
    fn mode(&self) -> Option<Mode> {
        match &mut self.shared.lock().reach {
            Reach::Unknown => Some(Mode::First),
            Reach::Up => Some(Mode::Normal),
            Reach::Down { next_probe, probing, .. } if !*probing && Instant::now() >= *next_probe => {
                *probing = true;
                Some(Mode::Probe)
            }
            Reach::Down { .. } => None,
        }
    }

    /// `after`: the collector has said how long it wants to be left alone.
    fn not_reached(&self, message: &str, after: Option<Duration>) {
        let mut state = self.shared.lock();
        state.rest(after);
        let endpoint = self.shared.config.endpoint();
        state.warn_not_taken(|| format!("the collector at {endpoint} does not take spans: {message}"));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Mode {
    /// Nothing is known of the collector.
    First,
    /// It was reached before.
    Normal,
    /// It was not reached; this is a try, once.
    Probe,
}
