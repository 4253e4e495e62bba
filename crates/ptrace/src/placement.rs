//! Keeps the tracer and the tracee that is at work on one processor.
//!
//! Two stops a call mean four switches between tracer and tracee. On one processor such a switch takes a few microseconds; between two
//! it takes tens, most of them for waking the other one, and the kernel, which sees a processor idle, wanders between them.
//! So while one tracee alone makes calls in quick succession it is bound to the processor that the tracer runs on, and the tracer is too.
//!
//! The program must not notice. What it asked for is put back before anything can see or inherit it: before calls that ask
//! for or set where threads may run, before new threads and processes are made, before `/proc/PID/status` is opened, and before another
//! user is taken on, whom we might not be permitted to change. It is put back too when a second tracee is at work, when the tracee makes
//! no calls for a while, and when others want the same processor, so that no parallelism is lost.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use renacer_events::Tid;
use rustix::thread::{CpuSet, sched_getaffinity, sched_getcpu, sched_setaffinity};

use crate::sys::clock::monotonic;
use crate::sys::signal::own_tid;

/// A tracee that makes so many stops in a row is the only one at work.
const STREAK: u32 = 3;
/// It is worth it only where they come within this time, in nanoseconds. Within it, too, so many stops of a second tracee at work are no reason to
/// give up: one that has just made another goes on for a moment before it waits.
const QUICK: u64 = 1_000_000;
const CONFLICTS: u32 = 4;
/// After several were at work, or others wanted the processor, nothing is bound for this long, in nanoseconds; from time to time twice as
/// long, up to the second figure.
const REST: u64 = 1_000_000;
const LONGEST_REST: u64 = 64 * REST;
/// How often it is looked whether the bound tracees still make calls.
const WATCH: Duration = Duration::from_millis(20);
/// The tracer waits for its processor for this share of the time where others want it too.
const CROWDED: f64 = 0.5;

/// Binds and unbinds. Only the tracer's thread may use it.
#[derive(Debug)]
pub(crate) struct Placement {
    shared: Arc<Shared>,
    /// The bound tracees, as long as `generation` is the shared one.
    bound: Vec<Tid>,
    generation: u64,
    last: Tid,
    streak: u32,
    /// When the streak began.
    since: u64,
    conflicts: u32,
    /// When they began to be counted.
    counted_since: u64,
    rest: u64,
    rest_until: u64,
    watched: bool,
    /// A bound tracee that makes another.
    parent: Option<Tid>,
}

#[derive(Debug, Default)]
struct Shared {
    /// Goes up when everything is unbound.
    generation: AtomicU64,
    /// Stops so far.
    stops: AtomicU64,
    state: Mutex<State>,
    changed: Condvar,
}

#[derive(Debug, Default)]
struct State {
    tracer: Option<Bound>,
    tracees: Vec<Bound>,
}

/// A thread that is bound to one processor.
#[derive(Debug)]
struct Bound {
    tid: Tid,
    /// Where it may run.
    before: CpuSet,
    /// The one processor.
    during: CpuSet,
}

impl Placement {
    /// None where there is nothing to choose from.
    pub(crate) fn new() -> Option<Placement> {
        let several = sched_getaffinity(None).is_ok_and(|own| own.count() > 1);
        several.then(|| Placement {
            shared: Arc::default(),
            bound: Vec::new(),
            generation: 0,
            last: 0,
            streak: 0,
            since: 0,
            conflicts: 0,
            counted_since: 0,
            rest: REST,
            rest_until: 0,
            watched: false,
            parent: None,
        })
    }

    /// A tracee has stopped at a call. `waits` tells whether a tracee is inside a call.
    pub(crate) fn stopped(&mut self, tid: Tid, waits: impl Fn(Tid) -> bool) {
        self.shared.stops.fetch_add(1, Ordering::Relaxed);
        self.refresh();
        if tid != self.last {
            (self.last, self.streak) = (tid, 0);
            if self.bound.iter().any(|&other| other != tid && !waits(other)) {
                self.conflict();
            }
        }
        if self.bound.contains(&tid) {
            return;
        }
        if self.streak == 0 {
            self.since = monotonic();
        }
        self.streak += 1;
        if self.streak >= STREAK {
            self.streak = 0;
            let now = monotonic();
            if now - self.since < QUICK && now >= self.rest_until {
                self.bind(tid);
            }
        }
    }

    /// Several are at work.
    fn conflict(&mut self) {
        let now = monotonic();
        if now - self.counted_since > QUICK {
            if now - self.counted_since > LONGEST_REST {
                self.rest = REST;
            }
            (self.counted_since, self.conflicts) = (now, 0);
        }
        self.conflicts += 1;
        if self.conflicts >= CONFLICTS {
            self.unbind();
            self.rest_until = now + self.rest;
            self.rest = (2 * self.rest).min(LONGEST_REST);
        }
    }

    /// Puts everything back as it was, since somebody may see it.
    pub(crate) fn reveal(&mut self) {
        self.refresh();
        if !self.bound.is_empty() {
            self.unbind();
        }
        self.streak = 0;
    }

    /// A tracee is about to make another, which inherits where it may run.
    pub(crate) fn makes_another(&mut self, tid: Tid) {
        self.refresh();
        self.parent = None;
        if let Some(index) = self.bound.iter().position(|&bound| bound == tid) {
            self.bound.swap_remove(index);
            self.shared.unbind_one(tid);
            self.parent = Some(tid);
        }
    }

    /// It has made it.
    pub(crate) fn made(&mut self, parent: Tid, child: Tid) {
        if self.parent.take_if(|bound| *bound == parent).is_some() {
            self.bind(parent);
            self.bind(child);
        }
    }

