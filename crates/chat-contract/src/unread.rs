//! Tests of unread counts: whatever was done before, they are what counting the messages one by one gives.

use std::collections::{BTreeMap, BTreeSet};

use chat_core::conversations::{Conversation, ConversationPage, Counted, Counts, OwnChange};
use chat_core::edits::Hidden;
use chat_core::groups::{Group, RemoveMember};
use chat_core::ids::{MessageId, Seq, UserId};
use chat_core::messages::{Mentions, Message, Recipient};
use chat_core::posting::{Body, NewMessage};
use chat_core::receipts::Pointers;
use chat_core::unread::{BLOCK, Correction, Exception, MENTION_BLOCK, Viewer, counted_at};
use proptest::prelude::*;
use tokio::task::JoinSet;

use super::cluster::{Cases, Cluster, one_node};
use super::samples::{NOW, command, message};
use super::test_store::Stores;

/// The owner, two members, and a user who joins and leaves.
const USERS: usize = 4;
const GUEST: usize = 3;
/// Messages that are posted at once.
const AT_ONCE: usize = 32;

#[derive(Debug, Clone, Copy)]
pub enum Step {
    /// Mentions of each user, and of all.
    Post([bool; USERS], bool),
    Edit(usize),
    Delete(usize),
    Hide(usize),
    Read(usize),
    MarkUnread,
    /// The guest joins, or leaves.
    ComeOrGo,
}

/// Sender and mentions of each message before the steps; user and step.
pub type Scenario = (Vec<(usize, u8)>, Vec<(usize, Step)>);

fn step() -> impl Strategy<Value = Step> {
    let at = || 0..10_000_usize;
    let rarely = || prop::bool::weighted(0.2);
    prop_oneof![
        6 => (prop::array::uniform4(rarely()), rarely()).prop_map(|(users, all)| Step::Post(users, all)),
        1 => at().prop_map(Step::Edit),
        4 => at().prop_map(Step::Delete),
        4 => at().prop_map(Step::Hide),
        3 => at().prop_map(Step::Read),
        1 => Just(Step::MarkUnread),
        1 => Just(Step::ComeOrGo),
    ]
}

/// Up to three blocks of messages, and then steps that meet in few of them.
pub fn scenario() -> impl Strategy<Value = Scenario> {
    let blocks = usize::try_from(3 * BLOCK).unwrap();
    (
        prop::collection::vec((0..GUEST, any::<u8>()), 0..blocks),
        prop::collection::vec((0..USERS, step()), 20..70),
    )
}

struct Kept {
    message: Message,
    is_deleted: bool,
    hidden_by: BTreeSet<UserId>,
}

struct Model<'a> {
    cluster: &'a Cluster,
    users: [UserId; USERS],
    group: Group,
    guest_is_in: bool,
    kept: BTreeMap<Seq, Kept>,
}

impl Kept {
    fn mentions(&self, user: UserId) -> bool {
        !self.is_deleted && (self.message.mentions.all || self.message.mentions.users.contains(&user))
    }

    /// Whether there is a row for this mention; 0 stands for everybody, also for members that the message names.
    fn stores_mention(&self, user: i64) -> bool {
        let Mentions { users, all } = &self.message.mentions;
        !self.is_deleted && if *all { user == 0 } else { users.contains(&UserId(user)) }
    }

    fn correction(&self, user: UserId) -> (i64, Correction) {
        let message = Exception { is_deleted: self.is_deleted, is_mention: self.mentions(user) };
        let viewer = if user == self.message.sender {
            Viewer::Sender
        } else {
            Viewer::Other { is_hidden: self.hidden_by.contains(&user) }
        };
        (user.0, Correction::of(message, viewer))
    }

    fn of_all(&self) -> (i64, Correction) {
        let message = Exception { is_deleted: self.is_deleted, is_mention: false };
        (0, Correction::of(message, Viewer::Everybody))
    }
}

fn new_message(group: &Group, sender: UserId, mentions: Mentions) -> NewMessage {
    let body = Body { content: "hi".into(), mentions, ..Body::default() };
    NewMessage { body, ..message(sender, Recipient::Group(group.id), "") }
}

