//! Signals that ask Renacer itself to end: SIGINT, SIGTERM, SIGHUP and SIGQUIT.
//!
//! They are blocked everywhere and taken by one thread with sigwaitinfo, so no code runs in a signal handler. The tracer sits
//! in waitpid and must be woken: it is sent a harmless signal again and again until it has looked, since one that arrives just
//! before waitpid would be lost.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI32, Ordering};
use std::time::Duration;

use crate::sys::signal::{self, Mask};

const TAKEN: [i32; 4] = [libc::SIGINT, libc::SIGTERM, libc::SIGHUP, libc::SIGQUIT];
/// Ignored by default, so nothing else in our process can mean something by it.
pub(crate) const WAKE: i32 = libc::SIGURG;
/// After this many, Renacer ends at once.
const PATIENCE: usize = 3;

/// A signal that Renacer got.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interrupt {
    /// Its number.
    pub signal: i32,
    /// Whether the kernel sent it to the whole foreground group (a key, or a terminal that hung up): the program got it too.
    pub from_terminal: bool,
}

/// The signals that are blocked for Renacer's own use, and how to find out about them.
pub struct Interrupts {
    before: Mask,
    taken: Mask,
    shared: Arc<Shared>,
}

#[derive(Default)]
struct Shared {
    pending: AtomicI32,
    from_terminal: AtomicBool,
    /// The run shall end.
    over: AtomicBool,
}

/// Ends a run from another thread.
#[derive(Clone)]
pub struct Ender {
    shared: Arc<Shared>,
    tracer: i32,
}

impl Ender {
    /// The run shall end as if its time were up.
    pub fn end(&self) {
        if !self.shared.over.swap(true, Ordering::AcqRel) {
            remind(self.tracer, Duration::ZERO);
        }
    }
}

/// Wakes the tracer again and again once `delay` has passed, so that it looks at the clock and at what has been asked of it.
fn remind(tracer: i32, delay: Duration) {
    let remind = move || {
        std::thread::sleep(delay);
        while signal::kill_own_thread(tracer, WAKE).is_ok() {
            std::thread::sleep(Duration::from_millis(20));
        }
    };
    // Without the thread the tracer waits for its last tracee, or for the next signal.
    let _ = std::thread::Builder::new().name("deadline".into()).spawn(remind);
}

impl Interrupts {
    /// Blocks the signals, but for those that we were started to ignore (nohup). Call it before any thread exists; nothing else happens until [`Interrupts::start`].
    pub fn block() -> Interrupts {
        let taken: Vec<i32> = TAKEN.into_iter().filter(|&number| !signal::is_ignored(number)).collect();
        let taken = Mask::of(&taken);
        Interrupts { before: taken.block(), taken, shared: Arc::default() }
    }

    /// The signal mask as our process got it: the one that a program launched by us shall have.
    pub fn mask_before(&self) -> Mask {
        self.before
    }

    /// Starts the thread that takes the signals. `tracer` is the calling thread. Call it after the fork.
    pub fn start(&self) -> std::io::Result<()> {
        signal::interrupt_with(WAKE);
        let tracer = signal::own_tid();
        // A file that may grow no more is an error to be told, not the end of the run. The program keeps the default.
        signal::ignore(libc::SIGXFSZ);
        let (taken, shared) = (self.taken, self.shared.clone());
        std::thread::Builder::new().name("signals".into()).spawn(move || take_signals(&taken, &shared, tracer))?;
        Ok(())
    }

    /// Wakes the tracer (the calling thread) once `delay` has passed, so that it can look at the clock.
    pub fn remind(&self, delay: Duration) {
        remind(signal::own_tid(), delay);
    }

    /// What ends the run from another thread. To be called by the tracer.
    pub fn ender(&self) -> Ender {
        Ender { shared: self.shared.clone(), tracer: signal::own_tid() }
    }

    /// Whether an [`Ender`] has ended the run.
    pub(crate) fn is_over(&self) -> bool {
        self.shared.over.load(Ordering::Acquire)
    }

    /// Takes the signal that has arrived since the last call, if any.
    pub fn take(&self) -> Option<Interrupt> {
        match self.shared.pending.swap(0, Ordering::AcqRel) {
            0 => None,
            signal => Some(Interrupt { signal, from_terminal: self.shared.from_terminal.load(Ordering::Acquire) }),
        }
    }
}

fn take_signals(signals: &Mask, shared: &Shared, tracer: i32) {
    let mut count = 0;
    loop {
        let Ok((signal, code)) = signals.wait() else { continue };
        count += 1;
        // SI_KERNEL: sent by the terminal driver to the whole foreground process group.
        let from_terminal = code == libc::SI_KERNEL;
        if count >= PATIENCE && !from_terminal {
            signal::exit_now(128 + signal);
        }
        shared.from_terminal.store(from_terminal, Ordering::Release);
        shared.pending.store(signal, Ordering::Release);
        // The tracer may have ended its loop and be flushing: do not wait for it for ever.
        for _ in 0..100 {
            if shared.pending.load(Ordering::Acquire) == 0 || signal::kill_own_thread(tracer, WAKE).is_err() {
                break;
            }
            std::thread::sleep(Duration::from_millis(2));
        }
    }
}
