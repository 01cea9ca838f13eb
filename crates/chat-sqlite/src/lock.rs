//! The lock on a database, by which a second server refuses it, whatever name it knows it by. It is twofold: on a file
//! beside the database, which is there before the database is and which earlier releases look at; and on the database's
//! own file, which has but one lock however many names it has. It is in nobody's way who only reads.

use std::fs::{File, OpenOptions, TryLockError};
use std::io::{Seek, Write};
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::error::OpenError;
use crate::open::with_suffix;
use crate::told::Record;

/// How long a server that starts waits for the lock: `chatserver readers` holds it for a few milliseconds.
const PATIENCE: Duration = Duration::from_secs(1);
const STEP: Duration = Duration::from_millis(10);

/// A lock that ends with this, however the process ends.
pub(crate) struct Lock {
    name: Arc<File>,
    /// Closing it takes away all locks that this process has on the database's file by other means, SQLite's among them:
    /// so it is closed after the last connection, and nobody else in this process opens the file.
    file: Option<File>,
}

impl Lock {
    /// Takes the lock on a database, and on its file if it is there; for one that is to be made, its folder is made.
    pub(crate) fn of(path: &Path) -> Result<Self, OpenError> {
        let unwritable = |source| OpenError::Unwritable { path: path.to_owned(), source };
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder).map_err(unwritable)?;
        }
        let beside = with_suffix(path, ".lock");
        let name = OpenOptions::new()
            .create(true)
            .truncate(false)
            .read(true)
            .write(true)
            .open(beside)
            .map_err(unwritable)?;
        name.try_lock().map_err(|error| refusal(path, error))?;
        let mut lock = Self { name: Arc::new(name), file: None };
        lock.take_file(path)?;
        Ok(lock)
    }

    /// The same, waiting for a command that holds the lock for a moment.
    pub(crate) fn wait_for(path: &Path) -> Result<Self, OpenError> {
        let began = Instant::now();
        loop {
            match Self::of(path) {
                Err(OpenError::InUse(_)) if began.elapsed() < PATIENCE => std::thread::sleep(STEP),
                done => return done,
            }
        }
    }

    /// What stands in the file beside: the number by which this name of a database is known, whatever file is there, which
    /// is drawn once, and what was told of the database.
    pub(crate) fn record(&self, drawn: &str) -> std::io::Result<(String, Record)> {
        let mut name = &*self.name;
        name.rewind()?;
        let record = Record::read(name)?;
        if let Some(number) = record.number.clone() {
            return Ok((number, record));
        }
        name.rewind()?;
        name.write_all(drawn.as_bytes())?;
        // Before anything refers to it.
        name.sync_all()?;
        Ok((drawn.to_owned(), record))
    }

    /// What is known of a database that is not open yet.
    pub(crate) fn known(&self) -> Record {
        let mut name = &*self.name;
        name.rewind().and_then(|()| Record::read(name)).unwrap_or_default()
    }

    /// Forgets what was told of the database, since another one takes its place; the number stays.
    pub(crate) fn forget(&self) -> std::io::Result<()> {
        let number = self.known().number.unwrap_or_default();
        let mut name = &*self.name;
        name.set_len(0)?;
        name.rewind()?;
        name.write_all(number.as_bytes())?;
        name.sync_all()
    }

    /// The file beside the database, for what is told of it.
    pub(crate) fn beside(&self) -> Arc<File> {
        self.name.clone()
    }

    /// Takes the lock on the file, too, if it is there.
    pub(crate) fn take_file(&mut self, path: &Path) -> Result<(), OpenError> {
        if self.file.is_none() {
            self.file = lock_file(path).map_err(|error| refusal(path, error))?;
        }
        Ok(())
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // To close the file is not enough: a process that is just being started by another thread has a copy of it for a
        // moment, and would keep the lock.
        for file in self.file.iter().chain([&*self.name]) {
            let _ = file.unlock();
        }
    }
}

/// What is known of a database, whether or not a server has its lock. For one that takes no lock.
pub(crate) fn known(path: &Path) -> Record {
    let record = File::open(with_suffix(path, ".lock")).and_then(|beside| Record::read(&beside));
    record.unwrap_or_default()
}

/// Whether a database was found to be overwritten while it was served, and nothing was restored in its place.
pub(crate) fn is_condemned(path: &Path) -> bool {
    known(path).is_overwritten
}

/// Whether nobody serves this database, by whatever name. For one that is only read from.
pub(crate) fn is_free(path: &Path) -> bool {
    let Ok(file) = lock_file(path) else { return false };
    // Where nobody ever served it, there is no lock beside it.
    match File::options().write(true).open(with_suffix(path, ".lock")) {
        Err(_) => true,
        Ok(name) => match name.try_lock() {
            Ok(()) => {
                drop(Lock { name: Arc::new(name), file });
                true
            }
            Err(_) => false,
        },
    }
}

/// The database's own file, locked; none where there is no file, or where such locks are not to be had.
#[cfg(unix)]
fn lock_file(path: &Path) -> Result<Option<File>, TryLockError> {
    // For writing, since in an overlay a file that nobody has written to yet is another one than it is from then on.
    let writable = OpenOptions::new().read(true).write(true).open(path);
    let Ok(file) = writable.or_else(|_| File::open(path)) else {
        // Whoever opens it next says what is the matter.
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

/// Elsewhere such a lock would keep SQLite itself from the file.
#[cfg(not(unix))]
fn lock_file(_: &Path) -> Result<Option<File>, TryLockError> {
    Ok(None)
}

/// Whether this lock and those of SQLite would be in each other's way, as they are where a server over the network knows
/// but one kind.
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
        TryLockError::Error(source) => OpenError::Unwritable { path: path.to_owned(), source },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_over_at_once_even_where_a_child_still_has_the_file() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chat.db");
        std::fs::write(&path, "").unwrap();
        let lock = Lock::of(&path).unwrap();
        // What a child has until it runs its own program.
        let inherited = [&*lock.name].into_iter().chain(&lock.file).map(|file| file.try_clone().unwrap());
        let inherited: Vec<_> = inherited.collect();
        assert!(matches!(Lock::of(&path), Err(OpenError::InUse(_))) && !is_free(&path));
        drop(lock);
        assert!(is_free(&path) && Lock::of(&path).is_ok());
        drop(inherited);
    }

    #[test]
    fn who_holds_it_for_a_moment_keeps_no_server_from_starting() {
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
        // One that is made later, as databases are.
        let mut lock = Lock::of(&file("chat.db")).unwrap();
        std::fs::write(file("chat.db"), "").unwrap();
        assert!(matches!(Lock::of(&file("chat.db")), Err(OpenError::InUse(_))), "by its name");
        lock.take_file(&file("chat.db")).unwrap();
        std::fs::hard_link(file("chat.db"), file("other.db")).unwrap();
        assert!(matches!(Lock::of(&file("other.db")), Err(OpenError::InUse(_))), "by another name");
        assert!(!is_free(&file("other.db")));
        drop(lock);
        assert!(Lock::of(&file("other.db")).is_ok());
        // A server of the release before locks the name alone.
        let old = File::create(file("chat.db.lock")).unwrap();
        old.lock().unwrap();
        assert!(matches!(Lock::of(&file("chat.db")), Err(OpenError::InUse(_))));
    }
}
