//! Opening a stream: the WebSocket upgrade (RFC 6455, section 4.2) and its authentication.

#[cfg(feature = "echo")]
pub(crate) mod echo;
mod first_frame;
mod replay;
mod session;
mod v1;
mod v2;

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{
    CONNECTION, SEC_WEBSOCKET_ACCEPT, SEC_WEBSOCKET_EXTENSIONS, SEC_WEBSOCKET_KEY, SEC_WEBSOCKET_PROTOCOL,
    SEC_WEBSOCKET_VERSION, UPGRADE,
};
use axum::http::request::Parts;
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use chat_websocket::{Decoder, Deflate, Role, accept_key, is_valid_key};
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use serde::Deserialize;
use tokio_rustls::server::TlsStream;

use crate::accept::{RequestSlot, Upgrading};
use crate::arrival::Arrival;
use crate::auth::bearer;
use crate::client_address::ClientAddress;
use crate::http::extract::Params;
use crate::http::lean::Lean;
use crate::http::limited;
use crate::http::problem::Problem;
use crate::hub::{Bearer, Connection, Full, Protocol, Slot, Socket, StreamForm};
use crate::pace::Paced;
use crate::tokens::Granted;
use crate::{App, tickets};
use first_frame::UpgradeProperties;
use session::{Beginning, ResumeWish};

/// Subprotocol of the v1 stream, which is also the default.
const PROTOCOL_V1: &str = "chatserver.v1";
const PROTOCOL_V2: &str = "chatserver.v2";
/// Common prefix of our subprotocols.
const OURS: &str = "chatserver.";
/// Prefix of a subprotocol that carries a token, because a browser cannot set other headers. Its case does not matter,
/// as with the scheme of an `Authorization` header.
const BEARER_PREFIX: &str = "bearer.";
/// Error sentence that lists all ways to authenticate.
const AUTH_HELP: &str = "A valid token is needed: send it as Authorization: Bearer, as ?token=, as a ticket (?ticket=), \
                       as bearer.<token> among the subprotocols, or on chatserver.v2 in a first frame \
                       {\"op\":\"auth\",\"token\":\"...\"}";

/// Query of the upgrade.
#[derive(Deserialize)]
pub(crate) struct Query {
    token: Option<String>,
    ticket: Option<String>,
    cursor: Option<String>,
}

/// What only v2 knows of the query. On v1 these are unknown parameters, which are ignored.
#[derive(Default, Deserialize)]
struct V2Query {
    max_changes: Option<u64>,
    lean: Option<Lean>,
}

impl V2Query {
    fn of(protocol: Protocol, parts: &Parts) -> Result<Self, Problem> {
        match protocol {
            Protocol::V1 => Ok(Self::default()),
            Protocol::V2 => Params::of_uri(&parts.uri).map(|Params(query)| query),
        }
    }
}

/// `GET /ws`.
pub(crate) async fn upgrade(
    State(app): State<App>,
    Params(query): Params<Query>,
    mut parts: Parts,
) -> Result<Response, Problem> {
    limited::count_upgrade(&app, &parts)?;
    let accept = handshake(&parts.headers)?;
    let protocol = chosen_protocol(&parts.headers)?;
    let V2Query { max_changes, lean } = V2Query::of(protocol, &parts)?;
    let (form, cursor) = (lean.unwrap_or_default().form(), query.cursor.clone());
    let wish = ResumeWish { cursor, max_changes };
    let client = ClientAddress::of(&parts.extensions);
    let stream = StreamForm { protocol, form, deflate: deflate(app.options.compression, &parts.headers) };
    let who = match authenticate(&app, &query, &parts.headers).await? {
        Claim::Granted(granted) => {
            limited::count_stream(&app, granted.user, client)?;
            Who::Known(granted, slot(&app, granted, request_slot(&parts))?)
        }
        Claim::None if protocol == Protocol::V2 => Who::Unknown(first_frame::reserve_slot(&app, client)?),
        Claim::None | Claim::Refused => {
            app.hub.metrics().refused_unauthenticated();
            return Err(Problem::unauthenticated(AUTH_HELP));
        }
    };
    let on_upgrade = parts.extensions.remove::<OnUpgrade>();
    let on_upgrade = on_upgrade
        .ok_or_else(|| Problem::new(426, "upgrade_required", "This needs HTTP/1.1, also from a proxy"))?;
    match who {
        Who::Known(granted, slot) => {
            tokio::spawn(start(app, Authenticated { granted, slot, stream, wish, client }, on_upgrade))
        }
        Who::Unknown(pending) => tokio::spawn(first_frame::start(
            app,
            pending,
            on_upgrade,
            UpgradeProperties { stream, wish, client, request_slot: request_slot(&parts) },
        )),
    };
    Ok(switching_protocols(accept, protocol_to_name(&parts.headers, protocol), stream.deflate))
}

