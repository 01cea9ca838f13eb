//! Gives a client what it missed, in order and once, before live frames.
//!
//! The connection is attached by now and holds live frames back. The log is read page by page until nothing more is
//! there; then what was held back follows, less what the log has given already. If more was held back than may be, it
//! was let go of, and the log is read on from where it was.
//!
//! A client may take its time for a page, and there may be thousands who do: so little of one is kept at a time, however
//! large the messages are.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use chat_core::event::Change;
use chat_core::ids::{MessageId, Position};
use chat_core::messages::Message;
use chat_core::sync::{CHANGES_PAGE, Changes, Cursor, Epoch};
use chat_protocol::v2::{At, ServerFrame};
use chat_websocket::close_code;
use tokio::task::yield_now;

use crate::hub::{Connection, Delivery, Protocol, ReplayEnd};
use crate::{App, failures, wire};

/// What is kept of a page for a client, which may take its time for it: of a thousand clients each has one.
const KEPT_BYTES: usize = 128 * 1024;
/// What a message or another change takes up beside its text, about.
const ENTRY_BYTES: usize = 512;

/// How many messages or changes are read at a time: fewer where they are large.
struct Size(u16);

impl Size {
    const FIRST: Self = Self(50);
    const MOST: u16 = CHANGES_PAGE;

    /// How many of a page are kept, given what each takes up. The rest is read again, and fewer from now on.
    fn keep(&mut self, bytes: impl Iterator<Item = usize>) -> usize {
        let (mut sum, mut kept, mut all) = (0, 0, 0);
        for bytes in bytes {
            all += 1;
            sum += bytes;
            if kept == 0 || sum <= KEPT_BYTES {
                kept = all;
            }
        }
        let next = if kept < all { kept } else { usize::from(self.0) * 2 };
        self.0 = u16::try_from(next).unwrap_or(Self::MOST).clamp(1, Self::MOST);
        kept
    }
}

fn weight(message: &Message) -> usize {
    ENTRY_BYTES + message.text_bytes()
}

fn weight_of(change: &Change) -> usize {
    match change {
        Change::MessagePosted(message) | Change::MessageChanged { message, .. } => weight(message),
        Change::OwnPartChanged { view, .. } => {
            let draft = view.own.draft.as_ref().map_or(0, String::len);
            ENTRY_BYTES + draft + view.last_message.as_ref().map_or(0, weight)
        }
        _ => ENTRY_BYTES,
    }
}

/// Keeps of a page as much as is to wait for the client. What shares a place stays together: no cursor lies between.
fn cut(page: &mut Changes, size: &mut Size) {
    let kept = size.keep(page.events.iter().map(|event| weight_of(&event.change)));
    let Some(last) = kept.checked_sub(1).and_then(|last| page.events.get(last)) else { return };
    let up_to = last.position;
    let kept = page.events.partition_point(|event| event.position <= up_to);
    if kept < page.events.len() {
        page.events.truncate(kept);
        page.events.shrink_to_fit();
        (page.up_to, page.complete) = (up_to, false);
    }
}

/// What arrived while a v1 client's user had no connection. What came in since just before the attachment, when
/// `live_from` was the newest message, is read from the log whoever wrote it, so that the order is the log's throughout.
/// Breaks off where the connection is to end.
pub(super) async fn backlog(
    app: &App,
    connection: &Arc<Connection>,
    live_from: MessageId,
) -> ControlFlow<()> {
    let user = connection.user();
    let (mut after, mut size) = (MessageId(0), Size::FIRST);
    connection.begin_replay();
    loop {
        let asked = size.0;
        let mut page = match app.in_turn(app.chat.backlog(user, live_from, after, asked)).await {
            Ok(page) => page,
            Err(error) => return stopped(connection, &error),
        };
        let read = page.len();
        page.truncate(size.keep(page.iter().map(weight)));
        page.shrink_to_fit();
        let is_last = page.len() == read && read < usize::from(asked);
        app.hub.metrics().replayed(Protocol::V1, page.len());
        for message in page {
            after = message.id;
            // This stream has no way to say that a message is deleted, and nothing is left of it to be shown.
            if message.deleted_at.is_some() {
                continue;
            }
            let confirm = message.sender != user;
            let delivery = Delivery { conversation: message.conversation, seq: message.seq, confirm };
            push(connection, wire::v1::message(&message), Some(delivery)).await?;
        }
        connection.drained().await?;
        connection.heard();
        if is_last && connection.go_live(after.max(live_from).0, None) == ReplayEnd::Live {
            connection.end_replay();
            connection.flush_own();
            return ControlFlow::Continue(());
        }
    }
}

