//! Whether each of our sessions has one of the server's own behind it. A pooler between us and the server may lend one
//! for a transaction only, and then what a session has set (that writes are on disk, how long a lock is waited for,
//! where the tables are) holds for somebody else. Nothing is changed here.

use tokio_postgres::SimpleQueryMessage;

use crate::connect::Address;
use crate::db::Db;
use crate::error::OpenError;
use crate::fault::{Fault, Result, is_of_a_pooler};

/// A session of the server's. Without parameters, so that nothing is prepared for it: that is lent, too.
const SESSION: &str = "SELECT pid, backend_start FROM pg_stat_activity WHERE pid = pg_backend_pid()";
/// A pooler that hands out its sessions in turn gives another one each time.
const LOOKS: usize = 3;

/// Refuses a pooler that lends sessions for a transaction or less. Blocks.
pub(crate) fn check(db: &Db, address: &Address) -> std::result::Result<(), OpenError> {
    if is_lent(db, address)? { Err(OpenError::Pooled(address.describe())) } else { Ok(()) }
}

fn is_lent(db: &Db, address: &Address) -> std::result::Result<bool, OpenError> {
    let first = session(db)?;
    for _ in 1..LOOKS {
        if session(db)? != first {
            return Ok(true);
        }
    }
    // One that has few would give the same again as long as nobody else asks. Whether there is room for a second
    // connection is not for this check to say.
    let Ok(second) = Db::connect(address) else { return Ok(false) };
    match second.batch("BEGIN") {
        Err(Fault::Sql(error)) if is_of_a_pooler(&error) => return Ok(true),
        begun => begun?,
    }
    let is_lent = session(&second)? == first || session(db)? != first;
    second.batch("ROLLBACK")?;
    Ok(is_lent)
}

/// Which session of the server's answers.
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
