//! What is done to the servers for each fault, from its beginning until everything is well again, and what is looked at
//! meanwhile.

use std::time::Duration;

use anyhow::{Context, Result};
use chat_client::ServerUrl;
use chat_engines::{Nats, Postgres};
use tokio::time::{Instant, sleep};

use super::arena::Pulse;
use super::dice::Dice;
use super::engines::{ALLOWED, FORBIDDEN};
use super::fault::{Fault, Injection};
use super::link::Cut;
use super::node::Node;
use super::target::Target;
use super::verdict::{Findings, Violation};
use super::watch::{Checker, say};

/// A node that has lost its database says so within this time.
const UNREADY_WITHIN: Duration = Duration::from_secs(2);
/// When the database is back, all nodes write again within this time.
const RESUMED_WITHIN: Duration = Duration::from_secs(3);
/// A node that isn't ready after this time will not be.
const PATIENCE: Duration = Duration::from_secs(30);
/// After this time whoever spreads clients over nodes leaves out one that does not answer.
const FOUND_OUT: Duration = Duration::from_secs(1);
/// How long it takes until the next reset, and until the next node is restarted, in milliseconds.
const BETWEEN_RESETS_MS: (u64, u64) = (20, 150);
const BETWEEN_RESTARTS_MS: (u64, u64) = (100, 600);
/// How long news takes to a node, in milliseconds.
const DELAY_MS: (u64, u64) = (5, 150);

/// What came of a fault.
pub(super) struct Injected {
    /// From when on requests were to be answered again.
    pub(super) since: Instant,
    /// When everything was as it should be again, but for what is still to be made up for.
    pub(super) healed: Instant,
    /// How long nodes without a database said that they are ready.
    pub(super) unready: Option<Duration>,
    /// How long it took until all nodes were ready again.
    pub(super) ready: Duration,
    /// How long it took until all clients were live again that had to load anew.
    pub(super) live: Option<Duration>,
    /// The last message that the database has kept, where it lost some.
    pub(super) kept: Option<i64>,
    pub(super) findings: Findings,
}

impl Target {
    /// Does it, and waits until all is well again. From the moment on from which requests are to be answered the pulse
    /// counts.
    pub(super) async fn inject(
        &mut self,
        mut injection: Injection,
        pulse: &Pulse,
        token: &str,
    ) -> Result<Injected> {
        let mut findings = Findings::default();
        let checkers = self.checkers(injection.fault, token).await?;
        let began = Instant::now();
        let unready = self.apply(&mut injection, &mut findings).await?;
        let (fault, healed) = (injection.fault, Instant::now());
        // Whatever is acknowledged from now on, was acknowledged after it.
        pulse.listen();
        self.lead_to_all()?;
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

    /// The fault from its beginning to its end; gives how long nodes without a database said that they are ready.
    async fn apply(
        &mut self,
        injection: &mut Injection,
        findings: &mut Findings,
    ) -> Result<Option<Duration>> {
        let (victim, lasts) = (self.draw(&mut injection.dice), injection.lasts);
        match injection.fault {
            Fault::KillNode => self.kill(victim).await?,
            Fault::CrashPostgres => {
                self.engines()?.postgres().has(Postgres::crash).await?;
                let unready = self.without_database(self.urls(), lasts, findings).await;
                self.engines()?.postgres().has(Postgres::start_again).await?;
                return Ok(Some(unready));
            }
            Fault::KillNats => {
                self.engines()?.nats().has(Nats::kill).await?;
                sleep(lasts).await;
                self.engines()?.nats().has(Nats::start_again).await?;
            }
            Fault::PauseNats => {
                self.engines()?.nats().has(Nats::pause).await?;
                sleep(lasts).await;
                self.engines()?.nats().has(Nats::resume).await?;
            }
            Fault::CutNats => {
                let link = &self.node(victim)?.links()?.nats;
                link.cut(Cut::draw(&mut injection.dice));
                sleep(lasts).await;
                link.heal();
            }
            Fault::CutPostgres => {
                let node = self.node(victim)?;
                let link = &node.links()?.postgres;
                link.cut(Cut::draw(&mut injection.dice));
                let unready = self.without_database(vec![node.url().clone()], lasts, findings).await;
                link.heal();
                return Ok(Some(unready));
            }
            Fault::ResetNats => self.reset_nats(lasts, &mut injection.dice).await?,
            Fault::DelayNats => self.delay_nats(lasts, &mut injection.dice).await?,
            Fault::ForbidNats => {
                self.engines()?.nats().has(|nats| nats.set(FORBIDDEN)).await?;
                sleep(lasts).await;
                self.engines()?.nats().has(|nats| nats.set(ALLOWED)).await?;
            }
            Fault::PauseNode => self.pause(victim, lasts).await?,
            Fault::RestartNodes => self.restart_all(&mut injection.dice).await?,
            Fault::FailOver => self.kept = Some(self.fail_over(lasts).await?),
            Fault::RestartProxy => self.restart_proxy(lasts).await,
            Fault::SlowResumers | Fault::UntakenAnswers | Fault::LateFrames => {
                self.beset(victim, injection, findings).await?;
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

    /// A database's crash is no reason to lose a client.
    async fn checkers(&self, fault: Fault, token: &str) -> Result<Vec<Checker>> {
        let mut checkers = Vec::new();
        if fault.takes_the_database() {
            for node in &self.nodes {
                checkers.push(Checker::place(node.url(), token).await?);
            }
        }
        Ok(checkers)
    }

    fn draw(&self, dice: &mut Dice) -> usize {
        let last = u64::try_from(self.nodes.len()).unwrap_or(1).saturating_sub(1);
        usize::try_from(dice.between(0, last)).unwrap_or(0)
    }

    fn node(&self, number: usize) -> Result<&Node> {
        self.nodes.get(number).context("there is no such node")
    }

    fn node_mut(&mut self, number: usize) -> Result<&mut Node> {
        self.nodes.get_mut(number).context("there is no such node")
    }

    /// Ends one as a crash does, and starts it again.
    pub(super) async fn kill(&mut self, victim: usize) -> Result<()> {
        self.node_mut(victim)?.kill()?;
        self.lead_past(victim)?;
        self.node_mut(victim)?.start_again().await
    }

    /// Waits while these have no database; gives how long they said that they are ready.
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

    async fn reset_nats(&self, lasts: Duration, dice: &mut Dice) -> Result<()> {
        let until = Instant::now() + lasts;
        while Instant::now() < until {
            for node in &self.nodes {
                if dice.is_lucky(70) {
                    node.links()?.nats.reset();
                }
            }
            sleep(dice.millis(BETWEEN_RESETS_MS.0, BETWEEN_RESETS_MS.1)).await;
        }
        Ok(())
    }

    async fn delay_nats(&self, lasts: Duration, dice: &mut Dice) -> Result<()> {
        for node in &self.nodes {
            node.links()?.nats.delay(dice.millis(DELAY_MS.0, DELAY_MS.1));
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
        self.lead_past(victim)?;
        sleep(lasts.saturating_sub(FOUND_OUT)).await;
        self.node(victim)?.go_on()
    }

    /// A node that ends takes no new connections; they find the others.
    async fn restart_all(&mut self, dice: &mut Dice) -> Result<()> {
        for number in 0..self.nodes.len() {
            self.node_mut(number)?.stop().await?;
            self.lead_past(number)?;
            self.node_mut(number)?.start_again().await?;
            self.lead_to_all()?;
            sleep(dice.millis(BETWEEN_RESTARTS_MS.0, BETWEEN_RESTARTS_MS.1)).await;
        }
        Ok(())
    }
}
