//! The proxies that the operator trusts, and the client address that they name. Exactly one header is believed, only
//! from a trusted peer, and read from the right up to the first entry that is not a trusted proxy.

mod hops;

use std::net::IpAddr;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::header::{FORWARDED, VIA};
use axum::http::{HeaderMap, HeaderName};
use ipnet::{IpNet, Ipv4Net};

use crate::client_address::{AddressSource, ClientAddress};
use hops::Syntax;

/// Headers in which proxies commonly name the client.
pub(crate) static HEADERS_OF_PROXIES: [HeaderName; 6] = [
    HeaderName::from_static("x-forwarded-for"),
    FORWARDED,
    HeaderName::from_static("x-real-ip"),
    HeaderName::from_static("cf-connecting-ip"),
    HeaderName::from_static("true-client-ip"),
    VIA,
];
const X_FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
/// Setting of an operator who states that there is no proxy.
const NONE: &str = "none";

/// Addresses and networks of the trusted proxies.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TrustedProxies {
    networks: Vec<IpNet>,
    /// Whether the operator has set the list, even to `none`.
    is_configured: bool,
}

impl TrustedProxies {
    /// Reads a list separated by commas or white space; `none` states that there is no proxy.
    ///
    /// # Errors
    ///
    /// A sentence for the operator about the first entry that is neither an address nor a network, or that covers every
    /// address.
    pub fn parse(list: &str) -> Result<Self, String> {
        let named = list.split([',', ' ', '\t', '\n']).filter(|word| !word.is_empty());
        let words: Vec<_> = named.collect();
        if words == [NONE] {
            return Ok(Self { networks: Vec::new(), is_configured: true });
        }
        let networks: Vec<_> = words.iter().map(|word| network(word)).collect::<Result<_, _>>()?;
        Ok(Self { is_configured: !networks.is_empty(), networks })
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.networks.is_empty()
    }

    fn contain(&self, ip: IpAddr) -> bool {
        self.networks.iter().any(|network| network.contains(&ip))
    }
}

fn network(word: &str) -> Result<IpNet, String> {
    let network = word.parse::<IpNet>().ok().or_else(|| word.parse::<IpAddr>().ok().map(IpNet::from));
    let network = network.map(canonical).ok_or_else(|| {
        format!("`{word}` is neither an address nor a network, such as 10.0.0.2, 10.0.0.0/8 or 2001:db8::/32")
    })?;
    if network.prefix_len() == 0 {
        return Err(format!(
            "`{word}` covers every address, and a trusted peer can claim any address for its client"
        ));
    }
    Ok(network)
}

/// Converts an IPv4 network in IPv6 form to IPv4, like the addresses that it is compared with.
fn canonical(network: IpNet) -> IpNet {
    let IpNet::V6(v6) = network else { return network };
    let mapped = v6.addr().to_ipv4_mapped().zip(v6.prefix_len().checked_sub(96));
    mapped.and_then(|(ip, prefix)| Ipv4Net::new(ip, prefix).ok()).map_or(network, IpNet::V4)
}

/// The one header in which proxies name the client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProxyHeader(HeaderName);

impl Default for ProxyHeader {
    fn default() -> Self {
        Self(HeaderName::from_static("x-forwarded-for"))
    }
}

impl ProxyHeader {
    /// Reads a header's name; an empty name gives the default.
    ///
    /// # Errors
    ///
    /// A sentence for the operator if it cannot be a header's name.
    pub fn parse(name: &str) -> Result<Self, String> {
        if name.is_empty() {
            return Ok(Self::default());
        }
        HeaderName::from_bytes(name.as_bytes()).map(Self).map_err(|_| {
            format!("`{name}` is not a header name; use one such as X-Forwarded-For, Forwarded or X-Real-IP")
        })
    }

    fn syntax(&self) -> Syntax {
        if self.0 == FORWARDED { Syntax::Forwarded } else { Syntax::List }
    }
}

/// Finds the client's address from a peer and its request.
#[derive(Debug, Default)]
pub(crate) struct Proxies {
    trusted: TrustedProxies,
    header: ProxyHeader,
    /// Whether the warning about proxy headers was logged; it is logged once.
    has_warned: AtomicBool,
}

impl Proxies {
    pub(crate) fn new(trusted: TrustedProxies, header: ProxyHeader) -> Self {
        Self { trusted, header, has_warned: AtomicBool::new(false) }
    }

    pub(crate) fn trust(&self, ip: IpAddr) -> bool {
        self.trusted.contain(ip)
    }

    /// The address of the client that made the request.
    pub(crate) fn client(&self, peer: IpAddr, headers: &HeaderMap) -> ClientAddress {
        let peer = peer.to_canonical();
        if self.trusted.contain(peer) {
            return ClientAddress::new(self.client_ip(peer, headers), AddressSource::TrustedProxy);
        }
        if !has_headers_of_proxies(headers) {
            return ClientAddress::new(peer, AddressSource::Direct);
        }
        self.warn_once(peer);
        let source =
            if self.trusted.is_configured { AddressSource::Direct } else { AddressSource::PossibleProxy };
        ClientAddress::new(peer, source)
    }