impl Model<'_> {
    async fn start(cluster: &Cluster, before: Vec<(usize, u8)>) -> Model<'_> {
        let users = cluster.new_users(["tom", "jerry", "tyke", "spike"]).await;
        let group = cluster.node().group(users[0], &users[1..GUEST]).await;
        let mut model = Model { cluster, users, group, guest_is_in: false, kept: BTreeMap::new() };
        for chunk in before.chunks(AT_ONCE) {
            let mut posts = JoinSet::new();
            for (sender, dice) in chunk {
                let mentions = match dice {
                    0 => Mentions { users: vec![users[1], users[2]], all: true },
                    1..40 => Mentions { users: vec![users[1]], all: false },
                    40..44 => Mentions { users: vec![users[1], users[2]], all: false },
                    _ => Mentions::default(),
                };
                let new = new_message(&model.group, users[*sender], mentions);
                let store = cluster.node().store.clone();
                posts.spawn(async move { store.post(new).await.unwrap().message().clone() });
            }
            while let Some(posted) = posts.join_next().await {
                model.keep(posted.unwrap());
            }
        }
        model
    }

    fn keep(&mut self, message: Message) {
        let kept = Kept { message, is_deleted: false, hidden_by: BTreeSet::new() };
        assert!(self.kept.insert(kept.message.seq, kept).is_none());
    }

    fn members(&self) -> impl Iterator<Item = UserId> {
        let n_members = if self.guest_is_in { USERS } else { GUEST };
        self.users.into_iter().take(n_members)
    }

    async fn run(&mut self, user: usize, step: Step) {
        let me = self.users[user];
        let (store, is_in) = (self.cluster.store(), user != GUEST || self.guest_is_in);
        let n_messages = self.kept.len();
        let pick =
            |at: usize| self.kept.values().nth(at % n_messages.max(1)).map(|kept| kept.message.clone());
        match step {
            Step::ComeOrGo => {
                let (actor, user) = (self.users[0], self.users[GUEST]);
                if self.guest_is_in {
                    let command = RemoveMember { actor, group: self.group.id, user };
                    store.remove_member(command).await.unwrap();
                } else {
                    self.cluster.node().add(actor, self.group.id, user).await.unwrap();
                }
                self.guest_is_in = !self.guest_is_in;
            }
            _ if !is_in => {}
            Step::Post(mentioned, all) => {
                let members: BTreeSet<_> = self.members().collect();
                let chosen = self.users.into_iter().zip(mentioned);
                let users = chosen.filter(|(user, on)| *on && members.contains(user)).map(|(user, _)| user);
                let new = new_message(&self.group, me, Mentions { users: users.collect(), all });
                let posted = store.post(new).await.unwrap().message().clone();
                self.keep(posted);
            }
            Step::Edit(at) => {
                let Some(message) = pick(at) else { return };
                // Refused if it is somebody else's or deleted; mentions stay either way.
                let _ = store.edit(command(me, &message), "new".into()).await;
            }
            Step::Delete(at) => {
                let Some(message) = pick(at) else { return };
                store.delete(command(self.users[0], &message)).await.unwrap();
                self.kept.get_mut(&message.seq).unwrap().is_deleted = true;
            }
            Step::Hide(at) => {
                let Some(message) = pick(at) else { return };
                let hidden = store.hide(command(me, &message)).await.unwrap();
                let is_new = self.kept.get_mut(&message.seq).unwrap().hidden_by.insert(me);
                assert_eq!(is_new, hidden != Hidden::Already);
                if let Hidden::Now { counted, .. } = hidden {
                    let view = store.conversation(me, self.group.conversation).await.unwrap();
                    self.check(me, view.own.pointers.read, counted).await;
                }
            }
            Step::Read(at) => {
                let seq = Seq(i64::try_from(at % (n_messages + 2)).unwrap());
                let to = Pointers { delivered: seq, read: seq };
                let moved = store.move_pointers(me, self.group.conversation, to).await.unwrap();
                for receipt in moved.0 {
                    self.check(me, receipt.pointers.read, receipt.counts.unwrap()).await;
                }
            }
            Step::MarkUnread => {
                let mark = OwnChange { marked_unread: Some(true), ..OwnChange::default() };
                let own = store.change_own_part(me, self.group.conversation, mark).await.unwrap().view.own;
                assert_eq!(own.counts, self.counted(me, own.pointers.read));
            }
        }
    }

    /// Compares counts, and the state in which they hold, with the present one.
    async fn check(&self, viewer: UserId, read: Seq, counted: Counted) {
        let store = self.cluster.store();
        let Conversation { last_seq: last, rev, .. } =
            store.conversation(viewer, self.group.conversation).await.unwrap().conversation;
        assert_eq!(counted, Counted { counts: self.counted(viewer, read), read, last, rev });
    }

    /// Counts the messages one by one.
    fn counted(&self, viewer: UserId, read: Seq) -> Counts {
        let mut counts = Counts::default();
        for Kept { message, is_deleted, hidden_by } in self.kept.values() {
            if message.seq > read && message.sender != viewer && !is_deleted && !hidden_by.contains(&viewer) {
                counts.unread += 1;
                counts.mentions +=
                    u32::from(message.mentions.all || message.mentions.users.contains(&viewer));
            }
        }
        counts
    }

    /// Compares the stored corrections with the core's rule for each message and user.
    async fn compare_rows(&self) {
        let conversation = self.group.conversation.0;
        let rows = self.cluster.node().rows().await;
        let mut expected = BTreeMap::<_, Correction>::new();
        for (seq, kept) in &self.kept {
            for (user, correction) in
                self.users.iter().map(|user| kept.correction(*user)).chain([kept.of_all()])
            {
                for level in 0..4 {
                    let block = seq.0 / BLOCK.pow(level);
                    let sum = expected.entry((conversation, user, i64::from(level), block)).or_default();
                    sum.unread += correction.unread;
                    sum.mentions += correction.mentions;
                }
            }
        }
        expected.retain(|_, sum| *sum != Correction::default());
        let found: BTreeMap<_, _> =
            rows.corrections.into_iter().filter(|(key, _)| key.0 == conversation).collect();
        assert_eq!(found, expected, "corrections");
        for user in self.users.iter().map(|user| user.0).chain([0]) {
            let found = rows.mention_counts.iter().filter(|(key, _)| (key.0, key.1) == (conversation, user));
            let found = found.map(|((_, _, level, block), n)| ((u32::try_from(*level).unwrap(), *block), *n));
            self.compare_mention_counts(user, &found.collect());
        }
    }

    /// Compares the blocks in which the mentions of a user (0: of everybody) were counted with the mentions.
    fn compare_mention_counts(&self, user: i64, found: &BTreeMap<(u32, i64), i64>) {
        let mentions: Vec<_> = self.kept.values().filter(|kept| kept.stores_mention(user)).collect();
        let mentions: Vec<_> = mentions.iter().map(|kept| kept.message.seq.0).collect();
        let in_block = |seq: i64, level, block| seq / MENTION_BLOCK.pow(level) == block;
        for (&(level, block), &n) in found {
            let expected = mentions.iter().filter(|&&seq| in_block(seq, level, block)).count();
            assert_eq!(n, i64::try_from(expected).unwrap(), "{user}: block {block} of level {level}");
        }
        // Each mention before the last block has been counted.
        for pair in mentions.windows(2) {
            for block in counted_at(Seq(pair[0]), Seq(pair[1])) {
                assert!(found.contains_key(&block), "{user}: {block:?} is not counted");
            }
        }
    }

    async fn compare(&self) {
        let store = self.cluster.store();
        for member in self.members() {
            let own = store.conversation(member, self.group.conversation).await.unwrap().own;
            let expected = self.counted(member, own.pointers.read);
            assert_eq!(own.counts, expected, "{member:?}");
            let listed =
                store.conversations(member, ConversationPage { after: None, limit: 2 }).await.unwrap();
            assert_eq!(listed.iter().map(|view| view.own.counts).collect::<Vec<_>>(), [expected]);
            let totals = store.totals(member, NOW).await.unwrap();
            assert_eq!(totals.counts, expected);
            assert_eq!(totals.n_conversations, u32::from(own.marked_unread || expected.unread > 0));
        }
    }
}

