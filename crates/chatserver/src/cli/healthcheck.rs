//! `chatserver healthcheck`: for container engines, so that an image needs no HTTP client besides.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use chat_client::Client;

use super::who::server;

#[derive(clap::Args)]
pub(crate) struct Args {
    /// The server's address
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// PEM file with the only authorities to trust for the certificate of an https:// server
    #[arg(long, value_name = "FILE")]
    ca: Option<PathBuf>,
}

const DEADLINE: Duration = Duration::from_secs(5);

/// Exits 0 if `/readyz` answers 200.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let status = runtime.block_on(async {
        let client = Client::at(server(&args.url, args.ca.as_deref())?);
        let asked = tokio::time::timeout(DEADLINE, client.ready());
        asked.await.context("the server did not answer in time")?.context("cannot reach the server")
    })?;
    Ok(if status { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
