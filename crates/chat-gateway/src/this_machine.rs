//! Whether a request can only have come from the machine that the server runs on: no proxy has forwarded it, and it
//! names the server as only that machine does. For a server that listens on loopback. Requests of a web page on another
//! machine, or through a public name that points at loopback, do not look like that.

use std::net::{Ipv4Addr, Ipv6Addr};

use axum::http::header::HOST;
use axum::http::{HeaderMap, HeaderName, Uri};

use crate::proxies::HEADERS_OF_PROXIES;

/// Whether the request looks like one from this machine.
pub fn is_from_this_machine(headers: &HeaderMap, uri: &Uri) -> bool {
    let is_of_proxy =
        |name: &HeaderName| name.as_str().starts_with("x-forwarded-") || HEADERS_OF_PROXIES.contains(name);
    let was_handed_on = headers.keys().any(is_of_proxy);
    let mut hosts = headers.get_all(HOST).iter().map(|host| host.to_str().unwrap_or_default());
    let is_named_so = headers.contains_key(HOST) && hosts.all(is_loopback);
    !was_handed_on && is_named_so && uri.authority().is_none_or(|authority| is_loopback(authority.as_str()))
}

/// Whether `host` or `host:port` is a name or an address of loopback.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.chars().all(|c| c.is_ascii_digit()) => name,
        _ => host,
    };
    if let Some(address) = name.strip_prefix('[').and_then(|name| name.strip_suffix(']')) {
        return address.parse::<Ipv6Addr>().is_ok_and(|address| address.to_canonical().is_loopback());
    }
    let name = name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase();
    name == "localhost"
        || name.ends_with(".localhost")
        || name.parse::<Ipv4Addr>().is_ok_and(|address| address.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loopback_has_many_names_and_no_other_host_has_one() {
        for host in [
            "localhost",
            "LocalHost:8080",
            "localhost.",
            "chat.localhost:80",
            "127.0.0.1",
            "127.9.9.9:1",
            "[::1]",
            "[::1]:8080",
            "[::ffff:127.0.0.1]:8080",
        ] {
            assert!(is_loopback(host), "{host}");
        }
        for host in [
            "",
            "example.org",
            "localhost.example.org",
            "notlocalhost",
            "127.0.0.1.nip.io",
            "10.0.0.1:8080",
            "0.0.0.0",
            "[::2]",
            "::1",
            "[::1].example.org",
            "localhost:8080@example.org",
            "127.0.0.1:80 example.org",
        ] {
            assert!(!is_loopback(host), "{host}");
        }
    }

    #[test]
    fn what_was_handed_on_is_not_from_here() {
        let asked = |lines: &[(&'static str, &'static str)], uri: &str| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, value.parse().unwrap());
            }
            is_from_this_machine(&headers, &uri.parse().unwrap())
        };
        let host = ("host", "localhost:8080");
        assert!(asked(&[host], "/v1/users/login"));
        assert!(asked(&[host], "http://127.0.0.1:8080/v1/users/login"));
        for line in [
            ("forwarded", "for=192.0.2.1"),
            ("x-forwarded-for", "192.0.2.1"),
            ("x-forwarded-for", ""),
            ("x-forwarded-proto", "https"),
            ("x-forwarded-host", "localhost"),
            ("via", "1.1 proxy"),
            ("x-real-ip", "192.0.2.1"),
            ("host", "chat.example.org"),
        ] {
            assert!(!asked(&[host, line], "/"), "{line:?}");
        }
        assert!(!asked(&[], "/"), "no host");
        assert!(!asked(&[host], "http://chat.example.org/"));
    }
}
