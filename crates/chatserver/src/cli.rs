//! The command line. Each subcommand has a file of its own.

mod asyncapi;
mod backup;
mod chat;
mod healthcheck;
mod migrate;
mod names;
mod readers;
mod restore;
mod serve;
mod trials;
mod who;

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use clap::parser::ValueSource;
use clap::{ArgMatches, CommandFactory, FromArgMatches, Parser, Subcommand};

use crate::dotenv::Dotenv;

/// A self-hosted chat backend: accounts, direct and group messages, history and live delivery in one binary.
/// Without a subcommand it serves. Set every server setting as a flag, as an environment variable or in a file
/// `.env` in the working directory; flags override the environment, which overrides the file. The clients (chat,
/// send, tail, login, logout) do not read that file.
#[derive(Parser)]
#[command(name = "chatserver", version, args_conflicts_with_subcommands = true)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
    #[command(flatten)]
    serve: serve::Args,
}

#[derive(Subcommand)]
enum Command {
    /// Serve (the default)
    Serve(Box<serve::Args>),
    /// Measure a server: sends, fan-out, latency, connections, resuming, history, search
    Bench(chat_trials::bench::Args),
    /// Estimate the nodes, database and bus for a number of users, and the first bottleneck
    Capacity(chat_trials::capacity::Args),
    /// Chat: full-screen on a terminal, line by line in a pipe
    Chat(chat::Args),
    /// Send one message and print its id
    Send(chat::SendArgs),
    /// Print events as they happen
    Tail(chat::TailArgs),
    /// Log in and save the login for chat, send and tail
    Login(chat::LoginArgs),
    /// Log out and delete the saved login
    Logout(chat::LoginArgs),
    /// Check whether a running server is ready; exits 0 if it is
    Healthcheck(healthcheck::Args),
    /// Back up the SQLite file and the key that signs tokens into one file, while the server runs
    Backup(backup::Args),
    /// Restore a database from a backup; its server must not run
    Restore(restore::Args),
    /// Move everything from a SQLite file to a PostgreSQL database; exits 3 if a server still writes to the file
    Migrate(migrate::Args),
    /// List usernames that would be refused today, and those that look like another; changes nothing
    Names(names::Args),
    /// List who reads the feed of all changes and how far each has come; add, read, acknowledge and remove by hand
    Readers(readers::Args),
    /// Kill a server repeatedly under load and check that it keeps its promises; exits 0 if it does
    Torture(chat_trials::torture::Args),
    /// Print the OpenAPI document
    Openapi,
    /// Print the AsyncAPI document of the stream
    Asyncapi,
}

/// Commands of the terminal client. Users run them in any folder.
const CLIENTS: [&str; 5] = ["chat", "send", "tail", "login", "logout"];

/// Whether the command line names one of `CLIENTS`. The command comes first: the server's flags precede no command.
pub(crate) fn is_a_client() -> bool {
    let command = std::env::args_os().nth(1);
    command.is_some_and(|command| CLIENTS.iter().any(|client| command == *client))
}

/// Runs the command that the command line names.
pub(crate) fn run(dotenv: Dotenv) -> Result<ExitCode> {
    let matches = Cli::command().get_matches();
    let cli = Cli::from_arg_matches(&matches).unwrap_or_else(|error| error.exit());
    let is_found = |flag| dotenv.has_database_url && is_from_environment(&matches, flag);
    if let Some(Command::Names(_) | Command::Readers(_)) = cli.command {
        check_one_database(&matches)?;
    }
    match cli.command.unwrap_or_else(|| Command::Serve(Box::new(cli.serve))) {
        Command::Serve(args) => serve::run(*args, is_found("database_url")),
        Command::Bench(args) => trials::bench(args),
        Command::Capacity(args) => trials::capacity(&args),
        Command::Chat(args) => chat::run(args),
        Command::Send(args) => chat::send(args),
        Command::Tail(args) => chat::tail(args),
        Command::Login(args) => chat::login(&args),
        Command::Logout(args) => chat::logout(&args),
        Command::Healthcheck(args) => healthcheck::run(&args),
        Command::Backup(args) => backup::run(&args),
        Command::Restore(args) => restore::run(&args),
        Command::Migrate(args) => migrate::run(&args, is_found("to")),
        Command::Names(args) => names::run(&args, is_found("database_url")),
        Command::Readers(args) => readers::run(args, is_found("database_url")),
        Command::Torture(args) => trials::torture(&args),
        Command::Openapi => openapi(),
        Command::Asyncapi => asyncapi::run(),
    }
}

/// Whether a flag's value comes from its environment variable. Variables that the file `.env` sets count too.
fn is_from_environment(matches: &ArgMatches, flag: &str) -> bool {
    source(matches, flag) == Some(ValueSource::EnvVariable)
}

/// Where the value of a subcommand's flag comes from. `None` if it has none.
fn source(matches: &ArgMatches, flag: &str) -> Option<ValueSource> {
    let given = matches.subcommand().map_or(matches, |(_, given)| given);
    if given.try_contains_id(flag).unwrap_or(false) { given.value_source(flag) } else { None }
}

/// Refuses a file on the command line beside the address of a database, which may come from the environment or the file
/// `.env` unnoticed: the command would act on another database than its user named.
fn check_one_database(matches: &ArgMatches) -> Result<()> {
    let url = matches.subcommand().and_then(|(_, given)| given.get_one::<String>("database_url"));
    let has_url = url.is_some_and(|url| !url.is_empty());
    if has_url && source(matches, "database") == Some(ValueSource::CommandLine) {
        bail!(
            "--database names a file, but DATABASE_URL or --database-url names a database; leave one of them out"
        );
    }
    Ok(())
}

fn openapi() -> Result<ExitCode> {
    let document = chat_gateway::openapi().to_pretty_json().context("the document cannot be written")?;
    print_line(&document)?;
    Ok(ExitCode::SUCCESS)
}

/// Writes a line to standard output. A closed pipe is an error, not a panic.
fn print_line(text: &str) -> Result<()> {
    use std::io::Write;
    writeln!(std::io::stdout().lock(), "{text}").context("standard output is closed")
}
