//! Tests of promise 4, "never a hole": whatever several users do, a client that resumes from any cursor it got, with
//! any number of interruptions, ends in the same state as one that loads everything.

use std::collections::{BTreeMap, BTreeSet};

use chat_core::Error;
use chat_core::command::MessageCommand;
use chat_core::conversations::OwnChange;
use chat_core::groups::{ChangeRole, RemoveMember, Role};
use chat_core::ids::{ConversationId, GroupId, MessageId, Seq, UserId};
use chat_core::live_text::{Chunk, Finish};
use chat_core::messages::{Mentions, Message, Recipient, Streaming};
use chat_core::posting::{Body, Destination, Posted};
use chat_core::receipts::{Delivered, Pointers};
use chat_core::time::Timestamp;
use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::Index;

use super::super::cluster::{Cases, Cluster, one_node};
use super::super::samples::{NOW, message};
use super::super::test_store::Stores;
use super::client::{Client, State};
use super::resumed;

/// One action. The numbers choose among the objects that exist by then.
#[derive(Debug, Clone)]
pub enum Op {
    Post {
        by: Index,
        to: Index,
        growing: bool,
    },
    Answer {
        by: Index,
        to: Index,
        in_thread: bool,
    },
    Change {
        by: Index,
        message: Index,
        how: How,
    },
    Member {
        by: Index,
        group: Index,
        user: Index,
        how: Membership,
    },
    Rename {
        by: Index,
        group: Index,
        name: String,
    },
    Read {
        by: Index,
        conversation: Index,
        upto: i64,
    },
    Deliver(Vec<(Index, Index, i64)>),
    Own {
        by: Index,
        conversation: Index,
        how: u8,
    },
    /// A client loads everything.
    Start {
        of: Index,
    },
    /// A client reads pages; the last one is interrupted.
    Resume {
        client: Index,
        limit: u16,
        pages: usize,
        cut: usize,
    },
    /// A client resumes from an earlier cursor, with its state of that moment or of now.
    Rewind {
        client: Index,
        to: Index,
        resets_state: bool,
    },
}

#[derive(Debug, Clone, Copy)]
pub enum How {
    Edit,
    Delete,
    React(bool, bool),
    Pin(bool),
    Append,
    Finish,
    Hide,
    Save(bool),
}

#[derive(Debug, Clone, Copy)]
pub enum Membership {
    Add,
    Remove,
    Leave,
    Role(u8),
}

fn how() -> impl Strategy<Value = How> {
    prop_oneof![
        3 => Just(How::Edit),
        1 => Just(How::Delete),
        3 => (any::<bool>(), any::<bool>()).prop_map(|(which, present)| How::React(which, present)),
        1 => any::<bool>().prop_map(How::Pin),
        2 => Just(How::Append),
        1 => Just(How::Finish),
        1 => Just(How::Hide),
        2 => any::<bool>().prop_map(How::Save),
    ]
}

