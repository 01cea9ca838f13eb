//! SIGHUP, the usual request to a server to reload its files. It never ends this one: the log file is reopened, and
//! listeners are notified to reload theirs.

use anyhow::Result;
use tokio::sync::watch;

use crate::logging::Reopen;

/// Listens for the signal until the process ends. Each signal marks the returned receiver as changed.
///
/// # Errors
/// The system refuses to register a signal handler.
#[cfg(unix)]
pub(crate) fn listen(log: Reopen) -> Result<watch::Receiver<()>> {
    use anyhow::Context;
    use tokio::signal::unix::{SignalKind, signal};

    let mut hangups = signal(SignalKind::hangup()).context("SIGHUP cannot be awaited")?;
    let (sender, listeners) = watch::channel(());
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            log.ask();
            tracing::info!("SIGHUP: reopening the log file and reloading the certificate");
            sender.send_replace(());
        }
    });
    Ok(listeners)
}

/// Returns a receiver that never changes: this system has no such signal.
#[cfg(not(unix))]
pub(crate) fn listen(_: Reopen) -> Result<watch::Receiver<()>> {
    let (sender, listeners) = watch::channel(());
    tokio::spawn(async move {
        // A dropped sender would look like a change.
        std::future::pending::<()>().await;
        drop(sender);
    });
    Ok(listeners)
}
