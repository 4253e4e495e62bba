//! Durations in bounded memory: a log-linear histogram with exact count, sum, minimum and maximum.

/// Buckets per power of two, as a power of two: with 32, the middle of a bucket is at most 1.6 % from what is in it.
const PRECISION: u32 = 5;
const BUCKETS: u64 = 1 << PRECISION;

/// Durations in nanoseconds. Grows with the largest one: 6.5 KiB for a second, 15 KiB at most.
#[derive(Debug)]
pub(crate) struct Histogram {
    buckets: Vec<u64>,
    pub(crate) count: u64,
    pub(crate) sum: u64,
    pub(crate) min: u64,
    pub(crate) max: u64,
}

impl Default for Histogram {
    fn default() -> Self {
        Histogram { buckets: Vec::new(), count: 0, sum: 0, min: u64::MAX, max: 0 }
    }
}

impl Histogram {
    pub(crate) fn add(&mut self, duration: u64) {
        let bucket = bucket(duration);
        if bucket >= self.buckets.len() {
            self.buckets.resize(bucket + 1, 0);
        }
        self.buckets[bucket] += 1;
        self.count += 1;
        self.sum = self.sum.saturating_add(duration);
        self.min = self.min.min(duration);
        self.max = self.max.max(duration);
    }

    /// The smallest duration that at least this share of all durations (in thousandths) does not exceed; 0 if there is none.
    pub(crate) fn quantile(&self, thousandths: u64) -> u64 {
        let rank = (u128::from(self.count) * u128::from(thousandths)).div_ceil(1000).max(1);
        if self.count == 0 || rank >= u128::from(self.count) {
            return self.max;
        }
        let mut seen = 0;
        for (index, count) in self.buckets.iter().enumerate() {
            seen += u128::from(*count);
            if seen >= rank {
                return middle(index).clamp(self.min, self.max);
            }
        }
        self.max
    }
}

/// Durations below `BUCKETS` have a bucket each; then each power of two has `BUCKETS` of them.
fn bucket(duration: u64) -> usize {
    if duration < BUCKETS {
        return duration as usize;
    }
    let shift = duration.ilog2() - PRECISION;
    (u64::from(shift) * BUCKETS + (duration >> shift)) as usize
}

fn middle(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < 2 * BUCKETS {
        return bucket;
    }
    let shift = bucket / BUCKETS - 1;
    let low = (bucket - shift * BUCKETS) << shift;
    low + (1 << shift) / 2
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_duration_is_within_two_percent_of_its_buckets_middle() {
        let mut last = 0;
        for power in 0..64 {
            for step in 0..97u64 {
                let low = 1u64 << power;
                let duration = low + (u128::from(low) * u128::from(step) / 97) as u64;
                let index = bucket(duration);
                assert!(index >= last, "{duration}: buckets are in order");
                last = index;
                let off = middle(index).abs_diff(duration) as f64 / duration as f64;
                assert!(off <= 0.0157, "{duration} is {off} from {}", middle(index));
            }
        }
        assert_eq!(bucket(u64::MAX), last);
        assert!(last * 8 < 16 * 1024);
    }

    #[test]
    fn quantiles_agree_with_sorted_durations() {
        let mut histogram = Histogram::default();
        let mut all = Vec::new();
        let mut state = 7u64;
        for _ in 0..10_000 {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let duration = 500 + (state >> 33) % (1 << (10 + (state >> 60)));
            histogram.add(duration);
            all.push(duration);
        }
        all.sort_unstable();
        assert_eq!((histogram.count, histogram.sum), (10_000, all.iter().sum()));
        assert_eq!((histogram.min, histogram.max), (all[0], all[9_999]));
        for (thousandths, rank) in [(1, 10), (500, 5000), (900, 9000), (990, 9900), (999, 9990)] {
            let (exact, found) = (all[rank - 1] as f64, histogram.quantile(thousandths) as f64);
            assert!((found - exact).abs() / exact < 0.02, "{thousandths}: {found} for {exact}");
        }
        assert_eq!(histogram.quantile(1000), all[9_999]);
    }

    #[test]
    fn few_durations_are_their_own_quantiles() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(500), 0);
        histogram.add(123_456_789);
        assert_eq!((histogram.quantile(500), histogram.quantile(990)), (123_456_789, 123_456_789));
        histogram.add(0);
        assert_eq!((histogram.quantile(500), histogram.quantile(501)), (0, 123_456_789));
    }
}