fn membership() -> impl Strategy<Value = Membership> {
    prop_oneof![
        4 => Just(Membership::Add),
        3 => Just(Membership::Remove),
        1 => Just(Membership::Leave),
        1 => (0..3_u8).prop_map(Membership::Role),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let i = any::<Index>;
    let receipts = vec((i(), i(), 0..12_i64), 1..6);
    prop_oneof![
        12 => (i(), i(), prop::bool::weighted(0.2)).prop_map(|(by, to, growing)| Op::Post { by, to, growing }),
        3 => (i(), i(), any::<bool>()).prop_map(|(by, to, in_thread)| Op::Answer { by, to, in_thread }),
        12 => (i(), i(), how()).prop_map(|(by, message, how)| Op::Change { by, message, how }),
        6 => (i(), i(), i(), membership())
            .prop_map(|(by, group, user, how)| Op::Member { by, group, user, how }),
        1 => (i(), i(), "[a-z]{3}").prop_map(|(by, group, name)| Op::Rename { by, group, name }),
        4 => (i(), i(), 0..12_i64).prop_map(|(by, conversation, upto)| Op::Read { by, conversation, upto }),
        2 => receipts.prop_map(Op::Deliver),
        2 => (i(), i(), 0..8_u8).prop_map(|(by, conversation, how)| Op::Own { by, conversation, how }),
        2 => i().prop_map(|of| Op::Start { of }),
        6 => (i(), 1..6_u16, 1..4_usize, 0..6_usize)
            .prop_map(|(client, limit, pages, cut)| Op::Resume { client, limit, pages, cut }),
        2 => (i(), i(), any::<bool>()).prop_map(|(client, to, resets_state)| Op::Rewind { client, to, resets_state }),
    ]
}

/// The servers, and everything known from their answers.
struct Simulation<'a> {
    cluster: &'a Cluster,
    users: Vec<UserId>,
    groups: Vec<GroupId>,
    conversations: Vec<ConversationId>,
    messages: Vec<Message>,
    hidden: BTreeSet<(UserId, MessageId)>,
    clients: Vec<Client>,
}

/// Panics on a fault. A refusal is a valid result.
fn done<T>(result: chat_core::Result<T>) -> Option<T> {
    match result {
        Ok(value) => Some(value),
        Err(error @ (Error::Internal(_) | Error::Unavailable(_) | Error::Overloaded)) => panic!("{error:?}"),
        Err(_) => None,
    }
}

impl<'a> Simulation<'a> {
    async fn new(cluster: &'a Cluster) -> Self {
        let node = cluster.node();
        let users = cluster.new_users(["tom", "jerry", "spike", "tyke"]).await.to_vec();
        let groups = [node.group(users[0], &users[1..3]).await, node.group(users[1], &users[..1]).await];
        let mut clients = Vec::new();
        for &user in &users {
            clients.push(Client::start(cluster.store(), user).await);
        }
        Self {
            users,
            conversations: groups.iter().map(|group| group.conversation).collect(),
            groups: groups.map(|group| group.id).to_vec(),
            messages: Vec::new(),
            hidden: BTreeSet::new(),
            clients,
            cluster,
        }
    }

    async fn run(&mut self, op: &Op) {
        match op {
            Op::Post { by, to, growing } => {
                let recipients: Vec<Recipient> =
                    self.groups.iter().map(|&group| Recipient::Group(group)).collect();
                let users = self.users.iter().map(|&user| Recipient::User(user));
                let recipients: Vec<_> =
                    recipients.iter().copied().chain(recipients.iter().copied()).chain(users).collect();
                self.post(*by.get(&self.users), (*to.get(&recipients)).into(), Body::default(), *growing)
                    .await;
            }
            Op::Answer { by, to, in_thread } if !self.messages.is_empty() => {
                let to = to.get(&self.messages);
                let (id, destination) = (Some(to.id), Destination::Conversation(to.conversation));
                let body = if *in_thread {
                    Body { thread: id, ..Body::default() }
                } else {
                    let mentions = Mentions { users: Vec::new(), all: true };
                    Body { reply_to: id, mentions, ..Body::default() }
                };
                self.post(*by.get(&self.users), destination, body, false).await;
            }
            Op::Change { by, message, how } if !self.messages.is_empty() => {
                let message = message.get(&self.messages).clone();
                self.change(*by.get(&self.users), &message, *how).await;
            }
            Op::Member { by, group, user, how } => {
                let (by, user) = (*by.get(&self.users), *user.get(&self.users));
                self.member(by, *group.get(&self.groups), user, *how).await;
            }
            Op::Rename { by, group, name } => {
                let group = *group.get(&self.groups);
                done(self.cluster.store().rename_group(*by.get(&self.users), group, name.clone()).await);
            }
            Op::Read { by, conversation, upto } => {
                let to = Pointers { delivered: Seq(*upto), read: Seq(*upto) };
                let conversation = *conversation.get(&self.conversations);
                done(self.cluster.store().move_pointers(*by.get(&self.users), conversation, to).await);
            }
            Op::Deliver(receipts) => {
                let receipt = |(user, conversation, seq): &(Index, Index, i64)| Delivered {
                    user: *user.get(&self.users),
                    conversation: *conversation.get(&self.conversations),
                    seq: Seq(*seq),
                };
                let receipts = receipts.iter().map(receipt).collect();
                self.cluster.store().mark_delivered(receipts).await.unwrap();
            }
            Op::Own { by, conversation, how } => {
                self.own(*by.get(&self.users), *conversation.get(&self.conversations), *how).await;
            }
            Op::Start { of } => {
                let client = Client::start(self.cluster.store(), *of.get(&self.users)).await;
                self.clients.push(client);
            }
            Op::Resume { client, limit, pages, cut } => {
                let client = client.index(self.clients.len());
                for page in 1..=*pages {
                    let most = if page == *pages { *cut } else { usize::MAX };
                    self.resume(client, *limit, most).await;
                }
            }
            Op::Rewind { client, to, resets_state } => {
                let client = client.index(self.clients.len());
                let client = &mut self.clients[client];
                if !client.past.is_empty() {
                    let to = to.index(client.past.len());
                    let (cursor, state) = client.past[to].clone();
                    client.rewind(cursor);
                    if *resets_state {
                        client.state = state;
                        // The client has not got the later cursors yet.
                        client.past.truncate(to);
                    }
                }
            }
            Op::Answer { .. } | Op::Change { .. } => {}
        }
    }

