//! The users and groups that this node's clients need events of, so that other events can be skipped.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chat_core::event::{Change, Event};
use chat_core::ids::{ConversationId, UserId};

use crate::key::Key;

/// Tells the sequencer which events concern this node.
pub trait Interest {
    /// Whether one of the keys concerns a client of this node.
    fn concerns(&self, keys: &[Key]) -> bool;
    /// Records an event that is delivered next. Its effect on the interest MUST count from the following event on.
    fn note(&self, event: &Event);
}

/// The users and groups of this node's clients.
#[derive(Debug, Default)]
pub struct InterestSet(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    users: HashSet<UserId>,
    groups: HashSet<ConversationId>,
    joined: Joined,
}

/// Groups that users of this node joined while they were connected. Known as soon as the event is the next one, which
/// is before the hub gets it and reports the group itself. Kept until the user leaves the group or the node.
#[derive(Debug, Default)]
struct Joined {
    of_group: HashMap<ConversationId, HashSet<UserId>>,
    of_user: HashMap<UserId, HashSet<ConversationId>>,
}

impl Joined {
    fn add(&mut self, user: UserId, conversation: ConversationId) {
        self.of_group.entry(conversation).or_default().insert(user);
        self.of_user.entry(user).or_default().insert(conversation);
    }

    fn remove(&mut self, user: UserId, conversation: ConversationId) {
        take(&mut self.of_group, conversation, user);
        take(&mut self.of_user, user, conversation);
    }

    fn remove_user(&mut self, user: UserId) {
        for conversation in self.of_user.remove(&user).unwrap_or_default() {
            take(&mut self.of_group, conversation, user);
        }
    }
}

fn take<K, V>(sets: &mut HashMap<K, HashSet<V>>, key: K, value: V)
where
    K: Eq + std::hash::Hash,
    V: Eq + std::hash::Hash,
{
    let Some(set) = sets.get_mut(&key) else { return };
    set.remove(&value);
    if set.is_empty() {
        sets.remove(&key);
    }
}

impl InterestSet {
    /// Records whether a user has clients here. `then` runs under the lock, before another change.
    pub fn user(&self, user: UserId, is_here: bool, then: impl FnOnce()) {
        let mut state = self.lock();
        if is_here {
            state.users.insert(user);
        } else {
            state.users.remove(&user);
            state.joined.remove_user(user);
        }
        then();
    }

    /// Records whether a group has members with clients here. `then` runs under the lock, before another change.
    pub fn group(&self, conversation: ConversationId, is_here: bool, then: impl FnOnce()) {
        let mut state = self.lock();
        if is_here {
            state.groups.insert(conversation);
        } else {
            state.groups.remove(&conversation);
        }
        then();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Interest for InterestSet {
    fn concerns(&self, keys: &[Key]) -> bool {
        let state = self.lock();
        keys.iter().any(|key| match key {
            Key::User(user) => state.users.contains(user),
            Key::Group(group) => state.groups.contains(group) || state.joined.of_group.contains_key(group),
            Key::Everyone => true,
        })
    }

    fn note(&self, event: &Event) {
        match &event.change {
            Change::MemberChanged { conversation, user, .. } => {
                let mut state = self.lock();
                if state.users.contains(user) {
                    state.joined.add(*user, conversation.id);
                }
            }
            Change::MemberRemoved { conversation, user } => self.lock().joined.remove(*user, conversation.id),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use chat_core::conversations::{Conversation, ConversationKind, OwnPart};
    use chat_core::ids::{GroupId, Position, Rev, Seq};
    use chat_core::time::Timestamp;

    use super::*;

    const GROUP: ConversationId = ConversationId(7);
    const JERRY: UserId = UserId(2);

    fn conversation() -> Conversation {
        Conversation {
            id: GROUP,
            kind: ConversationKind::Group { id: GroupId(1), name: "mice".into(), owner: UserId(1) },
            rev: Rev(1),
            last_seq: Seq(0),
            n_members: 2,
            created_at: Timestamp(0),
        }
    }

    fn joined() -> Event {
        let change =
            Change::MemberChanged { conversation: conversation(), user: JERRY, own: OwnPart::default() };
        Event { position: Position(1), change }
    }

    fn has_group(interest: &InterestSet) -> bool {
        interest.concerns(&[Key::User(UserId(99)), Key::Group(GROUP)])
    }

    #[test]
    fn a_group_counts_from_the_event_by_which_a_user_of_this_node_joins() {
        let interest = InterestSet::default();
        interest.note(&joined());
        assert!(!has_group(&interest), "no member is here");
        interest.user(JERRY, true, || {});
        interest.note(&joined());
        assert!(has_group(&interest));
        // The hub is a few events behind and reports that the last member it knows has left.
        interest.group(GROUP, false, || {});
        assert!(has_group(&interest));
        interest.note(&Event {
            position: Position(2),
            change: Change::MemberRemoved { conversation: conversation(), user: JERRY },
        });
        assert!(!has_group(&interest));
    }

    #[test]
    fn a_user_who_has_gone_leaves_no_state() {
        let interest = InterestSet::default();
        interest.user(JERRY, true, || {});
        interest.note(&joined());
        interest.user(JERRY, false, || {});
        assert!(!has_group(&interest));
        assert!(!interest.concerns(&[Key::User(JERRY)]));
        assert!(interest.lock().joined.of_group.is_empty());
    }
}
