//! Echoes every message, through the same handshake and framing as the stream: the target of conformance suites. No
//! route of the server leads here.

use std::io;
use std::net::SocketAddr;

use axum::Router;
use axum::http::request::Parts;
use axum::response::Response;
use axum::routing::get;
use chat_websocket::{Decoder, Deflate, Incoming, Opcode, Role, encode, encode_close, encode_into};
use hyper::upgrade::OnUpgrade;
use tokio::net::TcpListener;

use super::{bare_socket, deflate, handshake, switching_protocols};
use crate::ServeOptions;
use crate::http::problem::Problem;
use crate::hub::Socket;

/// Serves the echo on every path until the process ends. Passes its address to `ready`.
pub async fn serve_echo(address: SocketAddr, ready: impl FnOnce(SocketAddr)) -> io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    ready(listener.local_addr()?);
    let routes = Router::new().fallback(get(upgrade));
    crate::serve(listener, routes, ServeOptions::default(), std::future::pending()).await;
    Ok(())
}

async fn upgrade(mut parts: Parts) -> Result<Response, Problem> {
    let accept = handshake(&parts.headers)?;
    let deflate = deflate(true, &parts.headers);
    if let Some(on_upgrade) = parts.extensions.remove::<OnUpgrade>() {
        tokio::spawn(async move {
            if let Some((socket, early)) = on_upgrade.await.ok().and_then(bare_socket) {
                // A suite may hang up in the middle of a case.
                let _ = echo(socket, early, deflate).await;
            }
        });
    }
    Ok(switching_protocols(accept, None, deflate))
}

/// Upper bound for a message, in bytes. Suites send up to 16 MiB.
const LIMIT: usize = 64 * 1024 * 1024;

async fn echo(mut socket: Socket, mut bytes: Vec<u8>, deflate: Option<Deflate>) -> io::Result<()> {
    let mut decoder = Decoder::new(Role::Server, LIMIT).inflating(deflate.is_some());
    let mut buffer = vec![0; 64 * 1024];
    while !decoder.is_finished() {
        let mut answers = Vec::new();
        let fed = decoder.feed(&mut bytes, |incoming| match incoming {
            Incoming::Text(text) => encode_into(&mut answers, Opcode::Text, text.as_bytes()),
            Incoming::Binary(payload) => encode_into(&mut answers, Opcode::Binary, payload),
            Incoming::Ping(payload) => encode_into(&mut answers, Opcode::Pong, payload),
            Incoming::Pong(_) | Incoming::Compressed { .. } => {}
            Incoming::Close { code: Some(code), .. } => answers.extend_from_slice(&encode_close(code, "")),
            Incoming::Close { code: None, .. } => answers.extend_from_slice(&encode(Opcode::Close, b"")),
        });
        if let Err(error) = fed {
            answers.extend_from_slice(&encode_close(error.close_code(), &error.to_string()));
        }
        let compressed = deflate.and_then(|deflate| deflate.compress(&answers));
        socket.write_all(compressed.as_deref().unwrap_or(&answers)).await?;
        if decoder.is_finished() {
            break;
        }
        let count = socket.read(&mut buffer).await?;
        if count == 0 {
            return Ok(());
        }
        bytes = buffer.get(..count).unwrap_or_default().to_vec();
    }
    socket.shutdown().await
}
