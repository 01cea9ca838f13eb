//! A server process under test: a single server, or a node with its links to the engines.

use std::path::PathBuf;

use anyhow::{Context, Result};
use chat_client::ServerUrl;
use chat_engines::Clock;

use super::engines::{Engines, Links};
use super::target::Setup;
use crate::child::{Process, launch_with, own_program};

/// Upper bound for a user's connections: connections that were cut may stay open on the server's side for a while.
const CONNECTIONS_PER_USER: usize = 1_000;

/// A node, whose process is stopped and started again.
pub(super) struct Node {
    folder: PathBuf,
    /// The program that runs now, and the one for the next start.
    programs: [PathBuf; 2],
    settings: Vec<(&'static str, String)>,
    process: Process,
    url: ServerUrl,
    links: Option<Links>,
    clock: Option<Clock>,
}

impl Node {
    /// Starts a node in this folder, with these engines if it is part of a cluster. Even nodes start with the other
    /// release, if there is one, so that the first creates the database as before an upgrade; odd nodes start with this
    /// release.
    pub(super) async fn start(
        folder: PathBuf,
        number: u8,
        setup: &Setup,
        engines: Option<&Engines>,
    ) -> Result<Self> {
        let own = setup.program.clone().map_or_else(own_program, Ok)?;
        let other = setup.other_release.clone().unwrap_or_else(|| own.clone());
        let programs = if number.is_multiple_of(2) { [other, own] } else { [own, other] };
        let links = engines.map(Engines::links).transpose()?;
        let mut settings = links.as_ref().map(Links::settings).unwrap_or_default();
        settings.extend(setup.settings());
        std::fs::create_dir_all(&folder).with_context(|| format!("{} cannot be made", folder.display()))?;
        let clock = setup.has_clocks.then(|| Clock::kept_in(&folder)).transpose()?;
        settings.extend(clock.iter().flat_map(Clock::settings));
        let (process, url) = launch_with(&programs[0], &folder, CONNECTIONS_PER_USER, &settings).await?;
        Ok(Self { folder, programs, settings, process, url, links, clock })
    }

    /// The node's URL without the clients' proxy.
    pub(super) fn url(&self) -> &ServerUrl {
        &self.url
    }

    pub(super) fn links(&self) -> Result<&Links> {
        self.links.as_ref().context("a lone server has no engines")
    }

    /// Kills the process, as a crash does.
    pub(super) fn kill(&mut self) -> Result<()> {
        self.process.kill()
    }

    /// Stops the process cleanly.
    pub(super) async fn stop(&mut self) -> Result<()> {
        self.process.stop().await
    }

    /// Starts the node again, with the other release if there is one, and waits until it is ready.
    pub(super) async fn start_again(&mut self) -> Result<()> {
        self.programs.reverse();
        let launched = launch_with(&self.programs[0], &self.folder, CONNECTIONS_PER_USER, &self.settings);
        (self.process, self.url) = launched.await?;
        Ok(())
    }

    /// Prevents the node's files from growing, as a full disk does, or lets them grow again.
    pub(super) fn fill_disk(&self, is_full: bool) -> Result<()> {
        self.process.fill_disk(is_full)
    }

    /// Sets the node's clock ahead of the real time by this number of seconds.
    pub(super) fn set_clock(&self, ahead_s: i64) -> Result<()> {
        self.clock.as_ref().context("a node without a clock that can be set")?.set(ahead_s)
    }

    /// Pauses the process, which does not notice it.
    pub(super) fn pause(&self) -> Result<()> {
        self.process.signal("STOP")
    }

    /// Continues a paused process.
    pub(super) fn go_on(&self) -> Result<()> {
        self.process.signal("CONT")
    }
}
