//! Tests that every `ReceiptStore` must pass.

use chat_core::ids::{ConversationId, MessageId, Seq, UserId};
use chat_core::messages::{Recipient, Status};
use chat_core::receipts::Delivered;

use super::samples::{ALL, ids, message};
use super::test_store::Stores;

pub async fn a_pointer_only_grows_and_stops_at_the_last_message(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let mut sent = Vec::new();
    for text in ["one", "two", "three"] {
        sent.push(node.say(tom, Recipient::User(jerry), text).await);
    }
    let conversation = sent[0].conversation;
    let statuses = async || -> Vec<Status> {
        let history = node.store.direct_history(tom, jerry, ALL).await.unwrap();
        history.iter().map(|message| message.status).collect()
    };
    use Status::{Delivered as D, Pending as P};
    assert_eq!(statuses().await, [P, P, P]);
    for (seq, wanted) in [(2, [D, D, P]), (1, [D, D, P]), (-5, [D, D, P]), (i64::MAX, [D, D, D])] {
        node.confirm(jerry, conversation, seq).await;
        assert_eq!(statuses().await, wanted, "after {seq}");
    }
    // If the pointer had moved past the end, this message would count as delivered.
    let later = node.say(tom, Recipient::User(jerry), "four").await;
    assert_eq!(later.status, P);
    assert_eq!(statuses().await, [D, D, D, P]);
    assert_eq!(ids(&node.undelivered(jerry).await), [later.id.0]);
}

pub async fn strangers_and_unknown_conversations_are_ignored_and_the_rest_is_done(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let sent = node.say(tom, Recipient::User(jerry), "hi").await;
    let receipt = |user, conversation| Delivered { user, conversation, seq: Seq(1) };
    let receipts = vec![
        receipt(spike, sent.conversation),
        receipt(UserId(99), sent.conversation),
        receipt(jerry, ConversationId(99)),
        receipt(jerry, sent.conversation),
    ];
    node.store.mark_delivered(receipts).await.unwrap();
    let history = node.store.direct_history(tom, jerry, ALL).await.unwrap();
    assert_eq!(history[0].status, Status::Delivered);
    assert_eq!(node.undelivered(jerry).await, []);
    assert_eq!(node.undelivered(spike).await, []);
}

pub async fn undelivered_messages_are_those_of_others_beyond_the_pointer(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry, spike]).await;
    let one = node.say(tom, Recipient::User(jerry), "1").await;
    let two = node.say(tom, Recipient::Group(group.id), "2").await;
    node.say(jerry, Recipient::User(tom), "own words").await;
    node.say(jerry, Recipient::Group(group.id), "own words").await;
    let three = node.say(spike, Recipient::User(jerry), "3").await;
    node.say(spike, Recipient::User(tom), "not for Jerry").await;
    let four = node.say(tom, Recipient::User(jerry), "4").await;
    let wanted = [one.id, two.id, three.id, four.id].map(|id| id.0);
    assert_eq!(ids(&node.undelivered(jerry).await), wanted);
    let page = node.store.backlog(jerry, MessageId(i64::MAX), one.id, 2).await.unwrap();
    assert_eq!(ids(&page), wanted[1..3]);
    assert_eq!(node.undelivered(jerry).await[0], one, "equal to the answer to its sender");
    node.confirm(jerry, one.conversation, one.seq.0).await;
    node.confirm(jerry, group.conversation, two.seq.0).await;
    assert_eq!(ids(&node.undelivered(jerry).await), wanted[2..]);
    node.store.post(message(jerry, Recipient::User(tom), "still own")).await.unwrap();
    assert_eq!(ids(&node.undelivered(jerry).await), wanted[2..]);
}

/// A client that connects gets everything since its connection, in log order, from all senders and whatever the user's
/// other clients have confirmed.
pub async fn a_clients_backlog_continues_with_everything_since_it_connected(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    assert_eq!(node.store.newest().await.unwrap(), MessageId(0));
    let missed = node.say(tom, Recipient::User(jerry), "missed").await;
    let own_before = node.say(jerry, Recipient::User(tom), "own, before").await;
    let live_from = node.store.newest().await.unwrap();
    assert_eq!(live_from, own_before.id);
    let own = node.say(jerry, Recipient::User(tom), "own, since").await;
    let confirmed = node.say(tom, Recipient::User(jerry), "confirmed elsewhere").await;
    node.say(spike, Recipient::User(tom), "not for Jerry").await;
    let backlog = async |after| ids(&node.store.backlog(jerry, live_from, after, 1000).await.unwrap());
    assert_eq!(backlog(MessageId(0)).await, [missed.id.0, own.id.0, confirmed.id.0]);
    node.confirm(jerry, confirmed.conversation, confirmed.seq.0).await;
    assert_eq!(backlog(MessageId(0)).await, [own.id.0, confirmed.id.0]);
    assert_eq!(backlog(own.id).await, [confirmed.id.0]);
}
