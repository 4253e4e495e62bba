//! What the thread that has spans and the thread that sends them share: the open batch, those that wait, those under way.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use renacer_events::Span;
use tokio::sync::Notify;

use crate::config::Config;
use crate::encode::{Body, Encoder};
use crate::exporter::{Counts, Listener, Reason};

/// Spans that go into one request, and that request.
#[derive(Default)]
pub(crate) struct Batch {
    pub(crate) spans: Vec<Span>,
    pub(crate) body: Body,
}

/// Whether the collector takes spans, as far as known.
pub(crate) enum Reach {
    Unknown,
    Up,
    /// It does not. Now and then one batch is sent to see whether that has changed.
    Down {
        message: String,
        next_probe: Instant,
        probing: bool,
    },
}

pub(crate) struct State {
    pub(crate) encoder: Encoder,
    open: Batch,
    /// When the first span of the open batch came.
    open_since: Instant,
    waiting: VecDeque<Batch>,
    /// Spans of requests under way, by a number of their own.
    pub(crate) under_way: HashMap<u64, Vec<Span>>,
    next_number: u64,
    /// Spans that are here and not yet delivered or handed back.
    held: usize,
    /// A batch of this size is closed; becomes smaller where a collector takes less.
    pub(crate) target_bytes: usize,
    pub(crate) reach: Reach,
    pub(crate) last_success: Option<Instant>,
    /// The user knows that the collector does not take spans.
    pub(crate) warned: bool,
    pub(crate) stop_at: Option<Instant>,
    pub(crate) counts: Counts,
}

pub(crate) struct Shared {
    pub(crate) config: Config,
    state: Mutex<State>,
    /// Spans have left.
    room: Condvar,
    /// A batch is waiting.
    pub(crate) work: Notify,
    /// The end has come.
    pub(crate) stopping: Notify,
    listener: Mutex<Box<dyn Listener>>,
}

impl State {
    /// Closes the open batch, if there is anything in it.
    fn close(&mut self) -> bool {
        if self.open.spans.is_empty() {
            return false;
        }
        let batch = std::mem::take(&mut self.open);
        self.waiting.push_back(batch);
        true
    }

    /// Keeps the spans of a request that is under way; the number finds them again.
    pub(crate) fn keep(&mut self, spans: Vec<Span>) -> u64 {
        self.next_number += 1;
        self.under_way.insert(self.next_number, spans);
        self.next_number
    }

    /// The next batch to send, with its spans kept under this number.
    pub(crate) fn take(&mut self) -> Option<(u64, Body)> {
        let batch = self.waiting.pop_front()?;
        Some((self.keep(batch.spans), batch.body))
    }

    pub(crate) fn has_work(&self) -> bool {
        !self.waiting.is_empty()
    }
}

impl Shared {
    pub(crate) fn new(config: Config, listener: Box<dyn Listener>) -> Self {
        let state = State {
            encoder: Encoder::new(config.protocol(), config.limits),
            open: Batch::default(),
            open_since: Instant::now(),
            waiting: VecDeque::new(),
            under_way: HashMap::new(),
            next_number: 0,
            held: 0,
            target_bytes: config.max_batch_bytes.min(crate::config::MAX_BATCH_BYTES),
            reach: Reach::Unknown,
            last_success: None,
            warned: false,
            stop_at: None,
            counts: Counts::default(),
        };
        Shared {
            config,
            state: Mutex::new(state),
            room: Condvar::new(),
            work: Notify::new(),
            stopping: Notify::new(),
            listener: Mutex::new(listener),
        }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // Every critical section leaves the state consistent, so a panic elsewhere is no reason to stop.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds spans, waiting for room.
    pub(crate) fn add(&self, spans: Vec<Span>) {
        let mut guard = self.lock();
        for span in spans {
            while guard.held >= self.config.max_queue_spans && guard.stop_at.is_none() {
                // What fills the queue must be on its way, or there will never be room.
                if guard.close() {
                    self.work.notify_one();
                }
                guard = self.room.wait(guard).unwrap_or_else(PoisonError::into_inner);
            }
            let state = &mut *guard;
            if state.open.spans.is_empty() {
                state.open_since = Instant::now();
            }
            state.encoder.add(&mut state.open.body, &span);
            state.open.spans.push(span);
            state.held += 1;
            let full =
                state.open.spans.len() >= self.config.max_batch_spans || state.open.body.len() >= state.target_bytes;
            if full && state.close() {
                self.work.notify_one();
            }
        }
    }

    /// Closes the open batch if its first span has waited long enough.
    pub(crate) fn close_old(&self) {
        let mut state = self.lock();
        if state.open_since.elapsed() >= self.config.schedule_delay && state.close() {
            self.work.notify_one();
        }
    }

    /// Everything must be gone in this time.
    pub(crate) fn stop(&self, deadline: Duration) {
        let mut state = self.lock();
        state.close();
        let now = Instant::now();
        state.stop_at = Some(now.checked_add(deadline).unwrap_or(now));
        drop(state);
        self.work.notify_waiters();
        self.stopping.notify_one();
    }

    /// What is still here at the very end.
    pub(crate) fn take_rest(&self) -> Vec<Vec<Span>> {
        let mut state = self.lock();
        state.close();
        let mut rest: Vec<_> = std::mem::take(&mut state.under_way).into_values().collect();
        rest.extend(std::mem::take(&mut state.waiting).into_iter().map(|batch| batch.spans));
        rest
    }

    /// Gives spans back to the listener.
    pub(crate) fn hand_back(&self, spans: Vec<Span>, reason: &Reason) {
        let count = spans.len();
        self.listener().handed_back(spans, reason);
        let mut state = self.lock();
        state.counts.handed_back += count as u64;
        state.held = state.held.saturating_sub(count);
        drop(state);
        self.room.notify_all();
    }

    /// The collector took a request of `count` spans, but for `rejected`.
    pub(crate) fn delivered(&self, count: usize, rejected: u64) {
        let mut state = self.lock();
        let rejected = rejected.min(count as u64);
        state.counts.delivered += count as u64 - rejected;
        state.counts.rejected += rejected;
        state.held = state.held.saturating_sub(count);
        drop(state);
        self.room.notify_all();
    }

    /// Remembers the collector's first complaint, and tells the user.
    pub(crate) fn complain(&self, message: &str, text: &str) {
        let first = {
            let mut state = self.lock();
            let first = state.counts.complaint.is_none();
            state.counts.complaint.get_or_insert_with(|| message.to_owned());
            first
        };
        if first {
            self.listener().warning(text);
        }
    }

    pub(crate) fn listener(&self) -> MutexGuard<'_, Box<dyn Listener>> {
        self.listener.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