    /// A thread has another id.
    pub(crate) fn renamed(&mut self, former: Tid, tid: Tid) {
        let mut state = self.shared.lock();
        for bound in state.tracees.iter_mut().filter(|bound| bound.tid == former) {
            bound.tid = tid;
        }
        drop(state);
        for bound in self.bound.iter_mut().filter(|bound| **bound == former) {
            *bound = tid;
        }
    }

    /// A thread is gone.
    pub(crate) fn ended(&mut self, tid: Tid) {
        if let Some(index) = self.bound.iter().position(|&bound| bound == tid) {
            self.bound.swap_remove(index);
            self.shared.lock().tracees.retain(|bound| bound.tid != tid);
        }
    }

    /// Forgets what another thread has unbound.
    fn refresh(&mut self) {
        let generation = self.shared.generation.load(Ordering::Acquire);
        if std::mem::replace(&mut self.generation, generation) != generation {
            self.bound.clear();
            self.rest_until = self.rest_until.max(monotonic() + REST);
        }
    }

    fn unbind(&mut self) {
        self.shared.unbind(&mut self.shared.lock());
        self.generation = self.shared.generation.load(Ordering::Acquire);
        self.bound.clear();
    }

    fn bind(&mut self, tid: Tid) {
        let mut state = self.shared.lock();
        let first = state.tracer.is_none();
        if first {
            state.tracer = Bound::new(own_tid(), None);
        }
        let Some(tracer) = &state.tracer else { return };
        match Bound::new(tid, Some(&tracer.during)) {
            Some(bound) => {
                state.tracees.push(bound);
                self.bound.push(tid);
            }
            None => {
                // It has one processor only, or others than the tracer, or we may not: that seldom changes.
                self.rest_until = monotonic() + LONGEST_REST;
                if state.tracees.is_empty() {
                    self.shared.unbind(&mut state);
                }
            }
        }
        drop(state);
        if first {
            self.shared.changed.notify_one();
        }
        if !std::mem::replace(&mut self.watched, true) {
            let shared = self.shared.clone();
            let watch = std::thread::Builder::new().name("placement".into()).spawn(move || shared.watch());
            if watch.is_err() {
                self.unbind();
                // Nothing would notice that the tracee goes silent.
                self.rest_until = u64::MAX;
            }
        }
    }
}

impl Drop for Placement {
    fn drop(&mut self) {
        self.unbind();
    }
}

impl Bound {
    /// Binds a thread, to the processor that it runs on if there is no other choice. None where it may run on one only, or not on
    /// that one, or where we are not permitted.
    fn new(tid: Tid, processor: Option<&CpuSet>) -> Option<Bound> {
        let thread = rustix::process::Pid::from_raw(tid);
        let before = sched_getaffinity(thread).ok()?;
        let during = processor.copied().unwrap_or_else(|| {
            let mut one = CpuSet::new();
            one.set(sched_getcpu());
            one
        });
        let allowed =
            (0..CpuSet::MAX_CPU).find(|&processor| during.is_set(processor)).is_some_and(|one| before.is_set(one));
        if before.count() < 2 || !allowed {
            return None;
        }
        sched_setaffinity(thread, &during).ok()?;
        Some(Bound { tid, before, during })
    }

    fn end(&self) {
        let thread = rustix::process::Pid::from_raw(self.tid);
        // Should somebody else have moved it meanwhile, that holds. One that is gone needs nothing.
        if sched_getaffinity(thread).is_ok_and(|now| now == self.during) {
            let _ = sched_setaffinity(thread, &self.before);
        }
    }
}

impl Shared {
    fn lock(&self) -> MutexGuard<'_, State> {
        // Every critical section leaves a consistent value behind.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn unbind(&self, state: &mut State) {
        state.tracees.drain(..).chain(state.tracer.take()).for_each(|bound| bound.end());
        self.generation.fetch_add(1, Ordering::Release);
    }

    fn unbind_one(&self, tid: Tid) {
        let mut state = self.lock();
        if let Some(index) = state.tracees.iter().position(|bound| bound.tid == tid) {
            state.tracees.swap_remove(index).end();
        }
    }

    /// Unbinds what makes no calls any more, or what has to wait for its processor.
    fn watch(&self) {
        let mut state = self.lock();
        if let Some(tracer) = &state.tracer {
            // A new thread inherits the binding of the one that makes it.
            let _ = sched_setaffinity(None, &tracer.before);
        }
        let (mut stops, mut waited) = (0, None);
        loop {
            let Some(tracer) = state.tracer.as_ref().map(|bound| bound.tid) else {
                (state, waited) = (self.changed.wait(state).unwrap_or_else(PoisonError::into_inner), None);
                continue;
            };
            drop(state);
            std::thread::sleep(WATCH);
            let now = waited_for_processor(tracer);
            state = self.lock();
            let before = std::mem::replace(&mut stops, self.stops.load(Ordering::Relaxed));
            let more = now.zip(std::mem::replace(&mut waited, now)).map(|(now, before)| now.saturating_sub(before));
            let crowded = more.is_some_and(|more| more as f64 > CROWDED * WATCH.as_nanos() as f64);
            // Unbound, the kernel may find another processor for it, to which it is bound again.
            if before == stops || crowded {
                self.unbind(&mut state);
            }
        }
    }
}

/// How long a thread of ours could run and had no processor, in nanoseconds (Documentation/scheduler/sched-stats.rst).
fn waited_for_processor(tid: Tid) -> Option<u64> {
    let text = std::fs::read_to_string(format!("/proc/self/task/{tid}/schedstat")).ok()?;
    text.split_whitespace().nth(1)?.parse().ok()
}
