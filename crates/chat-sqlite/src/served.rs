//! The mark of a file that is being served, or was when its server was killed. Its newest messages may be in the
//! write-ahead log (WAL) beside the name by which it was served. A file with the mark that is found under another
//! name, without that WAL, is refused: a server would start without those messages, and give out their positions
//! again.
//!
//! The mark identifies the file, so that a copy is not mistaken for it, and the name, by a number in the lock file. A
//! copy of a served file, however it was made, has the mark of another file, and so counts as another log than the
//! original.

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use chat_core::ids::Position;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};

use crate::announced::{Announced, Record};
use crate::error::OpenError;
use crate::lock::{self, Lock};
use crate::overwritten::Raw;
use crate::schema;
use crate::shm::Shm;

/// How long to wait for a file that is locked.
const PATIENCE: Duration = Duration::from_secs(2);

/// A file that is marked as served, with what its writer needs.
pub(crate) struct ServedFile {
    /// Must stay open until other connections are open. Otherwise SQLite would rebuild the WAL's index.
    pub(crate) first: Option<Connection>,
    /// Reserves disk space for that index.
    pub(crate) shm: Shm,
    /// Records how far the log was announced.
    pub(crate) announced: Arc<Announced>,
}

/// Marks a file that is about to be served. `has_log` says whether it had a WAL before anything opened it.
pub(crate) fn begin(path: &Path, lock: &Lock, has_log: bool) -> Result<ServedFile, OpenError> {
    let Some(file) = file(path) else {
        return Ok(ServedFile {
            first: None,
            shm: Shm::none(path),
            announced: Arc::new(Announced::unrecorded()),
        });
    };
    let sql_error = |error| OpenError::of(path, error);
    let db = connect(path).map_err(sql_error)?;
    let drawn = db.query_row("SELECT lower(hex(randomblob(8)))", (), |row| row.get::<_, String>(0));
    let unwritable = |error| OpenError::Unwritable { path: path.to_owned(), error };
    let (name, record) = lock.record(&drawn.map_err(sql_error)?).map_err(unwritable)?;
    let found = Found::read(&db).map_err(sql_error)?;
    let shm = Shm::of(path);
    let mark = format!("{file} {name}");
    if found.is_elsewhere(&file, &mark) && !has_log {
        return Err(OpenError::LogElsewhere(path.to_owned()));
    }
    let is_copy = found.served.as_ref().is_some_and(|served| !is_mark_of(served, &file));
    if let Some(why) = found.is_another_log(&record, is_copy) {
        shm.grow().and_then(|()| schema::draw_epoch(&db)).map_err(sql_error)?;
        tracing::warn!("{} {why}: it gets a new epoch, and clients that come back reload", path.display());
    }
    let Found { epoch, position, .. } = Found::read(&db).map_err(sql_error)?;
    let announced = Announced::of(lock.beside(), name, (epoch, mark.clone()));
    // Drops what was recorded of the former file, which may have been another one.
    announced.note(position);
    announced.sync();
    if found.served.as_ref() != Some(&mark) {
        shm.grow().map_err(sql_error)?;
        db.execute("UPDATE log SET served = ?1", [&mark]).map_err(sql_error)?;
    }
    if found.served.as_ref() != Some(&mark) || found.epoch != epoch {
        // If the mark were only in the WAL, it would be lost with the WAL.
        db.query_row("PRAGMA wal_checkpoint(PASSIVE)", (), |_| Ok(())).map_err(sql_error)?;
    }
    let announced = Arc::new(announced);
    Ok(ServedFile { first: Some(db), shm, announced })
}

/// Refuses a file, as [`begin`] does, that was served under another name until its server was killed and whose WAL is
/// not here. For commands that do not serve the file. Writes nothing.
pub(crate) fn check_name(path: &Path, db: &Connection, has_log: bool) -> Result<(), OpenError> {
    let Some(file) = file(path) else { return Ok(()) };
    let found = Found::read(db).map_err(|error| OpenError::of(path, error))?;
    // Read after the mark, since a server that starts draws the name's number before it writes the mark.
    let mark = format!("{file} {}", lock::known(path).number.unwrap_or_default());
    if found.is_elsewhere(&file, &mark) && !has_log {
        return Err(OpenError::LogElsewhere(path.to_owned()));
    }
    Ok(())
}

