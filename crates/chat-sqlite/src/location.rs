//! The path of a database, and whether the opened file is still there. If a file is moved, deleted or replaced, its
//! open handles still write to it, and after a restart nobody finds those writes. So the writer checks the path before
//! each transaction, and again before it acknowledges a write. The newest messages are in the write-ahead log (WAL),
//! which is found by name. So a file with two names is refused, because each name would have its own WAL.

use std::fs::Metadata;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use chat_core::error::Obstacle;

use crate::announced::Announced;
use crate::error::OpenError;
use crate::open::with_suffix;
use crate::overwritten::ContentWatch;

/// Suffix of the write-ahead log.
const LOG: &str = "-wal";
/// Suffixes of files that belong to one database and to nothing else.
const BELONGING_SUFFIXES: [&str; 5] = ["-wal", "-shm", "-journal", "-search", ".jwt-secret"];

/// The opened file and its WAL, with the paths by which they were opened.
#[derive(Clone)]
pub(crate) struct Location {
    path: PathBuf,
    log_path: PathBuf,
    file: Identity,
    log: Identity,
    contents: Arc<ContentWatch>,
}

impl Location {
    /// For a database that is open, with its WAL.
    pub(crate) fn of(path: &Path, announced: Arc<Announced>) -> std::io::Result<Self> {
        let log_path = with_suffix(path, LOG);
        let (file, log) = (Identity::of(path)?, Identity::of(&log_path)?);
        let contents = Arc::new(ContentWatch::of(path, announced));
        Ok(Self { path: path.to_owned(), log_path, file, log, contents })
    }

    /// Whether the paths still lead to the opened file and its WAL, and the file was not overwritten. Needs three
    /// calls to the file system, and reads nothing unless the file has changed, so that each commit can afford it.
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

    /// Makes a checkpoint, unless the file was overwritten.
    pub(crate) fn run_checkpoint<T>(&self, checkpoint: impl FnOnce() -> T) -> Option<T> {
        self.contents.run_checkpoint(checkpoint)
    }

    pub(crate) fn contents(&self) -> Arc<ContentWatch> {
        self.contents.clone()
    }

    /// The obstacle with the file's name, for log lines.
    pub(crate) fn describe(&self, obstacle: Obstacle) -> String {
        format!("{}: {obstacle}", self.path.display())
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }
}

/// Identifies a file independently of its name: device and inode.
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

    /// On other systems, an open file can be neither moved nor deleted.
    #[cfg(not(unix))]
    fn from(_: &Metadata) -> Self {
        Self(0, 0)
    }
}

/// Refuses a file that has a second name, under which it would have another WAL.
pub(crate) fn check_names(path: &Path) -> Result<(), OpenError> {
    if n_names(path) > 1 {
        return Err(OpenError::ManyNames(path.to_owned()));
    }
    if is_mounted_alone(path) {
        return Err(OpenError::MountedAlone(path.to_owned()));
    }
    Ok(())
}

/// Number of hard links to the file.
#[cfg(unix)]
pub(crate) fn n_names(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    path.metadata().map_or(0, |file| file.nlink())
}

#[cfg(not(unix))]
pub(crate) fn n_names(_: &Path) -> u64 {
    1
}

/// Whether the file itself is a mount point, without its folder.
fn is_mounted_alone(path: &Path) -> bool {
    // Only Linux has this list, and such mounts exist nearly only there.
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

/// Undoes the escapes of the list, such as `\040` for a blank.
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

/// Refuses to create a database if files of a former database are there.
pub(crate) fn check_remains(path: &Path) -> Result<(), OpenError> {
    let is_there = |path: &Path| match path.symlink_metadata() {
        Ok(_) => true,
        Err(error) => error.kind() != ErrorKind::NotFound,
    };
    let remains = BELONGING_SUFFIXES.map(|suffix| with_suffix(path, suffix));
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
    fn a_mounted_file_is_distinguished_from_its_folder() {
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
    fn a_file_is_identified_by_its_inode() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file("chat.db"), "").unwrap();
        std::fs::write(file("chat.db-wal"), "").unwrap();
        let location = Location::of(&file("chat.db"), Arc::new(Announced::unrecorded())).unwrap();
        assert_eq!(location.check(), Ok(()));
        std::fs::rename(file("chat.db"), file("away.db")).unwrap();
        assert_eq!(location.check(), Err(Obstacle::Moved));
        std::fs::write(file("chat.db"), "").unwrap();
        assert_eq!(location.check(), Err(Obstacle::Replaced));
        std::fs::rename(file("away.db"), file("chat.db")).unwrap();
        assert_eq!(location.check(), Ok(()));
        std::fs::rename(file("chat.db-wal"), file("away")).unwrap();
        assert_eq!(location.check(), Err(Obstacle::LogMoved));
        // A file with the same name is still another file.
        std::fs::write(file("chat.db-wal"), "").unwrap();
        assert_eq!(location.check(), Err(Obstacle::LogMoved));
        assert!(check_names(&file("chat.db")).is_ok());
        std::fs::hard_link(file("chat.db"), file("other.db")).unwrap();
        assert!(matches!(check_names(&file("other.db")), Err(OpenError::ManyNames(_))));
    }
}
