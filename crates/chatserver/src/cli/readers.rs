//! `chatserver readers`: lists the readers of the feed of committed changes and how far each has come, and reads the
//! feed by hand.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow};
use chat_core::feed::{Entry, MAX_PAGE, Page, Progress, Reader, ReaderAdmin, ReaderName, Reload, Start};
use chat_core::sync::{Cursor, Epoch};
use chat_core::time::Timestamp;
use chat_postgres::Options;
use serde_json::{Map, Value};

use super::print_line;

/// Exit status: the reader has to reload before it reads on.
const RELOAD: u8 = 3;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    what: Option<What>,
    /// SQLite file; a server may run on it
    #[arg(long, env = "DATABASE_PATH", default_value = "./chatserver.db", global = true)]
    database: PathBuf,
    /// PostgreSQL database instead of the file, such as postgres://user:password@host/database
    #[arg(long, env = "DATABASE_URL", hide_env_values = true, global = true)]
    database_url: Option<String>,
    /// Schema in that database with ChatServer's tables
    #[arg(long, env = "DATABASE_SCHEMA", global = true)]
    database_schema: Option<String>,
}

#[derive(clap::Subcommand)]
enum What {
    /// List the readers, their positions, and how far they are behind (the default)
    List,
    /// Register a reader; from now on changes are kept for it
    Add {
        /// Name of 1 to 64 ASCII letters, digits and the characters . - _
        #[arg(value_parser = ReaderName::parse)]
        name: ReaderName,
        /// Begin with the oldest change that is kept for other readers instead of the next change
        #[arg(long)]
        oldest: bool,
    },
    /// Print the changes after a reader's position, one JSON object a line; exits 3 if the reader has to reload
    Read {
        /// Name of the reader
        #[arg(value_parser = ReaderName::parse)]
        name: ReaderName,
        /// Maximum number of changes, 1 to 1000
        #[arg(long, default_value_t = 100, value_parser = clap::value_parser!(u16).range(1..=i64::from(MAX_PAGE)))]
        limit: u16,
    },
    /// Move a reader to a position: it has dealt with everything up to there
    Ack {
        /// Name of the reader
        #[arg(value_parser = ReaderName::parse)]
        name: ReaderName,
        /// Position of the last change that was dealt with, as `read` prints it
        #[arg(value_parser = cursor)]
        position: Cursor,
    },
    /// Remove a reader; without any, no changes are kept
    Remove {
        /// Name of the reader
        #[arg(value_parser = ReaderName::parse)]
        name: ReaderName,
    },
}

fn cursor(text: &str) -> Result<Cursor, String> {
    let example = Cursor { epoch: Epoch(0x1f2e_3d4c), position: chat_core::ids::Position(77) };
    Cursor::parse(text).ok_or_else(|| format!("a position looks like {example}"))
}

/// Runs the subcommand. `url_is_found`: the database's address comes from a file `.env`, which may be meant for another
/// program.
pub(crate) fn run(args: Args, url_is_found: bool) -> Result<ExitCode> {
    let mut admin = open(&args, url_is_found)?;
    match args.what.unwrap_or(What::List) {
        What::List => print_line(&table(&admin.list()?))?,
        What::Add { name, oldest } => {
            let start = if oldest { Start::Oldest } else { Start::End };
            print_line(&describe_position(&admin.add(name, start)?))?;
        }
        What::Read { name, limit } => return print(admin.page(&name, limit)?),
        What::Ack { name, position } => print_line(&describe_position(&admin.acknowledge(&name, position)?))?,
        What::Remove { name } => {
            admin.remove(&name)?;
            print_line(&format!("{name} is removed."))?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn open(args: &Args, url_is_found: bool) -> Result<Box<dyn ReaderAdmin>> {
    // The texts of these errors contain their causes: `{:#}` would print those twice.
    let given = |setting: &Option<String>| setting.clone().filter(|text| !text.is_empty());
    match given(&args.database_url) {
        Some(url) => {
            let schema = given(&args.database_schema);
            let options = Options { url, schema, is_found: url_is_found, ..Options::default() };
            let admin = chat_postgres::FeedAdmin::open(&options).map_err(|error| anyhow!("{error}"))?;
            Ok(Box::new(admin))
        }
        None => {
            let open = match args.what {
                None | Some(What::List | What::Read { .. }) => chat_sqlite::FeedAdmin::reading,
                Some(What::Add { .. } | What::Ack { .. } | What::Remove { .. }) => {
                    chat_sqlite::FeedAdmin::writing
                }
            };
            Ok(Box::new(open(&args.database).map_err(|error| anyhow!("{error}"))?))
        }
    }
}

fn describe_position(reader: &Reader) -> String {
    format!("{} is at {}.", reader.name, reader.at)
}

fn table(readers: &[Progress]) -> String {
    if readers.is_empty() {
        return "No readers: no changes are kept.".into();
    }
    let mut lines = vec![format!("{:<24} {:<24} {:>10}  oldest", "reader", "position", "behind")];
    for Progress { reader, lag, oldest_at, reload } in readers {
        let oldest = oldest_at.map_or_else(|| "-".into(), time);
        let reload = reload.map_or_else(String::new, |it| format!("  has to reload: {}", it.why));
        let (name, at) = (reader.name.as_str(), reader.at.to_string());
        lines.push(format!("{name:<24} {at:<24} {lag:>10}  {oldest}{reload}"));
    }
    lines.join("\n")
}

fn print(page: Page) -> Result<ExitCode> {
    match page {
        Page::Entries { entries, up_to, .. } => {
            for entry in &entries {
                print_line(&line(entry, up_to.epoch)?)?;
            }
            Ok(ExitCode::SUCCESS)
        }
        Page::Reload(Reload { why, from }) => {
            print_line(
                &serde_json::json!({ "reload": why.as_str(), "position": from.to_string() }).to_string(),
            )?;
            Ok(ExitCode::from(RELOAD))
        }
    }
}

fn line(entry: &Entry, epoch: Epoch) -> Result<String> {
    let mut fields = Map::new();
    let mut put =
        |name: &str, value: Option<Value>| drop(value.and_then(|value| fields.insert(name.into(), value)));
    put("position", Some(Cursor { epoch, position: entry.position }.to_string().into()));
    put("at", Some(time(entry.at).into()));
    put("kind", Some(entry.kind.as_str().into()));
    put("conversation", entry.conversation.map(|id| id.0.into()));
    put("message", entry.message.map(|id| id.0.into()));
    put("user", entry.user.map(|id| id.0.into()));
    put("actor", entry.actor.map(|id| id.0.into()));
    serde_json::to_string(&Value::Object(fields)).context("an entry cannot be written")
}

/// Formats a time with microseconds, in UTC.
fn time(at: Timestamp) -> String {
    jiff::Timestamp::from_microsecond(at.0).map_or_else(|_| at.0.to_string(), |at| format!("{at:.6}"))
}
