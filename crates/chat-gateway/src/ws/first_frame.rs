//! Authenticates a v2 client by its first frame, within a time limit. Until then it gets nothing.

use std::borrow::Cow;
use std::time::Duration;

use chat_protocol::close_codes;
use chat_protocol::v2::{Auth, Head};
use chat_websocket::{Opcode, close_code, encode, encode_close, inflate_text};
use hyper::upgrade::OnUpgrade;
use serde_json::Value;
use tokio::sync::OwnedSemaphorePermit;

use super::session::{self, Beginning, End, Input, ResumeWish, Taken};
use super::{Authenticated, bare_socket, connection, decoder, slot};
use crate::accept::RequestSlot;
use crate::client_address::ClientAddress;
use crate::http::lean::Lean;
use crate::http::limited;
use crate::http::problem::Problem;
use crate::hub::{Socket, StreamForm};
use crate::{App, address_slots};

/// Upper bound for the first frame to arrive.
const DEADLINE: Duration = Duration::from_secs(5);
/// Upper bound for sending the close frame of a refusal.
const CLOSE_TIMEOUT: Duration = Duration::from_secs(2);
/// Bytes that the client may send meanwhile; then it is cut off.
const MAX_DISCARDED: usize = 256 * 1024;
const READ_BYTES: usize = 4096;
const NO_AUTH_FRAME: &str = "the first frame must be an auth frame";
const BROKEN: &str = "the first frame is broken or too big";

/// Why a client is refused: the close code and the reason.
type Refusal = (u16, Cow<'static, str>);

fn refusal<T>(code: u16, reason: &'static str) -> Result<T, Refusal> {
    Err((code, reason.into()))
}

/// A slot for a client that has not authenticated: one of the server's and one of its address's.
pub(super) struct PendingSlot {
    _of_all: OwnedSemaphorePermit,
    _of_address: Option<address_slots::AddressSlot>,
}

pub(super) fn reserve_slot(app: &App, client: ClientAddress) -> Result<PendingSlot, Problem> {
    // A possible proxy gets no more than other addresses: otherwise any client could fill all slots by sending proxy
    // headers. Users behind a real proxy can authenticate with the upgrade.
    let of_address = app.unauthenticated_by_address.take_scarce(client).map_err(|_| {
        app.hub.metrics().refused_by_address();
        let sentence =
            "Your address has too many unauthenticated connections; send the token with the upgrade";
        Problem::new(429, "too_many_connections", sentence).retry_after(1)
    })?;
    let of_all = app.unauthenticated.clone().try_acquire_owned().map_err(|_| {
        let sentence = "The server has too many unauthenticated connections; send the token with the upgrade";
        Problem::new(503, "overloaded", sentence).retry_after(1)
    })?;
    Ok(PendingSlot { _of_all: of_all, _of_address: of_address })
}

/// Properties of the upgrade.
pub(super) struct UpgradeProperties {
    pub(super) stream: StreamForm,
    pub(super) wish: ResumeWish,
    pub(super) client: ClientAddress,
    pub(super) request_slot: RequestSlot,
}

/// Where a first frame comes from, and how its client takes frames by its URL and its handshake.
struct Origin {
    client: ClientAddress,
    request_slot: RequestSlot,
    stream: StreamForm,
}

/// Waits for the upgrade and the first frame, then starts a session or refuses the client. What the URL says about
/// resuming and the form of frames counts if the first frame does not say it.
pub(super) async fn start(
    app: App,
    pending: PendingSlot,
    on_upgrade: OnUpgrade,
    properties: UpgradeProperties,
) {
    let Some((mut socket, early)) = on_upgrade.await.ok().and_then(bare_socket) else { return };
    let UpgradeProperties { stream, wish, client, request_slot } = properties;
    let from = Origin { client, request_slot, stream };
    let result = tokio::time::timeout(DEADLINE, listen(&app, &mut socket, early, from)).await;
    drop(pending);
    match result.unwrap_or_else(|_| refusal(close_code::POLICY_VIOLATION, "no auth frame in time")) {
        Ok((authenticated, mut beginning)) => {
            beginning.wish = beginning.wish.or(wish);
            let (connection, slot) = connection(&app, authenticated, socket);
            tokio::spawn(session::run(app, connection, slot, beginning));
        }
        Err((code, reason)) => {
            if [close_codes::TOKEN_EXPIRED, close_code::POLICY_VIOLATION].contains(&code) {
                app.hub.metrics().refused_unauthenticated();
            }
            let _ = tokio::time::timeout(CLOSE_TIMEOUT, refuse(socket, code, &reason)).await;
        }
    }
}

/// Reads until the client has authenticated.
async fn listen(
    app: &App,
    socket: &mut Socket,
    mut bytes: Vec<u8>,
    from: Origin,
) -> Result<(Authenticated, Beginning), Refusal> {
    let mut decoder = decoder(app, from.stream);
    let mut taken = Taken::default();
    let first = loop {
        taken.feed(&mut decoder, &mut bytes);
        if let Some(first) = first_text(&mut taken, socket, decoder.max_message_bytes()).await? {
            break first;
        }
        if let Some(End::Broken(error)) = taken.end {
            return refusal(error.close_code(), BROKEN);
        }
        bytes.resize(READ_BYTES, 0);
        let read = socket.read(&mut bytes).await.map_err(|_| gone())?;
        if read == 0 {
            return Err(gone());
        }
        bytes.truncate(read);
        // Pieces of a frame may arrive without end.
        tokio::task::yield_now().await;
    };
    let authenticated = check_auth_frame(app, &first, from).await?;
    let wish = authenticated.wish.clone();
    Ok((authenticated, Beginning { decoder, taken, wish }))
}

fn gone() -> Refusal {
    (close_code::NORMAL, "".into())
}

/// The first text frame, if it has arrived. A client's WebSocket library may send control frames before it; they are
/// answered as usual (RFC 6455, 5.5).
async fn first_text(taken: &mut Taken, socket: &mut Socket, limit: usize) -> Result<Option<String>, Refusal> {
    while !taken.inputs.is_empty() {
        match taken.inputs.remove(0) {
            Input::Text(first) => return Ok(Some(first)),
            Input::Compressed(payload) => {
                let first = inflate_text(&payload, limit);
                return first.map(Some).or_else(|error| refusal(error.close_code(), BROKEN));
            }
            Input::Binary => return refusal(close_code::POLICY_VIOLATION, NO_AUTH_FRAME),
            Input::Ping(payload) => {
                socket.write_all(&encode(Opcode::Pong, &payload)).await.map_err(|_| gone())?;
            }
            Input::Pong(_) => {}
            Input::Close(code) => return Err((code.unwrap_or(close_code::NORMAL), "".into())),
        }
    }
    Ok(None)
}

/// Why a first frame is refused.
fn reason(first: &str, is_auth: bool) -> &'static str {
    let Ok(Value::Object(frame)) = serde_json::from_str(first) else { return NO_AUTH_FRAME };
    let is_wrong = |member: &str, is_right: fn(&Value) -> bool| {
        is_auth && frame.get(member).is_some_and(|value| !value.is_null() && !is_right(value))
    };
    if is_wrong("lean", Value::is_boolean) {
        "lean must be true or false"
    } else if is_wrong("max_changes", Value::is_u64) {
        "max_changes must be an integer of at least 0"
    } else if is_wrong("cursor", Value::is_string) {
        "cursor must be a string"
    } else {
        NO_AUTH_FRAME
    }
}

