//! Statements about messages that grow while they are written.

use async_trait::async_trait;
use chat_core::changes::{Changed, MessageEvent};
use chat_core::edits::Deed;
use chat_core::live_text::{Appended, Ending, Fit, LiveTextStore, Piece, fit, not_growing, offset_mismatch};
use chat_core::messages::{Message, Streaming};
use chat_core::policy::{Action, allowed};
use chat_core::posting::deleted;
use chat_core::{Error, Result};
use rusqlite::{Connection, params};

use crate::load::Stored;
use crate::writer::Tx;
use crate::{Sqlite, fault, in_place, membership};

#[async_trait]
impl LiveTextStore for Sqlite {
    async fn append(&self, deed: Deed, piece: Piece, max_bytes: usize) -> Result<Appended> {
        self.writer.write(move |tx| append(tx, deed, &piece, max_bytes)).await
    }

    async fn finish(&self, deed: Deed, ending: Ending) -> Result<Changed> {
        self.writer.write(move |tx| finish(tx, deed, &ending)).await
    }
}

fn append(tx: &Tx<'_>, deed: Deed, piece: &Piece, max_bytes: usize) -> fault::Result<Appended> {
    let message = own(tx, deed)?.message;
    if message.streaming != Some(Streaming::Growing) {
        return Err(not_growing().into());
    }
    match fit(&message.content, piece) {
        Fit::Next => {}
        Fit::Already => return Ok(appended(message, piece, true)),
        Fit::Mismatch(length) => return Err(offset_mismatch(length).into()),
    }
    if message.content.len() + piece.content.len() > max_bytes {
        return Err(Error::invalid("content", format!("must be at most {max_bytes} bytes in total")).into());
    }
    let rev = in_place::count(tx, &message, MessageEvent::Appended)?;
    let content = format!("{}{}", message.content, piece.content);
    let sql = "UPDATE messages SET content = ?2, rev = ?3 WHERE id = ?1";
    tx.prepare_cached(sql)?.execute(params![message.id.0, content, rev.0])?;
    Ok(appended(Message { content, rev, ..message }, piece, false))
}

/// What is told of a piece that the message has now.
fn appended(message: Message, piece: &Piece, already: bool) -> Appended {
    Appended {
        message: message.id,
        conversation: message.conversation,
        seq: message.seq,
        rev: message.rev,
        audience: message.audience(),
        piece: piece.clone(),
        length: u32::try_from(message.content.chars().count()).unwrap_or(u32::MAX),
        already,
    }
}

fn finish(tx: &Tx<'_>, deed: Deed, ending: &Ending) -> fault::Result<Changed> {
    let stored = own(tx, deed)?;
    match stored.message.streaming {
        Some(Streaming::Growing) => {}
        // Its text may have been edited since, so that it need not be the one given.
        Some(state) if state == ending.state => return in_place::already(tx, stored, deed.actor),
        _ => return Err(not_growing().into()),
    }
    let message = &stored.message;
    let rev = in_place::count(tx, message, MessageEvent::Finished)?;
    let sql = "UPDATE messages SET content = coalesce(?2, content), streaming = ?3, rev = ?4 WHERE id = ?1";
    let row = params![message.id.0, ending.content, ending.state.as_str(), rev.0];
    tx.prepare_cached(sql)?.execute(row)?;
    if ending.content.is_some() {
        tx.forgets();
    }
    in_place::changed(tx, message.id, MessageEvent::Finished)
}

/// The message, which has to be the actor's own and there still.
fn own(db: &Connection, deed: Deed) -> fault::Result<Stored> {
    let (stored, access) = membership::to_message(db, deed.actor, deed.message)?;
    allowed(access, Action::Edit)?;
    if stored.message.deleted_at.is_some() {
        return Err(deleted().into());
    }
    Ok(stored)
}
