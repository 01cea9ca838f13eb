//! The domain's representation of time. Reading a clock belongs to the [`Clock`](crate::ports::Clock) port.

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Returns whole seconds since 1970, the unit of dates in tokens.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }
}
