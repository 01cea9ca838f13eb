//! Statements about members' pointers, in conversations and in threads.

use async_trait::async_trait;
use chat_codec::row;
use chat_core::Result;
use chat_core::ids::{ConversationId, MessageId, Seq, UserId};
use chat_core::receipts::{Delivered, MarkedRead, Moved, PointerScope, Pointers, ReceiptStore, ThreadView};

use crate::conversations::view::join_kind;
use crate::db::Db;
use crate::load::all;
use crate::{Postgres, fault, membership};

pub(crate) mod moves;
mod threads;

use moves::Move;

#[async_trait]
impl ReceiptStore for Postgres {
    async fn mark_delivered(&self, receipts: Vec<Delivered>) -> Result<Moved> {
        let receipts = Delivered::furthest(receipts);
        self.writer.write(move |tx| moves::mark_delivered(tx, &receipts)).await
    }

    async fn move_pointers(&self, user: UserId, conversation: ConversationId, to: Pointers) -> Result<Moved> {
        self.writer.store(Move { user, conversation, to }).await
    }

    async fn mark_read(&self, user: UserId, conversations: Vec<ConversationId>) -> Result<MarkedRead> {
        self.writer.write(move |tx| moves::mark_read(tx, user, &conversations)).await
    }

    async fn unread_conversations(
        &self,
        user: UserId,
        after: ConversationId,
        limit: u16,
    ) -> Result<Vec<ConversationId>> {
        self.readers
            .read(move |db| {
                let sql = "SELECT me.conversation_id FROM members me
                           JOIN LATERAL (SELECT last_seq FROM conversations WHERE id = me.conversation_id
                                         OFFSET 0) c ON true
                           WHERE me.user_id = $1 AND me.conversation_id > $2
                               AND (c.last_seq > me.read_seq OR me.marked_unread)
                           ORDER BY me.conversation_id LIMIT $3";
                let rows = db.rows(sql, &[&user.0, &after.0, &i64::from(limit)])?;
                rows.iter().map(|row| Ok(ConversationId(row.try_get(0)?))).collect()
            })
            .await
    }

    async fn are_unread(
        &self,
        user: UserId,
        conversations: Vec<ConversationId>,
    ) -> Result<Vec<(ConversationId, bool)>> {
        self.readers
            .read(move |db| {
                let sql = "SELECT me.conversation_id, c.last_seq > me.read_seq OR me.marked_unread
                           FROM UNNEST($2::bigint[]) AS x (id)
                           JOIN members me ON me.conversation_id = x.id AND me.user_id = $1
                           JOIN conversations c ON c.id = x.id";
                let ids: Vec<i64> = conversations.iter().map(|id| id.0).collect();
                let rows = db.rows(sql, &[&user.0, &ids])?;
                rows.iter().map(|row| Ok((ConversationId(row.try_get(0)?), row.try_get(1)?))).collect()
            })
            .await
    }

    async fn receipts(
        &self,
        reader: UserId,
        conversation: ConversationId,
        after: UserId,
        limit: u16,
    ) -> Result<Vec<(UserId, Pointers)>> {
        self.readers.read(move |db| receipts(db, reader, conversation, (after, limit))).await
    }

    async fn thread(&self, reader: UserId, root: MessageId) -> Result<ThreadView> {
        self.readers.read(move |db| db.snapshot(|db| threads::view(db, reader, root))).await
    }

    async fn read_thread(&self, reader: UserId, root: MessageId, seq: Seq) -> Result<()> {
        self.writer.write(move |tx| threads::read(tx, reader, root, seq)).await
    }
}

/// The columns of a conversation `c` that [`row::place`] reads.
macro_rules! place_columns {
    () => {
        "c.id, c.last_seq, c.n_members, g.id IS NOT NULL, d.low, d.high"
    };
}
use place_columns;

/// Returns those of these conversations that exist.
pub(crate) fn places(db: &Db, ids: &[ConversationId]) -> fault::Result<Vec<PointerScope>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let sql =
        concat!("SELECT ", place_columns!(), " FROM conversations c ", join_kind!(), "WHERE c.id = ANY($1)");
    let ids: Vec<i64> = ids.iter().map(|id| id.0).collect();
    all(db, sql, &[&ids], |row| row::place(row))
}

fn receipts(
    db: &Db,
    reader: UserId,
    conversation: ConversationId,
    (after, limit): (UserId, u16),
) -> fault::Result<Vec<(UserId, Pointers)>> {
    membership::of_member(db, reader, conversation)?;
    let sql = "SELECT user_id, delivered_seq, read_seq FROM members
               WHERE conversation_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3";
    all(db, sql, &[&conversation.0, &after.0, &i64::from(limit)], |row| row::member(row, 0))
}
