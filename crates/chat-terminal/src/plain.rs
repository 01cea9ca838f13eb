//! Line mode, for pipes and for terminals without full-screen support. Uses the v1 stream.

mod command;
mod display;
mod input;
mod names;
mod outbox;
mod seen;
mod session;

use anyhow::Result;
use chat_client::Client;
use chat_protocol::rest::User;

use crate::ChatOptions;
use crate::clean::clean;
use names::Names;
use session::{Mode, Session};

/// Chats until the input ends, `/quit`, or the server no longer accepts the login. Returns whether every line could be
/// carried out.
pub(crate) async fn run(client: Client, me: User, options: &ChatOptions) -> Result<bool> {
    display::notice(&format!(
        "logged in to {} as {}; /help lists the commands",
        client.url(),
        clean(&me.username)
    ));
    let mut names = Names::new(client, me);
    let recipient = match (&options.to, &options.group) {
        (Some(name), _) => Some(names.user_named(name).await?),
        (None, Some(group)) => Some(names.group_named(group).await?),
        (None, None) => None,
    };
    let mode = Mode { follow: options.follow, json: options.json };
    Session::new(names, recipient, mode, input::lines()).run().await
}
