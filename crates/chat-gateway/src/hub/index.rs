//! Index of one shard: the connections of its users, and the members of each group among them. Pure state.

use std::collections::HashMap;
use std::sync::Arc;

use chat_core::groups::Memberships;
use chat_core::ids::{ConversationId, Position, UserId};

use super::membership::Membership;

/// The properties of a connection that the index needs.
pub(crate) trait Attached {
    fn id(&self) -> u64;
    fn user(&self) -> UserId;
}

pub(crate) struct Index<C> {
    users: HashMap<UserId, LocalUser<C>>,
    groups: Groups,
}

type Groups = HashMap<ConversationId, Vec<UserId>>;

struct LocalUser<C> {
    connections: Vec<Arc<C>>,
    membership: Membership,
}

impl<C> Default for LocalUser<C> {
    fn default() -> Self {
        Self { connections: Vec::new(), membership: Membership::default() }
    }
}

impl<C: Attached> Index<C> {
    pub(crate) fn new() -> Self {
        Self { users: HashMap::new(), groups: HashMap::new() }
    }

    pub(crate) fn attach(&mut self, connection: Arc<C>) {
        let user = self.users.entry(connection.user()).or_default();
        user.connections.push(connection);
        user.membership.expect_reading();
    }

    pub(crate) fn detach(&mut self, connection: &C) {
        let id = connection.user();
        let Some(user) = self.users.get_mut(&id) else { return };
        user.connections.retain(|other| other.id() != connection.id());
        if user.connections.is_empty() {
            let membership = self.users.remove(&id).map(|user| user.membership).unwrap_or_default();
            for group in membership {
                set_member(&mut self.groups, group, id, false);
            }
        }
    }

    /// Takes in the groups of an attached connection's user, read at the reading's log position.
    pub(crate) fn joined(&mut self, connection: &C, reading: Memberships) {
        let id = connection.user();
        let Some(user) = self.users.get_mut(&id) else { return };
        if !user.connections.iter().any(|other| other.id() == connection.id()) {
            return;
        }
        let groups = &mut self.groups;
        user.membership.read(reading, |group, is_member| set_member(groups, group, id, is_member));
    }

    /// Notes that a user joined or left a group.
    pub(crate) fn member_changed(
        &mut self,
        position: Position,
        group: ConversationId,
        id: UserId,
        is_member: bool,
    ) {
        let Some(user) = self.users.get_mut(&id) else { return };
        let groups = &mut self.groups;
        let change = (group, is_member);
        user.membership.change(position, change, |group, is_member| set_member(groups, group, id, is_member));
    }

    pub(crate) fn of_user(&self, id: UserId) -> &[Arc<C>] {
        self.users.get(&id).map_or(&[], |user| &user.connections)
    }

    /// The connections of all members of a group, each with its user.
    pub(crate) fn of_group(&self, group: ConversationId) -> impl Iterator<Item = (UserId, &Arc<C>)> {
        let members = self.groups.get(&group).map_or(&[][..], Vec::as_slice);
        members.iter().flat_map(|id| self.of_user(*id).iter().map(move |connection| (*id, connection)))
    }

    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<C>> {
        self.users.values().flat_map(|user| &user.connections)
    }
}

/// Adds a user to the members of a group on this shard, or removes it.
fn set_member(groups: &mut Groups, group: ConversationId, id: UserId, is_member: bool) {
    if is_member {
        groups.entry(group).or_default().push(id);
    } else if let Some(members) = groups.get_mut(&group) {
        members.retain(|member| *member != id);
        if members.is_empty() {
            groups.remove(&group);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Fake(u64, UserId);

    impl Attached for Fake {
        fn id(&self) -> u64 {
            self.0
        }

        fn user(&self) -> UserId {
            self.1
        }
    }

    const TOM: UserId = UserId(1);
    const CHEESE: ConversationId = ConversationId(7);
    const MICE: ConversationId = ConversationId(8);

    fn reading(position: i64, conversations: &[ConversationId]) -> Memberships {
        Memberships { conversations: conversations.to_vec(), position: Position(position) }
    }

    fn ids(index: &Index<Fake>, group: ConversationId) -> Vec<u64> {
        index.of_group(group).map(|(_, connection)| connection.0).collect()
    }

    #[test]
    fn each_connection_of_a_member_is_reached_once() {
        let mut index = Index::new();
        for id in [1, 2] {
            index.attach(Arc::new(Fake(id, TOM)));
            index.joined(&Fake(id, TOM), reading(1, &[CHEESE]));
        }
        assert_eq!(ids(&index, CHEESE), [1, 2]);
        assert_eq!(index.of_user(TOM).len(), 2);
        assert!(ids(&index, MICE).is_empty());
    }

    #[test]
    fn what_happened_after_the_reading_counts() {
        let mut index = Index::new();
        index.attach(Arc::new(Fake(1, TOM)));
        index.member_changed(Position(5), MICE, TOM, true);
        index.joined(&Fake(1, TOM), reading(4, &[CHEESE]));
        assert_eq!((ids(&index, CHEESE), ids(&index, MICE)), (vec![1], vec![1]));
    }

    #[test]
    fn a_user_who_left_after_the_reading_is_out() {
        let mut index = Index::new();
        index.attach(Arc::new(Fake(1, TOM)));
        index.member_changed(Position(5), CHEESE, TOM, false);
        index.member_changed(Position(6), MICE, TOM, false);
        index.member_changed(Position(7), MICE, TOM, true);
        index.joined(&Fake(1, TOM), reading(4, &[CHEESE, MICE]));
        assert_eq!((ids(&index, CHEESE), ids(&index, MICE)), (vec![], vec![1]));
        index.member_changed(Position(8), MICE, TOM, false);
        assert!(ids(&index, MICE).is_empty());
    }

    #[test]
    fn the_last_connection_takes_its_user_out_of_every_group() {
        let mut index = Index::new();
        let (first, second) = (Arc::new(Fake(1, TOM)), Arc::new(Fake(2, TOM)));
        for connection in [&first, &second] {
            index.attach(connection.clone());
            index.joined(connection, reading(1, &[CHEESE]));
        }
        index.detach(&first);
        assert_eq!(ids(&index, CHEESE), [2]);
        index.detach(&second);
        assert!(ids(&index, CHEESE).is_empty());
        assert!(index.users.is_empty() && index.groups.is_empty());
        index.member_changed(Position(9), CHEESE, TOM, true);
        assert!(index.groups.is_empty(), "a user who is not here joins nothing here");
    }

    #[test]
    fn the_reading_of_a_connection_that_is_not_attached_is_not_waited_for() {
        let mut index = Index::new();
        index.attach(Arc::new(Fake(2, TOM)));
        index.joined(&Fake(1, TOM), reading(9, &[MICE]));
        index.member_changed(Position(5), CHEESE, TOM, false);
        index.joined(&Fake(2, TOM), reading(4, &[CHEESE]));
        assert!(ids(&index, CHEESE).is_empty() && ids(&index, MICE).is_empty());
    }
}
