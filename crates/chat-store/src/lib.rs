//! What stores share, whatever their engine: the bounded queues in front of their threads, what they count, and the lines
//! that they log when storage fails and when it is back. No statement and no driver belongs here.

mod feed;
mod metrics;
mod outage;
mod queue;

use std::panic::{AssertUnwindSafe, catch_unwind};

use chat_core::Error;

pub use feed::FeedMetrics;
pub use metrics::{Metrics, ReaderMetrics, SearchLag, WriterMetrics};
pub use outage::Outage;
pub use queue::{Batches, CLOSED, Queue, ReadQueue, Reads, Sender, WriteQueue};

/// Runs a caller's work on a store's thread. A panic becomes an internal error, whose cause is `panicked`, so that the
/// thread goes on.
pub fn caught<T, E: From<Error>>(
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
        let answer: Result<(), Error> = caught("a read panicked", || panic!("on purpose"));
        assert!(matches!(answer, Err(Error::Internal(cause)) if cause.to_string() == "a read panicked"));
        assert!(matches!(caught::<_, Error>("", || Ok(7)), Ok(7)));
    }
}
