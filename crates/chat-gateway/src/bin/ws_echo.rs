//! Serves the WebSocket echo for conformance suites: prints its address and runs until it is killed.
//!
//! `cargo run -p chat-gateway --features echo --bin ws_echo`

use std::net::{Ipv4Addr, SocketAddr};

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let any_port = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    chat_gateway::serve_echo(any_port, |address| eprintln!("ws://{address}/")).await
}
