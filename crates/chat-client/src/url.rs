//! The address of a server, and the authorities that a client trusts to certify it.

use std::fmt;
use std::net::IpAddr;
use std::sync::Arc;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, ServerName};
use rustls::{ClientConfig, RootCertStore};
use tokio_rustls::TlsConnector;

use crate::Error;

/// The address of a server: `http://host:port` or `https://host:port`, without a path.
#[derive(Clone)]
pub struct ServerUrl {
    authority: String,
    tls: Option<Tls>,
}

/// The name and the authorities by which a client recognises a server with TLS.
#[derive(Clone)]
pub(crate) struct Tls {
    pub(crate) connector: TlsConnector,
    pub(crate) name: ServerName<'static>,
}

impl ServerUrl {
    /// Parses `http://host[:port][/]` and `https://host[:port][/]`; the default port is 80 or 443. The
    /// certificate must be signed by an authority that browsers trust.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let roots = || webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect();
        Self::parsed(url, roots).ok_or_else(|| Error::Url(url.to_owned()))
    }

    /// Same as [`ServerUrl::parse`], but the certificate must be signed by one of the authorities in this PEM
    /// text, and by no other.
    pub fn parse_trusting(url: &str, authorities: &[u8]) -> Result<Self, Error> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_slice_iter(authorities) {
            let added = certificate.map(|certificate| roots.add(certificate));
            if !matches!(added, Ok(Ok(()))) {
                return Err(Error::Authorities("it contains a broken certificate"));
            }
        }
        if roots.is_empty() {
            return Err(Error::Authorities("it contains no certificate"));
        }
        Self::parsed(url, || roots).ok_or_else(|| Error::Url(url.to_owned()))
    }

    fn parsed(url: &str, roots: impl FnOnce() -> RootCertStore) -> Option<Self> {
        let (scheme, rest) = url.split_once("://")?;
        let is_secure = match scheme {
            "http" => false,
            "https" => true,
            _ => return None,
        };
        let authority = rest.trim_end_matches('/');
        if authority.is_empty() || authority.contains(['/', '?', '#', '@', ' ']) {
            return None;
        }
        let port = authority.rsplit_once(':').filter(|(_, port)| port.parse::<u16>().is_ok());
        let host = port.map_or(authority, |(host, _)| host);
        let default_port = if is_secure { 443 } else { 80 };
        let whole = if port.is_some() { authority.to_owned() } else { format!("{authority}:{default_port}") };
        let tls = if is_secure { Some(Tls::new(host, roots())?) } else { None };
        Some(Self { authority: whole, tls })
    }

    /// Returns `host:port`, for connecting and for the `Host` header.
    pub fn authority(&self) -> &str {
        &self.authority
    }

    /// Returns whether the address uses TLS.
    pub fn is_secure(&self) -> bool {
        self.tls.is_some()
    }

    /// Returns whether nobody on the network can read the traffic: it uses TLS or stays on this machine.
    pub fn keeps_secrets(&self) -> bool {
        let host = self.authority.rsplit_once(':').map_or(self.authority.as_str(), |(host, _)| host);
        let host = host.trim_start_matches('[').trim_end_matches(']').to_ascii_lowercase();
        let is_loopback = host.parse::<IpAddr>().is_ok_and(|address| address.to_canonical().is_loopback());
        self.is_secure() || is_loopback || host == "localhost" || host.ends_with(".localhost")
    }

    pub(crate) fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }
}

impl Tls {
    fn new(host: &str, roots: RootCertStore) -> Option<Self> {
        let host = host.trim_start_matches('[').trim_end_matches(']');
        let name = ServerName::try_from(host.to_owned()).ok()?;
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let builder =
            ClientConfig::builder_with_provider(provider).with_safe_default_protocol_versions().ok()?;
        let config = builder.with_root_certificates(roots).with_no_client_auth();
        Some(Self { connector: TlsConnector::from(Arc::new(config)), name })
    }
}

impl fmt::Display for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", if self.is_secure() { "https" } else { "http" }, self.authority)
    }
}

impl fmt::Debug for ServerUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_use_tls_or_stay_on_the_machine() {
        for (url, is_kept) in [
            ("https://chat.example.com", true),
            ("http://127.0.0.1:8080", true),
            ("http://127.9.9.9", true),
            ("http://[::1]:8080", true),
            ("http://[::ffff:127.0.0.1]:8080", true),
            ("http://LOCALHOST", true),
            ("http://chat.localhost:8080", true),
            ("http://chat.example.com", false),
            ("http://192.168.1.5:8080", false),
            ("http://[2001:db8::1]", false),
            ("http://127.0.0.1.example.com", false),
            ("http://localhost.example.com", false),
            ("http://notlocalhost", false),
        ] {
            assert_eq!(ServerUrl::parse(url).unwrap().keeps_secrets(), is_kept, "{url}");
        }
    }

    #[test]
    fn addresses_are_parsed_or_refused() {
        let shown = |url| ServerUrl::parse(url).ok().map(|url| url.to_string());
        for (url, whole) in [
            ("http://127.0.0.1:8080", "http://127.0.0.1:8080"),
            ("http://localhost:8080/", "http://localhost:8080"),
            ("http://[::1]:8080", "http://[::1]:8080"),
            ("http://example.com", "http://example.com:80"),
            ("https://example.com", "https://example.com:443"),
            ("https://127.0.0.1:8443/", "https://127.0.0.1:8443"),
            ("https://[::1]:8443", "https://[::1]:8443"),
        ] {
            assert_eq!(shown(url).as_deref(), Some(whole));
        }
        for bad in [
            "",
            "localhost:8080",
            "ftp://x",
            "http://",
            "https://",
            "http://a/b",
            "http://u@h",
            "https://a b",
        ] {
            assert_eq!(shown(bad), None, "{bad}");
        }
    }

    #[test]
    fn a_file_without_a_certificate_is_refused() {
        let broken = "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n";
        for text in ["", "no certificate", broken] {
            let refused = ServerUrl::parse_trusting("https://localhost", text.as_bytes());
            assert!(matches!(refused, Err(Error::Authorities(_))), "{text}");
        }
    }
}
