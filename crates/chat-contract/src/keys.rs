//! Tests of posting again with the same key. A key stands for one intention. The core decides about the answers, and
//! has tests of that; these tests check that stores keep what the decision needs, and ask for it.

use chat_core::groups::RemoveMember;
use chat_core::ids::{ConversationId, GroupId, MessageId, Rev, UserId};
use chat_core::intention::Intention;
use chat_core::messages::{Forwarded, Message, Recipient};
use chat_core::posting::{Body, Destination, Forward, NewMessage, Posted};
use tokio::task::JoinSet;

use super::rows;
use super::samples::{code, command, keyed, message, under};
use super::test_store::Stores;

fn duplicate(posted: chat_core::Result<Posted>) -> Message {
    match posted {
        Ok(Posted::Duplicate(first)) => first,
        other => panic!("{other:?}"),
    }
}

/// A post that refers to another message. Stores handle it differently from other posts.
fn answering(sender: UserId, to: impl Into<Destination>, answered: MessageId, key: &str) -> NewMessage {
    let body = Body { content: "hi".into(), reply_to: Some(answered), ..Body::default() };
    under(key, NewMessage { body, ..message(sender, to, "") })
}

pub async fn a_key_that_stands_for_another_message_is_refused_wherever_it_would_go(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry]).await;
    let direct = node.post(keyed(tom, Recipient::User(jerry), "hi", "k")).await;
    let grouped = node.post(keyed(tom, Recipient::Group(group.id), "hi", "g")).await;
    let answer = node.post(answering(tom, Recipient::User(jerry), direct.id, "a")).await;
    let node = node.reopen().await;
    // The destination need not exist, and the sender needs no right there.
    let elsewhere = [
        Destination::To(Recipient::User(spike)),
        Destination::To(Recipient::User(UserId(99))),
        Destination::To(Recipient::Group(GroupId(99))),
        Destination::Conversation(ConversationId(99)),
    ];
    for to in elsewhere {
        for key in ["k", "g"] {
            assert_eq!(code(node.store.post(keyed(tom, to, "hi", key)).await), "key_reused", "{to:?} {key}");
        }
        assert_eq!(code(node.store.post(answering(tom, to, direct.id, "a")).await), "key_reused", "{to:?}");
    }
    let other = [
        keyed(tom, Recipient::User(jerry), "ho", "k"),
        answering(tom, Recipient::User(jerry), direct.id, "k"),
        answering(tom, Recipient::User(jerry), answer.id, "a"),
        keyed(tom, Recipient::User(jerry), "hi", "a"),
        keyed(tom, Recipient::Group(group.id), "ho", "g"),
    ];
    for new in other {
        assert_eq!(code(node.store.post(new.clone()).await), "key_reused", "{new:?}");
    }
    let before = async |new: NewMessage| node.store.posted_before(new).await;
    let [same, free] = ["k", "free"].map(|key| keyed(tom, Recipient::User(jerry), "hi", key));
    assert_eq!(before(same.clone()).await.unwrap(), Some(Posted::Duplicate(direct.clone())));
    assert_eq!(before(free).await.unwrap(), None);
    assert_eq!(before(NewMessage { client_msg_id: None, ..same }).await.unwrap(), None);
    assert_eq!(
        before(keyed(jerry, Recipient::User(tom), "hi", "k")).await.unwrap(),
        None,
        "a key belongs to its sender"
    );
    assert_eq!(code(before(keyed(tom, Recipient::User(jerry), "ho", "k")).await), "key_reused");
    assert_eq!(node.sink.n_events(), 0, "no event was published");
    for (to, first) in [(direct.to, &direct), (grouped.to, &grouped)] {
        let key = first.client_msg_id.clone().unwrap();
        assert_eq!(&duplicate(node.store.post(keyed(tom, to, "hi", &key)).await), first);
    }
    let again = answering(tom, Destination::Conversation(direct.conversation), direct.id, "a");
    assert_eq!(duplicate(node.store.post(again).await), answer);
}

pub async fn the_same_again_is_the_first_message_also_after_it_was_changed(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let again = || node.store.post(keyed(tom, Recipient::User(jerry), "hi", "k"));
    let sent = node.post(keyed(tom, Recipient::User(jerry), "hi", "k")).await;
    node.store.edit(command(tom, &sent), "ho".into()).await.unwrap();
    assert_eq!(duplicate(again().await).content, "ho");
    let edited = keyed(tom, Recipient::User(jerry), "ho", "k");
    assert_eq!(code(node.store.post(edited).await), "key_reused", "it was sent as something else");
    node.store.delete(command(tom, &sent)).await.unwrap();
    let gone = duplicate(again().await);
    assert_eq!((gone.id, gone.content.as_str(), gone.deleted_at.is_some()), (sent.id, "", true));
}

