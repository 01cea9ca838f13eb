//! Tests of reactions.

use chat_core::changes::{Changed, MessageEvent};
use chat_core::command::MessageCommand;
use chat_core::ids::{MessageId, UserId};
use chat_core::messages::{Message, Recipient};
use chat_core::reactions::{MAX_KINDS, MAX_REACTIONS, Reaction, Reactor};
use chat_core::time::Timestamp;

use super::rows;
use super::samples::{ALL, NOW, code, command};
use super::test_store::{Stores, TestStore};

fn reaction(emoji: &str, count: u32, users: &[UserId]) -> Reaction {
    Reaction { emoji: emoji.into(), count, users: users.to_vec() }
}

async fn react(node: &TestStore, actor: UserId, message: &Message, emoji: &str) -> Message {
    match node.store.react(command(actor, message), emoji.into(), true).await {
        Ok(Changed::Now(message, MessageEvent::Reaction)) => message,
        other => panic!("{other:?}"),
    }
}

pub async fn an_event_lists_everybody_and_a_read_only_the_reader(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry, spike]).await;
    let sent = node.say(tom, Recipient::Group(group.id), "cheese?").await;
    // Neither the alphabet nor the clock gives the right order.
    react(&node, jerry, &sent, "🧀").await;
    react(&node, jerry, &sent, "+1").await;
    let changed = react(&node, tom, &sent, "🧀").await;
    assert_eq!(changed.reactions, [reaction("🧀", 2, &[jerry, tom]), reaction("+1", 1, &[jerry])]);
    assert_eq!(changed.rev.0, sent.rev.0 + 3);

    let read = async |reader| {
        let message = node.store.message(reader, sent.id).await.unwrap();
        let history = node.store.group_history(reader, group.id, ALL).await.unwrap();
        assert_eq!(history, std::slice::from_ref(&message));
        message.reactions
    };
    assert_eq!(read(jerry).await, [reaction("🧀", 2, &[jerry]), reaction("+1", 1, &[jerry])]);
    assert_eq!(read(tom).await, [reaction("🧀", 2, &[tom]), reaction("+1", 1, &[])]);
    assert_eq!(read(spike).await, [reaction("🧀", 2, &[]), reaction("+1", 1, &[])]);
    let reactors = node.store.reactors(spike, sent.id).await.unwrap();
    let by = |user, emoji: &str| Reactor { user, emoji: emoji.into(), at: command(user, &sent).at };
    assert_eq!(reactors, [by(jerry, "🧀"), by(jerry, "+1"), by(tom, "🧀")]);
    rows::check(&node).await;
}

pub async fn doing_it_twice_changes_nothing(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let sent = node.say(tom, Recipient::User(jerry), "cheese?").await;
    let set = async |present, at| {
        let command = MessageCommand::new(jerry, sent.id, Timestamp(NOW.0 + at));
        node.store.react(command, "🧀".into(), present).await.unwrap()
    };
    assert!(matches!(set(false, 1).await, Changed::Already(_)), "there is no reaction to remove");
    assert!(matches!(set(true, 2).await, Changed::Now(..)));
    let events = node.sink.events().len();
    let Changed::Already(same) = set(true, 3).await else { panic!("a second one") };
    assert_eq!(same.reactions, [reaction("🧀", 1, &[jerry])]);
    assert_eq!(node.sink.events().len(), events);
    assert_eq!(node.store.reactors(tom, sent.id).await.unwrap()[0].at, Timestamp(NOW.0 + 2));
    let Changed::Now(without, _) = set(false, 4).await else { panic!("it is still there") };
    assert_eq!(without.reactions, []);
    assert!(matches!(set(false, 5).await, Changed::Already(_)));
    assert_eq!(node.store.reactors(tom, sent.id).await.unwrap(), []);
    rows::check(&node).await;
}

pub async fn strangers_do_not_react_and_nobody_to_what_is_deleted(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let sent = node.say(tom, Recipient::User(jerry), "cheese?").await;
    let nowhere = Message { id: MessageId(99), ..sent.clone() };
    let set = async |actor, message, present| {
        code(node.store.react(command(actor, message), "🧀".into(), present).await)
    };
    assert_eq!(set(spike, &sent, true).await, "message_not_found");
    assert_eq!(set(spike, &sent, false).await, "message_not_found");
    assert_eq!(set(tom, &nowhere, true).await, "message_not_found");
    assert_eq!(code(node.store.reactors(spike, sent.id).await), "message_not_found");
    react(&node, jerry, &sent, "🧀").await;
    node.store.delete(command(tom, &sent)).await.unwrap();
    assert_eq!(set(jerry, &sent, true).await, "message_deleted");
    assert_eq!(set(jerry, &sent, false).await, "message_deleted");
    rows::check(&node).await;
}

pub async fn the_number_of_different_emoji_is_limited(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let sent = node.say(tom, Recipient::User(jerry), "cheese?").await;
    for number in 0..MAX_KINDS {
        react(&node, tom, &sent, &format!(":{number}:")).await;
    }
    let add = |actor, emoji: &str| node.store.react(command(actor, &sent), emoji.into(), true);
    let events = node.sink.events().len();
    assert_eq!(code(add(jerry, "one more").await), "too_many_reactions");
    assert_eq!(node.sink.events().len(), events);
    react(&node, jerry, &sent, ":0:").await;
    node.store.react(command(tom, &sent), ":1:".into(), false).await.unwrap();
    react(&node, jerry, &sent, "one more").await;
    rows::check(&node).await;
}

pub async fn the_number_of_reactions_is_limited(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let sent = node.say(tom, Recipient::User(jerry), "cheese?").await;
    node.add_reactions(sent.id, "+1", MAX_REACTIONS - 1).await;
    let changed = react(&node, tom, &sent, "+1").await;
    assert_eq!(changed.reactions[0].count, MAX_REACTIONS);
    assert_eq!(code(node.store.react(command(jerry, &sent), "+1".into(), true).await), "too_many_reactions");
    assert!(matches!(
        node.store.react(command(tom, &sent), "+1".into(), true).await,
        Ok(Changed::Already(_))
    ));
    let reactors = node.store.reactors(jerry, sent.id).await.unwrap();
    assert_eq!(u32::try_from(reactors.len()), Ok(MAX_REACTIONS));
    let Ok(Changed::Now(..)) = node.store.react(command(tom, &sent), "+1".into(), false).await else {
        panic!("removing is always allowed")
    };
    react(&node, jerry, &sent, "+1").await;
}
