//! One HTTP connection, as those see it who may have to give it up: others hold it without holding its socket.

use std::sync::atomic::{AtomicBool, Ordering};

use tokio::sync::Notify;

#[derive(Debug, Default)]
pub(crate) struct Link {
    is_ended: AtomicBool,
    wake: Notify,
}

impl Link {
    /// Gives the connection up; it ends as soon as its task looks.
    pub(crate) fn end(&self) {
        self.is_ended.store(true, Ordering::Release);
        self.wake.notify_one();
    }

    pub(crate) fn is_ended(&self) -> bool {
        self.is_ended.load(Ordering::Acquire)
    }

    /// Resolves when it was given up; for the connection's own task alone.
    pub(crate) async fn ended(&self) {
        self.wake.notified().await;
    }
}
