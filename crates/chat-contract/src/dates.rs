//! Tests of jumping to a date: the page around a moment.

use chat_core::dates::DatePage;
use chat_core::ids::{ConversationId, MessageId, UserId};
use chat_core::messages::{MAX_PAGE, Message, Recipient};
use chat_core::posting::{Body, NewMessage};
use chat_core::time::Timestamp;
use proptest::prelude::*;

use super::cluster::runtime;
use super::samples::{code, command, message, seqs};
use super::test_store::{Stores, TestStore};

/// Microseconds between the steps of these tests' clock.
const STEP: i64 = 1_000_000;

/// Posts messages that were sent at these times.
async fn sent_at(node: &TestStore, sender: UserId, to: Recipient, times: &[i64]) -> Vec<Message> {
    let mut sent = Vec::new();
    for at in times {
        sent.push(node.post(NewMessage { at: Timestamp(*at), ..message(sender, to, "hi") }).await);
    }
    sent
}

pub fn a_page_around_a_moment_is_the_one_that_a_scan_finds(stores: &dyn Stores) {
    let runtime = runtime();
    let node = runtime.block_on(stores.fresh());
    let (tom, conversation, visible) = runtime.block_on(async {
        let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
        let mut all = Vec::new();
        for number in 0..90_i64 {
            // Some messages have the same time, others are far apart.
            let at = number * number / 40 * STEP;
            all.extend(sent_at(&node, tom, Recipient::User(jerry), &[at]).await);
            if number % 3 == 0 {
                sent_at(&node, tom, Recipient::User(spike), &[at]).await;
            }
        }
        node.store.delete(command(tom, &all[50])).await.unwrap();
        let is_hidden = |number: usize| number % 11 == 5 || (30..36).contains(&number);
        let mut visible = Vec::new();
        for (number, message) in all.iter().enumerate() {
            if is_hidden(number) {
                node.store.hide(command(tom, message)).await.unwrap();
            } else {
                visible.push((message.seq.0, message.sent_at.0));
            }
        }
        (tom, all[0].conversation, visible)
    });
    let moment =
        prop_oneof![8 => -STEP..=210 * STEP, 4 => (0..=202_i64).prop_map(|n| n * STEP), 1 => any::<i64>()];
    proptest!(|(at in moment, limit in prop_oneof![1..12_u16, 1..=MAX_PAGE])| {
        let page = DatePage { thread: None, at: Timestamp(at), limit };
        let found = runtime.block_on(node.store.read_around(tom, conversation, page)).unwrap();
        let limit = usize::from(limit);
        let place = visible.iter().position(|(_, sent_at)| *sent_at >= at).unwrap_or(visible.len());
        let n_later = visible.len() - place;
        let first = place.saturating_sub((limit / 2).max(limit.saturating_sub(n_later)));
        let wanted: Vec<_> = visible[first..].iter().take(limit).map(|(seq, _)| *seq).collect();
        prop_assert_eq!(seqs(&found), wanted);
    });
}

pub async fn a_moment_is_found_though_clocks_went_back(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let times = [10, 20, 30, 15, 16, 17, 40, 39, 41];
    let sent = sent_at(&node, tom, Recipient::User(jerry), &times).await;
    for at in 0..43 {
        let page = DatePage { thread: None, at: Timestamp(at), limit: 2 };
        let found = node.store.read_around(jerry, sent[0].conversation, page).await.unwrap();
        let places: Vec<_> = found.iter().map(|message| message.sent_at.0).collect();
        match at {
            ..=10 => assert_eq!(seqs(&found), [1, 2], "{at}"),
            42.. => assert_eq!(seqs(&found), [8, 9], "{at}"),
            _ => assert!(places[0] < at && places[1] >= at, "{places:?} around {at}"),
        }
    }
}

pub async fn a_moment_in_a_thread_is_among_its_replies(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let to = Recipient::User(jerry);
    let root = sent_at(&node, tom, to, &[10]).await.remove(0);
    let mut replies = Vec::new();
    for at in [20, 30, 40, 50] {
        let body = Body { content: "in".into(), thread: Some(root.id), ..Body::default() };
        replies.push(node.post(NewMessage { at: Timestamp(at), body, ..message(tom, to, "") }).await);
        sent_at(&node, tom, to, &[at + 1]).await;
    }
    let around = |thread, at, limit| {
        let page = DatePage { thread: Some(thread), at: Timestamp(at), limit };
        node.store.read_around(jerry, root.conversation, page)
    };
    assert_eq!(around(root.id, 31, 2).await.unwrap(), replies[1..3]);
    assert_eq!(around(root.id, 0, 2).await.unwrap(), replies[..2]);
    assert_eq!(around(root.id, 99, 3).await.unwrap(), replies[1..]);
    assert_eq!(code(around(MessageId(99), 31, 2).await), "message_not_found");
}

pub async fn only_members_read_around_a_moment(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry]).await;
    let direct = node.say(tom, Recipient::User(jerry), "hi").await.conversation;
    let page = DatePage { thread: None, at: Timestamp(0), limit: 9 };
    let read = |reader, conversation| node.store.read_around(reader, conversation, page);
    assert_eq!(seqs(&read(jerry, direct).await.unwrap()), [1]);
    assert_eq!(read(jerry, group.conversation).await.unwrap(), []);
    for conversation in [direct, group.conversation, ConversationId(99)] {
        assert_eq!(code(read(spike, conversation).await), "conversation_not_found");
    }
}
