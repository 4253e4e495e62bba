//! What the thread that has spans and the thread that sends them share: the open batch, those that wait, those under way.

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use renacer_events::Span;
use tokio::sync::Notify;

use crate::config::Config;
use crate::encode::{Body, Encoder};
use crate::exporter::Counts;

/// How long spans wait for room while the collector answers nothing at all: the traced program waits with them.
const PATIENCE: Duration = Duration::from_secs(1);
/// While requests are under way, their outcome is asked for this often: spans that come back belong into a file soon.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// Most warnings that are kept until they are fetched.
const MAX_WARNINGS: usize = 16;

/// What a request delivers.
pub(crate) enum Load {
    Spans(Vec<Span>),
    /// So many spans that exist only in the request itself.
    Encoded(usize),
}

impl Load {
    pub(crate) fn count(&self) -> usize {
        match self {
            Load::Spans(spans) => spans.len(),
            Load::Encoded(count) => *count,
        }
    }
}

/// What is sent for it.
pub(crate) enum Content {
    Body(Body),
    Encoded(Vec<u8>),
}

impl Content {
    pub(crate) fn len(&self) -> usize {
        match self {
            Content::Body(body) => body.len(),
            Content::Encoded(bytes) => bytes.len(),
        }
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        match self {
            Content::Body(body) => body.finish(),
            Content::Encoded(bytes) => bytes,
        }
    }
}

/// Whether the collector takes spans, as far as known.
pub(crate) enum Reach {
    Unknown,
    Up,
    /// It does not. Now and then one batch is sent to see whether that has changed.
    Down {
        next_probe: Instant,
        probing: bool,
    },
}

pub(crate) struct State {
    pub(crate) encoder: Encoder,
    /// The batch that is being gathered, and its encoding.
    open: Vec<Span>,
    body: Body,
    /// When the first span of the open batch came.
    open_since: Instant,
    waiting: VecDeque<(Load, Content)>,
    /// What requests under way deliver, by a number of their own.
    under_way: HashMap<u64, Load>,
    next_number: u64,
    /// Spans that are here and not yet delivered or handed back.
    held: usize,
    /// There was no room for [`PATIENCE`], and no answer since.
    stalled: bool,
    /// A batch of this size is closed; becomes smaller where a collector takes less.
    pub(crate) target_bytes: usize,
    pub(crate) reach: Reach,
    pub(crate) last_success: Option<Instant>,
    /// The user knows that the collector does not take spans.
    told_down: bool,
    pub(crate) stop_at: Option<Instant>,
    pub(crate) undelivered: Vec<Vec<Span>>,
    pub(crate) warnings: Vec<String>,
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
}

impl State {
    /// Closes the open batch, if there is anything in it.
    fn close(&mut self) -> bool {
        if self.open.is_empty() {
            return false;
        }
        let (spans, body) = (std::mem::take(&mut self.open), std::mem::take(&mut self.body));
        self.waiting.push_back((Load::Spans(spans), Content::Body(body)));
        true
    }

    /// Keeps what a request under way delivers; the number finds it again.
    pub(crate) fn keep(&mut self, load: Load) -> u64 {
        self.next_number += 1;
        self.under_way.insert(self.next_number, load);
        self.next_number
    }

    /// The next request to send, with its load kept under this number.
    pub(crate) fn take(&mut self) -> Option<(u64, Content)> {
        let (load, content) = self.waiting.pop_front()?;
        Some((self.keep(load), content))
    }

    /// What a request under way delivers; from now on it is the caller's.
    pub(crate) fn release(&mut self, number: u64) -> Option<Load> {
        self.under_way.remove(&number)
    }

    /// Whether a request under way can be cut in two.
    pub(crate) fn is_divisible(&self, number: u64) -> bool {
        matches!(self.under_way.get(&number), Some(Load::Spans(spans)) if spans.len() > 1)
    }

    pub(crate) fn has_work(&self) -> bool {
        !self.waiting.is_empty()
    }

    /// How many spans are still here; they are not counted as held any more.
    pub(crate) fn take_held(&mut self) -> u64 {
        std::mem::take(&mut self.held) as u64
    }

    fn is_full(&self, more: usize, config: &Config) -> bool {
        self.held > 0 && self.held + more > config.max_queue_spans && self.stop_at.is_none()
    }

    fn hand_back(&mut self, load: Load) {
        self.counts.handed_back += load.count() as u64;
        if let Load::Spans(spans) = load {
            self.undelivered.push(spans);
        }
    }

    pub(crate) fn warn(&mut self, text: String) {
        if self.warnings.len() < MAX_WARNINGS {
            self.warnings.push(text);
        }
    }

    /// Tells the user, once, that the collector does not take spans.
    pub(crate) fn warn_not_taken(&mut self, text: impl FnOnce() -> String) {
        if !std::mem::replace(&mut self.told_down, true) {
            self.warn(text());
        }
    }
}

