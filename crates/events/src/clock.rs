//! One anchor between CLOCK_MONOTONIC and the epoch: all times of a run are shifted by the same amount, so that they keep
//! their distances even when the wall clock is set while the run lasts.

/// Shifts times of CLOCK_MONOTONIC to the epoch.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Clock {
    offset: i64,
}

impl Clock {
    /// An anchor from both clocks read at the same moment, in nanoseconds.
    pub fn new(epoch: u64, monotonic: u64) -> Self {
        let offset = i128::from(epoch) - i128::from(monotonic);
        Clock { offset: offset.clamp(i64::MIN.into(), i64::MAX.into()) as i64 }
    }

    /// A time of CLOCK_MONOTONIC in nanoseconds since the epoch.
    pub fn epoch(&self, monotonic: u64) -> u64 {
        monotonic.saturating_add_signed(self.offset)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shifts_by_the_anchor_in_both_directions_and_never_wraps() {
        let clock = Clock::new(1_000_000_000_000, 5_000);
        assert_eq!(clock.epoch(5_000), 1_000_000_000_000);
        assert_eq!(clock.epoch(7_001), 1_000_000_002_001);
        assert_eq!(clock.epoch(u64::MAX), u64::MAX);
        assert_eq!(Clock::new(10, 100).epoch(95), 5);
        assert_eq!(Clock::new(10, 100).epoch(1), 0);
    }
}
