//! A v2 client whose upgrade did not say who it is: its first frame has to, soon, and until then it gets nothing.

use std::borrow::Cow;
use std::time::Duration;

use chat_protocol::close_codes;
use chat_protocol::v2::{Auth, Head};
use chat_websocket::{Decoder, Opcode, Role, close_code, encode, encode_close};
use hyper::upgrade::OnUpgrade;
use tokio::sync::OwnedSemaphorePermit;

use super::session::{self, Beginning, End, Input, Taken};
use super::{Entrance, bare_socket, connection, slot};
use crate::accept::Seat;
use crate::client_address::ClientAddress;
use crate::http::limited;
use crate::http::problem::Problem;
use crate::hub::{Protocol, Socket};
use crate::{App, places};

/// How long a client may take to say who it is.
const DEADLINE: Duration = Duration::from_secs(5);
/// How long it may take for the refusal.
const LAST_WORD: Duration = Duration::from_secs(2);
/// What it may send meanwhile; then it is cut off.
const STILL_ON_ITS_WAY: usize = 256 * 1024;
const READ_BYTES: usize = 4096;
const NO_AUTH_FRAME: &str = "the first frame must be an auth frame";

/// Why a client is turned away: the close code and the reason.
type Refusal = (u16, Cow<'static, str>);

fn refusal<T>(code: u16, reason: &'static str) -> Result<T, Refusal> {
    Err((code, reason.into()))
}

/// A place for a client that is not known yet: one of all, and one of its address.
pub(super) struct Place {
    _of_all: OwnedSemaphorePermit,
    _of_address: Option<places::Place>,
}

pub(super) fn place(app: &App, client: ClientAddress) -> Result<Place, Problem> {
    // What may be a proxy has no more than others: whoever sends the headers of one could fill the places of all. The users
    // of a real one come in by an upgrade that says who they are.
    let of_address = app.unauthenticated_by_address.take_of_few(client).map_err(|_| {
        app.hub.metrics().refused_by_address();
        let sentence =
            "Your address has too many unauthenticated connections; send the token with the upgrade";
        Problem::new(429, "too_many_connections", sentence).retry_after(1)
    })?;
    let of_all = app.unauthenticated.clone().try_acquire_owned().map_err(|_| {
        let sentence = "The server has too many unauthenticated connections; send the token with the upgrade";
        Problem::new(503, "overloaded", sentence).retry_after(1)
    })?;
    Ok(Place { _of_all: of_all, _of_address: of_address })
}

/// What its upgrade said.
pub(super) struct Asked {
    pub(super) cursor: Option<String>,
    pub(super) client: ClientAddress,
    pub(super) seat: Seat,
}

/// Waits for the upgrade and the first frame, and goes on as for any other client, or turns it away. The `cursor` of the
/// URL counts where the first frame has none.
pub(super) async fn start(app: App, place: Place, on_upgrade: OnUpgrade, asked: Asked) {
    let Some((mut socket, early)) = on_upgrade.await.ok().and_then(bare_socket) else { return };
    let Asked { cursor, client, seat } = asked;
    let told = tokio::time::timeout(DEADLINE, listen(&app, &mut socket, early, (client, seat))).await;
    drop(place);
    match told.unwrap_or_else(|_| refusal(close_code::POLICY_VIOLATION, "no auth frame in time")) {
        Ok((entrance, mut beginning)) => {
            beginning.cursor = beginning.cursor.or(cursor);
            let (connection, slot) = connection(&app, entrance, socket);
            tokio::spawn(session::run(app, connection, slot, beginning));
        }
        Err((code, reason)) => {
            if [close_codes::TOKEN_EXPIRED, close_code::POLICY_VIOLATION].contains(&code) {
                app.hub.metrics().refused_unauthenticated();
            }
            let _ = tokio::time::timeout(LAST_WORD, turn_away(socket, code, &reason)).await;
        }
    }
}

/// Reads until the client has said who it is.
async fn listen(
    app: &App,
    socket: &mut Socket,
    mut bytes: Vec<u8>,
    from: (ClientAddress, Seat),
) -> Result<(Entrance, Beginning), Refusal> {
    let mut decoder = Decoder::new(Role::Server, app.options.frame_bytes);
    let mut taken = Taken::default();
    let first = loop {
        taken.feed(&mut decoder, &mut bytes);
        if let Some(first) = first_text(&mut taken, socket).await? {
            break first;
        }
        if let Some(End::Broken(error)) = taken.end {
            return refusal(error.close_code(), "the first frame is broken or too big");
        }
        bytes.resize(READ_BYTES, 0);
        let read = socket.read(&mut bytes).await.map_err(|_| gone())?;
        if read == 0 {
            return Err(gone());
        }
        bytes.truncate(read);
        // Pieces of a frame may come without end.
        tokio::task::yield_now().await;
    };
    let entrance = enter(app, &first, from).await?;
    let cursor = entrance.cursor.clone();
    Ok((entrance, Beginning { decoder, taken, cursor }))
}

fn gone() -> Refusal {
    (close_code::NORMAL, "".into())
}

/// The first text, if it has come. A client's WebSocket library may send control frames of its own before it, and they are
/// answered as anywhere (RFC 6455, 5.5).
async fn first_text(taken: &mut Taken, socket: &mut Socket) -> Result<Option<String>, Refusal> {
    while !taken.inputs.is_empty() {
        match taken.inputs.remove(0) {
            Input::Text(first) => return Ok(Some(first)),
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

async fn enter(app: &App, first: &str, (client, seat): (ClientAddress, Seat)) -> Result<Entrance, Refusal> {
    // A list of values in the right order would be read as an object too.
    let is_object = first.trim_start().starts_with('{');
    let is_auth = is_object && serde_json::from_str::<Head<'_>>(first).is_ok_and(|head| head.op == Auth::OP);
    let auth = serde_json::from_str::<Auth>(first).ok().filter(|_| is_auth);
    let auth = auth.ok_or((close_code::POLICY_VIOLATION, NO_AUTH_FRAME.into()))?;
    match app.auth.check(&auth.token).await {
        Ok(Some(granted)) => {
            let too_many = |problem: Problem| (close_codes::TOO_MANY, too_many_streams(&problem).into());
            limited::count_stream(app, granted.user, client).map_err(too_many)?;
            let slot = slot(app, granted, seat);
            let slot = slot.map_err(|_| (close_codes::TOO_MANY, "too many connections: close one".into()))?;
            Ok(Entrance { granted, slot, protocol: Protocol::V2, cursor: auth.cursor, client })
        }
        Ok(None) => refusal(close_codes::TOKEN_EXPIRED, "invalid or expired token: log in again"),
        Err(_) => refusal(close_code::TRY_AGAIN_LATER, "storage is unavailable: reconnect"),
    }
}

/// The delay is said as where the server restarts, for clients that look for one.
fn too_many_streams(problem: &Problem) -> String {
    format!("too many streams opened: reconnect in {} ms", problem.retry_after_ms().unwrap_or(1000))
}

/// Says why, and waits until the client has read it: a socket that is closed over unread bytes is reset.
async fn turn_away(mut socket: Socket, code: u16, reason: &str) {
    if socket.write_all(&encode_close(code, reason)).await.is_ok() && socket.shutdown().await.is_ok() {
        let (mut rest, mut passed_over) = ([0; READ_BYTES], 0);
        while let Ok(read @ 1..) = socket.read(&mut rest).await
            && passed_over < STILL_ON_ITS_WAY
        {
            passed_over += read;
        }
    }
}
