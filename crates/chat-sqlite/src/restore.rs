//! Restores a backup to the database's path. Everything is copied and checked before any existing file is changed.
//!
//! The restored database is another log than the one that it was copied from: clients may know changes from after the
//! copy, and the same positions will be given out again. So it gets a new epoch, and the server asks clients that
//! return with a cursor of the former epoch to reload.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::NamedTempFile;

use crate::backup::{BackupError, Contents, contents, draft, integrity_findings, keep, without_journal};
use crate::error::OpenError;
use crate::lock::{self, Lock};
use crate::open::{LOGS, check_file, followed, is_filled, sync_folder, with_suffix};
use crate::{schema, search, served};

/// Suffixes of the files that SQLite may leave beside a database.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Source of a backup.
pub enum From<'a> {
    /// A file made by `chatserver backup`, or a copy of a database that was made by other means.
    File(&'a Path),
    /// The same contents as a stream.
    Stream(&'a mut dyn Read),
}

impl From<'_> {
    fn name(&self) -> PathBuf {
        match self {
            Self::File(path) => path.to_path_buf(),
            Self::Stream(_) => "standard input".into(),
        }
    }
}

/// A backup that was read and found sound, and a target that no server uses.
pub struct Restore {
    draft: Draft,
    target: PathBuf,
    may_replace: bool,
    pub contents: Contents,
    /// Held until the database is in place, so that no server starts on the target.
    lock: Lock,
}

impl Restore {
    /// Copies the backup next to its target, checks it and gives it a new epoch.
    ///
    /// # Errors
    /// If the source is not a sound backup, a server uses the target, or the target exists and must not be replaced.
    pub fn prepare(from: From<'_>, target: &Path, may_replace: bool) -> Result<Self, BackupError> {
        let (target, name) = (followed(target), from.name());
        let lock = Lock::of(&target)?;
        if is_taken(&target) && !may_replace {
            return Err(BackupError::Exists(target));
        }
        let draft = Draft::copy(from, &target)?;
        let contents = check_and_renew(draft.path()).map_err(|reason| BackupError::Unusable(name, reason))?;
        draft.file.as_file().sync_all().map_err(|error| BackupError::Unwritable(target.clone(), error))?;
        Ok(Self { draft, target, may_replace, contents, lock })
    }

    /// Suffix under which an existing database is kept, different from those of earlier restores even within one
    /// second. `is_free` says whether further files under that name are free too.
    pub fn former_name(&self, seconds: i64, is_free: impl Fn(&str) -> bool) -> String {
        let usual = format!(".replaced-{seconds}");
        let mut former = usual.clone();
        for number in 2.. {
            if is_free_name(&with_suffix(&self.target, &former)) && is_free(&former) {
                break;
            }
            former = format!("{usual}-{number}");
        }
        former
    }

    /// Moves the restored database to its target. An existing database is renamed by appending `former`. Returns the
    /// new path of the existing database.
    ///
    /// # Errors
    /// If a file cannot be moved, or a file of that name exists.
    pub fn put_in_place(self, former: &str) -> Result<Option<PathBuf>, BackupError> {
        let Self { draft: Draft { file, beside }, target, may_replace, lock, .. } = self;
        drop(beside);
        let former = is_taken(&target).then(|| with_suffix(&target, former));
        if let Some(former) = &former {
            move_away(&target, former).map_err(|error| BackupError::Unwritable(former.clone(), error))?;
        }
        // The index is derived from the former database, and will be rebuilt.
        let _ = search::discard(&target);
        keep(file, &target, may_replace)?;
        // The lock file's record of the former database does not apply to this one.
        lock.forget().map_err(|error| BackupError::Unwritable(target.clone(), error))?;
        Ok(former)
    }
}

/// Whether a database is there, or one of its logs.
fn is_taken(path: &Path) -> bool {
    path.exists() || LOGS.iter().any(|log| is_filled(&with_suffix(path, log)))
}

/// Whether neither a database nor one of its logs has this name.
fn is_free_name(path: &Path) -> bool {
    // A dangling link counts as a file too.
    let is_free =
        |path: &Path| path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
    is_free(path) && BESIDE.iter().all(|suffix| is_free(&with_suffix(path, suffix)))
}

/// Moves the database file first: without it, a server refuses the remaining files. Without its WAL, a server would
/// miss the newest messages. Never overwrites an existing file. No other restore interferes, since this one holds the
/// target's lock.
fn move_away(from: &Path, to: &Path) -> std::io::Result<()> {
    if !is_free_name(to) {
        return Err(ErrorKind::AlreadyExists.into());
    }
    move_if_there(from, to)?;
    for suffix in BESIDE {
        move_if_there(&with_suffix(from, suffix), &with_suffix(to, suffix))?;
    }
    sync_folder(from);
    Ok(())
}

