//! `chatserver healthcheck`: for container engines, whose images need no other HTTP client then.

use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};

/// Which server to ask.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The server's address
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
}

const DEADLINE: Duration = Duration::from_secs(5);

/// Exits 0 if `/readyz` answers 200.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let status = runtime.block_on(async {
        let client = chat_client::Client::new(&args.url)?;
        let asked = tokio::time::timeout(DEADLINE, client.ready());
        asked.await.context("the server did not answer in time")?.context("the server cannot be reached")
    })?;
    Ok(if status { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
