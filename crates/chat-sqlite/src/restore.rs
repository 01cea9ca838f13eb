//! A backup takes the database's place. Everything is copied and checked before anything that is there is touched.
//!
//! The restored database is another log than the one it is a copy of: clients may know what came after the copy, and the
//! same positions will be given out again. So it gets an epoch of its own, and clients that come back with a cursor of
//! the former one are told to load anew.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use rusqlite::Connection;
use tempfile::NamedTempFile;

use crate::backup::{BackupError, Contents, contents, draft, keep, unsoundness, without_journal};
use crate::error::OpenError;
use crate::lock::{self, Lock};
use crate::open::{LOGS, check_file, followed, is_filled, sync_folder, with_suffix};
use crate::{schema, search, served};

/// What SQLite may leave beside a file.
const BESIDE: [&str; 3] = ["-wal", "-shm", "-journal"];

/// Where a backup comes from.
pub enum From<'a> {
    /// A file that `chatserver backup` has made, or a copy of a database that was made otherwise.
    File(&'a Path),
    /// The same from elsewhere.
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

/// A backup that was read and found good, and a place for it that no server uses.
pub struct Restore {
    draft: Draft,
    target: PathBuf,
    may_replace: bool,
    /// What is in it.
    pub contents: Contents,
    /// Held until it is in place, so that no server takes the place.
    lock: Lock,
}

impl Restore {
    /// Copies the backup beside its place, checks it and makes another log of it.
    ///
    /// # Errors
    /// If it is no backup, if a server has the place, or a database is there that may not be replaced.
    pub fn prepare(from: From<'_>, target: &Path, may_replace: bool) -> Result<Self, BackupError> {
        let (target, name) = (followed(target), from.name());
        let lock = Lock::of(&target)?;
        if is_taken(&target) && !may_replace {
            return Err(BackupError::Exists(target));
        }
        let draft = Draft::copy(from, &target)?;
        let contents = renewed(draft.path()).map_err(|reason| BackupError::Unusable(name, reason))?;
        draft.file.as_file().sync_all().map_err(|error| BackupError::Unwritable(target.clone(), error))?;
        Ok(Self { draft, target, may_replace, contents, lock })
    }

    /// What is to be added to the name of a database that is there, so that it is kept beside what was kept before, however
    /// soon after. `is_free` says of more that goes by that name whether its place is free, too.
    pub fn former_name(&self, seconds: i64, is_free: impl Fn(&str) -> bool) -> String {
        let usual = format!(".replaced-{seconds}");
        let mut former = usual.clone();
        for number in 2.. {
            if holds_nothing(&with_suffix(&self.target, &former)) && is_free(&former) {
                break;
            }
            former = format!("{usual}-{number}");
        }
        former
    }

    /// Puts it in place. A database that was there is kept under the name that this answers, `former` added to its own.
    ///
    /// # Errors
    /// If a file cannot be moved, or something has that name already.
    pub fn put_in_place(self, former: &str) -> Result<Option<PathBuf>, BackupError> {
        let Self { draft: Draft { file, beside }, target, may_replace, lock, .. } = self;
        drop(beside);
        let former = is_taken(&target).then(|| with_suffix(&target, former));
        if let Some(former) = &former {
            move_away(&target, former).map_err(|error| BackupError::Unwritable(former.clone(), error))?;
        }
        // It is derived from the former one, and made anew.
        let _ = search::discard(&target);
        keep(file, &target, may_replace)?;
        // What was said of the former one does not count for this.
        lock.forget().map_err(|error| BackupError::Unwritable(target.clone(), error))?;
        Ok(former)
    }
}

/// Whether a database is there, or what is left of one.
fn is_taken(path: &Path) -> bool {
    path.exists() || LOGS.iter().any(|log| is_filled(&with_suffix(path, log)))
}

/// Whether neither a database nor anything of one has this name.
fn holds_nothing(path: &Path) -> bool {
    // A link that leads nowhere is something, too.
    let is_free =
        |path: &Path| path.symlink_metadata().is_err_and(|error| error.kind() == ErrorKind::NotFound);
    is_free(path) && BESIDE.iter().all(|suffix| is_free(&with_suffix(path, suffix)))
}

/// The file first: without it, a server refuses what is left; without its log, it would miss the newest messages. Never over
/// something that is there. Nobody else comes by meanwhile, since whoever restores here holds the target's lock.
fn move_away(from: &Path, to: &Path) -> std::io::Result<()> {
    if !holds_nothing(to) {
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

/// The copy, which is removed unless it is kept.
struct Draft {
    file: NamedTempFile,
    beside: Beside,
}

/// What is beside a draft, which goes in any case.
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
                is_at_rest(&path)?;
                let unusable = |error: std::io::Error| BackupError::Unusable(path.clone(), error.to_string());
                copy.fill(&mut File::open(&path).map_err(unusable)?, &path.display())?;
                for log in LOGS {
                    copy.take_along(&with_suffix(&path, log), log).map_err(unusable)?;
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

    /// The newest messages of a file that was copied by hand may be in its log.
    fn take_along(&self, log: &Path, suffix: &str) -> std::io::Result<()> {
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

/// A file that is being written to is no copy of one moment.
fn is_at_rest(path: &Path) -> Result<(), BackupError> {
    if lock::is_free(path) { Ok(()) } else { Err(OpenError::InUse(path.into()).into()) }
}

/// Checks the copy and makes another log of it. Why not, if it is not good.
fn renewed(copy: &Path) -> Result<Contents, String> {
    let found = check_file(copy).map_err(|error| match error {
        OpenError::Damaged(_, reason) => format!("it is damaged or not an SQLite database ({reason})"),
        error => error.to_string(),
    });
    found?;
    let sql = |error: rusqlite::Error| format!("it is damaged or not an SQLite database ({error})");
    let connection = Connection::open(copy).map_err(sql)?;
    // Its log, if it has one, becomes part of it.
    connection.pragma_update(None, "journal_mode", "DELETE").map_err(sql)?;
    without_journal(&connection).map_err(sql)?;
    if let Some(reason) = unsoundness(&connection).map_err(sql)? {
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
        // Gets one when it is taken over.
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
    served::forget(&connection).map_err(sql)?;
    let contents = contents(&connection, key).map_err(sql)?;
    connection.close().map_err(|(_, error)| sql(error))?;
    Ok(contents)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_kept_is_never_written_over() {
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
