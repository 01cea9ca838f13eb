//! The servers under test: a single server, or nodes with their own engines, behind one proxy that leads new
//! connections to the running nodes. `inject.rs` injects the faults.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use chat_client::ServerUrl;
use tokio::time::sleep;

use super::bad_clients;
use super::clock;
use super::engines::Engines;
use super::node::Node;
use super::proxy::Proxy;
use super::users::Replacements;
use crate::child::Folder;

/// The servers under test as chosen on the command line.
#[derive(Default)]
pub(super) struct Setup {
    /// Number of nodes of a cluster; `None` for a single server.
    pub(super) n_nodes: Option<u8>,
    /// Program of another release, which runs in the same cluster.
    pub(super) other_release: Option<PathBuf>,
    /// Program to test instead of this one.
    pub(super) program: Option<PathBuf>,
    /// Whether misbehaving clients are among the faults.
    pub(super) has_bad_clients: bool,
    /// Whether the clocks of the servers can be set.
    pub(super) has_clocks: bool,
}

impl Setup {
    /// The settings of the servers.
    pub(super) fn settings(&self) -> Vec<(&'static str, String)> {
        let run_bad_clients =
            [("ANSWER_TIMEOUT", bad_clients::ANSWER_TIMEOUT), ("TOKIO_WORKER_THREADS", bad_clients::THREADS)];
        let run_bad_clients = run_bad_clients.into_iter().filter(|_| self.has_bad_clients);
        let tokens = self.has_clocks.then_some(("JWT_EXPIRY_MINUTES", clock::TOKEN_MINUTES));
        run_bad_clients.chain(tokens).map(|(name, value)| (name, value.to_owned())).collect()
    }
}

/// All processes under test, and their data.
pub(super) struct Target {
    // The order of drops: nodes end before the engines, and the engines before the folder is removed.
    pub(super) nodes: Vec<Node>,
    engines: Option<Engines>,
    pub(super) replacements: Replacements,
    /// Id of the last message that the database has kept, if it was replaced in this injection.
    pub(super) kept: Option<i64>,
    proxy: Proxy,
    folder: Folder,
}

impl Target {
    /// Starts a single server, or the nodes and engines of a cluster.
    pub(super) async fn open(seed: u64, setup: &Setup) -> Result<Self> {
        let n_nodes = setup.n_nodes;
        let folder = Folder::create("torture")?;
        let engines = if n_nodes.is_some() { Some(Engines::start().await?) } else { None };
        let mut nodes = Vec::new();
        for number in 0..n_nodes.unwrap_or(1) {
            let path = match engines {
                Some(_) => folder.path().join(format!("node-{number}")),
                None => folder.path().to_owned(),
            };
            nodes.push(Node::start(path, number, setup, engines.as_ref()).await?);
        }
        let proxy = Proxy::open(seed, n_nodes.is_some()).await?;
        let target =
            Self { nodes, engines, replacements: Replacements::default(), kept: None, proxy, folder };
        target.use_all_nodes()?;
        Ok(target)
    }

    /// URL of the proxy, for the clients.
    pub(super) fn proxy_url(&self) -> String {
        self.proxy.url()
    }

    /// URL of one of the nodes without the proxy, in turn.
    pub(super) fn node_url(&self, turn: u32) -> Result<String> {
        let turn = usize::try_from(turn).unwrap_or(0) % self.nodes.len().max(1);
        let node = self.nodes.get(turn).context("there is no node")?;
        Ok(format!("http://{}", node.url().authority()))
    }

    pub(super) fn engines(&self) -> Result<&Engines> {
        self.engines.as_ref().context("a lone server has no engines")
    }

    pub(super) fn engines_mut(&mut self) -> Result<&mut Engines> {
        self.engines.as_mut().context("a lone server has no engines")
    }

    pub(super) fn is_cluster(&self) -> bool {
        self.engines.is_some()
    }

    /// Leads new connections to all nodes.
    pub(super) fn use_all_nodes(&self) -> Result<()> {
        self.set_nodes(|_| true)
    }

    /// Leads new connections to all nodes except this one.
    pub(super) fn exclude_node(&self, node: usize) -> Result<()> {
        self.set_nodes(|other| other != node)
    }

    fn set_nodes(&self, is_wanted: impl Fn(usize) -> bool) -> Result<()> {
        let wanted = self.nodes.iter().enumerate().filter(|(number, _)| is_wanted(*number));
        let addresses = wanted.map(|(_, node)| node.url().authority().parse());
        let addresses: Result<Vec<_>, _> = addresses.collect();
        self.proxy.connect_to(addresses.context("a node's address is not understood")?);
        Ok(())
    }

    /// Stops the proxy with all its connections for this time.
    pub(super) async fn restart_proxy(&self, lasts: Duration) {
        self.proxy.end();
        sleep(lasts).await;
        self.proxy.start_again().await;
    }

    /// URLs of the nodes without the proxy.
    pub(super) fn urls(&self) -> Vec<ServerUrl> {
        self.nodes.iter().map(|node| node.url().clone()).collect()
    }

    /// The folder with data and logs.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Keeps data and logs after the run.
    pub(super) fn keep(&mut self) {
        self.folder.keep();
    }
}
