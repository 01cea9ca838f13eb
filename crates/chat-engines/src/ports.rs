//! Free ports for servers that may be down for a while and must get the same port again.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::net::{Ipv4Addr, TcpListener};
use std::ops::Range;

/// Below the ports that systems give to outgoing connections. Otherwise a client that tries to reach a server
/// which is down could be given that server's own port.
const PORTS: Range<u16> = 20_000..32_000;
/// A port that was free a moment ago may be taken now; this many in a row are not.
const ATTEMPTS: usize = 20;

/// Returns a number that nobody else draws, in this process or another.
pub(crate) fn random() -> u64 {
    RandomState::new().build_hasher().finish()
}

/// Returns ports, each of which is free when it is drawn.
pub(crate) fn free() -> impl Iterator<Item = u16> {
    let drawn = std::iter::repeat_with(|| {
        let offset = random() % u64::from(PORTS.end - PORTS.start);
        PORTS.start.saturating_add(u16::try_from(offset).unwrap_or_default())
    });
    drawn.filter(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, *port)).is_ok()).take(ATTEMPTS)
}

/// Returns a port that is free at this moment, for a server of the test whose configuration names its port.
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
