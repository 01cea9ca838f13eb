//! Creates many users directly in the database while the server is stopped: a running server would hash a password for
//! each of them. Only a server that is compared with another one gets them over REST: its program may be of another
//! release, whose database this program must not open.

use anyhow::{Context, Result};
use chat_core::accounts::NewAccount;
use chat_core::groups::{AddMember, NewGroup};
use chat_core::ids::{GroupId, UserId};

use super::fill::in_parallel;
use super::testbed::{Testbed, User};
use crate::OfflineDatabase;

/// Upper bound for concurrent writes, so that many go into one transaction.
const AT_ONCE: usize = 256;
/// No password hashes to it, so these users cannot log in. They have tokens and need not.
const NO_PASSWORD: &str = "none";

/// A group and its members.
pub(super) struct UserGroup {
    pub(super) group: i64,
    pub(super) users: Vec<User>,
}

/// Creates `groups` new groups of `members` new users each. Returns `None`, with a note, for a server that cannot be
/// stopped.
pub(super) async fn create(
    testbed: &mut Testbed,
    purpose: &str,
    groups: usize,
    members: usize,
) -> Result<Option<Vec<UserGroup>>> {
    if testbed.is_compared {
        return create_over_rest(testbed, purpose, groups, members).await.map(Some);
    }
    let Some(database) = testbed.server.database() else {
        testbed.note(format!("{purpose}: left out, because only a server of the benchmark's own with SQLite is stopped to add users"));
        return Ok(None);
    };
    eprintln!("{purpose}: adding {} users ...", groups * members);
    testbed.server.stop().await?;
    let database = (testbed.adapters.open)(&database)?;
    let users = add_users(&database, purpose, groups * members).await?;
    let mut user_groups = Vec::new();
    for users in users.chunks(members.max(1)) {
        user_groups.push(add_group(&database, users).await?);
    }
    let closing = tokio::task::spawn_blocking(|| database.close());
    closing.await.context("the database cannot be closed")?;
    testbed.server.resume().await?;
    Ok(Some(user_groups))
}

async fn create_over_rest(
    testbed: &Testbed,
    purpose: &str,
    groups: usize,
    members: usize,
) -> Result<Vec<UserGroup>> {
    eprintln!("{purpose}: registering {} users, 50 to 100 per second ...", groups * members);
    let users = testbed.register(groups * members).await?;
    let mut user_groups = Vec::new();
    for users in users.chunks(members.max(1)) {
        user_groups.push(UserGroup { group: testbed.group_of(users).await?, users: users.to_vec() });
    }
    Ok(user_groups)
}

async fn add_users(database: &OfflineDatabase, purpose: &str, count: usize) -> Result<Vec<User>> {
    let names = (0..count).map(|number| format!("{purpose}-{number}"));
    let make = |username: String| {
        let store = database.store.clone();
        let email = format!("{username}@bench.example");
        let new = NewAccount {
            username,
            email,
            password_hash: NO_PASSWORD.into(),
            is_demo: false,
            at: database.clock.now(),
        };
        async move { store.create_account(new).await }
    };
    let mut users = Vec::new();
    for account in in_parallel(AT_ONCE, names.map(make)).await? {
        let token = (database.issue_token)(account.id)?;
        users.push(User { id: account.id.0, name: account.username, token });
    }
    Ok(users)
}

async fn add_group(database: &OfflineDatabase, users: &[User]) -> Result<UserGroup> {
    let (owner, others) = users.split_first().context("a group has members")?;
    let (actor, at) = (UserId(owner.id), database.clock.now());
    let new = NewGroup { name: "bench".into(), owner: actor, at };
    let created = database.store.create_group(new).await;
    let group: GroupId = created.context("the group cannot be made")?.group.id;
    let add = |user: &User| {
        let store = database.store.clone();
        let command = AddMember { actor, group, user: UserId(user.id), at };
        async move { store.add_member(command).await }
    };
    in_parallel(AT_ONCE, others.iter().map(add)).await?;
    Ok(UserGroup { group: group.0, users: users.to_vec() })
}
