//! Tests of hiding a message: it is in no answer to that reader, and in all answers to the others.

use chat_core::accounts::AccountQuery;
use chat_core::conversations::{Counted, Counts};
use chat_core::edits::Hidden;
use chat_core::event::Change;
use chat_core::ids::{MessageId, Rev, Seq, UserId};
use chat_core::messages::{Message, MessageRange, Page, Recipient, Start};

use super::rows;
use super::samples::{ALL, code, command, ids, keyed, message, newest};
use super::test_store::{Stores, TestStore};

pub async fn hiding_is_for_members_and_happens_once(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let sent = node.say(tom, Recipient::User(jerry), "hi").await;
    let rev_before = rev(&node, &sent).await;
    node.say(tom, Recipient::User(jerry), "another").await;
    let rev_before = Rev(rev_before.0 + 1);
    let counts = Counts { unread: 1, mentions: 0 };
    let counted = Counted { counts, read: Seq(0), last: Seq(2), rev: rev_before };
    let (user, conversation, message) = (jerry, sent.conversation, sent.id);
    let hidden = Hidden::Now { user, conversation, message, counted };
    assert_eq!(node.store.hide(command(jerry, &sent)).await.unwrap(), hidden);
    let events = node.sink.events();
    let expected = Change::MessageHidden { user, conversation, message, counted: Some(counted) };
    assert_eq!(events.last().unwrap().change, expected);
    assert_eq!(node.store.hide(command(jerry, &sent)).await.unwrap(), Hidden::Already);
    assert_eq!(node.sink.events().len(), events.len());
    assert_eq!(rev(&node, &sent).await, rev_before, "the other member sees no change");
    let nowhere = Message { id: MessageId(99), ..sent.clone() };
    assert_eq!(code(node.store.hide(command(spike, &sent)).await), "message_not_found");
    assert_eq!(code(node.store.hide(command(tom, &nowhere)).await), "message_not_found");
    rows::check(&node).await;
}

async fn rev(node: &TestStore, sent: &Message) -> Rev {
    node.store.conversation(sent.sender, sent.conversation).await.unwrap().conversation.rev
}

/// Every answer with messages of a direct conversation and of a group's that a reader can get.
async fn seen(node: &TestStore, reader: UserId, sent: &Message, group: &Message) -> Vec<Vec<i64>> {
    let store = &node.store;
    let Recipient::Group(group_id) = group.to else { panic!("{group:?}") };
    let Recipient::User(receiver) = sent.to else { panic!("{sent:?}") };
    let other = if reader == sent.sender { receiver } else { sent.sender };
    let range = |thread, from| MessageRange { thread, from, limit: 99 };
    let root = store.message(reader, sent.thread.unwrap()).await.unwrap();
    assert_eq!(root.conversation, sent.conversation);
    let page = Page { before: None, limit: 99 };
    let mut answers = vec![
        store.direct_history(reader, other, ALL).await.unwrap(),
        store.group_history(reader, group_id, ALL).await.unwrap(),
        store.read_range(reader, sent.conversation, range(None, Start::End)).await.unwrap(),
        store.read_range(reader, sent.conversation, range(None, Start::After(root.seq))).await.unwrap(),
        store.read_range(reader, sent.conversation, range(Some(root.id), Start::End)).await.unwrap(),
        store
            .read_range(reader, sent.conversation, range(Some(root.id), Start::After(root.seq)))
            .await
            .unwrap(),
        store.last_of_each(reader, newest(99)).await.unwrap(),
        store.pinned(reader, sent.conversation, 99).await.unwrap(),
        store.saved(reader, page).await.unwrap(),
    ];
    answers.push(store.backlog(reader, MessageId(0), MessageId(0), 99).await.unwrap());
    answers.iter().map(|messages| ids(messages)).collect()
}

pub async fn a_hidden_message_is_in_no_answer_to_that_reader(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let group = node.group(tom, &[jerry]).await;
    let root = node.say(tom, Recipient::User(jerry), "root").await;
    let mut in_thread = keyed(tom, Recipient::User(jerry), "in the thread", "k");
    in_thread.body.thread = Some(root.id);
    let sent = node.post(in_thread.clone()).await;
    let first_in_group = node.say(tom, Recipient::Group(group.id), "first").await;
    let grouped = node.say(tom, Recipient::Group(group.id), "last").await;
    node.store.pin(command(tom, &sent), true).await.unwrap();
    for reader in [tom, jerry] {
        node.store.save(command(reader, &sent), true).await.unwrap();
    }
    let before = [seen(&node, tom, &sent, &grouped).await, seen(&node, jerry, &sent, &grouped).await];
    for answer in before.iter().flatten() {
        assert!(answer.contains(&sent.id.0) || answer.contains(&grouped.id.0), "{before:?}");
    }

    for hidden in [&sent, &grouped] {
        node.store.hide(command(jerry, hidden)).await.unwrap();
    }
    let after = seen(&node, jerry, &sent, &grouped).await;
    for answer in &after {
        assert!(!answer.contains(&sent.id.0) && !answer.contains(&grouped.id.0), "{after:?}");
    }
    let last = ids(&node.store.last_of_each(jerry, newest(9)).await.unwrap());
    assert_eq!(last, [first_in_group.id.0, root.id.0], "the last one that Jerry sees");
    assert_eq!(code(node.store.message(jerry, sent.id).await), "message_not_found");
    assert_eq!(code(node.store.versions(jerry, sent.id).await), "message_not_found");
    assert_eq!(code(node.store.reactors(jerry, sent.id).await), "message_not_found");
    assert_eq!(seen(&node, tom, &sent, &grouped).await, before[0], "Tom sees what he saw");
    let again = node.store.post(in_thread).await.unwrap();
    assert_eq!(again.message().id, sent.id, "his key stays used");
    rows::check(&node).await;
}

pub async fn a_user_who_has_hidden_everything_has_no_last_message(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let sent = node.say(tom, Recipient::User(jerry), "hi").await;
    node.store.hide(command(tom, &sent)).await.unwrap();
    assert_eq!(node.store.last_of_each(tom, newest(9)).await.unwrap(), []);
    assert_eq!(node.store.direct_history(tom, jerry, ALL).await.unwrap(), []);
    node.store.post(message(jerry, Recipient::User(tom), "you there?")).await.unwrap();
    assert_eq!(node.store.last_of_each(tom, newest(9)).await.unwrap().len(), 1);
}

pub async fn the_list_of_users_does_not_show_it_either(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    node.say(jerry, Recipient::User(tom), "first").await;
    let last = node.say(jerry, Recipient::User(tom), "last").await;
    let shown = async |reader, other: UserId| {
        let query = AccountQuery { prefix: None, after: UserId(0), limit: 9 };
        let list = node.store.accounts_with_last_message(reader, query).await.unwrap();
        let (_, last) = list.into_iter().find(|(account, _)| account.id == other).unwrap();
        last.unwrap().content
    };
    assert_eq!(shown(tom, jerry).await, "last");
    node.store.hide(command(tom, &last)).await.unwrap();
    assert_eq!((shown(tom, jerry).await, shown(jerry, tom).await), ("first".into(), "last".into()));
}
