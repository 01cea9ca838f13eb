//! Which users of a cluster, and which groups through their members, have a client on this node. Reports to
//! [`LocalMembers`] when the first client of a user or group comes and when the last one goes. A single server does not
//! need it.
//!
//! The shards know it too, but each only its own users, and later: they run commands when they come to them. Here it is
//! known and reported by the time a call returns. So a caller can then read the log's end, or publish the next event,
//! without waiting for a shard.
//! event, can rely on it without waiting for a shard.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use chat_core::cluster::LocalMembers;
use chat_core::groups::Memberships;
use chat_core::ids::{ConversationId, Position, UserId};

use super::membership::Membership;

/// Counts the users and groups of a node, and reports changes.
pub(super) struct LocalUsers {
    local_members: Arc<dyn LocalMembers>,
    /// Also locked during reports, so that they are in the order of the changes.
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    users: HashMap<UserId, LocalUser>,
    /// Number of a group's members that are here.
    groups: HashMap<ConversationId, usize>,
}

#[derive(Default)]
struct LocalUser {
    /// By id, because a connection that was never attached may end.
    connections: Vec<u64>,
    membership: Membership,
}

impl LocalUsers {
    pub(super) fn new(local_members: Arc<dyn LocalMembers>) -> Self {
        Self { local_members, state: Mutex::default() }
    }

    /// Notes that a client of the user has connected.
    pub(super) fn attach(&self, connection: u64, user: UserId) {
        let mut state = self.lock();
        let local_user = state.users.entry(user).or_default();
        local_user.connections.push(connection);
        local_user.membership.expect_reading();
        if local_user.connections.len() == 1 {
            self.local_members.user(user, true);
        }
    }

    /// Takes in the groups of a client's user.
    pub(super) fn joined(&self, connection: u64, user: UserId, reading: Memberships) {
        let State { users, groups } = &mut *self.lock();
        let local_user = users.get_mut(&user);
        if let Some(local_user) = local_user.filter(|local_user| local_user.connections.contains(&connection))
        {
            local_user.membership.read(reading, |group, is_member| self.count(groups, group, is_member));
        }
    }

    /// Notes that a user joined or left a group.
    pub(super) fn member_changed(
        &self,
        position: Position,
        group: ConversationId,
        user: UserId,
        is_member: bool,
    ) {
        let State { users, groups } = &mut *self.lock();
        if let Some(local_user) = users.get_mut(&user) {
            let moved = |group, is_member| self.count(groups, group, is_member);
            local_user.membership.change(position, (group, is_member), moved);
        }
    }

    /// Handles missed or undone events: remembered departures must not override a newer reading. A user who counts as a
    /// member for too long costs a few unneeded events.
    pub(super) fn missed(&self) {
        self.lock().users.values_mut().for_each(|local_user| local_user.membership.forget_departures());
    }

    /// Notes that a client of the user has disconnected.
    pub(super) fn detach(&self, connection: u64, user: UserId) {
        let State { users, groups } = &mut *self.lock();
        let Some(local_user) = users.get_mut(&user) else { return };
        local_user.connections.retain(|other| *other != connection);
        if local_user.connections.is_empty() {
            let membership = users.remove(&user).map(|local_user| local_user.membership).unwrap_or_default();
            membership.into_iter().for_each(|group| self.count(groups, group, false));
            self.local_members.user(user, false);
        }
    }

