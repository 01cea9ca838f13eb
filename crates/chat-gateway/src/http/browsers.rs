//! Security headers for browsers, on every response.

use std::net::IpAddr;

use axum::http::header::{
    CACHE_CONTROL, CONTENT_SECURITY_POLICY, HOST, REFERRER_POLICY, STRICT_TRANSPORT_SECURITY,
    X_CONTENT_TYPE_OPTIONS, X_FRAME_OPTIONS,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, Request};

use crate::arrival::{Arrival, Encrypted};

/// API responses are not pages. Pages bring their own policy.
const API_POLICY: HeaderValue = HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'");
/// The directive that forbids framing.
const NO_FRAMES: &str = "frame-ancestors 'none'";
/// Nothing that is served here needs these features, so injected script cannot use them either.
const PERMISSIONS: HeaderValue = HeaderValue::from_static(
    "accelerometer=(), camera=(), display-capture=(), geolocation=(), gyroscope=(), hid=(), \
     magnetometer=(), microphone=(), midi=(), payment=(), serial=(), usb=()",
);
const PERMISSIONS_POLICY: HeaderName = HeaderName::from_static("permissions-policy");
/// Pages of allowed origins use CORS, to which this does not apply. Files that others may embed (the widget's script)
/// set the header themselves.
const SAME_ORIGIN: HeaderValue = HeaderValue::from_static("same-origin");
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
/// One year. Without `includeSubDomains`, because we know nothing of hosts below this one.
const ENCRYPTED_ONLY: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// Upper bound for the number of headers set here.
const HEADERS: usize = 8;

/// Sets the headers that every response has.
pub(super) fn set_headers(headers: &mut HeaderMap, is_strict: bool) {
    // Otherwise the map would grow in steps, on every response.
    headers.reserve(HEADERS);
    let policy = headers.entry(CONTENT_SECURITY_POLICY).or_insert(API_POLICY);
    let is_framed = !policy.to_str().is_ok_and(|policy| policy.contains(NO_FRAMES));
    headers.insert(X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    // `X-Frame-Options` says the same to browsers that do not know the directive. It cannot express anything in
    // between.
    if !is_framed {
        headers.insert(X_FRAME_OPTIONS, HeaderValue::from_static("DENY"));
    }
    headers.insert(REFERRER_POLICY, HeaderValue::from_static("no-referrer"));
    headers.insert(PERMISSIONS_POLICY, PERMISSIONS);
    headers.entry(RESOURCE_POLICY).or_insert(SAME_ORIGIN);
    headers.entry(CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    if is_strict {
        headers.insert(STRICT_TRANSPORT_SECURITY, ENCRYPTED_ONLY);
    }
}

/// Whether the response tells browsers to use TLS only (HSTS): if the request came over TLS to a public host name. The
/// names of the machine itself are shared by many programs, some of which may not speak TLS.
pub(super) fn is_strict<B>(request: &Request<B>) -> bool {
    // Behind a proxy, the proxy decides what its names are bound to.
    let is_encrypted_here = Arrival::encrypted(request.extensions()) == Some(Encrypted::Here);
    is_encrypted_here && host_of(request).is_some_and(is_public_name)
}

fn host_of<B>(request: &Request<B>) -> Option<&str> {
    let named = request.uri().host();
    named.or_else(|| request.headers().get(HOST).and_then(|host| host.to_str().ok()))
}

/// Accepts a host with or without a port.
fn is_public_name(host: &str) -> bool {
    let name = host.rsplit_once(':').filter(|(_, port)| port.bytes().all(|byte| byte.is_ascii_digit()));
    let name = name.map_or(host, |(name, _)| name).trim_end_matches('.').to_ascii_lowercase();
    let is_address = name.starts_with('[') || name.parse::<IpAddr>().is_ok();
    !name.is_empty() && !is_address && name != "localhost" && !name.ends_with(".localhost")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::client_address::ClientAddress;

    fn request(host: &str, encrypted: Option<Encrypted>) -> Request<()> {
        let mut request = Request::builder().uri("/ping").header(HOST, host).body(()).unwrap();
        let client = ClientAddress::of(request.extensions());
        let (request_slot, link) = Default::default();
        request.extensions_mut().insert(Arrival { client, request_slot, link, encrypted });
        request
    }

    #[test]
    fn only_public_names_are_bound_to_tls() {
        for name in ["chat.example.com", "chat.example.com:8443", "CHAT.example.com.", "server"] {
            assert!(is_strict(&request(name, Some(Encrypted::Here))), "{name}");
            assert!(!is_strict(&request(name, None)), "{name} without TLS");
            assert!(!is_strict(&request(name, Some(Encrypted::ByProxy))), "{name} behind a proxy");
        }
        for own in [
            "localhost",
            "LocalHost:8080",
            "localhost.",
            "app.localhost",
            "127.0.0.1",
            "127.0.0.1:8443",
            "192.0.2.1",
            "[::1]",
            "[::1]:8443",
            "",
        ] {
            assert!(!is_strict(&request(own, Some(Encrypted::Here))), "{own}");
        }
    }

    #[test]
    fn headers_that_a_response_sets_itself_are_kept() {
        let mut headers = HeaderMap::new();
        headers.insert(RESOURCE_POLICY, HeaderValue::from_static("cross-origin"));
        headers.insert(CONTENT_SECURITY_POLICY, HeaderValue::from_static("frame-ancestors 'self'"));
        set_headers(&mut headers, false);
        assert_eq!(headers[RESOURCE_POLICY], "cross-origin");
        assert!(!headers.contains_key(X_FRAME_OPTIONS) && !headers.contains_key(STRICT_TRANSPORT_SECURITY));
        let mut headers = HeaderMap::new();
        set_headers(&mut headers, true);
        assert_eq!(
            (&headers[RESOURCE_POLICY], &headers[X_FRAME_OPTIONS]),
            (&SAME_ORIGIN, &HeaderValue::from_static("DENY"))
        );
        assert_eq!(headers[STRICT_TRANSPORT_SECURITY], ENCRYPTED_ONLY);
    }
}
