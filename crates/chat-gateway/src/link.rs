//! Handle to one HTTP connection, by which others can end it without holding its socket.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(crate) struct Link {
    is_ended: AtomicBool,
    wake: Notify,
}

impl Link {
    /// Ends the connection as soon as its task is polled.
    pub(crate) fn end(&self) {
        self.is_ended.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.is_ended.load(Ordering::Acquire)
    }

    /// Resolves when the connection was ended. Only the connection's own task may await it.
    pub(crate) async fn ended(&self) {
        self.wake.notified().await;
    }
}