impl Shared {
    pub(crate) fn new(config: Config) -> Self {
        let state = State {
            encoder: Encoder::new(config.protocol(), config.limits),
            open: Vec::new(),
            body: Body::default(),
            open_since: Instant::now(),
            waiting: VecDeque::new(),
            under_way: HashMap::new(),
            next_number: 0,
            held: 0,
            stalled: false,
            target_bytes: config.max_batch_bytes.min(crate::config::MAX_BATCH_BYTES),
            reach: Reach::Unknown,
            last_success: None,
            told_down: false,
            stop_at: None,
            undelivered: Vec::new(),
            warnings: Vec::new(),
            counts: Counts::default(),
        };
        Shared { config, state: Mutex::new(state), room: Condvar::new(), work: Notify::new(), stopping: Notify::new() }
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, State> {
        // Every critical section leaves the state consistent, so a panic elsewhere is no reason to stop.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Adds spans, waiting for room; not for long, if the collector answers nothing.
    pub(crate) fn add(&self, spans: Vec<Span>) {
        let mut guard = self.lock();
        let mut no_room = Vec::new();
        for span in spans {
            if guard.is_full(1, &self.config) {
                // What fills the queue must be on its way, or there will never be room.
                if guard.close() {
                    self.work.notify_one();
                }
                if !guard.stalled {
                    let full = |state: &mut State| state.is_full(1, &self.config);
                    let waited = self.room.wait_timeout_while(guard, PATIENCE, full);
                    guard = waited.unwrap_or_else(PoisonError::into_inner).0;
                }
                if guard.is_full(1, &self.config) {
                    guard.stalled = true;
                    no_room.push(span);
                    continue;
                }
            }
            let state = &mut *guard;
            if state.open.is_empty() {
                state.open_since = Instant::now();
            }
            state.encoder.add(&mut state.body, &span);
            state.open.push(span);
            state.held += 1;
            let full = state.open.len() >= self.config.max_batch_spans || state.body.len() >= state.target_bytes;
            if full && state.close() {
                self.work.notify_one();
            }
        }
        if !no_room.is_empty() {
            guard.hand_back(Load::Spans(no_room));
            let endpoint = self.config.endpoint();
            guard.warn_not_taken(|| format!("the collector at {endpoint} answers too slowly to take all spans"));
        }
    }

    /// Adds a request as it is, waiting for room: every request under way is answered or given up in its time.
    pub(crate) fn add_encoded(&self, request: Vec<u8>, spans: usize) {
        let mut guard = self.lock();
        if guard.close() {
            self.work.notify_one();
        }
        let full = |state: &mut State| state.is_full(spans, &self.config);
        let time = self.config.batch_timeout.saturating_mul(2);
        guard = self.room.wait_timeout_while(guard, time, full).unwrap_or_else(PoisonError::into_inner).0;
        if guard.is_full(spans, &self.config) {
            return guard.hand_back(Load::Encoded(spans));
        }
        guard.held += spans;
        guard.waiting.push_back((Load::Encoded(spans), Content::Encoded(request)));
        drop(guard);
        self.work.notify_one();
    }

    /// When the open batch has waited long enough, or there may be something to fetch.
    pub(crate) fn due(&self) -> Option<Instant> {
        let state = self.lock();
        if !state.undelivered.is_empty() || !state.warnings.is_empty() {
            return Some(Instant::now());
        }
        let open = (!state.open.is_empty()).then(|| state.open_since + self.config.schedule_delay);
        let under_way = (state.held > state.open.len()).then(|| Instant::now() + LOOK_EVERY);
        open.into_iter().chain(under_way).min()
    }

    /// Closes the open batch if its first span has waited long enough.
    pub(crate) fn close_old(&self, now: Instant) {
        let mut state = self.lock();
        if now.saturating_duration_since(state.open_since) >= self.config.schedule_delay && state.close() {
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

    /// Hands back what is still here at the very end.
    pub(crate) fn hand_back_rest(&self) {
        let mut state = self.lock();
        state.close();
        let mut rest: Vec<Load> = std::mem::take(&mut state.under_way).into_values().collect();
        rest.extend(std::mem::take(&mut state.waiting).into_iter().map(|(load, _)| load));
        if !rest.is_empty() {
            let endpoint = self.config.endpoint();
            state.warn_not_taken(|| format!("the collector at {endpoint} did not take the last spans in time"));
        }
        let mut count = 0;
        for load in rest {
            count += load.count();
            state.hand_back(load);
        }
        self.leave(state, count);
    }

    /// A request will not be delivered. Its spans are handed back even if the collector refused them: a person may want to
    /// see them, and another collector may take them. Where there is nothing to hand back, they are counted.
    pub(crate) fn give_up(&self, number: u64, refused: bool) {
        let mut state = self.lock();
        match state.release(number) {
            Some(Load::Encoded(count)) if refused => {
                state.counts.rejected += count as u64;
                self.leave(state, count);
            }
            Some(load) => {
                let count = load.count();
                state.hand_back(load);
                self.leave(state, count);
            }
            None => {}
        }
    }

    /// The collector took a request, but for `rejected` of its spans.
    pub(crate) fn delivered(&self, number: u64, rejected: u64) {
        let mut state = self.lock();
        let count = state.release(number).map_or(0, |load| load.count());
        let rejected = rejected.min(count as u64);
        state.counts.delivered += count as u64 - rejected;
        state.counts.rejected += rejected;
        self.leave(state, count);
    }

    /// So many spans are not held any more, because something was answered or given up.
    fn leave(&self, mut state: MutexGuard<'_, State>, count: usize) {
        state.held = state.held.saturating_sub(count);
        state.stalled = false;
        drop(state);
        self.room.notify_all();
    }

    /// Remembers the collector's first complaint, and tells the user.
    pub(crate) fn complain(&self, message: &str, text: String) {
        let mut state = self.lock();
        if state.counts.first_rejection.is_none() {
            state.counts.first_rejection = Some(message.to_owned());
            state.warn(text);
        }
    }
}
