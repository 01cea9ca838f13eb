//! From where a request comes. What a request's limits and log lines go by; never who may do what.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use axum::http::Extensions;

use crate::arrival::Arrival;

/// The client's address: the peer's, or what trusted proxies say of it (`proxies.rs`). An IPv4 address never stands in its
/// IPv6 form here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ClientAddress {
    ip: IpAddr,
    way: Way,
}

/// Who says that this is the client's address.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Way {
    /// The socket itself.
    Direct,
    /// A proxy that the operator trusts.
    TrustedProxy,
    /// The socket itself, but the request has headers of a proxy and no proxies are configured: many people may well
    /// share this address without knowing of each other.
    PerhapsProxy,
}

impl ClientAddress {
    pub(crate) fn new(ip: IpAddr, way: Way) -> Self {
        Self { ip: ip.to_canonical(), way }
    }

    /// Of a request with these extensions; one that came by no socket is the machine's own.
    pub(crate) fn of(extensions: &Extensions) -> Self {
        let arrival = Arrival::of(extensions);
        arrival.map_or(Self::new(Ipv4Addr::LOCALHOST.into(), Way::Direct), |arrival| arrival.client)
    }

    pub(crate) fn ip(self) -> IpAddr {
        self.ip
    }

    pub(crate) fn way(self) -> Way {
        self.way
    }

    /// What limits are counted by.
    pub(crate) fn key(self) -> AddressKey {
        AddressKey::of(self.ip)
    }

    /// What limits are counted by that are for strangers alone: not for the machine itself, nor for what may be a proxy
    /// that the operator has not told of, for then everybody has this address.
    pub(crate) fn strangers_key(self) -> Option<AddressKey> {
        (!self.ip.is_loopback() && self.way != Way::PerhapsProxy).then(|| self.key())
    }
}

/// An address as limits count it: an IPv4 address whole, an IPv6 address as its /64, of which one household has all.
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
            let address = ClientAddress::new(ip.parse().unwrap(), Way::Direct);
            assert_eq!(address.key().to_string(), key);
        }
    }

    #[test]
    fn limits_for_strangers_spare_this_machine_and_what_may_be_everybody() {
        let key = |ip: &str, way| ClientAddress::new(ip.parse().unwrap(), way).strangers_key();
        for loopback in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
            assert_eq!(key(loopback, Way::Direct), None, "{loopback}");
        }
        assert_eq!(key("10.0.0.1", Way::PerhapsProxy), None);
        assert!(key("10.0.0.1", Way::Direct).is_some() && key("10.0.0.1", Way::TrustedProxy).is_some());
    }
}
