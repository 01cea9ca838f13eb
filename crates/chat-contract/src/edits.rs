//! Tests of changing messages: who may, what is refused, what is kept, and that a second identical change does
//! nothing.

use chat_core::changes::{Changed, MessageEvent};
use chat_core::command::MessageCommand;
use chat_core::edits::{MAX_VERSIONS, Version};
use chat_core::event::Change;
use chat_core::groups::{ChangeRole, Role};
use chat_core::ids::{ConversationId, MessageId, UserId};
use chat_core::media::{Media, MessageKind};
use chat_core::messages::{Forwarded, Mentions, Message, Pin, Recipient, Streaming};
use chat_core::posting::{Body, NewMessage};
use chat_core::time::Timestamp;
use chat_core::{Error, Result};

use super::rows;
use super::samples::{NOW, code, command, ids, message};
use super::test_store::Stores;

fn later(actor: UserId, message: &Message, seconds: i64) -> MessageCommand {
    MessageCommand::new(actor, message.id, Timestamp(NOW.0 + seconds))
}

/// The changed message and the kind of change.
fn now(result: Result<Changed>) -> (Message, MessageEvent) {
    match result {
        Ok(Changed::Now(message, what)) => (message, what),
        other => panic!("{other:?}"),
    }
}

fn already(result: Result<Changed>) -> Message {
    match result {
        Ok(Changed::Already(message)) => message,
        other => panic!("{other:?}"),
    }
}

pub async fn an_edit_replaces_the_text_and_keeps_the_former_ones(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let sent = node.say(tom, Recipient::User(jerry), "one").await;
    let (two, what) = now(node.store.edit(later(tom, &sent, 5), "two".into()).await);
    assert_eq!(what, MessageEvent::Edited);
    let wanted = Message {
        content: "two".into(),
        edited_at: Some(Timestamp(NOW.0 + 5)),
        rev: chat_core::ids::Rev(sent.rev.0 + 1),
        ..sent.clone()
    };
    assert_eq!(two, wanted);
    assert_eq!(node.store.message(jerry, sent.id).await.unwrap(), wanted);
    now(node.store.edit(later(tom, &sent, 9), "three".into()).await);
    let versions = node.store.versions(jerry, sent.id).await.unwrap();
    let at = |content: &str, since| Version { content: content.into(), since: Timestamp(NOW.0 + since) };
    assert_eq!(versions, [at("one", 0), at("two", 5)]);

    let events = node.sink.events().len();
    let same = already(node.store.edit(later(tom, &sent, 99), "three".into()).await);
    assert_eq!((same.edited_at, node.sink.events().len()), (Some(Timestamp(NOW.0 + 9)), events));
    assert_eq!(node.store.versions(tom, sent.id).await.unwrap(), versions);
    rows::check(&node).await;
}

pub async fn of_many_former_texts_the_last_ones_are_kept(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let sent = node.say(tom, Recipient::User(jerry), "text 0").await;
    let other = node.say(tom, Recipient::User(jerry), "another's first").await;
    now(node.store.edit(command(tom, &other), "another's second".into()).await);
    let last = usize::from(MAX_VERSIONS) + 3;
    for number in 1..=last {
        now(node.store.edit(command(tom, &sent), format!("text {number}")).await);
    }
    let versions = node.store.versions(jerry, sent.id).await.unwrap();
    let wanted: Vec<_> = (3..last).map(|number| format!("text {number}")).collect();
    assert_eq!(versions.into_iter().map(|version| version.content).collect::<Vec<_>>(), wanted);
    assert_eq!(node.rows().await.n_versions, i64::from(MAX_VERSIONS) + 1, "the others are gone");
    rows::check(&node).await;
}

