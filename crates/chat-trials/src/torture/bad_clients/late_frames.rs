//! Clients that send many frames at once and log out over REST while the server reads them. The server must not execute
//! frames that it had not started when it answered the logout.

use std::time::Duration;

use anyhow::{Context, Result};
use chat_client::v2::upgrade_v2;
use chat_client::{ServerUrl, upgrade};
use chat_websocket::{Decoder, Incoming, Opcode, Role, encode_masked_into};
use jiff::Timestamp;
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::{Instant, sleep, timeout};

use super::ExtraUser;
use crate::rng::Rng;
use crate::torture::stored_log;
use crate::torture::verdict::{Findings, Violation};

const FRAMES: usize = 1_000;
/// How many frames may have been started when the access ended and get their timestamp a moment later: v1 executes one
/// after the other, v2 up to 64 at a time.
const BEGUN_ON_V1: usize = 1;
const BEGUN_ON_V2: usize = 64;
/// Time before the logout, in milliseconds.
const WAIT_MS: (u64, u64) = (0, 15);
/// Size of one read, and the largest frame, in bytes.
const PIECE: usize = 64 * 1024;
const MAX_MESSAGE: usize = 256 * 1024;
/// Everything that was started is done and the stream is closed within this time.
const CLOSED_WITHIN: Duration = Duration::from_secs(10);

/// Runs one client after the other, for `lasts` and at least once for each stream version.
pub(super) async fn run(node: &ServerUrl, lasts: Duration, rng: &mut Rng) -> Result<Findings> {
    let reader = ExtraUser::register(node, rng).await?;
    let (began, mut findings) = (Instant::now(), Findings::default());
    loop {
        for is_v2 in [false, true] {
            let leaver = ExtraUser::register(node, rng).await?;
            let (ended, closed) = leave(node, &leaver, reader.id, is_v2, rng).await?;
            let late = stored_since(&reader, leaver.id, ended).await?;
            let (stream, begun) = if is_v2 { ("v2", BEGUN_ON_V2) } else { ("v1", BEGUN_ON_V1) };
            if late > begun {
                findings.note(Violation::Revoked, || {
                    format!("{late} of {FRAMES} frames of a {stream} stream were begun after the logout")
                });
            }
            if !closed {
                findings.note(Violation::Revoked, || {
                    format!("a {stream} stream was open {CLOSED_WITHIN:?} after the logout")
                });
            }
        }
        if began.elapsed() >= lasts || !findings.is_empty() {
            return Ok(findings);
        }
    }
}

/// Sends frames and logs out meanwhile. Returns when the logout was answered, and whether the stream was closed in
/// time.
async fn leave(
    node: &ServerUrl,
    leaver: &ExtraUser,
    to: i64,
    is_v2: bool,
    rng: &mut Rng,
) -> Result<(i64, bool)> {
    let socket = TcpStream::connect(node.authority()).await?;
    let (mut socket, _) = match is_v2 {
        true => upgrade_v2(socket, node, &leaver.login(None)).await?,
        false => upgrade(socket, node, &leaver.token).await?,
    };
    socket.write_all(&frames(to, is_v2)).await?;
    sleep(rng.millis(WAIT_MS.0, WAIT_MS.1)).await;
    leaver.client.logout().await.context("a client cannot log out")?;
    let ended = now();
    let closed = timeout(CLOSED_WITHIN, until_closed(&mut socket)).await.is_ok();
    Ok((ended, closed))
}

/// Reads until the server closes the stream or the connection.
async fn until_closed(socket: &mut TcpStream) {
    let mut decoder = Decoder::new(Role::Client, MAX_MESSAGE);
    let (mut piece, mut is_closed) = (vec![0; PIECE], false);
    while !is_closed && let Ok(read @ 1..) = socket.read(&mut piece).await {
        let bytes = piece.get_mut(..read).unwrap_or_default();
        let fed = decoder.feed(bytes, |incoming| is_closed |= matches!(incoming, Incoming::Close { .. }));
        is_closed |= fed.is_err();
    }
}

/// All frames in one buffer.
fn frames(to: i64, is_v2: bool) -> Vec<u8> {
    let mut bytes = Vec::new();
    for id in 0..FRAMES {
        let frame = match is_v2 {
            true => json!({ "op": "send", "id": id, "to_user": to, "content": "x" }),
            false => json!({ "type": "text", "recipient_id": to, "content": "x" }),
        };
        encode_masked_into(&mut bytes, Opcode::Text, frame.to_string().as_bytes(), [1, 2, 3, 4]);
    }
    bytes
}

/// Number of this sender's messages with a timestamp after `since`.
async fn stored_since(reader: &ExtraUser, sender: i64, since: i64) -> Result<usize> {
    let messages = stored_log::messages_of(&reader.client).await?;
    Ok(messages.iter().filter(|message| message.sender_id == sender && message.timestamp.0 > since).count())
}

/// Time in microseconds, by the clock that the node also uses.
fn now() -> i64 {
    Timestamp::now().as_microsecond()
}
