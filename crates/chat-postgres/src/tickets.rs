//! Statements about tickets: fetched from one node and used at another. They are no part of the log.

use async_trait::async_trait;
use chat_core::Result;
use chat_core::access::{Fingerprint, Ticket, TicketStore};
use chat_core::ids::UserId;
use chat_core::time::Timestamp;
use tokio_postgres::Row;

use crate::db::Db;
use crate::{Postgres, fault};

#[async_trait]
impl TicketStore for Postgres {
    async fn keep_ticket(&self, ticket: Ticket) -> Result<()> {
        self.readers.read(move |db| keep(db, ticket)).await
    }

    async fn redeem_ticket(&self, fingerprint: Fingerprint, now: Timestamp) -> Result<Option<Ticket>> {
        self.readers.read(move |db| redeem(db, fingerprint, now)).await
    }
}

fn keep(db: &Db, ticket: Ticket) -> fault::Result<()> {
    // Those that nobody used go now and then; a minute late, because clocks differ.
    if ticket.fingerprint.0.first().is_some_and(|byte| *byte == 0) {
        let minute_ago = ticket.until.0.saturating_sub(60_000_000);
        db.execute("DELETE FROM tickets WHERE valid_until < $1", &[&minute_ago])?;
    }
    let sql = "INSERT INTO tickets (fingerprint, user_id, issued_at, expires_at, token, valid_until)
               VALUES ($1, $2, $3, $4, $5, $6)";
    let (fingerprint, token) = (&ticket.fingerprint.0[..], &ticket.token.0[..]);
    let Ticket { user, issued_at, expires_at, until, .. } = ticket;
    db.execute(sql, &[&fingerprint, &user.0, &issued_at, &expires_at, &token, &until.0]).map(drop)
}

/// Deleting gives the row to one of those who ask at the same moment.
fn redeem(db: &Db, fingerprint: Fingerprint, now: Timestamp) -> fault::Result<Option<Ticket>> {
    let sql = "DELETE FROM tickets WHERE fingerprint = $1
               RETURNING user_id, issued_at, expires_at, token, valid_until";
    let found = db.opt(sql, &[&&fingerprint.0[..]])?;
    let ticket = found.map(|row| ticket(fingerprint, &row)).transpose()?;
    Ok(ticket.filter(|ticket| ticket.until > now))
}

fn ticket(fingerprint: Fingerprint, row: &Row) -> fault::Result<Ticket> {
    let mut token = Fingerprint([0; 16]);
    let stored: &[u8] = row.try_get(3)?;
    token.0.iter_mut().zip(stored).for_each(|(byte, stored)| *byte = *stored);
    Ok(Ticket {
        fingerprint,
        user: UserId(row.try_get(0)?),
        token,
        issued_at: row.try_get(1)?,
        expires_at: row.try_get(2)?,
        until: Timestamp(row.try_get(4)?),
    })
}
