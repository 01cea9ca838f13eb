//! SIGHUP, by which a server is usually asked to read its files once more, and which never ends this one: the log's file
//! is opened anew, and whoever has files to read again is told.

use anyhow::Result;
use tokio::sync::watch;

use crate::logging::Reopen;

/// Awaits the signal until the process ends; each one is a change of what is given.
///
/// # Errors
/// The system allows no further signal to be awaited.
#[cfg(unix)]
pub(crate) fn listen(log: Reopen) -> Result<watch::Receiver<()>> {
    use anyhow::Context;
    use tokio::signal::unix::{SignalKind, signal};

    let mut hangups = signal(SignalKind::hangup()).context("SIGHUP cannot be awaited")?;
    let (told, listeners) = watch::channel(());
    tokio::spawn(async move {
        while hangups.recv().await.is_some() {
            log.ask();
            tracing::info!("SIGHUP: reopening the log file and reloading the certificate");
            told.send_replace(());
        }
    });
    Ok(listeners)
}

/// There is no such signal.
#[cfg(not(unix))]
pub(crate) fn listen(_: Reopen) -> Result<watch::Receiver<()>> {
    let (told, listeners) = watch::channel(());
    tokio::spawn(async move {
        // Dropped, it would be a change of its own.
        std::future::pending::<()>().await;
        drop(told);
    });
    Ok(listeners)
}
