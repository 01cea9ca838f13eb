//! Decides whether connections to the database are encrypted, and how the server's certificate is checked:
//! `sslmode` and `sslrootcert` of the address, with the meaning that they have for PostgreSQL's own clients.
//! Comments mark the differences. Nothing here connects.

use std::sync::Arc;

use percent_encoding::percent_decode_str;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::client::verify_server_cert_signed_by_trust_anchor;
use rustls::crypto::{
    CryptoProvider, WebPkiSupportedAlgorithms, ring, verify_tls12_signature, verify_tls13_signature,
};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use tokio_postgres::config::SslMode;
use tokio_postgres_rustls::MakeRustlsConnect;

use crate::error::OpenError;
use crate::hosts;

/// Value of `sslrootcert` that means the public authorities instead of a file.
const PUBLIC: &str = "system";

/// Required level of encryption.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Mode {
    /// Nothing is encrypted.
    Disable,
    /// Encrypted if the server supports it, without checking its identity. If the server supports encryption
    /// but fails at it, there is no attempt without.
    Prefer,
    /// Encrypted. The server's identity is checked only if authorities are named.
    Require,
    /// One of the named authorities has signed the server's certificate.
    VerifyCa,
    /// Like `VerifyCa`, and the certificate is for the requested host name.
    VerifyFull,
}

impl Mode {
    fn of(word: &str) -> Result<Self, OpenError> {
        match word {
            "disable" => Ok(Self::Disable),
            "prefer" => Ok(Self::Prefer),
            "require" => Ok(Self::Require),
            "verify-ca" => Ok(Self::VerifyCa),
            "verify-full" => Ok(Self::VerifyFull),
            _ => Err(OpenError::Encryption(format!(
                "sslmode is {}; it may be disable, prefer, require, verify-ca or verify-full",
                hosts::quoted(word)
            ))),
        }
    }

    /// Returns the closest mode that the driver knows.
    pub(crate) fn for_driver(self) -> SslMode {
        match self {
            Self::Disable => SslMode::Disable,
            Self::Prefer => SslMode::Prefer,
            Self::Require | Self::VerifyCa | Self::VerifyFull => SslMode::Require,
        }
    }
}

/// Encryption options of an address.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct TlsOptions {
    mode: Option<Mode>,
    /// The file with the authorities, or `system` for the public ones.
    root_certificates: Option<String>,
}

/// Removes the options that the driver does not understand from an address.
pub(crate) fn extract(address: &str) -> Result<(String, TlsOptions), OpenError> {
    let mut options = TlsOptions::default();
    let is_url = ["postgres://", "postgresql://"].iter().any(|scheme| address.starts_with(scheme));
    let Some((base, query)) = address.rsplit_once('?').filter(|_| is_url) else {
        return Ok((address.to_owned(), options));
    };
    let mut other_parameters = Vec::new();
    for parameter in query.split('&') {
        match parameter.split_once('=') {
            Some(("sslmode", value)) => options.mode = Some(Mode::of(value)?),
            Some(("sslrootcert", value)) => {
                options.root_certificates = Some(percent_decode_str(value).decode_utf8_lossy().into_owned())
            }
            Some(("target_session_attrs", value)) => {
                other_parameters.push(format!("target_session_attrs={}", hosts::known_to_driver(value)?));
            }
            _ => other_parameters.push(parameter.to_owned()),
        }
    }
    let rest = if other_parameters.is_empty() {
        base.to_owned()
    } else {
        format!("{base}?{}", other_parameters.join("&"))
    };
    Ok((rest, options))
}

impl TlsOptions {
    /// Returns the mode that the URL named, or otherwise the one that the driver has parsed or defaults to.
    pub(crate) fn mode(&self, of_driver: SslMode) -> Mode {
        self.mode.unwrap_or(match of_driver {
            SslMode::Disable => Mode::Disable,
            SslMode::Require => Mode::Require,
            _ => Mode::Prefer,
        })
    }

