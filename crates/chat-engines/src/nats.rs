//! A NATS server of one's own. It stores nothing.

use std::io::{BufRead, BufReader};
use std::net::{Ipv4Addr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};

use crate::daemon::{Daemon, Started};
use crate::folder::Folder;
use crate::system::Signal;
use crate::{ports, programs};

/// Who has connected is greeted at once.
const GREETING: Duration = Duration::from_secs(5);
const LOOK: Duration = Duration::from_millis(5);

/// The server. Dropping it ends it.
pub struct Nats {
    // Ends before the folder goes.
    daemon: Daemon,
    port: u16,
    program: PathBuf,
    folder: Folder,
}

impl Nats {
    /// Starts one that lets everybody in, and waits until it is ready.
    pub fn start() -> Result<Self> {
        Self::start_with("")
    }

    /// Starts one with these settings in its own language, and waits until it is ready.
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

    /// Has it take up other settings while it runs.
    pub fn set(&mut self, settings: &str) -> Result<()> {
        write(&self.folder, settings)?;
        let read_before = self.n_readings();
        self.daemon.signal(Signal::Reload)?;
        let deadline = Instant::now() + GREETING;
        while self.n_readings() == read_before {
            if Instant::now() > deadline {
                bail!("nats-server has not taken up its settings: see {}", self.log().display());
            }
            std::thread::sleep(LOOK);
        }
        Ok(())
    }

    /// How often it says that it has taken up settings.
    fn n_readings(&self) -> usize {
        std::fs::read_to_string(self.log())
            .unwrap_or_default()
            .matches("Reloaded server configuration")
            .count()
    }

    /// On 127.0.0.1; it keeps it for its whole life.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// `nats://127.0.0.1:<port>`.
    pub fn url(&self) -> String {
        format!("nats://127.0.0.1:{}", self.port)
    }

    /// Ends it as a crash does.
    pub fn kill(&mut self) -> Result<()> {
        self.daemon.end()
    }

    /// Starts it on its port and waits until it is ready.
    pub fn start_again(&mut self) -> Result<()> {
        match start(&mut self.daemon, &self.folder, &self.program, self.port)? {
            Started::Ready => Ok(()),
            Started::PortTaken => bail!("somebody else has taken the port {} of nats-server", self.port),
        }
    }

    /// Stops it where it is, as a machine that hangs.
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
}

fn settings_file(folder: &Folder) -> PathBuf {
    folder.path().join("nats.conf")
}

fn write(folder: &Folder, settings: &str) -> Result<()> {
    // A file that has nothing to say is refused.
    let text = format!("lame_duck_duration: \"30s\"\n{settings}\n");
    std::fs::write(settings_file(folder), text).context("the settings of nats-server cannot be written")
}

fn start(daemon: &mut Daemon, folder: &Folder, program: &Path, port: u16) -> Result<Started> {
    let mut command = folder.command(program);
    command.arg("--config").arg(settings_file(folder));
    command.args(["--addr", "127.0.0.1", "--port", &port.to_string()]);
    daemon.start(command, |_| is_ready(port))
}

/// Whether a NATS server greets whoever connects.
fn is_ready(port: u16) -> bool {
    let Ok(socket) = TcpStream::connect((Ipv4Addr::LOCALHOST, port)) else { return false };
    let mut greeting = String::new();
    socket.set_read_timeout(Some(GREETING)).is_ok()
        && BufReader::new(socket).read_line(&mut greeting).is_ok()
        && greeting.starts_with("INFO ")
}
