//! Who takes part and where they write: users in pairs, a group of all, and a group of the first half.

use std::time::Instant;

use anyhow::{Context, Result};
use chat_client::Client;
use chat_protocol::rest::RegisterRequest;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use super::dice::Dice;

/// Where a message goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Target {
    User(i64),
    Group(i64),
}

/// Somebody who takes part.
#[derive(Debug, Clone)]
pub(super) struct Person {
    pub(super) number: u64,
    pub(super) id: i64,
    pub(super) token: String,
    pub(super) targets: Vec<Target>,
}

impl Person {
    /// Where the next message goes.
    pub(super) fn target(&self, dice: &mut Dice) -> Option<Target> {
        dice.one_of(&self.targets).copied()
    }
}

/// Registers so many users, with their groups.
pub(super) async fn set(url: &str, count: usize) -> Result<Vec<Person>> {
    let client = Client::new(url)?;
    let mut people = Vec::new();
    for number in 0..count {
        let username = format!("torture-{number}");
        let email = format!("{username}@torture.example");
        let request = RegisterRequest { username, email, password: "only-for-this-test".into() };
        let registered = client.register(&request).await.context("a user cannot be registered")?;
        let person = Person {
            number: u64::try_from(number)?,
            id: registered.id,
            token: registered.token,
            targets: Vec::new(),
        };
        people.push(person);
    }
    group(&client, &mut people, "Arena").await?;
    let (half, _) = people.split_at_mut(count.div_ceil(2));
    group(&client, half, "Half").await?;
    let ids: Vec<i64> = people.iter().map(|person| person.id).collect();
    for (number, person) in people.iter_mut().enumerate() {
        // The last of an odd number has nobody, and writes to the first.
        let partner = ids.get(number ^ 1).or(ids.first()).filter(|id| **id != person.id);
        person.targets.extend(partner.map(|id| Target::User(*id)));
    }
    Ok(people)
}

async fn group(client: &Client, members: &mut [Person], name: &str) -> Result<()> {
    let owner = members.first().context("a group has members")?;
    let owner = client.with_token(owner.token.clone());
    let id = owner.create_group(name).await.context("a group cannot be made")?.id;
    for member in members.iter().skip(1) {
        owner.add_member(id, member.id).await.context("a group cannot be filled")?;
    }
    members.iter_mut().for_each(|member| member.targets.push(Target::Group(id)));
    Ok(())
}

/// How often the database was replaced by another one so far. What is told after that is of the other one.
#[derive(Debug, Clone, Default)]
pub(super) struct Era(Arc<AtomicU64>);

impl Era {
    pub(super) fn number(&self) -> u64 {
        self.0.load(Ordering::Acquire)
    }

    /// Another one is there from now on; nothing of the one before can be told any more.
    pub(super) fn begin(&self) {
        self.0.fetch_add(1, Ordering::AcqRel);
    }
}

/// When the first acknowledgement after a crash came.
#[derive(Debug, Clone, Default)]
pub(super) struct Pulse(Arc<Mutex<Option<Instant>>>);

impl Pulse {
    /// Something was acknowledged.
    pub(super) fn beat(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert_with(Instant::now);
    }

    /// Waits for the next one from here on.
    pub(super) fn listen(&self) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = None;
    }

    pub(super) fn first(&self) -> Option<Instant> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
