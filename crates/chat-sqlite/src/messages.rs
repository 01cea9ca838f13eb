//! Statements that read messages. Posting is in `posting.rs`, and converting rows to messages in `load.rs`.

use async_trait::async_trait;
use chat_core::Result;
use chat_core::ids::{ConversationId, GroupId, MessageId, UserId};
use chat_core::messages::{self, Message, MessageRange, MessageStore, Page};
use chat_core::policy::Action;
use chat_store::Lane;
use rusqlite::{Connection, OptionalExtension, params};

use crate::load::{complete, is_shown, one, select, select_messages};
use crate::{Sqlite, accounts, fault, groups, membership};

#[async_trait]
impl MessageStore for Sqlite {
    async fn message(&self, reader: UserId, id: MessageId) -> Result<Message> {
        self.readers
            .snapshot(move |db| {
                let stored = membership::shown(db, reader, id)?;
                Ok(complete(db, stored, Some(reader))?)
            })
            .await
    }

    async fn read_range(
        &self,
        reader: UserId,
        conversation: ConversationId,
        range: MessageRange,
    ) -> Result<Vec<Message>> {
        self.readers
            .snapshot(move |db| {
                membership::of_member(db, reader, conversation)?;
                read_range(db, reader, conversation, range)
            })
            .await
    }

    async fn direct_history(&self, reader: UserId, other: UserId, page: Page) -> Result<Vec<Message>> {
        self.readers
            .snapshot(move |db| {
                let found = direct(db, reader, other)?;
                let is_known = found.is_some() || accounts::exists(db, other)?;
                let conversation = messages::of_pair(found, is_known)?;
                conversation.map_or(Ok(Vec::new()), |conversation| history(db, reader, conversation, page))
            })
            .await
    }

    async fn group_history(&self, reader: UserId, group: GroupId, page: Page) -> Result<Vec<Message>> {
        self.readers
            .snapshot(move |db| {
                let conversation = groups::conversation_for(db, group, reader, Action::Read)?;
                history(db, reader, conversation, page)
            })
            .await
    }

    async fn last_of_each(&self, reader: UserId, page: Page) -> Result<Vec<Message>> {
        self.readers
            .snapshot(move |db| {
                let sql = select_messages!(
                    "WHERE m.id IN (
                         SELECT (SELECT x.id FROM messages x
                                 WHERE x.conversation_id = me.conversation_id AND NOT EXISTS (
                                     SELECT 1 FROM hidden_messages h
                                     WHERE h.user_id = ?1 AND h.message_id = x.id)
                                 ORDER BY x.seq DESC LIMIT 1)
                         FROM members me WHERE me.user_id = ?1)
                         AND m.id < ?2
                     ORDER BY m.id DESC LIMIT ?3"
                );
                select(db, sql, params![reader.0, page.below(), page.limit], reader)
            })
            .await
    }

    async fn newest(&self) -> Result<MessageId> {
        self.readers
            .read(|db| {
                let sql = "SELECT coalesce(max(id), 0) FROM messages";
                Ok(db.prepare_cached(sql)?.query_row((), |row| row.get(0).map(MessageId))?)
            })
            .await
    }

    async fn backlog(
        &self,
        user: UserId,
        live_from: MessageId,
        after: MessageId,
        limit: u16,
    ) -> Result<Vec<Message>> {
        let read =
            move |db: &Connection| backlog(&*db.unchecked_transaction()?, user, (live_from, after), limit);
        self.readers.read_in(Lane::of_page(after == MessageId(0)), read).await
    }
}

/// The conversation of two users, if they have one.
pub(crate) fn direct(
    db: &Connection,
    one: UserId,
    other: UserId,
) -> rusqlite::Result<Option<ConversationId>> {
    db.prepare_cached("SELECT conversation_id FROM directs WHERE low = ?1 AND high = ?2")?
        .query_row([one.min(other).0, one.max(other).0], |row| row.get(0).map(ConversationId))
        .optional()
}

/// A page, oldest first.
fn history(
    db: &Connection,
    reader: UserId,
    conversation: ConversationId,
    page: Page,
) -> fault::Result<Vec<Message>> {
    // Ids and seqs grow together in a conversation, so a page begins at the seq of the largest id below `before`. If
    // `before` is a message of another conversation, only the condition on ids applies.
    let sql = select_messages!(
        "WHERE m.conversation_id = ?2 AND m.id < ?3
           AND m.seq < coalesce((SELECT seq FROM messages WHERE id = ?3 AND conversation_id = ?2), 1 << 62)
           AND ",
        is_shown!(),
        " ORDER BY m.seq DESC LIMIT ?4"
    );
    let mut messages = select(db, sql, params![reader.0, conversation.0, page.below(), page.limit], reader)?;
    messages.reverse();
    Ok(messages)
}

/// A range of a conversation or of a thread in it, oldest first.
pub(crate) fn read_range(
    db: &Connection,
    reader: UserId,
    conversation: ConversationId,
    range: MessageRange,
) -> fault::Result<Vec<Message>> {
    if let Some(root) = range.thread {
        range.check_root(conversation, one(db, root)?.map(|root| root.message).as_ref())?;
    }
    let (after, before) = range.bounds();
    let whole = range.thread.map_or(conversation.0, |root| root.0);
    let sql = range_sql(range.thread.is_some(), range.is_forward());
    Ok(range.in_order(select(db, sql, params![reader.0, whole, after, before, range.limit], reader)?))
}

fn range_sql(is_thread: bool, is_forward: bool) -> &'static str {
    macro_rules! select_range {
        ($whole:literal, $order:literal) => {
            select_messages!(
                "WHERE ",
                $whole,
                " = ?2 AND m.seq > ?3 AND m.seq < ?4 AND ",
                is_shown!(),
                $order,
                " LIMIT ?5"
            )
        };
    }
    match (is_thread, is_forward) {
        (false, false) => select_range!("m.conversation_id", " ORDER BY m.seq DESC"),
        (false, true) => select_range!("m.conversation_id", " ORDER BY m.seq"),
        (true, false) => select_range!("m.thread_id", " ORDER BY m.seq DESC"),
        (true, true) => select_range!("m.thread_id", " ORDER BY m.seq"),
    }
}

fn backlog(
    db: &Connection,
    user: UserId,
    (live_from, after): (MessageId, MessageId),
    limit: u16,
) -> fault::Result<Vec<Message>> {
    // The first part reads conversations with undelivered messages, by their own order. The second part reads the end
    // of the table, which is short, since it grew while a client was connecting. CROSS JOIN makes SQLite keep that
    // order.
    let sql = select_messages!(
        "WHERE m.id IN (
             SELECT x.id FROM members me
             JOIN conversations c ON c.id = me.conversation_id AND c.last_seq > me.delivered_seq
             JOIN messages x ON x.conversation_id = c.id AND x.seq > me.delivered_seq
             WHERE me.user_id = ?1 AND x.id > ?3 AND x.sender_id <> ?1
             UNION
             SELECT x.id FROM messages x
             CROSS JOIN members me ON me.conversation_id = x.conversation_id AND me.user_id = ?1
             WHERE x.id > max(?2, ?3)) AND ",
        is_shown!(),
        " ORDER BY m.id LIMIT ?4"
    );
    select(db, sql, params![user.0, live_from.0, after.0, limit], user)
}
