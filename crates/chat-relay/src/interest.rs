//! What the clients of this node have to do with, so that the rest can be left alone.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use chat_core::event::{Change, Event};
use chat_core::ids::{ConversationId, UserId};

use crate::key::Key;

/// What the sequencer asks of whoever knows what is of interest here.
pub trait Interest {
    /// Whether one of these has to do with a client of this node.
    fn concerns(&self, keys: &[Key]) -> bool;
    /// The event is the next to be handed on. What follows from it for the interest MUST count for the very next one.
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

/// Groups that users of this node have become members of while they were here. Known from the moment when that was the
/// next event, which is before the hub has heard of it and says so itself; kept until they leave one or the other.
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
    /// A user has clients here, or has none any more. `then` runs before anybody else can change the set.
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

    /// A group has members with clients here, or none any more. `then` runs before anybody else can change the set.
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
    fn a_group_counts_from_the_event_on_by_which_a_user_of_this_node_joins() {
        let interest = InterestSet::default();
        interest.note(&joined());
        assert!(!has_group(&interest), "nobody of them is here");
        interest.user(JERRY, true, || {});
        interest.note(&joined());
        assert!(has_group(&interest));
        // The hub, which is a few events behind, takes leave of another member meanwhile.
        interest.group(GROUP, false, || {});
        assert!(has_group(&interest));
        interest.note(&Event {
            position: Position(2),
            change: Change::MemberRemoved { conversation: conversation(), user: JERRY },
        });
        assert!(!has_group(&interest));
    }

    #[test]
    fn nothing_is_left_of_a_user_who_has_gone() {
        let interest = InterestSet::default();
        interest.user(JERRY, true, || {});
        interest.note(&joined());
        interest.user(JERRY, false, || {});
        assert!(!has_group(&interest));
        assert!(!interest.concerns(&[Key::User(JERRY)]));
        assert!(interest.lock().joined.of_group.is_empty());
    }
}
