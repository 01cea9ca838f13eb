//! `chatserver send`: sends one message, for scripts. A `client_msg_id` keeps a retry from storing it twice.

use std::io::{IsTerminal, Read, stdin};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use chat_client::{Client, Error, new_key};
use chat_protocol::message::{SendRequest, Sent};
use tokio::time::sleep;

use crate::target::Target;
use crate::{Failed, Usage, Who, access, print_line, target, within};

/// Exit status if the server refused the message, or there is no such recipient.
const REFUSED: u8 = 1;
/// Exit status if the server cannot be reached: `EX_UNAVAILABLE`.
const UNREACHABLE: u8 = 69;
/// Exit status if the server did not accept the login: `EX_NOPERM`.
const NO_LOGIN: u8 = 77;
/// Most attempts to send.
const ATTEMPTS: u32 = 3;
/// Delay before the second attempt if the server names none. It is multiplied by the number of failed attempts.
const PAUSE: Duration = Duration::from_millis(300);
/// Longest delay to wait for after a rate limit. A longer one counts as a refusal.
const LONGEST_WAIT: Duration = Duration::from_secs(10);
/// Most bytes to read from standard input. The server refuses longer texts.
const LONGEST: u64 = 64 * 1024;

/// Options of [`send`](crate::send()).
#[derive(Debug, Clone)]
pub struct SendOptions {
    /// The recipient: a user's name, or a group's name or id. `#` before it means a group.
    pub to: String,
    /// The text; `-` reads it from standard input.
    pub text: String,
    /// The `client_msg_id`, for scripts that retry by themselves. `None`: a new one.
    pub key: Option<String>,
}

/// Sends the message, prints its id and returns the exit status. Prints errors other than [`Usage`] to standard error.
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
    let key = options.key.clone().unwrap_or_else(new_key);
    let (client, _) = access::authenticate(who).await?;
    let to = target::find(&client, &options.to).await?;
    let request = SendRequest { content: Some(content), client_msg_id: Some(key), ..SendRequest::default() };
    let mut attempt = 1;
    loop {
        match within(post(&client, to, &request)).await {
            Err(error) if attempt < ATTEMPTS && may_be_repeated(&error) => {
                sleep(retry_after(&error).unwrap_or(PAUSE * attempt)).await;
                attempt += 1;
            }
            response => return response,
        }
    }
}

/// Whether the same request may succeed soon.
fn may_be_repeated(error: &anyhow::Error) -> bool {
    status(error) == UNREACHABLE || retry_after(error).is_some()
}

/// The delay that a rate limit asks for; `None` if it is not a rate limit, or longer than [`LONGEST_WAIT`].
fn retry_after(error: &anyhow::Error) -> Option<Duration> {
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
