//! Statements that change a message after it was sent.

use async_trait::async_trait;
use chat_codec::{extra, row};
use chat_core::Result;
use chat_core::changes::{Changed, MessageEvent};
use chat_core::command::{Decision, MessageCommand};
use chat_core::edits::{self, EditStore, Hidden, MAX_VERSIONS, Version};
use chat_core::ids::{ConversationId, MessageId, UserId};
use chat_core::messages::{Message, Pin, Streaming};
use rusqlite::{Connection, params};

use crate::conversations::{mentions, view};
use crate::load::{all, is_shown, select, select_messages};
use crate::writer::Tx;
use crate::{Sqlite, fault, in_place, membership};

#[async_trait]
impl EditStore for Sqlite {
    async fn edit(&self, command: MessageCommand, content: String) -> Result<Changed> {
        self.writer.write(move |tx| edit(tx, command, &content)).await
    }

    async fn delete(&self, command: MessageCommand) -> Result<Changed> {
        self.writer.write(move |tx| delete(tx, command)).await
    }

    async fn hide(&self, command: MessageCommand) -> Result<Hidden> {
        self.writer.write(move |tx| hide(tx, command)).await
    }

    async fn pin(&self, command: MessageCommand, pinned: bool) -> Result<Changed> {
        self.writer.write(move |tx| pin(tx, command, pinned)).await
    }

    async fn versions(&self, reader: UserId, message: MessageId) -> Result<Vec<Version>> {
        self.readers
            .snapshot(move |db| {
                membership::shown(db, reader, message)?;
                versions(db, message)
            })
            .await
    }

    async fn pinned(&self, reader: UserId, conversation: ConversationId, limit: u16) -> Result<Vec<Message>> {
        self.readers
            .snapshot(move |db| {
                membership::of_member(db, reader, conversation)?;
                let sql = select_messages!(
                    "WHERE m.conversation_id = ?2 AND m.pinned_at IS NOT NULL AND ",
                    is_shown!(),
                    " ORDER BY m.pinned_at DESC, m.id DESC LIMIT ?3"
                );
                select(db, sql, params![reader.0, conversation.0, limit], reader)
            })
            .await
    }
}

fn edit(tx: &Tx<'_>, command: MessageCommand, content: &str) -> fault::Result<Changed> {
    in_place::change(
        tx,
        (command, MessageEvent::Edited),
        |stored, access| Ok(edits::decide_edit(&stored.message, access, content)?),
        |message, rev, former| {
            let sql = "INSERT INTO message_versions (message_id, since, content) VALUES (?1, ?2, ?3)";
            tx.prepare_cached(sql)?.execute(params![message.id.0, former.since.0, former.content])?;
            let sql = "DELETE FROM message_versions WHERE message_id = ?1 AND id <= (
                           SELECT id FROM message_versions WHERE message_id = ?1
                           ORDER BY id DESC LIMIT 1 OFFSET ?2)";
            if tx.prepare_cached(sql)?.execute(params![message.id.0, MAX_VERSIONS])? > 0 {
                tx.note_deletion();
            }
            let sql = "UPDATE messages SET content = ?2, edited_at = ?3, rev = ?4 WHERE id = ?1";
            tx.prepare_cached(sql)?.execute(params![message.id.0, content, command.at.0, rev.0])?;
            Ok(())
        },
    )
}

fn delete(tx: &Tx<'_>, command: MessageCommand) -> fault::Result<Changed> {
    in_place::change(
        tx,
        (command, MessageEvent::Deleted),
        |stored, access| Ok(edits::decide_delete(&stored.message, access, command.at)?),
        |message, rev, left| {
            delete_content(tx, message)?;
            let sql = "UPDATE messages SET content = ?2, media_url = ?3, extra = ?4, n_reactions = 0,
                              pinned_at = NULL, pinned_by = NULL, deleted_at = ?5, rev = ?6, streaming = ?7
                       WHERE id = ?1";
            tx.prepare_cached(sql)?.execute(params![
                left.id.0,
                left.content,
                left.media_url(),
                extra::encode(&left).map_err(fault::unwritable)?,
                left.deleted_at.map(|at| at.0),
                rev.0,
                left.streaming.map(Streaming::as_str)
            ])?;
            Ok(())
        },
    )
}

/// Deletes what other tables hold of a message's content.
fn delete_content(tx: &Tx<'_>, message: &Message) -> rusqlite::Result<()> {
    tx.note_deletion();
    tx.prepare_cached("DELETE FROM message_versions WHERE message_id = ?1")?.execute([message.id.0])?;
    tx.prepare_cached("DELETE FROM reactions WHERE message_id = ?1")?.execute([message.id.0])?;
    mentions::delete(tx, message)
}

fn hide(tx: &Tx<'_>, command: MessageCommand) -> fault::Result<Hidden> {
    let (user, message) = (command.actor, command.message);
    let (stored, _) = membership::to_message(tx, user, message)?;
    let Decision::Apply(()) = edits::decide_hide(membership::is_hidden(tx, user, message)?) else {
        return Ok(Hidden::Already);
    };
    let conversation = stored.message.conversation;
    let sql = "INSERT INTO hidden_messages (user_id, message_id, conversation_id, position)
               VALUES (?1, ?2, ?3, ?4)";
    tx.prepare_cached(sql)?.execute([user.0, message.0, conversation.0, tx.position.0])?;
    let counted = view::counted_of_member(tx, user, conversation)?.unwrap_or_default();
    Ok(Hidden::Now { user, conversation, message, counted })
}

fn pin(tx: &Tx<'_>, command: MessageCommand, pinned: bool) -> fault::Result<Changed> {
    in_place::change(
        tx,
        (command, MessageEvent::Pinned),
        |stored, access| Ok(edits::decide_pin(&stored.message, access, (command, pinned))?),
        |message, rev, pin| {
            let (at, by) = pin.map(|Pin { by, at }| (at.0, by.0)).unzip();
            let sql = "UPDATE messages SET pinned_at = ?2, pinned_by = ?3, rev = ?4 WHERE id = ?1";
            tx.prepare_cached(sql)?.execute(params![message.id.0, at, by, rev.0])?;
            Ok(())
        },
    )
}

fn versions(db: &Connection, message: MessageId) -> fault::Result<Vec<Version>> {
    let sql = "SELECT content, since FROM message_versions WHERE message_id = ?1 ORDER BY id DESC LIMIT ?2";
    let mut versions = all(db, sql, params![message.0, MAX_VERSIONS], |row| row::version(row))?;
    versions.reverse();
    Ok(versions)
}
