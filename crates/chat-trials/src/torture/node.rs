//! One server process that is tortured: a lone server, or a node with its ways to the engines.

use std::path::PathBuf;

use anyhow::{Context, Result};
use chat_client::ServerUrl;
use chat_engines::Clock;

use super::engines::{Engines, Links};
use super::target::Setup;
use crate::child::{Process, launch_with, own_program};

/// Connections that a user may have: those that were cut may live on the server's side for a while.
const CONNECTIONS_PER_USER: usize = 1_000;

/// A process that runs but for a while.
pub(super) struct Node {
    folder: PathBuf,
    /// What it runs now, and what it runs when it is started again.
    programs: [PathBuf; 2],
    settings: Vec<(&'static str, String)>,
    process: Process,
    url: ServerUrl,
    links: Option<Links>,
    clock: Option<Clock>,
}

impl Node {
    /// Starts one that works in this folder, with these engines if it is one of several. The first one is of the other
    /// release if there is one, which makes the database as it was made before an upgrade; the next is of this one, and so on.
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

    /// Starts it again after its end, as the other release if there is one, and waits until it is ready.
    pub(super) async fn start_again(&mut self) -> Result<()> {
        self.programs.reverse();
        let launched = launch_with(&self.programs[0], &self.folder, CONNECTIONS_PER_USER, &self.settings);
        (self.process, self.url) = launched.await?;
        Ok(())
    }

    /// Leaves its files no room to grow, or gives it back.
    pub(super) fn fill_disk(&self, is_full: bool) -> Result<()> {
        self.process.fill_disk(is_full)
    }

    /// Sets its clock so many seconds ahead of right.
    pub(super) fn set_clock(&self, ahead_s: i64) -> Result<()> {
        self.clock.as_ref().context("a node without a clock that can be set")?.set(ahead_s)
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
