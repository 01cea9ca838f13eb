//! The inbound adapter: HTTP and WebSocket on one port, and live delivery to those who are connected.
//!
//! Handlers decode, call one use case and encode; rules are in the core. `http.rs` is the route table, `ws.rs` the
//! stream's entrance, `hub.rs` the way of an event to its clients, `accept.rs` the way of a socket to the routes.

mod accept;
mod answers;
mod app;
mod arrival;
mod asyncapi;
mod audit;
mod auth;
mod client_address;
mod clock;
mod commands;
mod devices;
mod failures;
mod housekeeping;
mod http;
mod hub;
mod limits;
mod link;
mod metrics;
mod origins;
mod pace;
mod pages;
mod places;
mod probe;
mod proxies;
mod proxy_protocol;
mod receipts;
mod revocations;
mod sends;
mod this_machine;
mod tickets;
mod tls;
mod tokens;
mod turns;
mod wire;
mod ws;

pub use axum::Router;

use std::time::Duration;

use chat_core::cluster::NodeId;

pub use accept::{ServeOptions, SocketCounts, serve};
pub use app::App;
pub use asyncapi::asyncapi;
pub use http::{openapi, router};
pub use hub::{Hub, HubParts, OutboxLimits, Slowest};
pub use limits::{Policy, Rate, RateLimits, RateSetting};
pub use metrics::{Requests, metrics_router};
pub use origins::Origins;
pub use pace::Pace;
pub use proxies::{ProxyHeader, TrustedProxies};
pub use this_machine::is_from_this_machine;
pub use tickets::MemoryTickets;
pub use tls::{Tls, TlsError, TlsFiles};
pub use tokens::{TokenOptions, Tokens};
#[cfg(feature = "echo")]
pub use ws::echo::serve_echo;

/// Bounds of the gateway; each is documented where the binary makes it a setting.
#[derive(Debug, Clone, Copy)]
pub struct GatewayOptions {
    /// Maximum WebSocket connections per user; in a cluster, at each node.
    pub connections_per_user: usize,
    /// Maximum WebSocket connections in total; in a cluster, each node.
    pub connections: usize,
    /// Largest message from a client over WebSocket, in bytes.
    pub frame_bytes: usize,
    /// Maximum frames per second from one v2 client, on average over some seconds.
    pub frames_per_second: u32,
    /// How often things may be done.
    pub rates: RateLimits,
    /// Largest body of a request, in bytes.
    pub body_bytes: usize,
    /// What may wait for one client.
    pub outbox: OutboxLimits,
    /// The least that a client must take of what waits for it.
    pub slowest: Slowest,
    /// A client of a stream that was silent for so long is sent a ping.
    pub heartbeat: Duration,
    /// Whether the demo users may log in from everywhere, and not from the server's own machine alone.
    pub demo_for_all: bool,
    /// Which one of a cluster this server is; `None` if it is alone.
    pub node: Option<NodeId>,
}

impl Default for GatewayOptions {
    fn default() -> Self {
        Self {
            connections_per_user: 100,
            connections: 100_000,
            // What a request may bring, a frame may bring: the largest content takes 96 KiB where every character of it is
            // escaped.
            frame_bytes: 128 * 1024,
            frames_per_second: 500,
            rates: RateLimits::default(),
            body_bytes: 128 * 1024,
            outbox: OutboxLimits::default(),
            slowest: Slowest::default(),
            // Below the 20 to 60 s for which proxies let a connection be silent.
            heartbeat: Duration::from_secs(15),
            demo_for_all: false,
            node: None,
        }
    }
}
