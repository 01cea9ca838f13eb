//! How a request arrived: facts about its socket. They are in the request's extensions as one value, because each value
//! costs every request. `accept.rs` decides them.

use std::sync::Arc;

use axum::http::Extensions;

use crate::accept::RequestSlot;
use crate::client_address::ClientAddress;
use crate::link::Link;

#[derive(Debug, Clone)]
pub(crate) struct Arrival {
    pub(crate) client: ClientAddress,
    pub(crate) request_slot: RequestSlot,
    pub(crate) link: Arc<Link>,
    /// `None`: the client did not speak TLS, as far as is known.
    pub(crate) encrypted: Option<Encrypted>,
}

/// The party with which the client spoke TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Encrypted {
    /// This server.
    Here,
    /// A trusted proxy, according to its header.
    ByProxy,
}

impl Arrival {
    /// Arrival of the request with these extensions. `None`: it came over no socket.
    pub(crate) fn of(extensions: &Extensions) -> Option<&Self> {
        extensions.get()
    }

    /// The party with which the client spoke TLS, if it did.
    pub(crate) fn encrypted(extensions: &Extensions) -> Option<Encrypted> {
        Self::of(extensions)?.encrypted
    }
}
