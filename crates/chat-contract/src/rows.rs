//! Invariants after any sequence of writes: the events count every change once, and the rows agree with the events.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chat_core::changes::MessageEvent;
use chat_core::conversations::{Conversation, ConversationKind};
use chat_core::event::{Change, Event};
use chat_core::messages::Message;
use chat_core::unread::Correction;

use super::test_store::TestStore;

/// The parts of a store's tables that no answer contains in this form. All numbers are ids, log positions or counts,
/// so that each adapter can read them with a few plain queries.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Rows {
    /// Log position of the last change.
    pub log_end: i64,
    /// By conversation id.
    pub conversations: BTreeMap<i64, ConversationRow>,
    /// By message id.
    pub messages: BTreeMap<i64, MessageRow>,
    /// Messages that were changed in place, by message id.
    pub changes: BTreeMap<i64, ChangeRow>,
    /// Log position at which each member joined, by conversation and user.
    pub joined: BTreeMap<(i64, i64), i64>,
    /// Number of former texts.
    pub n_versions: i64,
    /// Log position at which each user last left, by conversation and user. Kept when the user joins again.
    pub left: BTreeMap<(i64, i64), i64>,
    /// By user and message: the conversation, and the log position at which the message was hidden.
    pub hidden: BTreeMap<(i64, i64), (i64, i64)>,
    /// By user and message: whether it is saved now, and the log position of the last change of that.
    pub saved: BTreeMap<(i64, i64), (bool, i64)>,
    /// Conversation, user (0 for all members) and `seq` of each message with a mention.
    pub mentions: BTreeSet<(i64, i64, i64)>,
    /// Corrections of unread counts other than 0, by conversation, user (0 for everybody), level and block.
    pub corrections: BTreeMap<(i64, i64, i64, i64), Correction>,
    /// Numbers of mentions, by conversation, user (0 for everybody), level and block.
    pub mention_counts: BTreeMap<(i64, i64, i64, i64), i64>,
    /// Log positions of the feed's entries, in order.
    pub feed: Vec<i64>,
}

/// Log positions of the last change of any kind but receipts, and of the last one that all members see of the
/// conversation itself.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct ConversationRow {
    pub rev: i64,
    pub position: i64,
    pub meta_position: i64,
}

/// The log position at which the message was posted, and its present `rev`.
#[derive(Debug, PartialEq, Eq)]
pub struct MessageRow {
    pub position: i64,
    pub rev: i64,
}

/// The last change of a message and its kind ([`MessageEvent::as_str`]).
#[derive(Debug, PartialEq, Eq)]
pub struct ChangeRow {
    pub conversation: i64,
    pub position: i64,
    pub event: String,
}

/// Checks that the rows of a store agree with all events since its creation.
pub async fn check(node: &TestStore) {
    check_events(node, &node.sink.events()).await;
}

/// As [`check`], if other servers have published some of the events.
pub async fn check_events(node: &TestStore, events: &[Arc<Event>]) {
    let expected = Rows::expected_after(events);
    let found = node.rows().await;
    // Compared one by one, so that a failure shows only the part that is wrong.
    assert_eq!(found.log_end, expected.log_end, "the end of the log");
    assert_eq!(found.conversations, expected.conversations, "conversations");
    assert_eq!(found.messages, expected.messages, "messages");
    assert_eq!(found.changes, expected.changes, "changes in place");
    assert_eq!(found.joined, expected.joined, "members");
    assert_eq!(found.left, expected.left, "departures");
    assert_eq!(found.hidden, expected.hidden, "hidden messages");
    assert_eq!(found.saved, expected.saved, "saved messages");
    assert_eq!(found.mentions, expected.mentions, "mentions");
}

impl Rows {
    /// The rows expected after these events, which must be all since the store's creation.
    fn expected_after(events: &[Arc<Event>]) -> Self {
        let mut rows = Self::default();
        for (event, position) in events.iter().zip(1..) {
            assert_eq!(
                event.position.0, position,
                "each change must have one position, without gaps: {events:?}"
            );
            rows.log_end = position;
            rows.add(&event.change, position);
        }
        rows
    }