/// A connection for writing that leaves the WAL as it is when it is closed.
pub(crate) fn connect(path: &Path) -> rusqlite::Result<Connection> {
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let db = Connection::open_with_flags(path, flags)?;
    db.busy_timeout(PATIENCE)?;
    // A refused file must stay unchanged.
    db.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)?;
    Ok(db)
}

/// The file's mark and log, as it states them.
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

    /// Whether it was last served under another name.
    fn is_elsewhere(&self, file: &str, mark: &str) -> bool {
        self.served.as_ref().is_some_and(|served| is_mark_of(served, file) && served != mark)
    }

    /// Whether it would give out positions that clients may know already, and why.
    fn is_another_log(&self, record: &Record, is_copy: bool) -> Option<String> {
        if is_copy {
            return Some("is a copy of a database that was being served".into());
        }
        let (epoch, announced) = record.announced?;
        if epoch != self.epoch {
            return Some(
                "is not the log that was served here last: a backup or an older copy was put in its place"
                    .into(),
            );
        }
        if announced <= self.position {
            return None;
        }
        let lost = announced.0 - self.position.0;
        Some(format!(
            "lacks the last {lost} changes that clients know: its log (-wal) was removed or emptied after the server \
             was killed, or an older copy was put in its place"
        ))
    }
}

/// Whether the mark belongs to this file, under any name.
fn is_mark_of(mark: &str, file: &str) -> bool {
    mark.split(' ').next() == Some(file)
}

/// Refuses a file whose WAL belongs to other contents, because something older was written over it while it was last
/// served or later; `known` is what the lock file says of it. A file that was found to be overwritten while it was
/// served is refused in any case: another program may have moved the WAL into it since.
pub(crate) fn check_log(path: &Path, known: &Record, has_log: bool) -> Result<(), OpenError> {
    if known.is_overwritten {
        return Err(OpenError::Overwritten(path.to_owned()));
    }
    let Some((epoch, position)) = known.raw.filter(|_| has_log) else { return Ok(()) };
    // A checkpoint may leave a file that cannot be read. Its WAL repairs it.
    let Ok(raw) = Raw::read(path) else { return Ok(()) };
    // The epoch may have been only in the WAL until now.
    let keeps_epoch =
        raw.epoch == epoch || known.announced.is_some_and(|(announced, _)| raw.epoch == announced);
    if keeps_epoch && raw.position >= position {
        return Ok(());
    }
    Err(OpenError::Overwritten(path.to_owned()))
}

/// Removes the mark. The caller has moved the whole WAL into the file.
pub(crate) fn unmark(db: &Connection) -> rusqlite::Result<()> {
    db.execute("UPDATE log SET served = NULL", ()).map(drop)
}

/// Removes the mark from a copy of any release.
pub(crate) fn unmark_copy(db: &Connection) -> rusqlite::Result<()> {
    let sql = "SELECT 1 FROM pragma_table_info('log') WHERE name = 'served'";
    if db.prepare(sql)?.exists(())? { unmark(db) } else { Ok(()) }
}

/// Identifies the file by its inode and creation time; `None` if that is not possible.
#[cfg(unix)]
fn file(path: &Path) -> Option<String> {
    use std::os::unix::fs::MetadataExt;
    use std::time::UNIX_EPOCH;
    let file = path.metadata().ok()?;
    // The system reuses inodes of deleted files.
    let made = file.created().ok().and_then(|at| at.duration_since(UNIX_EPOCH).ok());
    Some(format!("{:x}.{:x}", file.ino(), made.unwrap_or_default().as_nanos()))
}

#[cfg(not(unix))]
fn file(_: &Path) -> Option<String> {
    None
}
