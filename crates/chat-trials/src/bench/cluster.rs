//! Nodes of this program on one PostgreSQL database, with NATS between them if there are several. Both engines are
//! started for the measurement and run as long as this value lives. No measurement belongs in here.

use std::path::Path;

use anyhow::{Context, Result};
use chat_client::ServerUrl;
use chat_engines::{Nats, Postgres};
use tokio::task::spawn_blocking;

use super::batches::Batches;
use super::server::Program;
use crate::child::{Folder, Process, launch_watched};

const DATABASE: &str = "bench";
/// The database for statements that concern the whole PostgreSQL server.
const NO_DATABASE: &str = "postgres";
/// Keeps random checkpoints out of runs of some seconds. The other settings are PostgreSQL's defaults.
const SETTINGS: &str = "ALTER SYSTEM SET max_wal_size = '4GB'";

/// The nodes and their engines.
pub(super) struct Cluster {
    // The order of drops: nodes end before the engines, and the engines before the folder is removed.
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
    /// Starts PostgreSQL and `n_nodes` nodes, and NATS if there is more than one.
    pub(super) async fn start(n_nodes: u8, program: Program) -> Result<Self> {
        let folder = Folder::create(program.purpose)?;
        let postgres = spawn_blocking(start_postgres).await.context("PostgreSQL's start broke down")??;
        let nats = match n_nodes {
            ..=1 => None,
            _ => Some(spawn_blocking(Nats::start).await.context("the start of NATS broke down")??),
        };
        let mut cluster = Self { nodes: Vec::new(), nats, postgres, folder };
        for number in 0..n_nodes {
            let node = cluster.start_node(number, &program).await?;
            cluster.nodes.push(node);
        }
        Ok(cluster)
    }

    async fn start_node(&self, number: u8, program: &Program) -> Result<Node> {
        let folder = self.folder.path().join(format!("node-{number}"));
        std::fs::create_dir(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let nats = self.nats.as_ref().map(Nats::url).unwrap_or_default();
        let settings = [("DATABASE_URL", self.postgres.url(DATABASE)), ("NATS_URL", nats)];
        let (process, url, metrics) =
            launch_watched(&program.path, &folder, program.connections_per_user, &settings).await?;
        Ok(Node { process, url, metrics })
    }

    /// The URL of each node.
    pub(super) fn urls(&self) -> Vec<ServerUrl> {
        self.nodes.iter().map(|node| node.url.clone()).collect()
    }

    /// Process ids of the nodes.
    pub(super) fn pids(&self) -> Vec<u32> {
        self.nodes.iter().map(|node| node.process.id()).collect()
    }

    pub(super) fn n_nodes(&self) -> usize {
        self.nodes.len()
    }

    /// A description for the report.
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

    /// Runs statements in the nodes' database. Returns the rows that they print.
    pub(super) fn ask(&self, statements: &str) -> Result<String> {
        self.postgres.databases().execute(DATABASE, statements)
    }

    /// Makes PostgreSQL write a checkpoint, so that each run begins in the same state.
    pub(super) fn checkpoint(&self) -> Result<()> {
        self.ask("CHECKPOINT").map(drop)
    }

    /// The benchmark's own folder.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// A folder on the disk that PostgreSQL writes to.
    pub(super) fn data_folder(&self) -> &Path {
        self.postgres.log().parent().unwrap_or_else(|| self.folder.path())
    }

    /// The sum of all nodes' commits so far.
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
