//! Tests of posting beyond plain text: destinations, media, mentions, replies, and the conversation that a pair's
//! first message creates.

use chat_core::conversations::ConversationKind;
use chat_core::event::Change;
use chat_core::groups::Role;
use chat_core::ids::{ConversationId, MessageId, UserId};
use chat_core::media::{Media, MessageKind};
use chat_core::messages::{
    Forwarded, Mentions, Message, MessageRange, QUOTE_CHARS, Recipient, Start, Status, Streaming,
};
use chat_core::posting::{Body, Destination, NewMessage, Posted};
use chat_core::receipts::Pointers;

use super::rows;
use super::samples::{ALL, NOW, code, command, keyed, message, newest};
use super::test_store::{Stores, TestStore};

/// A message with a value in every field.
pub fn rich(sender: UserId, to: impl Into<Destination>, mentioned: &[UserId]) -> NewMessage {
    let film = Media {
        url: "https://example.com/b.mp4".into(),
        kind: Some(MessageKind::Video),
        name: Some("Käse.mp4".into()),
        size: Some(u64::from(u32::MAX) + 1),
        width: Some(1920),
        height: Some(1080),
    };
    let picture = Media { url: "https://example.com/a.png".into(), ..Media::default() };
    let body = Body {
        content: "look".into(),
        media: vec![film, picture],
        mentions: Mentions { users: mentioned.to_vec(), all: true },
        custom: Some("{\"price\": 2.50}".into()),
        ..Body::default()
    };
    NewMessage {
        kind: MessageKind::Video,
        body,
        forwarded: Some(Forwarded { message: MessageId(7), sender: UserId(3) }),
        streaming: Some(Streaming::Growing),
        ..keyed(sender, to, "", "rich")
    }
}

fn reply(sender: UserId, to: Recipient, answered: &Message) -> NewMessage {
    let mut new = message(sender, to, "re");
    new.body.reply_to = Some(answered.id);
    new
}

pub async fn everything_that_was_posted_is_read_back(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let group = node.group(tom, &[jerry]).await;
    let new = rich(tom, Recipient::Group(group.id), &[tom, jerry]);
    let posted = node.post(new.clone()).await;
    assert_eq!(posted.media, new.body.media);
    assert_eq!((&posted.mentions, &posted.custom), (&new.body.mentions, &new.body.custom));
    assert_eq!((posted.forwarded, posted.streaming), (new.forwarded, new.streaming));
    assert_eq!((posted.kind, posted.media_url()), (MessageKind::Video, "https://example.com/b.mp4"));
    assert_eq!((posted.sent_at, posted.status, posted.to), (NOW, Status::Sent, Recipient::Group(group.id)));
    let node = node.reopen().await;
    let only = std::slice::from_ref(&posted);
    for reader in [tom, jerry] {
        assert_eq!(node.store.message(reader, posted.id).await.unwrap(), posted);
        assert_eq!(node.store.group_history(reader, group.id, ALL).await.unwrap(), only);
        assert_eq!(node.store.last_of_each(reader, newest(9)).await.unwrap(), only);
        let range = MessageRange { thread: None, from: Start::End, limit: 9 };
        let whole = node.store.read_range(reader, group.conversation, range).await.unwrap();
        assert_eq!(whole, only);
    }
    assert_eq!(node.undelivered(jerry).await, only);
    let again = node.store.post(new).await.unwrap();
    assert_eq!(again, Posted::Duplicate(posted));
}

pub async fn a_pairs_first_message_makes_their_conversation_and_the_second_does_not(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let first = node.store.post(message(jerry, Recipient::User(tom), "hi")).await.unwrap();
    let Posted::New { conversation: Some(made), message: first, root: None } = first else {
        panic!("{first:?}")
    };
    assert_eq!(made.kind, ConversationKind::Direct(tom, jerry), "the smaller id first");
    assert_eq!((made.id, made.n_members, made.created_at), (first.conversation, 2, NOW));
    assert_eq!((made.last_seq, made.rev), (first.seq, first.rev), "the state after both changes");
    let events = node.sink.events();
    assert!(matches!(&events[0].change, Change::ConversationChanged(changed) if *changed == made));
    assert!(matches!(&events[1].change, Change::MessagePosted(posted) if *posted == first));
    for user in [tom, jerry] {
        let own = node.store.conversation(user, made.id).await.unwrap().own;
        assert_eq!((own.role, own.pointers), (Some(Role::Member), Pointers::default()));
        assert_eq!(node.rows().await.joined[&(made.id.0, user.0)], events[0].position.0);
    }
    let second = node.store.post(message(tom, Recipient::User(jerry), "hi yourself")).await.unwrap();
    assert!(matches!(second, Posted::New { conversation: None, root: None, .. }), "{second:?}");
    rows::check(&node).await;
}

