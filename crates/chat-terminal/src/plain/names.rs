//! Names and ids of users and groups. Each name is requested from the server once.

use std::collections::HashMap;

use anyhow::{Result, bail};
use chat_client::Client;
use chat_names::is_same_name;
use chat_protocol::rest::{Group, User};

use crate::within;

/// The recipient of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Recipient {
    /// A user, by id.
    User(i64),
    /// A group, by id.
    Group(i64),
}

/// The names that are known so far.
pub(super) struct Names {
    pub(super) client: Client,
    /// The logged-in user.
    pub(super) me: User,
    users: HashMap<i64, String>,
    groups: HashMap<i64, String>,
}

impl Names {
    pub(super) fn new(client: Client, me: User) -> Self {
        let users = HashMap::from([(me.id, me.username.clone())]);
        Self { client, me, users, groups: HashMap::new() }
    }

    /// Finds a user by name. Fails if there is none, or if it is the logged-in user.
    pub(super) async fn user_named(&mut self, name: &str) -> Result<Recipient> {
        let Some(user) = within(self.client.user_named(name)).await? else {
            bail!("there is no user {name}; /users lists them");
        };
        if user.id == self.me.id {
            bail!("you cannot chat with yourself");
        }
        self.users.insert(user.id, user.username);
        Ok(Recipient::User(user.id))
    }

    /// Finds one of the user's groups by name or id. Fails if there is none, or if several have the name.
    pub(super) async fn group_named(&mut self, name: &str) -> Result<Recipient> {
        let groups = within(self.client.groups()).await?;
        self.learn(&groups);
        choose(&groups, name).map(Recipient::Group)
    }

    /// A user's name; `user ID` if the request fails.
    pub(super) async fn user(&mut self, id: i64) -> String {
        if let Some(name) = self.users.get(&id) {
            return name.clone();
        }
        match within(self.client.user(id)).await {
            Ok(user) => self.users.entry(id).or_insert(user.username).clone(),
            Err(_) => format!("user {id}"),
        }
    }

    /// A group's name; `group ID` if the request fails or it is not one of the user's groups.
    pub(super) async fn group(&mut self, id: i64) -> String {
        if !self.groups.contains_key(&id)
            && let Ok(groups) = within(self.client.groups()).await
        {
            self.learn(&groups);
        }
        self.groups.get(&id).cloned().unwrap_or_else(|| format!("group {id}"))
    }

    /// The name of a recipient.
    pub(super) async fn of(&mut self, recipient: Recipient) -> String {
        match recipient {
            Recipient::User(id) => self.user(id).await,
            Recipient::Group(id) => format!("the group {}", self.group(id).await),
        }
    }

    fn learn(&mut self, groups: &[Group]) {
        self.groups.extend(groups.iter().map(|group| (group.id, group.name.clone())));
    }
}

/// Finds a group by id, or else by name. Fails if several groups have the name.
fn choose(groups: &[Group], name: &str) -> Result<i64> {
    if let Some(group) = groups.iter().find(|group| name.parse() == Ok(group.id)) {
        return Ok(group.id);
    }
    let named: Vec<_> = groups.iter().filter(|group| is_same_name(&group.name, name)).collect();
    match named.as_slice() {
        [] => bail!("you are in no group {name}; /groups lists yours"),
        [group] => Ok(group.id),
        several => {
            let ids: Vec<_> = several.iter().map(|group| group.id.to_string()).collect();
            bail!("several groups are called {name}; choose one by its id: {}", ids.join(", "))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use chat_protocol::time::Time;

    #[test]
    fn groups_are_chosen_by_number_or_name() {
        let group = |id, name: &str| Group { id, name: name.into(), owner_id: 1, created_at: Time(0) };
        let groups = [group(1, "Cheese"), group(2, "mice"), group(3, "Mice"), group(4, "7"), group(5, "1")];
        let chosen = |name| choose(&groups, name).map_err(|error| error.to_string());
        assert_eq!([chosen("1"), chosen("cheese"), chosen("7")], [Ok(1), Ok(1), Ok(4)]);
        assert_eq!(chosen("\u{ff43}heese"), Ok(1));
        assert!(chosen("MICE").unwrap_err().contains("2, 3"));
        assert!(chosen("dogs").unwrap_err().contains("/groups"));
    }
}
