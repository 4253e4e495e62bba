//! The time that work on a file has taken, fairly measured on a busy machine.

use std::time::{Duration, Instant};

use rustix::time::{ClockId, clock_gettime};

/// Time spent waiting, for the disk or for a processor, counts this many times less than time spent computing: it says
/// little about the file.
const WAITING: u32 = 5;

/// Measures the work of the thread that started it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stopwatch {
    computed: Duration,
    started: Instant,
}

impl Stopwatch {
    pub(crate) fn start() -> Stopwatch {
        Stopwatch { computed: computed(), started: Instant::now() }
    }

    /// The time that the thread has computed since, or a fifth of the time that has passed if that is more.
    pub(crate) fn spent(&self) -> Duration {
        computed().saturating_sub(self.computed).max(self.started.elapsed() / WAITING)
    }
}

/// By the calling thread, so far.
fn computed() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    let seconds = u64::try_from(time.tv_sec).unwrap_or_default();
    Duration::new(seconds, u32::try_from(time.tv_nsec).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_counts_a_fifth_and_computing_counts_whole() {
        let watch = Stopwatch::start();
        std::thread::sleep(Duration::from_millis(50));
        assert!(watch.spent() >= Duration::from_millis(10));
        let before = watch.spent();
        let start = computed();
        while computed() - start < Duration::from_millis(60) {
            std::hint::black_box(0);
        }
        assert!(watch.spent() >= Duration::from_millis(60));
        assert!(watch.spent() > before);
    }
}
