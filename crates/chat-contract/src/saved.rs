//! Tests of saved messages.

use chat_core::event::Change;
use chat_core::groups::RemoveMember;
use chat_core::ids::{MessageId, UserId};
use chat_core::messages::{Message, Page, Recipient};
use chat_core::saved::Saved;

use super::rows;
use super::samples::{ALL, code, command, ids};
use super::test_store::Stores;

pub async fn saving_is_for_members_and_twice_changes_nothing(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let sent = node.say(tom, Recipient::User(jerry), "hi").await;
    let nowhere = Message { id: MessageId(99), ..sent.clone() };
    assert_eq!(code(node.store.save(command(spike, &sent), true).await), "message_not_found");
    assert_eq!(code(node.store.save(command(tom, &nowhere), true).await), "message_not_found");
    let save = async |saved| node.store.save(command(jerry, &sent), saved).await.unwrap();
    let events = node.sink.events().len();
    assert_eq!(save(false).await, Saved::Already);
    for saved in [true, false, true] {
        assert_eq!(save(saved).await, Saved::Now { user: jerry, message: sent.id, saved });
        assert_eq!(save(saved).await, Saved::Already);
        let list = node.store.saved(jerry, ALL).await.unwrap();
        assert_eq!(list, if saved { vec![sent.clone()] } else { Vec::new() });
    }
    assert_eq!(node.sink.events().len(), events + 3);
    let is_for_jerry =
        |change: &Change| matches!(change, Change::MessageSaved { user, .. } if *user == jerry);
    assert!(node.sink.events()[events..].iter().all(|event| is_for_jerry(&event.change)));
    assert_eq!(node.store.saved(tom, ALL).await.unwrap(), [], "it is Jerry's own");
    assert_eq!(node.store.message(tom, sent.id).await.unwrap().rev, sent.rev);
    rows::check(&node).await;
}

pub async fn the_newest_message_comes_first_page_by_page(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let mut sent = Vec::new();
    for number in 0..7 {
        let other = if number % 2 == 0 { jerry } else { spike };
        sent.push(node.say(tom, Recipient::User(other), "hi").await);
    }
    // Not in the order of the messages.
    for index in [3, 0, 6, 2, 5] {
        node.store.save(command(tom, &sent[index]), true).await.unwrap();
    }
    let page = async |before: Option<MessageId>, limit| {
        ids(&node.store.saved(tom, Page { before, limit }).await.unwrap())
    };
    let id = |index: usize| sent[index].id.0;
    assert_eq!(page(None, 200).await, [6, 5, 3, 2, 0].map(id));
    assert_eq!(page(None, 2).await, [6, 5].map(id));
    assert_eq!(page(Some(sent[5].id), 2).await, [3, 2].map(id));
    assert_eq!(page(Some(sent[2].id), 2).await, [0].map(id));
    assert!(page(Some(sent[0].id), 2).await.is_empty());
    assert_eq!(page(Some(MessageId(i64::MAX)), 1).await, [6].map(id));
}

pub async fn messages_that_a_user_may_no_longer_see_are_not_listed(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let group = node.group(tom, &[jerry]).await;
    let direct = node.say(tom, Recipient::User(jerry), "hi").await;
    let grouped = node.say(tom, Recipient::Group(group.id), "hi").await;
    let deleted = node.say(tom, Recipient::Group(group.id), "hi").await;
    let hidden = node.say(tom, Recipient::User(jerry), "hi").await;
    for message in [&direct, &grouped, &deleted, &hidden] {
        node.store.save(command(jerry, message), true).await.unwrap();
    }
    node.store.hide(command(jerry, &hidden)).await.unwrap();
    node.store.delete(command(tom, &deleted)).await.unwrap();
    let list = async |user: UserId| ids(&node.store.saved(user, ALL).await.unwrap());
    assert_eq!(
        list(jerry).await,
        [deleted.id.0, grouped.id.0, direct.id.0],
        "a deleted message stays in the list"
    );
    let command = RemoveMember { actor: tom, group: group.id, user: jerry };
    node.store.remove_member(command).await.unwrap();
    assert_eq!(list(jerry).await, [direct.id.0]);
    node.add(tom, group.id, jerry).await.unwrap();
    assert_eq!(list(jerry).await.len(), 3);
}
