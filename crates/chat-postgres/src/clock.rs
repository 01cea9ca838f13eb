//! Reads the database's clock, with which the clocks of all nodes can be compared.

use std::time::Instant;

use chat_core::Result;
use chat_core::clocks::Reading;
use chat_core::time::Timestamp;

use crate::db::Db;
use crate::fault;
use crate::reader::Readers;

/// Reads the clock.
pub(crate) async fn read(readers: &Readers) -> Result<Reading> {
    let (theirs, asked, answered) = readers.try_out(ask).await?;
    let round_trip = answered.saturating_duration_since(asked);
    let middle = asked + round_trip / 2;
    Ok(Reading { theirs, age: middle.elapsed(), within: round_trip / 2 })
}

/// Measures the time here, so that it does not include waiting for a connection. Runs the statement once
/// before the measured run: a session that does not know the statement yet needs two round trips.
fn ask(db: &Db) -> fault::Result<(Timestamp, Instant, Instant)> {
    let sql = "SELECT (extract(epoch FROM clock_timestamp()) * 1000000)::bigint";
    db.row(sql, &[])?;
    let asked = Instant::now();
    let row = db.row(sql, &[])?;
    let answered = Instant::now();
    Ok((Timestamp(row.try_get(0)?), asked, answered))
}