    async fn post(&mut self, by: UserId, to: Destination, body: Body, growing: bool) {
        let content = format!("message {}", self.messages.len());
        let mut new = message(by, to, "");
        new.body = Body { content, ..body };
        new.streaming = growing.then_some(Streaming::Growing);
        if to == Destination::To(Recipient::User(by)) {
            return;
        }
        if let Some(Posted::New { message, .. }) = done(self.cluster.store().post(new).await) {
            if !self.conversations.contains(&message.conversation) {
                self.conversations.push(message.conversation);
            }
            self.messages.push(message);
        }
    }

    async fn change(&mut self, actor: UserId, message: &Message, how: How) {
        let store = self.cluster.store();
        let at = Timestamp(NOW.0 + 1_000_000);
        let command = MessageCommand::new(actor, message.id, at);
        let own = MessageCommand::new(message.sender, message.id, at);
        match how {
            How::Edit => {
                let content = format!("{} once more by {actor}", message.content);
                done(store.edit(own, content).await).map(drop)
            }
            How::Delete => done(store.delete(own).await).map(drop),
            How::React(which, present) => {
                let emoji = if which { "👍" } else { ":cheese:" };
                done(store.react(command, emoji.into(), present).await).map(drop)
            }
            How::Pin(pinned) => done(store.pin(command, pinned).await).map(drop),
            How::Append => {
                let offset = message.content.chars().count();
                let chunk = Chunk { offset: u32::try_from(offset).unwrap(), content: "…".into() };
                done(store.append(own, chunk, 1000).await).map(drop)
            }
            How::Finish => {
                let finish = Finish { state: Streaming::Finished, content: None };
                done(store.finish(own, finish).await).map(drop)
            }
            How::Hide => done(store.hide(command).await).map(|_| {
                self.hidden.insert((actor, message.id));
            }),
            How::Save(saved) => done(store.save(command, saved).await).map(drop),
        };
    }

    async fn member(&self, actor: UserId, group: GroupId, user: UserId, how: Membership) {
        let store = self.cluster.store();
        let remove = |actor| RemoveMember { actor, group, user };
        match how {
            Membership::Add => done(self.cluster.node().add(actor, group, user).await),
            Membership::Remove => done(store.remove_member(remove(actor)).await),
            Membership::Leave => done(store.remove_member(remove(user)).await),
            Membership::Role(role) => {
                let role = [Role::Owner, Role::Admin, Role::Member][usize::from(role)];
                done(store.change_role(ChangeRole { actor, group, user, role }).await)
            }
        };
    }

