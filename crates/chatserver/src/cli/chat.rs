//! `chatserver chat`, `send`, `tail`, `login` and `logout`: the command line of the terminal client, which touches
//! neither the database nor the server's settings.

use std::process::ExitCode;

use anyhow::Result;
use chat_terminal::{ChatOptions, SendOptions, TailOptions, Usage};

use super::who;

#[derive(clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    who: who::Caller,
    /// Write to this user from the start
    #[arg(long, value_name = "USERNAME", conflicts_with = "group")]
    to: Option<String>,
    /// Write to this group from the start
    #[arg(long, value_name = "NAME OR ID")]
    group: Option<String>,
    /// Use lines of text instead of the full screen; automatic if input or output is not a terminal
    #[arg(long)]
    plain: bool,
    /// Keep listening after the end of the input; with --plain
    #[arg(long)]
    follow: bool,
    /// Print frames as the server sends them, one JSON object per line
    #[arg(long)]
    json: bool,
}

#[derive(clap::Args)]
pub(crate) struct SendArgs {
    #[command(flatten)]
    who: who::Caller,
    /// Username, or name or id of a group; #NAME and #ID are always groups
    #[arg(long, value_name = "NAME")]
    to: String,
    /// Your own key: sending again with the same key makes no second message
    #[arg(long)]
    key: Option<String>,
    /// The text; without it, or where it is -, standard input is read
    text: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct TailArgs {
    #[command(flatten)]
    who: who::Caller,
    /// Print each event as the server sends it, one JSON object per line
    #[arg(long)]
    json: bool,
    /// Start with everything that changed since this cursor, taken from an earlier event
    #[arg(long, value_name = "CURSOR")]
    from: Option<String>,
}

#[derive(clap::Args)]
pub(crate) struct LoginArgs {
    #[command(flatten)]
    who: who::Caller,
}

pub(crate) fn run(args: Args) -> Result<ExitCode> {
    let Args { who, to, group, plain, follow, json } = args;
    let options = ChatOptions { to, group, plain, follow, json };
    with_usage(who.who().and_then(|who| chat_terminal::chat(&who, &options)))
}

pub(crate) fn send(args: SendArgs) -> Result<ExitCode> {
    let SendArgs { who, to, key, text } = args;
    let options = SendOptions { to, text: text.unwrap_or_else(|| "-".into()), key };
    with_usage(who.who().and_then(|who| chat_terminal::send(&who, &options)))
}

pub(crate) fn tail(args: TailArgs) -> Result<ExitCode> {
    let TailArgs { who, json, from } = args;
    with_usage(who.who().and_then(|who| chat_terminal::tail(&who, &TailOptions { json, from })))
}

pub(crate) fn login(args: &LoginArgs) -> Result<ExitCode> {
    with_usage(args.who.who().and_then(|who| chat_terminal::login(&who)))
}

pub(crate) fn logout(args: &LoginArgs) -> Result<ExitCode> {
    with_usage(args.who.who().and_then(|who| chat_terminal::logout(&who)))
}

/// Turns a `Usage` error into exit status 2, as clap does for its own.
fn with_usage(done: Result<ExitCode>) -> Result<ExitCode> {
    match done {
        Err(error) if error.is::<Usage>() => {
            eprintln!("chatserver: {error}");
            Ok(ExitCode::from(2))
        }
        done => done,
    }
}
