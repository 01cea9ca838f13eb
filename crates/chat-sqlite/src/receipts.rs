//! Statements about members' pointers, in conversations and in threads.

use async_trait::async_trait;
use chat_codec::row;
use chat_core::Result;
use chat_core::conversations::Audience;
use chat_core::ids::{ConversationId, MessageId, Seq, UserId};
use chat_core::receipts::{
    self, Advance, Delivered, MarkedRead, Moved, PointerScope, Pointers, Progress, Receipt, ReceiptStore,
    ThreadView,
};
use rusqlite::{Connection, OptionalExtension, Row, params};

use crate::conversations::view;
use crate::load::{Columns, all};
use crate::writer::Tx;
use crate::{Sqlite, fault, membership};

mod threads;

#[async_trait]
impl ReceiptStore for Sqlite {
    async fn mark_delivered(&self, receipts: Vec<Delivered>) -> Result<Moved> {
        let receipts = Delivered::furthest(receipts);
        self.writer.write(move |tx| mark_delivered(tx, &receipts)).await
    }

    async fn move_pointers(&self, user: UserId, conversation: ConversationId, to: Pointers) -> Result<Moved> {
        self.writer.write(move |tx| move_pointers(tx, user, conversation, to)).await
    }

    async fn mark_read(&self, user: UserId, conversations: Vec<ConversationId>) -> Result<MarkedRead> {
        self.writer.write(move |tx| mark_read(tx, user, &conversations)).await
    }

    async fn unread_conversations(
        &self,
        user: UserId,
        after: ConversationId,
        limit: u16,
    ) -> Result<Vec<ConversationId>> {
        self.readers
            .read(move |db| {
                let sql = "SELECT me.conversation_id FROM members me INDEXED BY members_by_user
                           CROSS JOIN conversations c ON c.id = me.conversation_id
                           WHERE me.user_id = ?1 AND me.conversation_id > ?2
                               AND (c.last_seq > me.read_seq OR me.marked_unread <> 0)
                           ORDER BY me.conversation_id LIMIT ?3";
                let mut statement = db.prepare_cached(sql)?;
                let page = params![user.0, after.0, limit];
                let rows = statement.query_map(page, |row| row.get(0).map(ConversationId))?;
                Ok(rows.collect::<rusqlite::Result<_>>()?)
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
                let sql = "SELECT c.last_seq > me.read_seq OR me.marked_unread <> 0
                           FROM members me CROSS JOIN conversations c ON c.id = me.conversation_id
                           WHERE me.conversation_id = ?1 AND me.user_id = ?2";
                let mut statement = db.prepare_cached(sql)?;
                let mut found = Vec::new();
                for id in &conversations {
                    let is_unread = statement.query_row([id.0, user.0], |row| row.get(0)).optional()?;
                    found.extend(is_unread.map(|is_unread| (*id, is_unread)));
                }
                Ok(found)
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
        self.readers
            .snapshot(move |db| {
                membership::of_member(db, reader, conversation)?;
                let sql = "SELECT user_id, delivered_seq, read_seq FROM members
                           WHERE conversation_id = ?1 AND user_id > ?2 ORDER BY user_id LIMIT ?3";
                let page = params![conversation.0, after.0, limit];
                Ok(all(db, sql, page, |row| row::member(row, 0))?)
            })
            .await
    }

    async fn thread(&self, reader: UserId, root: MessageId) -> Result<ThreadView> {
        self.readers.snapshot(move |db| threads::view(db, reader, root)).await
    }

    async fn read_thread(&self, reader: UserId, root: MessageId, seq: Seq) -> Result<()> {
        self.writer.write(move |tx| threads::read(tx, reader, root, seq)).await
    }
}

/// The conversation's end and size, if it exists.
pub(crate) fn place(db: &Connection, id: ConversationId) -> rusqlite::Result<Option<PointerScope>> {
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
    Ok(Some(PointerScope { conversation: id, last, n_members, members }))
}

/// The user's pointers there; `None` if the user is not a member.
fn progress(db: &Connection, user: UserId, place: PointerScope) -> rusqlite::Result<Option<Progress>> {
    let sql = "SELECT delivered_seq, read_seq, marked_unread FROM members
               WHERE conversation_id = ?1 AND user_id = ?2";
    let progress = |row: &Row<'_>| {
        let (pointers, marked_unread) = (row::pointers(&Columns(row), 0)?, row.get(2)?);
        Ok(Progress { user, place, pointers, marked_unread })
    };
    db.prepare_cached(sql)?.query_row([place.conversation.0, user.0], progress).optional()
}

fn mark_delivered(tx: &Tx<'_>, receipts: &[Delivered]) -> fault::Result<Moved> {
    let mut moved = Vec::new();
    for of_one in receipts.chunk_by(|one, next| one.conversation == next.conversation) {
        let Some(&Delivered { conversation, .. }) = of_one.first() else { continue };
        let Some(place) = place(tx, conversation)? else { continue };
        for receipt in of_one {
            let Some(mut member) = progress(tx, receipt.user, place)? else { continue };
            moved.extend(member.advance(receipt.pointers()).map(|advance| advance.receipt));
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
    let mut member = member(tx, user, conversation)?;
    let Some(advance) = receipts::decide(member.as_mut(), to)? else { return Ok(Moved::default()) };
    let moved = Moved(vec![advanced(tx, advance, tx.position.0)?]);
    store(tx, &moved)?;
    Ok(moved)
}

fn mark_read(tx: &Tx<'_>, user: UserId, conversations: &[ConversationId]) -> fault::Result<MarkedRead> {
    let mut marked = MarkedRead::default();
    let mut position = tx.position.0;
    for &conversation in conversations {
        let Some(mut member) = member(tx, user, conversation)? else {
            marked.not_found.push(conversation);
            continue;
        };
        if let Some(advance) = member.advance(Pointers::END) {
            marked.moved.0.push(advanced(tx, advance, position)?);
            position += 1;
        }
    }
    store(tx, &marked.moved)?;
    Ok(marked)
}

fn member(db: &Connection, user: UserId, conversation: ConversationId) -> rusqlite::Result<Option<Progress>> {
    Ok(place(db, conversation)?.map(|place| progress(db, user, place)).transpose()?.flatten())
}

/// The receipt of a move, with the unread counts of a member who has read. Removes the mark as unread at this position.
fn advanced(tx: &Tx<'_>, advance: Advance, position: i64) -> rusqlite::Result<Receipt> {
    let Advance { mut receipt, is_reading, unmarks } = advance;
    let (user, conversation) = (receipt.user, receipt.conversation);
    if is_reading {
        receipt.counts = Some(view::counted(tx, user, conversation, receipt.pointers.read)?);
    }
    if unmarks {
        let sql = "UPDATE members SET marked_unread = 0, state_position = ?3
                   WHERE conversation_id = ?1 AND user_id = ?2";
        tx.prepare_cached(sql)?.execute([conversation.0, user.0, position])?;
    }
    Ok(receipt)
}

/// Stores the pointers, each with the position of the change that announces it.
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
