//! The folder of an engine, and the user to whom it belongs.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, Result};
use tempfile::TempDir;

use crate::system;

/// Where temporary files may be that everybody reaches, if the usual place is the superuser's own.
const OPEN_FOLDERS: [&str; 2] = ["/tmp", "/var/tmp"];
/// As whom PostgreSQL may run in place of the superuser, whom it refuses: its own user, or the one who owns nothing.
const STAND_INS: [&str; 2] = ["postgres", "nobody"];

/// A folder that is removed with all that is in it, and by whom programs are run in it.
pub(crate) struct Folder {
    folder: TempDir,
    stand_in: Option<Account>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Account {
    user: u32,
    group: u32,
}

impl Folder {
    /// A folder for a program that runs as this process does.
    pub(crate) fn create(engine: &str) -> Result<Self> {
        Ok(Self { folder: below(&std::env::temp_dir(), engine)?, stand_in: None })
    }

    /// A folder for a program that refuses to run as the superuser.
    pub(crate) fn create_unprivileged(engine: &str) -> Result<Self> {
        if !system::is_root() {
            return Self::create(engine);
        }
        let users = std::fs::read_to_string("/etc/passwd").context("/etc/passwd cannot be read")?;
        let account = STAND_INS.into_iter().find_map(|name| account(&users, name));
        let account = account.context("there is no user `postgres` or `nobody` to run PostgreSQL as")?;
        let parents = [std::env::temp_dir()].into_iter().chain(OPEN_FOLDERS.map(PathBuf::from));
        let parent = parents.into_iter().find(|it| system::is_open_to_all(it));
        let folder = below(&parent.context("no folder for temporary files is open to all users")?, engine)?;
        system::give(folder.path(), account.user, account.group)?;
        Ok(Self { folder, stand_in: Some(account) })
    }

    pub(crate) fn path(&self) -> &Path {
        self.folder.path()
    }

    /// A program that runs in this folder, as its owner.
    pub(crate) fn command(&self, program: &Path) -> Command {
        let mut command = match self.stand_in {
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

/// A user of the system.
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
