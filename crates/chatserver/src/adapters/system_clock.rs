//! The present time from the system clock. Nothing else in the server reads that clock.

use chat_core::failpoints;
use chat_core::ports::Clock;
use chat_core::time::Timestamp;

/// The system clock. Tests may set it ahead.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        let ahead = i64::from(failpoints::number("clock_ahead"));
        Timestamp(jiff::Timestamp::now().as_microsecond() + ahead * 1_000_000)
    }
}
