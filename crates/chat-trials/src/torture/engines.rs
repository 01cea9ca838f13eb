//! The PostgreSQL and the NATS of a cluster that is tortured. They are this torture's own.

use std::sync::{Arc, Mutex, PoisonError};

use anyhow::{Context, Result};
use chat_engines::{Nats, Postgres};
use tokio::task::spawn_blocking;

use super::link::{Carrier, Link};

pub(super) const DATABASE: &str = "torture";
/// What NATS lets nodes do, who come without a name: everything, or nothing.
pub(super) const ALLOWED: &str =
    "authorization { users: [ { user: node, password: node } ] }\nno_auth_user: node";
pub(super) const FORBIDDEN: &str = "authorization { users: [ { user: node, password: node, permissions: { \
                                    publish: { deny: \">\" }, subscribe: { deny: \">\" } } } ] }\nno_auth_user: node";

/// Both engines, each at a port that it keeps, and what carries the nodes' ways to them.
pub(super) struct Engines {
    postgres: Engine<Postgres>,
    nats: Engine<Nats>,
    postgres_port: u16,
    nats_port: u16,
    carrier: Carrier,
}

/// Starting and ending one takes its time, which the clients need meanwhile.
pub(super) struct Engine<T>(Arc<Mutex<T>>);

impl<T: Send + 'static> Engine<T> {
    async fn start(start: fn() -> Result<T>) -> Result<Self> {
        Ok(Self::of(spawn_blocking(start).await.context("an engine's start broke down")??))
    }

    /// One that runs already.
    pub(super) fn of(engine: T) -> Self {
        Self(Arc::new(Mutex::new(engine)))
    }

    /// Has something done with it.
    pub(super) async fn has<R: Send + 'static>(&self, deed: fn(&mut T) -> Result<R>) -> Result<R> {
        let engine = self.0.clone();
        let done = spawn_blocking(move || deed(&mut engine.lock().unwrap_or_else(PoisonError::into_inner)));
        done.await.context("what was to be done to an engine broke down")?
    }
}

impl Engines {
    /// Starts both.
    pub(super) async fn start() -> Result<Self> {
        let postgres = Engine::start(Postgres::start).await?;
        let nats = Engine::start(|| Nats::start_with(ALLOWED)).await?;
        postgres.has(|postgres| postgres.create_database(DATABASE)).await?;
        let postgres_port = postgres.0.lock().unwrap_or_else(PoisonError::into_inner).port();
        let nats_port = nats.0.lock().unwrap_or_else(PoisonError::into_inner).port();
        Ok(Self { postgres, nats, postgres_port, nats_port, carrier: Carrier::start()? })
    }

    /// A node's ways to them.
    pub(super) fn links(&self) -> Result<Links> {
        let postgres = Link::to(self.postgres_port, &self.carrier)?;
        Ok(Links { postgres, nats: Link::to(self.nats_port, &self.carrier)? })
    }

    pub(super) fn postgres(&self) -> &Engine<Postgres> {
        &self.postgres
    }

    /// Another server is the database from now on.
    pub(super) fn take_over(&mut self, postgres: Engine<Postgres>) {
        self.postgres = postgres;
    }

    pub(super) fn nats(&self) -> &Engine<Nats> {
        &self.nats
    }
}

/// A node's ways to the engines.
pub(super) struct Links {
    pub(super) postgres: Link,
    pub(super) nats: Link,
}

impl Links {
    /// What the node has to be told in order to take them.
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
