//! Gives a client what it missed, in order and once, before live frames.
//!
//! The connection is attached by now and holds live frames back. The log is read page by page until nothing more is
//! there; then what was held back follows, less what the log has given already. If more was held back than may be, it
//! was let go of, and the log is read on from where it was.

use std::sync::Arc;

use bytes::Bytes;
use chat_core::ids::{MessageId, Position};
use chat_core::sync::{Cursor, Epoch};
use chat_protocol::v2::{At, ServerFrame};
use chat_websocket::close_code;

use crate::hub::{Connection, Delivery, Protocol};
use crate::{App, failures, wire};

/// Messages read and written at a time.
const PAGE: u16 = 200;

/// What arrived while a v1 client's user had no connection. What came in since just before the attachment, when
/// `live_from` was the newest message, is read from the log whoever wrote it, so that the order is the log's throughout.
/// `false`: the connection is to end.
pub(super) async fn backlog(app: &App, connection: &Arc<Connection>, live_from: MessageId) -> bool {
    let user = connection.user();
    let mut after = MessageId(0);
    loop {
        let page = match app.in_turn(app.chat.backlog(user, live_from, after, PAGE)).await {
            Ok(page) => page,
            Err(error) => return stopped(connection, &error),
        };
        let is_last = page.len() < usize::from(PAGE);
        app.hub.metrics().replayed(Protocol::V1, page.len());
        for message in page {
            after = message.id;
            // This stream has no way to say that a message is deleted, and nothing is left of it to be shown.
            if message.deleted_at.is_some() {
                continue;
            }
            let confirm = message.sender != user;
            let delivery = Delivery { conversation: message.conversation, seq: message.seq, confirm };
            if !push(connection, wire::v1::message(&message), Some(delivery)).await {
                return false;
            }
        }
        if !connection.drained().await {
            return false;
        }
        connection.took();
        if is_last && connection.go_live(after.max(live_from).0, None) {
            connection.flush_own();
            return true;
        }
    }
}

/// What changed for a v2 client's user since its cursor, then `live`. `false`: the connection is to end.
pub(super) async fn changes(
    app: &App,
    connection: &Arc<Connection>,
    epoch: Epoch,
    mut after: Position,
) -> bool {
    let user = connection.user();
    loop {
        let page = match app.in_turn(app.chat.changes(user, after)).await {
            Ok(page) => page,
            Err(error) => return stopped(connection, &error),
        };
        app.hub.metrics().replayed(Protocol::V2, page.events.len());
        // Each event is let go of when it is encoded: a client may take its time.
        let mut events = page.events.into_iter().peekable();
        while let Some(event) = events.next() {
            let here = Cursor { epoch, position: event.position };
            let shares = events.peek().is_some_and(|next| next.position == event.position);
            let cursor = if shares { here.before() } else { here };
            let Some(frame) = wire::v2::change(&event.change, cursor, user) else { continue };
            if !push(connection, frame, None).await {
                return false;
            }
        }
        drop(events);
        after = page.up_to;
        if !connection.drained().await {
            return false;
        }
        connection.took();
        if page.complete && live(connection, Cursor { epoch, position: after }) {
            return true;
        }
    }
}

/// Says that everything missed has been sent, and lets live frames through. `false`: the log must be read once more.
pub(super) fn live(connection: &Connection, at: Cursor) -> bool {
    let live = wire::v2::frame(&ServerFrame::Live(At { cursor: at.to_string() }));
    let is_live = connection.go_live(at.position.0, Some(live));
    if is_live {
        connection.flush_own();
    }
    is_live
}

/// Queues a frame as soon as there is room. `false`: the connection is to end.
async fn push(connection: &Connection, frame: Bytes, delivery: Option<Delivery>) -> bool {
    if !connection.has_room() && !connection.drained().await {
        return false;
    }
    connection.push(frame, delivery);
    true
}

fn stopped(connection: &Connection, error: &chat_core::Error) -> bool {
    failures::note(error, "a replay stopped");
    connection.close(close_code::TRY_AGAIN_LATER, "storage is unavailable: reconnect");
    false
}
