//! Audience keys: the users and groups that an event concerns, in the terms in which nodes subscribe. Derived from the
//! event alone, so that all nodes derive the same keys.

use chat_core::conversations::Audience;
use chat_core::event::{Change, Signal};
use chat_core::ids::{ConversationId, UserId};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::bus::Subject;

/// A part of an event's audience.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// A user's clients.
    User(UserId),
    /// The members of a group, by its conversation.
    Group(ConversationId),
    /// Every node, regardless of its clients.
    Everyone,
}

impl Key {
    /// The subject on which events for this key are published.
    pub fn subject(self) -> Subject {
        match self {
            Self::User(user) => Subject::User(user),
            Self::Group(conversation) => Subject::Group(conversation),
            Self::Everyone => Subject::Everyone,
        }
    }

    /// Parses a key. One of a later release concerns everyone, so that no client misses an event.
    fn parse(text: &str) -> Self {
        let number = text.get(1..).and_then(|digits| digits.parse().ok());
        match (text.as_bytes().first(), number) {
            (Some(b'u'), Some(user)) => Self::User(UserId(user)),
            (Some(b'g'), Some(conversation)) => Self::Group(ConversationId(conversation)),
            _ => Self::Everyone,
        }
    }
}

impl Serialize for Key {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Self::User(user) => serializer.collect_str(&format_args!("u{user}")),
            Self::Group(conversation) => serializer.collect_str(&format_args!("g{conversation}")),
            Self::Everyone => serializer.serialize_str("*"),
        }
    }
}

impl<'de> Deserialize<'de> for Key {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::parse(&std::borrow::Cow::<str>::deserialize(deserializer)?))
    }
}

/// The keys of a change's audience.
pub fn keys_of(change: &Change) -> Vec<Key> {
    let mut keys = match change.audience() {
        Audience::User(user) => vec![Key::User(user)],
        Audience::Pair(one, other) => vec![Key::User(one), Key::User(other)],
        Audience::Group(conversation) => vec![Key::Group(conversation)],
    };
    match change {
        // A new member's node may not be subscribed to the group yet. A removed member must get the event even if the
        // node has already unsubscribed from the group.
        Change::MemberChanged { user, .. } | Change::MemberRemoved { user, .. } => {
            keys.push(Key::User(*user))
        }
        // A client may present a token to any node, whether its user is connected there or not.
        Change::AccessRevoked { .. } => keys = vec![Key::Everyone],
        _ => {}
    }
    keys.dedup();
    keys
}

/// The subject on which a signal is published.
pub fn subject_of(signal: &Signal) -> Subject {
    match signal {
        Signal::TypingToUser { to, .. } => Subject::User(*to),
        Signal::TypingToGroup { conversation, .. } => Subject::Group(*conversation),
    }
}

#[cfg(test)]
mod tests {
    use chat_core::access::Revoked;
    use chat_core::conversations::{Conversation, ConversationKind, OwnPart};
    use chat_core::ids::{GroupId, Rev, Seq};
    use chat_core::time::Timestamp;
    use proptest::prelude::*;

    use super::*;

    fn group(id: i64) -> Conversation {
        Conversation {
            id: ConversationId(id),
            kind: ConversationKind::Group { id: GroupId(1), name: "mice".into(), owner: UserId(1) },
            rev: Rev(1),
            last_seq: Seq(0),
            n_members: 2,
            created_at: Timestamp(0),
        }
    }

    #[test]
    fn a_member_who_joins_or_leaves_has_a_key_beside_the_group() {
        let keys = [Key::Group(ConversationId(7)), Key::User(UserId(3))];
        let joined =
            Change::MemberChanged { conversation: group(7), user: UserId(3), own: OwnPart::default() };
        assert_eq!(keys_of(&joined), keys);
        assert_eq!(keys_of(&Change::MemberRemoved { conversation: group(7), user: UserId(3) }), keys);
        assert_eq!(keys_of(&Change::ConversationChanged(group(7))), [Key::Group(ConversationId(7))]);
    }

    #[test]
    fn a_direct_conversation_has_a_key_for_each_side() {
        let kind = ConversationKind::Direct(UserId(1), UserId(2));
        let keys = keys_of(&Change::ConversationChanged(Conversation { kind, ..group(9) }));
        assert_eq!(keys, [Key::User(UserId(1)), Key::User(UserId(2))]);
    }

    #[test]
    fn every_node_gets_revoked_tokens() {
        let change = Change::AccessRevoked { user: UserId(1), which: Revoked::IssuedBefore(5) };
        assert_eq!(keys_of(&change), [Key::Everyone]);
    }

    #[test]
    fn an_unknown_key_concerns_everyone() {
        for odd in ["", "u", "u1x", "z9", "*", "é1"] {
            assert_eq!(Key::parse(odd), Key::Everyone, "{odd}");
        }
    }

    proptest! {
        #[test]
        fn keys_survive_a_round_trip(number in any::<i64>()) {
            for key in [Key::User(UserId(number)), Key::Group(ConversationId(number)), Key::Everyone] {
                let text = serde_json::to_string(&key).unwrap();
                prop_assert_eq!(serde_json::from_str::<Key>(&text).unwrap(), key);
            }
        }
    }
}
