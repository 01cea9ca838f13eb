//! Reproducible random numbers: the same seed and name give the same numbers.

use std::time::Duration;

/// A stream of random numbers.
#[derive(Debug, Clone)]
pub(crate) struct Rng(u64);

impl Rng {
    /// The stream of the user `number` of this seed with the role `name`.
    pub(crate) fn new(seed: u64, name: &str, number: u64) -> Self {
        let mut rng = Self(seed);
        for part in name.bytes().map(u64::from).chain([number]) {
            rng.0 ^= part;
            rng.0 = rng.number();
        }
        rng
    }

    /// The next number (SplitMix64).
    pub(crate) fn number(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number from `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        let span = most.saturating_sub(least).saturating_add(1);
        least + self.number() % span.max(1)
    }

    /// Returns true with this probability in percent.
    pub(crate) fn percent(&mut self, percent: u64) -> bool {
        self.between(1, 100) <= percent
    }

    /// A duration from `least` to `most` milliseconds.
    pub(crate) fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.between(least, most))
    }

    /// One of the elements, if there are any.
    pub(crate) fn one_of<'a, T>(&mut self, many: &'a [T]) -> Option<&'a T> {
        let last = u64::try_from(many.len()).ok()?.checked_sub(1)?;
        many.get(usize::try_from(self.between(0, last)).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(seed: u64, name: &str, number: u64) -> Vec<u64> {
        let mut rng = Rng::new(seed, name, number);
        (0..5).map(|_| rng.number()).collect()
    }

    #[test]
    fn a_seed_gives_the_same_numbers_again_and_different_ones_to_each_name() {
        assert_eq!(numbers(7, "talker", 1), numbers(7, "talker", 1));
        let others = [numbers(8, "talker", 1), numbers(7, "poster", 1), numbers(7, "talker", 2)];
        assert!(others.iter().all(|other| *other != numbers(7, "talker", 1)));
    }

    #[test]
    fn numbers_stay_between_their_bounds_and_reach_both() {
        let mut rng = Rng::new(1, "x", 0);
        let thrown: Vec<u64> = (0..1000).map(|_| rng.between(3, 5)).collect();
        assert!(thrown.iter().all(|number| (3..=5).contains(number)));
        assert!(thrown.contains(&3) && thrown.contains(&5));
        assert_eq!(rng.between(4, 4), 4);
        assert_eq!(rng.one_of::<u8>(&[]), None);
        assert!((0..100).all(|_| rng.percent(100)) && !(0..100).any(|_| rng.percent(0)));
    }
}
