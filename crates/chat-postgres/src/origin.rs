//! Where a session is: on which server, and on which of its timelines. Whoever may not ask does not know it.

use chat_core::lineage::Origin;
use tokio_postgres::{Client, Row, SimpleQueryMessage};

use crate::db::Db;
use crate::fault::Result;

const SYSTEM: &str = "SELECT system_identifier::text FROM pg_control_system()";
/// A name of a file of the log that is being written begins with the timeline. What `pg_control_checkpoint` says of it is
/// that of the last checkpoint, which after a promotion may be a while ago.
const TIMELINE: &str = "SELECT CASE WHEN pg_is_in_recovery() THEN NULL
                               ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END";

/// What a session can read of it.
pub(crate) fn of(db: &Db) -> Result<Origin> {
    let system = readable(db.row(SYSTEM, &[]))?;
    Ok(Origin { system, timeline: readable(db.row(TIMELINE, &[]))?, tables: None })
}

/// `None` where the server has no such function, or not for this role.
fn readable(answer: Result<Row>) -> Result<Option<String>> {
    match answer {
        Ok(row) => Ok(row.try_get(0)?),
        Err(fault) if fault.is_passing() => Err(fault),
        Err(_) => Ok(None),
    }
}

/// The same for a connection that only asks this.
///
/// # Errors
/// If not all of it can be read.
pub(crate) async fn of_client(client: &Client) -> Result<Origin> {
    let system = value(client, SYSTEM).await?;
    Ok(Origin { system, timeline: value(client, TIMELINE).await?, tables: None })
}

async fn value(client: &Client, sql: &str) -> Result<Option<String>> {
    let messages = client.simple_query(sql).await?;
    Ok(messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
        _ => None,
    }))
}
