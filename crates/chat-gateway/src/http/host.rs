//! Syntax of a `Host` header: RFC 9110, section 7.2, and RFC 3986, section 3.2. Whether the host is ours is not checked
//! here.

use std::net::Ipv6Addr;

use axum::http::HeaderValue;

/// Whether the value is a host with or without a port. It may be empty: a client that asks for no particular name sends
/// it so.
pub(super) fn is_one(value: &HeaderValue) -> bool {
    let Ok(text) = value.to_str() else { return false };
    let (host, port) = match text.rsplit_once(':') {
        // Colons inside brackets belong to the address.
        Some((host, port)) if !port.ends_with(']') => (host, port),
        _ => (text, ""),
    };
    port.bytes().all(|byte| byte.is_ascii_digit()) && (is_address(host) || is_name(host))
}

/// An address in brackets: IPv6, or a future version (`IPvFuture`).
fn is_address(host: &str) -> bool {
    let Some(inside) = host.strip_prefix('[').and_then(|host| host.strip_suffix(']')) else { return false };
    let is_future = || {
        let (version, address) = inside.strip_prefix(['v', 'V'])?.split_once('.')?;
        let is_version = !version.is_empty() && version.bytes().all(|byte| byte.is_ascii_hexdigit());
        let is_plain = |byte| byte == b':' || is_plain(byte);
        Some(is_version && !address.is_empty() && address.bytes().all(is_plain))
    };
    inside.parse::<Ipv6Addr>().is_ok() || is_future().unwrap_or(false)
}

/// A registered name, or an IPv4 address, which has the same syntax.
fn is_name(host: &str) -> bool {
    let mut parts = host.split('%');
    let is_plain_all = |part: &str| part.bytes().all(is_plain);
    parts.next().is_none_or(is_plain_all)
        && parts.all(|part| {
            let encoded = part.split_at_checked(2);
            encoded.is_some_and(|(byte, rest)| {
                byte.bytes().all(|digit| digit.is_ascii_hexdigit()) && is_plain_all(rest)
            })
        })
}

/// RFC 3986: unreserved characters, and the delimiters that a name may contain.
fn is_plain(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"-._~!$&'()*+,;=".contains(&byte)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_is_a_name_or_an_address_with_or_without_a_port() {
        for host in [
            "",
            "x",
            "chat.example.com",
            "chat.example.com.:8443",
            "my_host:",
            "127.0.0.1:80",
            "[::1]",
            "[2001:db8::17]:8080",
            "[::ffff:127.0.0.1]:80",
            "[v1.fe80::a+en1]",
            "xn--bcher-kva.example",
            "b%C3%BCcher.example:80",
            "a!$&'()*+,;=~b",
        ] {
            assert!(is_one(&HeaderValue::from_str(host).unwrap()), "{host}");
        }
    }

    #[test]
    fn what_cannot_stand_in_one_is_refused() {
        for host in [
            &b"a b"[..],
            b"a\tb",
            b"b\xc3\xbccher.example",
            b"x/y",
            b"http://x",
            b"user@x",
            b"x:80x",
            b"x:80:80",
            b"::1",
            b"[::1",
            b"[::1]x",
            b"[x]",
            b"[]",
            b"[v.a]",
            b"[::1%25eth0]",
            b"a%2",
            b"a%zz",
            b"a%",
            b"x?y",
            b"x#y",
            b"\"x\"",
            b"a\\b",
            b"a<b>",
        ] {
            let value = HeaderValue::from_bytes(host).unwrap();
            assert!(!is_one(&value), "{}", String::from_utf8_lossy(host));
        }
    }
}
