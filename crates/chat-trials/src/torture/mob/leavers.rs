//! Clients that send many frames in one piece and log out by another way while these are being read. What was not begun when
//! the server answered the logout is not done.

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

use super::Stranger;
use crate::torture::dice::Dice;
use crate::torture::truth;
use crate::torture::verdict::{Findings, Violation};

const FRAMES: usize = 1_000;
/// How many may have been begun when the access ended, and be given their time a moment after: v1 takes one after the other,
/// v2 has up to 64 under way.
const BEGUN_ON_V1: usize = 1;
const BEGUN_ON_V2: usize = 64;
/// How long they wait before they log out, in milliseconds.
const WAIT_MS: (u64, u64) = (0, 15);
/// What is read at a time, and the largest frame.
const PIECE: usize = 64 * 1024;
const MAX_MESSAGE: usize = 256 * 1024;
/// Within this time everything that was begun is done, and the stream closed.
const CLOSED_WITHIN: Duration = Duration::from_secs(10);

/// One after the other, for so long, and at least one of each stream.
pub(super) async fn come(node: &ServerUrl, lasts: Duration, dice: &mut Dice) -> Result<Findings> {
    let reader = Stranger::register(node, dice).await?;
    let (began, mut findings) = (Instant::now(), Findings::default());
    loop {
        for is_v2 in [false, true] {
            let leaver = Stranger::register(node, dice).await?;
            let (ended, closed) = leave(node, &leaver, reader.id, is_v2, dice).await?;
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
        if began.elapsed() >= lasts || !findings.is_nothing() {
            return Ok(findings);
        }
    }
}

/// Sends, and logs out meanwhile; gives when that was answered, and whether the stream ended then.
async fn leave(
    node: &ServerUrl,
    leaver: &Stranger,
    to: i64,
    is_v2: bool,
    dice: &mut Dice,
) -> Result<(i64, bool)> {
    let socket = TcpStream::connect(node.authority()).await?;
    let (mut socket, _) = match is_v2 {
        true => upgrade_v2(socket, node, &leaver.entrance(None)).await?,
        false => upgrade(socket, node, &leaver.token).await?,
    };
    socket.write_all(&frames(to, is_v2)).await?;
    sleep(dice.millis(WAIT_MS.0, WAIT_MS.1)).await;
    leaver.client.logout().await.context("a client cannot log out")?;
    let ended = now();
    let closed = timeout(CLOSED_WITHIN, until_closed(&mut socket)).await.is_ok();
    Ok((ended, closed))
}

/// Reads until the server has closed the stream, or the connection.
async fn until_closed(socket: &mut TcpStream) {
    let mut decoder = Decoder::new(Role::Client, MAX_MESSAGE);
    let (mut piece, mut is_closed) = (vec![0; PIECE], false);
    while !is_closed && let Ok(read @ 1..) = socket.read(&mut piece).await {
        let bytes = piece.get_mut(..read).unwrap_or_default();
        let fed = decoder.feed(bytes, |incoming| is_closed |= matches!(incoming, Incoming::Close { .. }));
        is_closed |= fed.is_err();
    }
}

/// In one piece.
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

/// Of this sender's messages those whose time is later.
async fn stored_since(reader: &Stranger, sender: i64, since: i64) -> Result<usize> {
    let messages = truth::messages_of(&reader.client).await?;
    Ok(messages.iter().filter(|message| message.sender_id == sender && message.timestamp.0 > since).count())
}

/// The clock that the node has too, in microseconds.
fn now() -> i64 {
    Timestamp::now().as_microsecond()
}
