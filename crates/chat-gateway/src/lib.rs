//! The inbound adapter: HTTP and WebSocket on one port, and live delivery to connected clients.
//!
//! Handlers decode, call one use case and encode; rules are in the core. `http.rs` is the route table, `ws.rs` opens
//! streams, `hub.rs` delivers events to clients, and `accept.rs` accepts sockets for the routes.

mod accept;
mod address_slots;
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

/// Limits of the gateway. Where the binary makes one a setting, its documentation is there.
#[derive(Debug, Clone, Copy)]
pub struct GatewayOptions {
    /// Maximum WebSocket connections per user, on each node.
    pub connections_per_user: usize,
    /// Maximum WebSocket connections, on each node.
    pub connections: usize,
    /// Largest message from a client over WebSocket, in bytes.
    pub frame_bytes: usize,
    /// Maximum frames per second from one v2 client, on average over some seconds.
    pub frames_per_second: u32,
    /// A v2 client that missed more messages than this is asked to reload. `None`: no bound.
    pub resume_changes: Option<u64>,
    /// Rate limits by policy.
    pub rates: RateLimits,
    /// Largest body of a request, in bytes.
    pub body_bytes: usize,
    /// Whether responses and frames are compressed for clients that ask for it.
    pub compression: bool,
    /// Bounds on the queue of one client.
    pub outbox: OutboxLimits,
    /// Slowest pace at which a stream's client may read.
    pub slowest: Slowest,
    /// Silence after which a stream's client is sent a ping.
    pub heartbeat: Duration,
    /// Whether demo users may log in from any machine, instead of only the server's own.
    pub demo_for_all: bool,
    /// Id of this node; `None` outside a cluster.
    pub node: Option<NodeId>,
}

impl Default for GatewayOptions {
    fn default() -> Self {
        Self {
            connections_per_user: 100,
            connections: 100_000,
            // A frame may carry as much as a request: the largest content takes 96 KiB if every character of it is
            // escaped.
            frame_bytes: 128 * 1024,
            frames_per_second: 500,
            resume_changes: None,
            rates: RateLimits::default(),
            body_bytes: 128 * 1024,
            compression: true,
            outbox: OutboxLimits::default(),
            slowest: Slowest::default(),
            // Below the 20 to 60 s after which proxies cut idle connections.
            heartbeat: Duration::from_secs(15),
            demo_for_all: false,
            node: None,
        }
    }
}
