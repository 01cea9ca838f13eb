//! The mark of a file that is being served, or was when its server was killed: its newest messages may be in the log
//! beside the name that it was served by. A file that is found under another name, without that log, is refused: whoever
//! served it would begin without them and give out their places again.
//!
//! The mark names the file, so that copies are not taken for it, and the name, by a number that is in the lock beside it.
//! A copy that was made of a served file by whatever means has the mark of another file: it is another log than the original.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chat_core::ids::Position;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::error::OpenError;
use crate::lock::{self, Lock};
use crate::overwritten::Raw;
use crate::schema;
use crate::shm::Shm;
use crate::told::{Record, Told};

/// How long a file that is locked for a moment is waited for.
const PATIENCE: Duration = Duration::from_secs(2);

/// What is known of a file when it begins to be served, for whoever writes to it.
pub(crate) struct Begun {
    /// To stay open until other connections are, lest the log's index is made anew.
    pub(crate) first: Option<Connection>,
    /// The room of that index.
    pub(crate) shm: Shm,
    /// What is told of the log.
    pub(crate) told: Arc<Told>,
}

/// Marks a file that is about to be served. `has_log` says whether its log was there before anybody opened it.
pub(crate) fn begin(path: &Path, lock: &Lock, has_log: bool) -> Result<Begun, OpenError> {
    let Some(file) = file(path) else {
        return Ok(Begun { first: None, shm: Shm::none(path), told: Arc::new(Told::nobody()) });
    };
    let sql_error = |error| OpenError::of(path, error);
    let db = connect(path).map_err(sql_error)?;
    let drawn = db.query_row("SELECT lower(hex(randomblob(8)))", (), |row| row.get::<_, String>(0));
    let unwritable = |source| OpenError::Unwritable { path: path.to_owned(), source };
    let (name, record) = lock.record(&drawn.map_err(sql_error)?).map_err(unwritable)?;
    let found = Found::read(&db).map_err(sql_error)?;
    let shm = Shm::of(path);
    let mark = format!("{file} {name}");
    if found.is_elsewhere(&file, &mark) && !has_log {
        return Err(OpenError::LogElsewhere(path.to_owned()));
    }
    let is_copy = found.served.as_ref().is_some_and(|served| !is_of(served, &file));
    if let Some(why) = found.is_another_log(&record, is_copy) {
        shm.grow().and_then(|()| schema::draw_epoch(&db)).map_err(sql_error)?;
        tracing::warn!("{} {why}: it gets a new epoch, and clients that come back reload", path.display());
    }
    let Found { epoch, position, .. } = Found::read(&db).map_err(sql_error)?;
    let told = Told::of(lock.beside(), name, (epoch, mark.clone()));
    // And so nothing of a file that may have been another one.
    told.note(position);
    told.sync();
    if found.served.as_ref() != Some(&mark) {
        shm.grow().map_err(sql_error)?;
        db.execute("UPDATE log SET served = ?1", [&mark]).map_err(sql_error)?;
    }
    if found.served.as_ref() != Some(&mark) || found.epoch != epoch {
        // In the log alone it would go where the log goes.
        db.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(())).map_err(sql_error)?;
    }
    let told = Arc::new(told);
    Ok(Begun { first: Some(db), shm, told })
}

/// Refuses a file, as [`begin`] does, that was served by another name until its server was killed and whose log is not
/// here. For one that serves nothing: nothing is written.
pub(crate) fn check_name(path: &Path, db: &Connection, has_log: bool) -> Result<(), OpenError> {
    let Some(file) = file(path) else { return Ok(()) };
    let found = Found::read(db).map_err(|error| OpenError::of(path, error))?;
    // Asked for after the mark, since a server that starts draws the name's number before it writes the mark.
    let mark = format!("{file} {}", lock::known(path).number.unwrap_or_default());
    if found.is_elsewhere(&file, &mark) && !has_log {
        return Err(OpenError::LogElsewhere(path.to_owned()));
    }
    Ok(())
}

/// A connection that writes and, when it is closed, leaves the log as it is.
pub(crate) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(PATIENCE)?;
    // A file that is refused stays as it is.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(db)
}

/// What the file says of itself.
struct Found {
    served: Option<String>,
    epoch: i64,
    position: Position,
}

impl Found {
    fn read(db: &Connection) -> rusqlite::Result<Self> {
        db.query_row("SELECT served, epoch, position FROM log", (), |row| {
            Ok(Self { served: row.get(0)?, epoch: row.get(1)?, position: Position(row.get(2)?) })
        })
    }

    /// Whether it was served by another name last.
    fn is_elsewhere(&self, file: &str, mark: &str) -> bool {
        self.served.as_ref().is_some_and(|served| is_of(served, file) && served != mark)
    }

    /// Whether it gives out positions that clients may know already, and why.
    fn is_another_log(&self, record: &Record, is_copy: bool) -> Option<String> {
        if is_copy {
            return Some("is a copy of a database that was being served".into());
        }
        let (epoch, told) = record.told?;
        if epoch != self.epoch {
            return Some(
                "is not the log that was served here last: a backup or an older copy was put in its place"
                    .into(),
            );
        }
        if told <= self.position {
            return None;
        }
        let lost = told.0 - self.position.0;
        Some(format!(
            "lacks the last {lost} changes that clients know: its log (-wal) was removed or emptied after the server \
             was killed, or an older copy was put in its place"
        ))
    }
}

/// Whether a mark is one of this file, by whatever name.
fn is_of(mark: &str, file: &str) -> bool {
    mark.split(' ').next() == Some(file)
}

/// Refuses a file with a log that belongs to another content: while it was served last, or since, something older was
/// written over it; `known` is what is known of it. What was found to be overwritten while it was served is refused in any case: another program may have
/// moved the log into it since.
pub(crate) fn check_log(path: &Path, known: &Record, has_log: bool) -> Result<(), OpenError> {
    if known.is_overwritten {
        return Err(OpenError::Overwritten(path.to_owned()));
    }
    let Some((epoch, position)) = known.raw.filter(|_| has_log) else { return Ok(()) };
    // One that cannot be read may have been left by a checkpoint, and its log mends it.
    let Ok(raw) = Raw::read(path) else { return Ok(()) };
    // An epoch may have been in the log alone until then.
    let keeps_epoch = raw.epoch == epoch || known.told.is_some_and(|(told, _)| raw.epoch == told);
    if keeps_epoch && raw.position >= position {
        return Ok(());
    }
    Err(OpenError::Overwritten(path.to_owned()))
}

/// Takes the mark off: everything is in the file.
pub(crate) fn end(db: &Connection) -> rusqlite::Result<()> {
    db.execute("UPDATE log SET served = NULL", ()).map(drop)
}

/// Takes the mark off a copy, of whatever release it is.
pub(crate) fn forget(db: &Connection) -> rusqlite::Result<()> {
    let sql = "SELECT 1 FROM pragma_table_info('log') WHERE name = 'served'";
    if db.prepare(sql)?.exists(())? { end(db) } else { Ok(()) }
}

/// Which file it is; none where that cannot be said.
#[cfg(unix)]
fn file(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    use std::time::UNIX_EPOCH;
    let file = path.metadata().ok()?;
    // Numbers of files that are gone are given to others.
    let made = file.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    Some(format!("{:x}.{:x}", file.ino(), made.unwrap_or_default().as_nanos()))
}

#[cfg(not(unix))]
fn file(_: &Path) -> Option<String> {
    None
}
