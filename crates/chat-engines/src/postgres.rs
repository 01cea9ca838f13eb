//! A private PostgreSQL server. It keeps `fsync` on, so that data that survives its crash would survive on
//! any server.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

use crate::daemon::{Daemon, Started};
use crate::databases::Databases;
use crate::folder::Folder;
use crate::system::Signal;
use crate::{ports, programs};

pub(crate) const USER: &str = "postgres";
/// Locales in which letters of all languages count as letters; the second exists where the first does not.
const LOCALES: [&str; 2] = ["C.UTF-8", "C"];
/// Many servers of many tests share one PostgreSQL.
const SETTINGS: [&str; 4] =
    ["fsync=on", "max_connections=400", "shared_buffers=64MB", "logging_collector=off"];
/// Number of the line of `postmaster.pid` that gives the server's state.
const STATUS_LINE: usize = 7;
/// The states in which the server takes connections; a standby only reads.
const READY: [&str; 2] = ["ready", "standby"];

/// The server. Dropping this ends it and removes its data.
pub struct Postgres {
    // Declared first, so that the server ends before its folder is removed.
    daemon: Daemon,
    databases: Databases,
    port: u16,
    programs: PathBuf,
    folder: Folder,
}

impl Postgres {
    /// Starts an empty server, and waits until it is ready.
    pub fn start() -> Result<Self> {
        let programs = programs::postgres()?;
        let folder = Folder::create_unprivileged("postgres")?;
        initialise(&folder, &programs)?;
        Self::start_in(folder, programs)
    }

    /// Starts another server on a copy of this one, as its standby, and waits until it accepts reads. To make
    /// this server wait for the standby, set `synchronous_standby_names = '*'` here.
    pub fn standby(&self) -> Result<Self> {
        let folder = Folder::create_unprivileged("standby")?;
        copy(&folder, &self.programs, self.port)?;
        Self::start_in(folder, self.programs.clone())
    }

    /// Promotes a standby to a server of its own, with the data that it has received so far.
    pub fn promote(&self) -> Result<()> {
        let promoted = self.databases.execute("postgres", "SELECT pg_promote(true, 30)")?;
        if promoted != "t" {
            bail!("the standby was not promoted: {promoted}");
        }
        Ok(())
    }

    fn start_in(folder: Folder, programs: PathBuf) -> Result<Self> {
        // The signal of `pg_ctl stop -m immediate`: the server ends without a checkpoint.
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

    /// Returns the port on 127.0.0.1. It stays the same for the life of this value.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the URL of a database, `postgres://...`, for the superuser.
    pub fn url(&self, database: &str) -> String {
        self.databases.url(database)
    }

    /// Returns a handle that creates and removes databases and runs statements.
    pub fn databases(&self) -> &Databases {
        &self.databases
    }

    /// Creates an empty database.
    pub fn create_database(&self, name: &str) -> Result<()> {
        self.databases.create(name)
    }

    /// Creates a copy of a database to which nobody is connected.
    pub fn create_database_from(&self, name: &str, template: &str) -> Result<()> {
        self.databases.create_from(name, template)
    }

    /// Removes a database if it exists, and disconnects its clients.
    pub fn drop_database(&self, name: &str) -> Result<()> {
        self.databases.drop(name)
    }

    /// Ends the server at once, with all its connections; it must recover when it is started again.
    pub fn crash(&mut self) -> Result<()> {
        self.daemon.end()
    }

    /// Starts the server again on its data and its port, and waits until it is ready.
    pub fn start_again(&mut self) -> Result<()> {
        match start(&mut self.daemon, &self.folder, &self.programs, self.port)? {
            Started::Ready => Ok(()),
            Started::PortTaken => bail!("somebody else has taken PostgreSQL's port {}", self.port),
        }
    }

    /// Pauses the server with all its processes, as on a machine that hangs.
    pub fn pause(&mut self) -> Result<()> {
        self.daemon.pause()
    }

    /// Resumes a paused server.
    pub fn resume(&mut self) -> Result<()> {
        self.daemon.resume()
    }

    /// Returns the path of the server's log.
    pub fn log(&self) -> &Path {
        self.daemon.log()
    }

    /// Returns the folder of its other programs, such as `pgbench`.
    pub fn programs(&self) -> &Path {
        &self.programs
    }
}

fn data(folder: &Folder) -> PathBuf {
    folder.path().join("data")
}

/// Creates the files of a new server.
fn initialise(folder: &Folder, programs: &Path) -> Result<()> {
    let mut error_output = String::new();
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
        error_output = String::from_utf8_lossy(&output.stderr).into_owned();
    }
    bail!("initdb failed: {error_output}")
}

/// Copies the files of the server at `port`, with the settings that make the copy its standby.
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

/// Returns whether a server's lock file says that this very process takes connections. After a crash, the
/// file of an earlier process is still there.
fn is_ready(lock: &str, id: u32) -> bool {
    let lines: Vec<_> = lock.lines().map(str::trim).collect();
    let is_ready = lines.get(STATUS_LINE).is_some_and(|line| READY.contains(line));
    lines.first() == Some(&id.to_string().as_str()) && is_ready
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_ready_by_its_own_lock_file_only() {
        let lock = "41\n/data\n1700000000\n20001\n/tmp\n127.0.0.1\n  1234 5\nready   \n";
        assert!(is_ready(lock, 41));
        assert!(is_ready(&lock.replace("ready   ", "standby "), 41));
        assert!(!is_ready(lock, 42));
        assert!(!is_ready(&lock.replace("ready   ", "starting"), 41));
        assert!(!is_ready("", 41));
    }
}