    /// Whether a trusted proxy states that its client speaks TLS. The first entry counts, because it is about the
    /// client's own connection; a client that forges it affects only itself.
    pub(crate) fn client_speaks_tls(&self, peer: IpAddr, headers: &HeaderMap) -> bool {
        self.trusted.contain(peer.to_canonical())
            && match self.header.syntax() {
                Syntax::Forwarded => hops::first_proto(headers).is_some_and(is_https),
                Syntax::List => hops::first(headers, &X_FORWARDED_PROTO).is_some_and(is_https),
            }
    }

    /// The first address from the right that is not a trusted proxy. If an entry names no address, the last one before
    /// it.
    fn client_ip(&self, peer: IpAddr, headers: &HeaderMap) -> IpAddr {
        let mut client = peer;
        for hop in hops::from_the_right(headers, &self.header.0, self.header.syntax()) {
            let Some(ip) = hop else { break };
            client = ip;
            if !self.trusted.contain(ip) {
                break;
            }
        }
        client
    }

    fn warn_once(&self, peer: IpAddr) {
        if self.has_warned.swap(true, Ordering::Relaxed) {
            return;
        }
        if self.trusted.is_configured {
            tracing::warn!(%peer, "ignored proxy headers from a peer that TRUSTED_PROXIES does not list");
        } else {
            tracing::warn!(
                %peer,
                "a request has the headers of a proxy, and TRUSTED_PROXIES is not set: clients behind it share its \
                 address, so limits by address count them together. Set TRUSTED_PROXIES to the proxy's address, or \
                 to none if there is no proxy"
            );
        }
    }
}

fn is_https(proto: &str) -> bool {
    proto.eq_ignore_ascii_case("https") || proto.eq_ignore_ascii_case("wss")
}

