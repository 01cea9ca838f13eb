//! Statements that change a message after it was sent.

use async_trait::async_trait;
use chat_codec::extra;
use chat_core::changes::{Changed, MessageEvent};
use chat_core::edits::{Deed, EditStore, Hidden, MAX_VERSIONS, Version};
use chat_core::ids::{ConversationId, MessageId, UserId};
use chat_core::messages::{Mentions, Message, Streaming};
use chat_core::policy::{Action, allowed};
use chat_core::posting::deleted;
use chat_core::time::Timestamp;
use chat_core::{Error, Result};
use rusqlite::{Connection, params};

use crate::load::{is_shown, select, select_messages};
use crate::writer::Tx;
use crate::{Sqlite, fault, in_place, membership};

#[async_trait]
impl EditStore for Sqlite {
    async fn edit(&self, deed: Deed, content: String) -> Result<Changed> {
        self.writer.write(move |tx| edit(tx, deed, &content)).await
    }

    async fn delete(&self, deed: Deed) -> Result<Changed> {
        self.writer.write(move |tx| delete(tx, deed)).await
    }

    async fn hide(&self, deed: Deed) -> Result<Hidden> {
        self.writer.write(move |tx| hide(tx, deed)).await
    }

    async fn pin(&self, deed: Deed, pinned: bool) -> Result<Changed> {
        self.writer.write(move |tx| pin(tx, deed, pinned)).await
    }

    async fn versions(&self, reader: UserId, message: MessageId) -> Result<Vec<Version>> {
        self.readers
            .read(move |db| {
                let snapshot = db.unchecked_transaction()?;
                membership::shown(&snapshot, reader, message)?;
                versions(&snapshot, message)
            })
            .await
    }

    async fn pinned(&self, reader: UserId, conversation: ConversationId, limit: u16) -> Result<Vec<Message>> {
        self.readers
            .read(move |db| {
                let snapshot = db.unchecked_transaction()?;
                membership::of_member(&snapshot, reader, conversation)?;
                let sql = select_messages!(
                    "WHERE m.conversation_id = ?2 AND m.pinned_at IS NOT NULL AND ",
                    is_shown!(),
                    " ORDER BY m.pinned_at DESC, m.id DESC LIMIT ?3"
                );
                select(&snapshot, sql, params![reader.0, conversation.0, limit], reader)
            })
            .await
    }
}

fn edit(tx: &Tx<'_>, deed: Deed, content: &str) -> fault::Result<Changed> {
    let (stored, access) = membership::to_message(tx, deed.actor, deed.message)?;
    allowed(access, Action::Edit)?;
    let message = &stored.message;
    if message.deleted_at.is_some() {
        return Err(deleted().into());
    }
    if message.streaming == Some(Streaming::Growing) {
        let sentence = "This message is still streaming; finish it first";
        return Err(Error::conflict("still_growing", sentence).into());
    }
    if message.content == content {
        return in_place::already(tx, stored, deed.actor);
    }
    if content.trim().is_empty() && message.media.is_empty() {
        return Err(Error::invalid("content", "must not be empty without media").into());
    }
    let rev = in_place::count(tx, message, MessageEvent::Edited)?;
    let since = message.edited_at.unwrap_or(message.sent_at);
    let sql = "INSERT INTO message_versions (message_id, since, content) VALUES (?1, ?2, ?3)";
    tx.prepare_cached(sql)?.execute(params![message.id.0, since.0, message.content])?;
    let sql = "DELETE FROM message_versions WHERE message_id = ?1 AND id <= (
                   SELECT id FROM message_versions WHERE message_id = ?1 ORDER BY id DESC LIMIT 1 OFFSET ?2)";
    if tx.prepare_cached(sql)?.execute(params![message.id.0, MAX_VERSIONS])? > 0 {
        tx.forgets();
    }
    let sql = "UPDATE messages SET content = ?2, edited_at = ?3, rev = ?4 WHERE id = ?1";
    tx.prepare_cached(sql)?.execute(params![message.id.0, content, deed.at.0, rev.0])?;
    in_place::changed(tx, message.id, MessageEvent::Edited)
}

