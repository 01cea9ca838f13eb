//! The address that a request comes from. Limits and log lines use it; permissions never do.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::Extensions;

use crate::arrival::Arrival;

/// The client's address: that of the socket, or the one that a trusted proxy names (`proxies.rs`). IPv4 addresses are
/// never in their IPv6 form.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ClientAddress {
    ip: IpAddr,
    source: AddressSource,
}

/// Where the client's address comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum AddressSource {
    /// The socket.
    Direct,
    /// A proxy that the operator trusts.
    TrustedProxy,
    /// The socket, but the request has proxy headers and no proxies are configured. Many people who know nothing of
    /// each other may share this address.
    PossibleProxy,
}

impl ClientAddress {
    pub(crate) fn new(ip: IpAddr, source: AddressSource) -> Self {
        Self { ip: ip.to_canonical(), source }
    }

    /// Address of a request with these extensions. A request that came over no socket gets the loopback address.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        let arrival = Arrival::of(extensions);
        arrival.map_or(Self::new(Ipv4Addr::LOCALHOST.into(), AddressSource::Direct), |arrival| arrival.client)
    }

    pub(crate) fn ip(self) -> IpAddr {
        self.ip
    }

    pub(crate) fn source(self) -> AddressSource {
        self.source
    }

    /// Key by which limits count the address.
    pub(crate) fn key(self) -> AddressKey {
        AddressKey::of(self.ip)
    }

    /// Key for limits that apply to strangers only. `None` for this machine itself, and for a possible proxy that is
    /// not configured, because everybody could have that address.
    pub(crate) fn strangers_key(self) -> Option<AddressKey> {
        (!self.ip.is_loopback() && self.source != AddressSource::PossibleProxy).then(|| self.key())
    }
}

/// An address as limits count it: a whole IPv4 address, or the /64 of an IPv6 address, because one household has all of
/// a /64.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct AddressKey(IpAddr);

impl AddressKey {
    pub(crate) fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V6(ip) => Self(Ipv6Addr::from_bits(ip.to_bits() & !u128::from(u64::MAX)).into()),
            v4 => Self(v4),
        }
    }
}

impl fmt::Display for AddressKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V4(ip) => ip.fmt(f),
            IpAddr::V6(ip) => write!(f, "{ip}/64"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_count_an_ipv4_address_whole_and_an_ipv6_address_as_its_64() {
        for (ip, key) in [
            ("198.51.100.7", "198.51.100.7"),
            ("::ffff:198.51.100.7", "198.51.100.7"),
            ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
            ("2001:db8:1:2::", "2001:db8:1:2::/64"),
            ("2001:db8:1:3::", "2001:db8:1:3::/64"),
        ] {
            let address = ClientAddress::new(ip.parse().unwrap(), AddressSource::Direct);
            assert_eq!(address.key().to_string(), key);
        }
    }

    #[test]
    fn limits_for_strangers_spare_this_machine_and_possible_proxies() {
        let key = |ip: &str, source| ClientAddress::new(ip.parse().unwrap(), source).strangers_key();
        for loopback in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(key(loopback, AddressSource::Direct), None, "{loopback}");
        }
        assert_eq!(key("10.0.0.1", AddressSource::PossibleProxy), None);
        assert!(
            key("10.0.0.1", AddressSource::Direct).is_some()
                && key("10.0.0.1", AddressSource::TrustedProxy).is_some()
        );
    }
}
