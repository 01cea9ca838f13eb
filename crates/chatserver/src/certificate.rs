//! The server's certificate: its files, and reloading them when they change or on SIGHUP. The gateway uses it.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};
use chat_gateway::{Tls, TlsFiles};
use tokio::sync::watch;

/// Interval at which the files are checked for changes.
const CHECK_INTERVAL: Duration = Duration::from_secs(5);

/// Returns the files that the settings name. `None` if neither is set.
///
/// # Errors
/// Only one of the two is set.
pub(crate) fn files(certificate: Option<String>, key: Option<String>) -> Result<Option<TlsFiles>> {
    let set = |path: Option<String>| path.filter(|path| !path.is_empty()).map(PathBuf::from);
    match (set(certificate), set(key)) {
        (None, None) => Ok(None),
        (Some(certificate), Some(key)) => Ok(Some(TlsFiles { certificate, key })),
        (Some(_), None) => bail!("TLS_CERT is set without TLS_KEY; give the certificate's key too"),
        (None, Some(_)) => bail!("TLS_KEY is set without TLS_CERT; give the key's certificate too"),
    }
}

/// Reloads the certificate whenever its files change and on each SIGHUP, and logs when it is no longer valid. Never
/// returns.
pub(crate) async fn keep(tls: Tls, mut hangups: watch::Receiver<()>) {
    let mut seen = changed_at(&tls);
    let mut was_valid = true;
    loop {
        was_valid = log_validity(&tls, was_valid);
        let asked = tokio::select! {
            Ok(()) = hangups.changed() => true,
            () = tokio::time::sleep(CHECK_INTERVAL) => false,
        };
        // Taken before the files are read: a change meanwhile is found at the next check.
        let now = changed_at(&tls);
        if !asked && now == seen {
            continue;
        }
        seen = now;
        match tls.reload() {
            Ok(()) => tracing::info!(expires_at = tls.expires_at(), "the certificate was reloaded"),
            Err(error) => {
                tracing::error!(error = %error, "the certificate was not reloaded; the former one stays in use")
            }
        }
    }
}

/// Logs each change of the validity once. Returns the present validity.
fn log_validity(tls: &Tls, was_valid: bool) -> bool {
    let is_valid = tls.is_valid();
    let expires_at = tls.expires_at();
    match (was_valid, is_valid) {
        (true, false) => tracing::error!(
            expires_at,
            "by this machine's clock the certificate is not valid; it stays in use, and clients whose clocks agree \
             refuse it: install a new one, or correct the clock"
        ),
        (false, true) => tracing::info!(expires_at, "the certificate is valid again"),
        _ => {}
    }
    is_valid
}

fn changed_at(tls: &Tls) -> [Option<SystemTime>; 2] {
    let changed = |path: &Path| path.metadata().and_then(|file| file.modified()).ok();
    [changed(&tls.files().certificate), changed(&tls.files().key)]
}
