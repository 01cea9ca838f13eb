//! Nodes of this very program on one PostgreSQL database, with a NATS between them if they are several; both engines are
//! the measurement's own. They run for as long as this lives. What is measured stands elsewhere.

use std::path::Path;

use anyhow::{Context, Result};
use chat_client::ServerUrl;
use chat_engines::{Nats, Postgres};
use tokio::task::spawn_blocking;

use super::batches::Batches;
use crate::child::{Folder, Process, launch_watched};

const DATABASE: &str = "bench";
/// Where statements are run that concern the whole server.
const NO_DATABASE: &str = "postgres";
/// So that runs of some seconds have no checkpoint in them by chance; the other settings are PostgreSQL's own.
const SETTINGS: &str = "ALTER SYSTEM SET max_wal_size = '4GB'";

/// The nodes and their engines.
pub(super) struct Cluster {
    // Nodes end before the engines, and those before the folder goes.
    nodes: Vec<Node>,
    nats: Option<Nats>,
    postgres: Postgres,
    folder: Folder,
}

struct Node {
    process: Process,
    url: ServerUrl,
    metrics: ServerUrl,
}

impl Cluster {
    /// Starts PostgreSQL and so many nodes, and NATS if there is more than one: a lone node has nobody to tell.
    pub(super) async fn start(n_nodes: u8, connections_per_user: usize) -> Result<Self> {
        let folder = Folder::create("bench")?;
        let postgres = spawn_blocking(start_postgres).await.context("PostgreSQL's start broke down")??;
        let nats = match n_nodes {
            ..=1 => None,
            _ => Some(spawn_blocking(Nats::start).await.context("the start of NATS broke down")??),
        };
        let mut cluster = Self { nodes: Vec::new(), nats, postgres, folder };
        for number in 0..n_nodes {
            let node = cluster.start_node(number, connections_per_user).await?;
            cluster.nodes.push(node);
        }
        Ok(cluster)
    }

    async fn start_node(&self, number: u8, connections_per_user: usize) -> Result<Node> {
        let folder = self.folder.path().join(format!("node-{number}"));
        std::fs::create_dir(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let nats = self.nats.as_ref().map(Nats::url).unwrap_or_default();
        let settings = [("DATABASE_URL", self.postgres.url(DATABASE)), ("NATS_URL", nats)];
        let (process, url, metrics) = launch_watched(&folder, connections_per_user, &settings).await?;
        Ok(Node { process, url, metrics })
    }

    /// Where each node is.
    pub(super) fn urls(&self) -> Vec<ServerUrl> {
        self.nodes.iter().map(|node| node.url.clone()).collect()
    }

    /// The nodes' processes.
    pub(super) fn pids(&self) -> Vec<u32> {
        self.nodes.iter().map(|node| node.process.id()).collect()
    }

    pub(super) fn n_nodes(&self) -> usize {
        self.nodes.len()
    }

    /// What it consists of, for people.
    pub(super) fn describe(&self) -> String {
        match self.nodes.len() {
            1 => "1 node on PostgreSQL".into(),
            n_nodes => format!("{n_nodes} nodes on PostgreSQL, with NATS"),
        }
    }

    /// The PostgreSQL server.
    pub(super) fn postgres(&self) -> &Postgres {
        &self.postgres
    }

    /// Runs statements in the nodes' database; gives the rows that they print.
    pub(super) fn ask(&self, statements: &str) -> Result<String> {
        self.postgres.databases().execute(DATABASE, statements)
    }

    /// Has PostgreSQL write out what it holds, so that the next run begins as the last one did.
    pub(super) fn checkpoint(&self) -> Result<()> {
        self.ask("CHECKPOINT").map(drop)
    }

    /// A folder of the benchmark's own.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A folder on the disk that PostgreSQL writes to.
    pub(super) fn data_folder(&self) -> &Path {
        self.postgres.log().parent().unwrap_or_else(|| self.folder.path())
    }

    /// What all nodes together have committed so far.
    pub(super) async fn batches(&self) -> Result<Batches> {
        let mut all = Batches::default();
        for node in &self.nodes {
            all += Batches::of(&node.metrics).await?;
        }
        Ok(all)
    }
}

fn start_postgres() -> Result<Postgres> {
    let postgres = Postgres::start()?;
    let databases = postgres.databases();
    databases.execute(NO_DATABASE, SETTINGS)?;
    databases.execute(NO_DATABASE, "SELECT pg_reload_conf()")?;
    postgres.create_database(DATABASE)?;
    Ok(postgres)
}
