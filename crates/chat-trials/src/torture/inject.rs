//! Injects each fault into the servers, waits until they have recovered, and checks them meanwhile.

use std::time::Duration;

use anyhow::{Context, Result};
use chat_client::ServerUrl;
use chat_engines::{Nats, Postgres};
use tokio::time::{Instant, sleep};

use super::engines::{ALLOWED, FORBIDDEN};
use super::fault::{Fault, Injection};
use super::link::Cut;
use super::node::Node;
use super::target::Target;
use super::users::FirstAck;
use super::verdict::{Findings, Violation};
use super::watch::{Checker, say};
use crate::rng::Rng;

/// A node that has lost its database reports that it is not ready within this time.
const UNREADY_WITHIN: Duration = Duration::from_secs(2);
/// All nodes write again within this time after the database is back.
const RESUMED_WITHIN: Duration = Duration::from_secs(3);
/// A node that is not ready after this time will not become ready.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time after which the proxy, like a load balancer, stops using a node that does not answer.
const FOUND_OUT: Duration = Duration::from_secs(1);
/// Time between two resets and between the restarts of two nodes, in milliseconds.
const BETWEEN_RESETS_MS: (u64, u64) = (20, 150);
const BETWEEN_RESTARTS_MS: (u64, u64) = (100, 600);
/// Delay of messages between NATS and a node, in milliseconds.
const DELAY_MS: (u64, u64) = (5, 150);

/// The result of an injection.
pub(super) struct Injected {
    /// From when on requests had to be answered again.
    pub(super) since: Instant,
    /// When the fault ended; nodes and clients may still have to catch up.
    pub(super) healed: Instant,
    /// How long nodes without a database still reported that they are ready.
    pub(super) unready: Option<Duration>,
    /// Time until all nodes were ready again.
    pub(super) ready: Duration,
    /// Time until all clients that had to reload were live again.
    pub(super) live: Option<Duration>,
    /// Id of the last message that the database has kept, if it lost some.
    pub(super) kept: Option<i64>,
    pub(super) findings: Findings,
}

impl Target {
    /// Injects a fault and waits until all nodes are ready again. `first_ack` is reset when requests have to be
    /// answered again.
    pub(super) async fn inject(
        &mut self,
        mut injection: Injection,
        first_ack: &FirstAck,
        token: &str,
    ) -> Result<Injected> {
        let mut findings = Findings::default();
        let checkers = self.checkers(injection.fault, token).await?;
        let began = Instant::now();
        let unready = self.apply(&mut injection, &mut findings).await?;
        let (fault, healed) = (injection.fault, Instant::now());
        // Every acknowledgement from now on came after the fault.
        first_ack.listen();
        self.use_all_nodes()?;
        let ready = say(self.urls(), true, PATIENCE).await.context("a node does not become ready again")?;
        if fault.takes_the_database() && ready > RESUMED_WITHIN {
            findings
                .note(Violation::Late, || format!("a node was ready {ready:?} after its database was back"));
        }
        for checker in checkers {
            if let Err(error) = checker.verify().await {
                findings
                    .note(Violation::Dropped, || format!("a stream ended by {}: {error:#}", fault.name()));
            }
        }
        let since = if fault == Fault::KillNode { began } else { healed };
        Ok(Injected { since, healed, unready, ready, live: None, kept: self.kept.take(), findings })
    }

    /// Applies the fault from its beginning to its end. Returns how long nodes without a database reported that they
    /// are ready.
    async fn apply(
        &mut self,
        injection: &mut Injection,
        findings: &mut Findings,
    ) -> Result<Option<Duration>> {
        let (victim, lasts) = (self.draw(&mut injection.rng), injection.lasts);
        match injection.fault {
            Fault::KillNode => self.kill(victim).await?,
            Fault::CrashPostgres => {
                self.engines()?.postgres().run(Postgres::crash).await?;
                let unready = self.without_database(self.urls(), lasts, findings).await;
                self.engines()?.postgres().run(Postgres::start_again).await?;
                return Ok(Some(unready));
            }
            Fault::KillNats => {
                self.engines()?.nats().run(Nats::kill).await?;
                sleep(lasts).await;
                self.engines()?.nats().run(Nats::start_again).await?;
            }
            Fault::PauseNats => {
                self.engines()?.nats().run(Nats::pause).await?;
                sleep(lasts).await;
                self.engines()?.nats().run(Nats::resume).await?;
            }
            Fault::CutNats => {
                let link = &self.node(victim)?.links()?.nats;
                link.cut(Cut::draw(&mut injection.rng));
                sleep(lasts).await;
                link.heal();
            }
            Fault::CutPostgres => {
                let node = self.node(victim)?;
                let link = &node.links()?.postgres;
                link.cut(Cut::draw(&mut injection.rng));
                let unready = self.without_database(vec![node.url().clone()], lasts, findings).await;
                link.heal();
                return Ok(Some(unready));
            }
            Fault::ResetNats => self.reset_nats(lasts, &mut injection.rng).await?,
            Fault::DelayNats => self.delay_nats(lasts, &mut injection.rng).await?,
            Fault::ForbidNats => {
                self.engines()?.nats().run(|nats| nats.set(FORBIDDEN)).await?;
                sleep(lasts).await;
                self.engines()?.nats().run(|nats| nats.set(ALLOWED)).await?;
            }
            Fault::PauseNode => self.pause(victim, lasts).await?,
            Fault::RestartNodes => self.restart_all(&mut injection.rng).await?,
            Fault::FailOver => self.kept = Some(self.fail_over(lasts).await?),
            Fault::RestartProxy => self.restart_proxy(lasts).await,
            Fault::SlowResumers | Fault::UntakenAnswers | Fault::LateFrames => {
                self.run_bad_clients(victim, injection, findings).await?;
            }
            Fault::StepClock => self.step_clock(victim, injection, findings).await?,
            Fault::FillDisk => {
                let node = self.node(victim)?;
                node.fill_disk(true)?;
                let unready = self.without_database(vec![node.url().clone()], lasts, findings).await;
                node.fill_disk(false)?;
                return Ok(Some(unready));
            }
        }
        Ok(None)
    }