/// What changed for a v2 client's user since its cursor, then `live`. Breaks off where the connection is to end.
pub(super) async fn changes(
    app: &App,
    connection: &Arc<Connection>,
    epoch: Epoch,
    mut after: Position,
) -> ControlFlow<()> {
    let (user, mut size) = (connection.user(), Size::FIRST);
    connection.begin_replay();
    loop {
        let mut page = match app.in_turn(app.chat.changes(user, after, size.0)).await {
            Ok(page) => page,
            Err(error) => return stopped(connection, &error),
        };
        cut(&mut page, &mut size);
        app.hub.metrics().replayed(Protocol::V2, page.events.len());
        // Each event is let go of when it is encoded: a client may take its time.
        let mut events = page.events.into_iter().peekable();
        while let Some(event) = events.next() {
            let here = Cursor { epoch, position: event.position };
            let shares = events.peek().is_some_and(|next| next.position == event.position);
            let cursor = if shares { here.before() } else { here };
            let Some(frame) = wire::v2::change(&event.change, cursor, user) else { continue };
            push(connection, frame, None).await?;
        }
        drop(events);
        after = page.up_to;
        connection.drained().await?;
        connection.heard();
        if page.complete && live(connection, Cursor { epoch, position: after }) == ReplayEnd::Live {
            connection.end_replay();
            return ControlFlow::Continue(());
        }
    }
}

/// For a v2 client that has missed nothing up to the log's end: `live` at once, or after what came in meanwhile where that
/// was too much to be held back. Breaks off where the connection is to end.
pub(super) async fn nothing(app: &App, connection: &Arc<Connection>, end: Cursor) -> ControlFlow<()> {
    match live(connection, end) {
        ReplayEnd::Live => ControlFlow::Continue(()),
        ReplayEnd::ReadOn => changes(app, connection, end.epoch, end.position).await,
    }
}

/// Says that everything missed has been sent, and lets live frames through.
fn live(connection: &Connection, at: Cursor) -> ReplayEnd {
    let live = wire::v2::frame(&ServerFrame::Live(At { cursor: at.to_string() }));
    let ended = connection.go_live(at.position.0, Some(live));
    if ended == ReplayEnd::Live {
        connection.flush_own();
    }
    ended
}

/// Queues a frame as soon as there is room. Breaks off where the connection is to end.
async fn push(connection: &Connection, frame: Bytes, delivery: Option<Delivery>) -> ControlFlow<()> {
    if !connection.has_room() {
        connection.drained().await?;
        // The client may take everything at once, and others have their turn meanwhile.
        yield_now().await;
    }
    connection.push(frame, delivery);
    ControlFlow::Continue(())
}

fn stopped(connection: &Connection, error: &chat_core::Error) -> ControlFlow<()> {
    failures::note(error, "a replay stopped");
    connection.close(close_code::TRY_AGAIN_LATER, "storage is unavailable: reconnect");
    ControlFlow::Break(())
}

#[cfg(test)]
mod tests {
    use chat_core::event::Event;
    use chat_core::ids::{ConversationId, UserId};

    use super::*;

    #[test]
    fn large_messages_are_read_a_few_at_a_time_and_small_ones_many() {
        let mut size = Size(Size::MOST);
        assert_eq!(size.keep((0..200).map(|_| 600)), 200);
        assert_eq!(size.0, 200);
        assert_eq!(size.keep((0..200).map(|_| 16 * 1024)), 8);
        assert_eq!(size.0, 8, "no more are read than are kept");
        assert_eq!(size.keep((0..8).map(|_| 16 * 1024)), 8);
        assert_eq!(size.keep((0..16).map(|_| 600)), 16);
        assert_eq!(size.0, 32);
        assert_eq!(size.keep([KEPT_BYTES * 2, 1].into_iter()), 1, "one always goes on");
        assert_eq!(size.keep(std::iter::empty()), 0);
    }

    #[test]
    fn what_shares_a_place_is_cut_together() {
        let hidden = |position| Event {
            position: Position(position),
            change: Change::MessageHidden {
                user: UserId(1),
                conversation: ConversationId(1),
                message: MessageId(position),
            },
        };
        let positions = (0..400).map(|number| 1 + number / 3);
        let mut page =
            Changes { events: positions.map(hidden).collect(), up_to: Position(500), complete: true };
        cut(&mut page, &mut Size(Size::MOST));
        let kept = KEPT_BYTES / ENTRY_BYTES;
        assert_eq!(kept % 3, 1, "the cut falls between what shares a place");
        assert_eq!((page.events.len(), page.up_to, page.complete), (kept + 2, Position(86), false));
        let rest = page.clone();
        cut(&mut page, &mut Size(Size::MOST));
        assert_eq!(page.events.len(), rest.events.len());
    }
}
