//! `chatserver migrate`: copies a SQLite file to a PostgreSQL database, with all ids and log positions, so that clients
//! resume from their cursors.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, anyhow};
use chat_core::transfer::{Progress, Summary, transfer};
use chat_postgres::{Import, Options};
use chat_sqlite::Export;

use super::print_line;
use crate::secret;

/// Exit status: everything was copied, but a server may have written to the file since.
const STILL_SERVED: u8 = 3;
/// Interval between two lines of progress.
const PROGRESS_INTERVAL: Duration = Duration::from_secs(1);

#[derive(clap::Args)]
pub(crate) struct Args {
    /// PostgreSQL database, such as postgres://user:password@host/database; ChatServer's schema in it must be new or empty
    #[arg(long, env = "DATABASE_URL", hide_env_values = true)]
    to: String,
    /// Schema in that database to move to [default: chatserver]
    #[arg(long, env = "DATABASE_SCHEMA")]
    database_schema: Option<String>,
    /// SQLite file; a server may run on it, except during the final run
    #[arg(long, env = "DATABASE_PATH", default_value = "./chatserver.db")]
    database: PathBuf,
}

/// Copies what the database does not have yet. `url_is_found`: the database's address comes from a file `.env`, which
/// may be meant for another program.
pub(crate) fn run(args: &Args, url_is_found: bool) -> Result<ExitCode> {
    let mut export = Export::open(&args.database)?;
    if let Some(backup) = &export.backup {
        eprintln!("The file was migrated; its former state is kept in {}.", backup.display());
    }
    let token_key = secret::kept_if_made(&args.database)?;
    let has_key = token_key.is_some();
    let target = Options {
        url: args.to.clone(),
        schema: args.database_schema.clone().filter(|schema| !schema.is_empty()),
        is_found: url_is_found,
        ..Options::default()
    };
    // The texts of these errors contain their causes: `{:#}` would print those twice.
    let mut import = Import::begin(&target, export.epoch(), token_key).map_err(|error| anyhow!("{error}"))?;
    let began = Instant::now();
    let mut printer = ProgressPrinter { printed_at: None };
    let summary = transfer(&mut export, &mut import, &mut |progress| printer.print(progress))
        .map_err(|error| anyhow!("{error}; the copied data is kept: run the same command again"))?;
    print_line(&table(&summary))?;
    let place = chat_postgres::describe(&args.to);
    print_line(&ending(&summary, &place, &args.database, has_key, began.elapsed()))?;
    Ok(if summary.is_finished { ExitCode::SUCCESS } else { ExitCode::from(STILL_SERVED) })
}

/// Prints the progress on standard error.
struct ProgressPrinter {
    printed_at: Option<Instant>,
}

impl ProgressPrinter {
    fn print(&mut self, progress: Progress) {
        let Progress { is_check, table, done, rows } = progress;
        if done == 0 || self.printed_at.is_some_and(|at| at.elapsed() < PROGRESS_INTERVAL) {
            return;
        }
        self.printed_at = Some(Instant::now());
        let what = if is_check { "checked" } else { "copied" };
        eprintln!("{table}: {what} {done} of {rows}");
    }
}

fn table(summary: &Summary) -> String {
    let mut lines = vec![format!("{:<18} {:>12} {:>12}  checksum", "table", "rows", "copied")];
    for moved in &summary.tables {
        let (rows, copied) = (moved.digest.rows, moved.copied);
        lines.push(format!("{:<18} {rows:>12} {copied:>12}  {:032x}", moved.table, moved.digest.sum));
    }
    lines.join("\n")
}

/// Describes the result and the next step.
fn ending(summary: &Summary, place: &str, file: &Path, has_key: bool, took: Duration) -> String {
    let file = file.display();
    let mut lines = vec![String::new()];
    if summary.mended > 0 {
        lines.push(format!(
            "{} texts had characters that PostgreSQL cannot store; they were replaced by U+FFFD.",
            summary.mended
        ));
    }
    let took = format!("{:.1} s", took.as_secs_f64());
    if !summary.is_finished {
        lines.push(format!(
            "Copied in {took} while a server runs on {file}; {place} is not ready to be served."
        ));
        lines.push("Next: stop that server and run the same command again to copy what has changed.".into());
        return lines.join("\n");
    }
    lines.push(format!("Everything was copied to {place}, read back and compared, in {took}."));
    if !has_key {
        lines.push(
            "Tokens were signed with your JWT_SECRET; servers on that database need the same one.".into(),
        );
    }
    lines.push(format!(
        "Next: start servers with DATABASE_URL set to that database, and none on {file} any more."
    ));
    lines.join("\n")
}
