//! A private PgBouncer in front of a PostgreSQL server. Its clients are the server's superuser.

use std::net::{Ipv4Addr, TcpStream};

use anyhow::{Context, Result, bail};

use crate::daemon::{Daemon, Started};
use crate::folder::Folder;
use crate::postgres::USER;
use crate::system::Signal;
use crate::{ports, programs};

/// The pooler. Dropping this ends it.
pub struct Pooler {
    // Declared first, so that the pooler ends before its folder is removed.
    _daemon: Daemon,
    _folder: Folder,
    port: u16,
}

impl Pooler {
    /// Starts a pooler in front of the server at this port, and waits until it is ready. `mode` is its
    /// `pool_mode`; `more` are further lines of its configuration.
    pub fn start(server: u16, mode: &str, more: &str) -> Result<Self> {
        let program = programs::pooler()?;
        let folder = Folder::create_unprivileged("pgbouncer")?;
        let mut daemon = Daemon::new("pgbouncer", folder.path(), Signal::Kill)?;
        for port in ports::free() {
            let settings = folder.path().join("pgbouncer.ini");
            let text = format!(
                "[databases]\n* = host=127.0.0.1 port={server} user={USER}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n\
                 listen_port = {port}\nunix_socket_dir =\nauth_type = any\npool_mode = {mode}\n{more}\n"
            );
            std::fs::write(&settings, text).context("the pooler's settings cannot be written")?;
            let mut command = folder.command(&program);
            command.arg(&settings);
            let is_ready = |_| TcpStream::connect((Ipv4Addr::LOCALHOST, port)).is_ok();
            if daemon.start(command, is_ready)? == Started::Ready {
                return Ok(Self { _daemon: daemon, _folder: folder, port });
            }
        }
        bail!("PgBouncer has found no free port")
    }

    /// Returns the URL of a database behind the pooler.
    pub fn url(&self, database: &str) -> String {
        format!("postgres://{USER}@127.0.0.1:{}/{database}", self.port)
    }
}
