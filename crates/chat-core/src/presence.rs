//! How users want to be seen, and when they were.

use crate::time::Timestamp;

/// Somebody who was last seen so much later (in microseconds) than what is newly told was so by a clock that has been set
/// back since.
pub const IMPLAUSIBLY_LATER_US: i64 = 600 * 1_000_000;

/// When somebody was last seen who was seen at one time and, as it is told now, at another: nodes tell in any order, but a
/// time that lies far ahead of the other is none. Stores decide alike.
pub fn last_seen(known: Timestamp, told: Timestamp) -> Timestamp {
    if known.0.saturating_sub(told.0) > IMPLAUSIBLY_LATER_US { told } else { known.max(told) }
}

/// How the user of a client wants to be seen. Of several clients of a user the smallest counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PresenceStatus {
    /// As if not there; counts for all clients of the user.
    Invisible,
    /// There.
    Online,
    /// There, but not looking.
    Away,
}

impl PresenceStatus {
    /// The choice as clients spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invisible => "invisible",
            Self::Online => "online",
            Self::Away => "away",
        }
    }

    /// The choice that is spelt so, if any.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Invisible, Self::Online, Self::Away].into_iter().find(|choice| choice.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_time_counts_unless_no_clock_says_so_any_more() {
        let far = IMPLAUSIBLY_LATER_US;
        for (known, told, expected) in [(5, 9, 9), (9, 5, 9), (far + 5, 5, far + 5), (far + 6, 5, 5)] {
            assert_eq!(last_seen(Timestamp(known), Timestamp(told)), Timestamp(expected), "{known}, {told}");
        }
    }
}
