//! The domain's notion of time. Reading a clock is the business of the [`Clock`](crate::ports::Clock) port.

/// Microseconds since 1970-01-01T00:00:00Z.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Timestamp(pub i64);