pub async fn run(cluster: &Cluster, (before, steps): Scenario) {
    let mut model = Model::start(cluster, before).await;
    model.compare().await;
    model.compare_rows().await;
    for (user, step) in steps {
        model.run(user, step).await;
        model.compare().await;
    }
    model.compare_rows().await;
}

pub fn counts_are_those_of_counting_one_by_one(stores: &dyn Stores) {
    let cases = Cases::on(async || one_node(stores).await);
    proptest!(ProptestConfig::with_cases(12), |(scenario in scenario())| {
        cases.run(async |cluster| run(cluster, scenario).await);
    });
}

pub async fn what_a_member_has_hidden_is_not_unread(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let group = node.group(tom, &[jerry]).await;
    let root = node.say(tom, Recipient::Group(group.id), "root").await;
    let reply = async || {
        let body = Body { content: "reply".into(), thread: Some(root.id), ..Body::default() };
        node.post(NewMessage { body, ..message(tom, Recipient::Group(group.id), "") }).await
    };
    let replies = [reply().await, reply().await];
    let unread = async |user, root: MessageId| {
        let counts = node.store.conversation(user, group.conversation).await.unwrap().own.counts;
        let totals = node.store.totals(user, NOW).await.unwrap();
        let thread = node.store.thread(user, root).await.unwrap();
        (counts.unread, totals.counts.unread, totals.n_conversations, thread.unread)
    };
    assert_eq!(unread(jerry, root.id).await, (3, 3, 1, 2));
    node.store.hide(command(jerry, &replies[0])).await.unwrap();
    assert_eq!(unread(jerry, root.id).await, (2, 2, 1, 1));
    node.store.delete(command(tom, &replies[0])).await.unwrap();
    assert_eq!(unread(jerry, root.id).await, (2, 2, 1, 1), "hidden and deleted counts once");
    let to = Pointers { delivered: root.seq, read: root.seq };
    node.store.move_pointers(jerry, group.conversation, to).await.unwrap();
    node.store.hide(command(jerry, &replies[1])).await.unwrap();
    assert_eq!(unread(jerry, root.id).await, (0, 0, 0, 0), "nothing is left that the member could read");
    node.say(tom, Recipient::Group(group.id), "later").await;
    assert_eq!(unread(jerry, root.id).await, (1, 1, 1, 0));
}
