//! Chance that can be had again: the same seed and name give the same throws.

use std::time::Duration;

/// A stream of chance.
#[derive(Debug, Clone)]
pub(super) struct Dice(u64);

impl Dice {
    /// What is thrown for `number` of those who are called `name`.
    pub(super) fn new(seed: u64, name: &str, number: u64) -> Self {
        let mut dice = Self(seed);
        for part in name.bytes().map(u64::from).chain([number]) {
            dice.0 ^= part;
            dice.0 = dice.throw();
        }
        dice
    }

    /// Any number (SplitMix64).
    pub(super) fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From `least` to `most`, both included.
    pub(super) fn between(&mut self, least: u64, most: u64) -> u64 {
        let span = most.saturating_sub(least).saturating_add(1);
        least + self.throw() % span.max(1)
    }

    /// So many times out of a hundred.
    pub(super) fn is_lucky(&mut self, percent: u64) -> bool {
        self.between(1, 100) <= percent
    }

    /// A time in milliseconds.
    pub(super) fn millis(&mut self, least: u64, most: u64) -> Duration {
        Duration::from_millis(self.between(least, most))
    }

    /// One of them, if there are any.
    pub(super) fn one_of<'a, T>(&mut self, many: &'a [T]) -> Option<&'a T> {
        let last = u64::try_from(many.len()).ok()?.checked_sub(1)?;
        many.get(usize::try_from(self.between(0, last)).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn throws(seed: u64, name: &str, number: u64) -> Vec<u64> {
        let mut dice = Dice::new(seed, name, number);
        (0..5).map(|_| dice.throw()).collect()
    }

    #[test]
    fn a_seed_gives_the_same_again_and_everybody_something_else() {
        assert_eq!(throws(7, "talker", 1), throws(7, "talker", 1));
        let others = [throws(8, "talker", 1), throws(7, "poster", 1), throws(7, "talker", 2)];
        assert!(others.iter().all(|other| *other != throws(7, "talker", 1)));
    }

    #[test]
    fn throws_stay_between_their_bounds_and_reach_both() {
        let mut dice = Dice::new(1, "x", 0);
        let thrown: Vec<u64> = (0..1000).map(|_| dice.between(3, 5)).collect();
        assert!(thrown.iter().all(|number| (3..=5).contains(number)));
        assert!(thrown.contains(&3) && thrown.contains(&5));
        assert_eq!(dice.between(4, 4), 4);
        assert_eq!(dice.one_of::<u8>(&[]), None);
        assert!((0..100).all(|_| dice.is_lucky(100)) && !(0..100).any(|_| dice.is_lucky(0)));
    }
}
