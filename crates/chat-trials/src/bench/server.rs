//! The server under test: one that is already there, or one that is started for the measurement in a folder of its
//! own and leaves nothing behind, or several of these on one database.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chat_client::ServerUrl;

use super::cluster::Cluster;
use crate::child::{self, Folder, Process, launch};

/// The server that is measured.
pub(super) struct Server {
    url: ServerUrl,
    /// Where each node is; the first one is at `url`.
    urls: Vec<ServerUrl>,
    /// The processes, where they are known.
    pids: Vec<u32>,
    own: Option<Own>,
}

enum Own {
    Lone(Lone),
    Cluster(Box<Cluster>),
}

/// A server with SQLite.
struct Lone {
    child: Process,
    folder: Folder,
    connections_per_user: usize,
}

impl Server {
    /// A server that somebody else has started.
    pub(super) fn running(url: ServerUrl, pid: Option<u32>) -> Self {
        Self { urls: vec![url.clone()], url, pids: pid.into_iter().collect(), own: None }
    }

    /// Starts one in a fresh folder below the working folder, so that it writes to the disk that is meant.
    pub(super) async fn start(connections_per_user: usize) -> Result<Self> {
        let folder = Folder::create("bench")?;
        let (child, url) = launch(folder.path(), connections_per_user).await?;
        let pids = vec![child.id()];
        let own = Some(Own::Lone(Lone { child, folder, connections_per_user }));
        Ok(Self { urls: vec![url.clone()], url, pids, own })
    }

    /// Starts so many nodes, at least one, with engines of their own.
    pub(super) async fn start_cluster(n_nodes: u8, connections_per_user: usize) -> Result<Self> {
        let cluster = Cluster::start(n_nodes, connections_per_user).await?;
        let (urls, pids) = (cluster.urls(), cluster.pids());
        let url = urls.first().context("a cluster has nodes")?.clone();
        Ok(Self { url, urls, pids, own: Some(Own::Cluster(Box::new(cluster))) })
    }

    /// Where it is; of several nodes the first one.
    pub(super) fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// Where each node is.
    pub(super) fn urls(&self) -> &[ServerUrl] {
        &self.urls
    }

    /// The process at [`Server::url`].
    pub(super) fn pid(&self) -> Option<u32> {
        self.pids.first().copied()
    }

    /// All of its processes that are known.
    pub(super) fn pids(&self) -> Vec<u32> {
        self.pids.clone()
    }

    /// What is measured, for people.
    pub(super) fn describe(&self) -> String {
        match &self.own {
            None => format!("at {}", self.url().authority()),
            Some(Own::Lone(_)) => "started for this".into(),
            Some(Own::Cluster(cluster)) => format!("started for this, {}", cluster.describe()),
        }
    }

    /// The nodes and engines that were started for the measurement, if they were.
    pub(super) fn cluster(&self) -> Option<&Cluster> {
        match &self.own {
            Some(Own::Cluster(cluster)) => Some(cluster),
            Some(Own::Lone(_)) | None => None,
        }
    }

    fn lone(&mut self) -> Result<&mut Lone> {
        match &mut self.own {
            Some(Own::Lone(lone)) => Ok(lone),
            Some(Own::Cluster(_)) | None => bail!("only a server of its own with SQLite can be stopped"),
        }
    }

    /// A folder on the disk that an own server writes to; for another's it is the working folder.
    pub(super) fn folder(&self) -> &Path {
        match &self.own {
            None => Path::new("."),
            Some(Own::Lone(lone)) => lone.folder.path(),
            Some(Own::Cluster(cluster)) => cluster.data_folder(),
        }
    }

    /// The SQLite database of an own server; it may be opened while the server is stopped.
    pub(super) fn database(&self) -> Option<PathBuf> {
        match &self.own {
            Some(Own::Lone(lone)) => Some(child::database(lone.folder.path())),
            Some(Own::Cluster(_)) | None => None,
        }
    }

    /// Stops an own server with SQLite in order. It can be started again with [`Server::resume`].
    pub(super) async fn stop(&mut self) -> Result<()> {
        self.lone()?.child.stop().await
    }

    /// Starts a stopped server on the same data, at a new address.
    pub(super) async fn resume(&mut self) -> Result<()> {
        let lone = self.lone()?;
        let (child, url) = launch(lone.folder.path(), lone.connections_per_user).await?;
        let pid = child.id();
        lone.child = child;
        (self.urls, self.pids, self.url) = (vec![url.clone()], vec![pid], url);
        Ok(())
    }
}