pub async fn only_its_author_edits_and_only_what_can_be_edited(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry]).await;
    let to_group = Recipient::Group(group.id);
    let sent = node.say(jerry, to_group, "hi").await;
    let growing =
        node.post(NewMessage { streaming: Some(Streaming::Growing), ..message(jerry, to_group, "gr") }).await;
    let picture = Media { url: "https://example.com/a.png".into(), ..Media::default() };
    let body = Body { content: "look".into(), media: vec![picture], ..Body::default() };
    let shown = node.post(NewMessage { body, ..message(jerry, to_group, "") }).await;
    let gone = node.say(jerry, to_group, "gone").await;
    node.store.delete(command(jerry, &gone)).await.unwrap();
    let nowhere = Message { id: MessageId(99), ..sent.clone() };

    let events = node.sink.events().len();
    let edit = async |actor, message, text: &str| node.store.edit(command(actor, message), text.into()).await;
    assert_eq!(code(edit(tom, &sent, "x").await), "forbidden", "though Tom owns the group");
    assert_eq!(code(edit(spike, &sent, "x").await), "message_not_found");
    assert_eq!(code(edit(jerry, &nowhere, "x").await), "message_not_found");
    assert_eq!(code(edit(jerry, &gone, "x").await), "message_deleted");
    assert_eq!(code(edit(jerry, &growing, "x").await), "still_growing");
    for empty in ["", " \n"] {
        assert_eq!(code(edit(jerry, &sent, empty).await), "invalid_request");
    }
    assert_eq!(node.sink.events().len(), events);
    assert_eq!(now(edit(jerry, &shown, "").await).0.content, "", "a picture needs no text");
    rows::check(&node).await;
}

pub async fn a_deleted_message_keeps_its_seq_and_nothing_else(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let root = node.say(tom, Recipient::User(jerry), "root").await;
    let forwarded = Some(Forwarded { message: root.id, sender: spike });
    let body = Body {
        content: "secret".into(),
        media: vec![
            Media { url: "https://example.com/a.png".into(), ..Media::default() },
            Media { url: "https://example.com/b.png".into(), ..Media::default() },
        ],
        thread: Some(root.id),
        reply_to: Some(root.id),
        mentions: Mentions { users: vec![tom, jerry], all: true },
        custom: Some("{\"secret\":true}".into()),
    };
    let new =
        NewMessage { kind: MessageKind::Image, body, forwarded, ..message(tom, Recipient::User(jerry), "") };
    let sent = node.post(new).await;
    now(node.store.edit(command(tom, &sent), "secret too".into()).await);
    now(node.store.react(command(jerry, &sent), "🤫".into(), true).await);
    now(node.store.pin(command(jerry, &sent), true).await);

    let (gone, what) = now(node.store.delete(later(tom, &sent, 60)).await);
    assert_eq!(what, MessageEvent::Deleted);
    let wanted = Message {
        rev: gone.rev,
        content: String::new(),
        media: Vec::new(),
        mentions: Mentions::default(),
        custom: None,
        edited_at: Some(command(tom, &sent).at),
        deleted_at: Some(Timestamp(NOW.0 + 60)),
        ..sent.clone()
    };
    assert_eq!(gone, wanted, "its thread and its origin are not content");
    assert_eq!(node.store.message(jerry, sent.id).await.unwrap(), wanted);
    assert_eq!(node.store.versions(tom, sent.id).await.unwrap(), []);
    assert_eq!(node.store.reactors(tom, sent.id).await.unwrap(), []);
    assert_eq!(node.store.pinned(tom, sent.conversation, 9).await.unwrap(), []);
    let left = node.rows().await.mentions;
    assert!(left.is_empty(), "a deleted message mentions nobody: {left:?}");

    let events = node.sink.events().len();
    assert_eq!(already(node.store.delete(later(tom, &sent, 99)).await), wanted);
    assert_eq!(code(node.store.pin(command(tom, &sent), true).await), "message_deleted");
    assert_eq!(code(node.store.pin(command(tom, &sent), false).await), "message_deleted");
    assert_eq!(node.sink.events().len(), events);
    rows::check(&node).await;
}

pub async fn authors_and_admins_delete_for_everyone(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, tyke, spike] = node.users(["tom", "jerry", "tyke", "spike"]).await;
    let group = node.group(tom, &[jerry, tyke]).await;
    let to_admin = ChangeRole { actor: tom, group: group.id, user: tyke, role: Role::Admin };
    node.store.change_role(to_admin).await.unwrap();
    let mut sent = Vec::new();
    for _ in 0..3 {
        sent.push(node.say(jerry, Recipient::Group(group.id), "hi").await);
    }
    let toms = node.say(tom, Recipient::Group(group.id), "mine").await;
    let direct = node.say(jerry, Recipient::User(tom), "hi").await;
    assert_eq!(code(node.store.delete(command(jerry, &toms)).await), "forbidden");
    assert_eq!(
        code(node.store.delete(command(tom, &direct)).await),
        "forbidden",
        "a direct conversation has no admin"
    );
    assert_eq!(code(node.store.delete(command(spike, &toms)).await), "message_not_found");
    for (actor, message) in [(jerry, &sent[0]), (tom, &sent[1]), (tyke, &sent[2])] {
        now(node.store.delete(command(actor, message)).await);
    }
    rows::check(&node).await;
}

