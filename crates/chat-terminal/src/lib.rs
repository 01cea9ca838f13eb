//! The terminal client: a full screen for people, lines for pipes, and `send` and `tail` for scripts. It is a client
//! like any other and knows nothing of the server's inside.

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

/// Longest wait for one answer of the server.
pub(crate) const DEADLINE: Duration = Duration::from_secs(5);

/// How to chat.
#[derive(Debug, Clone, Default)]
pub struct ChatOptions {
    /// The user to write to from the start.
    pub to: Option<String>,
    /// The group to write to from the start.
    pub group: Option<String>,
    /// Lines instead of the screen.
    pub plain: bool,
    /// Keep listening when the input has ended.
    pub follow: bool,
    /// Print frames as they come.
    pub json: bool,
}

/// Something is missing on the command line.
#[derive(Debug)]
pub struct Usage(pub String);

impl std::fmt::Display for Usage {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Usage {}

/// Chats: on the whole screen before a person, in lines everywhere else.
pub fn chat(who: &Who, options: &ChatOptions) -> Result<ExitCode> {
    let is_plain = options.plain || options.follow || options.json;
    let is_screen = stdin().is_terminal() && stdout().is_terminal();
    if is_screen && !is_plain && !can_be_drawn_on(std::env::var("TERM").ok().as_deref()) {
        eprintln!(
            "* this terminal does not support full-screen output (see TERM): using lines, as with --plain"
        );
    } else if is_screen && !is_plain {
        return block_on(async {
            let (client, me) = access::enter(who).await?;
            screen::run(client, me, options).await
        });
    }
    let went_well = block_on(async {
        let (client, me) = access::enter(who).await?;
        plain::run(client, me, options).await
    })?;
    // A person has seen what went wrong; a script has only this.
    Ok(if went_well || stdin().is_terminal() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Where there is a terminal's name to go by, that of one that does more than to print.
fn can_be_drawn_on(term: Option<&str>) -> bool {
    match term {
        None | Some("") => !cfg!(unix),
        Some(name) => name != "dumb",
    }
}

/// Sends one message and prints its number.
pub fn send(who: &Who, options: &SendOptions) -> Result<ExitCode> {
    block_on(send::run(who, options))
}

/// Prints what happens until it is interrupted.
pub fn tail(who: &Who, options: &TailOptions) -> Result<ExitCode> {
    block_on(tail::run(who, options))
}

/// Logs in and remembers it.
pub fn login(who: &Who) -> Result<ExitCode> {
    let username = block_on(access::log_in_and_remember(who))?;
    print_line(&format!("logged in to {} as {}", who.url, clean::clean(&username)))?;
    Ok(ExitCode::SUCCESS)
}

/// Ends a login that was remembered.
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

/// Writes a line to standard output; a reader who has gone is an error, not a panic.
pub(crate) fn print_line(text: &str) -> Result<()> {
    writeln!(stdout().lock(), "{text}").context("standard output is closed")
}

/// An answer of the server, or the sentence that it took too long.
pub(crate) async fn within<T>(asked: impl Future<Output = Result<T, chat_client::Error>>) -> Result<T> {
    match tokio::time::timeout(DEADLINE, asked).await {
        Ok(answered) => answered.map_err(|error| Failed(error).into()),
        Err(_) => Err(Failed(io::Error::new(io::ErrorKind::TimedOut, "it does not answer").into()).into()),
    }
}

/// An error whose text names its cause already, which would stand there twice.
#[derive(Debug)]
pub(crate) struct Failed(pub(crate) chat_client::Error);

impl std::fmt::Display for Failed {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

impl std::error::Error for Failed {}
