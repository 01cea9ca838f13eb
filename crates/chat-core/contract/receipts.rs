//! The MUSTs of `ReceiptStore`.

use chat_core::ids::{ConversationId, MessageId, Seq, UserId};
use chat_core::messages::{Recipient, Status};
use chat_core::receipts::Delivered;

use super::house::{ALL, House, ids, message};

#[tokio::test]
async fn a_pointer_only_grows_and_stops_at_the_last_message() {
    let house = House::fresh().await;
    let [tom, jerry] = house.users(["tom", "jerry"]).await;
    let mut sent = Vec::new();
    for text in ["one", "two", "three"] {
        sent.push(house.say(tom, Recipient::User(jerry), text).await);
    }
    let conversation = sent[0].conversation;
    let statuses = async || -> Vec<Status> {
        let history = house.store.direct_history(tom, jerry, ALL).await.unwrap();
        history.iter().map(|message| message.status).collect()
    };
    use Status::{Delivered as D, Pending as P};
    assert_eq!(statuses().await, [P, P, P]);
    for (seq, wanted) in [(2, [D, D, P]), (1, [D, D, P]), (-5, [D, D, P]), (i64::MAX, [D, D, D])] {
        house.confirm(jerry, conversation, seq).await;
        assert_eq!(statuses().await, wanted, "after {seq}");
    }
    // Had the pointer gone past the end, this one would be taken for delivered.
    let later = house.say(tom, Recipient::User(jerry), "four").await;
    assert_eq!(later.status, P);
    assert_eq!(statuses().await, [D, D, D, P]);
    assert_eq!(ids(&house.undelivered(jerry).await), [later.id.0]);
}

#[tokio::test]
async fn strangers_and_unknown_conversations_are_ignored_and_the_rest_is_done() {
    let house = House::fresh().await;
    let [tom, jerry, spike] = house.users(["tom", "jerry", "spike"]).await;
    let sent = house.say(tom, Recipient::User(jerry), "hi").await;
    let receipt = |user, conversation| Delivered { user, conversation, seq: Seq(1) };
    let receipts = vec![
        receipt(spike, sent.conversation),
        receipt(UserId(99), sent.conversation),
        receipt(jerry, ConversationId(99)),
        receipt(jerry, sent.conversation),
    ];
    house.store.mark_delivered(receipts).await.unwrap();
    let history = house.store.direct_history(tom, jerry, ALL).await.unwrap();
    assert_eq!(history[0].status, Status::Delivered);
    assert_eq!(house.undelivered(jerry).await, []);
    assert_eq!(house.undelivered(spike).await, []);
}

#[tokio::test]
async fn what_is_undelivered_is_what_others_wrote_beyond_the_pointer() {
    let house = House::fresh().await;
    let [tom, jerry, spike] = house.users(["tom", "jerry", "spike"]).await;
    let group = house.group(tom, &[jerry, spike]).await;
    let one = house.say(tom, Recipient::User(jerry), "1").await;
    let two = house.say(tom, Recipient::Group(group.id), "2").await;
    house.say(jerry, Recipient::User(tom), "own words").await;
    house.say(jerry, Recipient::Group(group.id), "own words").await;
    let three = house.say(spike, Recipient::User(jerry), "3").await;
    house.say(spike, Recipient::User(tom), "not for Jerry").await;
    let four = house.say(tom, Recipient::User(jerry), "4").await;
    let wanted = [one.id, two.id, three.id, four.id].map(|id| id.0);
    assert_eq!(ids(&house.undelivered(jerry).await), wanted);
    let page = house.store.backlog(jerry, MessageId(i64::MAX), one.id, 2).await.unwrap();
    assert_eq!(ids(&page), wanted[1..3]);
    assert_eq!(house.undelivered(jerry).await[0], one, "as it was answered to its sender");
    house.confirm(jerry, one.conversation, one.seq.0).await;
    house.confirm(jerry, group.conversation, two.seq.0).await;
    assert_eq!(ids(&house.undelivered(jerry).await), wanted[2..]);
    house.store.post(message(jerry, Recipient::User(tom), "still own")).await.unwrap();
    assert_eq!(ids(&house.undelivered(jerry).await), wanted[2..]);
}

/// A client that connects is given all that came in since, by the log's order, whoever wrote it and whatever the user's
/// other clients have confirmed.
#[tokio::test]
async fn the_backlog_of_a_client_goes_on_with_everything_since_it_connected() {
    let house = House::fresh().await;
    let [tom, jerry, spike] = house.users(["tom", "jerry", "spike"]).await;
    assert_eq!(house.store.newest().await.unwrap(), MessageId(0));
    let missed = house.say(tom, Recipient::User(jerry), "missed").await;
    let own_before = house.say(jerry, Recipient::User(tom), "own, before").await;
    let live_from = house.store.newest().await.unwrap();
    assert_eq!(live_from, own_before.id);
    let own = house.say(jerry, Recipient::User(tom), "own, since").await;
    let confirmed = house.say(tom, Recipient::User(jerry), "confirmed elsewhere").await;
    house.say(spike, Recipient::User(tom), "not for Jerry").await;
    let backlog = async |after| ids(&house.store.backlog(jerry, live_from, after, 1000).await.unwrap());
    assert_eq!(backlog(MessageId(0)).await, [missed.id.0, own.id.0, confirmed.id.0]);
    house.confirm(jerry, confirmed.conversation, confirmed.seq.0).await;
    assert_eq!(backlog(MessageId(0)).await, [own.id.0, confirmed.id.0]);
    assert_eq!(backlog(own.id).await, [confirmed.id.0]);
}
