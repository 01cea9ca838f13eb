//! `chatserver names`: lists the usernames of a database that today's rules would refuse, for the operator to check.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Result, anyhow};
use chat_core::names::{Report, report};
use chat_postgres::Options;

use super::print_line;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// SQLite file; a server may run on it
    #[arg(long, env = "DATABASE_PATH", default_value = "./chatserver.db")]
    database: PathBuf,
    /// PostgreSQL database instead of the file, such as postgres://user:password@host/database
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    database_url: Option<String>,
    /// Schema in that database with ChatServer's tables
    #[arg(long, env = "DATABASE_SCHEMA")]
    database_schema: Option<String>,
}

/// Reads all names and prints a report. `url_is_found`: the database's address comes from a file `.env`, which may be
/// meant for another program.
pub(crate) fn run(args: &Args, url_is_found: bool) -> Result<ExitCode> {
    // The texts of these errors contain their causes: `{:#}` would print those twice.
    let given = |setting: &Option<String>| setting.clone().filter(|text| !text.is_empty());
    let names = match given(&args.database_url) {
        Some(url) => {
            let schema = given(&args.database_schema);
            let options = Options { url, schema, is_found: url_is_found, ..Options::default() };
            chat_postgres::usernames(&options).map_err(|error| anyhow!("{error}"))?
        }
        None => chat_sqlite::usernames(&args.database).map_err(|error| anyhow!("{error}"))?,
    };
    print_line(&rendered(&report(names)))?;
    Ok(ExitCode::SUCCESS)
}

fn rendered(report: &Report) -> String {
    let mut lines = Vec::new();
    if !report.unfit.is_empty() {
        lines.push("Names that would be refused today:".into());
        lines.extend(
            report.unfit.iter().map(|(id, name, reason)| format!("  {id}  {}  {reason}", shown(name))),
        );
    }
    if !report.alike.is_empty() {
        lines.push("Names that could be mistaken for an earlier one:".into());
        let alike = |[(first, one), (second, other)]: &[(i64, String); 2]| {
            format!("  {second}  {}  for  {first}  {}", shown(other), shown(one))
        };
        lines.extend(report.alike.iter().map(alike));
    }
    let (n_names, n_unfit, n_alike) = (report.n_names, report.unfit.len(), report.alike.len());
    lines.push(format!("{n_names} names: {n_unfit} break a rule, {n_alike} look like another."));
    lines.join("\n")
}

/// Quotes a name and adds escapes for what is not ASCII: two names that look the same differ there.
fn shown(name: &str) -> String {
    if name.is_ascii() { format!("{name:?}") } else { format!("{name:?} ({})", name.escape_default()) }
}
