//! The database: committed events, which survive every crash. All hosts share it; only the store's host writes, and
//! nodes learn over the network which part of it they may read.

use std::cell::RefCell;
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use chat_core::conversations::{Conversation, ConversationKind, OwnPart};
use chat_core::event::{Change, Event};
use chat_core::ids::{ConversationId, GroupId, MessageId, Position, Rev, Seq, UserId};
use chat_core::media::MessageKind;
use chat_core::messages::{Mentions, Message, Recipient, Status};
use chat_core::time::Timestamp;
use serde::{Deserialize, Serialize};

pub(crate) const N_USERS: i64 = 20;
/// Groups have the conversations 1, 2 and 3.
const GROUPS: [std::ops::Range<i64>; 3] = [0..10, 10..20, 6..13];
/// Users who join the third group during the run.
pub(crate) const JOINERS: std::ops::Range<i64> = 0..6;
pub(crate) const JOINED: i64 = 3;
/// Direct conversations, from 100 on.
const PAIRS: [(i64, i64); 5] = [(0, 1), (2, 10), (4, 15), (3, 19), (11, 12)];

pub(crate) type SharedDatabase = Rc<RefCell<Database>>;

/// A write that a node requests.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum Write {
    Post { user: i64, key: u64, conversation: i64 },
    Join { user: i64, conversation: i64 },
    Delivered { user: i64, conversation: i64, seq: i64 },
}

#[derive(Default)]
pub(crate) struct Database {
    pub(crate) log: Vec<Arc<Event>>,
    /// Members of each group, with the log position at which each joined.
    members: BTreeMap<i64, BTreeMap<i64, i64>>,
    seqs: BTreeMap<i64, i64>,
    keys: BTreeSet<(i64, u64)>,
    pub(crate) delivered: BTreeMap<(i64, i64), i64>,
    /// The journal has no events up to this log position.
    pub(crate) kept_after: i64,
}

impl Database {
    pub(crate) fn new() -> SharedDatabase {
        let groups = (1..).zip(GROUPS);
        let members = groups.map(|(group, users)| (group, users.map(|user| (user, 0)).collect()));
        Rc::new(RefCell::new(Self { members: members.collect(), ..Self::default() }))
    }

    pub(crate) fn end(&self) -> i64 {
        i64::try_from(self.log.len()).unwrap()
    }

    /// Commits one transaction. Returns the log position of its last event.
    pub(crate) fn commit(&mut self, writes: &[Write]) -> i64 {
        for write in writes {
            match *write {
                Write::Post { user, key, conversation } if self.keys.insert((user, key)) => {
                    let seq = self.seqs.entry(conversation).or_default();
                    *seq += 1;
                    let message = message(user, key, conversation, *seq, self.end() + 1);
                    self.push(Change::MessagePosted(message));
                }
                Write::Join { user, conversation } => {
                    let position = self.end() + 1;
                    let members = self.members.get_mut(&conversation).unwrap();
                    if let Entry::Vacant(entry) = members.entry(user) {
                        entry.insert(position);
                        let (conversation, user) = (group(conversation), UserId(user));
                        self.push(Change::MemberChanged { conversation, user, own: OwnPart::default() });
                    }
                }
                Write::Delivered { user, conversation, seq } => {
                    let pointer = self.delivered.entry((user, conversation)).or_default();
                    *pointer = seq.max(*pointer);
                }
                Write::Post { .. } => {}
            }
        }
        self.end()
    }

    fn push(&mut self, change: Change) {
        let position = Position(self.end() + 1);
        self.log.push(Arc::new(Event { position, change }));
    }

    pub(crate) fn is_posted(&self, user: i64, key: u64) -> bool {
        self.keys.contains(&(user, key))
    }

    pub(crate) fn groups_of(&self, user: i64) -> Vec<i64> {
        self.members.iter().filter(|(_, members)| members.contains_key(&user)).map(|(id, _)| *id).collect()
    }

    /// Whether a user gets this event.
    fn is_visible(&self, user: i64, event: &Event) -> bool {
        let Change::MessagePosted(message) = &event.change else { return false };
        match message.to {
            Recipient::User(to) => to.0 == user || message.sender.0 == user,
            Recipient::Group(_) => {
                let since = self.members.get(&message.conversation.0).and_then(|members| members.get(&user));
                since.is_some_and(|since| event.position.0 > *since)
            }
        }
    }

    /// Log positions of the events that a user gets after `after`, in order, at most `limit`.
    pub(crate) fn visible(&self, user: i64, after: i64, limit: usize) -> Vec<i64> {
        let later = self.log.iter().skip(usize::try_from(after).unwrap());
        let visible = later.filter(|event| self.is_visible(user, event));
        visible.take(limit).map(|event| event.position.0).collect()
    }

    pub(crate) fn events(&self, after: i64, up_to: i64) -> Vec<Arc<Event>> {
        self.log[usize::try_from(after).unwrap()..usize::try_from(up_to).unwrap()].to_vec()
    }

    pub(crate) fn event(&self, position: i64) -> Arc<Event> {
        self.log[usize::try_from(position - 1).unwrap()].clone()
    }
}

/// The conversations in which a user can send at first.
pub(crate) fn conversations_of(user: i64) -> Vec<i64> {
    let groups = (1..).zip(&GROUPS).filter(|(_, users)| users.contains(&user)).map(|(group, _)| group);
    let pairs = (100..).zip(&PAIRS).filter(|(_, (one, other))| *one == user || *other == user);
    groups.chain(pairs.map(|(conversation, _)| conversation)).collect()
}

fn group(conversation: i64) -> Conversation {
    let kind =
        ConversationKind::Group { id: GroupId(conversation), name: "a group".into(), owner: UserId(9) };
    Conversation {
        id: ConversationId(conversation),
        kind,
        rev: Rev(1),
        last_seq: Seq(0),
        n_members: 2,
        created_at: Timestamp(0),
    }
}

fn message(user: i64, key: u64, conversation: i64, seq: i64, position: i64) -> Message {
    let to = match usize::try_from(conversation - 100).ok().and_then(|index| PAIRS.get(index)) {
        Some((one, other)) => Recipient::User(UserId(if *one == user { *other } else { *one })),
        None => Recipient::Group(GroupId(conversation)),
    };
    Message {
        id: MessageId(position),
        conversation: ConversationId(conversation),
        seq: Seq(seq),
        rev: Rev(seq),
        sender: UserId(user),
        to,
        kind: MessageKind::Text,
        content: String::new(),
        media: Vec::new(),
        reply_to: None,
        thread: None,
        replies: None,
        forwarded: None,
        mentions: Mentions::default(),
        custom: None,
        reactions: Vec::new(),
        client_msg_id: Some(key.to_string()),
        sent_at: Timestamp(0),
        edited_at: None,
        deleted_at: None,
        pin: None,
        streaming: None,
        status: Status::Sent,
    }
}
