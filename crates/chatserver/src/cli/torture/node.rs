//! One server process that is tortured: a lone server, or a node with its ways to the engines.

use std::path::PathBuf;

use anyhow::{Context, Result};
use chat_client::ServerUrl;

use super::engines::{Engines, Links};
use crate::cli::child::{Process, launch_with};

/// Connections that a user may have: those that were cut may live on the server's side for a while.
const CONNECTIONS_PER_USER: usize = 1_000;

/// A process that runs but for a while.
pub(super) struct Node {
    folder: PathBuf,
    settings: Vec<(&'static str, String)>,
    process: Process,
    url: ServerUrl,
    links: Option<Links>,
}

impl Node {
    /// Starts one that works in this folder, with these engines if it is one of several.
    pub(super) async fn start(folder: PathBuf, engines: Option<&Engines>) -> Result<Self> {
        let links = engines.map(Engines::links).transpose()?;
        let settings = links.as_ref().map(Links::settings).unwrap_or_default();
        std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let (process, url) = launch_with(&folder, CONNECTIONS_PER_USER, &settings).await?;
        Ok(Self { folder, settings, process, url, links })
    }

    /// Where it is reached past the clients' proxy.
    pub(super) fn url(&self) -> &ServerUrl {
        &self.url
    }

    pub(super) fn links(&self) -> Result<&Links> {
        self.links.as_ref().context("a lone server has no engines")
    }

    /// Ends it as a crash does.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Ends it in order.
    pub(super) async fn stop(&mut self) -> Result<()> {
        self.process.stop().await
    }

    /// Starts it again after its end, and waits until it is ready.
    pub(super) async fn start_again(&mut self) -> Result<()> {
        (self.process, self.url) = launch_with(&self.folder, CONNECTIONS_PER_USER, &self.settings).await?;
        Ok(())
    }

    /// Stops it where it is; it notices nothing.
    pub(super) fn pause(&self) -> Result<()> {
        self.process.signal("STOP")
    }

    /// Lets it go on.
    pub(super) fn go_on(&self) -> Result<()> {
        self.process.signal("CONT")
    }
}