    async fn own(&self, user: UserId, conversation: ConversationId, how: u8) {
        let is_set = how.is_multiple_of(2);
        let change = match how / 2 {
            0 => OwnChange { marked_unread: Some(is_set), ..OwnChange::default() },
            1 => OwnChange { muted_until: Some(is_set.then_some(NOW)), ..OwnChange::default() },
            2 => OwnChange { archived: Some(is_set), pinned: Some(!is_set), ..OwnChange::default() },
            _ => OwnChange { draft: Some(is_set.then(|| "Dear".into())), ..OwnChange::default() },
        };
        done(self.cluster.store().change_own_part(user, conversation, change).await);
    }

    async fn resume(&mut self, client: usize, limit: u16, most: usize) -> bool {
        let Self { cluster, clients, messages, hidden, .. } = self;
        clients[client]
            .resume(cluster.store(), (limit, most), |state| check_gapless(state, messages, hidden))
            .await
    }

    /// Lets each client resume until it has everything, and compares it with one that loads everything now.
    async fn settle(&mut self) {
        for client in 0..self.clients.len() {
            let user = self.clients[client].state.user;
            let mut pages = 0;
            while !self.resume(client, 3, usize::MAX).await {
                pages += 1;
                assert!(pages < 10_000, "a client never finishes");
            }
            let truth = State::load(self.cluster.store(), user).await;
            let mut resumed = self.clients[client].state.clone();
            for (id, known) in &mut resumed.conversations {
                // Members who have left are no longer listed. The number of members shows that.
                let members = truth.conversations.get(id).map(|known| &known.pointers);
                known.pointers.retain(|user, _| members.is_some_and(|members| members.contains_key(user)));
            }
            assert_eq!(resumed.comparable(), truth.comparable(), "user {user}");
        }
    }
}

/// In each conversation a client has every message up to its last one, except those that its user has hidden.
fn check_gapless(state: &State, messages: &[Message], hidden: &BTreeSet<(UserId, MessageId)>) {
    let mut all: BTreeMap<ConversationId, Vec<&Message>> = BTreeMap::new();
    for message in messages {
        all.entry(message.conversation).or_default().push(message);
    }
    for (id, known) in &state.conversations {
        let Some((&last, _)) = known.messages.last_key_value() else { continue };
        for message in all.get(id).into_iter().flatten().filter(|message| message.seq <= last) {
            let has = known.messages.contains_key(&message.seq);
            assert!(
                has || hidden.contains(&(state.user, message.id)),
                "{} is missing before {last}",
                message.seq
            );
        }
    }
}

/// The actions, and the events that are checked afterwards.
pub fn scenario() -> impl Strategy<Value = (Vec<Op>, Vec<Index>)> {
    (vec(op(), 1..120), vec(any::<Index>(), 12))
}

/// Runs all actions, on each server in turn, and compares.
pub async fn run(cluster: &Cluster, (ops, looked_at): (Vec<Op>, Vec<Index>)) {
    let before = cluster.n_events();
    let mut simulation = Simulation::new(cluster).await;
    for op in &ops {
        simulation.run(op).await;
    }
    simulation.settle().await;
    let events = cluster.events().split_off(before);
    for event in looked_at {
        let event = &events[event.index(events.len())];
        resumed::check(cluster.store(), &simulation.users, &events, event).await;
    }
}

pub fn a_resumed_client_has_what_a_fresh_one_has(stores: &dyn Stores) {
    let cases = Cases::on(async || one_node(stores).await);
    proptest!(ProptestConfig::with_cases(64), |(scenario in scenario())| {
        cases.run(async |cluster| run(cluster, scenario).await);
    });
}