    /// Opens a stream to each node if the fault takes the database: losing the database must not end any stream.
    async fn checkers(&self, fault: Fault, token: &str) -> Result<Vec<Checker>> {
        let mut checkers = Vec::new();
        if fault.takes_the_database() {
            for node in &self.nodes {
                checkers.push(Checker::open(node.url(), token).await?);
            }
        }
        Ok(checkers)
    }

    fn draw(&self, rng: &mut Rng) -> usize {
        let last = u64::try_from(self.nodes.len()).unwrap_or(1).saturating_sub(1);
        usize::try_from(rng.between(0, last)).unwrap_or(0)
    }

    fn node(&self, number: usize) -> Result<&Node> {
        self.nodes.get(number).context("there is no such node")
    }

    fn node_mut(&mut self, number: usize) -> Result<&mut Node> {
        self.nodes.get_mut(number).context("there is no such node")
    }

    /// Kills a node and starts it again.
    pub(super) async fn kill(&mut self, victim: usize) -> Result<()> {
        self.node_mut(victim)?.kill()?;
        self.exclude_node(victim)?;
        self.node_mut(victim)?.start_again().await
    }

    /// Waits while these nodes have no database. Returns how long they still reported that they are ready.
    async fn without_database(
        &self,
        nodes: Vec<ServerUrl>,
        lasts: Duration,
        findings: &mut Findings,
    ) -> Duration {
        let until = Instant::now() + lasts;
        let unready = say(nodes, false, UNREADY_WITHIN).await;
        if unready.is_none() {
            findings.note(Violation::Late, || {
                format!("a node without its database did not say so within {UNREADY_WITHIN:?}")
            });
        }
        tokio::time::sleep_until(until).await;
        unready.unwrap_or(lasts)
    }

    async fn reset_nats(&self, lasts: Duration, rng: &mut Rng) -> Result<()> {
        let until = Instant::now() + lasts;
        while Instant::now() < until {
            for node in &self.nodes {
                if rng.percent(70) {
                    node.links()?.nats.reset();
                }
            }
            sleep(rng.millis(BETWEEN_RESETS_MS.0, BETWEEN_RESETS_MS.1)).await;
        }
        Ok(())
    }

    async fn delay_nats(&self, lasts: Duration, rng: &mut Rng) -> Result<()> {
        for node in &self.nodes {
            node.links()?.nats.delay(rng.millis(DELAY_MS.0, DELAY_MS.1));
        }
        sleep(lasts).await;
        for node in &self.nodes {
            node.links()?.nats.heal();
        }
        Ok(())
    }

    async fn pause(&self, victim: usize, lasts: Duration) -> Result<()> {
        self.node(victim)?.pause()?;
        sleep(lasts.min(FOUND_OUT)).await;
        self.exclude_node(victim)?;
        sleep(lasts.saturating_sub(FOUND_OUT)).await;
        self.node(victim)?.go_on()
    }

    /// Restarts all nodes one by one. A stopping node accepts no connections; the proxy uses the others.
    async fn restart_all(&mut self, rng: &mut Rng) -> Result<()> {
        for number in 0..self.nodes.len() {
            self.node_mut(number)?.stop().await?;
            self.exclude_node(number)?;
            self.node_mut(number)?.start_again().await?;
            self.use_all_nodes()?;
            sleep(rng.millis(BETWEEN_RESTARTS_MS.0, BETWEEN_RESTARTS_MS.1)).await;
        }
        Ok(())
    }
}
