//! The testbed of all measurements: the server, the users, and how each run is timed.

use std::time::Instant;

use anyhow::{Context, Result, anyhow};
use chat_client::Client;
use chat_protocol::rest::RegisterRequest;
use tokio::task::JoinSet;

use super::fill::Filled;
use super::server::Server;
use super::turns::Turns;
use super::{Settings, http, process};
use crate::Adapters;

/// Number of users that send. They never connect to the v1 stream, which would deliver all messages accumulated for
/// them.
const WRITERS: usize = 64;
/// Number of users that receive. Many, because a server limits the connections of each.
pub(super) const LISTENERS: usize = 100;
/// Upper bound for concurrent registrations; the server hashes only a few passwords at once.
const REGISTERING: usize = 8;

/// An account created for the measurement.
#[derive(Clone)]
pub(super) struct User {
    pub(super) id: i64,
    pub(super) name: String,
    pub(super) token: String,
}

/// The server, the users and the notes of a benchmark.
pub(super) struct Testbed {
    pub(super) server: Server,
    pub(super) settings: Settings,
    pub(super) adapters: Adapters,
    pub(super) writers: Vec<User>,
    pub(super) listeners: Vec<User>,
    /// The password of all users, random for each run.
    pub(super) password: String,
    /// Notes for readers of the figures.
    pub(super) notes: Vec<String>,
    /// Whether the same is measured on another server, whose program may be of another release.
    pub(super) is_compared: bool,
    /// When to measure, if another server is measured in turns with this one.
    pub(super) turns: Option<Turns>,
    /// The contents of the database, if it was filled in bulk.
    pub(super) filled: Option<Filled>,
}

impl Testbed {
    /// Registers the users on the server.
    pub(super) async fn prepare(server: Server, settings: Settings, adapters: Adapters) -> Result<Self> {
        let (prefix, password) = (random_word()?, random_word()?.repeat(2));
        let client = Client::at(server.url().clone());
        let mut users = register(&client, &prefix, &password, WRITERS + LISTENERS).await?;
        let listeners = users.split_off(WRITERS);
        Ok(Self {
            server,
            settings,
            adapters,
            writers: users,
            listeners,
            password,
            notes: Vec::new(),
            is_compared: false,
            turns: None,
            filled: None,
        })
    }

    /// Registers more users over REST. The server hashes a password for each.
    pub(super) async fn register(&self, count: usize) -> Result<Vec<User>> {
        let client = Client::at(self.server.url().clone());
        register(&client, &random_word()?, &self.password, count).await
    }

    /// A REST client with a user's token.
    pub(super) fn client(&self, user: &User) -> Result<Client> {
        let client = Client::at(self.server.url().clone());
        Ok(client.with_token(user.token.clone()))
    }

    /// The sending user with this number, modulo their count.
    pub(super) fn writer(&self, number: usize) -> Result<&User> {
        self.writers.get(number % self.writers.len().max(1)).context("there are no users")
    }

    /// The receiving user with this number, modulo their count.
    pub(super) fn listener(&self, number: usize) -> Result<&User> {
        self.listeners.get(number % self.listeners.len().max(1)).context("there are no users")
    }

    /// A request that sends about 100 bytes to a user.
    pub(super) fn message_to(&self, from: &User, to: &User) -> Vec<u8> {
        let path = format!("/v1/messages/p2p/{}", to.id);
        http::post(self.server.url(), &path, Some(&from.token), &message())
    }

    /// A request that sends about 100 bytes to a group.
    pub(super) fn message_to_group(&self, from: &User, group: i64) -> Vec<u8> {
        let path = format!("/v1/messages/group/{group}");
        http::post(self.server.url(), &path, Some(&from.token), &message())
    }

    /// Creates a group of the first `members` listeners. Returns its id.
    pub(super) async fn group(&self, members: usize) -> Result<i64> {
        self.group_of(self.listeners.get(..members).unwrap_or(&self.listeners)).await
    }

