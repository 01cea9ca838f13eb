//! All that takes part, cycle by cycle: load, a fault in the middle of it, and a comparison when all has come to rest.

use std::time::Duration;

use anyhow::{Context, Result};
use chat_client::{Client, ServerUrl};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::arena::{self, Pulse};
use super::dice::Dice;
use super::fault::{Fault, Injection};
use super::ledger::Ledger;
use super::poster::Poster;
use super::report::{Report, Times};
use super::talker::Talker;
use super::target::{Setup, Target};
use super::truth;
use super::verdict::{Findings, Log, Violation, judge};

/// What is not answered, or not told, after so long will not be.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where something is wrong already, clients need not have long for their part of it.
const IMPATIENCE: Duration = Duration::from_secs(2);
/// How many requests each client of the stream has under way. What is to be seen of a cluster is how soon it answers, and
/// not how long its queues are.
const ROOM: usize = 8;
const ROOM_OF_CLUSTER: usize = 3;
/// How long the load goes on after a fault, in milliseconds.
const AFTERWARDS_MS: (u64, u64) = (200, 500);
/// Within this time after a fault of a cluster all clients have the same again.
const EQUAL_WITHIN: Duration = Duration::from_secs(10);
/// Within this time after another database has taken over all clients are live again.
const LIVE_WITHIN: Duration = Duration::from_secs(3);
/// Within this time after the database is back something is written again.
const RESUMED_WITHIN: Duration = Duration::from_secs(3);

/// All that takes part.
pub(super) struct Run {
    seed: u64,
    dice: Dice,
    target: Target,
    pulse: Pulse,
    tokens: Vec<String>,
    talkers: Vec<Talker>,
    posters: Vec<Poster>,
    /// Since the beginning.
    ledger: Ledger,
    log: Log,
    findings: Findings,
    times: Times,
    untimed: bool,
}

impl Run {
    pub(super) async fn open(seed: u64, n_clients: usize, setup: &Setup) -> Result<Self> {
        let target = Target::open(seed, setup).await?;
        let people = arena::set(&target.node_url(0)?, n_clients).await?;
        let pulse = Pulse::default();
        let room = if target.is_cluster() { ROOM_OF_CLUSTER } else { ROOM };
        let (mut talkers, mut posters) = (JoinSet::new(), Vec::new());
        for person in &people {
            let through = ServerUrl::parse(&target.proxy_url())?;
            let signs = (pulse.clone(), target.era.clone());
            let talker = Talker::new(person.clone(), through, seed, signs.clone(), room);
            talkers.spawn(talker.arrive(PATIENCE));
            if person.number.is_multiple_of(2) {
                let client = Client::new(&target.proxy_url())?;
                posters.push(Poster::new(person.clone(), client, seed, signs));
            }
        }
        let talkers = all(talkers).await?;
        let tokens = people.into_iter().map(|person| person.token).collect();
        Ok(Self {
            seed,
            dice: Dice::new(seed, "show", 0),
            target,
            pulse,
            tokens,
            talkers,
            posters,
            ledger: Ledger::default(),
            log: Log::new(),
            findings: Findings::default(),
            times: Times::default(),
            untimed: false,
        })
    }

    /// Whether it does not matter how long things take.
    pub(super) fn untimed(self, untimed: bool) -> Self {
        Self { untimed, ..self }
    }

    pub(super) fn is_good(&self) -> bool {
        self.findings.is_nothing()
    }

    /// Load, a fault in the middle of it, and a comparison.
    pub(super) async fn cycle(
        &mut self,
        number: u32,
        (least, most): (u64, u64),
        injection: Injection,
    ) -> Result<()> {
        let (stop, stopped) = watch::channel(false);
        let (mut talking, mut posting) = (JoinSet::new(), JoinSet::new());
        for talker in self.talkers.drain(..) {
            talking.spawn(talker.play(stopped.clone(), PATIENCE));
        }
        for poster in self.posters.drain(..) {
            posting.spawn(poster.play(stopped.clone(), PATIENCE));
        }
        sleep(self.dice.millis(least, most)).await;
        let fault = injection.fault;
        let token = self.tokens.first().context("somebody takes part")?;
        let mut injected = self.target.inject(injection, &self.pulse, token).await?;
        sleep(self.dice.millis(AFTERWARDS_MS.0, AFTERWARDS_MS.1)).await;
        stop.send_replace(true);
        (self.talkers, self.posters) = (all(talking).await?, all(posting).await?);
        self.findings.add(std::mem::take(&mut injected.findings));
        let first = self.pulse.first();
        let recovery = first.map(|first| first.saturating_duration_since(injected.since.into_std()));
        match recovery {
            None => self.findings.note(Violation::Unanswered, || "nothing, since the fault".into()),
            Some(took) if fault.takes_the_database() && took > RESUMED_WITHIN => {
                self.findings.note(Violation::Late, || format!("nothing was written for {took:?}"));
            }
            Some(_) => {}
        }
        let said = self.compare(number, injected.kept).await?;
        let equal = self.equal_after(injected.healed);
        injected.live = self.live_after(fault, injected.healed);
        self.times.add(fault, recovery.unwrap_or_default(), &injected, equal);
        if self.untimed {
            self.findings.forgive(Violation::Late);
        }
        let is_told = self.target.is_cluster() || fault != Fault::KillNode;
        let what = if is_told { format!(" ({})", fault.name()) } else { String::new() };
        let verdict = if self.is_good() { "good" } else { "NOT GOOD" };
        eprintln!("cycle {number}{what}: {said}: {verdict}");
        Ok(())
    }

