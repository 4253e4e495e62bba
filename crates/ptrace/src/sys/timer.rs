//! A timer that interrupts what the calling thread waits in.

use std::io;
use std::time::Duration;

/// Sends a signal to the thread that made it.
pub struct Timer(libc::timer_t);

impl Timer {
    /// A timer that does not run yet; `signal` is sent to the calling thread.
    pub fn new(signal: i32) -> io::Result<Timer> {
        // SAFETY: all-zero bytes are a valid sigevent; the kernel reads it and writes one timer_t to `timer`.
        unsafe {
            let mut event: libc::sigevent = std::mem::zeroed();
            event.sigev_notify = libc::SIGEV_THREAD_ID;
            event.sigev_signo = signal;
            event.sigev_notify_thread_id = super::signal::own_tid();
            let mut timer: libc::timer_t = std::mem::zeroed();
            super::check(libc::timer_create(libc::CLOCK_MONOTONIC, &mut event, &mut timer).into())?;
            Ok(Timer(timer))
        }
    }

    /// Sends the signal after `delay`, and then again and again in `interval`: one that comes just before a wait begins is lost.
    pub fn start(&self, delay: Duration, interval: Duration) {
        // 0 would stop it.
        self.set(delay.max(Duration::from_nanos(1)), interval);
    }

    /// Sends it no more.
    pub fn stop(&self) {
        self.set(Duration::ZERO, Duration::ZERO);
    }

    fn set(&self, delay: Duration, interval: Duration) {
        let time = |duration: Duration| libc::timespec {
            tv_sec: duration.as_secs() as libc::time_t,
            tv_nsec: duration.subsec_nanos() as libc::c_long,
        };
        let times = libc::itimerspec { it_interval: time(interval), it_value: time(delay) };
        // SAFETY: the timer exists until it is dropped; the kernel reads one itimerspec; a null old value is allowed.
        unsafe { libc::timer_settime(self.0, 0, &times, std::ptr::null_mut()) };
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        // SAFETY: the timer exists, and nobody uses it any more.
        unsafe { libc::timer_delete(self.0) };
    }
}
