//! Statements about members' pointers, in conversations and in threads.

use std::cmp::Reverse;

use async_trait::async_trait;
use chat_core::conversations::Audience;
use chat_core::error::Kind;
use chat_core::ids::{ConversationId, MessageId, Seq, UserId};
use chat_core::receipts::{Delivered, Moved, Pointers, Receipt, ReceiptStore, ThreadView};
use chat_core::{Error, Result};
use rusqlite::{Connection, OptionalExtension, params};

use crate::conversations::view;
use crate::writer::Tx;
use crate::{Sqlite, fault};

mod threads;

#[async_trait]
impl ReceiptStore for Sqlite {
    async fn mark_delivered(&self, mut receipts: Vec<Delivered>) -> Result<Moved> {
        // In this order each conversation is looked up once, and a member's furthest receipt is the one that is kept.
        receipts.sort_unstable_by_key(|receipt| (receipt.conversation, receipt.user, Reverse(receipt.seq)));
        receipts.dedup_by_key(|receipt| (receipt.conversation, receipt.user));
        self.writer.write(move |tx| mark_delivered(tx, &receipts)).await
    }

    async fn move_pointers(&self, user: UserId, conversation: ConversationId, to: Pointers) -> Result<Moved> {
        self.writer.write(move |tx| move_pointers(tx, user, conversation, to)).await
    }

    async fn receipts(
        &self,
        reader: UserId,
        conversation: ConversationId,
        after: UserId,
        limit: u16,
    ) -> Result<Vec<(UserId, Pointers)>> {
        self.readers
            .read(move |db| {
                let snapshot = db.unchecked_transaction()?;
                member(&snapshot, conversation, reader)?.ok_or(Error::NotFound(Kind::Conversation))?;
                let sql = "SELECT user_id, delivered_seq, read_seq FROM members
                           WHERE conversation_id = ?1 AND user_id > ?2 ORDER BY user_id LIMIT ?3";
                let mut statement = snapshot.prepare_cached(sql)?;
                let rows = statement.query_map(params![conversation.0, after.0, limit], |row| {
                    Ok((
                        UserId(row.get(0)?),
                        Pointers { delivered: Seq(row.get(1)?), read: Seq(row.get(2)?) },
                    ))
                })?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
            })
            .await
    }

    async fn thread(&self, reader: UserId, root: MessageId) -> Result<ThreadView> {
        self.readers.read(move |db| threads::view(db, reader, root)).await
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
}

/// The place of a conversation, if there is one of that number.
pub(crate) fn place(db: &Connection, id: ConversationId) -> rusqlite::Result<Option<Place>> {
    let sql = "SELECT c.last_seq, c.n_members, g.id IS NOT NULL
               FROM conversations c LEFT JOIN groups g ON g.conversation_id = c.id WHERE c.id = ?1";
    let found = db
        .prepare_cached(sql)?
        .query_row([id.0], |row| Ok((Seq(row.get(0)?), row.get(1)?, row.get::<_, bool>(2)?)))
        .optional()?;
    let Some((last, n_members, is_group)) = found else { return Ok(None) };
    let members = if is_group {
        Audience::Group(id)
    } else {
        let (low, high) = view::pair(db, id)?;
        Audience::Pair(low, high)
    };
    Ok(Some(Place { last, n_members, members }))
}

/// A member's pointers and mark of being unread.
fn member(
    db: &Connection,
    conversation: ConversationId,
    user: UserId,
) -> rusqlite::Result<Option<(Pointers, bool)>> {
    let sql = "SELECT delivered_seq, read_seq, marked_unread FROM members
               WHERE conversation_id = ?1 AND user_id = ?2";
    db.prepare_cached(sql)?
        .query_row([conversation.0, user.0], |row| {
            Ok((Pointers { delivered: Seq(row.get(0)?), read: Seq(row.get(1)?) }, row.get(2)?))
        })
        .optional()
}

fn mark_delivered(tx: &Tx<'_>, receipts: &[Delivered]) -> fault::Result<Moved> {
    let mut moved = Vec::new();
    for of_one in receipts.chunk_by(|one, next| one.conversation == next.conversation) {
        let Some(&Delivered { conversation, .. }) = of_one.first() else { continue };
        let Some(place) = place(tx, conversation)? else { continue };
        for receipt in of_one {
            let Some((before, _)) = member(tx, conversation, receipt.user)? else { continue };
            let after = before.moved(Pointers { delivered: receipt.seq, read: Seq(0) }, place.last);
            if after != before {
                moved.push(place.receipt(receipt.user, conversation, after));
            }
        }
    }
    let moved = Moved(moved);
    store(tx, &moved)?;
    Ok(moved)
}

fn move_pointers(
    tx: &Tx<'_>,
    user: UserId,
    conversation: ConversationId,
    to: Pointers,
) -> fault::Result<Moved> {
    let not_found = Error::NotFound(Kind::Conversation);
    let (Some((before, marked)), Some(place)) = (member(tx, conversation, user)?, place(tx, conversation)?)
    else {
        return Err(not_found.into());
    };
    let after = before.moved(to, place.last);
    // A reading that comes late, from behind the pointer, says nothing of what the user has looked at since.
    let is_reading = to.read > Seq(0) && to.read >= before.read;
    let unmarks = is_reading && marked;
    if after == before && !unmarks {
        return Ok(Moved::default());
    }
    let mut receipt = place.receipt(user, conversation, after);
    if is_reading {
        receipt.counts = Some(view::counts(tx, user, conversation, after.read)?);
    }
    let moved = Moved(vec![receipt]);
    store(tx, &moved)?;
    if unmarks {
        let sql = "UPDATE members SET marked_unread = 0, state_position = ?3
                   WHERE conversation_id = ?1 AND user_id = ?2";
        tx.prepare_cached(sql)?.execute([conversation.0, user.0, tx.position.0])?;
    }
    Ok(moved)
}

/// Writes the pointers, each at the place of the change that tells of it.
fn store(tx: &Tx<'_>, moved: &Moved) -> rusqlite::Result<()> {
    let mut of_member = tx.prepare_cached(
        "UPDATE members SET delivered_seq = ?3, read_seq = ?4, pointers_position = ?5
         WHERE conversation_id = ?1 AND user_id = ?2",
    )?;
    let mut of_conversation =
        tx.prepare_cached("UPDATE conversations SET receipts_position = ?2 WHERE id = ?1")?;
    for (run, position) in moved.runs().zip(tx.position.0..) {
        for Receipt { user, conversation, pointers, .. } in run {
            of_member.execute([conversation.0, user.0, pointers.delivered.0, pointers.read.0, position])?;
        }
        if let Some(first) = run.first() {
            of_conversation.execute([first.conversation.0, position])?;
        }
    }
    Ok(())
}
