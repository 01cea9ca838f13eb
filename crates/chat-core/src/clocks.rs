//! Checks of this machine's clock: how far it is from a clock that all servers on a store share, and whether it was set
//! while the server ran. Adapters read the clocks and report the results; nothing here reads a clock.

use std::time::Duration;

use crate::Chat;
use crate::error::Result;
use crate::time::Timestamp;

/// Clocks that differ by more, in microseconds, are reported. Two servers that are both within this bound of the
/// store's clock are well within the minute by which a signed date from a server with the same key may differ.
const APART_US: u64 = 10_000_000;
/// Clocks that differ by less, in microseconds, agree again. Smaller than [`APART_US`], so that a clock at the border
/// does not log both lines over and over.
const TOGETHER_US: u64 = 5_000_000;
/// A clock that moved by this many microseconds more or less than time passed was set. Time servers also speed a clock
/// up or slow it down, but not by this much between two checks.
const STEP_US: i64 = 5_000_000;
/// After this time, a clock that was set forward is believed.
const DOUBTED: Duration = Duration::from_secs(24 * 3600);

/// A reading of another machine's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reading {
    /// The time by that clock.
    pub theirs: Timestamp,
    /// How long ago the clock was read: since the middle of the round trip.
    pub age: Duration,
    /// Error bound of `age`: half of the round trip.
    pub within: Duration,
}

/// Difference between this machine's clock and another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Skew {
    /// How far this machine's clock is ahead, in microseconds; negative if it is behind.
    pub ahead_us: i64,
    /// Error bound of the difference.
    pub within: Duration,
}

impl Skew {
    fn of(reading: &Reading, now: Timestamp) -> Self {
        let ahead_us = now.0.saturating_sub(microseconds(reading.age)).saturating_sub(reading.theirs.0);
        Self { ahead_us, within: reading.within }
    }

    /// Returns the smallest difference that the error bound allows, in microseconds.
    fn at_least_us(self) -> u64 {
        let within = u64::try_from(self.within.as_micros()).unwrap_or(u64::MAX);
        self.ahead_us.unsigned_abs().saturating_sub(within)
    }
}

/// A change between agreeing and differing, reported once each time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// The clocks differ by more than the bound.
    Apart,
    /// They agree again.
    Together,
}

/// Tracks whether two clocks agree. They are assumed to until a measurement says otherwise.
#[derive(Debug, Default)]
pub struct Agreement {
    is_apart: bool,
}

impl Agreement {
    /// Takes a measurement, and returns the change that it causes, if any.
    pub fn judge(&mut self, skew: Skew) -> Option<Turn> {
        let is_apart = match self.is_apart {
            false => skew.at_least_us() > APART_US,
            true => skew.ahead_us.unsigned_abs() >= TOGETHER_US,
        };
        if is_apart == self.is_apart {
            return None;
        }
        self.is_apart = is_apart;
        Some(if is_apart { Turn::Apart } else { Turn::Together })
    }
}

/// The same moment on two clocks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Moment {
    /// By the clock that can be set.
    pub now: Timestamp,
    /// By a monotonic clock: time since a fixed start.
    pub elapsed: Duration,
}

/// Compares a clock that can be set with a monotonic one.
#[derive(Debug)]
pub struct Watch {
    last: Moment,
    /// How far the clock was set forward, in microseconds, as far as that is not believed yet.
    doubtful_us: i64,
    doubted_since: Duration,
}

impl Watch {
    /// Starts at a time that is taken as correct.
    pub fn begin(at: Moment) -> Self {
        Self { last: at, doubtful_us: 0, doubted_since: at.elapsed }
    }

    /// Returns by how many microseconds the clock was set since the last call (negative: back), if it was. A machine
    /// that slept looks the same as a clock that was set forward.
    pub fn look(&mut self, at: Moment) -> Option<i64> {
        let went_by = microseconds(at.elapsed.saturating_sub(self.last.elapsed));
        let step = at.now.0.saturating_sub(self.last.now.0).saturating_sub(went_by);
        self.last = at;
        if at.elapsed.saturating_sub(self.doubted_since) >= DOUBTED {
            self.doubtful_us = 0;
        }
        if step.saturating_abs() <= STEP_US {
            return None;
        }
        self.doubtful_us = self.doubtful_us.saturating_add(step).max(0);
        if step > 0 {
            self.doubted_since = at.elapsed;
        }
        Some(step)
    }

