//! What the thread that has spans and the thread that sends them share: the open batch, those that wait, those under way.

mod load;
mod reach;

use std::collections::{HashMap, VecDeque};
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use hyper::body::Bytes;
use renacer_events::Span;
use tokio::sync::Notify;

pub(crate) use self::load::{Content, Load};
use self::reach::{FIRST_REST, LONGEST_REST};
pub(crate) use self::reach::{Reach, with_jitter};
use crate::config::Config;
use crate::encode::{Body, Encoder};
use crate::exporter::{Counts, Settled};

/// While requests are under way, their outcome is asked for this often: spans that come back belong into a file soon.
const LOOK_EVERY: Duration = Duration::from_millis(200);
/// The same where the next portion of a backlog waits for it.
const LOOK_AT_BACKLOG_EVERY: Duration = Duration::from_millis(10);
/// Portions of a backlog that are here at once.
const MAX_PORTIONS: usize = 8;
/// Most warnings that are kept until they are fetched.
const MAX_WARNINGS: usize = 16;

/// A portion that is not settled yet.
struct Portion {
    /// Spans of which the outcome is not known.
    outstanding: usize,
    settled: Settled,
}

pub(crate) struct State {
    pub(crate) encoder: Encoder,
    /// The batch that is being gathered, and its encoding.
    open: Vec<Span>,
    body: Body,
    /// When the first span of the open batch came.
    open_since: Instant,
    waiting: VecDeque<(Load, Content)>,
    /// What waits behind fresh spans, but never for all of them.
    backlog: VecDeque<(Load, Content)>,
    portions: HashMap<u64, Portion>,
    pub(crate) settled: Vec<Settled>,
    /// What requests under way deliver, by a number of their own.
    pub(crate) under_way: HashMap<u64, Load>,
    next_number: u64,
    /// Spans that are here and not yet delivered or handed back, without those of the backlog.
    held: usize,
    /// Spans of the backlog that are here.
    backlog_held: usize,
    /// There was no room for [`Config::patience`], and no answer since.
    stalled: bool,
    /// A batch of this size is closed; becomes smaller where a collector takes less.
    pub(crate) target_bytes: usize,
    pub(crate) reach: Reach,
    pub(crate) last_success: Option<Instant>,
    /// It has said something, be it a refusal.
    answered: bool,
    /// The last attempt found nobody.
    nobody: bool,
    /// When the run was over.
    pub(crate) ending: Option<Instant>,
    /// Attempts since then that found nobody.
    last_failures: u32,
    /// The user knows that the collector does not take spans.
    told_down: bool,
    pub(crate) stop_at: Option<Instant>,
    pub(crate) undelivered: Vec<Vec<Span>>,
    pub(crate) refused: Vec<Vec<Span>>,
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

    /// The next request to send, with its load kept under this number. Fresh spans go first, but one request of the backlog
    /// is always under way, or it would never become less under a busy program.
    pub(crate) fn take(&mut self) -> Option<(u64, Content)> {
        let old_first = self.waiting.is_empty() || !self.under_way.values().any(Load::is_backlog);
        let old = if old_first { self.backlog.pop_front() } else { None };
        let (load, content) = old.or_else(|| self.waiting.pop_front())?;
        Some((self.keep(load), content))
    }

    /// What a request under way delivers; from now on it is the caller's.
    pub(crate) fn release(&mut self, number: u64) -> Option<Load> {
        self.under_way.remove(&number)
    }

    /// Whether a request under way can be cut in two.
    pub(crate) fn is_divisible(&self, number: u64) -> bool {
        self.under_way.get(&number).is_some_and(|load| load.count() > 1)
    }

    pub(crate) fn has_work(&self) -> bool {
        !self.waiting.is_empty() || !self.backlog.is_empty()
    }

    /// How many spans are still here; they are not counted as held any more.
    pub(crate) fn take_held(&mut self) -> u64 {
        std::mem::take(&mut self.held) as u64
    }

    /// Starts to watch over a portion.
    fn open_portion(&mut self, number: u64, spans: usize) {
        let settled = Settled { portion: number, ..Settled::default() };
        self.portions.insert(number, Portion { outstanding: spans, settled });
    }

