//! The databases of one PostgreSQL server, by way of its own client `psql`, so that no driver is needed here.

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use anyhow::{Context, Result, bail};

/// The one that is always there, from which the others are made and removed.
const ALWAYS_THERE: &str = "postgres";

/// A PostgreSQL server whose databases may be made and removed.
#[derive(Debug, Clone)]
pub struct Databases {
    psql: PathBuf,
    /// Without a database's name and without a slash at the end.
    base: String,
    /// What follows the database's name, with its question mark.
    options: String,
}

impl Databases {
    /// Those of the server at a URL that names no database, with this client.
    pub(crate) fn at(url: &str, psql: &Path) -> Self {
        let (base, options) = url.split_at(url.find('?').unwrap_or(url.len()));
        let base = base.trim_end_matches('/').to_owned();
        Self { psql: psql.to_owned(), base, options: options.to_owned() }
    }

    /// The URL of a database, `postgres://...`.
    pub fn url(&self, database: &str) -> String {
        format!("{}/{database}{}", self.base, self.options)
    }

    /// Runs statements in a database, as the superuser. Gives the rows that they print, one a line, with columns between
    /// `|`.
    pub fn execute(&self, database: &str, statements: &str) -> Result<String> {
        let mut command = Command::new(&self.psql);
        // A person's own settings would change what is printed, and where one lands.
        let own = std::env::vars_os().map(|(name, _)| name);
        for name in own.filter(|name| name.to_string_lossy().starts_with("PG")) {
            command.env_remove(name);
        }
        // Where servers put their tables if they are not told otherwise; what is not there is passed over.
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

    /// Makes an empty database.
    pub fn create(&self, name: &str) -> Result<()> {
        self.execute(ALWAYS_THERE, &format!("CREATE DATABASE {}", quoted(name))).map(drop)
    }

    /// Makes a copy of a database to which nobody is connected.
    pub fn create_from(&self, name: &str, template: &str) -> Result<()> {
        let statement = format!("CREATE DATABASE {} TEMPLATE {}", quoted(name), quoted(template));
        self.execute(ALWAYS_THERE, &statement).map(drop)
    }

    /// Removes a database if it is there, and sends away whoever is connected to it.
    pub fn drop(&self, name: &str) -> Result<()> {
        let statement = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", quoted(name));
        self.execute(ALWAYS_THERE, &statement).map(drop)
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