    /// Creates a group of these users, whose owner is the first. Returns its id.
    pub(super) async fn group_of(&self, users: &[User]) -> Result<i64> {
        let (owner, others) = users.split_first().context("there are no users")?;
        let client = self.client(owner)?;
        let group = client.create_group("bench").await.context("the group cannot be made")?.id;
        for member in others {
            client.add_member(group, member.id).await.context("the group cannot be filled")?;
        }
        Ok(group)
    }

    pub(super) fn note(&mut self, note: impl Into<String>) {
        let note = note.into();
        if !self.notes.contains(&note) {
            self.notes.push(note);
        }
    }

    /// Starts to measure the time and CPU use of server and client.
    pub(super) fn meter(&self) -> Meter {
        Meter {
            started: Instant::now(),
            server_before: cpu_seconds_of(&self.server.pids()),
            server: self.server.pids(),
            client_before: process::cpu_seconds(std::process::id()),
        }
    }
}

fn message() -> String {
    format!("{{\"content\":\"{}\"}}", content())
}

/// About 100 bytes of text.
pub(super) fn content() -> String {
    format!("{:.<100}", "A message of the benchmark, about as long as people write ")
}

async fn register(client: &Client, prefix: &str, password: &str, count: usize) -> Result<Vec<User>> {
    let mut tasks = JoinSet::new();
    for first in 0..REGISTERING {
        let requests: Vec<RegisterRequest> = (first..count)
            .step_by(REGISTERING)
            .map(|number| registration(prefix, number, password))
            .collect();
        let client = Client::at(client.url().clone());
        tasks.spawn(async move {
            let mut users = Vec::new();
            for request in requests {
                let registered = client.register(&request).await;
                // The client's error already contains its cause; a context would show the cause twice.
                let registered =
                    registered.map_err(|error| anyhow!("a user cannot be registered: {error}"))?;
                users.push(User { id: registered.id, name: registered.username, token: registered.token });
            }
            anyhow::Ok(users)
        });
    }
    let mut users = Vec::new();
    while let Some(registered) = tasks.join_next().await {
        users.extend(registered.context("a registration was lost")??);
    }
    users.sort_by_key(|user| user.id);
    Ok(users)
}

fn registration(prefix: &str, number: usize, password: &str) -> RegisterRequest {
    let username = format!("bench-{prefix}-{number}");
    RegisterRequest { email: format!("{username}@bench.example"), username, password: password.into() }
}

/// A random word, so that the same server can be measured twice.
pub(super) fn random_word() -> Result<String> {
    let word = getrandom::u64().context("the system provides no randomness")?;
    Ok(format!("{word:016x}"))
}

/// A running measurement of time and CPU use.
pub(super) struct Meter {
    server: Vec<u32>,
    started: Instant,
    server_before: Option<f64>,
    client_before: Option<f64>,
}

/// Time and CPU use of a run.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Effort {
    pub(super) seconds: f64,
    pub(super) server_cpu_s: Option<f64>,
    pub(super) client_cpu_s: Option<f64>,
    /// Number of requests, deliveries or connections that the server did this for, if the scenario knows it.
    pub(super) units: Option<f64>,
}

impl Effort {
    /// The same effort, for this number of requests, deliveries or connections.
    pub(super) fn for_units(self, units: usize) -> Self {
        Self { units: Some(units as f64), ..self }
    }

    /// The server's CPU time for each unit, in microseconds; `None` if it is not known.
    pub(super) fn cpu_us_per_unit(&self) -> Option<f64> {
        let units = self.units.filter(|units| *units > 0.0)?;
        Some(self.server_cpu_s? * 1e6 / units)
    }
}

impl Meter {
    pub(super) fn stop(self) -> Effort {
        let used = |pids: &[u32], before: Option<f64>| Some(cpu_seconds_of(pids)? - before?);
        Effort {
            seconds: self.started.elapsed().as_secs_f64(),
            server_cpu_s: used(&self.server, self.server_before),
            client_cpu_s: used(&[std::process::id()], self.client_before),
            units: None,
        }
    }
}

/// CPU time of all these processes together; `None` if there are none or one cannot be read.
fn cpu_seconds_of(pids: &[u32]) -> Option<f64> {
    if pids.is_empty() { None } else { pids.iter().map(|pid| process::cpu_seconds(*pid)).sum() }
}
