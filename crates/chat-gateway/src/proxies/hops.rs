//! Parses the headers in which proxies name the client, from the right: the last entry is the nearest proxy's, and a
//! distant client could have written anything to the left. Entries to the left of the first one that counts are not
//! parsed.

use std::net::{IpAddr, SocketAddr};

use axum::http::header::FORWARDED;
use axum::http::{HeaderMap, HeaderName};

/// Syntax of the entries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Syntax {
    /// Addresses separated by commas, as in `X-Forwarded-For`.
    List,
    /// RFC 7239.
    Forwarded,
}

/// The entries of all lines of a header, from the last to the first. `None` for an entry that names no address.
pub(super) fn from_the_right<'a>(
    headers: &'a HeaderMap,
    name: &'a HeaderName,
    syntax: Syntax,
) -> impl Iterator<Item = Option<IpAddr>> + 'a {
    let lines = headers.get_all(name).iter().rev();
    lines.flat_map(move |line| {
        // A line that is not text counts as one entry without an address.
        let text = line.to_str().unwrap_or("?");
        split_from_the_right(text, ',').filter(|entry| !entry.is_empty()).map(move |entry| match syntax {
            Syntax::List => node(entry),
            Syntax::Forwarded => forwarded(entry),
        })
    })
}

/// The parts between unquoted delimiters, trimmed, from the last to the first.
fn split_from_the_right(text: &str, delimiter: char) -> impl Iterator<Item = &str> {
    let mut rest = Some(text);
    std::iter::from_fn(move || {
        let text = rest?;
        let mut quoted = false;
        let found = text.char_indices().rev().find(|(_, c)| {
            quoted ^= *c == '"';
            *c == delimiter && !quoted
        });
        let (before, part) = match found {
            Some((at, _)) => (Some(text.get(..at)?), text.get(at + delimiter.len_utf8()..)?),
            None => (None, text),
        };
        rest = before;
        Some(part.trim_matches([' ', '\t']))
    })
}

/// The first entry of a header that is a list.
pub(super) fn first<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Option<&'a str> {
    let line = headers.get(name)?.to_str().ok()?;
    // Also from the right, so that there is one rule for quotes.
    split_from_the_right(line, ',').last()
}

/// The `proto` of the first element of `Forwarded`.
pub(super) fn first_proto(headers: &HeaderMap) -> Option<&str> {
    parameter(first(headers, &FORWARDED)?, "proto")
}

/// The `for` of one element of `Forwarded`.
fn forwarded(element: &str) -> Option<IpAddr> {
    node(parameter(element, "for")?)
}

/// Value of a parameter in an element of `Forwarded`, if it occurs exactly once. Escapes are not decoded: no value of
/// interest has a character that needs one.
fn parameter<'a>(element: &'a str, wanted: &str) -> Option<&'a str> {
    let mut named = split_from_the_right(element, ';').filter_map(|pair| {
        let (name, value) = pair.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then_some(value.trim())
    });
    let value = named.next()?;
    if named.next().is_some() {
        return None;
    }
    match value.strip_prefix('"') {
        Some(quoted) => quoted.strip_suffix('"'),
        None => Some(value),
    }
}

/// An address, with or without a port. IPv6 is in brackets, or without them if there is no port.
fn node(text: &str) -> Option<IpAddr> {
    let bracketed = || text.strip_prefix('[')?.strip_suffix(']')?.parse().ok().map(IpAddr::V6);
    let with_port = || {
        let (host, port) = text.rsplit_once(':')?;
        // A port may be obfuscated too (RFC 7239, 6.3); then it begins with an underscore.
        let hidden = port.starts_with('_') && port.len() > 1;
        match hidden {
            true => node(host).filter(|_| !host.contains(':') || host.ends_with(']')),
            false => text.parse::<SocketAddr>().ok().map(|address| address.ip()),
        }
    };
    let ip = text.parse().ok().or_else(bracketed).or_else(with_port);
    ip.map(|ip: IpAddr| ip.to_canonical())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ip(text: &str) -> Option<IpAddr> {
        Some(text.parse().unwrap())
    }

    #[test]
    fn an_entry_is_an_address_with_or_without_a_port() {
        for (text, address) in [
            ("1.2.3.4", "1.2.3.4"),
            ("1.2.3.4:4711", "1.2.3.4"),
            ("1.2.3.4:_hidden", "1.2.3.4"),
            ("2001:db8::17", "2001:db8::17"),
            ("[2001:db8::17]", "2001:db8::17"),
            ("[2001:db8::17]:80", "2001:db8::17"),
            ("[2001:db8::17]:_p", "2001:db8::17"),
            ("::ffff:1.2.3.4", "1.2.3.4"),
            ("[::ffff:1.2.3.4]:80", "1.2.3.4"),
        ] {
            assert_eq!(node(text), ip(address), "{text}");
        }
        for text in [
            "",
            "unknown",
            "_hidden",
            "evil",
            "1.2.3",
            "1.2.3.4.5",
            "01.2.3.4",
            "1.2.3.4:99999",
            "1.2.3.4:_",
            "1.2.3.4 5",
            "[1.2.3.4]",
            "[::1",
            "fe80::1%eth0",
            "2001:db8::17:_p",
            "\"1.2.3.4\"",
            "1.2.3.4\"",
        ] {
            assert_eq!(node(text), None, "{text}");
        }
    }

    #[test]
    fn an_element_of_forwarded_has_one_for() {
        for (element, address) in [
            ("for=1.2.3.4", "1.2.3.4"),
            ("FOR=\"1.2.3.4:80\"", "1.2.3.4"),
            ("proto=https; For=\"[2001:db8::17]:80\";by=203.0.113.43", "2001:db8::17"),
            ("by=\"a;b,c\";for=1.2.3.4", "1.2.3.4"),
        ] {
            assert_eq!(forwarded(element), ip(address), "{element}");
        }
        for element in [
            "",
            "for",
            "for=",
            "for=unknown",
            "for=_x",
            "by=1.2.3.4",
            "for=1.2.3.4;for=5.6.7.8",
            "for=\"1.2.3.4",
        ] {
            assert_eq!(forwarded(element), None, "{element}");
        }
    }

    #[test]
    fn a_quote_that_a_client_left_open_takes_nothing_from_the_proxys_own_entry() {
        let mut headers = HeaderMap::new();
        let name = HeaderName::from_static("forwarded");
        headers.append(&name, "for=\"9.9.9.9, for=198.51.100.7".parse().unwrap());
        let mut hops = from_the_right(&headers, &name, Syntax::Forwarded);
        assert_eq!(hops.next(), Some(ip("198.51.100.7")));
    }

    proptest::proptest! {
        #[test]
        fn no_header_is_too_odd(text in "\\PC{0,64}") {
            let _ = (node(&text), forwarded(&text), split_from_the_right(&text, ',').count());
        }
    }
}
