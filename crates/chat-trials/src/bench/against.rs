//! `bench --against`: each scenario runs on two servers in turns, and the report gives the ratios of their figures.
//!
//! The load is this program's for both servers. What differs is the program that serves.

use std::path::Path;

use anyhow::{Context, Result};
use clap::ValueEnum;

use super::comparison::{Compared, Comparison};
use super::growth::is_growth;
use super::report::Measured;
use super::server::{Program, Server};
use super::testbed::Testbed;
use super::{Args, Scenario, Settings, measure_one, turns};
use crate::Adapters;
use crate::child::own_program;

/// Compares a server of this program with one of the program `binary`.
///
/// # Errors
/// Fails if one of the servers cannot be started.
pub(super) async fn measure(
    args: &Args,
    settings: Settings,
    adapters: Adapters,
    binary: &Path,
) -> Result<(Comparison, bool)> {
    let binary = std::fs::canonicalize(binary).with_context(|| format!("{} is missing", binary.display()))?;
    let per_user = super::connections_per_user(&settings)?;
    let programs = [(own_program()?, "bench"), (binary.clone(), "bench-against")];
    let mut testbeds = Vec::new();
    for (path, purpose) in programs {
        let program = Program { path, purpose, connections_per_user: per_user };
        let server = match args.cluster {
            Some(n_nodes) => Server::start_cluster(n_nodes, program).await?,
            None => Server::start(program).await?,
        };
        eprintln!("registering users ...");
        let mut testbed = Testbed::prepare(server, settings.clone(), adapters).await?;
        testbed.is_compared = true;
        testbeds.push(testbed);
    }
    let [this, that] = testbeds.try_into().ok().context("there are two servers")?;
    let servers = ["this build".to_owned(), binary.display().to_string()];
    let mut pair = Pair { labels: ["this", "that"], servers, one: this, other: that };
    Ok(pair.measure().await)
}

/// Two servers that are compared.
pub(super) struct Pair {
    /// Short names of the two. A ratio is the figure of the first divided by that of the second.
    pub(super) labels: [&'static str; 2],
    /// Descriptions of the two.
    pub(super) servers: [String; 2],
    pub(super) one: Testbed,
    pub(super) other: Testbed,
}

impl Pair {
    /// Measures the wanted scenarios. One that cannot be measured on both is noted, and `false` is returned with the
    /// rest.
    pub(super) async fn measure(&mut self) -> (Comparison, bool) {
        let (mut rows, mut all) = (Vec::new(), true);
        for scenario in Scenario::value_variants() {
            if !self.wants(*scenario) {
                continue;
            }
            let (ones, others) = self.measure_scenario(*scenario).await;
            let failed: Vec<String> = [&ones, &others]
                .into_iter()
                .zip(self.labels)
                .filter_map(|(side, label)| Some(format!("{label}: {:#}", side.as_ref().err()?)))
                .collect();
            if !failed.is_empty() {
                all = false;
                self.one.note(format!("{scenario:?} could not be measured: {}", failed.join("; ")));
            }
            let (joined, single) = Compared::join(ones.unwrap_or_default(), others.unwrap_or_default());
            rows.extend(joined);
            for name in single {
                self.one.note(format!("{name}: measured on one of the two only"));
            }
        }
        (self.report(rows), all)
    }

    /// Of a filled server, the scenarios are measured that what is in the database may matter for, unless others are
    /// asked for.
    fn wants(&self, scenario: Scenario) -> bool {
        let settings = &self.one.settings;
        match self.one.filled {
            Some(_) if settings.only.is_empty() => is_growth(scenario) || scenario == Scenario::IdleV2,
            Some(_) => settings.only.contains(&scenario),
            None => settings.wants(scenario, self.one.server.cluster().is_some()),
        }
    }

    /// The rows of each side.
    async fn measure_scenario(
        &mut self,
        scenario: Scenario,
    ) -> (Result<Vec<Measured>>, Result<Vec<Measured>>) {
        let (first, second) = turns::pair();
        self.one.turns = Some(first);
        self.other.turns = Some(second);
        tokio::join!(measure_side(scenario, &mut self.one), measure_side(scenario, &mut self.other))
    }

    fn report(&mut self, rows: Vec<Compared>) -> Comparison {
        let (runs, seconds) = (self.one.settings.runs, self.one.settings.seconds);
        let (labels, servers) = (self.labels, self.servers.clone());
        let mut notes = std::mem::take(&mut self.one.notes);
        let others = std::mem::take(&mut self.other.notes);
        let new: Vec<String> = others.into_iter().filter(|note| !notes.contains(note)).collect();
        notes.extend(new.into_iter().map(|note| format!("{}: {note}", labels[1])));
        Comparison { labels, servers, runs, seconds, rows, notes, filled: None }
    }
}

async fn measure_side(scenario: Scenario, testbed: &mut Testbed) -> Result<Vec<Measured>> {
    let mut measured = Vec::new();
    let result = measure_one(scenario, testbed, &mut measured).await;
    // Now the other side no longer waits for this one.
    testbed.turns = None;
    result.map(|()| measured)
}
