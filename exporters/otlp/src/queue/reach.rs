//! Whether the collector can be reached, and for how long it is left alone.

use std::time::{Duration, Instant};

use renacer_events::SpanId;

use super::State;

/// The first pause before a collector that could not be reached is tried again; it doubles each time.
pub(super) const FIRST_REST: Duration = Duration::from_millis(200);
/// The longest such pause of our own choice.
pub(super) const LONGEST_REST: Duration = Duration::from_secs(3);
/// The same when the run is over and only delivery is waited for.
const LONGEST_LAST_REST: Duration = Duration::from_millis(500);
/// A collector that wants to be left alone for longer is tried again nevertheless.
const LONGEST_ASKED_REST: Duration = Duration::from_secs(600);
/// At the end, a collector that was never reached gets this long, and this many attempts.
const LAST_CHANCE: Duration = Duration::from_secs(1);
const LAST_ATTEMPTS: u32 = 2;

/// Whether the collector takes spans, as far as known.
pub(crate) enum Reach {
    Unknown,
    Up,
    /// It does not. Now and then one batch is sent to see whether that has changed.
    Down {
        next_probe: Instant,
        probing: bool,
        /// How long it was left alone.
        rest: Duration,
    },
}

impl State {
    /// Something came back that shows that somebody is there; `success`: spans were taken.
    pub(crate) fn reached(&mut self, success: bool) {
        self.reach = Reach::Up;
        (self.answered, self.nobody) = (true, false);
        if success {
            self.last_success = Some(Instant::now());
        }
    }

    /// An attempt found nobody.
    pub(crate) fn found_nobody(&mut self) {
        self.nobody = true;
        self.last_failures += u32::from(self.ending.is_some());
    }

    /// Leaves the collector alone for a while; `asked`: for how long it wants that.
    pub(crate) fn rest(&mut self, asked: Option<Duration>) {
        let longest = if self.ending.is_some() { LONGEST_LAST_REST } else { LONGEST_REST };
        let rest = match &self.reach {
            Reach::Down { rest, .. } => (*rest * 2).min(longest),
            Reach::Unknown | Reach::Up => FIRST_REST,
        };
        let pause = with_jitter(rest).max(asked.unwrap_or_default().min(LONGEST_ASKED_REST));
        self.reach = Reach::Down { next_probe: Instant::now() + pause, probing: false, rest };
    }

    /// Whether the collector was never there, and it is time not to wait for it any more.
    pub(super) fn is_hopeless(&self, now: Instant) -> bool {
        let Some(ending) = self.ending.filter(|_| self.nobody && !self.answered) else { return false };
        self.last_failures >= LAST_ATTEMPTS || now >= ending + LAST_CHANCE
    }
}

/// A pause with a random part of up to half of it behind it, so that several tracers do not come back all at once.
pub(crate) fn with_jitter(pause: Duration) -> Duration {
    let random = u64::from_be_bytes(SpanId::random().0) % 1000;
    pause + pause * random as u32 / 2000
}
