//! The present time from the system's clock; the one place that asks it.

use chat_core::ports::Clock;
use chat_core::time::Timestamp;

/// The system's clock.
pub(crate) struct SystemClock;

impl Clock for SystemClock {
    fn now(&self) -> Timestamp {
        Timestamp(jiff::Timestamp::now().as_microsecond())
    }
}
