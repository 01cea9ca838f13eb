//! The binary: settings, logging, the composition root and the command line. No rule of chat lives here.

mod adapters;
mod cli;
mod compose;
mod demo;
mod logging;
mod secret;

use std::process::ExitCode;

fn main() -> ExitCode {
    // Before anything else, because it sets environment variables, and before threads that could read them.
    let dotenv = dotenvy::dotenv();
    if let Err(error) = dotenv
        && !error.not_found()
    {
        eprintln!("chatserver: the file .env cannot be read: {error}");
        return ExitCode::from(78);
    }
    match cli::run() {
        Ok(code) => code,
        Err(error) => {
            eprintln!("chatserver: {error:#}");
            ExitCode::FAILURE
        }
    }
}
