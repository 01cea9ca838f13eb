//! Helpers for the sequencer's tests: events, headers and fixed interests.

use std::collections::BTreeSet;
use std::time::Duration;

use chat_core::conversations::{Conversation, ConversationKind, OwnPart};
use chat_core::event::{Change, Event};
use chat_core::ids::{ConversationId, GroupId, MessageId, Position, Rev, Seq, UserId};
use chat_core::time::Timestamp;

use crate::interest::Interest;
use crate::key::Key;
use crate::wire::Header;

pub(super) const GROUP: Key = Key::Group(ConversationId(9));

pub(super) fn ms(ms: u64) -> Duration {
    Duration::from_millis(ms)
}

/// An event that concerns one user.
pub(super) fn event(position: i64, user: i64) -> Event {
    let change = Change::MessageSaved { user: UserId(user), message: MessageId(position), saved: true };
    Event { position: Position(position), change }
}

/// The event by which a user becomes a member of the group.
pub(super) fn group_joined(position: i64, user: i64) -> Event {
    let conversation = Conversation {
        id: ConversationId(9),
        kind: ConversationKind::Group { id: GroupId(1), name: "mice".into(), owner: UserId(5) },
        rev: Rev(1),
        last_seq: Seq(0),
        n_members: 2,
        created_at: Timestamp(0),
    };
    let change = Change::MemberChanged { conversation, user: UserId(user), own: OwnPart::default() };
    Event { position: Position(position), change }
}

pub(super) fn keys(users: &[i64]) -> Vec<Key> {
    users.iter().map(|user| Key::User(UserId(*user))).collect()
}

/// The header of a batch whose events concern one user each.
pub(super) fn header(first: i64, users: &[i64]) -> Header {
    Header { first: Position(first), keys: users.iter().map(|user| keys(&[*user])).collect() }
}

/// An interest in some users that never changes.
pub(super) struct Fixed(BTreeSet<UserId>);

impl Fixed {
    pub(super) fn users<const N: usize>(users: [i64; N]) -> Self {
        Self(users.into_iter().map(UserId).collect())
    }
}

impl Interest for Fixed {
    fn concerns(&self, keys: &[Key]) -> bool {
        keys.iter().any(|key| matches!(key, Key::User(user) if self.0.contains(user)))
    }

    fn note(&self, _: &Event) {}
}
