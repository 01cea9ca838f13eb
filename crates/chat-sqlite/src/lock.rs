//! The lock on a database file, by which a second server refuses it. It is on a file beside the database, so that it is in
//! nobody's way who only reads.

use std::fs::{File, TryLockError};

/// A lock that ends with this, however the process ends.
pub(crate) struct Lock(File);

impl Lock {
    /// Takes the lock on an open file, if nobody has it.
    pub(crate) fn take(file: File) -> Result<Self, TryLockError> {
        file.try_lock()?;
        Ok(Self(file))
    }
}

impl Drop for Lock {
    fn drop(&mut self) {
        // To close the file is not enough: a process that is just being started by another thread has a copy of it for a
        // moment, and would keep the lock.
        let _ = self.0.unlock();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_over_at_once_even_where_a_child_still_has_the_file() {
        let path = tempfile::NamedTempFile::new().unwrap().into_temp_path();
        let open = || File::options().write(true).open(&path).unwrap();
        let lock = Lock::take(open()).ok().unwrap();
        // What a child has until it runs its own program.
        let inherited = lock.0.try_clone().unwrap();
        assert!(matches!(Lock::take(open()), Err(TryLockError::WouldBlock)));
        drop(lock);
        assert!(Lock::take(open()).is_ok());
        drop(inherited);
    }
}
