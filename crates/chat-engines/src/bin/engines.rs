//! `engines run -- <command>` starts a PostgreSQL and a NATS server for one command and the processes that it
//! starts.
//! They find the servers through environment variables.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use chat_engines::{NATS_VARIABLE, Nats, POSTGRES_VARIABLE, Postgres};

const USAGE: &str = "Usage: engines run -- <command> [argument]...";
/// Exit code for a command that was ended by a signal and so has no code of its own.
const ENDED_BY_A_SIGNAL: u8 = 128;

fn main() -> ExitCode {
    let words: Vec<_> = std::env::args_os().skip(1).collect();
    let [run, dashes, program, arguments @ ..] = words.as_slice() else { return usage() };
    if run != "run" || dashes != "--" {
        return usage();
    }
    let mut command = Command::new(program);
    command.args(arguments);
    match with_engines(command) {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("engines: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn usage() -> ExitCode {
    eprintln!("{USAGE}");
    ExitCode::from(2)
}

/// Runs the command and returns its exit code.
fn with_engines(mut command: Command) -> Result<u8> {
    let (postgres, nats) = (Postgres::start()?, Nats::start()?);
    // The URL without a database name.
    let base = postgres.url("");
    eprintln!("engines: {base} and {}", nats.url());
    command.env(POSTGRES_VARIABLE, base).env(NATS_VARIABLE, nats.url());
    let status = command.status().context("the command cannot be started")?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(code.unwrap_or(ENDED_BY_A_SIGNAL))
}
