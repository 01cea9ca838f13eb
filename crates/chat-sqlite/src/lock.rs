//! The lock on a database, by which a second server refuses it under any of its names. There are two locks: one on a
//! file beside the database, which exists before the database does and which earlier releases check; and one on the
//! database's own file, which is the same under all of its names. Neither blocks a reader.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::announced::Record;
use crate::error::OpenError;
use crate::open::with_suffix;

/// How long a server that starts waits for the lock: `chatserver readers` holds it for a few milliseconds.
const PATIENCE: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(10);

/// Both locks. The system releases them when the process ends, however it ends.
pub(crate) struct Lock {
    beside: Arc<File>,
    /// Closing this file releases all locks that this process has on the database's file through other handles,
    /// including those of SQLite. So it is closed after the last connection, and nothing else in this process opens
    /// the file.
    file: Option<File>,
}

impl Lock {
    /// Locks the database, and its file if that exists. Creates the folder if it is missing.
    pub(crate) fn of(path: &Path) -> Result<Self, OpenError> {
        let unwritable = |error| OpenError::Unwritable { path: path.to_owned(), error };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(unwritable)?;
        }
        let name = open_beside(path)?;
        name.try_lock().map_err(|error| refusal(path, error))?;
        let mut lock = Self { beside: Arc::new(name), file: None };
        lock.take_file(path)?;
        Ok(lock)
    }

    /// As [`Self::of`], but waits for a command that holds the lock for a moment.
    pub(crate) fn wait_for(path: &Path) -> Result<Self, OpenError> {
        let began = Instant::now();
        loop {
            match Self::of(path) {
                Err(OpenError::InUse(_)) if began.elapsed() < PATIENCE => std::thread::sleep(STEP),
                done => return done,
            }
        }
    }

    /// The contents of the lock file: the number that identifies this name of a database, whatever file is there, and
    /// what was recorded of the database. `drawn` becomes the number if there is none yet.
    pub(crate) fn record(&self, drawn: &str) -> std::io::Result<(String, Record)> {
        let mut file = &*self.beside;
        file.rewind()?;
        let record = Record::read(file)?;
        if let Some(number) = record.number.clone() {
            return Ok((number, record));
        }
        file.rewind()?;
        file.write_all(drawn.as_bytes())?;
        // The number must be on disk before anything refers to it.
        file.sync_all()?;
        Ok((drawn.to_owned(), record))
    }

    /// The lock file's record of a database that is not open yet.
    pub(crate) fn known(&self) -> Record {
        let mut file = &*self.beside;
        file.rewind().and_then(|()| Record::read(file)).unwrap_or_default()
    }

    /// Forgets what was recorded of the database, since another one replaces it. The number stays.
    pub(crate) fn forget(&self) -> std::io::Result<()> {
        let number = self.known().number.unwrap_or_default();
        let mut file = &*self.beside;
        file.set_len(0)?;
        file.rewind()?;
        file.write_all(number.as_bytes())?;
        file.sync_all()
    }

    /// The lock file, for recording how far the log was announced.
    pub(crate) fn beside(&self) -> Arc<File> {
        self.beside.clone()
    }

    /// Locks the database's own file too, if it exists.
    pub(crate) fn take_file(&mut self, path: &Path) -> Result<(), OpenError> {
        if self.file.is_none() {
            self.file = lock_file(path).map_err(|error| refusal(path, error))?;
        }
        Ok(())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Closing the file is not enough: a child process that another thread is just starting has a copy of the
        // handle for a moment, and would keep the lock.
        for file in self.file.iter().chain([&*self.beside]) {
            let _ = file.unlock();
        }
    }
}

/// Opens the lock file, and creates it if it is missing.
fn open_beside(path: &Path) -> Result<File, OpenError> {
    let beside = with_suffix(path, ".lock");
    let is_new = !beside.exists();
    let file = OpenOptions::new().create(true).truncate(false).read(true).write(true).open(&beside);
    let file = file.map_err(|error| OpenError::Unwritable { path: beside, error })?;
    if is_new {
        give_to_owner(path, &file);
    }
    Ok(file)
}

/// Gives a new lock file to the database's owner. Otherwise a command that root runs would lock out the server, which
/// runs as another user. Without the right to do that, the server's refusal names the file.
#[cfg(unix)]
fn give_to_owner(path: &Path, file: &File) {
    use std::os::unix::fs::{MetadataExt, fchown};

    let (Ok(database), Ok(own)) = (path.metadata(), file.metadata()) else { return };
    if (database.uid(), database.gid()) != (own.uid(), own.gid()) {
        let _ = fchown(file, Some(database.uid()), Some(database.gid()));
    }
}

#[cfg(not(unix))]
fn give_to_owner(_: &Path, _: &File) {}

