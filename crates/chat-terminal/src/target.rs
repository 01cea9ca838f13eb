//! Resolves the recipient that a command line names.

use anyhow::{Result, bail};
use chat_client::Client;
use chat_names::is_same_name;

use crate::within;

/// The recipient of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Target {
    /// A user, by id.
    User(i64),
    /// A group, by id.
    Group(i64),
}

/// Finds a recipient: `jerry` is a user or else a group, `#cheese` and `#7` are groups. Fails if there is none, or if
/// several groups have the name.
pub(crate) async fn find(client: &Client, name: &str) -> Result<Target> {
    let group = name.strip_prefix('#');
    if group.is_none()
        && let Some(user) = within(client.user_named(name)).await?
    {
        return Ok(Target::User(user.id));
    }
    let wanted = group.unwrap_or(name);
    let groups = within(client.groups()).await?;
    let mut matching = groups
        .iter()
        .filter(|group| wanted.parse() == Ok(group.id))
        .chain(groups.iter().filter(|group| is_same_name(&group.name, wanted)));
    match (matching.next(), matching.next()) {
        (None, _) if group.is_some() => bail!("you are in no group {wanted}"),
        (None, _) => bail!("there is no user {name}, and you are in no group of that name"),
        (Some(first), Some(second)) if first.id != second.id && wanted.parse() != Ok(first.id) => {
            bail!("several groups are called {wanted}; choose one by its id, like #{}", first.id)
        }
        (Some(first), _) => Ok(Target::Group(first.id)),
    }
}
