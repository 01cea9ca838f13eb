//! Where a database lies, and whether what was opened still lies there. A file that is moved, deleted or replaced is
//! written to as before by whoever has it open, and after a restart nobody finds what was written: so whoever
//! acknowledges a write looks here first, and once more when it is stored. Its log has the newest messages and goes by the
//! same name; so a file that can be reached by two names is not served, since each would have a log of its own.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chat_core::error::Obstacle;

use crate::error::OpenError;
use crate::open::with_suffix;
use crate::overwritten::Contents;
use crate::told::Told;

/// What is added to the name of a database for its log.
const LOG: &str = "-wal";
/// What belongs to a database and to nothing else.
const BELONGINGS: [&str; 5] = ["-wal", "-shm", "-journal", "-search", ".jwt-secret"];

/// The file that was opened, and the name under which it was.
#[derive(Clone)]
pub(crate) struct Place {
    path: PathBuf,
    log_path: PathBuf,
    file: Identity,
    log: Identity,
    contents: Arc<Contents>,
}

impl Place {
    /// Of a database that is open, with its log.
    pub(crate) fn of(path: &Path, told: Arc<Told>) -> std::io::Result<Self> {
        let log_path = with_suffix(path, LOG);
        let (file, log) = (Identity::of(path)?, Identity::of(&log_path)?);
        let contents = Arc::new(Contents::of(path, told));
        Ok(Self { path: path.to_owned(), log_path, file, log, contents })
    }

    /// Whether the name still leads to the file, and that of the log to its log, and the file holds what it did. Asks the
    /// file system three times and reads nothing, unless the file has changed, so that each commit can afford it.
    pub(crate) fn check(&self) -> Result<(), Obstacle> {
        match Identity::of(&self.path) {
            Ok(file) if file == self.file => {}
            Ok(_) => return Err(Obstacle::Replaced),
            Err(_) => return Err(Obstacle::Moved),
        }
        match self.log_path.metadata() {
            Ok(log) if Identity::from(&log) == self.log => {
                self.contents.check()?;
                self.contents.check_log(log.len())
            }
            _ => Err(Obstacle::LogMoved),
        }
    }

    /// Makes a checkpoint, unless it would be one into another content.
    pub(crate) fn through<T>(&self, checkpoint: impl FnOnce() -> T) -> Option<T> {
        self.contents.through(checkpoint)
    }

    /// What the file holds.
    pub(crate) fn contents(&self) -> Arc<Contents> {
        self.contents.clone()
    }

