//! The binary: settings, logging, the composition root and the command line. Rules of chat do not belong here.

mod adapters;
mod certificate;
mod cli;
mod compose;
mod demo;
mod dotenv;
mod hangup;
mod logging;
mod metrics;
mod private_files;
mod secret;
mod stopping;
mod watchdog;

use std::process::ExitCode;

/// Not glibc's allocator: that one asks the system for each further page of a thread's heap, which costs most when
/// thousands of clients come back at once. SQLite and other C libraries keep the system's.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    // Before any file is made.
    private_files::begin();
    // Before other threads start, because it sets environment variables.
    let read = if cli::is_a_client() { Ok(dotenv::Dotenv::default()) } else { dotenv::read() };
    let dotenv = match read {
        Ok(dotenv) => dotenv,
        Err(reason) => {
            eprintln!("chatserver: cannot read the file .env: {reason}");
            return ExitCode::from(78);
        }
    };
    #[cfg(feature = "failpoints")]
    chat_core::failpoints::arm(&std::env::var("CHATSERVER_FAILPOINTS").unwrap_or_default());
    match cli::run(dotenv) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("chatserver: {error:#}");
            ExitCode::FAILURE
        }
    }
}
