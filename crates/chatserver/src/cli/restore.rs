//! `chatserver restore`: turns a backup into the database, with a log epoch of its own, and restores the key that signs
//! tokens.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Result, bail};
use chat_sqlite::{From, Restore};

use super::backup::{Elsewhere, counted};
use super::print_line;
use crate::secret;

/// Name that means standard input.
const IN: &str = "-";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// Backup, or a copy of a database made with another tool; - for standard input
    backup: PathBuf,
    /// SQLite file to create; its server must not run
    #[arg(long, env = "DATABASE_PATH", default_value = "./chatserver.db")]
    database: PathBuf,
    /// Replace an existing database, which is kept beside the new one
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    elsewhere: Elsewhere,
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if let Some(schema) = args.elsewhere.schema() {
        bail!(
            "the data is in PostgreSQL (DATABASE_URL), which restores its dumps itself: pg_restore --exit-on-error \
             --no-owner --dbname=\"$DATABASE_URL\" chat.dump, and then for the log: UPDATE {schema}.log SET epoch = \
             1 + floor(random() * 4294967294)::bigint"
        );
    }
    let is_stream = args.backup.as_os_str() == IN;
    let mut input = std::io::stdin().lock();
    let from = if is_stream { From::Stream(&mut input) } else { From::File(&args.backup) };
    let restore = Restore::prepare(from, &args.database, args.force)?;
    let contents = restore.contents.clone();
    let key = match &contents.key {
        Some(key) => Some(key.clone()),
        // A copy made by hand may have its key beside it.
        None if is_stream => None,
        None => secret::kept_if_made(&args.backup)?,
    };
    let now = jiff::Timestamp::now().as_second();
    let former = restore.former_name(now, |former| secret::may_be_kept_as(&args.database, former));
    if let Some(key) = &key {
        secret::put(&args.database, key, args.force, &former)?;
    }
    let replaced = restore.put_in_place(&former)?;
    print_line(&report(&args.database, &counted(&contents), key.is_some(), replaced.as_deref()))?;
    Ok(ExitCode::SUCCESS)
}

fn report(database: &Path, counted: &str, has_key: bool, replaced: Option<&Path>) -> String {
    let mut lines = vec![format!("Restored {counted} to {}.", database.display())];
    if let Some(replaced) = replaced {
        lines.push(format!("The former database is kept as {}.", replaced.display()));
    }
    if !has_key {
        lines.push(
            "The key that signs tokens was not in it: set JWT_SECRET as before, or everybody logs in again."
                .into(),
        );
    }
    lines.push("This is a new log: clients that come back are asked to reload.".into());
    lines.join("\n")
}
