//! `chatserver torture`: loads a server of its own, kills it with `kill -9` at random moments, cuts and delays the clients'
//! connections, and compares what the clients were told with what the log holds. Below `torture/`: who does what, what
//! they were told, and the verdict.

mod arena;
mod dice;
mod ledger;
mod poster;
mod proxy;
mod report;
mod talker;
mod truth;
mod verdict;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use chat_client::{Client, ServerUrl};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use self::arena::Pulse;
use self::dice::Dice;
use self::ledger::Ledger;
use self::poster::Poster;
use self::proxy::Proxy;
use self::report::Report;
use self::talker::Talker;
use self::verdict::{Findings, Log, Violation, judge};
use super::child::{Folder, Process, interrupted, launch};
use super::print_line;

/// Connections that a user may have: those that were cut may live on the server's side for a while.
const CONNECTIONS_PER_USER: usize = 1_000;
/// What is not answered, or not told, after so long will not be.
const PATIENCE: Duration = Duration::from_secs(30);
/// Where something is wrong already, clients need not have long for their part of it.
const IMPATIENCE: Duration = Duration::from_secs(2);
/// How long the load goes on after a restart, in milliseconds.
const AFTER_RESTART_MS: (u64, u64) = (200, 500);

/// How to torture.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// How often to kill the server
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..))]
    cycles: u32,
    /// Begin new cycles for so long, instead of a number of them
    #[arg(long, conflicts_with = "cycles")]
    seconds: Option<u64>,
    /// After how many milliseconds of load to kill it
    #[arg(long, default_value = "200..800", value_name = "LEAST..MOST", value_parser = range)]
    kill_after_ms: (u64, u64),
    /// How many users send and receive
    #[arg(long, default_value_t = 8, value_parser = clap::value_parser!(u8).range(2..=64))]
    clients: u8,
    /// Repeat the crashes, cuts and actions of another run
    #[arg(long)]
    seed: Option<u64>,
    /// Print one JSON object
    #[arg(long)]
    json: bool,
}

fn range(text: &str) -> Result<(u64, u64), String> {
    let wrong = || format!("{text} is not of the form 200..800");
    let (least, most) = text.split_once("..").ok_or_else(wrong)?;
    let bounds = (least.parse().map_err(|_| wrong())?, most.parse().map_err(|_| wrong())?);
    if bounds.0 > bounds.1 { Err(wrong()) } else { Ok(bounds) }
}

/// Tortures and judges.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    // One thread for all clients: more would take cores from the server.
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let report = runtime.block_on(async {
        tokio::select! {
            report = Box::pin(torture(args)) => report,
            interrupted = interrupted() => interrupted.and_then(|()| bail!("interrupted")),
        }
    })?;
    print_line(&if args.json { format!("{:#}", report.json()) } else { report.text() })?;
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn torture(args: &Args) -> Result<Report> {
    let seed = match args.seed {
        Some(seed) => seed,
        None => getrandom::u64().context("the system gives no randomness")?,
    };
    let mut show = Show::open(seed, args.clients.into()).await?;
    let began = Instant::now();
    let goes_on = |cycle| match args.seconds {
        Some(seconds) => cycle == 0 || began.elapsed() < Duration::from_secs(seconds),
        None => cycle < args.cycles,
    };
    let mut cycle = 0;
    // The first violation ends it, so that the data is as it was found.
    while goes_on(cycle) && show.findings.is_nothing() {
        cycle += 1;
        show.cycle(cycle, args.kill_after_ms).await?;
    }
    show.close(cycle).await
}

/// All that takes part.
struct Show {
    seed: u64,
    dice: Dice,
    folder: Folder,
    server: Process,
    url: ServerUrl,
    proxy: Proxy,
    pulse: Pulse,
    tokens: Vec<String>,
    talkers: Vec<Talker>,
    posters: Vec<Poster>,
    /// Since the beginning.
    ledger: Ledger,
    log: Log,
    findings: Findings,
    longest_recovery: Duration,
}

impl Show {
    async fn open(seed: u64, n_clients: usize) -> Result<Self> {
        let folder = Folder::create("torture")?;
        let (server, url) = launch(folder.path(), CONNECTIONS_PER_USER).await?;
        let proxy = Proxy::open(seed).await?;
        proxy.lead_to(Some(url.authority().parse().context("the server's address is not understood")?));
        let people = arena::set(&format!("http://{}", url.authority()), n_clients).await?;
        let pulse = Pulse::default();
        let (mut talkers, mut posters) = (JoinSet::new(), Vec::new());
        for person in &people {
            let through = ServerUrl::parse(&proxy.url())?;
            let talker = Talker::new(person.clone(), through, seed, pulse.clone());
            talkers.spawn(talker.arrive(PATIENCE));
            if person.number.is_multiple_of(2) {
                let client = Client::new(&proxy.url())?;
                posters.push(Poster::new(person.clone(), client, seed, pulse.clone()));
            }
        }
        let talkers = all(talkers).await?;
        let tokens = people.into_iter().map(|person| person.token).collect();
        Ok(Self {
            seed,
            dice: Dice::new(seed, "show", 0),
            folder,
            server,
            url,
            proxy,
            pulse,
            tokens,
            talkers,
            posters,
            ledger: Ledger::default(),
            log: Log::new(),
            findings: Findings::default(),
            longest_recovery: Duration::ZERO,
        })
    }

