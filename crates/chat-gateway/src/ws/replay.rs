//! Replays what a client missed, in order and once, before live frames.
//!
//! The connection is already attached and holds live frames back. The log is read page by page until its end; then the
//! held-back frames follow, without those that the log has given already. If too many arrived to be held back, they
//! were dropped, and the log is read further.
//!
//! A client may take its time for a page, and thousands of clients may do so. So only a small part of a page is kept in
//! memory, however large the messages are.

use std::ops::ControlFlow;
use std::sync::Arc;

use bytes::Bytes;
use chat_core::event::Change;
use chat_core::ids::{MessageId, Position};
use chat_core::messages::Message;
use chat_core::sync::{CHANGES_PAGE, Changes, Cursor, Epoch, PageStart};
use chat_protocol::v2::{At, ServerFrame};
use chat_websocket::close_code;
use tokio::task::yield_now;

use crate::hub::{Connection, Delivery, Protocol, ReplayEnd};
use crate::{App, failures, wire};

/// Bytes of a page kept for a client, which may take its time for it: of a thousand clients, each has one.
const KEPT_BYTES: usize = 128 * 1024;
/// Approximate size of a message or another change beside its text, in bytes.
const ENTRY_BYTES: usize = 512;

/// Number of messages or changes to read at a time; smaller if they are large.
struct Size(u16);

impl Size {
    const FIRST: Self = Self(50);
    const MAX: u16 = CHANGES_PAGE;

    /// Returns how many entries of a page to keep, given their sizes. The rest is read again, and fewer at a time from
    /// now on.
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
        self.0 = u16::try_from(next).unwrap_or(Self::MAX).clamp(1, Self::MAX);
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

/// Cuts a page to what may wait for the client. Events that share a log position stay together, because no cursor lies
/// between them.
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

/// Replays what arrived while a v1 client's user had no connection. Messages after `live_from`, the newest message just
/// before the attachment, are read from the log whatever their sender, so that all are in log order. Breaks when the
/// connection is to end.
pub(super) async fn backlog(
    app: &App,
    connection: &Arc<Connection>,
    live_from: MessageId,
) -> ControlFlow<()> {
    let user = connection.user();
    let (mut after, mut size, mut is_first) = (MessageId(0), Size::FIRST, true);
    connection.begin_replay();
    loop {
        let asked = size.0;
        let read = app.chat.backlog(user, live_from, after, asked);
        let mut page = match app.in_page_turn(std::mem::take(&mut is_first), read).await {
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
            // This stream cannot say that a message is deleted, and a deleted message has no content to show.
            if message.deleted_at.is_some() {
                continue;
            }
            let confirm = message.sender != user;
            let delivery = Delivery { conversation: message.conversation, seq: message.seq, confirm };
            push(connection, wire::v1::message(&message), Some(delivery)).await?;
        }
        connection.drained().await?;
        connection.note_activity();
        if is_last && connection.go_live(after.max(live_from).0, None) == ReplayEnd::Live {
            connection.end_replay();
            connection.flush_own();
            return ControlFlow::Continue(());
        }
    }
}

/// Replays what changed for a v2 client's user since its cursor, then sends `live`. Breaks when the connection is to
/// end.
pub(super) async fn changes(
    app: &App,
    connection: &Arc<Connection>,
    epoch: Epoch,
    after: Position,
) -> ControlFlow<()> {
    let (user, form, mut size) = (connection.user(), connection.form(), Size::FIRST);
    let (mut start, mut is_first) = (PageStart::from(after), true);
    connection.begin_replay();
    loop {
        let read = app.chat.changes(user, start, size.0);
        let mut page = match app.in_page_turn(std::mem::take(&mut is_first), read).await {
            Ok(page) => page,
            Err(error) => return stopped(connection, &error),
        };
        cut(&mut page, &mut size);
        start = page.next_start();
        app.hub.metrics().replayed(Protocol::V2, page.events.len());
        // Each event is dropped when it is encoded, because the client may take its time.
        let mut events = page.events.into_iter().peekable();
        while let Some(event) = events.next() {
            let here = Cursor { epoch, position: event.position };
            let shares = events.peek().is_some_and(|next| next.position == event.position);
            let cursor = if shares { here.before() } else { here };
            let Some(frame) = wire::v2::change(&event.change, cursor, user, form) else { continue };
            push(connection, frame, None).await?;
        }
        drop(events);
        connection.drained().await?;
        connection.note_activity();
        if page.complete && live(connection, Cursor { epoch, position: start.after }) == ReplayEnd::Live {
            connection.end_replay();
            return ControlFlow::Continue(());
        }
    }
}

/// For a v2 client that has missed nothing up to the log's end: sends `live` at once, or replays what arrived meanwhile
/// if it was too much to be held back. Breaks when the connection is to end.
pub(super) async fn nothing(app: &App, connection: &Arc<Connection>, end: Cursor) -> ControlFlow<()> {
    match live(connection, end) {
        ReplayEnd::Live => {
            connection.end_replay();
            ControlFlow::Continue(())
        }
        ReplayEnd::ReadOn => changes(app, connection, end.epoch, end.position).await,
    }
}

/// Sends `live` and lets live frames through.
fn live(connection: &Connection, at: Cursor) -> ReplayEnd {
    let live = wire::v2::frame(&ServerFrame::Live(At { cursor: at.to_string() }));
    let ended = connection.go_live(at.position.0, Some(live));
    if ended == ReplayEnd::Live {
        connection.flush_own();
    }
    ended
}

/// Queues a frame once there is room. Breaks when the connection is to end.
async fn push(connection: &Connection, frame: Bytes, delivery: Option<Delivery>) -> ControlFlow<()> {
    if !connection.has_room() {
        connection.drained().await?;
        // The client may take everything at once; other tasks get a turn all the same.
        yield_now().await;
    }
    connection.push_replayed(frame, delivery);
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
        let mut size = Size(Size::MAX);
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
    fn what_shares_a_position_is_cut_together() {
        let hidden = |position| Event {
            position: Position(position),
            change: Change::MessageHidden {
                user: UserId(1),
                conversation: ConversationId(1),
                message: MessageId(position),
                counted: None,
            },
        };
        let positions = (0..400).map(|number| 1 + number / 3);
        let mut page = Changes {
            events: positions.map(hidden).collect(),
            up_to: Position(500),
            complete: true,
            survey: None,
        };
        cut(&mut page, &mut Size(Size::MAX));
        let kept = KEPT_BYTES / ENTRY_BYTES;
        assert_eq!(kept % 3, 1, "the cut falls between events that share a position");
        assert_eq!((page.events.len(), page.up_to, page.complete), (kept + 2, Position(86), false));
        let rest = page.clone();
        cut(&mut page, &mut Size(Size::MAX));
        assert_eq!(page.events.len(), rest.events.len());
    }
}
