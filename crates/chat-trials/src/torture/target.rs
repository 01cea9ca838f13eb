//! What is tortured, and how its clients find it: a lone server, or nodes with engines of their own, behind one proxy
//! that leads new connections to whichever node is there. What is done to it is in `inject.rs`.

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context, Result};
use chat_client::ServerUrl;
use tokio::time::sleep;

use super::arena::Era;
use super::clock;
use super::engines::Engines;
use super::mob;
use super::node::Node;
use super::proxy::Proxy;
use crate::child::Folder;

/// What is tortured, as the command line says it.
#[derive(Default)]
pub(super) struct Setup {
    /// So many nodes with engines of their own, instead of a lone server.
    pub(super) n_nodes: Option<u8>,
    /// The program of another release, which has to get on with this one.
    pub(super) other_release: Option<PathBuf>,
    /// The program that is tortured in place of this one.
    pub(super) program: Option<PathBuf>,
    /// Whether clients beset it, too.
    pub(super) is_beset: bool,
    /// Whether the clocks of its servers can be set.
    pub(super) has_clocks: bool,
}

impl Setup {
    /// What a server has to be told for that.
    pub(super) fn settings(&self) -> Vec<(&'static str, String)> {
        let beset = [("ANSWER_TIMEOUT", mob::ANSWER_TIMEOUT), ("TOKIO_WORKER_THREADS", mob::THREADS)];
        let beset = beset.into_iter().filter(|_| self.is_beset);
        let tokens = self.has_clocks.then_some(("JWT_EXPIRY_MINUTES", clock::TOKEN_MINUTES));
        beset.chain(tokens).map(|(name, value)| (name, value.to_owned())).collect()
    }
}

/// The servers under test: all processes, and what they leave behind.
pub(super) struct Target {
    // Nodes end before the engines, and those before the folder goes.
    pub(super) nodes: Vec<Node>,
    engines: Option<Engines>,
    pub(super) era: Era,
    /// The last message that the database has kept, if it was replaced just now.
    pub(super) kept: Option<i64>,
    proxy: Proxy,
    folder: Folder,
}

impl Target {
    /// Starts a lone server, or so many nodes.
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
        let target = Self { nodes, engines, era: Era::default(), kept: None, proxy, folder };
        target.lead_to_all()?;
        Ok(target)
    }

    /// Where clients find it.
    pub(super) fn proxy_url(&self) -> String {
        self.proxy.url()
    }

    /// Where one of the nodes is found past the proxy; each has its turn.
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

    /// New connections go to any node.
    pub(super) fn lead_to_all(&self) -> Result<()> {
        self.lead(|_| true)
    }

    /// New connections go to any node but this one.
    pub(super) fn lead_past(&self, node: usize) -> Result<()> {
        self.lead(|other| other != node)
    }

    fn lead(&self, is_wanted: impl Fn(usize) -> bool) -> Result<()> {
        let wanted = self.nodes.iter().enumerate().filter(|(number, _)| is_wanted(*number));
        let addresses = wanted.map(|(_, node)| node.url().authority().parse());
        let addresses: Result<Vec<_>, _> = addresses.collect();
        self.proxy.lead_to(addresses.context("a node's address is not understood")?);
        Ok(())
    }

    /// Clients find nobody for so long, and then everybody.
    pub(super) async fn restart_proxy(&self, lasts: Duration) {
        self.proxy.end();
        sleep(lasts).await;
        self.proxy.start_again().await;
    }

    /// The nodes' addresses past the proxy.
    pub(super) fn urls(&self) -> Vec<ServerUrl> {
        self.nodes.iter().map(|node| node.url().clone()).collect()
    }

    /// Where data and logs are.
    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Leaves data and logs where they are.
    pub(super) fn keep(&mut self) {
        self.folder.keep();
    }
}