fn delete(tx: &Tx<'_>, deed: Deed) -> fault::Result<Changed> {
    let (stored, access) = membership::to_message(tx, deed.actor, deed.message)?;
    allowed(access, Action::Delete)?;
    let message = &stored.message;
    if message.deleted_at.is_some() {
        return in_place::already(tx, stored, deed.actor);
    }
    let rev = in_place::count(tx, message, MessageEvent::Deleted)?;
    forget(tx, message)?;
    let emptied =
        Message { media: Vec::new(), mentions: Mentions::default(), custom: None, ..message.clone() };
    // Nobody can end the growth of a deleted message any more, so it ends here.
    let sql = "UPDATE messages SET content = '', media_url = '', extra = ?2, n_reactions = 0, pinned_at = NULL,
                                   pinned_by = NULL, deleted_at = ?3, rev = ?4,
                                   streaming = CASE streaming WHEN 'growing' THEN 'abandoned' ELSE streaming END
               WHERE id = ?1";
    let extra = extra::encode(&emptied).map_err(fault::unwritable)?;
    let row = params![message.id.0, extra, deed.at.0, rev.0];
    tx.prepare_cached(sql)?.execute(row)?;
    in_place::changed(tx, message.id, MessageEvent::Deleted)
}

/// Takes away what other tables have of a message's substance.
fn forget(tx: &Tx<'_>, message: &Message) -> rusqlite::Result<()> {
    tx.forgets();
    tx.prepare_cached("DELETE FROM message_versions WHERE message_id = ?1")?.execute([message.id.0])?;
    tx.prepare_cached("DELETE FROM reactions WHERE message_id = ?1")?.execute([message.id.0])?;
    let sql = "DELETE FROM mentions WHERE conversation_id = ?1 AND user_id = ?2 AND seq = ?3";
    for user in extra::mentioned(&message.mentions) {
        tx.prepare_cached(sql)?.execute([message.conversation.0, user, message.seq.0])?;
    }
    Ok(())
}

fn hide(tx: &Tx<'_>, deed: Deed) -> fault::Result<Hidden> {
    let (stored, _) = membership::to_message(tx, deed.actor, deed.message)?;
    let conversation = stored.message.conversation;
    if membership::is_hidden(tx, deed.actor, deed.message)? {
        return Ok(Hidden::Already);
    }
    let sql = "INSERT INTO hidden_messages (user_id, message_id, conversation_id, position)
               VALUES (?1, ?2, ?3, ?4)";
    let row = [deed.actor.0, deed.message.0, conversation.0, tx.position.0];
    tx.prepare_cached(sql)?.execute(row)?;
    Ok(Hidden::Now { user: deed.actor, conversation, message: deed.message })
}

fn pin(tx: &Tx<'_>, deed: Deed, pinned: bool) -> fault::Result<Changed> {
    let (stored, access) = membership::to_message(tx, deed.actor, deed.message)?;
    allowed(access, Action::Pin)?;
    let message = &stored.message;
    if message.deleted_at.is_some() {
        return Err(deleted().into());
    }
    if message.pin.is_some() == pinned {
        return in_place::already(tx, stored, deed.actor);
    }
    let rev = in_place::count(tx, message, MessageEvent::Pinned)?;
    let (at, by) = if pinned { (Some(deed.at.0), Some(deed.actor.0)) } else { (None, None) };
    let sql = "UPDATE messages SET pinned_at = ?2, pinned_by = ?3, rev = ?4 WHERE id = ?1";
    tx.prepare_cached(sql)?.execute(params![message.id.0, at, by, rev.0])?;
    in_place::changed(tx, message.id, MessageEvent::Pinned)
}

fn versions(db: &Connection, message: MessageId) -> fault::Result<Vec<Version>> {
    let sql = "SELECT content, since FROM message_versions WHERE message_id = ?1 ORDER BY id DESC LIMIT ?2";
    let mut statement = db.prepare_cached(sql)?;
    let rows = statement.query_map(params![message.0, MAX_VERSIONS], |row| {
        Ok(Version { content: row.get(0)?, since: Timestamp(row.get(1)?) })
    })?;
    let mut versions: Vec<Version> = rows.collect::<rusqlite::Result<_>>()?;
    versions.reverse();
    Ok(versions)
}
