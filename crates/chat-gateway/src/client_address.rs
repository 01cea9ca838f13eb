//! From where a request comes. What a request's limits and log lines go by; never who may do what.

use std::net::IpAddr;

/// The client's address, in the extensions of every request that came by a socket. An IPv4 address never stands in its IPv6
/// form here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) struct ClientAddress(pub(crate) IpAddr);