/// Authentication of the upgrade.
enum Claim {
    Granted(Granted),
    /// An invalid token or ticket.
    Refused,
    None,
}

/// How the client goes on.
enum Who {
    Known(Granted, Slot),
    /// Must authenticate with its first frame.
    Unknown(first_frame::PendingSlot),
}

/// A client that has authenticated and has a slot.
struct Authenticated {
    granted: Granted,
    slot: Slot,
    stream: StreamForm,
    wish: ResumeWish,
    client: ClientAddress,
}

/// Problem for a request that asks for no upgrade. Handshake headers pass through proxies like any header. The upgrade
/// headers are hop-by-hop, and a proxy that is not configured to forward them drops them.
fn no_upgrade(headers: &HeaderMap) -> Problem {
    let sentence = if headers.contains_key(SEC_WEBSOCKET_KEY) {
        "A proxy dropped the upgrade of this WebSocket handshake: configure it to forward Upgrade and Connection \
         (docs/operations.md, Behind a proxy)"
    } else {
        "This is a WebSocket endpoint: connect with ws:// or wss://"
    };
    Problem::new(426, "upgrade_required", sentence)
}

/// Checks the client's handshake. Returns the server's answer to its key.
fn handshake(headers: &HeaderMap) -> Result<String, Problem> {
    if !has_token(headers, &UPGRADE, "websocket") || !has_token(headers, &CONNECTION, "upgrade") {
        return Err(no_upgrade(headers));
    }
    if headers.get(SEC_WEBSOCKET_VERSION).is_none_or(|version| version != "13") {
        return Err(Problem::new(426, "upgrade_required", "Only WebSocket version 13 is supported"));
    }
    let key =
        headers.get(SEC_WEBSOCKET_KEY).and_then(|key| key.to_str().ok()).filter(|key| is_valid_key(key));
    key.map(accept_key).ok_or_else(|| Problem::invalid("Sec-WebSocket-Key must be 16 bytes in base64"))
}

/// Whether a comma-separated header contains this token.
fn has_token(headers: &HeaderMap, name: &HeaderName, token: &str) -> bool {
    words(headers, name).any(|word| word.eq_ignore_ascii_case(token))
}

fn words<'a>(headers: &'a HeaderMap, name: &HeaderName) -> impl Iterator<Item = &'a str> {
    let values = headers.get_all(name).iter().filter_map(|value| value.to_str().ok());
    values.flat_map(|value| value.split(',')).map(str::trim)
}

async fn authenticate(app: &App, query: &Query, headers: &HeaderMap) -> Result<Claim, Problem> {
    let granted = if let Some(ticket) = &query.ticket {
        // A ticket does not outlive its token.
        let granted = tickets::redeem(app, ticket).await?;
        granted.filter(|granted| !app.hub.revocations().has(granted))
    } else {
        let in_protocols =
            || words(headers, &SEC_WEBSOCKET_PROTOCOL).find_map(|word| without(BEARER_PREFIX, word));
        match query.token.as_deref().or_else(|| bearer(headers)).or_else(in_protocols) {
            Some(token) => app.auth.check(token).await?,
            None => return Ok(Claim::None),
        }
    };
    Ok(granted.map_or(Claim::Refused, Claim::Granted))
}

/// The address slot of the request, for the stream that it becomes.
fn request_slot(parts: &Parts) -> RequestSlot {
    Arrival::of(&parts.extensions).map(|arrival| arrival.request_slot.clone()).unwrap_or_default()
}

fn slot(app: &App, granted: Granted, request_slot: RequestSlot) -> Result<Slot, Problem> {
    if app.is_draining() {
        app.hub.metrics().refused_while_draining();
        return Err(Problem::new(503, "draining", "The server is shutting down").retry_after(1));
    }
    app.slots.take(granted.user, request_slot).map_err(|full| {
        app.hub.metrics().refused(full);
        match full {
            Full::User => {
                Problem::new(429, "too_many_connections", "You have too many connections; close one")
            }
            Full::Server => {
                Problem::new(503, "overloaded", "The server has reached its limit of connections")
            }
        }
        .retry_after(5)
    })
}

/// The first of our streams that the client names; v1 if it names none. An unknown name with our prefix is refused, so
/// that the client does not get another stream than it meant. Beside a known name it is ignored, because a later server
/// may know it.
fn chosen_protocol(headers: &HeaderMap) -> Result<Protocol, Problem> {
    let named = || words(headers, &SEC_WEBSOCKET_PROTOCOL);
    match named().find(|word| [PROTOCOL_V1, PROTOCOL_V2].contains(word)) {
        Some(PROTOCOL_V2) => Ok(Protocol::V2),
        None if named().any(|word| without(OURS, word).is_some()) => Err(Problem::new(
            400,
            "unknown_subprotocol",
            format!("Unknown subprotocol; supported are {PROTOCOL_V1} and {PROTOCOL_V2}, in lower case"),
        )),
        _ => Ok(Protocol::V1),
    }
}