    /// What is the matter, with the name; for the log.
    pub(crate) fn describe(&self, obstacle: Obstacle) -> String {
        format!("{}: {obstacle}", self.path.display())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Which file it is, whatever its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Identity(u64, u64);

impl Identity {
    fn of(path: &Path) -> std::io::Result<Self> {
        path.metadata().map(|file| Self::from(&file))
    }
}

impl From<&Metadata> for Identity {
    #[cfg(unix)]
    fn from(file: &Metadata) -> Self {
        use std::os::unix::fs::MetadataExt;
        Self(file.dev(), file.ino())
    }

    /// Elsewhere a file that is open can be neither moved nor deleted.
    #[cfg(not(unix))]
    fn from(_: &Metadata) -> Self {
        Self(0, 0)
    }
}

/// Refuses a file that can be reached by another name too, where it would have another log.
pub(crate) fn check_names(path: &Path) -> Result<(), OpenError> {
    if names(path) > 1 {
        return Err(OpenError::ManyNames(path.to_owned()));
    }
    if is_mounted_alone(path) {
        return Err(OpenError::MountedAlone(path.to_owned()));
    }
    Ok(())
}

/// How many names a file has in its file system.
#[cfg(unix)]
pub(crate) fn names(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    path.metadata().map_or(0, |file| file.nlink())
}

#[cfg(not(unix))]
pub(crate) fn names(_: &Path) -> u64 {
    1
}

/// Whether the file itself, and not its folder, is mounted here.
fn is_mounted_alone(path: &Path) -> bool {
    // Only on Linux there is such a list, and nearly only there such mounts.
    let (Ok(mounts), Ok(path)) = (std::fs::read("/proc/self/mountinfo"), path.canonicalize()) else {
        return false;
    };
    is_mount_point(&mounts, &path)
}

fn is_mount_point(mounts: &[u8], path: &Path) -> bool {
    let path = path.as_os_str().as_encoded_bytes();
    let point = |line: &[u8]| line.split(|byte| *byte == b' ').nth(4).map(unescaped);
    mounts.split(|byte| *byte == b'\n').filter_map(point).any(|point| point == path)
}

/// As the list has it, with blanks and the like as `\040`.
fn unescaped(mut name: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(name.len());
    while let Some((first, rest)) = name.split_first() {
        let digits = rest.get(..3).and_then(|digits| std::str::from_utf8(digits).ok());
        let byte = digits.filter(|_| *first == b'\\').and_then(|digits| u8::from_str_radix(digits, 8).ok());
        plain.push(byte.unwrap_or(*first));
        name = if byte.is_some() { rest.get(3..).unwrap_or_default() } else { rest };
    }
    plain
}

/// Refuses to make a database where one lay, as what belonged to it shows.
pub(crate) fn check_remains(path: &Path) -> Result<(), OpenError> {
    let is_there = |path: &Path| match path.symlink_metadata() {
        Ok(_) => true,
        Err(error) => error.kind() != ErrorKind::NotFound,
    };
    let remains = BELONGINGS.map(|suffix| with_suffix(path, suffix));
    let remains: Vec<_> = remains.iter().filter(|path| is_there(path)).collect();
    if remains.is_empty() {
        return Ok(());
    }
    let name = |path: &&PathBuf| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let remains = remains.iter().map(name).collect::<Vec<_>>().join(", ");
    Err(OpenError::Remains(path.to_owned(), remains))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_that_is_mounted_is_told_from_its_folder() {
        let mounts = b"23 28 0:21 / /proc rw - proc proc rw\n\
                       99 28 8:1 /a/chat.db /data/my\\040chat.db rw,relatime - ext4 /dev/sda1 rw\n\
                       98 28 8:1 /a /data rw - ext4 /dev/sda1 rw\n";
        assert!(is_mount_point(mounts, Path::new("/data/my chat.db")));
        assert!(is_mount_point(mounts, Path::new("/data")));
        for other in ["/data/my", "/data/my\\040chat.db", "/data/chat.db", "/a/chat.db", "/data/my chat.db2"]
        {
            assert!(!is_mount_point(mounts, Path::new(other)), "{other}");
        }
        assert_eq!(unescaped(br"\134\0x\04"), br"\\0x\04");
    }

    #[cfg(unix)]
    #[test]
    fn a_file_is_known_by_what_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file("chat.db"), "").unwrap();
        std::fs::write(file("chat.db-wal"), "").unwrap();
        let place = Place::of(&file("chat.db"), Arc::new(Told::nobody())).unwrap();
        assert_eq!(place.check(), Ok(()));
        std::fs::rename(file("chat.db"), file("away.db")).unwrap();
        assert_eq!(place.check(), Err(Obstacle::Moved));
        std::fs::write(file("chat.db"), "").unwrap();
        assert_eq!(place.check(), Err(Obstacle::Replaced));
        std::fs::rename(file("away.db"), file("chat.db")).unwrap();
        assert_eq!(place.check(), Ok(()));
        std::fs::rename(file("chat.db-wal"), file("away")).unwrap();
        assert_eq!(place.check(), Err(Obstacle::LogMoved));
        // Not one of the same name.
        std::fs::write(file("chat.db-wal"), "").unwrap();
        assert_eq!(place.check(), Err(Obstacle::LogMoved));
        assert!(check_names(&file("chat.db")).is_ok());
        std::fs::hard_link(file("chat.db"), file("other.db")).unwrap();
        assert!(matches!(check_names(&file("other.db")), Err(OpenError::ManyNames(_))));
    }
}