pub async fn a_conversation_can_be_posted_to_by_its_number(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry]).await;
    let direct = node.say(tom, Recipient::User(jerry), "hi").await.conversation;
    let answer = node.say(jerry, Destination::Conversation(direct), "hi Tom").await;
    assert_eq!((answer.to, answer.seq.0, answer.status), (Recipient::User(tom), 2, Status::Pending));
    let grouped = node.say(jerry, Destination::Conversation(group.conversation), "hi all").await;
    assert_eq!((grouped.to, grouped.seq.0), (Recipient::Group(group.id), 1));
    // Only members may know whether the conversation exists.
    for conversation in [direct, group.conversation, ConversationId(99)] {
        let posted = node.store.post(message(spike, Destination::Conversation(conversation), "hi")).await;
        assert_eq!(code(posted), "conversation_not_found");
    }
    rows::check(&node).await;
}

pub async fn only_members_can_be_mentioned(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry]).await;
    let before = node.sink.events().len();
    let (to_group, to_jerry) = (Recipient::Group(group.id), Recipient::User(jerry));
    for (to, mentioned) in [(to_group, spike), (to_group, UserId(99)), (to_jerry, spike)] {
        let posted = node.store.post(rich(tom, to, &[jerry, mentioned])).await;
        assert_eq!(code(posted), "invalid_request", "{to:?}");
    }
    assert_eq!(node.sink.events().len(), before);
    assert_eq!(node.store.direct_history(tom, jerry, ALL).await.unwrap(), []);
    let direct = node.store.post(rich(tom, to_jerry, &[tom, jerry])).await.unwrap();
    let Posted::New { conversation: Some(_), message: direct, .. } = direct else {
        panic!("a refused first message left a conversation behind: {direct:?}")
    };
    assert_eq!(
        mentioned(&node, direct.conversation).await,
        [(0, 1)],
        "it stands for members that are also named"
    );
    node.say(tom, to_group, "nobody").await;
    node.post(NewMessage { client_msg_id: None, ..rich(tom, to_group, &[jerry]) }).await;
    assert_eq!(mentioned(&node, group.conversation).await, [(0, 2)]);
    rows::check(&node).await;
}

/// The mentions in a conversation: each user with the message's `seq`.
async fn mentioned(node: &TestStore, conversation: ConversationId) -> Vec<(i64, i64)> {
    let all = node.rows().await.mentions;
    all.into_iter().filter(|row| row.0 == conversation.0).map(|(_, user, seq)| (user, seq)).collect()
}

pub async fn a_reply_quotes_the_message_as_it_is_now(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let to_tom = Recipient::User(tom);
    let original = node.say(tom, Recipient::User(jerry), &"é".repeat(QUOTE_CHARS + 1)).await;
    let answer = node.post(reply(jerry, to_tom, &original)).await;
    let quote = answer.reply_to.clone().unwrap();
    assert_eq!((quote.message, quote.sender, quote.deleted), (original.id, tom, false));
    assert_eq!(quote.content, "é".repeat(QUOTE_CHARS));
    let read = || node.store.message(tom, answer.id);
    assert_eq!(read().await.unwrap(), answer);

    node.store.edit(command(tom, &original), "edited".into()).await.unwrap();
    assert_eq!(read().await.unwrap().reply_to.unwrap().content, "edited");
    node.store.delete(command(tom, &original)).await.unwrap();
    let quote = read().await.unwrap().reply_to.unwrap();
    assert_eq!((quote.message, quote.content.as_str(), quote.deleted), (original.id, "", true));
    let late = node.post(reply(jerry, to_tom, &original)).await;
    assert_eq!(late.reply_to, Some(quote), "a deleted message keeps its seq, and can be answered");
    rows::check(&node).await;
}

pub async fn a_reply_stays_in_its_conversation(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry]).await;
    let elsewhere = node.say(tom, Recipient::Group(group.id), "in the group").await;
    let nowhere = Message { id: MessageId(99), ..elsewhere.clone() };
    let before = node.sink.events().len();
    for answered in [&elsewhere, &nowhere] {
        // There is no conversation with Jerry yet.
        assert_eq!(
            code(node.store.post(reply(tom, Recipient::User(jerry), answered)).await),
            "message_not_found"
        );
    }
    assert_eq!(node.sink.events().len(), before);
    let direct = node.say(tom, Recipient::User(spike), "hi").await;
    for (to, answered) in [(Recipient::User(spike), &elsewhere), (Recipient::Group(group.id), &direct)] {
        assert_eq!(code(node.store.post(reply(tom, to, answered)).await), "message_not_found");
    }
    rows::check(&node).await;
}

pub async fn a_message_is_there_for_members_only(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry]).await;
    let direct = node.say(tom, Recipient::User(jerry), "hi").await;
    let grouped = node.say(tom, Recipient::Group(group.id), "hi").await;
    for sent in [direct, grouped] {
        assert_eq!(node.store.message(tom, sent.id).await.unwrap(), sent);
        assert_eq!(node.store.message(jerry, sent.id).await.unwrap(), sent);
        assert_eq!(code(node.store.message(spike, sent.id).await), "message_not_found");
    }
    assert_eq!(code(node.store.message(tom, MessageId(99)).await), "message_not_found");
}
