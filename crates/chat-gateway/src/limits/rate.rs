//! Rates as operators write them, and the decision about one more action: the generic cell rate algorithm (GCRA). One
//! number per key is enough: when its bucket will be full again. The current time is a parameter.

use std::fmt;
use std::str::FromStr;

const SECOND_NS: u64 = 1_000_000_000;

/// An average rate per unit of time and a burst after a rest, such as `100/s:300`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Rate {
    count: u32,
    unit: Unit,
    burst: u32,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unit {
    Second,
    Minute,
    Hour,
    Day,
}

impl Unit {
    const ALL: [(&'static str, Self); 4] =
        [("s", Self::Second), ("min", Self::Minute), ("h", Self::Hour), ("d", Self::Day)];

    const fn seconds(self) -> u64 {
        match self {
            Self::Second => 1,
            Self::Minute => 60,
            Self::Hour => 3600,
            Self::Day => 86_400,
        }
    }
}

impl Rate {
    pub(crate) const fn per_second(count: u32, burst: u32) -> Self {
        Self { count, unit: Unit::Second, burst }
    }

    pub(crate) const fn per_minute(count: u32, burst: u32) -> Self {
        Self { count, unit: Unit::Minute, burst }
    }

    pub(crate) const fn per_hour(count: u32, burst: u32) -> Self {
        Self { count, unit: Unit::Hour, burst }
    }

    /// The same rate, `factor` times looser.
    pub(super) fn times(self, factor: u32) -> Self {
        Self { count: self.count.saturating_mul(factor), burst: self.burst.saturating_mul(factor), ..self }
    }

    pub(crate) fn burst(self) -> u32 {
        self.burst
    }

    /// Seconds in which an empty bucket fills, rounded up.
    pub(crate) fn window_s(self) -> u64 {
        (u64::from(self.burst) * self.unit.seconds()).div_ceil(u64::from(self.count.max(1))).max(1)
    }

    pub(crate) fn cells(self) -> Cells {
        // Rounded up, so that the rate is never exceeded.
        let interval_ns = (self.unit.seconds() * SECOND_NS).div_ceil(u64::from(self.count.max(1)));
        Cells { interval_ns, tolerance_ns: interval_ns.saturating_mul(u64::from(self.burst.max(1))) }
    }
}

impl fmt::Display for Rate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let unit = Unit::ALL.iter().find(|(_, unit)| *unit == self.unit).map_or("s", |(name, _)| name);
        write!(f, "{}/{unit}:{}", self.count, self.burst)
    }
}

/// A setting: a rate, or `off`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RateSetting(pub Option<Rate>);

impl FromStr for RateSetting {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text.trim().eq_ignore_ascii_case("off") {
            return Ok(Self(None));
        }
        let wrong = || {
            format!(
                "{text:?} is not a rate; write 100/s:300 (100 per second on average, 300 at once; also /min, /h and /d), or off"
            )
        };
        let (rate, burst) = match text.trim().split_once(':') {
            Some((rate, burst)) => (rate, Some(burst)),
            None => (text.trim(), None),
        };
        let (count, unit) = rate.split_once('/').ok_or_else(wrong)?;
        let number = |text: &str| text.trim().parse::<u32>().ok().filter(|number| *number > 0);
        let count = number(count).ok_or_else(wrong)?;
        let unit = Unit::ALL.iter().find(|(name, _)| *name == unit.trim()).ok_or_else(wrong)?.1;
        let burst = burst.map_or(Some(count), number).ok_or_else(wrong)?;
        Ok(Self(Some(Rate { count, unit, burst })))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cells {
    /// Cost of one action.
    interval_ns: u64,
    /// Capacity of a full bucket.
    tolerance_ns: u64,
}

impl Cells {
    /// Takes one at `now` from a bucket that is full at `full_at`. Returns when it is full afterwards, or the time to
    /// wait.
    pub(super) fn take(self, full_at: u64, now: u64) -> Result<u64, u64> {
        let next = full_at.max(now).saturating_add(self.interval_ns);
        match (next - now).checked_sub(self.tolerance_ns) {
            None | Some(0) => Ok(next),
            Some(wait) => Err(wait),
        }
    }

    /// Gives back `count` that were taken and not used.
    pub(super) fn give_back(self, full_at: u64, count: u64) -> u64 {
        full_at.saturating_sub(self.interval_ns.saturating_mul(count))
    }

