//! A private NATS server. It stores nothing.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::daemon::{Daemon, Started};
use crate::folder::Folder;
use crate::system::Signal;
use crate::{ports, programs};

/// A NATS server greets a new connection at once, so this is long enough.
const GREETING_TIMEOUT: Duration = Duration::from_secs(5);
const POLL_INTERVAL: Duration = Duration::from_millis(5);

/// The server. Dropping this ends it.
pub struct Nats {
    // Declared first, so that the server ends before its folder is removed.
    daemon: Daemon,
    port: u16,
    program: PathBuf,
    folder: Folder,
}

impl Nats {
    /// Starts a server that accepts every client, and waits until it is ready.
    pub fn start() -> Result<Self> {
        Self::start_with("")
    }

    /// Starts a server with these lines of NATS configuration, and waits until it is ready.
    pub fn start_with(settings: &str) -> Result<Self> {
        let program = programs::nats()?;
        let folder = Folder::create("nats")?;
        write(&folder, settings)?;
        let mut daemon = Daemon::new("nats-server", folder.path(), Signal::Kill)?;
        for port in ports::free() {
            if start(&mut daemon, &folder, &program, port)? == Started::Ready {
                return Ok(Self { daemon, port, program, folder });
            }
        }
        bail!("nats-server has found no free port")
    }

    /// Replaces the configuration of the running server, and waits until it is in force.
    pub fn set(&mut self, settings: &str) -> Result<()> {
        write(&self.folder, settings)?;
        let reloads_before = self.n_reloads();
        self.daemon.signal(Signal::Reload)?;
        let deadline = Instant::now() + GREETING_TIMEOUT;
        while self.n_reloads() == reloads_before {
            if Instant::now() > deadline {
                bail!("nats-server has not taken up its settings: see {}", self.log().display());
            }
            std::thread::sleep(POLL_INTERVAL);
        }
        Ok(())
    }

    /// Returns how often the log reports a reload of the configuration.
    fn n_reloads(&self) -> usize {
        std::fs::read_to_string(self.log())
            .unwrap_or_default()
            .matches("Reloaded server configuration")
            .count()
    }

    /// Returns the port on 127.0.0.1. It stays the same for the life of this value.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Returns the URL, `nats://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends the server abruptly, as a crash does.
    pub fn kill(&mut self) -> Result<()> {
        self.daemon.end()
    }

    /// Starts the server again on its port and waits until it is ready.
    pub fn start_again(&mut self) -> Result<()> {
        match start(&mut self.daemon, &self.folder, &self.program, self.port)? {
            Started::Ready => Ok(()),
            Started::PortTaken => bail!("somebody else has taken the port {} of nats-server", self.port),
        }
    }

    /// Pauses the server, as on a machine that hangs.
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
}

fn settings_file(folder: &Folder) -> PathBuf {
    folder.path().join("nats.conf")
}

fn write(folder: &Folder, settings: &str) -> Result<()> {
    // An empty file would be refused.
    let text = format!("lame_duck_duration: \"30s\"\n{settings}\n");
    std::fs::write(settings_file(folder), text).context("the settings of nats-server cannot be written")
}

fn start(daemon: &mut Daemon, folder: &Folder, program: &Path, port: u16) -> Result<Started> {
    let mut command = folder.command(program);
    command.arg("--config").arg(settings_file(folder));
    command.args(["--addr", "127.0.0.1", "--port", &port.to_string()]);
    daemon.start(command, |_| is_ready(port))
}

/// Returns whether a NATS server greets new connections on the port.
fn is_ready(port: u16) -> bool {
    let Ok(socket) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    let mut greeting = String::new();
    socket.set_read_timeout(Some(GREETING_TIMEOUT)).is_ok()
        && BufReader::new(socket).read_line(&mut greeting).is_ok()
        && greeting.starts_with("INFO ")
}
