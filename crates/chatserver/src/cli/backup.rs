//! `chatserver backup`: copies a SQLite file, while its server runs, and the key that signs tokens into one file.

use std::io::{IsTerminal, Write, stdout};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use chat_postgres::{Options, USUAL_SCHEMA};
use chat_sqlite::{Backup, Contents};

use super::print_line;
use crate::{private_files, secret};

/// Name that means standard output.
const OUT: &str = "-";

#[derive(clap::Args)]
pub(crate) struct Args {
    /// File to create, or - for standard output
    to: PathBuf,
    /// SQLite file; a server may keep running on it
    #[arg(long, env = "DATABASE_PATH", default_value = "./chatserver.db")]
    database: PathBuf,
    /// Replace an existing file
    #[arg(long)]
    force: bool,
    #[command(flatten)]
    elsewhere: Elsewhere,
}

/// Settings that say whether the data is in PostgreSQL, which has its own programs for backups.
#[derive(clap::Args)]
pub(super) struct Elsewhere {
    #[arg(long, env = "DATABASE_URL", hide = true)]
    database_url: Option<String>,
    #[arg(long, env = "DATABASE_SCHEMA", hide = true)]
    database_schema: Option<String>,
}

impl Elsewhere {
    /// Returns the schema of the data if it is in PostgreSQL.
    pub(super) fn schema(&self) -> Option<String> {
        let given = |setting: &Option<String>| setting.clone().filter(|text| !text.is_empty());
        let schema = given(&self.database_schema);
        let options = Options { url: given(&self.database_url)?, schema, ..Options::default() };
        // A database that does not answer is treated as new: the message differs only in the schema's name.
        let found = chat_postgres::schema_of(&options).ok().flatten();
        Some(found.or(options.schema).unwrap_or_else(|| USUAL_SCHEMA.into()))
    }
}

pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    if let Some(schema) = args.elsewhere.schema() {
        // Every database has `public`, so a dump that creates it cannot be restored.
        let only = if schema == "public" { String::new() } else { format!("--schema={schema} ") };
        bail!(
            "the data is in PostgreSQL (DATABASE_URL), which makes its backups itself: pg_dump --format=custom {only}\
             --exclude-table-data={schema}.journal --exclude-table-data={schema}.tickets --file=chat.dump \
             \"$DATABASE_URL\""
        );
    }
    let key = secret::kept_if_made(&args.database)?;
    if args.to.as_os_str() == OUT {
        write_out(args, key.as_deref())
    } else {
        write_file(args, key.as_deref())
    }
}

fn write_out(args: &Args, key: Option<&str>) -> Result<ExitCode> {
    if stdout().is_terminal() {
        bail!("cannot write a backup to a terminal; name a file, or use a pipe: chatserver backup - | ...");
    }
    let backup = Backup::make(&args.database, folder_of(&args.database), key)?;
    backup.write_to(&mut stdout().lock()).context("standard output is closed")?;
    let _ = writeln!(std::io::stderr(), "{}", summary(&backup.contents, "standard output"));
    Ok(ExitCode::SUCCESS)
}

fn write_file(args: &Args, key: Option<&str>) -> Result<ExitCode> {
    let to = &args.to;
    if private_files::belongs_to(to, &args.database) {
        bail!("{} is the database itself, or belongs to it; choose another name", to.display());
    }
    // Checked before the work, and again when it is done.
    if let Ok(there) = to.symlink_metadata() {
        if !there.is_file() {
            bail!(
                "{} is not an ordinary file and was not replaced; name one, or - for standard output",
                to.display()
            );
        }
        if !args.force {
            return Err(chat_sqlite::BackupError::Exists(to.clone()).into());
        }
    }
    let backup = Backup::make(&args.database, folder_of(to), key)?;
    let contents = backup.contents.clone();
    backup.keep(to, args.force)?;
    print_line(&summary(&contents, &to.display().to_string()))?;
    Ok(ExitCode::SUCCESS)
}

fn folder_of(file: &Path) -> &Path {
    file.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

fn summary(contents: &Contents, place: &str) -> String {
    let key = if contents.key.is_some() {
        "and the key that signs tokens"
    } else {
        "without a key: you set JWT_SECRET, so keep it safe"
    };
    format!("Backed up {} to {place}, {key}; checked.", counted(contents))
}

/// Describes how much a backup contains, for a person.
pub(super) fn counted(contents: &Contents) -> String {
    let counted = |number: u64, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    format!("{} of {}", counted(contents.messages, "message"), counted(contents.users, "user"))
}
