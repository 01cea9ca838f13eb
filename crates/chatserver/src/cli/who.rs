//! The options that all commands of the terminal client share: the user and the server.

use std::path::{Path, PathBuf};

use anyhow::{Context, Result};
use chat_client::ServerUrl;
use chat_terminal::{Usage, Who};

use crate::demo;

/// The server's address and the authorities to trust.
#[derive(clap::Args)]
pub(crate) struct Address {
    /// The server's address
    #[arg(long, env = "CHATSERVER_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// PEM file with the only authorities to trust for the certificate of an https:// server
    #[arg(long, env = "CHATSERVER_CA", value_name = "FILE")]
    ca: Option<PathBuf>,
}

impl Address {
    pub(crate) fn url(&self) -> Result<ServerUrl> {
        server(&self.url, self.ca.as_deref())
    }
}

/// Parses an address. If `ca` names a file, only the authorities in it are trusted.
///
/// # Errors
/// The address or the file's content is invalid, or the file cannot be read.
pub(crate) fn server(url: &str, ca: Option<&Path>) -> Result<ServerUrl> {
    let Some(file) = ca else { return Ok(ServerUrl::parse(url)?) };
    let text = std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?;
    ServerUrl::parse_trusting(url, &text).with_context(|| format!("--ca {}", file.display()))
}

#[derive(clap::Args)]
pub(crate) struct Caller {
    /// The user; the demo users tom and jerry need no password
    #[arg(long = "as", value_name = "USERNAME")]
    username: Option<String>,
    /// The user's password; prompted for on a terminal
    #[arg(long, env = "CHATSERVER_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// Token from an earlier login, instead of name and password
    #[arg(long, env = "CHATSERVER_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// Send password and token to a server on another machine without TLS, where others on the network can read them
    #[arg(long)]
    insecure: bool,
    #[command(flatten)]
    address: Address,
}

impl Caller {
    pub(crate) fn who(&self) -> Result<Who> {
        let url = self.address.url().map_err(|error| Usage(format!("{error:#}")))?;
        if !self.insecure && !url.keeps_secrets() {
            let why = "is not encrypted, so others on the network could read the password";
            return Err(Usage(format!("{url} {why}: use https://, or --insecure")).into());
        }
        Ok(Who {
            url,
            username: self.username.clone(),
            password: self.password.clone(),
            token: self.token.clone(),
            known_password,
        })
    }
}

fn known_password(username: &str) -> Option<&'static str> {
    demo::USERS.contains(&username.to_lowercase().as_str()).then_some(demo::PASSWORD)
}
