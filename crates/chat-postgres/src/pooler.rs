//! Checks that each of our sessions has a server session of its own. A pooler between us and the server may
//! lend one for a single transaction. The settings of a session (writes are on disk, the lock timeout, the
//! schema of the tables) would then apply to another client. Nothing is changed here.

use tokio_postgres::SimpleQueryMessage;

use crate::connect::Address;
use crate::db::Db;
use crate::error::OpenError;
use crate::fault::{Fault, Result, is_pooler_error};

/// Identifies a session of the server. It has no parameters, so that nothing is prepared for it: prepared
/// statements would be lent, too.
const SESSION: &str = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()";
/// Number of readings. A pooler that hands out its sessions in turn gives another one each time.
const SAMPLES: usize = 3;

/// Refuses a pooler that lends sessions for a transaction or less. Blocks.
pub(crate) fn check(db: &Db, address: &Address) -> std::result::Result<(), OpenError> {
    if lends_sessions(db, address)? { Err(OpenError::Pooled(address.describe())) } else { Ok(()) }
}

fn lends_sessions(db: &Db, address: &Address) -> std::result::Result<bool, OpenError> {
    let first = session(db)?;
    for _ in 1..SAMPLES {
        if session(db)? != first {
            return Ok(true);
        }
    }
    // A pooler with few sessions would give the same one again as long as nobody else asks. This check does
    // not decide whether there is room for a second connection.
    let Ok(second) = Db::connect(address) else { return Ok(false) };
    match second.batch("BEGIN") {
        Err(Fault::Sql(error)) if is_pooler_error(&error) => return Ok(true),
        begun => begun?,
    }
    let lends_sessions = session(&second)? == first || session(db)? != first;
    second.batch("ROLLBACK")?;
    Ok(lends_sessions)
}

/// Returns the identity of the server session that answers.
fn session(db: &Db) -> Result<Vec<Option<String>>> {
    let messages = db.work(async |client| client.simple_query(SESSION).await)?;
    let row = messages.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    Ok(row
        .map(|row| (0..row.len()).map(|column| row.get(column).map(str::to_owned)).collect())
        .unwrap_or_default())
}