    /// Load, a crash in the middle of it, and a comparison when all has come to rest.
    async fn cycle(&mut self, number: u32, (least, most): (u64, u64)) -> Result<()> {
        let (stop, stopped) = watch::channel(false);
        let (mut talking, mut posting) = (JoinSet::new(), JoinSet::new());
        for talker in self.talkers.drain(..) {
            talking.spawn(talker.play(stopped.clone(), PATIENCE));
        }
        for poster in self.posters.drain(..) {
            posting.spawn(poster.play(stopped.clone(), PATIENCE));
        }
        sleep(self.dice.millis(least, most)).await;
        let recovery = self.crash().await?;
        sleep(self.dice.millis(AFTER_RESTART_MS.0, AFTER_RESTART_MS.1)).await;
        stop.send_replace(true);
        (self.talkers, self.posters) = (all(talking).await?, all(posting).await?);
        self.recovered(recovery);
        let said = self.compare().await?;
        eprintln!("cycle {number}: {said}");
        Ok(())
    }

    /// Kills the server and starts it again; gives the moment of the crash.
    async fn crash(&mut self) -> Result<Instant> {
        self.server.kill()?;
        let crashed = Instant::now();
        self.proxy.lead_to(None);
        let (server, url) = launch(self.folder.path(), CONNECTIONS_PER_USER).await?;
        // Whatever is acknowledged from now on, this server has acknowledged.
        self.pulse.listen();
        self.proxy.lead_to(Some(url.authority().parse().context("the server's address is not understood")?));
        (self.server, self.url) = (server, url);
        Ok(crashed)
    }

    fn recovered(&mut self, crashed: Instant) {
        match self.pulse.first() {
            Some(first) => {
                self.longest_recovery = self.longest_recovery.max(first.saturating_duration_since(crashed));
            }
            None => self.findings.note(Violation::Unanswered, || "nothing, since the crash".into()),
        }
    }

    /// Compares what was told in this cycle with what the log has of it; gives a line about it.
    async fn compare(&mut self) -> Result<String> {
        let mut told = Ledger::default();
        self.talkers.iter_mut().for_each(|talker| told.add(talker.take_ledger()));
        self.posters.iter_mut().for_each(|poster| told.add(poster.take_ledger()));
        let log = truth::read(&self.members()?, Some(&self.log)).await?;
        let mut findings = judge(&told, &log);
        let mut agreeing = JoinSet::new();
        let shared = std::sync::Arc::new(log);
        let patience = if findings.is_nothing() { PATIENCE } else { IMPATIENCE };
        for talker in self.talkers.drain(..) {
            let log = shared.clone();
            agreeing.spawn(async move { talker.agree(&log, patience).await });
        }
        self.talkers = all(agreeing).await?;
        self.talkers.iter_mut().for_each(|talker| findings.add(talker.take_findings()));
        let (sent, acked) = told.counts();
        let verdict = if findings.is_nothing() { "good" } else { "NOT GOOD" };
        self.findings.add(findings);
        // What was noted here is not to be noted again in the end.
        told.refusals.clear();
        told.unanswered = 0;
        self.ledger.add(told);
        self.log = std::sync::Arc::unwrap_or_clone(shared);
        Ok(format!("{sent} sent, {acked} acknowledged: {verdict}"))
    }

    /// Those who may read everything, past the proxy.
    fn members(&self) -> Result<Vec<Client>> {
        let client = Client::new(&format!("http://{}", self.url.authority()))?;
        Ok(self.tokens.iter().map(|token| client.with_token(token.clone())).collect())
    }

    /// Looks at the whole log once more.
    async fn close(mut self, cycles: u32) -> Result<Report> {
        let log = truth::read(&self.members()?, None).await?;
        // What a cycle has found is not found anew.
        if self.findings.is_nothing() {
            self.findings = judge(&self.ledger, &log);
        }
        let is_good = self.findings.is_nothing();
        if !is_good {
            self.folder.keep();
        }
        let (sent, acked) = self.ledger.counts();
        Ok(Report {
            seed: self.seed,
            cycles,
            clients: self.tokens.len(),
            sent,
            acked,
            resumes: self.talkers.iter().map(Talker::n_resumed).sum(),
            longest_recovery: self.longest_recovery,
            folder: (!is_good).then(|| self.folder.path().display().to_string()),
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

#[cfg(test)]
mod tests {
    use super::range;

    #[test]
    fn ranges_are_understood_or_refused() {
        assert_eq!(range("200..800"), Ok((200, 800)));
        assert_eq!(range("5..5"), Ok((5, 5)));
        for wrong in ["", "5", "9..5", "a..b", "1..", "-1..4"] {
            assert!(range(wrong).is_err(), "{wrong}");
        }
    }
}