/// Otherwise, nobody could end its growth, and clients that show the message would wait forever.
pub async fn deleting_ends_the_growth(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let new =
        NewMessage { streaming: Some(Streaming::Growing), ..message(tom, Recipient::User(jerry), "so far") };
    let sent = node.post(new).await;
    assert_eq!(now(node.store.delete(command(tom, &sent)).await).0.streaming, Some(Streaming::Abandoned));
}

pub async fn pins_are_listed_the_last_one_first(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let mut sent = Vec::new();
    for text in ["one", "two", "three"] {
        sent.push(node.say(tom, Recipient::User(jerry), text).await);
    }
    let (pinned, what) = now(node.store.pin(later(jerry, &sent[2], 1), true).await);
    assert_eq!((pinned.pin, what), (Some(Pin { by: jerry, at: Timestamp(NOW.0 + 1) }), MessageEvent::Pinned));
    now(node.store.pin(later(tom, &sent[0], 2), true).await);
    now(node.store.pin(later(tom, &sent[1], 3), true).await);
    let list = async |limit| ids(&node.store.pinned(tom, sent[0].conversation, limit).await.unwrap());
    assert_eq!(list(9).await, [sent[1].id.0, sent[0].id.0, sent[2].id.0]);
    assert_eq!(list(2).await, [sent[1].id.0, sent[0].id.0]);

    let events = node.sink.events().len();
    let same = already(node.store.pin(later(tom, &sent[2], 9), true).await);
    assert_eq!(same.pin, pinned.pin, "who pinned it first, and when");
    assert_eq!(node.sink.events().len(), events);
    let (unpinned, what) = now(node.store.pin(later(tom, &sent[2], 10), false).await);
    assert_eq!((unpinned.pin, what), (None, MessageEvent::Pinned));
    already(node.store.pin(later(tom, &sent[2], 11), false).await);
    assert_eq!(list(9).await, [sent[1].id.0, sent[0].id.0]);

    assert_eq!(code(node.store.pin(command(spike, &sent[0]), true).await), "message_not_found");
    for conversation in [sent[0].conversation, ConversationId(99)] {
        assert_eq!(code(node.store.pinned(spike, conversation, 9).await), "conversation_not_found");
    }
    rows::check(&node).await;
}

pub async fn former_texts_are_for_members(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let sent = node.say(tom, Recipient::User(jerry), "hi").await;
    assert_eq!(node.store.versions(jerry, sent.id).await.unwrap(), []);
    for message in [sent.id, MessageId(99)] {
        assert_eq!(code(node.store.versions(spike, message).await), "message_not_found");
    }
}

/// An event contains the same message as a read right after it.
pub async fn an_event_has_the_message_that_a_read_returns(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let sent = node.say(tom, Recipient::User(jerry), "one").await;
    node.confirm(jerry, sent.conversation, sent.seq.0).await;
    let answered = now(node.store.edit(command(tom, &sent), "two".into()).await).0;
    let events = node.sink.events();
    let Some(Change::MessageChanged { message: published, .. }) = events.last().map(|event| &event.change)
    else {
        panic!("{events:?}")
    };
    assert_eq!(published, &answered);
    assert_eq!(node.store.message(jerry, sent.id).await.unwrap(), answered);
    assert_eq!(answered.status.as_str(), "DELIVERED");
}

pub async fn a_refusal_leaves_no_trace_among_writes_that_stand(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let sent = node.say(tom, Recipient::User(jerry), "one").await;
    let edits = (0..20).map(|number| {
        let store = node.store.clone();
        let actor = if number % 2 == 0 { tom } else { jerry };
        let command = command(actor, &sent);
        tokio::spawn(async move { store.edit(command, format!("edit {number}")).await })
    });
    let mut refused = 0;
    for edit in edits.collect::<Vec<_>>() {
        match edit.await.unwrap() {
            Ok(changed) => assert!(matches!(changed, Changed::Now(..))),
            Err(Error::Forbidden(_)) => refused += 1,
            Err(other) => panic!("{other:?}"),
        }
    }
    assert_eq!(refused, 10);
    assert_eq!(node.store.versions(tom, sent.id).await.unwrap().len(), 10);
    rows::check(&node).await;
}
