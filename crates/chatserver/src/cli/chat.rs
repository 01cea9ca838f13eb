//! `chatserver chat`: one user's conversation in lines of text, for terminals and pipes. It is a client like any other
//! and touches neither the database nor the server's settings.

mod command;
mod display;
mod input;
mod names;
mod outbox;
mod seen;
mod session;

use std::io::{IsTerminal, stdin};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, bail};
use chat_client::Client;
use chat_protocol::rest::User;

use crate::demo;
use names::Names;
use session::{Manner, Session};

/// Longest wait for one answer of the server.
const DEADLINE: Duration = Duration::from_secs(5);

/// Who chats, with whom, and where.
#[derive(clap::Args)]
pub(crate) struct Args {
    /// The user to chat as; the demo users tom and jerry need no password
    #[arg(long = "as", value_name = "USERNAME", required_unless_present = "token")]
    username: Option<String>,
    /// The user's password; asked for on a terminal where it is not given
    #[arg(long, env = "CHATSERVER_PASSWORD", hide_env_values = true)]
    password: Option<String>,
    /// A token from an earlier login, in place of name and password
    #[arg(long, env = "CHATSERVER_TOKEN", hide_env_values = true)]
    token: Option<String>,
    /// The server's address
    #[arg(long, env = "CHATSERVER_URL", default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Write to this user from the start
    #[arg(long, value_name = "USERNAME", conflicts_with = "group")]
    to: Option<String>,
    /// Write to this group from the start
    #[arg(long, value_name = "NAME OR ID")]
    group: Option<String>,
    /// Keep listening when the input has ended
    #[arg(long)]
    follow: bool,
    /// Print frames as the server sends them, one JSON object a line
    #[arg(long)]
    json: bool,
}

/// Chats until the input ends, `/quit`, or the server no longer accepts the login.
pub(crate) fn run(args: &Args) -> Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    let went_well = runtime.block_on(chat(args))?;
    // A person has seen what went wrong; a script has only this.
    Ok(if went_well || stdin().is_terminal() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

async fn chat(args: &Args) -> Result<bool> {
    let (client, me) = log_in(args).await?;
    display::notice(&format!(
        "logged in to http://{} as {}; /help lists the commands",
        client.url().authority(),
        display::clean(&me.username)
    ));
    let mut names = Names::new(client, me);
    let recipient = match (&args.to, &args.group) {
        (Some(name), _) => Some(names.user_named(name).await?),
        (None, Some(group)) => Some(names.group_named(group).await?),
        (None, None) => None,
    };
    let manner = Manner { follow: args.follow, json: args.json };
    Session::new(names, recipient, manner, input::lines()).run().await
}

async fn log_in(args: &Args) -> Result<(Client, User)> {
    let client = Client::new(&args.url)?;
    let client = match (&args.token, &args.username) {
        (Some(token), _) => client.with_token(token.clone()),
        (None, Some(username)) => {
            let password = password(args, username)?;
            let asked = within(client.login(username, &password)).await;
            let logged_in = asked.with_context(|| format!("cannot log in as {username} at {}", args.url))?;
            client.with_token(logged_in.token)
        }
        (None, None) => bail!("say who chats with --as"),
    };
    let me = within(client.caller()).await.with_context(|| format!("cannot log in at {}", args.url))?;
    match &args.username {
        Some(username) if username.to_lowercase() != me.username.to_lowercase() => {
            bail!("the token is that of {}, not of {username}", display::clean(&me.username))
        }
        _ => Ok((client, me)),
    }
}

fn password(args: &Args, username: &str) -> Result<String> {
    if let Some(password) = &args.password {
        return Ok(password.clone());
    }
    if demo::USERS.contains(&username.to_lowercase().as_str()) {
        return Ok(demo::PASSWORD.into());
    }
    if stdin().is_terminal() {
        return rpassword::prompt_password(format!("Password of {username}: "))
            .context("the password cannot be read");
    }
    bail!("the password of {username} is missing: set CHATSERVER_PASSWORD")
}

/// An answer of the server, or the sentence that it took too long.
async fn within<T>(asked: impl Future<Output = Result<T, chat_client::Error>>) -> Result<T> {
    let answered = tokio::time::timeout(DEADLINE, asked).await.context("the server does not answer")?;
    // Its text names the cause already, which would stand there twice.
    answered.map_err(|error| anyhow!("{error}"))
}
