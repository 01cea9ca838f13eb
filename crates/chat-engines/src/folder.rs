//! The folder of an engine, and the user who owns it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::system;

/// Folders for temporary files that every user can reach, for the case that only the superuser can reach the
/// usual one.
const SHARED_TEMP_FOLDERS: [&str; 2] = ["/tmp", "/var/tmp"];
/// Users as which PostgreSQL may run instead of the superuser, which it refuses: its own user, or the one who
/// owns nothing.
const FALLBACK_USERS: [&str; 2] = ["postgres", "nobody"];

/// A folder that is removed with its contents, and the user as which programs run in it.
pub(crate) struct Folder {
    folder: TempDir,
    run_as: Option<Account>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Account {
    user: u32,
    group: u32,
}

impl Folder {
    /// Creates a folder for a program that runs as the user of this process.
    pub(crate) fn create(engine: &str) -> Result<Self> {
        Ok(Self { folder: below(&std::env::temp_dir(), engine)?, run_as: None })
    }

    /// Creates a folder for a program that refuses to run as the superuser.
    pub(crate) fn create_unprivileged(engine: &str) -> Result<Self> {
        if !system::is_root() {
            return Self::create(engine);
        }
        let users = std::fs::read_to_string("/etc/passwd").context("/etc/passwd cannot be read")?;
        let account = FALLBACK_USERS.into_iter().find_map(|name| account(&users, name));
        let account = account.context("there is no user `postgres` or `nobody` to run PostgreSQL as")?;
        let parents = [std::env::temp_dir()].into_iter().chain(SHARED_TEMP_FOLDERS.map(PathBuf::from));
        let parent = parents.into_iter().find(|it| system::is_open_to_all(it));
        let folder = below(&parent.context("no folder for temporary files is open to all users")?, engine)?;
        system::change_owner(folder.path(), account.user, account.group)?;
        Ok(Self { folder, run_as: Some(account) })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Returns a command for a program that runs in this folder, as its owner.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = match self.run_as {
            None => Command::new(program),
            Some(Account { user, group }) => {
                let mut command = Command::new("setpriv");
                command.args([&format!("--reuid={user}"), &format!("--regid={group}"), "--clear-groups"]);
                command.arg("--").arg(program);
                command
            }
        };
        command.current_dir(self.path());
        command
    }
}

fn below(parent: &Path, engine: &str) -> Result<TempDir> {
    let made = tempfile::Builder::new().prefix(&format!("chatserver-{engine}-")).tempdir_in(parent);
    made.with_context(|| format!("no folder can be made in {}", parent.display()))
}

/// Returns the user of this name from the text of `/etc/passwd`.
fn account(users: &str, name: &str) -> Option<Account> {
    let line = users.lines().find(|line| line.split(':').next() == Some(name))?;
    let mut numbers = line.split(':').skip(2).map(str::parse);
    Some(Account { user: numbers.next()?.ok()?, group: numbers.next()?.ok()? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn users_are_found_by_their_whole_name() {
        let users = "postgres2:x:7:8::/:/bin/sh\npostgres:x:104:112:PostgreSQL:/var/lib/postgresql:/bin/bash\nbad:x\n";
        assert_eq!(account(users, "postgres"), Some(Account { user: 104, group: 112 }));
        assert_eq!(account(users, "postgre"), None);
        assert_eq!(account(users, "bad"), None);
    }
}
