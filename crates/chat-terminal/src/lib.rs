//! The terminal client: a full screen for people, lines for pipes, and `send` and `tail` for scripts. It uses the
//! public API like any other client and must not depend on the server's internals.

mod access;
mod clean;
mod credentials;
mod plain;
mod screen;
mod send;
mod tail;
mod target;

use std::io::{self, IsTerminal, Write, stdin, stdout};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};

pub use access::Who;
pub use send::SendOptions;
pub use tail::TailOptions;

/// Upper bound for one response of the server.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// Options of [`chat`].
#[derive(Debug, Clone, Default)]
pub struct ChatOptions {
    /// Name of the user to write to first.
    pub to: Option<String>,
    /// Name or id of the group to write to first. Ignored if `to` is given.
    pub group: Option<String>,
    /// Use line mode even on a terminal.
    pub plain: bool,
    /// Keep printing messages after the input ends. Implies line mode.
    pub follow: bool,
    /// Print the server's frames as JSON, one per line. Implies line mode.
    pub json: bool,
}

/// An error that the caller can correct: a missing user or password, or input that is not UTF-8. The text says how.
#[derive(Debug)]
pub struct Usage(pub String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Runs a chat: full screen if input and output are terminals, line mode otherwise. The exit status is a failure if a
/// line of piped input could not be carried out.
pub fn chat(who: &Who, options: &ChatOptions) -> Result<ExitCode> {
    let is_plain = options.plain || options.follow || options.json;
    let is_screen = stdin().is_terminal() && stdout().is_terminal();
    if is_screen && !is_plain && !supports_full_screen(std::env::var("TERM").ok().as_deref()) {
        eprintln!(
            "* this terminal does not support full-screen output (see TERM): using lines, as with --plain"
        );
    } else if is_screen && !is_plain {
        return block_on(async {
            let (client, me) = access::authenticate(who).await?;
            screen::run(client, me, options).await
        });
    }
    let has_succeeded = block_on(async {
        let (client, me) = access::authenticate(who).await?;
        plain::run(client, me, options).await
    })?;
    // A person has read the error messages; a script has only the exit status.
    Ok(if has_succeeded || stdin().is_terminal() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Whether the terminal that `TERM` names supports full-screen output. An unset `TERM` means no on Unix, yes elsewhere.
fn supports_full_screen(term: Option<&str>) -> bool {
    match term {
        None | Some("") => !cfg!(unix),
        Some(name) => name != "dumb",
    }
}

/// Sends one message and prints its id. The exit status tells a refusal, an unreachable server and a missing login
/// apart.
pub fn send(who: &Who, options: &SendOptions) -> Result<ExitCode> {
    block_on(send::run(who, options))
}

/// Prints the user's events until it is interrupted or the reader of its output is gone.
pub fn tail(who: &Who, options: &TailOptions) -> Result<ExitCode> {
    block_on(tail::run(who, options))
}

/// Logs in and saves the token for later runs.
pub fn login(who: &Who) -> Result<ExitCode> {
    let username = block_on(access::log_in_and_remember(who))?;
    print_line(&format!("logged in to {} as {}", who.url, clean::clean(&username)))?;
    Ok(ExitCode::SUCCESS)
}

/// Revokes a saved login and removes it from the credentials file.
pub fn logout(who: &Who) -> Result<ExitCode> {
    let text = match block_on(access::log_out(who))? {
        Some(username) => format!("{} is logged out of {}", clean::clean(&username), who.url),
        None => format!("there is no login at {}", who.url),
    };
    print_line(&text)?;
    Ok(ExitCode::SUCCESS)
}

fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().context("no runtime")?;
    runtime.block_on(work)
}

/// Writes a line to standard output. A closed pipe is an error, not a panic.
pub(crate) fn print_line(text: &str) -> Result<()> {
    writeln!(stdout().lock(), "{text}").context("standard output is closed")
}

/// Waits for a response of the server. Fails after [`DEADLINE`].
pub(crate) async fn within<T>(request: impl Future<Output = Result<T, chat_client::Error>>) -> Result<T> {
    match tokio::time::timeout(DEADLINE, request).await {
        Ok(response) => response.map_err(|error| Failed(error).into()),
        Err(_) => Err(Failed(io::Error::new(io::ErrorKind::TimedOut, "it does not answer").into()).into()),
    }
}

/// A client error without its source. The text names the cause already, and `{:#}` would print it twice.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) chat_client::Error);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failed {}
