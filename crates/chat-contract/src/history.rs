//! Tests of reading back: pages of history, and the last message of each conversation.

use chat_core::ids::{GroupId, MessageId, UserId};
use chat_core::messages::{MAX_PAGE, Message, Page, Recipient};
use proptest::prelude::*;
use tokio::runtime::Runtime;

use super::cluster::runtime;
use super::samples::{ALL, code, ids, newest};
use super::test_store::{Stores, TestStore};

/// Conversations of several lengths, with interleaved messages.
struct Library {
    node: TestStore,
    runtime: Runtime,
    reader: UserId,
    shelves: Vec<(Recipient, Vec<Message>)>,
    last: i64,
}

async fn fill(node: &TestStore) -> (UserId, Vec<(Recipient, Vec<Message>)>) {
    let [tom, jerry, spike, tyke, nibbles] = node.users(["tom", "jerry", "spike", "tyke", "nibbles"]).await;
    let group = node.group(tom, &[jerry]).await;
    let plan = [
        (Recipient::User(jerry), jerry, 61),
        (Recipient::Group(group.id), jerry, 40),
        (Recipient::User(spike), spike, 2),
        (Recipient::User(tyke), tyke, 1),
        (Recipient::User(nibbles), nibbles, 0),
    ];
    let mut shelves: Vec<_> = plan.iter().map(|(to, ..)| (*to, Vec::new())).collect();
    for round in 0..61 {
        for (&(to, other, count), (_, shelf)) in plan.iter().zip(&mut shelves) {
            if round >= count {
                continue;
            }
            let answer = if matches!(to, Recipient::User(_)) { Recipient::User(tom) } else { to };
            let (sender, to) = if round % 3 == 0 { (other, answer) } else { (tom, to) };
            shelf.push(node.say(sender, to, &format!("message {round}")).await);
        }
    }
    (tom, shelves)
}

impl Library {
    fn new(stores: &dyn Stores) -> Self {
        let runtime = runtime();
        let node = runtime.block_on(stores.fresh());
        let (reader, shelves) = runtime.block_on(fill(&node));
        let last = shelves.iter().flat_map(|(_, messages)| messages).map(|message| message.id.0).max();
        Self { node, runtime, reader, shelves, last: last.unwrap() }
    }

    fn page(&self, from: Recipient, before: Option<i64>, limit: u16) -> Vec<Message> {
        let page = Page { before: before.map(MessageId), limit };
        let store = &self.node.store;
        let read = async {
            match from {
                Recipient::User(other) => store.direct_history(self.reader, other, page).await,
                Recipient::Group(group) => store.group_history(self.reader, group, page).await,
            }
        };
        self.runtime.block_on(read).unwrap()
    }
}

pub fn paging_back_gives_every_message_once_whatever_the_page_sizes(stores: &dyn Stores) {
    let library = Library::new(stores);
    let limits = prop::collection::vec(1..=MAX_PAGE, 1..8);
    proptest!(|(shelf in 0..5_usize, limits in limits)| {
        let (from, all) = &library.shelves[shelf];
        let mut seen: Vec<Message> = Vec::new();
        for limit in limits.iter().cycle() {
            let mut page = library.page(*from, seen.first().map(|message| message.id.0), *limit);
            prop_assert!(page.len() <= usize::from(*limit));
            if page.is_empty() {
                break;
            }
            page.append(&mut seen);
            seen = page;
        }
        prop_assert_eq!(&seen, all);
    });
}

pub fn a_page_holds_the_newest_before_any_id_even_of_another_conversation(stores: &dyn Stores) {
    let library = Library::new(stores);
    let before = prop_oneof![8 => 0..=library.last + 3, 1 => any::<i64>(), 1 => Just(i64::MAX)];
    proptest!(|(shelf in 0..5_usize, before in before, limit in 1..=MAX_PAGE)| {
        let (from, all) = &library.shelves[shelf];
        let older = all.iter().filter(|message| message.id.0 < before).count();
        let wanted = &all[older.saturating_sub(limit.into())..older];
        prop_assert_eq!(library.page(*from, Some(before), limit), wanted);
    });
}