    fn add(&mut self, change: &Change, at: i64) {
        match change {
            Change::MessagePosted(message) => self.post(message, at),
            Change::MessageChanged { message, what } => {
                self.change(message, *what, at);
                if *what == MessageEvent::Deleted {
                    let deleted = (message.conversation.0, message.seq.0);
                    self.mentions.retain(|(conversation, _, seq)| (*conversation, *seq) != deleted);
                }
            }
            Change::TextAppended(appended) => {
                assert_eq!(self.count(appended.conversation.0, at), appended.rev.0, "{appended:?}");
                self.messages.get_mut(&appended.message.0).unwrap().rev = appended.rev.0;
                let event = MessageEvent::Appended.as_str().to_owned();
                let row = ChangeRow { conversation: appended.conversation.0, position: at, event };
                self.changes.insert(appended.message.0, row);
            }
            Change::ConversationChanged(conversation) => self.change_conversation(conversation, at),
            Change::MemberChanged { conversation, user, .. } => {
                self.count_meta(conversation, at);
                // A new role does not change when the member joined.
                self.joined.entry((conversation.id.0, user.0)).or_insert(at);
            }
            Change::MemberRemoved { conversation, user } => {
                self.count_meta(conversation, at);
                self.joined.remove(&(conversation.id.0, user.0));
                self.left.insert((conversation.id.0, user.0), at);
            }
            Change::MessageHidden { user, conversation, message, .. } => {
                let before = self.hidden.insert((user.0, message.0), (conversation.0, at));
                assert_eq!(before, None, "a message is hidden once: {change:?}");
            }
            Change::MessageSaved { user, message, saved } => {
                self.saved.insert((user.0, message.0), (*saved, at));
            }
            Change::OwnPartChanged { .. } | Change::PointersMoved(_) | Change::AccessRevoked { .. } => {}
        }
    }

    /// Counts one more change of a conversation. Returns its new `rev`.
    fn count(&mut self, conversation: i64, at: i64) -> i64 {
        let row = self.conversations.entry(conversation).or_default();
        row.rev += 1;
        row.position = at;
        row.rev
    }

    fn count_meta(&mut self, conversation: &Conversation, at: i64) {
        self.count(conversation.id.0, at);
        self.conversations.entry(conversation.id.0).or_default().meta_position = at;
    }

    fn change_conversation(&mut self, conversation: &Conversation, at: i64) {
        let ConversationKind::Direct(low, high) = conversation.kind else {
            return self.count_meta(conversation, at);
        };
        // A pair's new conversation is an event, but its `rev` does not count it.
        let made = ConversationRow { rev: 0, position: at, meta_position: at };
        let before = self.conversations.insert(conversation.id.0, made);
        assert_eq!(before, None, "a pair's conversation is made once: {conversation:?}");
        for user in [low, high] {
            self.joined.insert((conversation.id.0, user.0), at);
        }
    }

    fn post(&mut self, message: &Message, at: i64) {
        let conversation = message.conversation.0;
        assert_eq!(self.count(conversation, at), message.rev.0, "{message:?}");
        let row = MessageRow { position: at, rev: message.rev.0 };
        assert!(self.messages.insert(message.id.0, row).is_none(), "posted twice: {message:?}");
        let named = message.mentions.users.iter().map(|user| user.0);
        let users: Vec<_> = if message.mentions.all { vec![0] } else { named.collect() };
        self.mentions.extend(users.into_iter().map(|user| (conversation, user, message.seq.0)));
    }

    fn change(&mut self, message: &Message, what: MessageEvent, at: i64) {
        let conversation = message.conversation.0;
        assert_eq!(self.count(conversation, at), message.rev.0, "{message:?}");
        self.messages.get_mut(&message.id.0).unwrap().rev = message.rev.0;
        let row = ChangeRow { conversation, position: at, event: what.as_str().to_owned() };
        self.changes.insert(message.id.0, row);
    }
}
