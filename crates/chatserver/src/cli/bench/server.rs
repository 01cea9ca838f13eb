//! The server under test: one that is already there, or one that is started for the measurement in a folder of its
//! own and leaves nothing behind.

use std::path::{Path, PathBuf};

use anyhow::{Result, bail};
use chat_client::ServerUrl;

use crate::cli::child::{self, Folder, Process, launch};

/// The server that is measured.
pub(super) struct Server {
    url: ServerUrl,
    pid: Option<u32>,
    own: Option<Own>,
}

struct Own {
    child: Process,
    folder: Folder,
    connections_per_user: usize,
}

impl Server {
    /// A server that somebody else has started.
    pub(super) fn running(url: ServerUrl, pid: Option<u32>) -> Self {
        Self { url, pid, own: None }
    }

    /// Starts one in a fresh folder below the working folder, so that it writes to the disk that is meant.
    pub(super) async fn start(connections_per_user: usize) -> Result<Self> {
        let folder = Folder::create("bench")?;
        let (child, url) = launch(folder.path(), connections_per_user).await?;
        Ok(Self { url, pid: Some(child.id()), own: Some(Own { child, folder, connections_per_user }) })
    }

    pub(super) fn url(&self) -> &ServerUrl {
        &self.url
    }

    pub(super) fn pid(&self) -> Option<u32> {
        self.pid
    }

    pub(super) fn is_own(&self) -> bool {
        self.own.is_some()
    }

    /// A folder on the disk that an own server writes to; for another's it is the working folder.
    pub(super) fn folder(&self) -> &Path {
        self.own.as_ref().map_or(Path::new("."), |own| own.folder.path())
    }

    /// The database of an own server; it may be opened while the server is stopped.
    pub(super) fn database(&self) -> Option<PathBuf> {
        self.own.as_ref().map(|own| child::database(own.folder.path()))
    }

    /// Stops an own server in order. It can be started again with [`Server::resume`].
    pub(super) async fn stop(&mut self) -> Result<()> {
        let Some(own) = &mut self.own else { bail!("only a server of its own can be stopped") };
        own.child.stop().await
    }

    /// Starts a stopped server on the same data, at a new address.
    pub(super) async fn resume(&mut self) -> Result<()> {
        let Some(own) = &mut self.own else { bail!("only a server of its own can be started") };
        let (child, url) = launch(own.folder.path(), own.connections_per_user).await?;
        (self.pid, self.url) = (Some(child.id()), url);
        own.child = child;
        Ok(())
    }
}
