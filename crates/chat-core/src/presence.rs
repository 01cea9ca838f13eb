//! Presence: the status that users choose, and when they were last seen.

use crate::time::Timestamp;

/// Bound in microseconds. A stored time that is later than a new report by more than this came from a clock that has
/// been set back since.
pub const IMPLAUSIBLY_LATER_US: i64 = 600 * 1_000_000;

/// Returns the time to store as last seen, given the stored one and a new report. Nodes report in any order, so the
/// later time counts, unless it is implausibly far ahead of the other. All stores use this rule.
pub fn last_seen(known: Timestamp, reported: Timestamp) -> Timestamp {
    if known.0.saturating_sub(reported.0) > IMPLAUSIBLY_LATER_US { reported } else { known.max(reported) }
}

/// Presence that the user of a client has chosen. Of several clients of a user the smallest value counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum PresenceStatus {
    /// Shown as offline; applies to all clients of the user.
    Invisible,
    /// Online.
    Online,
    /// Online, but not at the device.
    Away,
}

impl PresenceStatus {
    /// Returns the name of the status in the API.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Invisible => "invisible",
            Self::Online => "online",
            Self::Away => "away",
        }
    }

    /// Returns the status with that name, if there is one.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Invisible, Self::Online, Self::Away].into_iter().find(|choice| choice.as_str() == text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_later_time_counts_unless_it_is_implausible() {
        let far = IMPLAUSIBLY_LATER_US;
        for (known, reported, expected) in [(5, 9, 9), (9, 5, 9), (far + 5, 5, far + 5), (far + 6, 5, 5)] {
            assert_eq!(
                last_seen(Timestamp(known), Timestamp(reported)),
                Timestamp(expected),
                "{known}, {reported}"
            );
        }
    }
}
