//! A run: cycles of load, a fault in the middle of it, and a comparison when everything is idle again.

use std::time::Duration;

use anyhow::{Context, Result};
use chat_client::{Client, ServerUrl};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

use super::fault::{Fault, Injection};
use super::record::ClientRecord;
use super::report::{Report, Times};
use super::rest_client::RestClient;
use super::stored_log;
use super::stream_client::StreamClient;
use super::target::{Setup, Target};
use super::users::{self, FirstAck};
use super::verdict::{Findings, Log, Violation, judge};
use crate::rng::Rng;

/// An answer or an event that takes longer will not come.
const PATIENCE: Duration = Duration::from_secs(30);
/// Time for the clients' comparisons when a violation has been found already.
const SHORT_PATIENCE: Duration = Duration::from_secs(2);
/// Upper bound for each stream client's requests in flight. Lower for a cluster, whose response times are to be
/// measured and not the length of its queues.
const MAX_REQUESTS: usize = 8;
const MAX_REQUESTS_OF_CLUSTER: usize = 3;
/// How long the load goes on after a fault, in milliseconds.
const AFTERWARDS_MS: (u64, u64) = (200, 500);
/// All clients have the same state again within this time after a fault of a cluster.
const EQUAL_WITHIN: Duration = Duration::from_secs(10);
/// All clients are live again within this time after a standby has taken over.
const LIVE_WITHIN: Duration = Duration::from_secs(3);
/// Messages are written again within this time after the database is back.
const RESUMED_WITHIN: Duration = Duration::from_secs(3);

/// The state of a run.
pub(super) struct Run {
    seed: u64,
    rng: Rng,
    target: Target,
    first_ack: FirstAck,
    tokens: Vec<String>,
    stream_clients: Vec<StreamClient>,
    rest_clients: Vec<RestClient>,
    /// The record of all clients since the beginning of the run.
    record: ClientRecord,
    log: Log,
    findings: Findings,
    times: Times,
    untimed: bool,
}

impl Run {
    pub(super) async fn open(seed: u64, n_clients: usize, setup: &Setup) -> Result<Self> {
        let target = Target::open(seed, setup).await?;
        let users = users::register(&target.node_url(0)?, n_clients).await?;
        let first_ack = FirstAck::default();
        let max_requests = if target.is_cluster() { MAX_REQUESTS_OF_CLUSTER } else { MAX_REQUESTS };
        let (mut stream_clients, mut rest_clients) = (JoinSet::new(), Vec::new());
        for user in &users {
            let proxy = ServerUrl::parse(&target.proxy_url())?;
            let shared = (first_ack.clone(), target.replacements.clone());
            let stream_client = StreamClient::new(user.clone(), proxy, seed, shared.clone(), max_requests);
            stream_clients.spawn(stream_client.connect(PATIENCE));
            if user.number.is_multiple_of(2) {
                let client = Client::new(&target.proxy_url())?;
                rest_clients.push(RestClient::new(user.clone(), client, seed, shared));
            }
        }
        let stream_clients = join_all(stream_clients).await?;
        let tokens = users.into_iter().map(|user| user.token).collect();
        Ok(Self {
            seed,
            rng: Rng::new(seed, "show", 0),
            target,
            first_ack,
            tokens,
            stream_clients,
            rest_clients,
            record: ClientRecord::default(),
            log: Log::new(),
            findings: Findings::default(),
            times: Times::default(),
            untimed: false,
        })
    }

    /// Sets whether durations are ignored.
    pub(super) fn untimed(self, untimed: bool) -> Self {
        Self { untimed, ..self }
    }

    pub(super) fn is_good(&self) -> bool {
        self.findings.is_empty()
    }