fn has_headers_of_proxies(headers: &HeaderMap) -> bool {
    HEADERS_OF_PROXIES.iter().any(|name| headers.contains_key(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxies(trusted: &str, header: &str) -> Proxies {
        Proxies::new(TrustedProxies::parse(trusted).unwrap(), ProxyHeader::parse(header).unwrap())
    }

    fn headers(lines: &[(&str, &str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_bytes(name.as_bytes()).unwrap(), value.parse().unwrap());
        }
        headers
    }

    #[track_caller]
    fn seen(proxies: &Proxies, peer: &str, lines: &[(&str, &str)]) -> ClientAddress {
        proxies.client(peer.parse().unwrap(), &headers(lines))
    }

    const XFF: &str = "X-Forwarded-For";

    #[test]
    fn the_header_is_walked_from_the_right_to_the_first_that_is_not_trusted() {
        let ours = proxies("10.0.0.0/8", XFF);
        for (lines, address) in [
            (&[(XFF, "1.2.3.4, 198.51.100.7, 10.0.0.9")] as &[_], "198.51.100.7"),
            (&[(XFF, "1.2.3.4, evil")], "10.0.0.2"),
            (&[(XFF, "1.2.3.4, evil, 10.0.0.9")], "10.0.0.9"),
            (&[(XFF, "1.2.3.4, unknown, 198.51.100.7")], "198.51.100.7"),
            (&[(XFF, "1.2.3.4"), (XFF, "198.51.100.7:4711")], "198.51.100.7"),
            (&[(XFF, "1.2.3.4"), (XFF, "10.0.0.9")], "1.2.3.4"),
            (&[(XFF, "10.0.0.7, 10.0.0.8")], "10.0.0.7"),
            (&[(XFF, " 198.51.100.7 ,, ")], "198.51.100.7"),
            (&[(XFF, "1.2.3.4"), (XFF, "\u{e9}")], "10.0.0.2"),
            (&[(XFF, "2001:db8:1:2::3")], "2001:db8:1:2::3"),
            (&[(XFF, "")], "10.0.0.2"),
            (&[("Forwarded", "for=1.2.3.4"), ("X-Real-IP", "1.2.3.4")], "10.0.0.2"),
            (&[], "10.0.0.2"),
        ] {
            let seen = seen(&ours, "10.0.0.2", lines);
            assert_eq!(
                seen,
                ClientAddress::new(address.parse().unwrap(), AddressSource::TrustedProxy),
                "{lines:?}"
            );
        }
    }

    #[test]
    fn forwarded_is_read_as_rfc_7239_spells_it() {
        let ours = proxies("::1", "Forwarded");
        let seen =
            seen(&ours, "::1", &[("Forwarded", "for=\"[2001:db8::17]:80\";proto=https"), (XFF, "1.2.3.4")]);
        assert_eq!(seen.ip().to_string(), "2001:db8::17");
        assert_eq!(seen.key().to_string(), "2001:db8::/64");
    }

    #[test]
    fn a_trusted_proxy_alone_says_whether_its_client_speaks_tls() {
        const PROTO: &str = "X-Forwarded-Proto";
        let speaks = |header: &str, peer: &str, lines: &[_]| {
            proxies("10.0.0.0/8", header).client_speaks_tls(peer.parse().unwrap(), &headers(lines))
        };
        for lines in [
            &[(PROTO, "https")] as &[_],
            &[(PROTO, "HTTPS")],
            &[(PROTO, "https, http")],
            &[(PROTO, "https"), (PROTO, "http")],
            &[(PROTO, "wss")],
        ] {
            assert!(speaks(XFF, "10.0.0.2", lines), "{lines:?}");
            assert!(speaks("X-Real-IP", "::ffff:10.0.0.2", lines), "{lines:?}");
            assert!(!speaks(XFF, "203.0.113.9", lines), "{lines:?}");
            assert!(!speaks("Forwarded", "10.0.0.2", lines), "{lines:?}");
        }
        for lines in [&[] as &[_], &[(PROTO, "http")], &[(PROTO, "http, https")], &[(PROTO, "")]] {
            assert!(!speaks(XFF, "10.0.0.2", lines), "{lines:?}");
        }
        for (line, is_tls) in [
            ("for=192.0.2.1;proto=https", true),
            ("Proto=\"https\" ; for=192.0.2.1", true),
            ("for=192.0.2.1;proto=https, for=10.0.0.9;proto=http", true),
            ("for=192.0.2.1;proto=http, for=10.0.0.9;proto=https", false),
            ("for=192.0.2.1", false),
            ("for=\"proto=https\"", false),
        ] {
            assert_eq!(speaks("Forwarded", "10.0.0.2", &[("Forwarded", line)]), is_tls, "{line}");
            assert!(!speaks(XFF, "10.0.0.2", &[("Forwarded", line)]), "{line}");
        }
    }

    #[test]
    fn another_header_may_be_named_and_then_no_other_counts() {
        let ours = proxies("127.0.0.1", "CF-Connecting-IP");
        let seen = seen(&ours, "::ffff:127.0.0.1", &[(XFF, "1.2.3.4"), ("CF-Connecting-IP", "198.51.100.7")]);
        assert_eq!(seen, ClientAddress::new("198.51.100.7".parse().unwrap(), AddressSource::TrustedProxy));
    }

    #[test]
    fn what_an_untrusted_peer_says_does_not_count_and_is_said_once() {
        let ours = proxies("10.0.0.0/8", XFF);
        let peer = "203.0.113.9";
        let direct = ClientAddress::new(peer.parse().unwrap(), AddressSource::Direct);
        assert_eq!(seen(&ours, peer, &[]), direct);
        assert!(!ours.has_warned.load(Ordering::Relaxed));
        assert_eq!(seen(&ours, peer, &[(XFF, "1.2.3.4")]), direct);
        assert!(ours.has_warned.load(Ordering::Relaxed));
    }

    #[test]
    fn without_the_setting_a_peer_with_proxy_headers_may_be_a_proxy() {
        let source = |trusted, lines: &[_]| seen(&proxies(trusted, XFF), "203.0.113.9", lines).source();
        for header in ["X-Forwarded-For", "Forwarded", "Via", "X-Real-IP", "CF-Connecting-IP"] {
            assert_eq!(source("", &[(header, "1.2.3.4")]), AddressSource::PossibleProxy, "{header}");
            assert_eq!(source("none", &[(header, "1.2.3.4")]), AddressSource::Direct, "{header}");
        }
        assert_eq!(source("", &[("X-Request-Id", "1")]), AddressSource::Direct);
    }

    #[test]
    fn a_list_has_addresses_and_networks() {
        let trusted =
            TrustedProxies::parse("10.0.0.0/8, 192.0.2.7\t2001:db8::/32 ::ffff:198.51.100.0/120,").unwrap();
        for ip in ["10.9.9.9", "192.0.2.7", "2001:db8:ff::1", "198.51.100.200"] {
            assert!(trusted.contain(ip.parse().unwrap()), "{ip}");
        }
        for ip in ["11.0.0.1", "192.0.2.8", "2001:db9::1", "198.51.101.1", "::1"] {
            assert!(!trusted.contain(ip.parse().unwrap()), "{ip}");
        }
        assert!(TrustedProxies::parse(" , ").unwrap().is_empty());
        assert!(TrustedProxies::parse("none").unwrap().is_empty());
    }

    #[test]
    fn what_is_no_address_or_is_everybody_is_refused() {
        for word in
            ["proxy.local", "10.0.0.0/33", "10.0.0", "0.0.0.0/0", "::/0", "10.0.0.0/8/8", "unix", "none,"]
        {
            let refused = TrustedProxies::parse(&format!("10.0.0.1 {word}"));
            assert!(refused.is_err_and(|sentence| sentence.contains(word.trim_matches(','))), "{word}");
        }
        assert!(ProxyHeader::parse("X Forwarded For").is_err());
    }
}
