//! The engines that all tests of a run share: those that the environment names, or else ones of this process's own,
//! started when first asked for.

use std::path::PathBuf;
use std::sync::OnceLock;

use anyhow::{Result, anyhow};

use crate::databases::Databases;
use crate::nats::Nats;
use crate::postgres::Postgres;
use crate::{ports, programs};

/// The URL of a PostgreSQL server for its superuser, without a database's name.
pub const POSTGRES_VARIABLE: &str = "CHATSERVER_TEST_POSTGRES";
/// The URL of a NATS server.
pub const NATS_VARIABLE: &str = "CHATSERVER_TEST_NATS";

/// One PostgreSQL and one NATS.
pub struct Engines {
    postgres: OnceLock<Result<Source<Databases, Postgres>, String>>,
    nats: OnceLock<Result<Source<String, Nats>, String>>,
}

/// Whence an engine is.
enum Source<Given, Own> {
    Given(Given),
    /// Kept alive for as long as the process is; what ends it then stands in `guard.rs`.
    Own(Own),
}

/// The engines of this run.
pub fn shared() -> &'static Engines {
    static ENGINES: Engines = Engines { postgres: OnceLock::new(), nats: OnceLock::new() };
    &ENGINES
}

impl Engines {
    /// The PostgreSQL server.
    pub fn databases(&self) -> Result<&Databases> {
        let postgres = self.postgres.get_or_init(|| match given(POSTGRES_VARIABLE) {
            Some(url) => told(client().map(|psql| Source::Given(Databases::at(&url, &psql)))),
            None => told(Postgres::start().map(Source::Own)),
        });
        match postgres {
            Ok(Source::Given(databases)) => Ok(databases),
            Ok(Source::Own(postgres)) => Ok(postgres.databases()),
            Err(why) => Err(anyhow!("{why}")),
        }
    }

    /// A new database in it.
    pub fn database(&self) -> Result<Database> {
        let databases = self.databases()?.clone();
        let name = format!("chat_{:016x}", ports::random());
        databases.create(&name)?;
        Ok(Database { databases, name })
    }

    /// Where the NATS server is.
    pub fn nats_url(&self) -> Result<String> {
        let nats = self.nats.get_or_init(|| match given(NATS_VARIABLE) {
            Some(url) => Ok(Source::Given(url)),
            None => told(Nats::start().map(Source::Own)),
        });
        match nats {
            Ok(Source::Given(url)) => Ok(url.clone()),
            Ok(Source::Own(nats)) => Ok(nats.url()),
            Err(why) => Err(anyhow!("{why}")),
        }
    }
}

/// The client that lies beside the server's programs, or any other.
fn client() -> Result<PathBuf> {
    programs::psql(&programs::postgres().unwrap_or_default())
}

/// An empty variable is as good as none.
fn given(variable: &str) -> Option<String> {
    std::env::var(variable).ok().filter(|url| !url.is_empty())
}

/// The reason in a form that can be given to everybody who asks.
fn told<T>(result: Result<T>) -> Result<T, String> {
    result.map_err(|error| format!("{error:#}"))
}

/// A database that is removed when this is dropped.
pub struct Database {
    databases: Databases,
    name: String,
}

impl Database {
    /// It is nobody else's, so it may name other things too.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// `postgres://...`.
    pub fn url(&self) -> String {
        self.databases.url(&self.name)
    }

    /// Runs statements in it, as the superuser. Gives the rows that they print, one a line, with columns between `|`.
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