    /// Runs one cycle: load, a fault in the middle of it, and a comparison.
    pub(super) async fn cycle(
        &mut self,
        number: u32,
        (least, most): (u64, u64),
        injection: Injection,
    ) -> Result<()> {
        let (stop, stopped) = watch::channel(false);
        let (mut talking, mut posting) = (JoinSet::new(), JoinSet::new());
        for stream_client in self.stream_clients.drain(..) {
            talking.spawn(stream_client.run(stopped.clone(), PATIENCE));
        }
        for rest_client in self.rest_clients.drain(..) {
            posting.spawn(rest_client.run(stopped.clone(), PATIENCE));
        }
        sleep(self.rng.millis(least, most)).await;
        let fault = injection.fault;
        let token = self.tokens.first().context("somebody takes part")?;
        let mut injected = self.target.inject(injection, &self.first_ack, token).await?;
        sleep(self.rng.millis(AFTERWARDS_MS.0, AFTERWARDS_MS.1)).await;
        stop.send_replace(true);
        (self.stream_clients, self.rest_clients) = (join_all(talking).await?, join_all(posting).await?);
        self.findings.add(std::mem::take(&mut injected.findings));
        let first = self.first_ack.first();
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
            self.findings.remove(Violation::Late);
        }
        let is_named = self.target.is_cluster() || fault != Fault::KillNode;
        let what = if is_named { format!(" ({})", fault.name()) } else { String::new() };
        let verdict = if self.is_good() { "good" } else { "NOT GOOD" };
        eprintln!("cycle {number}{what}: {said}: {verdict}");
        Ok(())
    }

    /// Time from the end of the fault until the last client had everything in the log.
    fn equal_after(&mut self, healed: Instant) -> Duration {
        let last = self.stream_clients.iter().map(StreamClient::agreed_at).max().unwrap_or(healed);
        let took = last.saturating_duration_since(healed);
        if self.target.is_cluster() && took > EQUAL_WITHIN {
            self.findings.note(Violation::Late, || format!("the last client had everything after {took:?}"));
        }
        took
    }

    /// Checks that every client reloaded once after a fault that loses acknowledged changes, and never after another.
    /// Returns the time from the end of the fault until the last of them was live again.
    fn live_after(&mut self, fault: Fault, healed: Instant) -> Option<Duration> {
        let expected = u64::from(fault.loses_the_end());
        let mut last = None;
        for stream_client in &mut self.stream_clients {
            let reloads = stream_client.take_reloads();
            if reloads.count != expected {
                let what = || format!("a client had to reload {} times, not {expected}", reloads.count);
                self.findings.note(Violation::Resync, what);
            }
            last = last.max(reloads.live_at);
        }
        let took = last?.saturating_duration_since(healed);
        if took > LIVE_WITHIN {
            self.findings.note(Violation::Late, || format!("the last client was live after {took:?}"));
        }
        Some(took)
    }

    /// Compares the clients' records of this cycle with the log. Returns a line about it.
    async fn compare(&mut self, cycle: u32, kept: Option<i64>) -> Result<String> {
        let mut all_clients = ClientRecord::default();
        let stream_clients = self.stream_clients.iter_mut().map(StreamClient::take_record);
        for (record, past) in stream_clients.chain(self.rest_clients.iter_mut().map(RestClient::take_record))
        {
            all_clients.add(record);
            all_clients.add(past.unwrap_or_default().surviving(kept.unwrap_or(i64::MAX)));
        }
        let log = stored_log::read(&self.members(cycle)?, Some(&self.log)).await?;
        let mut findings = judge(&all_clients, &log);
        let mut agreeing = JoinSet::new();
        let shared = std::sync::Arc::new(log);
        let patience = if findings.is_empty() { PATIENCE } else { SHORT_PATIENCE };
        for stream_client in self.stream_clients.drain(..) {
            let log = shared.clone();
            agreeing.spawn(stream_client.agree(log, patience));
        }
        self.stream_clients = join_all(agreeing).await?;
        self.stream_clients.iter_mut().for_each(|stream_client| findings.add(stream_client.take_findings()));
        let ((sent, acked), n_lost) = (all_clients.counts(), all_clients.n_lost);
        self.findings.add(findings);
        // Violations reported here must not be reported again at the end.
        all_clients.refusals.clear();
        all_clients.unanswered = 0;
        self.record.add(all_clients);
        self.log = std::sync::Arc::unwrap_or_clone(shared);
        let lost = if kept.is_some() { format!(", {n_lost} lost by the database") } else { String::new() };
        Ok(format!("{sent} sent, {acked} acknowledged{lost}"))
    }

    /// REST clients of all users, without the proxy.
    fn members(&self, turn: u32) -> Result<Vec<Client>> {
        let client = Client::new(&self.target.node_url(turn)?)?;
        Ok(self.tokens.iter().map(|token| client.with_token(token.clone())).collect())
    }

    /// Checks the whole log once more and reports.
    pub(super) async fn close(mut self, cycles: u32) -> Result<Report> {
        let log = stored_log::read(&self.members(cycles)?, None).await?;
        // Violations found in a cycle must not be reported again.
        if self.findings.is_empty() {
            self.findings = judge(&self.record, &log);
        }
        let is_good = self.findings.is_empty();
        if !is_good {
            self.target.keep();
        }
        let (sent, acked) = self.record.counts();
        Ok(Report {
            seed: self.seed,
            cycles,
            nodes: self.target.is_cluster().then_some(self.target.nodes.len()),
            clients: self.tokens.len(),
            sent,
            acked,
            resumes: self.stream_clients.iter().map(StreamClient::n_resumed).sum(),
            n_lost: self.record.n_lost,
            times: self.times,
            folder: (!is_good).then(|| self.target.folder().display().to_string()),
            findings: self.findings,
        })
    }
}

/// Waits for all tasks and returns their results.
async fn join_all<T: 'static>(mut tasks: JoinSet<T>) -> Result<Vec<T>> {
    let mut given = Vec::new();
    while let Some(ended) = tasks.join_next().await {
        given.push(ended.context("a client broke down")?);
    }
    Ok(given)
}
