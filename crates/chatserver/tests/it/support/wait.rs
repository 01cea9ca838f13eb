//! Waiting for events, never for time alone: each wait has a deadline and ends as soon as the event occurs.

use std::time::{Duration, Instant};

/// Returns the future's value. Fails after this many seconds.
pub async fn within<T>(seconds: u64, future: impl Future<Output = T>) -> T {
    let waited = tokio::time::timeout(Duration::from_secs(seconds), future).await;
    waited.unwrap_or_else(|_| panic!("nothing came within {seconds} s"))
}

/// Asks again and again until the answer is yes.
pub async fn eventually(seconds: u64, what: &str, mut is_so: impl AsyncFnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(seconds);
    while !is_so().await {
        assert!(Instant::now() < deadline, "not within {seconds} s: {what}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