    /// Returns the earliest time that it may have been at the last call of [`look`](Self::look). Whatever expired
    /// before this time has expired for good, even if the clock was set forward by mistake and is about to be set back.
    pub fn earliest(&self) -> Timestamp {
        Timestamp(self.last.now.0.saturating_sub(self.doubtful_us))
    }
}

fn microseconds(time: Duration) -> i64 {
    i64::try_from(time.as_micros()).unwrap_or(i64::MAX)
}

impl Chat {
    /// Returns how far this machine's clock is from the store's, if the store has a clock of its own.
    pub async fn clock_skew(&self) -> Result<Option<Skew>> {
        let reading = self.store.clock().await?;
        Ok(reading.map(|reading| Skew::of(&reading, self.now())))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: i64 = 1_000_000;
    const HOUR: i64 = 3600 * SECOND;

    fn skew(seconds: i64, within_ms: u64) -> Skew {
        Skew { ahead_us: seconds * SECOND, within: Duration::from_millis(within_ms) }
    }

    #[test]
    fn a_skew_refers_to_the_middle_of_the_round_trip() {
        let (age, within) = (Duration::from_millis(300), Duration::from_millis(200));
        let reading = Reading { theirs: Timestamp(50 * SECOND), age, within };
        let skew = Skew::of(&reading, Timestamp(62 * SECOND + 300_000));
        assert_eq!(skew, self::skew(12, 200));
        assert_eq!(Skew::of(&reading, Timestamp(50 * SECOND)).ahead_us, -300_000);
    }

    #[test]
    fn differing_clocks_are_reported_once_and_once_when_they_agree_again() {
        let mut agreement = Agreement::default();
        let measured = [3, -10, 10, 11, 200, 9, 6, -12, 5, 4, 0, 9, -11, -2];
        let reported = measured.map(|seconds| agreement.judge(skew(seconds, 0)));
        let turns: Vec<_> =
            measured.into_iter().zip(reported).filter_map(|(s, turn)| Some((s, turn?))).collect();
        let [apart, together] = [Turn::Apart, Turn::Together];
        assert_eq!(turns, [(11, apart), (4, together), (-11, apart), (-2, together)]);
    }

    #[test]
    fn a_long_round_trip_is_no_difference() {
        let mut agreement = Agreement::default();
        assert_eq!(agreement.judge(skew(11, 1500)), None);
        assert_eq!(agreement.judge(skew(-12, 1500)), Some(Turn::Apart));
    }

    fn moment(now: i64, elapsed_s: u64) -> Moment {
        Moment { now: Timestamp(now), elapsed: Duration::from_secs(elapsed_s) }
    }

    #[test]
    fn a_clock_that_is_set_is_noticed_and_one_that_is_adjusted_is_not() {
        let mut watch = Watch::begin(moment(HOUR, 0));
        assert_eq!(watch.look(moment(HOUR + 2 * SECOND, 2)), None);
        assert_eq!(watch.look(moment(HOUR + 7 * SECOND, 4)), None, "three seconds more than went by");
        assert_eq!(watch.look(moment(9 * SECOND, 6)), Some(-HOUR));
        assert_eq!(watch.look(moment(11 * SECOND, 8)), None);
        assert_eq!(watch.look(moment(HOUR + 13 * SECOND, 10)), Some(HOUR));
    }

    #[test]
    fn a_clock_that_was_set_forward_is_not_believed_at_once() {
        let mut watch = Watch::begin(moment(HOUR, 0));
        watch.look(moment(3 * HOUR + 2 * SECOND, 2));
        watch.look(moment(9 * HOUR + 4 * SECOND, 4));
        assert_eq!(watch.earliest(), Timestamp(HOUR + 4 * SECOND));
        watch.look(moment(2 * HOUR + 6 * SECOND, 6));
        assert_eq!(watch.earliest(), Timestamp(HOUR + 6 * SECOND));
        watch.look(moment(8 * SECOND, 8));
        assert_eq!(watch.earliest(), Timestamp(8 * SECOND), "set back, it is believed");
        watch.look(moment(HOUR, 3600));
        watch.look(moment(3 * HOUR, 3602));
        let day = i64::try_from(DOUBTED.as_secs()).unwrap() * SECOND;
        watch.look(moment(3 * HOUR + day, 3602 + DOUBTED.as_secs()));
        assert_eq!(watch.earliest(), Timestamp(3 * HOUR + day), "and after a day");
    }
}
