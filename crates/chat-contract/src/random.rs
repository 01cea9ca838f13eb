//! Tests with random sequences of commands: the store answers as a short model does, and ends with the same contents.

use std::collections::BTreeSet;

use chat_core::changes::Changed;
use chat_core::command::MessageCommand;
use chat_core::edits::Hidden;
use chat_core::groups::{ChangeRole, Role};
use chat_core::ids::{MessageId, UserId};
use chat_core::live_text::{Chunk, Finish};
use chat_core::messages::{Message, MessageRange, Page, Recipient, Start, Streaming};
use chat_core::posting::{Body, NewMessage, Posted};
use chat_core::saved::Saved;
use chat_core::time::Timestamp;
use chat_core::{Error, Result};
use proptest::prelude::*;

use super::cluster::{Cases, Cluster, one_node};
use super::samples::{NOW, code, ids, message};
use super::test_store::Stores;

/// The owner, an admin, a member, and a user who is not a member.
const USERS: usize = 4;
const MEMBERS: usize = 3;
const STRANGER: usize = 3;
const TEXTS: [&str; 4] = ["", "a", "b", "ab"];
const EMOJI: [&str; 3] = ["🧀", "+1", "❤️"];
const MAX_BYTES: usize = 5;

#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Thread root, quoted message, and whether the text grows.
    Post(Option<usize>, Option<usize>, bool),
    Edit(&'static str),
    Delete,
    Hide,
    Pin(bool),
    React(&'static str, bool),
    Append(u32, &'static str),
    Finish(Streaming, Option<&'static str>),
    Save(bool),
}

/// Index of the user, index of the message (modulo the number of messages so far), and the command.
pub type Action = (usize, usize, Step);

fn step() -> impl Strategy<Value = Step> {
    let text = || prop::sample::select(TEXTS.as_slice());
    let other = || prop::option::weighted(0.3, 0..40_usize);
    let ends = prop::sample::select([Streaming::Finished, Streaming::Abandoned].as_slice());
    prop_oneof![
        3 => (other(), other(), any::<bool>()).prop_map(|(root, answered, grows)| Step::Post(root, answered, grows)),
        3 => text().prop_map(Step::Edit),
        1 => Just(Step::Delete),
        1 => Just(Step::Hide),
        2 => any::<bool>().prop_map(Step::Pin),
        4 => (prop::sample::select(EMOJI.as_slice()), prop::bool::weighted(0.6)).prop_map(|(e, on)| Step::React(e, on)),
        2 => (0..4_u32, prop::sample::select(&TEXTS[1..])).prop_map(|(offset, text)| Step::Append(offset, text)),
        1 => (ends, prop::option::of(text())).prop_map(|(state, text)| Step::Finish(state, text)),
        2 => any::<bool>().prop_map(Step::Save),
    ]
}

/// A message of the model. Users and messages are indexes.
#[derive(Debug, Default)]
struct ModelMessage {
    author: usize,
    content: String,
    versions: Vec<String>,
    is_deleted: bool,
    pinned_by: Option<usize>,
    reactions: Vec<(usize, &'static str)>,
    streaming: Option<Streaming>,
    thread: Option<usize>,
    answers: Option<usize>,
    n_replies: u32,
    hidden_by: BTreeSet<usize>,
    saved_by: BTreeSet<usize>,
}

#[derive(Debug, Default)]
struct Model(Vec<ModelMessage>);

/// Whether something changed, or the code of the refusal.
type Answer = std::result::Result<bool, &'static str>;

impl Model {
    fn post(&mut self, author: usize, root: Option<usize>, answers: Option<usize>, grows: bool) -> Answer {
        if author == STRANGER {
            return Err("not_a_member");
        }
        let is_nested = root.is_some_and(|root| self.0[root].thread.is_some());
        let inside = answers.and_then(|answered| self.0[answered].thread);
        if is_nested || inside.is_some() && inside != root {
            return Err("in_thread");
        }
        let streaming = grows.then_some(Streaming::Growing);
        let content = "hi".to_owned();
        self.0.push(ModelMessage {
            author,
            content,
            streaming,
            thread: root,
            answers,
            ..ModelMessage::default()
        });
        if let Some(root) = root {
            self.0[root].n_replies += 1;
        }
        Ok(true)
    }

    fn change(&mut self, actor: usize, index: usize, step: Step) -> Answer {
        if actor == STRANGER {
            return Err("message_not_found");
        }
        let kept = &mut self.0[index];
        let is_author = kept.author == actor;
        match step {
            Step::Delete if !is_author && actor > 1 => Err("forbidden"),
            Step::Delete => Ok(kept.delete()),
            Step::Hide => Ok(kept.hidden_by.insert(actor)),
            Step::Save(true) => Ok(kept.saved_by.insert(actor)),
            Step::Save(false) => Ok(kept.saved_by.remove(&actor)),
            Step::Edit(_) | Step::Append(..) | Step::Finish(..) if !is_author => Err("forbidden"),
            _ if kept.is_deleted => Err("message_deleted"),
            Step::Edit(text) => kept.edit(text),
            Step::Append(offset, text) => kept.append(offset, text),
            Step::Finish(state, text) => kept.finish(state, text),
            Step::Pin(on) => {
                let changes = kept.pinned_by.is_some() != on;
                if changes {
                    kept.pinned_by = on.then_some(actor);
                }
                Ok(changes)
            }
            Step::React(emoji, on) => Ok(kept.react((actor, emoji), on)),
            Step::Post(..) => unreachable!("posts change nothing in place"),
        }
    }
}

impl ModelMessage {
    fn delete(&mut self) -> bool {
        let changes = !self.is_deleted;
        self.is_deleted = true;
        self.content.clear();
        self.versions.clear();
        self.reactions.clear();
        self.pinned_by = None;
        if self.streaming == Some(Streaming::Growing) {
            self.streaming = Some(Streaming::Abandoned);
        }
        changes
    }

    fn edit(&mut self, text: &str) -> Answer {
        match self.streaming {
            Some(Streaming::Growing) => Err("still_growing"),
            _ if self.content == text => Ok(false),
            _ if text.is_empty() => Err("invalid_request"),
            _ => {
                self.versions.push(std::mem::replace(&mut self.content, text.into()));
                Ok(true)
            }
        }
    }

    fn append(&mut self, offset: u32, text: &str) -> Answer {
        let offset = usize::try_from(offset).unwrap();
        if self.streaming != Some(Streaming::Growing) {
            Err("not_growing")
        } else if offset < self.content.len() && self.content[offset..].starts_with(text) {
            Ok(false)
        } else if offset != self.content.len() {
            Err("offset_mismatch")
        } else if offset + text.len() > MAX_BYTES {
            Err("invalid_request")
        } else {
            self.content.push_str(text);
            Ok(true)
        }
    }

    fn finish(&mut self, state: Streaming, text: Option<&str>) -> Answer {
        match self.streaming {
            Some(Streaming::Growing) => {
                self.streaming = Some(state);
                if let Some(text) = text {
                    text.clone_into(&mut self.content);
                }
                Ok(true)
            }
            Some(ended) if ended == state => Ok(false),
            _ => Err("not_growing"),
        }
    }

    fn react(&mut self, reaction: (usize, &'static str), on: bool) -> bool {
        let there = self.reactions.iter().position(|other| *other == reaction);
        match (there, on) {
            (None, true) => self.reactions.push(reaction),
            (Some(index), false) => drop(self.reactions.remove(index)),
            _ => return false,
        }
        true
    }

    /// The emoji in the order of their first use, with their counts and whether the viewer used them.
    fn reactions_for(&self, viewer: usize) -> Vec<(&'static str, u32, bool)> {
        let mut found: Vec<(&str, u32, bool)> = Vec::new();
        for (user, emoji) in &self.reactions {
            if !found.iter().any(|(other, ..)| other == emoji) {
                found.push((emoji, 0, false));
            }
            let entry = found.iter_mut().find(|(other, ..)| other == emoji).unwrap();
            entry.1 += 1;
            entry.2 |= *user == viewer;
        }
        found
    }
}

/// The store, called through all servers, and the model.
struct StoreAndModel<'a> {
    cluster: &'a Cluster,
    users: [UserId; USERS],
    group: chat_core::groups::Group,
    model: Model,
    posted: Vec<MessageId>,
}

impl<'a> StoreAndModel<'a> {
    async fn new(cluster: &'a Cluster) -> Self {
        let node = cluster.node();
        let users = cluster.new_users(["tom", "jerry", "tyke", "spike"]).await;
        let group = node.group(users[0], &users[1..MEMBERS]).await;
        let command = ChangeRole { actor: users[0], group: group.id, user: users[1], role: Role::Admin };
        node.store.change_role(command).await.unwrap();
        Self { cluster, users, group, model: Model::default(), posted: Vec::new() }
    }

    async fn run_action(&mut self, (actor, index, step): Action, at: i64) {
        let events = self.cluster.n_events();
        let (wanted, found, n_changes) = if let Step::Post(root, answers, grows) = step {
            let there = |other: Option<usize>| other.filter(|other| *other < self.posted.len());
            let (root, answers) = (there(root), there(answers));
            let found = self.post(actor, root, answers, grows).await;
            (self.model.post(actor, root, answers, grows), found, 1 + usize::from(root.is_some()))
        } else {
            let Some(index) = index.checked_rem(self.posted.len()) else { return };
            let command = MessageCommand::new(self.users[actor], self.posted[index], Timestamp(NOW.0 + at));
            (self.model.change(actor, index, step), self.change(command, step).await, 1)
        };
        assert_eq!(answer(found), wanted, "user {actor}, message {index}, {step:?}");
        let n_published = self.cluster.n_events() - events;
        assert_eq!(n_published, if wanted == Ok(true) { n_changes } else { 0 }, "{step:?}");
    }

    async fn post(
        &mut self,
        actor: usize,
        root: Option<usize>,
        answers: Option<usize>,
        grows: bool,
    ) -> Result<bool> {
        let body = Body {
            content: "hi".into(),
            thread: root.map(|root| self.posted[root]),
            reply_to: answers.map(|answered| self.posted[answered]),
            ..Body::default()
        };
        let streaming = grows.then_some(Streaming::Growing);
        let new = message(self.users[actor], Recipient::Group(self.group.id), "");
        let posted = self.cluster.store().post(NewMessage { body, streaming, ..new }).await?;
        self.posted.push(posted.message().id);
        Ok(matches!(posted, Posted::New { .. }))
    }

    async fn change(&self, command: MessageCommand, step: Step) -> Result<bool> {
        let store = self.cluster.store();
        let changed = match step {
            Step::Edit(text) => store.edit(command, text.into()).await?,
            Step::Delete => store.delete(command).await?,
            Step::Pin(on) => store.pin(command, on).await?,
            Step::React(emoji, on) => store.react(command, emoji.into(), on).await?,
            Step::Finish(state, text) => {
                store.finish(command, Finish { state, content: text.map(str::to_owned) }).await?
            }
            Step::Append(offset, text) => {
                let chunk = Chunk { offset, content: text.into() };
                return Ok(!store.append(command, chunk, MAX_BYTES).await?.already);
            }
            Step::Hide => return Ok(store.hide(command).await? != Hidden::Already),
            Step::Save(on) => return Ok(store.save(command, on).await? != Saved::Already),
            Step::Post(..) => unreachable!("posts change nothing in place"),
        };
        Ok(matches!(changed, Changed::Now(..)))
    }

    /// Compares everything that can be read with the model.
    async fn compare(&self) {
        for viewer in 0..USERS {
            for (index, kept) in self.model.0.iter().enumerate() {
                let read = self.cluster.store().message(self.users[viewer], self.posted[index]).await;
                if viewer == STRANGER || kept.hidden_by.contains(&viewer) {
                    assert_eq!(code(read), "message_not_found");
                } else {
                    self.compare_message(viewer, kept, &read.unwrap());
                    self.compare_details(viewer, index).await;
                }
            }
            if viewer != STRANGER {
                self.compare_lists(viewer).await;
            }
        }
        self.cluster.check().await;
    }

    fn compare_message(&self, viewer: usize, kept: &ModelMessage, read: &Message) {
        assert_eq!((&read.content, read.streaming), (&kept.content, kept.streaming));
        assert_eq!(read.deleted_at.is_some(), kept.is_deleted);
        assert_eq!(read.pin.map(|pin| pin.by), kept.pinned_by.map(|user| self.users[user]));
        assert_eq!(read.thread, kept.thread.map(|root| self.posted[root]));
        assert_eq!(read.replies.map_or(0, |replies| replies.n_replies), kept.n_replies);
        let quote =
            read.reply_to.as_ref().map(|quote| (quote.message, quote.content.as_str(), quote.deleted));
        let answered = kept.answers.map(|index| (self.posted[index], &self.model.0[index]));
        assert_eq!(quote, answered.map(|(id, kept)| (id, kept.content.as_str(), kept.is_deleted)));
        let me = self.users[viewer];
        let reactions = read.reactions.iter().map(|reaction| {
            assert!(reaction.users.iter().all(|user| *user == me), "{reaction:?}");
            (reaction.emoji.as_str(), reaction.count, !reaction.users.is_empty())
        });
        assert_eq!(reactions.collect::<Vec<_>>(), kept.reactions_for(viewer));
    }

    async fn compare_details(&self, viewer: usize, index: usize) {
        let (store, kept) = (self.cluster.store(), &self.model.0[index]);
        let (me, id) = (self.users[viewer], self.posted[index]);
        let versions = store.versions(me, id).await.unwrap();
        let contents: Vec<_> = versions.into_iter().map(|version| version.content).collect();
        assert_eq!(contents, kept.versions);
        let reactors = store.reactors(me, id).await.unwrap();
        let reactors: Vec<_> = reactors.iter().map(|by| (by.user, by.emoji.as_str())).collect();
        let wanted: Vec<_> = kept.reactions.iter().map(|(user, emoji)| (self.users[*user], *emoji)).collect();
        assert_eq!(reactors, wanted);
    }

    async fn compare_lists(&self, viewer: usize) {
        let (store, me) = (self.cluster.store(), self.users[viewer]);
        let shown = |fits: &dyn Fn(&ModelMessage) -> bool| -> Vec<i64> {
            let pairs = self.model.0.iter().zip(&self.posted);
            let shown = pairs.filter(|(kept, _)| !kept.hidden_by.contains(&viewer) && fits(kept));
            shown.map(|(_, id)| id.0).collect()
        };
        let page = Page { before: None, limit: 200 };
        let mut saved = ids(&store.saved(me, page).await.unwrap());
        saved.reverse();
        assert_eq!(saved, shown(&|kept| kept.saved_by.contains(&viewer)));
        let mut pinned = ids(&store.pinned(me, self.group.conversation, 200).await.unwrap());
        pinned.sort_unstable();
        assert_eq!(pinned, shown(&|kept| kept.pinned_by.is_some()));
        let history = store.group_history(me, self.group.id, page).await.unwrap();
        assert_eq!(ids(&history), shown(&|_| true));
        for (root, id) in self.posted.iter().enumerate() {
            let range = MessageRange { thread: Some(*id), from: Start::End, limit: 200 };
            let thread = store.read_range(me, self.group.conversation, range).await.unwrap();
            assert_eq!(ids(&thread), shown(&|kept| kept.thread == Some(root)));
        }
    }
}

fn answer(found: Result<bool>) -> Answer {
    match found {
        Ok(changed) => Ok(changed),
        Err(error @ Error::Internal(_)) => panic!("{error:?}"),
        Err(error) => Err(error.code()),
    }
}

/// Few messages and many commands, so that the commands interact.
pub fn actions() -> impl Strategy<Value = Vec<Action>> {
    let actor = prop_oneof![12 => 0..MEMBERS, 1 => Just(STRANGER)];
    prop::collection::vec((actor, 0..6_usize, step()), 10..60)
}

/// Runs all commands, on each server in turn, and compares.
pub async fn run(cluster: &Cluster, actions: Vec<Action>) {
    let mut tested = StoreAndModel::new(cluster).await;
    for (step, at) in actions.into_iter().zip(1..) {
        tested.run_action(step, at).await;
    }
    tested.compare().await;
}

pub fn any_sequence_of_actions_matches_the_model(stores: &dyn Stores) {
    let cases = Cases::on(async || one_node(stores).await);
    proptest!(ProptestConfig::with_cases(32), |(actions in actions())| {
        cases.run(async |cluster| run(cluster, actions).await);
    });
}
