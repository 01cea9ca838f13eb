//! Statements about messages that grow while they are written.

use async_trait::async_trait;
use chat_core::Result;
use chat_core::changes::{Changed, MessageEvent};
use chat_core::command::{Decision, MessageCommand};
use chat_core::live_text::{self, Appended, Chunk, Finish, LiveTextStore};
use chat_core::messages::Message;
use rusqlite::params;

use crate::writer::Tx;
use crate::{Sqlite, fault, in_place, membership};

#[async_trait]
impl LiveTextStore for Sqlite {
    async fn append(&self, command: MessageCommand, chunk: Chunk, max_bytes: usize) -> Result<Appended> {
        self.writer.write(move |tx| append(tx, command, &chunk, max_bytes)).await
    }

    async fn finish(&self, command: MessageCommand, finish: Finish) -> Result<Changed> {
        self.writer.write(move |tx| self::finish(tx, command, &finish)).await
    }
}

fn append(tx: &Tx<'_>, command: MessageCommand, chunk: &Chunk, max_bytes: usize) -> fault::Result<Appended> {
    let (stored, access) = membership::to_message(tx, command.actor, command.message)?;
    let message = stored.message;
    let Decision::Apply(content) = live_text::decide_append(&message, access, (chunk, max_bytes))? else {
        return Ok(Appended::to(&message, chunk, true));
    };
    let rev = in_place::count(tx, &message, MessageEvent::Appended)?;
    let sql = "UPDATE messages SET content = ?2, rev = ?3 WHERE id = ?1";
    tx.prepare_cached(sql)?.execute(params![message.id.0, content, rev.0])?;
    Ok(Appended::to(&Message { content, rev, ..message }, chunk, false))
}

fn finish(tx: &Tx<'_>, command: MessageCommand, finish: &Finish) -> fault::Result<Changed> {
    in_place::change(
        tx,
        (command, MessageEvent::Finished),
        |stored, access| Ok(live_text::decide_finish(&stored.message, access, finish)?),
        |message, rev, ()| {
            let sql = "UPDATE messages SET content = coalesce(?2, content), streaming = ?3, rev = ?4
                       WHERE id = ?1";
            let row = params![message.id.0, finish.content, finish.state.as_str(), rev.0];
            tx.prepare_cached(sql)?.execute(row)?;
            if finish.content.is_some() {
                tx.note_deletion();
            }
            Ok(())
        },
    )
}
