//! Permissions of the files with messages and with the key that signs tokens. New files are readable by the server's
//! user alone. A warning at the start names existing files that others can read. Their permissions are not changed:
//! that is their owner's decision.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};

/// Suffix of a signing key's file name. The part before it is the name of its database.
const KEY: &str = ".jwt-secret";
/// Suffix of a lock's file name. Such a file contains only a number that identifies the name.
const LOCK: &str = ".lock";

/// Sets the umask, so that only the owner can read files that this process and its children make.
pub(crate) fn begin() {
    #[cfg(unix)]
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
}

/// Logs in one line which of the server's files others can read or change, and the command that prevents it.
pub(crate) fn warn_of_open(database: Option<&Path>, log: &Path) {
    let mut open = database.map(beside_database).unwrap_or_default();
    open.extend(in_folder_of(log, |name| is_part_of(name, log)));
    open.retain(|path| is_open(path));
    open.sort();
    open.dedup();
    if open.is_empty() {
        return;
    }
    let files = open.iter().map(|path| quoted(path)).collect::<Vec<_>>().join(" ");
    tracing::warn!("others on this machine can read these files; run: chmod go= {files}");
}

/// Returns the database, the files of SQLite and of the search beside it, its key, and copies of both.
fn beside_database(database: &Path) -> Vec<PathBuf> {
    let keys = in_folder_of(database, |name| name.ends_with(KEY));
    let copies: Vec<_> = keys.iter().map(|key| key.with_extension("")).filter(|copy| copy.exists()).collect();
    let mut found = in_folder_of(database, |name| is_part_of(name, database) && !name.ends_with(LOCK));
    // The database may be a link to a file elsewhere.
    if database.is_symlink()
        && let Ok(real) = database.canonicalize()
    {
        found.extend(in_folder_of(&real, |name| is_part_of(name, &real) && !name.ends_with(LOCK)));
    }
    found.extend(keys);
    found.extend(copies);
    found
}

/// Whether a file is the database, or one that SQLite, the search or this server keep beside it.
pub(crate) fn belongs_to(file: &Path, database: &Path) -> bool {
    let real = |path: &Path| {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let there = path.canonicalize().ok();
        there.or_else(|| Some(folder.canonicalize().ok()?.join(path.file_name()?))).unwrap_or(path.to_owned())
    };
    let (file, database) = (real(file), real(database));
    let name = |path: &Path| path.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let beside = ["", "-wal", "-shm", "-journal", "-search", KEY, LOCK];
    file.parent() == database.parent()
        && beside.iter().any(|suffix| name(&file) == format!("{}{suffix}", name(&database)))
}

/// Whether the name is this file's, or begins with it: `chatserver.db-wal`, `app.log.1`.
fn is_part_of(name: &str, file: &Path) -> bool {
    let Some(rest) = file.file_name().and_then(OsStr::to_str).and_then(|base| name.strip_prefix(base)) else {
        return false;
    };
    rest.is_empty() || rest.starts_with(['.', '-'])
}

fn in_folder_of(file: &Path, is_wanted: impl Fn(&str) -> bool) -> Vec<PathBuf> {
    let folder = file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
    let wanted = entries.filter(|entry| entry.file_name().to_str().is_some_and(&is_wanted));
    wanted.map(|entry| folder.join(entry.file_name())).collect()
}

#[cfg(unix)]
fn is_open(path: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    const READ_OR_WRITE_BY_OTHERS: u32 = 0o066;
    path.metadata().is_ok_and(|file| file.is_file() && file.mode() & READ_OR_WRITE_BY_OTHERS != 0)
}

/// On other systems the folder's permissions decide, which this program cannot read.
#[cfg(not(unix))]
fn is_open(_: &Path) -> bool {
    false
}

/// Quotes a path for a shell.
fn quoted(path: &Path) -> String {
    let text = path.display().to_string();
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    if text.chars().all(is_plain) { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_has_the_files_name_and_an_ending_is_part_of_it() {
        let file = Path::new("data/chatserver.db");
        for (name, is_part) in [
            ("chatserver.db", true),
            ("chatserver.db-wal", true),
            ("chatserver.db.backup-1700000000", true),
            ("chatserver.db2", false),
            ("old-chatserver.db", false),
        ] {
            assert_eq!(is_part_of(name, file), is_part, "{name}");
        }
    }

    #[test]
    fn what_belongs_to_a_database_is_known_by_whatever_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = |name: &str| folder.path().join(name);
        std::fs::write(file("chat.db"), "").unwrap();
        for name in ["chat.db", "chat.db-wal", "chat.db.jwt-secret", "../x/chat.db"] {
            let name = name.replace("../x", &format!("../{}", folder.path().file_name().unwrap().display()));
            assert!(belongs_to(&file(&name), &file("chat.db")), "{name}");
        }
        for name in ["backup.db", "chat.db.backup", "chat.db-2026"] {
            assert!(!belongs_to(&file(name), &file("chat.db")), "{name}");
        }
    }

    #[test]
    fn names_are_quoted_for_a_shell() {
        assert_eq!(quoted(Path::new("./logs/app.log.1")), "./logs/app.log.1");
        assert_eq!(quoted(Path::new("my data/it's")), r"'my data/it'\''s'");
    }
}
