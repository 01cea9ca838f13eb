//! The server's certificate: which files it is in, and taking it anew when they change or on SIGHUP. What it is used for
//! is the gateway's business.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};
use chat_gateway::{Tls, TlsFiles};

/// How often the files are looked at.
const LOOK: Duration = Duration::from_secs(5);

/// The files that the settings name; both or neither.
pub(crate) fn files(certificate: Option<String>, key: Option<String>) -> Result<Option<TlsFiles>> {
    let set = |path: Option<String>| path.filter(|path| !path.is_empty()).map(PathBuf::from);
    match (set(certificate), set(key)) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (Some(_), None) => bail!("TLS_CERT is set without TLS_KEY; give the certificate's key too"),
        (None, Some(_)) => bail!("TLS_KEY is set without TLS_CERT; give the key's certificate too"),
    }
}

/// Takes the certificate anew whenever its files change, and on SIGHUP. Never ends.
pub(crate) async fn keep(tls: Tls) {
    let mut hangups = Hangups::new();
    let mut seen = changed_at(&tls);
    loop {
        let asked = tokio::select! {
            () = hangups.next() => true,
            () = tokio::time::sleep(LOOK) => false,
        };
        // Before they are read: what changes meanwhile is found at the next look.
        let now = changed_at(&tls);
        if !asked && now == seen {
            continue;
        }
        seen = now;
        match tls.reload() {
            Ok(()) => tracing::info!(expires_at = tls.expires_at(), "the certificate was read anew"),
            Err(error) => tracing::error!(error = %error, "the certificate stays as it was"),
        }
    }
}

fn changed_at(tls: &Tls) -> [Option<SystemTime>; 2] {
    let changed = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    [changed(&tls.files().certificate), changed(&tls.files().key)]
}

/// The signal by which a server is usually asked to read its files once more.
#[cfg(unix)]
struct Hangups(Option<tokio::signal::unix::Signal>);

#[cfg(unix)]
impl Hangups {
    fn new() -> Self {
        let signal = tokio::signal::unix::signal(tokio::signal::unix::SignalKind::hangup());
        Self(signal.inspect_err(|error| tracing::warn!(error = %error, "SIGHUP cannot be awaited")).ok())
    }

    async fn next(&mut self) {
        match &mut self.0 {
            Some(signal) => drop(signal.recv().await),
            None => std::future::pending().await,
        }
    }
}

#[cfg(not(unix))]
struct Hangups;

#[cfg(not(unix))]
impl Hangups {
    fn new() -> Self {
        Self
    }

    async fn next(&mut self) {
        std::future::pending().await
    }
}
