//! `chatserver bench`, `torture` and `capacity`: passes `chat-trials` the adapters that it needs and prints its
//! reports.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result};
use chat_core::event::{Event, Signal};
use chat_core::ports::{Clock, EventSink};
use chat_gateway::{TokenOptions, Tokens};
use chat_postgres::Postgres;
use chat_sqlite::Sqlite;
use chat_trials::{Adapters, OfflineDatabase, Outcome};

use super::{print_line, who};
use crate::adapters::passwords;
use crate::adapters::system_clock::SystemClock;
use crate::secret;

const ADAPTERS: Adapters =
    Adapters { server: who::server, open, hash_password, make_tables, schema: chat_postgres::USUAL_SCHEMA };

/// The same lifetime as the benchmark's server, which refuses tokens that are valid for longer.
const TOKEN_LIFETIME: Duration = Duration::from_secs(24 * 3600);

pub(super) fn bench(args: chat_trials::bench::Args) -> Result<ExitCode> {
    print(&chat_trials::bench::run(args, ADAPTERS)?)
}

pub(super) fn torture(args: &chat_trials::torture::Args) -> Result<ExitCode> {
    print(&chat_trials::torture::run(args)?)
}

pub(super) fn capacity(args: &chat_trials::capacity::Args) -> Result<ExitCode> {
    print_line(&chat_trials::capacity::run(args))?;
    Ok(ExitCode::SUCCESS)
}

fn print(outcome: &Outcome) -> Result<ExitCode> {
    print_line(&outcome.report)?;
    Ok(if outcome.passed { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn open(database: &Path) -> Result<OfflineDatabase> {
    let options = chat_sqlite::Options { path: database.to_owned(), readers: 1, search: false };
    let opened = Sqlite::open(&options, Arc::new(Nobody)).context("the database cannot be opened")?;
    let store = Arc::new(opened.store);
    let tokens =
        Tokens::new(&TokenOptions { secret: secret::kept(database, true)?, lifetime: TOKEN_LIFETIME });
    let issue_token = move |user| {
        let issued = tokens.issue(user, SystemClock.now().seconds(), 0);
        issued.map(|(token, _)| token).context("a token cannot be made")
    };
    Ok(OfflineDatabase {
        store: store.clone(),
        clock: Arc::new(SystemClock),
        issue_token: Box::new(issue_token),
        close: Box::new(move || store.close()),
    })
}

/// An event sink for a database without a server: no client is connected.
struct Nobody;

impl EventSink for Nobody {
    fn publish(&self, _events: &[Arc<Event>]) {}
    fn signal(&self, _signal: Signal) {}
}

fn hash_password(password: &str) -> Result<String> {
    passwords::hash_at_once(password).context("a password cannot be hashed")
}

fn make_tables(url: String) -> Result<()> {
    let options = chat_postgres::Options { url, readers: 1, ..chat_postgres::Options::default() };
    Postgres::prepare(&options)?;
    Ok(())
}