    fn count(&self, groups: &mut HashMap<ConversationId, usize>, group: ConversationId, is_member: bool) {
        let here = groups.entry(group).or_default();
        if is_member {
            *here += 1;
            if *here == 1 {
                self.local_members.group(group, true);
            }
        } else {
            *here = here.saturating_sub(1);
            if *here == 0 {
                groups.remove(&group);
                self.local_members.group(group, false);
            }
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::hub::testing::{Received, Recorder};

    const TOM: UserId = UserId(1);
    const JERRY: UserId = UserId(2);
    const CHEESE: ConversationId = ConversationId(7);
    const MICE: ConversationId = ConversationId(8);

    fn local_users() -> (LocalUsers, Arc<Recorder>) {
        let recorder = Arc::new(Recorder::default());
        (LocalUsers::new(recorder.clone()), recorder)
    }

    fn reading(position: i64, conversations: &[ConversationId]) -> Memberships {
        Memberships { conversations: conversations.to_vec(), position: Position(position) }
    }

    #[test]
    fn the_first_client_and_the_last_are_announced_and_those_between_are_not() {
        let (local_users, recorder) = local_users();
        local_users.attach(1, TOM);
        assert_eq!(recorder.take(), [Received::User(TOM, true)]);
        local_users.joined(1, TOM, reading(1, &[CHEESE]));
        assert_eq!(recorder.take(), [Received::Group(CHEESE, true)]);
        local_users.attach(2, TOM);
        local_users.joined(2, TOM, reading(1, &[CHEESE]));
        local_users.detach(1, TOM);
        assert_eq!(recorder.take(), []);
        local_users.detach(2, TOM);
        assert_eq!(recorder.take(), [Received::Group(CHEESE, false), Received::User(TOM, false)]);
    }

    #[test]
    fn a_group_is_of_interest_while_any_member_is_here() {
        let (local_users, recorder) = local_users();
        for (connection, user) in [(1, TOM), (2, JERRY)] {
            local_users.attach(connection, user);
            local_users.joined(connection, user, reading(1, &[CHEESE]));
        }
        let all = [Received::User(TOM, true), Received::Group(CHEESE, true), Received::User(JERRY, true)];
        assert_eq!(recorder.take(), all);
        local_users.detach(1, TOM);
        assert_eq!(recorder.take(), [Received::User(TOM, false)]);
        local_users.member_changed(Position(2), CHEESE, JERRY, false);
        assert_eq!(recorder.take(), [Received::Group(CHEESE, false)]);
        local_users.member_changed(Position(3), MICE, JERRY, true);
        local_users.member_changed(Position(4), MICE, JERRY, true);
        assert_eq!(recorder.take(), [Received::Group(MICE, true)]);
        local_users.member_changed(Position(5), MICE, TOM, true);
        local_users.detach(2, JERRY);
        assert_eq!(recorder.take(), [Received::Group(MICE, false), Received::User(JERRY, false)]);
    }

    #[test]
    fn a_change_that_is_newer_than_the_reading_counts() {
        let (local_users, recorder) = local_users();
        local_users.attach(1, TOM);
        local_users.member_changed(Position(5), MICE, TOM, true);
        assert_eq!(recorder.take(), [Received::User(TOM, true), Received::Group(MICE, true)]);
        local_users.member_changed(Position(6), CHEESE, TOM, false);
        local_users.joined(1, TOM, reading(4, &[CHEESE]));
        assert_eq!(recorder.take(), [Received::Group(CHEESE, true), Received::Group(CHEESE, false)]);
    }

    #[test]
    fn what_was_undone_counts_against_no_reading() {
        let (local_users, recorder) = local_users();
        local_users.attach(1, TOM);
        local_users.member_changed(Position(9), CHEESE, TOM, false);
        local_users.member_changed(Position(10), MICE, TOM, true);
        // The log went back to position 5, when the user was in `CHEESE` and not in `MICE`.
        local_users.missed();
        local_users.attach(2, TOM);
        local_users.joined(2, TOM, reading(6, &[CHEESE]));
        let received = recorder.take();
        assert!(
            received.contains(&Received::Group(CHEESE, true))
                && !received.contains(&Received::Group(CHEESE, false)),
            "{received:?}"
        );
    }

    #[test]
    fn a_connection_that_was_never_attached_takes_nobody_with_it() {
        let (local_users, recorder) = local_users();
        local_users.detach(9, TOM);
        local_users.attach(1, TOM);
        local_users.detach(9, TOM);
        assert_eq!(recorder.take(), [Received::User(TOM, true)]);
        local_users.detach(1, TOM);
        local_users.detach(1, TOM);
        assert_eq!(recorder.take(), [Received::User(TOM, false)]);
    }
}
