//! Statements about members' pointers, in conversations and in threads.

use std::cmp::Reverse;

use async_trait::async_trait;
use chat_core::conversations::Audience;
use chat_core::error::Kind;
use chat_core::ids::{ConversationId, MessageId, Seq, UserId};
use chat_core::receipts::{Delivered, Moved, Pointers, Receipt, ReceiptStore, ThreadView};
use chat_core::{Error, Result};
use tokio_postgres::Row;

use crate::conversations::view::{self, join_kind};
use crate::db::Db;
use crate::{Postgres, fault, load, membership};

pub(crate) mod moves;
mod threads;

use moves::Move;

#[async_trait]
impl ReceiptStore for Postgres {
    async fn mark_delivered(&self, mut receipts: Vec<Delivered>) -> Result<Moved> {
        // In this order those of a conversation stand together, and a member's furthest receipt is the one that is kept.
        receipts.sort_unstable_by_key(|receipt| (receipt.conversation, receipt.user, Reverse(receipt.seq)));
        receipts.dedup_by_key(|receipt| (receipt.conversation, receipt.user));
        self.writer.write(move |tx| moves::mark_delivered(tx, &receipts)).await
    }

    async fn move_pointers(&self, user: UserId, conversation: ConversationId, to: Pointers) -> Result<Moved> {
        self.writer.store(Move { user, conversation, to }).await
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

/// What a moved pointer has to do with its conversation.
pub(crate) struct Place {
    /// The conversation's last message, beyond which no pointer goes.
    pub(crate) last: Seq,
    /// How many members there are.
    pub(crate) n_members: u32,
    /// All of them.
    pub(crate) members: Audience,
}

impl Place {
    /// A receipt of this user's pointers there.
    pub(crate) fn receipt(&self, user: UserId, conversation: ConversationId, pointers: Pointers) -> Receipt {
        let audience = Receipt::audience(self.members, self.n_members, user);
        Receipt { user, conversation, pointers, audience, counts: None }
    }

    /// Reads [`of_place!`] from the first columns of a row.
    fn read(row: &Row) -> fault::Result<Self> {
        let members = if row.try_get(3)? {
            Audience::Group(ConversationId(row.try_get(0)?))
        } else {
            let (low, high) = view::read_pair(row, 4)?;
            Audience::Pair(low, high)
        };
        Ok(Self { last: Seq(row.try_get(1)?), n_members: load::count(row, 2)?, members })
    }
}

/// What [`Place::read`] reads of a conversation `c`.
macro_rules! of_place {
    () => {
        "c.id, c.last_seq, c.n_members, g.id IS NOT NULL, d.low, d.high"
    };
}
use of_place;

/// The place of a conversation, if there is one of that number.
pub(crate) fn place(db: &Db, id: ConversationId) -> fault::Result<Option<Place>> {
    let sql = concat!("SELECT ", of_place!(), " FROM conversations c ", join_kind!(), "WHERE c.id = $1");
    db.opt(sql, &[&id.0])?.as_ref().map(Place::read).transpose()
}

fn receipts(
    db: &Db,
    reader: UserId,
    conversation: ConversationId,
    (after, limit): (UserId, u16),
) -> fault::Result<Vec<(UserId, Pointers)>> {
    if !membership::is_member(db, reader, conversation)? {
        return Err(Error::NotFound(Kind::Conversation).into());
    }
    let sql = "SELECT user_id, delivered_seq, read_seq FROM members
               WHERE conversation_id = $1 AND user_id > $2 ORDER BY user_id LIMIT $3";
    let rows = db.rows(sql, &[&conversation.0, &after.0, &i64::from(limit)])?;
    let receipt = |row: &Row| {
        let pointers = Pointers { delivered: Seq(row.try_get(1)?), read: Seq(row.try_get(2)?) };
        Ok((UserId(row.try_get(0)?), pointers))
    };
    rows.iter().map(receipt).collect()
}
