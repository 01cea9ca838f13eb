//! The origins whose pages may use the server from a browser, as the operator names them. They are compared byte by
//! byte with what browsers send, so that no pattern can admit more than was meant.

use axum::http::HeaderValue;

/// Exact origins, such as `https://app.example.com`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origins(Vec<HeaderValue>);

impl Origins {
    /// Reads a list separated by commas or white space.
    ///
    /// # Errors
    ///
    /// A sentence for the operator about the first entry that no browser would send.
    pub fn parse(list: &str) -> Result<Self, String> {
        let named = list.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty());
        named.map(origin).collect::<Result<_, _>>().map(Self)
    }

    /// The origins separated by spaces, as a content security policy lists them.
    pub fn listed(&self) -> String {
        self.0.iter().filter_map(|origin| origin.to_str().ok()).collect::<Vec<_>>().join(" ")
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn contain(&self, origin: &HeaderValue) -> bool {
        self.0.contains(origin)
    }
}

fn origin(text: &str) -> Result<HeaderValue, String> {
    let value = HeaderValue::from_str(text).ok().filter(|_| is_origin(text));
    value.ok_or_else(|| {
        format!(
            "`{text}` is not an origin as browsers send it: scheme, lower-case host name, and the port unless it is \
             the default, with nothing after it, such as https://app.example.com or http://localhost:3000"
        )
    })
}

fn is_origin(text: &str) -> bool {
    let Some((scheme, host)) = text.split_once("://") else { return false };
    let (name, port) = host.split_once(':').map_or((host, None), |(name, port)| (name, Some(port)));
    let own_port = match scheme {
        "https" => "443",
        "http" => "80",
        _ => return false,
    };
    let is_label = |label: &str| {
        !label.is_empty() && label.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
    };
    let is_port = |port: &str| {
        port != own_port && port.parse::<u16>().is_ok_and(|number| number > 0 && number.to_string() == port)
    };
    name.split('.').all(is_label) && port.is_none_or(is_port)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_has_commas_or_spaces_between() {
        let list = "https://app.example.com, http://localhost:3000  https://127.0.0.1:8443,";
        let origins = Origins::parse(list).unwrap();
        assert_eq!(origins.listed(), "https://app.example.com http://localhost:3000 https://127.0.0.1:8443");
        assert!(origins.contain(&HeaderValue::from_static("http://localhost:3000")));
        for other in ["http://localhost", "http://localhost:30000", "https://localhost:3000", "null", ""] {
            assert!(!origins.contain(&HeaderValue::from_static(other)), "{other}");
        }
        assert_eq!(Origins::parse(" , "), Ok(Origins::default()));
    }

    #[test]
    fn what_no_browser_sends_is_refused() {
        for text in [
            "*",
            "null",
            "app.example.com",
            "https://*.example.com",
            "https://app.example.com/",
            "https://app.example.com/chat",
            "https://App.example.com",
            "https://app.example.com:443",
            "http://app.example.com:80",
            "http://app.example.com:0",
            "http://app.example.com:080",
            "http://app.example.com:65536",
            "http://app.example.com:",
            "ftp://app.example.com",
            "https://",
            "https://user@example.com",
            "https://a..b",
            "https://ex\u{e4}mple.com",
            "https://a.example;script-src",
            "'self'",
        ] {
            let error = Origins::parse(text).unwrap_err();
            assert!(error.contains(text), "{error}");
        }
    }
}
