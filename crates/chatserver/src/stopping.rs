//! The signals that end the process. A thread with a runtime of its own awaits them, so that the process ends even if
//! the server's runtime hangs.

use std::process::exit;
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result};
use tokio::sync::oneshot;

use crate::watchdog::{self, STUCK};

/// Upper bound for an orderly shutdown after the first signal. Supervisors allow ten seconds at most.
const LIMIT: Duration = Duration::from_millis(9_500);

/// Returns a future that resolves at the first SIGTERM or Ctrl-C. A second one ends the process at once, and so does
/// the end of `LIMIT`.
pub(crate) fn signal() -> Result<impl Future<Output = ()>> {
    let (first, came) = oneshot::channel();
    let (listening, listens) = std::sync::mpsc::channel();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.context("signals cannot be awaited")?;
    let wait = move || {
        runtime.block_on(async move {
            let mut signals = match Signals::new() {
                Ok(signals) => signals,
                Err(error) => return drop(listening.send(Err(error))),
            };
            // The caller of `signal` waits for this.
            let _ = listening.send(Ok(()));
            signals.next().await;
            let _ = first.send(());
            let second = tokio::time::timeout(LIMIT, signals.next()).await;
            if second.is_ok() {
                exit(1);
            }
            watchdog::say(format!("the process did not stop within {LIMIT:?}; ending it"));
            exit(STUCK);
        });
    };
    thread::Builder::new().name("signals".into()).spawn(wait).context("signals cannot be awaited")?;
    listens.recv().context("signals cannot be awaited")?.context("SIGTERM cannot be awaited")?;
    Ok(async move {
        // The sender lives as long as the process.
        let _ = came.await;
    })
}

struct Signals {
    #[cfg(unix)]
    terminate: tokio::signal::unix::Signal,
    #[cfg(unix)]
    interrupt: tokio::signal::unix::Signal,
    /// SIGXFSZ is caught because its default ends the process: a file that may not grow (`ulimit -f`) is handled like a
    /// full disk.
    #[cfg(unix)]
    _too_large: tokio::signal::unix::Signal,
}

impl Signals {
    #[cfg(unix)]
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        let too_large = SignalKind::from_raw(rustix::process::Signal::XFSZ.as_raw());
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            _too_large: signal(too_large)?,
        })
    }

    #[cfg(not(unix))]
    fn new() -> std::io::Result<Self> {
        Ok(Self {})
    }

    #[cfg(unix)]
    async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }

    #[cfg(not(unix))]
    async fn next(&mut self) {
        let _ = tokio::signal::ctrl_c().await;
    }
}