pub async fn history_with_a_stranger_is_empty_and_with_an_unknown_user_refused(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    assert_eq!(node.store.direct_history(tom, jerry, ALL).await.unwrap(), []);
    assert_eq!(code(node.store.direct_history(tom, UserId(99), ALL).await), "user_not_found");
}

pub async fn the_last_of_each_conversation_comes_newest_first(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry]).await;
    node.group(tom, &[]).await;
    node.say(tom, Recipient::User(jerry), "old").await;
    node.say(spike, Recipient::User(jerry), "not Tom's").await;
    let direct = node.say(jerry, Recipient::User(tom), "new").await;
    node.say(tom, Recipient::Group(group.id), "old").await;
    let grouped = node.say(jerry, Recipient::Group(group.id), "new").await;
    let spikes = node.say(spike, Recipient::User(tom), "hi").await;
    let last = |limit| node.store.last_of_each(tom, newest(limit));
    assert_eq!(last(100).await.unwrap(), [spikes.clone(), grouped.clone(), direct.clone()]);
    assert_eq!(last(2).await.unwrap(), [spikes, grouped]);
    node.confirm(tom, direct.conversation, 2).await;
    let direct = last(100).await.unwrap().pop().unwrap();
    assert_eq!(direct.status.as_str(), "DELIVERED");
    assert_eq!(node.store.last_of_each(UserId(99), newest(10)).await.unwrap(), []);
}

pub async fn pages_of_the_last_messages_join_to_the_whole_list(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let mut last = Vec::new();
    for number in 0..7 {
        let group = node.group(tom, &[jerry]).await.id;
        node.say(tom, Recipient::Group(group), "old").await;
        last.push(node.say(jerry, Recipient::Group(group), &format!("new {number}")).await);
        node.group(tom, &[]).await;
    }
    last.reverse();
    let page = async |before, limit| node.store.last_of_each(tom, Page { before, limit }).await.unwrap();
    for limit in [1, 2, 3, 7, 1000] {
        let mut joined = Vec::new();
        let mut before = None;
        loop {
            let entries = page(before, limit).await;
            assert!(entries.len() <= limit.into());
            let Some(end) = entries.last() else { break };
            before = Some(end.id);
            joined.extend(entries);
        }
        assert_eq!(joined, last, "pages of {limit}");
    }
    // A conversation with a newer message moves to the front; the others stay on their pages.
    let first = page(None, 3).await;
    node.say(tom, Recipient::Group(groups_id(&last[1])), "newest").await;
    assert_eq!(page(Some(first[2].id), 1000).await, last[3..]);
    assert_eq!(page(Some(MessageId(0)), 10).await, []);
}

fn groups_id(message: &Message) -> GroupId {
    let Recipient::Group(group) = message.to else { panic!("{message:?}") };
    group
}

pub async fn a_user_and_a_group_of_one_number_are_never_mistaken(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    node.group(tom, &[jerry]).await;
    let group = node.group(tom, &[jerry]).await;
    assert_eq!((jerry.0, group.id.0), (2, 2), "the case that this test is about");
    let direct = node.say(tom, Recipient::User(jerry), "to Jerry").await;
    let grouped = node.say(tom, Recipient::Group(group.id), "to all").await;
    assert_ne!(direct.conversation, grouped.conversation);
    assert_eq!((direct.seq.0, grouped.seq.0), (1, 1));
    assert_eq!(node.store.direct_history(tom, jerry, ALL).await.unwrap(), [direct]);
    assert_eq!(node.store.group_history(tom, GroupId(2), ALL).await.unwrap(), [grouped]);
    let list = node.undelivered(jerry).await;
    assert_eq!(
        list.iter().map(|message| message.to).collect::<Vec<_>>(),
        [Recipient::User(jerry), Recipient::Group(group.id)]
    );
    assert_eq!(ids(&list), [1, 2]);
}