    /// Number that remain.
    pub(super) fn left(self, full_at: u64, now: u64) -> u64 {
        self.tolerance_ns.saturating_sub(full_at.saturating_sub(now)) / self.interval_ns
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn parsed(text: &str) -> Result<Option<Rate>, String> {
        text.parse().map(|RateSetting(rate)| rate)
    }

    #[test]
    fn rates_are_read_as_they_are_written() {
        assert_eq!(parsed("100/s:300"), Ok(Some(Rate::per_second(100, 300))));
        assert_eq!(parsed(" 10/min:10 "), Ok(Some(Rate::per_minute(10, 10))));
        assert_eq!(parsed("5/h"), Ok(Some(Rate::per_hour(5, 5))));
        assert_eq!(parsed("OFF"), Ok(None));
        for text in ["100/s:300", "10/min:7", "1/h:1", "3/d:2"] {
            assert_eq!(parsed(text).unwrap().unwrap().to_string(), text);
        }
        for wrong in
            ["", "100", "100/", "/s", "0/s", "1/s:0", "-1/s", "1/week", "1/s:x", "1/s:2:3", "1.5/s", "none"]
        {
            assert!(parsed(wrong).unwrap_err().contains("100/s:300"), "{wrong}");
        }
    }

    #[test]
    fn a_window_is_the_time_in_which_a_bucket_fills() {
        assert_eq!(Rate::per_second(100, 300).window_s(), 3);
        assert_eq!(Rate::per_hour(100, 50).window_s(), 1800);
        assert_eq!(Rate::per_second(1000, 1).window_s(), 1);
    }

    #[test]
    fn a_burst_is_taken_and_fills_again() {
        let cells = Rate::per_second(10, 3).cells();
        let mut full_at = 0;
        for left in [2, 1, 0] {
            full_at = cells.take(full_at, 1000).unwrap();
            assert_eq!(cells.left(full_at, 1000), left);
        }
        let wait = cells.take(full_at, 1000).unwrap_err();
        assert_eq!(wait, SECOND_NS / 10);
        assert_eq!(cells.take(full_at, 1000 + wait - 1), Err(1));
        assert!(cells.take(full_at, 1000 + wait).is_ok());
        assert_eq!(cells.left(cells.give_back(full_at, 1), 1000), 1);
    }

    fn rates() -> impl Strategy<Value = Rate> {
        let units = prop_oneof![Just(Unit::Second), Just(Unit::Minute), Just(Unit::Hour)];
        (1_u32..5000, units, 1_u32..500).prop_map(|(count, unit, burst)| Rate { count, unit, burst })
    }

    proptest! {
        /// In no period is more taken than a burst plus what the rate gives in that time. After the reported wait, the
        /// next attempt is not refused.
        #[test]
        fn never_more_than_a_burst_and_the_rate(rate in rates(), steps in prop::collection::vec(0_u64..3_000_000_000, 1..400)) {
            let cells = rate.cells();
            let (mut now, mut full_at, mut taken) = (0_u64, 0_u64, Vec::new());
            for step in steps {
                now += step / u64::from(rate.burst);
                match cells.take(full_at, now) {
                    Ok(next) => {
                        full_at = next;
                        taken.push(now);
                    }
                    Err(wait) => {
                        prop_assert!(wait > 0);
                        prop_assert!(cells.take(full_at, now + wait).is_ok());
                        prop_assert!(cells.take(full_at, now + wait - 1).is_err());
                    }
                }
            }
            for (first, from) in taken.iter().enumerate() {
                for (last, to) in taken.iter().enumerate().skip(first) {
                    let gained = u128::from(to - from) * u128::from(rate.count)
                        / u128::from(rate.unit.seconds() * SECOND_NS);
                    prop_assert!((last - first + 1) as u128 <= u128::from(rate.burst) + gained);
                }
            }
        }

        /// A refusal costs nothing: however many attempts come in between, the next one succeeds at the same time.
        #[test]
        fn a_refusal_costs_nothing(rate in rates(), attempts in prop::collection::vec(0_u64..1000, 0..50)) {
            let cells = rate.cells();
            let mut full_at = 0;
            while let Ok(next) = cells.take(full_at, 0) {
                full_at = next;
            }
            let wait = cells.take(full_at, 0).unwrap_err();
            for at in attempts {
                prop_assert!(cells.take(full_at, wait * at / 1000).is_err());
            }
            prop_assert!(cells.take(full_at, wait).is_ok());
        }
    }
}
