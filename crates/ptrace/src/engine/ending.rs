//! How a run ends before its program does: by a signal to Renacer, or because its time is up.

use std::time::{Duration, Instant};

use super::Tracer;
use crate::interrupts::{Interrupt, Interrupts};
use crate::sys::signal;
use crate::tracee;

/// How long a detach waits for tracees that do not stop (asleep in the kernel); afterwards the kernel lets them go when we end.
const DETACH_PATIENCE: Duration = Duration::from_secs(2);
/// A second key press within this time means: end now.
const IMPATIENCE: Duration = Duration::from_secs(2);
/// How long a program that was asked to end by SIGTERM may take.
const KILL_PATIENCE: Duration = Duration::from_secs(5);

/// What happens to a launched program when the run's time is up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AtTimeout {
    /// It goes on untraced.
    Detach,
    /// It is ended: by SIGTERM, and by SIGKILL if that does not suffice.
    Kill,
}

impl Tracer {
    /// The run begins now.
    pub(super) fn start_clock(&mut self, interrupts: &Interrupts) {
        if let Some(duration) = self.options.limit {
            self.deadline = Instant::now().checked_add(duration);
            interrupts.remind(duration);
        }
    }

    /// Ends the run if its time is up.
    pub(super) fn keep_time(&mut self, interrupts: &Interrupts) {
        let ended = interrupts.is_over() && !self.outcome.timed_out;
        if !ended && self.deadline.is_none_or(|deadline| Instant::now() < deadline) {
            return;
        }
        self.deadline = None;
        let kill = self.options.at_end == AtTimeout::Kill;
        match self.main.filter(|_| kill && (self.filtered || self.outcome.status.is_none())) {
            Some(main) if !self.outcome.timed_out => {
                if self.outcome.status.is_none() {
                    let _ = signal::kill(main, libc::SIGTERM);
                }
                self.deadline = Some(Instant::now() + KILL_PATIENCE);
                interrupts.remind(KILL_PATIENCE);
            }
            // What it has left behind cannot be let go under a filter.
            Some(_) => {
                for &pid in self.processes.keys() {
                    let _ = signal::kill(pid, libc::SIGKILL);
                }
            }
            None => self.let_go(interrupts),
        }
        self.outcome.timed_out = true;
    }

    /// Ctrl-C and its kin. A launched program decides by itself what the first one means: it got it from the terminal too, or gets
    /// it from us. The second one, and the first one where nothing was launched or it has ended, lets all tracees go.
    pub(super) fn interrupted(&mut self, interrupt: Interrupt, interrupts: &Interrupts) {
        let now = Instant::now();
        let impatient = self.last_interrupt.is_some_and(|last| now - last < IMPATIENCE || !interrupt.from_terminal);
        self.last_interrupt = Some(now);
        if let Some(main) = self.main.filter(|_| self.outcome.status.is_none()) {
            if !interrupt.from_terminal {
                let _ = signal::kill(main, interrupt.signal);
            }
            if !impatient {
                return;
            }
        }
        self.outcome.interrupted = Some(interrupt.signal);
        self.let_go(interrupts);
    }

    /// Makes all tracees stop, so that they can be detached; asked again, waits for them no longer.
    fn let_go(&mut self, interrupts: &Interrupts) {
        let now = Instant::now();
        if self.detaching.is_some() {
            self.detaching = Some(now);
            return;
        }
        if let Some(mut placement) = self.placement.take() {
            placement.reveal();
        }
        if self.filtered {
            self.passing = true;
            return;
        }
        self.detaching = Some(now + DETACH_PATIENCE);
        interrupts.remind(DETACH_PATIENCE);
        for &tid in self.threads.keys() {
            let _ = tracee::interrupt(tid);
        }
    }
}
