//! Finding what changed for a user since a place in the log: first where something changed and what, by positions
//! alone (`sync/gather.rs`), then what of it fits in the page, as it is now.

mod gather;

use std::collections::HashMap;

use async_trait::async_trait;
use chat_core::conversations::ConversationView;
use chat_core::event::{Change, Event};
use chat_core::ids::{ConversationId, MessageId, Position, UserId};
use chat_core::messages::Message;
use chat_core::receipts::{Pointers, Receipt};
use chat_core::sync::{Changes, Cursor, SyncStore};
use chat_core::{Result, failpoints};

use crate::conversations::view;
use crate::db::Db;
use crate::{Postgres, fault, lineage, load, receipts};
use gather::{Gathered, Item, What};

#[async_trait]
impl SyncStore for Postgres {
    async fn log_end(&self) -> Result<Cursor> {
        self.readers.read(lineage::end).await
    }

    async fn changes(&self, user: UserId, after: Position, limit: u16) -> Result<Changes> {
        self.readers
            .read(move |db| {
                let end = lineage::end(db)?.position;
                if after >= end {
                    return Ok(Changes { events: Vec::new(), up_to: end, complete: true });
                }
                if failpoints::is_broken("slow_pages") {
                    std::thread::sleep(std::time::Duration::from_millis(50));
                }
                db.snapshot(|db| changes(db, user, after, limit))
            })
            .await
    }
}

fn changes(db: &Db, user: UserId, after: Position, limit: u16) -> fault::Result<Changes> {
    let end = end(db)?;
    let limit = usize::from(limit.max(1));
    let Gathered { mut items, left } = gather::gather(db, user, (after, end), limit)?;
    let complete = items.len() <= limit;
    let mut up_to = end;
    if let (false, Some(last)) = (complete, items.get(limit - 1)) {
        // What shares a place is told together: no cursor lies between.
        up_to = last.position;
        items.truncate(items.partition_point(|item| item.position <= up_to));
    }
    items.splice(..0, left);
    Ok(Changes { events: read(db, user, items)?, up_to, complete })
}

fn end(db: &Db) -> fault::Result<Position> {
    Ok(Position(db.row("SELECT position FROM log", &[])?.try_get(0)?))
}

/// The items as events, each with the present state of what it is about.
fn read(db: &Db, user: UserId, items: Vec<Item>) -> fault::Result<Vec<Event>> {
    let ids: Vec<MessageId> = items.iter().filter_map(Item::message).collect();
    let messages = load::load(db, &ids, Some(user))?;
    let mut messages: HashMap<_, _> = messages.into_iter().map(|message| (message.id, message)).collect();
    let mut events = Vec::with_capacity(items.len());
    for Item { position, what } in items {
        if let Some(change) = change(db, user, what, &mut messages)? {
            events.push(Event { position, change });
        }
    }
    Ok(events)
}

fn change(
    db: &Db,
    user: UserId,
    what: What,
    messages: &mut HashMap<MessageId, Message>,
) -> fault::Result<Option<Change>> {
    Ok(match what {
        What::Seen(id) => view::view(db, user, id)?.map(|view| own_part(user, view)),
        What::Posted(id) => messages.remove(&id).map(Change::MessagePosted),
        What::Changed(id, what) => {
            messages.remove(&id).map(|message| Change::MessageChanged { message, what })
        }
        What::Moved(id, moved) => pointers_moved(db, user, id, &moved)?,
        What::Hidden(conversation, message) => Some(Change::MessageHidden { user, conversation, message }),
        What::Saved(message, saved) => Some(Change::MessageSaved { user, message, saved }),
        What::Left(id, then) => {
            Some(Change::MemberRemoved { conversation: view::load(db, id)?.as_left(then), user })
        }
    })
}

fn own_part(user: UserId, view: ConversationView) -> Change {
    Change::OwnPartChanged { user, view: Box::new(view) }
}

fn pointers_moved(
    db: &Db,
    user: UserId,
    id: ConversationId,
    moved: &[(UserId, Pointers)],
) -> fault::Result<Option<Change>> {
    let Some(place) = receipts::place(db, id)? else { return Ok(None) };
    let mut told: Vec<Receipt> =
        moved.iter().map(|(member, pointers)| place.receipt(*member, id, *pointers)).collect();
    if let Some(own) = told.iter_mut().find(|receipt| receipt.user == user) {
        own.counts = Some(view::counts(db, user, id, own.pointers.read)?);
    }
    Ok(Some(Change::PointersMoved(told)))
}
