//! The databases of one PostgreSQL server. Uses PostgreSQL's own client `psql`, so that this crate needs no
//! driver.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The database that every server has. Statements that create and remove other databases run in it.
const MAINTENANCE_DATABASE: &str = "postgres";

/// A PostgreSQL server on which databases can be created and removed.
#[derive(Debug, Clone)]
pub struct Databases {
    psql: PathBuf,
    /// The URL without a database name and without a slash at the end.
    base: String,
    /// The part of the URL after the database name, including its question mark.
    options: String,
}

impl Databases {
    /// Creates a handle for the server at a URL that names no database, with this `psql`.
    pub(crate) fn at(url: &str, psql: &Path) -> Self {
        let (base, options) = url.split_at(url.find('?').unwrap_or(url.len()));
        let base = base.trim_end_matches('/').to_owned();
        Self { psql: psql.to_owned(), base, options: options.to_owned() }
    }

    /// Returns the URL of a database, `postgres://...`.
    pub fn url(&self, database: &str) -> String {
        format!("{}/{database}{}", self.base, self.options)
    }

    /// Runs statements in a database, as the superuser. Returns the rows that they print, one per line, with
    /// `|` between columns.
    pub fn execute(&self, database: &str, statements: &str) -> Result<String> {
        let mut command = Command::new(&self.psql);
        // The developer's own `PG...` variables would change the output and the server that is reached.
        let own = std::env::vars_os().map(|(name, _)| name);
        for name in own.filter(|name| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        // The schemas where servers put their tables unless configured otherwise; PostgreSQL ignores a schema
        // that does not exist.
        command.env("PGOPTIONS", "-c search_path=chatserver,public");
        command.args(["--no-psqlrc", "--no-password", "--quiet", "--no-align", "--tuples-only"]);
        command
            .args(["--set", "ON_ERROR_STOP=1", "--command", statements, "--dbname"])
            .arg(self.url(database));
        let output = command.stdin(Stdio::null()).output().context("psql cannot be started")?;
        if !output.status.success() {
            bail!("{statements}: {}", String::from_utf8_lossy(&output.stderr).trim());
        }
        Ok(String::from_utf8_lossy(&output.stdout).trim_end().to_owned())
    }

    /// Creates an empty database.
    pub fn create(&self, name: &str) -> Result<()> {
        self.execute(MAINTENANCE_DATABASE, &format!("CREATE DATABASE {}", quoted(name))).map(drop)
    }

    /// Creates a copy of a database to which nobody is connected.
    pub fn create_from(&self, name: &str, template: &str) -> Result<()> {
        let statement = format!("CREATE DATABASE {} TEMPLATE {}", quoted(name), quoted(template));
        self.execute(MAINTENANCE_DATABASE, &statement).map(drop)
    }

    /// Removes a database if it exists, and disconnects its clients.
    pub fn drop(&self, name: &str) -> Result<()> {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(name));
        self.execute(MAINTENANCE_DATABASE, &statement).map(drop)
    }
}

fn quoted(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_goes_before_the_options() {
        for (base, expected) in [
            ("postgres://ann@db:5", "postgres://ann@db:5/chat"),
            ("postgres://ann@db/", "postgres://ann@db/chat"),
            ("postgres://db?sslmode=require", "postgres://db/chat?sslmode=require"),
            ("postgres://db/?sslmode=require", "postgres://db/chat?sslmode=require"),
        ] {
            assert_eq!(Databases::at(base, Path::new("")).url("chat"), expected);
        }
    }

    #[test]
    fn names_may_hold_anything() {
        assert_eq!(quoted(r#"a"b"#), r#""a""b""#);
    }
}
