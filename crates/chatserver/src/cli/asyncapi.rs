//! `chatserver asyncapi`: prints the AsyncAPI document of the stream.

use std::process::ExitCode;

use anyhow::Result;

pub(super) fn run() -> Result<ExitCode> {
    super::print_line(&format!("{:#}", chat_gateway::asyncapi()))?;
    Ok(ExitCode::SUCCESS)
}