    /// Returns a connector that encrypts and checks as the mode requires.
    pub(crate) fn connector(&self, mode: Mode) -> Result<MakeRustlsConnect, OpenError> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(provider.clone());
        let builder = builder.with_safe_default_protocol_versions().map_err(OpenError::Tls)?;
        let authorities = self.authorities(mode)?;
        let builder = match authorities {
            Some(authorities) if mode == Mode::VerifyFull => builder.with_root_certificates(authorities),
            authorities => builder
                .dangerous()
                .with_custom_certificate_verifier(Arc::new(NameUnchecked::new(authorities, &provider))),
        };
        Ok(MakeRustlsConnect::new(builder.with_no_client_auth()))
    }

    /// Returns the authorities that may sign the server's certificate; `None` means that no signature is
    /// checked.
    fn authorities(&self, mode: Mode) -> Result<Option<RootCertStore>, OpenError> {
        let refuse = |reason: &str| Err(OpenError::Encryption(reason.to_owned()));
        match (mode, self.root_certificates.as_deref()) {
            (Mode::Disable | Mode::Prefer, Some(_)) => {
                refuse("sslrootcert only works with sslmode=require, verify-ca or verify-full")
            }
            (Mode::Disable | Mode::Prefer | Mode::Require, None) => Ok(None),
            (Mode::VerifyCa, None) => {
                refuse("sslmode=verify-ca needs sslrootcert, a file with authority certificates")
            }
            (Mode::Require | Mode::VerifyCa, Some(PUBLIC)) => {
                refuse("public authorities sign for anybody, so sslrootcert=system needs sslmode=verify-full")
            }
            (Mode::VerifyFull, None | Some(PUBLIC)) => {
                Ok(Some(RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() }))
            }
            (Mode::Require | Mode::VerifyCa | Mode::VerifyFull, Some(file)) => read(file).map(Some),
        }
    }
}

fn read(file: &str) -> Result<RootCertStore, OpenError> {
    let unusable = |reason: String| OpenError::Encryption(format!("sslrootcert {file:?}: {reason}"));
    let mut store = RootCertStore::empty();
    let certificates = CertificateDer::pem_file_iter(file).map_err(|error| unusable(error.to_string()))?;
    for certificate in certificates {
        let certificate = certificate.map_err(|error| unusable(error.to_string()))?;
        store.add(certificate).map_err(|error| unusable(error.to_string()))?;
    }
    if store.is_empty() { Err(unusable("it contains no certificate".into())) } else { Ok(store) }
}

/// Does not check the name in a certificate, and checks its signature only if authorities are named. It
/// always checks that the server has the certificate's key.
#[derive(Debug)]
struct NameUnchecked {
    authorities: Option<RootCertStore>,
    algorithms: WebPkiSupportedAlgorithms,
}

impl NameUnchecked {
    fn new(authorities: Option<RootCertStore>, provider: &CryptoProvider) -> Self {
        Self { authorities, algorithms: provider.signature_verification_algorithms }
    }
}

impl ServerCertVerifier for NameUnchecked {
    fn verify_server_cert(
        &self,
        certificate: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        now: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        if let Some(authorities) = &self.authorities {
            let certificate = ParsedCertificate::try_from(certificate)?;
            let algorithms = self.algorithms.all;
            verify_server_cert_signed_by_trust_anchor(
                &certificate,
                authorities,
                intermediates,
                now,
                algorithms,
            )?;
        }
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls12_signature(message, certificate, signed, &self.algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        verify_tls13_signature(message, certificate, signed, &self.algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.algorithms.supported_schemes()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(mode: Option<Mode>, file: Option<&str>) -> TlsOptions {
        TlsOptions { mode, root_certificates: file.map(str::to_owned) }
    }

    #[test]
    fn options_that_the_driver_does_not_know_are_removed() {
        let base = "postgres://ann:p%3Fss?w&rd@db/chat";
        for (address, rest, expected) in [
            (format!("{base}?sslmode=verify-full"), base.to_owned(), options(Some(Mode::VerifyFull), None)),
            (
                format!("{base}?connect_timeout=3&sslmode=verify-ca&sslrootcert=/a%20b/%+5ca%2.pem&user=x"),
                format!("{base}?connect_timeout=3&user=x"),
                options(Some(Mode::VerifyCa), Some("/a b/%+5ca%2.pem")),
            ),
            (base.to_owned(), base.to_owned(), TlsOptions::default()),
            ("host=db password=a?&b".into(), "host=db password=a?&b".into(), TlsOptions::default()),
        ] {
            let (left, taken) = extract(&address).unwrap();
            assert_eq!((left, taken), (rest, expected), "{address}");
        }
    }

    #[test]
    fn options_that_would_check_nothing_are_refused() {
        for (mode, file, reason) in [
            (Mode::Prefer, Some("ca.pem"), "only works with"),
            (Mode::Disable, Some(PUBLIC), "only works with"),
            (Mode::VerifyCa, None, "needs sslrootcert"),
            (Mode::VerifyCa, Some(PUBLIC), "needs sslmode=verify-full"),
            (Mode::Require, Some(PUBLIC), "needs sslmode=verify-full"),
            (Mode::VerifyFull, Some("/no/such/file"), "/no/such/file"),
            (Mode::VerifyFull, Some("Cargo.toml"), "contains no certificate"),
        ] {
            let refusal = options(Some(mode), file).connector(mode).err().unwrap().to_string();
            assert!(refusal.contains(reason), "{mode:?} {file:?}: {refusal}");
        }
        let refusal = extract("postgres://db/chat?sslmode=allow").unwrap_err().to_string();
        assert!(refusal.contains("\"allow\""), "{refusal}");
    }
}
