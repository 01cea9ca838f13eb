//! Reads the identity of a session's server: its system identifier and its timeline. It stays unknown if the
//! role may not read it.

use chat_core::lineage::Origin;
use tokio_postgres::{Client, Row, SimpleQueryMessage};

use crate::db::Db;
use crate::fault::Result;

const SYSTEM: &str = "SELECT system_identifier::text FROM pg_control_system()";
/// The name of the WAL file that is being written begins with the timeline. `pg_control_checkpoint` has the
/// timeline of the last checkpoint, which after a promotion may be a while ago.
const TIMELINE: &str = "SELECT CASE WHEN pg_is_in_recovery() THEN NULL
                               ELSE substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) END";

/// Returns as much of the identity as the session may read.
pub(crate) fn of(db: &Db) -> Result<Origin> {
    let system = readable(db.row(SYSTEM, &[]))?;
    Ok(Origin { system, timeline: readable(db.row(TIMELINE, &[]))?, tables: None })
}

/// Returns `None` if the server does not have the function, or this role may not call it.
fn readable(answer: Result<Row>) -> Result<Option<String>> {
    match answer {
        Ok(row) => Ok(row.try_get(0)?),
        Err(fault) if fault.is_temporary() => Err(fault),
        Err(_) => Ok(None),
    }
}

/// Reads the identity over a connection that does nothing else.
///
/// # Errors
/// If a part of it cannot be read.
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
