//! Where a server is.

use crate::Error;

/// The address of a server: `http://host:port`, nothing after it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ServerUrl {
    authority: String,
}

impl ServerUrl {
    /// Understands `http://host[:port][/]`; the port is 80 where none is named.
    pub fn parse(url: &str) -> Result<Self, Error> {
        let wrong = || Error::Url(url.to_owned());
        let authority = url.strip_prefix("http://").ok_or_else(wrong)?.trim_end_matches('/');
        if authority.is_empty() || authority.contains(['/', '?', '#', '@', ' ']) {
            return Err(wrong());
        }
        let has_port = authority.rsplit_once(':').is_some_and(|(_, port)| port.parse::<u16>().is_ok());
        let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        Ok(Self { authority })
    }

    /// `host:port`, to connect to and for the `Host` header.
    pub fn authority(&self) -> &str {
        &self.authority
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_understood_or_refused() {
        let authority = |url| ServerUrl::parse(url).ok().map(|url| url.authority);
        assert_eq!(authority("http://127.0.0.1:8080").as_deref(), Some("127.0.0.1:8080"));
        assert_eq!(authority("http://localhost:8080/").as_deref(), Some("localhost:8080"));
        assert_eq!(authority("http://[::1]:8080").as_deref(), Some("[::1]:8080"));
        assert_eq!(authority("http://example.com").as_deref(), Some("example.com:80"));
        for bad in ["", "localhost:8080", "https://x", "ftp://x", "http://", "http://a/b", "http://u@h"] {
            assert_eq!(authority(bad), None, "{bad}");
        }
    }
}
