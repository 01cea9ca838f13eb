//! The server's certificate: read from two files, checked before clients see it, and reloaded when the files change.
//! The binary watches the files.

use std::fmt;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

use chat_core::ports::Clock;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use rustls::{InconsistentKeys, ServerConfig};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;
use x509_cert::der::Decode;

use crate::pace::Paced;

/// Paths of the certificate and its key, in PEM.
#[derive(Debug, Clone)]
pub struct TlsFiles {
    /// The certificate, followed by its intermediate certificates.
    pub certificate: PathBuf,
    /// The private key of the first certificate.
    pub key: PathBuf,
}

/// Why a certificate can't be used: a sentence for the operator.
#[derive(Debug)]
pub struct TlsError(String);

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TlsError {}

/// Encrypts sockets; cheap to clone.
#[derive(Clone)]
pub struct Tls(Arc<Inner>);

struct Inner {
    files: TlsFiles,
    shown: Arc<Shown>,
    acceptor: TlsAcceptor,
    failures: Counter,
    clock: Arc<dyn Clock>,
}

impl fmt::Debug for Tls {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Tls").field(&self.0.files).finish()
    }
}

/// The certificate that clients get now.
#[derive(Debug)]
struct Shown {
    certified: RwLock<Arc<CertifiedKey>>,
    /// In seconds since 1970.
    begins_at: AtomicI64,
    expires_at: Gauge<i64, AtomicI64>,
}

impl Shown {
    fn is_valid_from(&self, valid: &Range<i64>) {
        self.begins_at.store(valid.start, Ordering::Relaxed);
        self.expires_at.inner().store(valid.end, Ordering::Relaxed);
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, _: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        Some(self.certified.read().unwrap_or_else(PoisonError::into_inner).clone())
    }
}

impl Tls {
    /// Reads the certificate and its key. Fails if they are unreadable, do not match, or the certificate is not valid
    /// now.
    pub fn load(files: TlsFiles, clock: Arc<dyn Clock>) -> Result<Self, TlsError> {
        let (certified, valid) = read(&files, clock.as_ref())?;
        let (certified, begins_at) = (RwLock::new(Arc::new(certified)), AtomicI64::default());
        let shown = Arc::new(Shown { certified, begins_at, expires_at: Gauge::default() });
        shown.is_valid_from(&valid);
        let unusable = |error: rustls::Error| TlsError(format!("cannot set up TLS: {error}"));
        let builder = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()));
        let builder = builder.with_safe_default_protocol_versions().map_err(unusable)?;
        let mut config = builder.with_no_client_auth().with_cert_resolver(shown.clone());
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        // When many clients reconnect at once, they resume their TLS sessions instead of exchanging keys.
        config.ticketer = ring::Ticketer::new().map_err(unusable)?;
        let acceptor = TlsAcceptor::from(Arc::new(config));
        Ok(Self(Arc::new(Inner { files, shown, acceptor, failures: Counter::default(), clock })))
    }

    /// Reads the files again. New connections get the new certificate; if it can't be used, the old one stays.
    pub fn reload(&self) -> Result<(), TlsError> {
        let (certified, valid) = read(&self.0.files, self.0.clock.as_ref())?;
        let shown = &self.0.shown;
        *shown.certified.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(certified);
        shown.is_valid_from(&valid);
        Ok(())
    }

    /// Whether the certificate is valid now, by this machine's clock. It is shown to clients in any case, because they
    /// check it by their own clocks.
    pub fn is_valid(&self) -> bool {
        let now = self.0.clock.now().seconds();
        (self.0.shown.begins_at.load(Ordering::Relaxed)..self.expires_at()).contains(&now)
    }

    /// Paths of the certificate and its key.
    pub fn files(&self) -> &TlsFiles {
        &self.0.files
    }

    /// Expiry of the certificate, in seconds since 1970.
    pub fn expires_at(&self) -> i64 {
        self.0.shown.expires_at.get()
    }

    /// Registers the metrics of certificate and handshakes.
    pub fn register_metrics(&self, registry: &mut Registry) {
        registry.register_with_unit(
            "tls_certificate_expiry_timestamp",
            "Expiry of the server's certificate, in seconds since 1970",
            Unit::Seconds,
            self.0.shown.expires_at.clone(),
        );
        registry.register("tls_handshake_failures", "Failed TLS handshakes", self.0.failures.clone());
    }

    pub(crate) async fn accept(&self, stream: Paced) -> std::io::Result<TlsStream<Paced>> {
        self.0.acceptor.accept(stream).await
    }

    pub(crate) fn failed(&self) {
        self.0.failures.inc();
    }
}

/// The certificate with its key, and its period of validity.
fn read(files: &TlsFiles, clock: &dyn Clock) -> Result<(CertifiedKey, Range<i64>), TlsError> {
    let chain: Vec<_> = CertificateDer::pem_file_iter(&files.certificate)
        .and_then(Iterator::collect)
        .map_err(|error| unreadable("TLS_CERT", &files.certificate, &error))?;
    let Some(first) = chain.first() else {
        return Err(TlsError(format!(
            "TLS_CERT: there is no certificate in {}",
            files.certificate.display()
        )));
    };
    let valid = validity(first, &files.certificate)?;
    let now = clock.now().seconds();
    if now >= valid.end {
        return Err(TlsError(format!(
            "TLS_CERT: the certificate in {} has expired; get a new one, or set this machine's clock right",
            files.certificate.display()
        )));
    }
    if now < valid.start {
        return Err(TlsError(format!(
            "TLS_CERT: the certificate in {} is not valid yet; check this machine's clock",
            files.certificate.display()
        )));
    }
    let key = PrivateKeyDer::from_pem_file(&files.key)
        .map_err(|error| unreadable("TLS_KEY", &files.key, &error))?;
    let certified = CertifiedKey::from_der(chain, key, &ring::default_provider());
    certified.map(|certified| (certified, valid)).map_err(|error| match error {
        rustls::Error::InconsistentKeys(InconsistentKeys::KeyMismatch) => TlsError(format!(
            "TLS_KEY: the key in {} is not that of the certificate in {}",
            files.key.display(),
            files.certificate.display()
        )),
        error => TlsError(format!("TLS_KEY: the key in {} cannot be used ({error})", files.key.display())),
    })
}

fn unreadable(setting: &str, path: &Path, error: &rustls::pki_types::pem::Error) -> TlsError {
    TlsError(format!("{setting}: {} cannot be read as PEM ({error})", path.display()))
}

/// Validity of a certificate, in seconds since 1970; the end is exclusive.
fn validity(certificate: &CertificateDer<'_>, path: &Path) -> Result<Range<i64>, TlsError> {
    let certificate = x509_cert::Certificate::from_der(certificate).map_err(|error| {
        TlsError(format!("TLS_CERT: the certificate in {} is broken ({error})", path.display()))
    })?;
    let validity = certificate.tbs_certificate.validity;
    let seconds =
        |time: x509_cert::time::Time| i64::try_from(time.to_unix_duration().as_secs()).unwrap_or(i64::MAX);
    Ok(seconds(validity.not_before)..seconds(validity.not_after))
}
