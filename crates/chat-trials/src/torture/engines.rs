//! The PostgreSQL and the NATS of the cluster under test, both started for the run.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use chat_engines::{Nats, Postgres};
use tokio::task::spawn_blocking;

use super::link::{Link, LinkThread};

pub(super) const DATABASE: &str = "torture";
/// NATS permissions of nodes, which log in without credentials: everything, or nothing.
pub(super) const ALLOWED: &str =
    "authorization { users: [ { user: node, password: node } ] }\nno_auth_user: node";
pub(super) const FORBIDDEN: &str = "authorization { users: [ { user: node, password: node, permissions: { \
                                    publish: { deny: \">\" }, subscribe: { deny: \">\" } } } ] }\nno_auth_user: node";

/// Both engines, each on a fixed port, and the thread of the nodes' links to them.
pub(super) struct Engines {
    postgres: Engine<Postgres>,
    nats: Engine<Nats>,
    postgres_port: u16,
    nats_port: u16,
    thread: LinkThread,
}

/// An engine, used on blocking threads: starting and stopping take time in which the clients must continue.
pub(super) struct Engine<T>(Arc<Mutex<T>>);

impl<T: Send + 'static> Engine<T> {
    async fn start(start: fn() -> Result<T>) -> Result<Self> {
        Ok(Self::of(spawn_blocking(start).await.context("an engine's start broke down")??))
    }

    /// Wraps a running engine.
    pub(super) fn of(engine: T) -> Self {
        Self(Arc::new(Mutex::new(engine)))
    }

    /// Runs an action on the engine.
    pub(super) async fn run<R: Send + 'static>(&self, action: fn(&mut T) -> Result<R>) -> Result<R> {
        let engine = self.0.clone();
        let done = spawn_blocking(move || action(&mut engine.lock().unwrap_or_else(PoisonError::into_inner)));
        done.await.context("what was to be done to an engine broke down")?
    }
}

impl Engines {
    /// Starts both engines and creates the database.
    pub(super) async fn start() -> Result<Self> {
        let postgres = Engine::start(Postgres::start).await?;
        let nats = Engine::start(|| Nats::start_with(ALLOWED)).await?;
        postgres.run(|postgres| postgres.create_database(DATABASE)).await?;
        let postgres_port = postgres.0.lock().unwrap_or_else(PoisonError::into_inner).port();
        let nats_port = nats.0.lock().unwrap_or_else(PoisonError::into_inner).port();
        Ok(Self { postgres, nats, postgres_port, nats_port, thread: LinkThread::start()? })
    }

    /// Creates a node's links to both engines.
    pub(super) fn links(&self) -> Result<Links> {
        let postgres = Link::to(self.postgres_port, &self.thread)?;
        Ok(Links { postgres, nats: Link::to(self.nats_port, &self.thread)? })
    }

    pub(super) fn postgres(&self) -> &Engine<Postgres> {
        &self.postgres
    }

    /// Replaces the database server by another one.
    pub(super) fn replace_postgres(&mut self, postgres: Engine<Postgres>) {
        self.postgres = postgres;
    }

    pub(super) fn nats(&self) -> &Engine<Nats> {
        &self.nats
    }
}

/// A node's links to the engines.
pub(super) struct Links {
    pub(super) postgres: Link,
    pub(super) nats: Link,
}

impl Links {
    /// The node's settings to use these links.
    pub(super) fn settings(&self) -> Vec<(&'static str, String)> {
        let (postgres, nats) = (self.postgres.port(), self.nats.port());
        vec![
            ("DATABASE_URL", format!("postgres://postgres@127.0.0.1:{postgres}/{DATABASE}")),
            ("NATS_URL", format!("nats://127.0.0.1:{nats}")),
            ("NATS_PREFIX", "torture".into()),
            ("JWT_SECRET", "the key of a cluster that is tortured, of no other use".into()),
        ]
    }
}