/// The lock file's record of a database, whether or not a server has its lock. For callers that take no lock.
pub(crate) fn known(path: &Path) -> Record {
    let record = File::open(with_suffix(path, ".lock")).and_then(|beside| Record::read(&beside));
    record.unwrap_or_default()
}

/// Whether the database was found to be overwritten while it was served, and nothing was restored since.
pub(crate) fn is_overwritten(path: &Path) -> bool {
    known(path).is_overwritten
}

/// Whether no server has this database, under any name. For callers that only read it.
pub(crate) fn is_free(path: &Path) -> bool {
    let Ok(file) = lock_file(path) else { return false };
    // If no server ever had it, there is no lock file.
    match File::options().write(true).open(with_suffix(path, ".lock")) {
        Err(_) => true,
        Ok(name) => match name.try_lock() {
            Ok(()) => {
                drop(Lock { beside: Arc::new(name), file });
                true
            }
            Err(_) => false,
        },
    }
}

/// Locks the database's own file. Returns `None` if the file does not exist or the file system has no such locks.
#[cfg(unix)]
fn lock_file(path: &Path) -> Result<Option<File>, TryLockError> {
    // Opened for writing, since an overlay replaces a file at its first write with another one.
    let writable = OpenOptions::new().read(true).write(true).open(path);
    let Ok(file) = writable.or_else(|_| File::open(path)) else {
        // The next one to open the file reports the error.
        return Ok(None);
    };
    if has_one_kind_of_locks(&file) {
        return Ok(None);
    }
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => Err(TryLockError::WouldBlock),
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// On other systems, such a lock would keep SQLite itself from the file.
#[cfg(not(unix))]
fn lock_file(_: &Path) -> Result<Option<File>, TryLockError> {
    Ok(None)
}

/// Whether this lock and those of SQLite would block each other, as they do on network file systems that have only one
/// kind of lock.
#[cfg(target_os = "linux")]
fn has_one_kind_of_locks(file: &File) -> bool {
    const NFS: u32 = 0x6969;
    const CIFS: u32 = 0xff53_4d42;
    const SMB2: u32 = 0xfe53_4d42;
    const PLAN9: u32 = 0x0102_1997;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "the number's type differs from machine to machine, and has 32 bits that count on all"
    )]
    let kind = rustix::fs::fstatfs(file).ok().map(|system| system.f_type as u32);
    kind.is_some_and(|kind| [NFS, CIFS, SMB2, PLAN9].contains(&kind))
}

#[cfg(not(target_os = "linux"))]
fn has_one_kind_of_locks(_: &File) -> bool {
    false
}

fn refusal(path: &Path, error: TryLockError) -> OpenError {
    match error {
        TryLockError::WouldBlock => OpenError::InUse(path.to_owned()),
        TryLockError::Error(error) => OpenError::Unwritable { path: path.to_owned(), error },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_released_at_once_even_if_a_child_still_has_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chat.db");
        std::fs::write(&path, "").unwrap();
        let lock = Lock::of(&path).unwrap();
        // The copy that a child process has until it starts its own program.
        let inherited = [&*lock.beside].into_iter().chain(&lock.file).map(|file| file.try_clone().unwrap());
        let inherited: Vec<_> = inherited.collect();
        assert!(matches!(Lock::of(&path), Err(OpenError::InUse(_))) && !is_free(&path));
        drop(lock);
        assert!(is_free(&path) && Lock::of(&path).is_ok());
        drop(inherited);
    }

    #[test]
    fn a_briefly_held_lock_keeps_no_server_from_starting() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chat.db");
        let held = Lock::of(&path).unwrap();
        std::thread::scope(|scope| {
            let waits = scope.spawn(|| Lock::wait_for(&path).map(drop));
            std::thread::sleep(STEP * 5);
            assert!(!waits.is_finished());
            drop(held);
            assert!(waits.join().unwrap().is_ok());
        });
    }

    #[cfg(unix)]
    #[test]
    fn it_is_on_the_file_and_on_the_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        // A file that is created later, as databases are.
        let mut lock = Lock::of(&file("chat.db")).unwrap();
        std::fs::write(file("chat.db"), "").unwrap();
        assert!(matches!(Lock::of(&file("chat.db")), Err(OpenError::InUse(_))), "by its name");
        lock.take_file(&file("chat.db")).unwrap();
        std::fs::hard_link(file("chat.db"), file("other.db")).unwrap();
        assert!(matches!(Lock::of(&file("other.db")), Err(OpenError::InUse(_))), "by another name");
        assert!(!is_free(&file("other.db")));
        drop(lock);
        assert!(Lock::of(&file("other.db")).is_ok());
        // A server of the previous release locks only the file beside the database.
        let old = File::create(file("chat.db.lock")).unwrap();
        old.lock().unwrap();
        assert!(matches!(Lock::of(&file("chat.db")), Err(OpenError::InUse(_))));
    }
}
