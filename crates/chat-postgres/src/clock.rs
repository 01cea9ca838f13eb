//! What the database's clock says: the one by which the clocks of all its nodes can be compared.

use std::time::Instant;

use chat_core::Result;
use chat_core::clocks::Reading;
use chat_core::time::Timestamp;

use crate::db::Db;
use crate::fault;
use crate::reader::Readers;

/// Asks it.
pub(crate) async fn read(readers: &Readers) -> Result<Reading> {
    let (theirs, asked, heard) = readers.try_out(ask).await?;
    let way = heard.saturating_duration_since(asked);
    let middle = asked + way / 2;
    Ok(Reading { theirs, age: middle.elapsed(), within: way / 2 })
}

/// Timed here, so that waiting for a connection is no part of it. Once before it counts: where the statement is not known
/// to the session yet it goes there and back twice.
fn ask(db: &Db) -> fault::Result<(Timestamp, Instant, Instant)> {
    let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    db.row(sql, &[])?;
    let asked = Instant::now();
    let row = db.row(sql, &[])?;
    let heard = Instant::now();
    Ok((Timestamp(row.try_get(0)?), asked, heard))
}
