//! The server's certificate: which files it is in, and taking it anew when they change or on SIGHUP. What it is used for
//! is the gateway's business.

use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use anyhow::{Result, bail};
use chat_gateway::{Tls, TlsFiles};
use tokio::sync::watch;

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

/// Takes the certificate anew whenever its files change, and on each SIGHUP, and says so when it is no longer valid. Never
/// ends.
pub(crate) async fn keep(tls: Tls, mut hangups: watch::Receiver<()>) {
    let mut seen = changed_at(&tls);
    let mut was_valid = true;
    loop {
        was_valid = say_whether_valid(&tls, was_valid);
        let asked = tokio::select! {
            Ok(()) = hangups.changed() => true,
            () = tokio::time::sleep(LOOK) => false,
        };
        // Before they are read: what changes meanwhile is found at the next look.
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

/// Once each time that it changes.
fn say_whether_valid(tls: &Tls, was_valid: bool) -> bool {
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