fn move_if_there(from: &Path, to: &Path) -> std::io::Result<()> {
    match std::fs::rename(from, to) {
        Err(error) if error.kind() != ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The copy. It is removed unless it is kept.
struct Draft {
    file: NamedTempFile,
    beside: Beside,
}

/// The files beside a draft. They are removed in any case.
struct Beside(PathBuf);

impl Drop for Beside {
    fn drop(&mut self) {
        for suffix in BESIDE {
            let _ = std::fs::remove_file(with_suffix(&self.0, suffix));
        }
    }
}

impl Draft {
    fn copy(mut from: From<'_>, target: &Path) -> Result<Self, BackupError> {
        let folder =
            target.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let file = draft(folder, target)?;
        let beside = Beside(file.path().to_owned());
        let mut copy = Self { file, beside };
        match &mut from {
            From::Stream(stream) => copy.fill(stream, &"standard input"),
            From::File(path) => {
                let path = followed(path);
                check_not_in_use(&path)?;
                let unusable = |error: std::io::Error| BackupError::Unusable(path.clone(), error.to_string());
                copy.fill(&mut File::open(&path).map_err(unusable)?, &path.display())?;
                for log in LOGS {
                    copy.copy_log(&with_suffix(&path, log), log).map_err(unusable)?;
                }
                Ok(())
            }
        }?;
        Ok(copy)
    }

    fn fill(&mut self, from: &mut dyn Read, name: &dyn std::fmt::Display) -> Result<(), BackupError> {
        let copied = std::io::copy(from, self.file.as_file_mut()).and_then(|_| self.file.flush());
        copied.map_err(|error| BackupError::Unusable(name.to_string().into(), error.to_string()))
    }

    /// If the file was copied by hand, its newest messages may be in its log.
    fn copy_log(&self, log: &Path, suffix: &str) -> std::io::Result<()> {
        if !is_filled(log) {
            return Ok(());
        }
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut copy = options.open(with_suffix(self.path(), suffix))?;
        std::io::copy(&mut File::open(log)?, &mut copy).map(drop)
    }

    fn path(&self) -> &Path {
        self.file.path()
    }
}

/// A file that is being written is not a copy of one moment.
fn check_not_in_use(path: &Path) -> Result<(), BackupError> {
    if lock::is_free(path) { Ok(()) } else { Err(OpenError::InUse(path.into()).into()) }
}

/// Checks the copy and gives it a new epoch. The error says why it cannot be restored.
fn check_and_renew(copy: &Path) -> Result<Contents, String> {
    let found = check_file(copy).map_err(|error| match error {
        OpenError::Damaged(_, reason) => format!("it is damaged or not an SQLite database ({reason})"),
        error => error.to_string(),
    });
    found?;
    let sql = |error: rusqlite::Error| format!("it is damaged or not an SQLite database ({error})");
    let connection = Connection::open(copy).map_err(sql)?;
    // Moves the log, if there is one, into the file.
    connection.pragma_update(None, "journal_mode", "DELETE").map_err(sql)?;
    without_journal(&connection).map_err(sql)?;
    if let Some(reason) = integrity_findings(&connection).map_err(sql)? {
        return Err(format!("it fails SQLite's integrity check ({reason})"));
    }
    let mut key = None;
    if schema::recognise(&connection).map_err(sql)? == schema::Found::Backup {
        key = schema::make_database(&connection).map_err(sql)?;
    }
    match schema::recognise(&connection).map_err(sql)? {
        schema::Found::Current | schema::Found::Older(_) => {
            schema::draw_epoch(&connection).map_err(sql)?;
        }
        // It gets an epoch when a server migrates it.
        schema::Found::Legacy => {}
        schema::Found::Newer(found) => {
            let known = schema::VERSION;
            return Err(format!(
                "it was written by a newer ChatServer (schema {found}, this one knows {known}), which can restore it"
            ));
        }
        schema::Found::Foreign | schema::Found::Backup => {
            return Err("it is a database of another program".into());
        }
    }
    served::unmark_copy(&connection).map_err(sql)?;
    let contents = contents(&connection, key).map_err(sql)?;
    connection.close().map_err(|(_, error)| sql(error))?;
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kept_files_are_never_overwritten() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("chat.db"), folder.path().join("chat.db.old"));
        std::fs::write(&from, "new").unwrap();
        let log = with_suffix(&to, "-wal");
        for kept in [&to, &log] {
            std::fs::write(kept, "old").unwrap();
            assert_eq!(move_away(&from, &to).unwrap_err().kind(), ErrorKind::AlreadyExists);
            assert_eq!(std::fs::read(kept).unwrap(), b"old");
            assert_eq!(std::fs::read(&from).unwrap(), b"new");
            std::fs::remove_file(kept).unwrap();
        }
        move_away(&from, &to).unwrap();
        assert_eq!(std::fs::read(&to).unwrap(), b"new");
    }
}