    /// How long after the fault the last client had what the log has.
    fn equal_after(&mut self, healed: Instant) -> Duration {
        let last = self.talkers.iter().map(Talker::agreed_at).max().unwrap_or(healed);
        let took = last.saturating_duration_since(healed);
        if self.target.is_cluster() && took > EQUAL_WITHIN {
            self.findings.note(Violation::Late, || format!("the last client had everything after {took:?}"));
        }
        took
    }

    /// Whoever was told what is lost has to load anew, once, and nobody else. How long after the fault the last of them was
    /// live again.
    fn live_after(&mut self, fault: Fault, healed: Instant) -> Option<Duration> {
        let expected = u64::from(fault.loses_the_end());
        let mut last = None;
        for talker in &mut self.talkers {
            let beginnings = talker.take_beginnings();
            if beginnings.count != expected {
                let what = || format!("a client had to reload {} times, not {expected}", beginnings.count);
                self.findings.note(Violation::Resync, what);
            }
            last = last.max(beginnings.live_at);
        }
        let took = last?.saturating_duration_since(healed);
        if took > LIVE_WITHIN {
            self.findings.note(Violation::Late, || format!("the last client was live after {took:?}"));
        }
        Some(took)
    }

    /// Compares what was told in this cycle with what the log has of it; gives a line about it.
    async fn compare(&mut self, cycle: u32, kept: Option<i64>) -> Result<String> {
        let mut told = Ledger::default();
        let talkers = self.talkers.iter_mut().map(Talker::take_ledger);
        for (ledger, past) in talkers.chain(self.posters.iter_mut().map(Poster::take_ledger)) {
            told.add(ledger);
            told.add(past.unwrap_or_default().surviving(kept.unwrap_or(i64::MAX)));
        }
        let log = truth::read(&self.members(cycle)?, Some(&self.log)).await?;
        let mut findings = judge(&told, &log);
        let mut agreeing = JoinSet::new();
        let shared = std::sync::Arc::new(log);
        let patience = if findings.is_nothing() { PATIENCE } else { IMPATIENCE };
        for talker in self.talkers.drain(..) {
            let log = shared.clone();
            agreeing.spawn(talker.agree(log, patience));
        }
        self.talkers = all(agreeing).await?;
        self.talkers.iter_mut().for_each(|talker| findings.add(talker.take_findings()));
        let ((sent, acked), n_lost) = (told.counts(), told.n_lost);
        self.findings.add(findings);
        // What was noted here is not to be noted again in the end.
        told.refusals.clear();
        told.unanswered = 0;
        self.ledger.add(told);
        self.log = std::sync::Arc::unwrap_or_clone(shared);
        let lost = if kept.is_some() { format!(", {n_lost} lost by the database") } else { String::new() };
        Ok(format!("{sent} sent, {acked} acknowledged{lost}"))
    }

    /// Those who may read everything, past the proxy.
    fn members(&self, turn: u32) -> Result<Vec<Client>> {
        let client = Client::new(&self.target.node_url(turn)?)?;
        Ok(self.tokens.iter().map(|token| client.with_token(token.clone())).collect())
    }

    /// Looks at the whole log once more.
    pub(super) async fn close(mut self, cycles: u32) -> Result<Report> {
        let log = truth::read(&self.members(cycles)?, None).await?;
        // What a cycle has found is not found anew.
        if self.findings.is_nothing() {
            self.findings = judge(&self.ledger, &log);
        }
        let is_good = self.findings.is_nothing();
        if !is_good {
            self.target.keep();
        }
        let (sent, acked) = self.ledger.counts();
        Ok(Report {
            seed: self.seed,
            cycles,
            nodes: self.target.is_cluster().then_some(self.target.nodes.len()),
            clients: self.tokens.len(),
            sent,
            acked,
            resumes: self.talkers.iter().map(Talker::n_resumed).sum(),
            n_lost: self.ledger.n_lost,
            times: self.times,
            folder: (!is_good).then(|| self.target.folder().display().to_string()),
            findings: self.findings,
        })
    }
}

/// What all tasks gave.
async fn all<T: 'static>(mut tasks: JoinSet<T>) -> Result<Vec<T>> {
    let mut given = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        given.push(ended.context("a client broke down")?);
    }
    Ok(given)
}
