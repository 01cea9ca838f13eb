//! The parts that all stores share: the bounded queues in front of their threads, their metrics, and the
//! lines that they log when storage fails and when it recovers. No SQL statement and no database driver belongs here.

mod feed;
mod metrics;
mod outage;
mod queue;

use std::panic::{AssertUnwindSafe, catch_unwind};

use chat_core::Error;

pub use feed::FeedMetrics;
pub use metrics::{Metrics, ReaderMetrics, SearchLag, WriterMetrics};
pub use outage::Outage;
pub use queue::{Batches, CLOSED, Lane, Queue, ReadQueue, Reads, Sender, WriteQueue};

/// Runs a caller's work on a store's thread. A panic becomes an internal error with the cause `panicked`, so that the
/// thread survives.
pub fn catch_panic<T, E: From<Error>>(
    panicked: &'static str,
    work: impl FnOnce() -> Result<T, E>,
) -> Result<T, E> {
    catch_unwind(AssertUnwindSafe(work)).unwrap_or_else(|_| Err(Error::internal(panicked).into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_panic_is_an_internal_error() {
        let answer: Result<(), Error> = catch_panic("a read panicked", || panic!("on purpose"));
        assert!(matches!(answer, Err(Error::Internal(cause)) if cause.to_string() == "a read panicked"));
        assert!(matches!(catch_panic::<_, Error>("", || Ok(7)), Ok(7)));
    }
}
