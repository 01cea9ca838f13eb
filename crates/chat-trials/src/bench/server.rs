//! The server under test: a running one, or one that is started for the measurement in a temporary folder, or several
//! such nodes on one database.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result, bail};
use chat_client::ServerUrl;

use super::cluster::Cluster;
use crate::child::{self, Folder, Process, launch_with};

/// The server under test.
pub(super) struct Server {
    url: ServerUrl,
    /// The URL of each node; the first one is `url`.
    urls: Vec<ServerUrl>,
    /// Process ids, as far as they are known.
    pids: Vec<u32>,
    own: Option<Own>,
}

enum Own {
    Single(Single),
    Cluster(Box<Cluster>),
}

/// A server with SQLite.
struct Single {
    child: Process,
    folder: Folder,
    program: Program,
}

/// The program that serves.
pub(super) struct Program {
    pub(super) path: PathBuf,
    /// Part of its folder's name. Two servers that run at the same time need different ones.
    pub(super) purpose: &'static str,
    /// Setting of the server: the connections that one user may have.
    pub(super) connections_per_user: usize,
}

impl Program {
    /// This program.
    pub(super) fn own(connections_per_user: usize) -> Result<Self> {
        Ok(Self { path: child::own_program()?, purpose: "bench", connections_per_user })
    }

    async fn launch(&self, folder: &Path) -> Result<(Process, ServerUrl)> {
        launch_with(&self.path, folder, self.connections_per_user, &[]).await
    }
}

impl Server {
    /// A server that was not started by the benchmark.
    pub(super) fn running(url: ServerUrl, pid: Option<u32>) -> Self {
        Self { urls: vec![url.clone()], url, pids: pid.into_iter().collect(), own: None }
    }

    /// Starts a server in a new folder below the working folder, so that the caller chooses the disk.
    pub(super) async fn start(program: Program) -> Result<Self> {
        let folder = Folder::create(program.purpose)?;
        Self::start_in(folder, program).await
    }

    /// Starts a server on the data in a folder.
    pub(super) async fn start_in(folder: Folder, program: Program) -> Result<Self> {
        let (child, url) = program.launch(folder.path()).await?;
        let pids = vec![child.id()];
        let own = Some(Own::Single(Single { child, folder, program }));
        Ok(Self { urls: vec![url.clone()], url, pids, own })
    }

    /// Starts `n_nodes` nodes, at least one, with their own PostgreSQL and NATS.
    pub(super) async fn start_cluster(n_nodes: u8, program: Program) -> Result<Self> {
        let cluster = Cluster::start(n_nodes, program).await?;
        let (urls, pids) = (cluster.urls(), cluster.pids());
        let url = urls.first().context("a cluster has nodes")?.clone();
        Ok(Self { url, urls, pids, own: Some(Own::Cluster(Box::new(cluster))) })
    }

    /// The server's URL; of several nodes the first one's.
    pub(super) fn url(&self) -> &ServerUrl {
        &self.url
    }

    /// The URL of each node.
    pub(super) fn urls(&self) -> &[ServerUrl] {
        &self.urls
    }

    /// Id of the process at [`Server::url`], if it is known.
    pub(super) fn pid(&self) -> Option<u32> {
        self.pids.first().copied()
    }

    /// Ids of all known processes.
    pub(super) fn pids(&self) -> Vec<u32> {
        self.pids.clone()
    }

    /// A description for the report.
    pub(super) fn describe(&self) -> String {
        match &self.own {
            None => format!("at {}", self.url().authority()),
            Some(Own::Single(_)) => "started for this".into(),
            Some(Own::Cluster(cluster)) => format!("started for this, {}", cluster.describe()),
        }
    }

    /// The nodes and engines, if they were started for the measurement.
    pub(super) fn cluster(&self) -> Option<&Cluster> {
        match &self.own {
            Some(Own::Cluster(cluster)) => Some(cluster),
            Some(Own::Single(_)) | None => None,
        }
    }

    fn single(&mut self) -> Result<&mut Single> {
        match &mut self.own {
            Some(Own::Single(single)) => Ok(single),
            Some(Own::Cluster(_)) | None => bail!("only a server of its own with SQLite can be stopped"),
        }
    }

    /// A folder on the disk that the server writes to; the working folder if the benchmark did not start the server.
    pub(super) fn folder(&self) -> &Path {
        match &self.own {
            None => Path::new("."),
            Some(Own::Single(single)) => single.folder.path(),
            Some(Own::Cluster(cluster)) => cluster.data_folder(),
        }
    }

    /// Path of the SQLite database, if the benchmark started the server. It may be opened while the server is stopped.
    pub(super) fn database(&self) -> Option<PathBuf> {
        match &self.own {
            Some(Own::Single(single)) => Some(child::database(single.folder.path())),
            Some(Own::Cluster(_)) | None => None,
        }
    }

    /// Stops the server cleanly. [`Server::resume`] starts it again.
    ///
    /// # Errors
    /// Fails for a cluster and for a server that the benchmark did not start.
    pub(super) async fn stop(&mut self) -> Result<()> {
        self.single()?.child.stop().await
    }

    /// Starts a stopped server on the same data, at a new address.
    pub(super) async fn resume(&mut self) -> Result<()> {
        let single = self.single()?;
        let (child, url) = single.program.launch(single.folder.path()).await?;
        let pid = child.id();
        single.child = child;
        (self.urls, self.pids, self.url) = (vec![url.clone()], vec![pid], url);
        Ok(())
    }
}
