//! Statements about tickets, which are issued by one node and used at another. The log does not record them.

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
    async fn keep_ticket(&self, ticket: Ticket, now: Timestamp) -> Result<()> {
        self.readers.read(move |db| keep(db, ticket, now)).await
    }

    async fn redeem_ticket(&self, fingerprint: Fingerprint, _now: Timestamp) -> Result<Option<Ticket>> {
        self.readers.read(move |db| redeem(db, fingerprint)).await
    }
}

/// The ticket's expiry uses the database's clock, because the clocks of nodes differ.
fn keep(db: &Db, ticket: Ticket, now: Timestamp) -> fault::Result<()> {
    // Delete unused tickets now and then, a minute late, because nodes of earlier releases use their own
    // clocks.
    if ticket.fingerprint.0.first().is_some_and(|byte| *byte == 0) {
        let sql = "DELETE FROM tickets
                   WHERE valid_until < (extract(epoch FROM clock_timestamp()) * 1000000)::bigint - 60000000";
        db.execute(sql, &[])?;
    }
    let sql = "INSERT INTO tickets (fingerprint, user_id, issued_at, expires_at, token, valid_until)
               VALUES ($1, $2, $3, $4, $5, (extract(epoch FROM clock_timestamp()) * 1000000)::bigint + $6)";
    let (fingerprint, token) = (&ticket.fingerprint.0[..], &ticket.token.0[..]);
    let Ticket { user, counts_from, expires_at, until, .. } = ticket;
    let lifetime_us = until.0.saturating_sub(now.0);
    db.execute(sql, &[&fingerprint, &user.0, &counts_from, &expires_at, &token, &lifetime_us]).map(drop)
}

/// Deleting gives the row to only one of several simultaneous callers.
fn redeem(db: &Db, fingerprint: Fingerprint) -> fault::Result<Option<Ticket>> {
    let sql = "DELETE FROM tickets WHERE fingerprint = $1
               RETURNING user_id, issued_at, expires_at, token, valid_until,
                         valid_until > (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    let Some(row) = db.opt(sql, &[&&fingerprint.0[..]])? else { return Ok(None) };
    let is_valid: bool = row.try_get(5)?;
    if is_valid { ticket(fingerprint, &row).map(Some) } else { Ok(None) }
}

fn ticket(fingerprint: Fingerprint, row: &Row) -> fault::Result<Ticket> {
    let mut token = Fingerprint([0; 16]);
    let stored: &[u8] = row.try_get(3)?;
    token.0.iter_mut().zip(stored).for_each(|(byte, stored)| *byte = *stored);
    Ok(Ticket {
        fingerprint,
        user: UserId(row.try_get(0)?),
        token,
        counts_from: row.try_get(1)?,
        expires_at: row.try_get(2)?,
        until: Timestamp(row.try_get(4)?),
    })
}