    /// Part of a portion has come to an end; with the last one, it is settled.
    fn settle(&mut self, number: u64, count: usize, change: impl FnOnce(&mut Settled)) {
        let Some(portion) = self.portions.get_mut(&number) else { return };
        change(&mut portion.settled);
        portion.outstanding = portion.outstanding.saturating_sub(count);
        if portion.outstanding == 0
            && let Some(portion) = self.portions.remove(&number)
        {
            self.settled.push(portion.settled);
        }
    }

    /// The spans of a load are here no more.
    fn forget(&mut self, backlog: bool, count: usize) {
        let held = if backlog { &mut self.backlog_held } else { &mut self.held };
        *held = held.saturating_sub(count);
        self.stalled = false;
    }

    fn is_full(&self, more: usize, config: &Config) -> bool {
        self.held > 0 && self.held + more > config.max_queue_spans && self.stop_at.is_none()
    }

    fn hand_back(&mut self, load: Load) {
        let count = load.count();
        match load {
            Load::Spans(spans) => {
                self.counts.handed_back += count as u64;
                self.undelivered.push(spans);
            }
            // Where they come from, they still are.
            Load::Backlog(portion, spans) => self.settle(portion, count, |settled| settled.undelivered.extend(spans)),
            Load::Encoded(portion, _) => {
                self.counts.handed_back += count as u64;
                self.settle(portion, count, |settled| settled.encoded_undelivered += count as u64);
            }
        }
    }

