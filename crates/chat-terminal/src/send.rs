//! `chatserver send`: one message, for scripts. It is sent under a key, so that trying again makes no second one.

use std::io::{IsTerminal, Read, stdin};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chat_client::{Client, Error};
use chat_protocol::message::{SendRequest, Sent};
use data_encoding::HEXLOWER;
use tokio::time::sleep;

use crate::target::Target;
use crate::{Failed, Usage, Who, access, print_line, target, within};

/// The server refused, or there is nobody of that name.
const REFUSED: u8 = 1;
/// The server cannot be reached; the number is that of `EX_UNAVAILABLE`.
const UNREACHABLE: u8 = 69;
/// The server did not accept the login; the number is that of `EX_NOPERM`.
const NO_LOGIN: u8 = 77;
/// How often a server that cannot be reached is tried.
const ATTEMPTS: u32 = 3;
const PAUSE: Duration = Duration::from_millis(300);
/// Longer than this nobody waits for a limit.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Longer texts are refused by the server, so there is no use in reading them to their end.
const LONGEST: u64 = 64 * 1024;

/// What to send.
#[derive(Debug, Clone)]
pub struct SendOptions {
    /// To whom: a user's name, or a group's name or number.
    pub to: String,
    /// The text; `-` is standard input.
    pub text: String,
    /// A key of the caller's own, for scripts that try again by themselves.
    pub key: Option<String>,
}

/// Sends, and gives the exit status; what went wrong is said on standard error.
pub(crate) async fn run(who: &Who, options: &SendOptions) -> Result<ExitCode> {
    match send(who, options).await {
        Ok(sent) => {
            print_line(&sent.id.to_string())?;
            Ok(ExitCode::SUCCESS)
        }
        Err(error) if error.is::<Usage>() => Err(error),
        Err(error) => {
            eprintln!("chatserver: {error:#}");
            Ok(ExitCode::from(status(&error)))
        }
    }
}

fn status(error: &anyhow::Error) -> u8 {
    match error.downcast_ref() {
        Some(Failed(Error::Refused { status: 401, .. })) => NO_LOGIN,
        Some(Failed(Error::Refused { status: 500..=599, .. } | Error::Io(_) | Error::Http(_))) => UNREACHABLE,
        _ => REFUSED,
    }
}

async fn send(who: &Who, options: &SendOptions) -> Result<Sent> {
    let content = text(&options.text)?;
    if content.is_empty() {
        bail!("there is nothing to send: the message is empty");
    }
    let key = options.key.clone().map_or_else(random_key, Ok)?;
    let (client, _) = access::enter(who).await?;
    let to = target::find(&client, &options.to).await?;
    let request = SendRequest { content: Some(content), client_msg_id: Some(key), ..SendRequest::default() };
    let mut attempt = 1;
    loop {
        match within(post(&client, to, &request)).await {
            Err(error) if attempt < ATTEMPTS && may_be_repeated(&error) => {
                sleep(wished(&error).unwrap_or(PAUSE * attempt)).await;
                attempt += 1;
            }
            answered => return answered,
        }
    }
}

/// Whether the same may well be taken soon.
fn may_be_repeated(error: &anyhow::Error) -> bool {
    status(error) == UNREACHABLE || wished(error).is_some()
}

/// How long the server wants to be left alone, where it asks for no more than one waits for.
fn wished(error: &anyhow::Error) -> Option<Duration> {
    let Some(Failed(Error::Refused { status: 429, retry_after, .. })) = error.downcast_ref() else {
        return None;
    };
    retry_after.filter(|wait| *wait <= LONGEST_WAIT)
}

async fn post(client: &Client, to: Target, request: &SendRequest) -> Result<Sent, Error> {
    match to {
        Target::User(id) => client.send_to_user(id, request).await,
        Target::Group(id) => client.send_to_group(id, request).await,
    }
}

fn text(given: &str) -> Result<String> {
    if given != "-" {
        return Ok(given.to_owned());
    }
    if stdin().is_terminal() {
        eprintln!("* type the message; Ctrl-D ends it");
    }
    let mut bytes = Vec::new();
    stdin().take(LONGEST).read_to_end(&mut bytes).context("the message cannot be read")?;
    let text = String::from_utf8(bytes).map_err(|_| Usage("the message is not UTF-8".into()))?;
    Ok(text.trim_end_matches(['\r', '\n']).to_owned())
}

/// A key unlike any other.
pub(crate) fn random_key() -> Result<String> {
    let mut random = [0; 16];
    getrandom::fill(&mut random).context("the system provides no randomness")?;
    Ok(HEXLOWER.encode(&random))
}
