//! The engines that all tests of a run share: those that the environment names, or otherwise this process's
//! own, started on first use.

use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::{Result, anyhow};

use crate::databases::Databases;
use crate::nats::Nats;
use crate::postgres::Postgres;
use crate::{ports, programs};

/// Environment variable with the URL of a PostgreSQL server, for its superuser and without a database name.
pub const POSTGRES_VARIABLE: &str = "CHATSERVER_TEST_POSTGRES";
/// Environment variable with the URL of a NATS server.
pub const NATS_VARIABLE: &str = "CHATSERVER_TEST_NATS";

/// One PostgreSQL and one NATS server, each started or looked up on first use.
pub struct Engines {
    postgres: OnceLock<Result<Source<Databases, Postgres>, String>>,
    nats: OnceLock<Result<Source<String, Nats>, String>>,
}

/// The origin of an engine.
enum Source<Given, Own> {
    Given(Given),
    /// Kept alive for the life of the process; `guard.rs` ends it afterwards.
    Own(Own),
}

/// Returns the engines of this run.
pub fn shared() -> &'static Engines {
    static ENGINES: Engines = Engines { postgres: OnceLock::new(), nats: OnceLock::new() };
    &ENGINES
}

impl Engines {
    /// Returns the PostgreSQL server. Fails if it cannot be started.
    pub fn databases(&self) -> Result<&Databases> {
        let postgres = self.postgres.get_or_init(|| match from_environment(POSTGRES_VARIABLE) {
            Some(url) => shareable(client().map(|psql| Source::Given(Databases::at(&url, &psql)))),
            None => shareable(Postgres::start().map(Source::Own)),
        });
        match postgres {
            Ok(Source::Given(databases)) => Ok(databases),
            Ok(Source::Own(postgres)) => Ok(postgres.databases()),
            Err(why) => Err(anyhow!("{why}")),
        }
    }

    /// Creates a new database on the PostgreSQL server.
    pub fn database(&self) -> Result<Database> {
        let databases = self.databases()?.clone();
        let name = format!("chat_{:016x}", ports::random());
        databases.create(&name)?;
        Ok(Database { databases, name })
    }

    /// Returns the URL of the NATS server. Fails if it cannot be started.
    pub fn nats_url(&self) -> Result<String> {
        let nats = self.nats.get_or_init(|| match from_environment(NATS_VARIABLE) {
            Some(url) => Ok(Source::Given(url)),
            None => shareable(Nats::start().map(Source::Own)),
        });
        match nats {
            Ok(Source::Given(url)) => Ok(url.clone()),
            Ok(Source::Own(nats)) => Ok(nats.url()),
            Err(why) => Err(anyhow!("{why}")),
        }
    }
}

/// Finds the `psql` that lies beside the server's programs, or any other.
fn client() -> Result<PathBuf> {
    programs::psql(&programs::postgres().unwrap_or_default())
}

/// Returns the value of a variable; an empty one counts as unset.
fn from_environment(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|url| !url.is_empty())
}

/// Turns the error into text, so that every later caller can get a copy.
fn shareable<T>(result: Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("{error:#}"))
}

/// A database that is removed when this is dropped.
pub struct Database {
    databases: Databases,
    name: String,
}

impl Database {
    /// Returns the name. No other test uses it, so tests may name other things after it too.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns the URL, `postgres://...`.
    pub fn url(&self) -> String {
        self.databases.url(&self.name)
    }

    /// Runs statements in it, as the superuser. Returns the rows that they print, one per line, with `|`
    /// between columns.
    pub fn execute(&self, statements: &str) -> Result<String> {
        self.databases.execute(&self.name, statements)
    }
}

impl Drop for Database {
    fn drop(&mut self) {
        if let Err(error) = self.databases.drop(&self.name) {
            eprintln!("the database {} stays behind: {error:#}", self.name);
        }
    }
}
