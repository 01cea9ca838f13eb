//! Free ports for servers that may be down for a while and have to find their port again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

/// Below the ports that systems hand out to whoever connects: else a client that tries to reach a server which is down
/// could be given that server's own port.
const PORTS: Range<u16> = 20_000..32_000;
/// One that was free a moment ago may be taken now; so many in a row are not.
const ATTEMPTS: usize = 20;

/// A number that nobody else draws, in this process or another.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Some ports that are free at the moment each is asked for.
pub(crate) fn free() -> impl Iterator<Item = u16> {
    let drawn = std::iter::repeat_with(|| {
        let place = random() % u64::from(PORTS.end - PORTS.start);
        PORTS.start.saturating_add(u16::try_from(place).unwrap_or_default())
    });
    drawn.filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).take(ATTEMPTS)
}

/// A port that is free at this moment, for a test's own server that is to be told one.
pub fn free_port() -> Option<u16> {
    free().next()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ports_are_free_and_differ() {
        let ports: Vec<_> = free().collect();
        assert_eq!(ports.len(), ATTEMPTS);
        assert!(ports.iter().all(|port| PORTS.contains(port)), "{ports:?}");
        assert!(ports.iter().any(|port| *port != ports[0]), "{ports:?}");
        assert!(free_port().is_some_and(|port| PORTS.contains(&port)));
    }
}