/// Many posts at once, so that some are in the same transaction.
pub async fn one_of_two_concurrent_messages_with_one_key_is_refused(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let mut tasks = JoinSet::new();
    for number in 0..32 {
        let store = node.store.clone();
        let to = Recipient::User(if number % 2 == 0 { jerry } else { spike });
        tasks.spawn(async move { (to, store.post(keyed(tom, to, "hi", "k")).await) });
    }
    let (mut new, mut again, mut refused) = (Vec::new(), 0, 0);
    for (to, posted) in tasks.join_all().await {
        match posted {
            Ok(Posted::New { message, .. }) => new.push(message),
            Ok(Posted::Duplicate(first)) => {
                assert_eq!(first.to, to);
                again += 1;
            }
            refusal => {
                assert_eq!(code(refusal), "key_reused");
                refused += 1;
            }
        }
    }
    assert_eq!((new.len(), again, refused), (1, 15, 16));
    rows::check(&node).await;
}

pub async fn a_repeated_forward_is_recognised_by_its_source_and_not_by_its_present_text(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let original = node.say(jerry, Recipient::User(tom), "cheese").await;
    let other = node.say(jerry, Recipient::User(tom), "cheese").await;
    let forward = |message: &Message, to: UserId, key: Option<&str>| Forward {
        to: Recipient::User(to).into(),
        message: message.id,
        client_msg_id: key.map(Into::into),
    };
    let before = async |command: Forward| node.store.forwarded_before(tom, command).await;
    assert_eq!(before(forward(&original, spike, Some("f"))).await.unwrap(), None);
    let first = node
        .post(NewMessage {
            forwarded: Some(Forwarded { message: original.id, sender: jerry }),
            intention: Some(Intention::of_forward(original.id)),
            ..keyed(tom, Recipient::User(spike), "cheese", "f")
        })
        .await;
    node.store.delete(command(jerry, &original)).await.unwrap();
    let again = before(forward(&original, spike, Some("f"))).await.unwrap();
    assert_eq!(again, Some(Posted::Duplicate(first.clone())));
    assert_eq!(before(forward(&original, spike, None)).await.unwrap(), None);
    assert_eq!(code(before(forward(&other, spike, Some("f"))).await), "key_reused");
    assert_eq!(code(before(forward(&original, jerry, Some("f"))).await), "key_reused");
    let typed = keyed(tom, Recipient::User(spike), "cheese", "f");
    assert_eq!(code(node.store.post(typed).await), "key_reused", "the same words, but not forwarded");
}

/// An old key must not reveal the present state of the group.
pub async fn a_removed_member_gets_the_original_answer_for_an_old_key(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry, spike]).await;
    let to = Recipient::Group(group.id);
    let answered = node.say(tom, to, "before").await;
    let plain = node.post(keyed(jerry, to, "hi", "plain")).await;
    let answer = node.post(answering(jerry, to, answered.id, "answer")).await;
    node.store.remove_member(RemoveMember { actor: tom, group: group.id, user: jerry }).await.unwrap();
    node.store.edit(command(tom, &answered), "a secret since".into()).await.unwrap();
    for sent in [&plain, &answer] {
        node.store.react(command(spike, sent), "🧀".into(), true).await.unwrap();
        node.store.pin(command(spike, sent), true).await.unwrap();
        let mut below = message(spike, to, "below");
        below.body.thread = Some(sent.id);
        node.post(below).await;
    }
    let node = node.reopen().await;
    let again = [keyed(jerry, to, "hi", "plain"), answering(jerry, to, answered.id, "answer")];
    for (new, first) in again.into_iter().zip([&plain, &answer]) {
        let repeated = duplicate(node.store.post(new).await);
        let mut wanted = Message { rev: Rev(0), ..first.clone() };
        if let Some(quote) = &mut wanted.reply_to {
            quote.content.clear();
        }
        assert_eq!(repeated, wanted);
    }
    assert_eq!(code(node.store.post(keyed(jerry, to, "ho", "plain")).await), "key_reused");
    assert_eq!(code(node.store.post(keyed(jerry, to, "hi", "new")).await), "not_a_member");
    // As a member again, the user may read everything.
    node.add(tom, group.id, jerry).await.unwrap();
    let repeated = duplicate(node.store.post(keyed(jerry, to, "hi", "plain")).await);
    assert_eq!(repeated, node.store.message(jerry, plain.id).await.unwrap());
    assert!(repeated.pin.is_some() && repeated.replies.is_some() && repeated.rev > plain.rev);
}
