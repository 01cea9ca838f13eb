//! Who is connected to this shard, and which of its users are in which group. Pure state.
//!
//! A user's groups are read from the store after the user was attached, and by then later changes may have come by
//! as events; those are remembered with their positions until the reading is in, and the newer of the two counts.

use std::collections::HashMap;
use std::sync::Arc;

use chat_core::groups::Memberships;
use chat_core::ids::{ConversationId, Position, UserId};

/// What the index needs to know of a connection.
pub(crate) trait Attached {
    fn id(&self) -> u64;
    fn user(&self) -> UserId;
}

/// The index of one shard.
pub(crate) struct Index<C> {
    users: HashMap<UserId, LocalUser<C>>,
    groups: HashMap<ConversationId, Vec<UserId>>,
}

struct LocalUser<C> {
    connections: Vec<Arc<C>>,
    groups: Vec<ConversationId>,
    /// Attached connections whose reading of the groups is not in yet.
    joining: usize,
    /// What became of memberships since the first of them was attached: joined or left.
    changed_meanwhile: Vec<(Position, ConversationId, bool)>,
}

impl<C> Default for LocalUser<C> {
    fn default() -> Self {
        Self { connections: Vec::new(), groups: Vec::new(), joining: 0, changed_meanwhile: Vec::new() }
    }
}

impl<C: Attached> Index<C> {
    pub(crate) fn new() -> Self {
        Self { users: HashMap::new(), groups: HashMap::new() }
    }

    pub(crate) fn attach(&mut self, connection: Arc<C>) {
        let user = self.users.entry(connection.user()).or_default();
        user.connections.push(connection);
        user.joining += 1;
    }

    pub(crate) fn detach(&mut self, connection: &C) {
        let id = connection.user();
        let Some(user) = self.users.get_mut(&id) else { return };
        user.connections.retain(|other| other.id() != connection.id());
        if user.connections.is_empty() {
            let groups = self.users.remove(&id).map(|user| user.groups).unwrap_or_default();
            for group in groups {
                self.leave(group, id);
            }
        }
    }

    /// Takes in the groups of an attached user as they were at the reading's position.
    pub(crate) fn joined(&mut self, id: UserId, reading: Memberships) {
        let Some(user) = self.users.get_mut(&id) else { return };
        user.joining = user.joining.saturating_sub(1);
        let later = |(position, _, _): &&(Position, ConversationId, bool)| *position > reading.position;
        let later: Vec<_> = user.changed_meanwhile.iter().filter(later).copied().collect();
        if user.joining == 0 {
            user.changed_meanwhile = Vec::new();
        }
        for group in reading.conversations {
            self.enter(group, id);
        }
        for (_, group, is_member) in later {
            self.change(group, id, is_member);
        }
    }

    /// A user became a member of a group, or is one no longer.
    pub(crate) fn member_changed(
        &mut self,
        position: Position,
        group: ConversationId,
        id: UserId,
        is_member: bool,
    ) {
        let Some(user) = self.users.get_mut(&id) else { return };
        if user.joining > 0 {
            user.changed_meanwhile.push((position, group, is_member));
        }
        self.change(group, id, is_member);
    }

    fn change(&mut self, group: ConversationId, id: UserId, is_member: bool) {
        if is_member {
            self.enter(group, id);
        } else if let Some(user) = self.users.get_mut(&id) {
            user.groups.retain(|other| *other != group);
            self.leave(group, id);
        }
    }

    /// The connections of a user.
    pub(crate) fn of_user(&self, id: UserId) -> &[Arc<C>] {
        self.users.get(&id).map_or(&[], |user| &user.connections)
    }

    /// The connections of all members of a group, each with its user.
    pub(crate) fn of_group(&self, group: ConversationId) -> impl Iterator<Item = (UserId, &Arc<C>)> {
        let members = self.groups.get(&group).map_or(&[][..], Vec::as_slice);
        members.iter().flat_map(|id| self.of_user(*id).iter().map(move |connection| (*id, connection)))
    }

    /// All connections.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Arc<C>> {
        self.users.values().flat_map(|user| &user.connections)
    }

    fn enter(&mut self, group: ConversationId, id: UserId) {
        let Some(user) = self.users.get_mut(&id) else { return };
        if !user.groups.contains(&group) {
            user.groups.push(group);
            self.groups.entry(group).or_default().push(id);
        }
    }

    fn leave(&mut self, group: ConversationId, id: UserId) {
        if let Some(members) = self.groups.get_mut(&group) {
            members.retain(|member| *member != id);
            if members.is_empty() {
                self.groups.remove(&group);
            }
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
            index.joined(TOM, reading(1, &[CHEESE]));
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
        index.joined(TOM, reading(4, &[CHEESE]));
        assert_eq!((ids(&index, CHEESE), ids(&index, MICE)), (vec![1], vec![1]));
    }

    #[test]
    fn whoever_left_after_the_reading_is_out() {
        let mut index = Index::new();
        index.attach(Arc::new(Fake(1, TOM)));
        index.member_changed(Position(5), CHEESE, TOM, false);
        index.member_changed(Position(6), MICE, TOM, false);
        index.member_changed(Position(7), MICE, TOM, true);
        index.joined(TOM, reading(4, &[CHEESE, MICE]));
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
            index.joined(TOM, reading(1, &[CHEESE]));
        }
        index.detach(&first);
        assert_eq!(ids(&index, CHEESE), [2]);
        index.detach(&second);
        assert!(ids(&index, CHEESE).is_empty());
        assert!(index.users.is_empty() && index.groups.is_empty());
        index.member_changed(Position(9), CHEESE, TOM, true);
        assert!(index.groups.is_empty(), "a user who is not here joins nothing here");
    }
}