    fn set_aside(&mut self, load: Load) {
        let count = load.count();
        match load {
            Load::Spans(spans) => {
                self.counts.refused += count as u64;
                self.refused.push(spans);
            }
            Load::Backlog(portion, spans) => {
                self.counts.refused += count as u64;
                self.settle(portion, count, |settled| settled.refused.extend(spans));
            }
            Load::Encoded(portion, _) => {
                self.counts.rejected += count as u64;
                self.settle(portion, count, |settled| settled.encoded_refused += count as u64);
            }
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
            backlog: VecDeque::new(),
            portions: HashMap::new(),
            settled: Vec::new(),
            under_way: HashMap::new(),
            next_number: 0,
            held: 0,
            backlog_held: 0,
            stalled: false,
            target_bytes: config.max_batch_bytes.min(crate::config::MAX_BATCH_BYTES),
            reach: Reach::Unknown,
            last_success: None,
            answered: false,
            nobody: false,
            ending: None,
            last_failures: 0,
            told_down: false,
            stop_at: None,
            undelivered: Vec::new(),
            refused: Vec::new(),
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
            let cut = self.config.limits.cuts(&span);
            guard.counts.cut += cut;
            if guard.is_full(1, &self.config) {
                // What fills the queue must be on its way, or there will never be room.
                if guard.close() {
                    self.work.notify_one();
                }
                // Who is not there makes no room.
                if !guard.stalled && !matches!(guard.reach, Reach::Down { .. }) {
                    let full = |state: &mut State| state.is_full(1, &self.config);
                    let waited = self.room.wait_timeout_while(guard, self.config.patience, full);
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

    /// Adds spans that have waited elsewhere, behind the others and without waiting for room.
    pub(crate) fn add_backlog(&self, spans: Vec<Span>, portion: u64) {
        let mut guard = self.lock();
        let state = &mut *guard;
        state.open_portion(portion, spans.len());
        if spans.is_empty() {
            return state.settle(portion, 0, |_| ());
        }
        let body = state.encoder.body(&spans);
        state.backlog_held += spans.len();
        state.backlog.push_back((Load::Backlog(portion, spans), Content::Body(body)));
        drop(guard);
        self.work.notify_one();
    }

    /// How many portions of a backlog may be added now.
    pub(crate) fn room_for_backlog(&self, now: Instant) -> usize {
        let state = self.lock();
        match state.reach {
            Reach::Up if state.stop_at.is_none() => MAX_PORTIONS.saturating_sub(state.portions.len()),
            // One, to see whether it answers again.
            Reach::Down { next_probe, probing: false, .. } if now >= next_probe && state.portions.is_empty() => 1,
            Reach::Up | Reach::Down { .. } | Reach::Unknown => 0,
        }
    }

    /// When a backlog, if there is one, may go on.
    pub(crate) fn backlog_due(&self) -> Option<Instant> {
        let state = self.lock();
        let soon = Instant::now() + LOOK_AT_BACKLOG_EVERY;
        match state.reach {
            Reach::Down { next_probe, probing: false, .. } if state.portions.is_empty() => Some(next_probe.max(soon)),
            Reach::Up => Some(soon),
            Reach::Down { .. } | Reach::Unknown => Some(Instant::now() + LOOK_EVERY),
        }
    }

    /// Adds a request as it is, waiting for room: every request under way is answered or given up in its time.
    pub(crate) fn add_encoded(&self, request: Bytes, spans: usize, portion: u64) {
        let mut guard = self.lock();
        guard.open_portion(portion, spans);
        if guard.close() {
            self.work.notify_one();
        }
        let full = |state: &mut State| state.is_full(spans, &self.config);
        let time = self.config.batch_timeout.saturating_mul(2);
        guard = self.room.wait_timeout_while(guard, time, full).unwrap_or_else(PoisonError::into_inner).0;
        if guard.is_full(spans, &self.config) {
            return guard.hand_back(Load::Encoded(portion, spans));
        }
        guard.held += spans;
        guard.waiting.push_back((Load::Encoded(portion, spans), Content::Encoded(request)));
        drop(guard);
        self.work.notify_one();
    }

    /// When the open batch has waited long enough, or there may be something to fetch.
    pub(crate) fn due(&self) -> Option<Instant> {
        let state = self.lock();
        let to_fetch =
            [state.undelivered.is_empty(), state.refused.is_empty(), state.settled.is_empty()].contains(&false);
        if to_fetch || !state.warnings.is_empty() {
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

    /// The run is over: sends what is gathered, and tries a collector that is not there more often.
    pub(crate) fn end(&self) {
        let mut state = self.lock();
        let now = Instant::now();
        state.ending.get_or_insert(now);
        if let Reach::Down { next_probe, probing: false, rest } = &mut state.reach
            && *next_probe <= now + LONGEST_REST * 2
        {
            (*next_probe, *rest) = (now, FIRST_REST);
        }
        if state.close() {
            self.work.notify_one();
        }
    }

    /// Waits until something has been answered or given up, or for a time. Whether there is anything to wait for.
    pub(crate) fn wait(&self, time: Duration) -> bool {
        let state = self.lock();
        if state.is_hopeless(Instant::now()) {
            return false;
        }
        let (state, _) = self.room.wait_timeout(state, time).unwrap_or_else(PoisonError::into_inner);
        !state.is_hopeless(Instant::now())
    }

    /// Whether nothing is here any more.
    pub(crate) fn is_idle(&self) -> bool {
        let state = self.lock();
        state.held == 0 && state.backlog_held == 0
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
        rest.extend(std::mem::take(&mut state.backlog).into_iter().map(|(load, _)| load));
        if !rest.is_empty() {
            let endpoint = self.config.endpoint();
            state.warn_not_taken(|| format!("the collector at {endpoint} did not take the last spans in time"));
        }
        for load in rest {
            state.forget(load.is_backlog(), load.count());
            state.hand_back(load);
        }
        drop(state);
        self.room.notify_all();
    }

    /// A request will not be delivered. Its spans are handed back even if the collector refused them: a person may want to
    /// see them, and another collector may take them. Where there is nothing to hand back, they are counted.
    pub(crate) fn give_up(&self, number: u64, refused: bool) {
        let mut state = self.lock();
        if let Some(load) = state.release(number) {
            state.forget(load.is_backlog(), load.count());
            if refused {
                state.set_aside(load);
            } else {
                state.hand_back(load);
            }
        }
        drop(state);
        self.room.notify_all();
    }

    /// The collector took a request, but for `rejected` of its spans.
    pub(crate) fn delivered(&self, number: u64, rejected: u64) {
        let mut state = self.lock();
        if let Some(load) = state.release(number) {
            let count = load.count();
            state.forget(load.is_backlog(), count);
            let rejected = rejected.min(count as u64);
            let delivered = count as u64 - rejected;
            state.counts.delivered += delivered;
            state.counts.rejected += rejected;
            if let Load::Backlog(portion, _) | Load::Encoded(portion, _) = load {
                state.settle(portion, count, |settled| {
                    settled.delivered += delivered;
                    settled.rejected += rejected;
                });
            }
        }
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
