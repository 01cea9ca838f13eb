//! The users of a run and their conversations: users in pairs, a group of all, and a group of the first half. Also the
//! state that all clients share.

use std::time::Instant;

use anyhow::{Context, Result};
use chat_client::Client;
use chat_protocol::rest::RegisterRequest;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use crate::rng::Rng;

/// The recipient of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Recipient {
    User(i64),
    Group(i64),
}

/// A user of the run.
#[derive(Debug, Clone)]
pub(super) struct User {
    pub(super) number: u64,
    pub(super) id: i64,
    pub(super) token: String,
    pub(super) recipients: Vec<Recipient>,
}

impl User {
    /// Draws the recipient of the next message.
    pub(super) fn recipient(&self, rng: &mut Rng) -> Option<Recipient> {
        rng.one_of(&self.recipients).copied()
    }
}

/// Registers `count` users and creates their groups.
pub(super) async fn register(url: &str, count: usize) -> Result<Vec<User>> {
    let client = Client::new(url)?;
    let mut users = Vec::new();
    for number in 0..count {
        let username = format!("torture-{number}");
        let email = format!("{username}@torture.example");
        let request = RegisterRequest { username, email, password: "only-for-this-test".into() };
        let registered = client.register(&request).await.context("a user cannot be registered")?;
        let user = User {
            number: u64::try_from(number)?,
            id: registered.id,
            token: registered.token,
            recipients: Vec::new(),
        };
        users.push(user);
    }
    group(&client, &mut users, "Clients").await?;
    let (half, _) = users.split_at_mut(count.div_ceil(2));
    group(&client, half, "Half").await?;
    let ids: Vec<i64> = users.iter().map(|user| user.id).collect();
    for (number, user) in users.iter_mut().enumerate() {
        // The last user of an odd number has no partner and writes to the first.
        let partner = ids.get(number ^ 1).or(ids.first()).filter(|id| **id != user.id);
        user.recipients.extend(partner.map(|id| Recipient::User(*id)));
    }
    Ok(users)
}

async fn group(client: &Client, members: &mut [User], name: &str) -> Result<()> {
    let owner = members.first().context("a group has members")?;
    let owner = client.with_token(owner.token.clone());
    let id = owner.create_group(name).await.context("a group cannot be made")?.id;
    for member in members.iter().skip(1) {
        owner.add_member(id, member.id).await.context("a group cannot be filled")?;
    }
    members.iter_mut().for_each(|member| member.recipients.push(Recipient::Group(id)));
    Ok(())
}

/// Number of times that the database was replaced by a standby. Later answers are about the new database.
#[derive(Debug, Clone, Default)]
pub(super) struct Replacements(Arc<AtomicU64>);

impl Replacements {
    pub(super) fn number(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Records a replacement. The previous database must no longer be able to answer.
    pub(super) fn begin(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// Time of the first acknowledgement after a fault.
#[derive(Debug, Clone, Default)]
pub(super) struct FirstAck(Arc<Mutex<Option<Instant>>>);

impl FirstAck {
    /// Records an acknowledgement.
    pub(super) fn beat(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
    }

    /// Starts again: the next acknowledgement is the first.
    pub(super) fn listen(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn first(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
