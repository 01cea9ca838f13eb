//! `bench --fill`: fills a database with what a server of some years holds, while no server uses it.
//!
//! Everything is written through the store's own commands, so that every row, index and counter is what a server would
//! have written. No statement of a store belongs in here. How much there is of what is decided in `fill/plan.rs`.

mod filled;
mod keys;
mod messages;
mod plan;
mod rooms;
mod words;

use anyhow::{Context, Result};
use chat_core::accounts::NewAccount;
use chat_core::time::Timestamp;
use clap::ValueEnum;
use tokio::task::JoinSet;

pub(super) use self::filled::{Filled, Room};
pub(super) use self::keys::key;
pub(super) use self::plan::Plan;
pub(super) use self::words::Words;
use super::testbed::User;
use crate::OfflineDatabase;
use crate::rng::Rng;

/// Upper bound for concurrent writes, so that many go into one transaction.
const AT_ONCE: usize = 2048;
/// The filled time, which ends now, in microseconds: two years.
const SPAN: i64 = 2 * 365 * 24 * 3600 * 1_000_000;

/// Idempotency keys of the messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Keys {
    /// UUIDs that begin with the time (version 7), as our clients make them
    Time,
    /// Random UUIDs (version 4)
    Random,
}

/// Fills a database that has no users yet. All users get this password's hash.
///
/// # Errors
/// Fails if the store refuses a write.
pub(super) async fn fill(
    database: &OfflineDatabase,
    plan: &Plan,
    keys: Keys,
    password_hash: &str,
) -> Result<Filled> {
    let mut filler = Filler {
        database,
        plan,
        rng: Rng::new(plan.messages, "fill", 0),
        began: Timestamp(database.clock.now().0 - SPAN),
        password_hash,
    };
    let users = filler.users("fill", plan.users).await?;
    let crowd = filler.users("crowd", plan.crowd.saturating_sub(1)).await?;
    let filled = rooms::create(&mut filler, &users, &crowd).await?;
    let written = messages::write(&mut filler, &filled, &crowd, keys).await?;
    rooms::read(&mut filler, &filled).await?;
    Ok(Filled { written, ..filled })
}

/// What all parts of filling need.
struct Filler<'a> {
    database: &'a OfflineDatabase,
    plan: &'a Plan,
    rng: Rng,
    /// When the oldest object was created.
    began: Timestamp,
    password_hash: &'a str,
}

impl Filler<'_> {
    /// Creates users whose names begin with `prefix`. Returns them in the order of their ids.
    async fn users(&self, prefix: &str, count: usize) -> Result<Vec<User>> {
        let create = |number: usize| {
            let store = self.database.store.clone();
            let username = format!("{prefix}-{number}");
            let email = format!("{username}@bench.example");
            let (password_hash, at) = (self.password_hash.to_owned(), self.began);
            let new = NewAccount { username, email, password_hash, is_demo: false, at };
            async move { store.create_account(new).await }
        };
        let accounts = in_parallel(AT_ONCE, (0..count).map(create)).await?;
        let mut users = Vec::new();
        for account in accounts {
            let token = (self.database.issue_token)(account.id)?;
            users.push(User { id: account.id.0, name: account.username, token });
        }
        users.sort_by_key(|user: &User| user.id);
        Ok(users)
    }
}

/// Runs all writes, at most `at_once` at a time. They are queued in their order; the results are in none.
///
/// # Errors
/// Fails with the first write that is refused.
pub(super) async fn in_parallel<T: Send + 'static>(
    at_once: usize,
    mut work: impl Iterator<Item = impl Future<Output = chat_core::Result<T>> + Send + 'static>,
) -> Result<Vec<T>> {
    let mut tasks = JoinSet::new();
    let mut done = Vec::new();
    loop {
        while tasks.len() < at_once
            && let Some(next) = work.next()
        {
            tasks.spawn(next);
        }
        match tasks.join_next().await {
            Some(ended) => {
                done.push(ended.context("a write was lost")?.context("the database cannot be filled")?)
            }
            None => return Ok(done),
        }
    }
}
