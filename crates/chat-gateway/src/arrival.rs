//! How a request came: what is known of its socket and not said by itself. In its extensions, as one piece, because each piece
//! costs every request something. Who decides it is `accept.rs`.

use std::sync::Arc;

use axum::http::Extensions;

use crate::accept::Seat;
use crate::client_address::ClientAddress;
use crate::link::Link;

#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) client: ClientAddress,
    pub(crate) seat: Seat,
    pub(crate) link: Arc<Link>,
    /// `None`: the client did not speak TLS, as far as is known.
    pub(crate) encrypted: Option<Encrypted>,
}

/// With whom the client spoke TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encrypted {
    /// With this server.
    Here,
    /// With a trusted proxy, which says so.
    ByProxy,
}

impl Arrival {
    /// That of the request with these extensions; `None`: it came by no socket.
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// Whether and with whom its client spoke TLS.
    pub(crate) fn encrypted(extensions: &Extensions) -> Option<Encrypted> {
        Self::of(extensions)?.encrypted
    }
}
