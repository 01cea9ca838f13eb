//! The response for a file: its type, caching, revalidation, and the policies of its page.

use axum::body::Body;
use axum::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG,
    IF_NONE_MATCH, VARY,
};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{AppendHeaders, IntoResponse, Response};

use crate::files::find;

/// Allows only our own files as scripts and styles, and never turns text into markup. Messages may show pictures and
/// videos from any https origin.
const POLICY: &str = "default-src 'none'; script-src 'self'; style-src 'self'; \
     img-src 'self' https: data: blob:; media-src 'self' https: data: blob:; connect-src 'self'; \
     worker-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'; \
     require-trusted-types-for 'script'; trusted-types svelte-trusted-html chatserver-worker";
/// The directive that keeps pages out of frames.
const NO_FRAMES: &str = "frame-ancestors 'none'";
/// The only page that may be framed: the widget's window.
const FRAMED: &str = "embed.html";
/// The only script that other pages load.
const WIDGET: &str = "widget.js";
const RESOURCE_POLICY: HeaderName = HeaderName::from_static("cross-origin-resource-policy");
const OPENER_POLICY: HeaderName = HeaderName::from_static("cross-origin-opener-policy");
/// Files in this folder have a hash of their content in the name, so they never change.
const HASHED: &str = "assets/";
/// Suffix of compressed files, which cannot be requested by their own name.
const COMPRESSED: &str = ".gz";

/// The `Content-Security-Policy` headers.
#[derive(Clone)]
pub(crate) struct Policies {
    usual: HeaderValue,
    framed: HeaderValue,
}

impl Policies {
    /// `embedders` are the origins whose pages may show the widget, separated by spaces.
    pub(crate) fn new(embedders: &str) -> Self {
        let usual = HeaderValue::from_static(POLICY);
        let framed = POLICY.replace(NO_FRAMES, format!("frame-ancestors 'self' {embedders}").trim_end());
        let framed = HeaderValue::try_from(framed).unwrap_or_else(|_| usual.clone());
        Self { usual, framed }
    }

    fn of(&self, path: &str) -> HeaderValue {
        if path == FRAMED { self.framed.clone() } else { self.usual.clone() }
    }
}

/// The response for the file at `path`, or a 404 without a body.
pub(crate) fn answer(path: &str, asked: &HeaderMap, policies: &Policies) -> Response {
    let plain = if path.ends_with(COMPRESSED) { None } else { find(path) };
    let Some(plain) = plain else { return StatusCode::NOT_FOUND.into_response() };
    let compressed = if takes_gzip(asked) { find(&format!("{path}{COMPRESSED}")) } else { None };
    let encoding = compressed.as_ref().map(|_| [(CONTENT_ENCODING, "gzip")]);
    let file = compressed.unwrap_or(plain);
    let keeping = if path.starts_with(HASHED) { "public, max-age=31536000, immutable" } else { "no-cache" };
    let always = [
        (CACHE_CONTROL, HeaderValue::from_static(keeping)),
        (VARY, HeaderValue::from_static("Accept-Encoding")),
        (CONTENT_SECURITY_POLICY, policies.of(path)),
        (OPENER_POLICY, HeaderValue::from_static("same-origin")),
        (RESOURCE_POLICY, HeaderValue::from_static(takers_of(path))),
    ];
    let etag = [(ETAG, file.etag.clone())];
    if knows(asked, &file.etag) {
        return (StatusCode::NOT_MODIFIED, always, etag).into_response();
    }
    let body = Body::from(file.bytes);
    (always, etag, encoding.map(AppendHeaders), [(CONTENT_TYPE, type_of(path))], body).into_response()
}

/// The `Cross-Origin-Resource-Policy` of a file: whose pages may load it.
fn takers_of(path: &str) -> &'static str {
    if [WIDGET, FRAMED].contains(&path) { "cross-origin" } else { "same-origin" }
}

/// Whether the browser already has this version of the file.
fn knows(asked: &HeaderMap, etag: &str) -> bool {
    let lists = asked.get_all(IF_NONE_MATCH).into_iter().filter_map(|list| list.to_str().ok());
    let mut known = lists.flat_map(|list| list.split(',')).map(str::trim);
    known.any(|known| known == "*" || known.trim_start_matches("W/") == etag)
}

fn takes_gzip(asked: &HeaderMap) -> bool {
    let lists = asked.get_all(ACCEPT_ENCODING).into_iter().filter_map(|list| list.to_str().ok());
    let mut takes_any = false;
    for entry in lists.flat_map(|list| list.split(',')) {
        let (name, weight) = entry.split_once(';').unwrap_or((entry, ""));
        let weight = weight.trim().strip_prefix("q=").map_or(Ok(1.0), str::parse::<f32>);
        let is_accepted = weight.is_ok_and(|weight| weight > 0.0);
        match name.trim() {
            name if name.eq_ignore_ascii_case("gzip") => return is_accepted,
            "*" => takes_any = is_accepted,
            _ => {}
        }
    }
    takes_any
}

fn type_of(path: &str) -> &'static str {
    match path.rsplit('.').next().unwrap_or_default() {
        "html" => "text/html; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "json" => "application/json",
        "webmanifest" => "application/manifest+json",
        "svg" => "image/svg+xml",
        "png" => "image/png",
        "woff2" => "font/woff2",
        "txt" => "text/plain; charset=utf-8",
        _ => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    fn headers(name: HeaderName, value: &'static str) -> HeaderMap {
        HeaderMap::from_iter([(name, HeaderValue::from_static(value))])
    }

    #[test]
    fn only_the_widget_may_be_framed_by_other_pages() {
        let policies = Policies::new("https://a.example https://b.example");
        assert_eq!(policies.of("index.html"), POLICY);
        let framed = policies.of(FRAMED);
        let framed = framed.to_str().unwrap();
        assert!(framed.contains("frame-ancestors 'self' https://a.example https://b.example; "), "{framed}");
        assert!(framed.contains("script-src 'self';") && !framed.contains(NO_FRAMES), "{framed}");
        let alone = Policies::new("");
        assert!(alone.of(FRAMED).to_str().unwrap().contains("frame-ancestors 'self'; "));
        assert_eq!(Policies::new("a\nb").of(FRAMED), POLICY);
    }

    #[test]
    fn gzip_is_sent_to_browsers_that_accept_it() {
        for yes in
            ["gzip", "deflate, gzip;q=1.0, *;q=0.5", "br, GZIP", "*", "gzip;q=0.1,*;q=0", "*;q=0, gzip"]
        {
            assert!(takes_gzip(&headers(ACCEPT_ENCODING, yes)), "{yes}");
        }
        for no in ["", "br", "gzip;q=0", "identity", "*;q=0", "*, gzip;q=0", "gzip;q=0.000", "gzip;q=x"] {
            assert!(!takes_gzip(&headers(ACCEPT_ENCODING, no)), "{no}");
        }
        assert!(!takes_gzip(&HeaderMap::new()));
    }

    #[test]
    fn a_known_etag_is_recognized() {
        for yes in ["\"a\"", "W/\"a\"", "\"b\", \"a\"", "*"] {
            assert!(knows(&headers(IF_NONE_MATCH, yes), "\"a\""), "{yes}");
        }
        for no in ["", "\"b\"", "a", "\"aa\""] {
            assert!(!knows(&headers(IF_NONE_MATCH, no), "\"a\""), "{no}");
        }
    }
}