async fn check_auth_frame(
    app: &App,
    first: &str,
    Origin { client, request_slot, stream }: Origin,
) -> Result<Authenticated, Refusal> {
    // Otherwise serde would accept a list of values in the right order.
    let is_object = first.trim_start().starts_with('{');
    let is_auth = is_object && serde_json::from_str::<Head<'_>>(first).is_ok_and(|head| head.op == Auth::OP);
    let auth = serde_json::from_str::<Auth>(first).ok().filter(|_| is_auth);
    let refused = || (close_code::POLICY_VIOLATION, reason(first, is_auth).into());
    let auth = auth.ok_or_else(refused)?;
    match app.auth.check(&auth.token).await {
        Ok(Some(granted)) => {
            let too_many = |problem: Problem| (close_codes::TOO_MANY, too_many_streams(&problem).into());
            limited::count_stream(app, granted.user, client).map_err(too_many)?;
            let slot = slot(app, granted, request_slot);
            let slot = slot.map_err(|_| (close_codes::TOO_MANY, "too many connections: close one".into()))?;
            let wish = ResumeWish { cursor: auth.cursor, max_changes: auth.max_changes };
            let form = auth.lean.map_or(stream.form, |lean| Lean::from(lean).form());
            let stream = StreamForm { form, ..stream };
            Ok(Authenticated { granted, slot, stream, wish, client })
        }
        Ok(None) => refusal(close_codes::TOKEN_EXPIRED, "invalid or expired token: log in again"),
        Err(_) => refusal(close_code::TRY_AGAIN_LATER, "storage is unavailable: reconnect"),
    }
}

/// States the delay in the same form as a restart, for clients that look for one.
fn too_many_streams(problem: &Problem) -> String {
    format!("too many streams opened: reconnect in {} ms", problem.retry_after_ms().unwrap_or(1000))
}

/// Sends the reason and waits until the client has read it: closing a socket with unread bytes resets it.
async fn refuse(mut socket: Socket, code: u16, reason: &str) {
    if socket.write_all(&encode_close(code, reason)).await.is_ok() && socket.shutdown().await.is_ok() {
        let (mut rest, mut discarded) = ([0; READ_BYTES], 0);
        while let Ok(read @ 1..) = socket.read(&mut rest).await
            && discarded < MAX_DISCARDED
        {
            discarded += read;
        }
    }
}
