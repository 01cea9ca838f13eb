//! The binary: settings, logging, the composition root and the command line. No rule of chat lives here.

mod adapters;
mod certificate;
mod cli;
mod compose;
mod demo;
mod logging;
mod metrics;
mod secret;
mod stopping;
mod watchdog;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else, because it sets environment variables, and before threads that could read them.
    if !cli::is_a_client()
        && let Err(reason) = read_dotenv()
    {
        eprintln!("chatserver: the file .env cannot be read: {reason}");
        return ExitCode::from(78);
    }
    #[cfg(feature = "failpoints")]
    chat_core::failpoints::arm(&std::env::var("CHATSERVER_FAILPOINTS").unwrap_or_default());
    match cli::run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("chatserver: {error:#}");
            ExitCode::FAILURE
        }
    }
}

/// Reads `.env` in the working folder, if it is there; one of a folder above belongs to something else. Not for clients: a
/// folder that is not the user's own could name a server to which the user's password would go. What it holds
/// is not repeated: it may be a secret.
fn read_dotenv() -> Result<(), String> {
    match dotenvy::from_path(".env") {
        Ok(()) => Ok(()),
        Err(error) if error.not_found() => Ok(()),
        Err(dotenvy::Error::LineParse(..)) => {
            Err("a line is not of the form NAME=value; check its quotes".into())
        }
        Err(error) => Err(error.to_string()),
    }
}
