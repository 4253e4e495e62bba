//! How much of a thread's time tracing may take.

/// What a thread has in hand is a share of this time at most, in nanoseconds: how long its slices are.
const BURST: f64 = 100e6;

/// A thread's account: its time fills it, by the share that tracing may take of it, and stops empty it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Budget {
    /// Nanoseconds of stops that it may still have; negative when it had too many.
    balance: f64,
    /// When that was so.
    at: u64,
}

impl Budget {
    /// A full account.
    pub(super) fn new(share: f64, now: u64) -> Budget {
        Budget { balance: share * BURST, at: now }
    }

    /// Takes the cost of a stop off, in nanoseconds, and adds what the time since the last one has brought.
    pub(super) fn spend(&mut self, share: f64, now: u64, cost: u64) {
        let elapsed = now.saturating_sub(self.at) as f64;
        self.balance = (self.balance + share * elapsed).min(share * BURST) - cost as f64;
        self.at = self.at.max(now);
    }

    /// Whether the thread has had more than it may have.
    pub(super) fn is_spent(&self) -> bool {
        self.balance < 0.0
    }

    /// When the account is full again, if nothing is taken from it.
    pub(super) fn full_at(&self, share: f64) -> u64 {
        self.reaches(share, share * BURST)
    }

    /// When nothing is owed any more.
    pub(super) fn even_at(&self, share: f64) -> u64 {
        self.reaches(share, 0.0)
    }

    fn reaches(&self, share: f64, balance: f64) -> u64 {
        self.at.saturating_add(((balance - self.balance).max(0.0) / share) as u64)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn a_thread_that_stops_seldom_never_rests() {
        let mut budget = Budget::new(0.05, 0);
        for stop in 1..10_000 {
            // 40 µs of every millisecond are 4%.
            budget.spend(0.05, stop * MS, 40_000);
            assert!(!budget.is_spent(), "after {stop} stops");
        }
    }

    #[test]
    fn a_busy_thread_keeps_to_its_share() {
        for share in [0.001, 0.01, 0.05, 0.2, 0.9] {
            let mut budget = Budget::new(share, 0);
            let (mut now, mut stopped, mut rests) = (0, 0_u64, 0);
            while now < 20_000 * MS {
                // A stop of 9 µs after each µs of work.
                now += 10_000;
                stopped += 9_000;
                budget.spend(share, now, 9_000);
                if budget.is_spent() {
                    rests += 1;
                    let until = budget.full_at(share);
                    assert!(until > now && until < now + 120 * MS, "{now} {until}");
                    now = until;
                }
            }
            let taken = stopped as f64 / now as f64;
            assert!(taken < share * 1.01 + 1e-5 && taken > share * 0.9, "{taken} of {share}");
            assert!(share > 0.8 || rests > 100, "{rests}");
        }
    }

    #[test]
    fn a_debt_is_paid_by_a_longer_rest() {
        let mut budget = Budget::new(0.01, 0);
        budget.spend(0.01, MS, 11 * MS);
        assert!(budget.is_spent());
        // 1 ms in hand, 10 ms owed.
        assert_eq!(budget.even_at(0.01), 1001 * MS);
        assert_eq!(budget.full_at(0.01), 1101 * MS);
    }

    #[test]
    fn all_of_the_time_is_no_limit() {
        let mut budget = Budget::new(1.0, 0);
        for stop in 1..1000 {
            budget.spend(1.0, stop * MS, MS);
            assert!(!budget.is_spent());
        }
    }

    #[test]
    fn a_clock_that_stands_still_does_no_harm() {
        let mut budget = Budget::new(0.5, 5 * MS);
        budget.spend(0.5, 0, 0);
        assert_eq!((budget.is_spent(), budget.full_at(0.5)), (false, 5 * MS));
    }
}
