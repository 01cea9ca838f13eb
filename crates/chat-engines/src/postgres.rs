//! A PostgreSQL server of one's own. It keeps its promises (`fsync` is on), so that what survives its crash is what would
//! survive anywhere.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::daemon::{Daemon, Started};
use crate::databases::Databases;
use crate::folder::Folder;
use crate::system::Signal;
use crate::{ports, programs};

pub(crate) const USER: &str = "postgres";
/// Where letters of all languages are letters; the second is there where the first is not.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];
/// Many servers of many tests share one.
const SETTINGS: [&str; 4] =
    ["fsync=on", "max_connections=400", "shared_buffers=64MB", "logging_collector=off"];
/// The line of `postmaster.pid` that says how far it is.
const STATUS_LINE: usize = 7;
/// What it says there when it takes connections; the second one reads only.
const READY: [&str; 2] = ["ready", "standby"];

/// The server. Dropping it ends it and removes all that it has stored.
pub struct Postgres {
    // Ends before the folder goes.
    daemon: Daemon,
    databases: Databases,
    port: u16,
    programs: PathBuf,
    folder: Folder,
}

impl Postgres {
    /// Starts one with nothing in it, and waits until it is ready.
    pub fn start() -> Result<Self> {
        let programs = programs::postgres()?;
        let folder = Folder::create_unprivileged("postgres")?;
        initialise(&folder, &programs)?;
        Self::start_in(folder, programs)
    }

    /// Starts another server on a copy of this one, which follows it from then on, and waits until it can be read. Where
    /// this one is to wait for it, say `synchronous_standby_names = '*'` here.
    pub fn standby(&self) -> Result<Self> {
        let folder = Folder::create_unprivileged("standby")?;
        copy(&folder, &self.programs, self.port)?;
        Self::start_in(folder, self.programs.clone())
    }

    /// Makes a standby a server of its own, with what it has of the one that it followed.
    pub fn promote(&self) -> Result<()> {
        let promoted = self.databases.execute("postgres", "SELECT pg_promote(true, 30)")?;
        if promoted != "t" {
            bail!("the standby was not promoted: {promoted}");
        }
        Ok(())
    }

    fn start_in(folder: Folder, programs: PathBuf) -> Result<Self> {
        // As `pg_ctl stop -m immediate` does: without putting anything away.
        let mut daemon = Daemon::new("postgres", folder.path(), Signal::Quit)?;
        for port in ports::free() {
            if start(&mut daemon, &folder, &programs, port)? == Started::Ready {
                let psql = programs::psql(&programs)?;
                let databases = Databases::at(&format!("postgres://{USER}@127.0.0.1:{port}"), &psql);
                return Ok(Self { daemon, databases, port, programs, folder });
            }
        }
        bail!("PostgreSQL has found no free port")
    }

    /// On 127.0.0.1; it keeps it for its whole life.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// The URL of a database, `postgres://...`, for the superuser.
    pub fn url(&self, database: &str) -> String {
        self.databases.url(database)
    }

    /// Its databases, for making and removing them and for statements.
    pub fn databases(&self) -> &Databases {
        &self.databases
    }

    /// Makes an empty database.
    pub fn create_database(&self, name: &str) -> Result<()> {
        self.databases.create(name)
    }

    /// Makes a copy of a database to which nobody is connected.
    pub fn create_database_from(&self, name: &str, template: &str) -> Result<()> {
        self.databases.create_from(name, template)
    }

    /// Removes a database if it is there, and sends away whoever is connected to it.
    pub fn drop_database(&self, name: &str) -> Result<()> {
        self.databases.drop(name)
    }

    /// Ends it at once, with all its connections; it has to recover when it is started again.
    pub fn crash(&mut self) -> Result<()> {
        self.daemon.end()
    }

    /// Starts it on what it has stored, on its port, and waits until it is ready.
    pub fn start_again(&mut self) -> Result<()> {
        match start(&mut self.daemon, &self.folder, &self.programs, self.port)? {
            Started::Ready => Ok(()),
            Started::PortTaken => bail!("somebody else has taken PostgreSQL's port {}", self.port),
        }
    }

    /// Stops it where it is, with all its processes, as a machine that hangs.
    pub fn pause(&mut self) -> Result<()> {
        self.daemon.pause()
    }

    /// Lets it go on.
    pub fn resume(&mut self) -> Result<()> {
        self.daemon.resume()
    }

    /// What it says about itself.
    pub fn log(&self) -> &Path {
        self.daemon.log()
    }

    /// Where its other programs are, such as `pgbench`.
    pub fn programs(&self) -> &Path {
        &self.programs
    }
}

fn data(folder: &Folder) -> PathBuf {
    folder.path().join("data")
}

/// Makes the files of a new server.
fn initialise(folder: &Folder, programs: &Path) -> Result<()> {
    let mut complaint = String::new();
    for locale in LOCALES {
        let mut command = folder.command(&programs.join("initdb"));
        command.arg("--pgdata").arg(data(folder)).args([
            "--username",
            USER,
            "--auth=trust",
            "--encoding=UTF8",
        ]);
        command.args(["--locale", locale, "--no-sync", "--no-instructions"]).stdin(Stdio::null());
        let output = command.output().context("initdb cannot be started")?;
        if output.status.success() {
            return Ok(());
        }
        complaint = String::from_utf8_lossy(&output.stderr).into_owned();
    }
    bail!("initdb failed: {complaint}")
}

/// Fetches the files of a server, with what makes it a standby of that one.
fn copy(folder: &Folder, programs: &Path, port: u16) -> Result<()> {
    let mut command = folder.command(&programs.join("pg_basebackup"));
    command.arg("--pgdata").arg(data(folder)).args([
        "--write-recovery-conf",
        "--checkpoint=fast",
        "--no-sync",
    ]);
    command.args(["--host=127.0.0.1", &format!("--port={port}"), "--username", USER, "--no-password"]);
    let output = command.stdin(Stdio::null()).output().context("pg_basebackup cannot be started")?;
    if !output.status.success() {
        bail!("pg_basebackup failed: {}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(())
}

fn start(daemon: &mut Daemon, folder: &Folder, programs: &Path, port: u16) -> Result<Started> {
    let mut command: Command = folder.command(&programs.join("postgres"));
    command.arg("-D").arg(data(folder)).args(["-h", "127.0.0.1", "-p", &port.to_string(), "-k"]);
    command.arg(folder.path());
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    let lock = data(folder).join("postmaster.pid");
    daemon.start(command, |id| is_ready(&std::fs::read_to_string(&lock).unwrap_or_default(), id))
}

/// Whether a server's lock file says that this very process takes connections; after a crash there is an old one.
fn is_ready(lock: &str, id: u32) -> bool {
    let lines: Vec<_> = lock.lines().map(str::trim).collect();
    let is_ready = lines.get(STATUS_LINE).is_some_and(|line| READY.contains(line));
    lines.first() == Some(&id.to_string().as_str()) && is_ready
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ready_is_who_says_so_itself() {
        let lock = "41\n/data\n1700000000\n20001\n/tmp\n127.0.0.1\n  1234 5\nready   \n";
        assert!(is_ready(lock, 41));
        assert!(is_ready(&lock.replace("ready   ", "standby "), 41));
        assert!(!is_ready(lock, 42));
        assert!(!is_ready(&lock.replace("ready   ", "starting"), 41));
        assert!(!is_ready("", 41));
    }
}
