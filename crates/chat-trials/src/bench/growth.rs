//! `bench --fill`: a server that was filled in bulk and a small one with the same users and groups, for measurements on
//! both in turns. What they are filled with is in `fill/`.

mod cold;
mod connect;
mod history;
mod lists;
mod read;
mod reads;
mod resume;
mod sends;
mod users;

use std::time::Instant;

use anyhow::{Context, Result};
use serde_json::{Value, json};

use super::against::Pair;
use super::comparison::Comparison;
use super::fill::{self, Filled, Keys, Plan};
use super::report::Measured;
use super::server::{Program, Server};
use super::table::number;
use super::testbed::{Testbed, random_word};
use super::{Args, Scenario, Settings, search};
use crate::Adapters;
use crate::child::{self, Folder, own_program};

/// Fills two servers, and measures what `--only` names on both.
///
/// # Errors
/// Fails if a database cannot be filled, or a server cannot be started.
pub(super) async fn measure(
    args: &Args,
    settings: Settings,
    adapters: Adapters,
    messages: u64,
) -> Result<(Comparison, bool)> {
    let plan = Plan::of(messages);
    let filling = Filling { adapters, keys: args.fill_keys, password: random_word()?.repeat(2) };
    let folder = match &args.keep {
        Some(path) => Folder::create_kept(path)?,
        None => Folder::create("bench")?,
    };
    let (filled, note) = filling.fill(&folder, &plan).await?;
    let small_folder = Folder::create("bench-small")?;
    let small_plan = plan.small();
    let (small, _) = filling.fill(&small_folder, &small_plan).await?;
    let servers = [described(&plan), described(&small_plan)];
    let contents = filling.json(&filled);
    let mut pair = Pair {
        labels: ["filled", "small"],
        servers,
        one: start(folder, "bench", (&settings, adapters), filled).await?,
        other: start(small_folder, "bench-small", (&settings, adapters), small).await?,
    };
    pair.one.note(note);
    if let Some(path) = &args.keep {
        let password = &filling.password;
        pair.one.note(format!("{}: kept; all users have the password {password}", path.display()));
    }
    let (comparison, all_measured) = pair.measure().await;
    if args.keep.is_some() {
        // A server that is killed leaves much of its data in the write-ahead log.
        pair.one.server.stop().await?;
    }
    Ok((Comparison { filled: Some(contents), ..comparison }, all_measured))
}

fn described(plan: &Plan) -> String {
    let count = |count: usize| number(count as f64);
    format!(
        "a server with {} messages, {} users in {} groups, one user with {} conversations and a group of {}",
        number(plan.messages as f64),
        count(plan.users),
        count(plan.groups),
        count(plan.conversations),
        count(plan.crowd)
    )
}

/// How databases are filled.
struct Filling {
    adapters: Adapters,
    keys: Keys,
    /// The password of all users.
    password: String,
}

impl Filling {
    /// Fills the database in a folder. Returns its contents, and a line for the report.
    async fn fill(&self, folder: &Folder, plan: &Plan) -> Result<(Filled, String)> {
        eprintln!("filling {} with {} messages ...", folder.path().display(), number(plan.messages as f64));
        let path = child::database(folder.path());
        let hash = (self.adapters.hash_password)(&self.password)?;
        let began = Instant::now();
        let database = (self.adapters.open)(&path)?;
        let filled = fill::fill(&database, plan, self.keys, &hash).await?;
        let closing = tokio::task::spawn_blocking(|| database.close());
        closing.await.context("the database cannot be closed")?;
        let seconds = began.elapsed().as_secs_f64();
        let bytes = std::fs::metadata(&path).context("the database cannot be found")?.len() as f64;
        let messages = plan.messages as f64;
        let note = format!(
            "filled {} messages in {seconds:.1} s, {}/s; the database has {} MB, {:.0} bytes per message",
            number(messages),
            number(messages / seconds),
            number(bytes / 1e6),
            bytes / messages
        );
        Ok((filled, note))
    }

    fn json(&self, filled: &Filled) -> Value {
        let mut contents = filled.json();
        if let Some(fields) = contents.as_object_mut() {
            fields.insert("password".into(), json!(self.password));
        }
        contents
    }
}

/// Starts a server on a filled database.
async fn start(
    folder: Folder,
    purpose: &'static str,
    (settings, adapters): (&Settings, Adapters),
    filled: Filled,
) -> Result<Testbed> {
    let program = Program {
        path: own_program()?,
        purpose,
        connections_per_user: super::connections_per_user(settings)?,
    };
    let server = Server::start_in(folder, program).await?;
    eprintln!("registering users ...");
    let mut testbed = Testbed::prepare(server, settings.clone(), adapters).await?;
    let messages = filled.written.messages;
    testbed.filled = Some(filled);
    eprintln!("waiting until the search index has everything ...");
    search::until_found(&testbed, messages).await?;
    Ok(testbed)
}

/// Whether a scenario measures growth.
pub(super) fn is_growth(scenario: Scenario) -> bool {
    matches!(
        scenario,
        Scenario::GrowthSends
            | Scenario::GrowthHistory
            | Scenario::GrowthLists
            | Scenario::GrowthCold
            | Scenario::GrowthUsers
            | Scenario::GrowthConnect
            | Scenario::GrowthResume
            | Scenario::GrowthRead
    )
}

/// Measures a row on a filled server.
pub(super) async fn measure_row(
    scenario: Scenario,
    testbed: &mut Testbed,
    measured: &mut Vec<Measured>,
) -> Result<()> {
    let Some(filled) = testbed.filled.take() else {
        testbed.note("growth: left out, because it is measured on a filled server: --fill");
        return Ok(());
    };
    let result = match scenario {
        Scenario::GrowthSends => sends::measure(testbed, &filled, measured).await,
        Scenario::GrowthHistory => history::measure(testbed, &filled, measured).await,
        Scenario::GrowthLists => lists::measure(testbed, &filled, measured).await,
        Scenario::GrowthCold => cold::measure(testbed, &filled, measured).await,
        Scenario::GrowthUsers => users::measure(testbed, &filled, measured).await,
        Scenario::GrowthConnect => connect::measure(testbed, &filled, measured).await,
        Scenario::GrowthResume => resume::measure(testbed, &filled, measured).await,
        Scenario::GrowthRead => read::measure(testbed, &filled, measured).await,
        _ => Ok(()),
    };
    testbed.filled = Some(filled);
    result
}
