//! Measured times and their percentiles.

use std::time::Duration;

/// Measured times, in microseconds. All are kept, so every percentile is exact.
#[derive(Debug, Default)]
pub(super) struct Samples(Vec<u32>);

impl Samples {
    pub(super) fn push(&mut self, time: Duration) {
        self.0.push(u32::try_from(time.as_micros()).unwrap_or(u32::MAX));
    }

    pub(super) fn append(&mut self, mut others: Self) {
        self.0.append(&mut others.0);
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// Sorts the times, for percentiles.
    pub(super) fn sorted(mut self) -> Sorted {
        self.0.sort_unstable();
        Sorted(self.0)
    }
}

/// Sorted times.
pub(super) struct Sorted(Vec<u32>);

impl Sorted {
    /// The smallest time that at least `percent` of the samples did not exceed, in milliseconds; 0 without samples.
    pub(super) fn percentile_ms(&self, percent: usize) -> f64 {
        let rank = (self.0.len() * percent).div_ceil(100).max(1);
        f64::from(self.0.get(rank - 1).copied().unwrap_or(0)) / 1000.0
    }

    pub(super) fn max_ms(&self) -> f64 {
        f64::from(self.0.last().copied().unwrap_or(0)) / 1000.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sorted(millis: impl IntoIterator<Item = u64>) -> Sorted {
        let mut samples = Samples::default();
        millis.into_iter().for_each(|time| samples.push(Duration::from_millis(time)));
        samples.sorted()
    }

    #[test]
    fn percentiles_use_the_nearest_rank() {
        let hundred = sorted((1..=100).rev());
        let asked = [50, 99, 100].map(|percent| hundred.percentile_ms(percent));
        assert_eq!(asked, [50.0, 99.0, 100.0]);
        assert!((hundred.max_ms() - 100.0).abs() < f64::EPSILON);
        let three = sorted([30, 10, 20]);
        assert_eq!(
            [1, 33, 34, 50, 67, 99].map(|percent| three.percentile_ms(percent)),
            [10.0, 10.0, 20.0, 20.0, 30.0, 30.0]
        );
    }

    #[test]
    fn one_time_is_every_percentile_and_none_is_zero() {
        assert_eq!([1, 50, 99].map(|percent| sorted([7]).percentile_ms(percent)), [7.0, 7.0, 7.0]);
        assert_eq!([sorted([]).percentile_ms(50), sorted([]).max_ms()], [0.0, 0.0]);
    }

    #[test]
    fn times_of_several_workers_are_combined() {
        let mut all = Samples::default();
        for millis in [3, 1, 2] {
            let mut one = Samples::default();
            one.push(Duration::from_millis(millis));
            all.append(one);
        }
        assert_eq!(all.len(), 3);
        assert_eq!(all.sorted().percentile_ms(50), 2.0);
    }
}