/// What follows a prefix of a word, in upper or lower case.
fn without<'a>(beginning: &str, word: &'a str) -> Option<&'a str> {
    let (begins, rest) = word.split_at_checked(beginning.len())?;
    begins.eq_ignore_ascii_case(beginning).then_some(rest)
}

/// The subprotocol to answer with. A browser requires one of those that it named; if it named only a token, that is the
/// only choice.
fn protocol_to_name(headers: &HeaderMap, chosen: Protocol) -> Option<HeaderValue> {
    let name = match chosen {
        Protocol::V1 => PROTOCOL_V1,
        Protocol::V2 => PROTOCOL_V2,
    };
    let named = words(headers, &SEC_WEBSOCKET_PROTOCOL).find(|word| *word == name);
    let lone = || words(headers, &SEC_WEBSOCKET_PROTOCOL).find(|word| without(BEARER_PREFIX, word).is_some());
    HeaderValue::from_str(named.or_else(lone)?).ok()
}

/// The parameters for compressed frames, if the client offers them and the server compresses.
fn deflate(is_on: bool, headers: &HeaderMap) -> Option<Deflate> {
    let offers = headers.get_all(SEC_WEBSOCKET_EXTENSIONS).iter().filter_map(|value| value.to_str().ok());
    if is_on { Deflate::accept(offers) } else { None }
}

fn switching_protocols(accept: String, protocol: Option<HeaderValue>, deflate: Option<Deflate>) -> Response {
    let headers = [
        (UPGRADE, "websocket".to_owned()),
        (CONNECTION, "Upgrade".to_owned()),
        (SEC_WEBSOCKET_ACCEPT, accept),
    ];
    let mut response = (StatusCode::SWITCHING_PROTOCOLS, headers).into_response();
    if let Some(protocol) = protocol {
        response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, protocol);
    }
    if let Some(agreed) = deflate.and_then(|deflate| HeaderValue::try_from(deflate.to_string()).ok()) {
        response.headers_mut().insert(SEC_WEBSOCKET_EXTENSIONS, agreed);
    }
    response
}

/// Waits for the upgrade and hands the bare socket to a session in its own task, so that no state of the request stays
/// in memory.
async fn start(app: App, mut authenticated: Authenticated, on_upgrade: OnUpgrade) {
    let Some((socket, early)) = on_upgrade.await.ok().and_then(bare_socket) else { return };
    let wish = std::mem::take(&mut authenticated.wish);
    let beginning = Beginning::after_upgrade(decoder(&app, authenticated.stream), early, wish);
    let (connection, slot) = connection(&app, authenticated, socket);
    tokio::spawn(session::run(app, connection, slot, beginning));
}

/// A decoder for the frames of a client.
fn decoder(app: &App, stream: StreamForm) -> Decoder {
    Decoder::new(Role::Server, app.options.frame_bytes).leaving_compressed(stream.deflate.is_some())
}

fn connection(app: &App, authenticated: Authenticated, socket: Socket) -> (Arc<Connection>, Slot) {
    let Authenticated { granted, slot, stream, client, .. } = authenticated;
    let valid_s = u64::try_from(granted.expires_at.saturating_sub(app.chat.now().seconds())).unwrap_or(0);
    let hub_now_ms = u64::try_from(app.hub.started().elapsed().as_millis()).unwrap_or(u64::MAX);
    let expires_at = hub_now_ms.saturating_add(valid_s.saturating_mul(1000));
    let bearer = Bearer { granted, expires_at, stream, client };
    let id = app.hub.next_connection_id();
    let connection = Connection::new(id, bearer, socket, app.connection_context.clone());
    (Arc::new(connection), slot)
}

/// The socket without hyper around it, and the bytes that the client has sent already.
fn bare_socket(upgraded: Upgraded) -> Option<(Socket, Vec<u8>)> {
    // The bytes are copied, because the buffer behind them is large and would live as long as they do.
    let upgraded = match upgraded.downcast::<TokioIo<Upgrading<Paced>>>() {
        Ok(plain) => {
            return Some((plain.io.into_inner().into_inner().into_inner().into(), plain.read_buf.to_vec()));
        }
        Err(upgraded) => upgraded,
    };
    let encrypted = upgraded.downcast::<TokioIo<Upgrading<TlsStream<Paced>>>>().ok()?;
    Some((encrypted.io.into_inner().into_inner().into(), encrypted.read_buf.to_vec()))
}
