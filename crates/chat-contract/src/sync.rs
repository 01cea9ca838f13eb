//! Tests that every `SyncStore` must pass.

mod client;
pub mod random;
mod resumed;

use chat_core::changes::MessageEvent;
use chat_core::conversations::{Conversation, ConversationKind, Counted, OwnChange};
use chat_core::event::{Change, Event};
use chat_core::groups::{ChangeRole, MembersChanged, RemoveMember, Role};
use chat_core::ids::{Position, Seq, UserId};
use chat_core::live_text::Chunk;
use chat_core::messages::{Message, Recipient, Streaming};
use chat_core::posting::{Body, NewMessage};
use chat_core::receipts::{Delivered, MAX_RECEIPT_MEMBERS, Receipt};
use chat_core::sync::PageStart;

use super::samples::{command, contents, message, seqs};
use super::test_store::{Stores, TestStore};

async fn end(node: &TestStore) -> Position {
    node.store.log_end().await.unwrap().position
}

/// Everything that changed for the user, in one page.
async fn since(node: &TestStore, user: UserId, after: Position) -> Vec<Event> {
    let page = node.store.changes(user, after.into(), 1000).await.unwrap();
    assert!(page.complete);
    assert_eq!(page.up_to, end(node).await);
    page.events
}

fn posted(events: &[Event]) -> Vec<Message> {
    let posted = events.iter().filter_map(|event| match &event.change {
        Change::MessagePosted(message) => Some(message.clone()),
        _ => None,
    });
    posted.collect()
}

/// The kind of each event's change.
fn kinds(events: &[Event]) -> Vec<&'static str> {
    let kind = |event: &Event| match &event.change {
        Change::MessagePosted(_) => "posted",
        Change::MessageChanged { what, .. } => what.as_str(),
        Change::OwnPartChanged { .. } => "conversation",
        Change::MemberRemoved { .. } => "left",
        Change::PointersMoved(_) => "receipt",
        Change::MessageHidden { .. } => "hidden",
        Change::MessageSaved { .. } => "saved",
        other => panic!("unexpected event for a resumed client: {other:?}"),
    };
    events.iter().map(kind).collect()
}

/// Log position of the last published event.
fn last_published(node: &TestStore) -> Position {
    node.sink.events().last().unwrap().position
}

pub async fn the_end_of_the_log_grows_and_its_epoch_is_the_files_own(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let first = node.store.log_end().await.unwrap();
    assert_eq!(first.position, Position(0));
    assert_ne!(first.epoch.0, 0);
    node.say(tom, Recipient::User(jerry), "hi").await;
    let second = node.store.log_end().await.unwrap();
    assert_eq!((second.epoch, second.position), (first.epoch, last_published(&node)));
    let node = node.reopen().await;
    assert_eq!(node.store.log_end().await.unwrap(), second);
    let other = stores.fresh().await;
    assert_ne!(other.store.log_end().await.unwrap().epoch, first.epoch);
}

pub async fn no_change_gives_no_event(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let start = end(&node).await;
    assert!(since(&node, tom, start).await.is_empty());
    let sent = node.say(tom, Recipient::User(jerry), "hi").await;
    node.store.save(command(tom, &sent), true).await.unwrap();
    let muted = OwnChange { archived: Some(true), ..OwnChange::default() };
    node.store.change_own_part(tom, sent.conversation, muted).await.unwrap();
    assert!(since(&node, spike, start).await.is_empty(), "others' affairs");
    assert_eq!(kinds(&since(&node, jerry, start).await), ["conversation", "posted"]);
    assert!(since(&node, tom, end(&node).await).await.is_empty());
}

pub async fn a_message_comes_once_at_its_own_position_in_its_present_state(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let start = end(&node).await;
    let one = node.say(tom, Recipient::User(jerry), "won").await;
    let added = last_published(&node);
    let two = node.say(tom, Recipient::User(jerry), "two").await;
    node.store.edit(command(tom, &one), "one".into()).await.unwrap();
    node.store.react(command(jerry, &one), "👍".into(), true).await.unwrap();
    let reacted = last_published(&node);

    let events = since(&node, jerry, start).await;
    assert_eq!(kinds(&events), ["conversation", "posted", "posted"]);
    assert_eq!(events[1].position, added);
    assert_eq!(contents(&posted(&events)), ["one", "two"]);
    let received = &posted(&events)[0];
    assert_eq!((received.rev.0, received.edited_at.is_some()), (two.rev.0 + 2, true));
    assert_eq!(received.reactions[0].users, [jerry], "as the reader sees them");
    let Change::OwnPartChanged { view, .. } = &events[0].change else { panic!("{events:?}") };
    assert_eq!((view.own.role, view.own.counts.unread), (Some(Role::Member), 2));
    assert_eq!(view.conversation.kind, ConversationKind::Direct(tom, jerry));

    // A client that has the message already gets the change, at the position of the last one.
    let events = since(&node, tom, added).await;
    assert_eq!(kinds(&events), ["posted", "reaction"]);
    let Change::MessageChanged { message, .. } = &events[1].change else { panic!("{events:?}") };
    assert_eq!((message.id, message.content.as_str(), events[1].position), (one.id, "one", reacted));
}

pub async fn grown_texts_and_threads_come_as_changed_messages(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let growing = message(tom, Recipient::User(jerry), "Once");
    let growing = node.post(NewMessage { streaming: Some(Streaming::Growing), ..growing }).await;
    let start = end(&node).await;
    for (offset, content) in [(4, " upon"), (9, " a")] {
        let chunk = Chunk { offset, content: content.into() };
        node.store.append(command(tom, &growing), chunk, 1000).await.unwrap();
    }
    let body = Body { content: "?".into(), thread: Some(growing.id), ..Body::default() };
    let reply = NewMessage { body, ..message(jerry, Recipient::User(tom), "") };
    let events = since(&node, jerry, start).await;
    let [Event { change: Change::MessageChanged { message, what }, .. }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!((message.content.as_str(), *what), ("Once upon a", MessageEvent::Appended));
    let grown = end(&node).await;
    node.post(reply).await;
    let events = since(&node, tom, grown).await;
    assert_eq!(kinds(&events), ["posted", "thread"]);
    assert_eq!(events[1].position, last_published(&node));
}

pub async fn hiding_and_saving_come_and_the_hidden_message_does_not(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let one = node.say(tom, Recipient::User(jerry), "one").await;
    let start = end(&node).await;
    let two = node.say(tom, Recipient::User(jerry), "two").await;
    for sent in [&one, &two] {
        node.store.hide(command(jerry, sent)).await.unwrap();
        node.store.edit(command(tom, sent), "changed".into()).await.unwrap();
    }
    node.store.save(command(jerry, &one), true).await.unwrap();
    node.store.save(command(jerry, &one), false).await.unwrap();
    let events = since(&node, jerry, start).await;
    assert_eq!(kinds(&events), ["hidden", "hidden", "saved"]);
    let view = node.store.conversation(jerry, one.conversation).await.unwrap();
    let present =
        Counted { counts: view.own.counts, read: Seq(0), last: two.seq, rev: view.conversation.rev };
    for event in &events[..2] {
        let Change::MessageHidden { counted, .. } = event.change else { panic!("{events:?}") };
        assert_eq!(counted, Some(present));
    }
    let Change::MessageSaved { message, saved, .. } = events[2].change else { panic!("{events:?}") };
    assert_eq!((message, saved, events[2].position), (one.id, false, last_published(&node)));
    assert_eq!(kinds(&since(&node, tom, start).await), ["posted", "edited"]);
}

pub async fn a_new_member_gets_the_conversation_and_then_later_changes(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let group = node.group(tom, &[]).await;
    let start = end(&node).await;
    node.say(tom, Recipient::Group(group.id), "before").await;
    node.add(tom, group.id, jerry).await.unwrap();
    let joined = last_published(&node);
    node.say(tom, Recipient::Group(group.id), "after").await;
    node.store.rename_group(tom, group.id, "Crumbs".into()).await.unwrap();
    let events = since(&node, jerry, start).await;
    assert_eq!(kinds(&events), ["conversation", "receipt", "posted"]);
    assert_eq!(events[0].position, joined, "before its messages, though its name changed later");
    assert_eq!(contents(&posted(&events)), ["after"]);
    let Change::OwnPartChanged { view, .. } = &events[0].change else { panic!("{events:?}") };
    assert!(matches!(&view.conversation.kind, ConversationKind::Group { name, .. } if name == "Crumbs"));
    // Events with the same position are in the same page, even if that is full.
    let page = node.store.changes(jerry, start.into(), 1).await.unwrap();
    assert_eq!((kinds(&page.events), page.up_to), (vec!["conversation", "receipt"], joined));
    assert!(!page.complete);
    // Those who were members before get the rename at its own position.
    assert_eq!(kinds(&since(&node, tom, start).await), ["posted", "receipt", "posted", "conversation"]);
    // A client that resumes from in between gets the rename once more.
    assert_eq!(kinds(&since(&node, jerry, joined).await), ["posted", "conversation"]);
}

pub async fn a_client_that_missed_leaving_and_rejoining_gets_the_messages_in_between(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let group = node.group(tom, &[jerry]).await;
    let start = end(&node).await;
    node.say(tom, Recipient::Group(group.id), "as a member").await;
    let remove = RemoveMember { actor: tom, group: group.id, user: jerry };
    node.store.remove_member(remove).await.unwrap();
    node.say(tom, Recipient::Group(group.id), "away").await;
    node.add(tom, group.id, jerry).await.unwrap();
    node.say(tom, Recipient::Group(group.id), "back").await;
    let events = since(&node, jerry, start).await;
    assert_eq!(contents(&posted(&events)), ["as a member", "away", "back"]);
    assert_eq!(kinds(&events), ["posted", "posted", "conversation", "receipt", "posted"]);
}

pub async fn a_former_member_gets_the_departure_first_and_no_later_message(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let group = node.group(tom, &[jerry]).await;
    let start = end(&node).await;
    node.say(tom, Recipient::Group(group.id), "not sent, since the user may not read it").await;
    let elsewhere = node.say(tom, Recipient::User(jerry), "elsewhere").await;
    node.store.remove_member(RemoveMember { actor: jerry, group: group.id, user: jerry }).await.unwrap();
    node.say(tom, Recipient::Group(group.id), "after").await;
    let events = since(&node, jerry, start).await;
    assert_eq!(kinds(&events), ["left", "conversation", "posted"]);
    assert_eq!(posted(&events)[0].id, elsewhere.id);
    // A client that is interrupted here and resumes as a member again has dropped the conversation, and loads it.
    assert_eq!(events[0].position, events[1].position);
    assert_eq!(
        kinds(&since(&node, tom, start).await),
        ["posted", "conversation", "posted", "conversation", "posted"]
    );
}

/// The conversation in the event that a user gets after leaving a group.
fn departed_conversation(events: &[Event]) -> Conversation {
    match events {
        [Event { change: Change::MemberRemoved { conversation, .. }, .. }] => conversation.clone(),
        other => panic!("{other:?}"),
    }
}

/// A user who has left may return with an old cursor again and again, and must not see how much goes on in the group.
pub async fn a_former_member_sees_the_state_at_leaving_and_nothing_later(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry, spike]).await;
    let start = end(&node).await;
    let remove = RemoveMember { actor: tom, group: group.id, user: jerry };
    let left = node.store.remove_member(remove).await.unwrap();
    let MembersChanged::Removed { conversation: left, .. } = left else { panic!("{left:?}") };
    let kind = ConversationKind::Group { id: group.id, name: String::new(), owner: tom };
    let wanted = Conversation { kind, last_seq: Seq(0), n_members: 0, ..left.clone() };
    assert_eq!(departed_conversation(&since(&node, jerry, start).await), wanted);
    node.say(tom, Recipient::Group(group.id), "after").await;
    node.store.rename_group(tom, group.id, "Secrets".into()).await.unwrap();
    let owner = ChangeRole { actor: tom, group: group.id, user: spike, role: Role::Owner };
    node.store.change_role(owner).await.unwrap();
    let node = node.reopen().await;
    assert_eq!(departed_conversation(&since(&node, jerry, start).await), wanted);
    // After leaving again, the user sees the state of that moment.
    node.add(spike, group.id, jerry).await.unwrap();
    node.store.remove_member(RemoveMember { actor: spike, ..remove }).await.unwrap();
    let again = departed_conversation(&since(&node, jerry, start).await);
    node.say(tom, Recipient::Group(group.id), "after that").await;
    assert_eq!(departed_conversation(&since(&node, jerry, start).await), again);
    assert!(again.rev > left.rev);
    assert_eq!(again.kind, ConversationKind::Group { id: group.id, name: String::new(), owner: spike });
}

pub async fn receipts_at_one_position_are_one_event_and_only_own_ones_have_counts(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry, spike]).await;
    for text in ["1", "2"] {
        node.say(tom, Recipient::Group(group.id), text).await;
    }
    let start = end(&node).await;
    let receipt = |user, seq| Delivered { user, conversation: group.conversation, seq: Seq(seq) };
    node.store.mark_delivered(vec![receipt(spike, 2), receipt(jerry, 1)]).await.unwrap();
    let events = since(&node, jerry, start).await;
    let [Event { position, change: Change::PointersMoved(receipts) }] = &events[..] else {
        panic!("{events:?}")
    };
    assert_eq!(*position, last_published(&node));
    let received = |receipt: &Receipt| {
        (receipt.user, receipt.pointers.delivered.0, receipt.counts.map(|c| c.counts.unread))
    };
    assert_eq!(receipts.iter().map(received).collect::<Vec<_>>(), [(jerry, 1, Some(2)), (spike, 2, None)]);
}

pub async fn in_large_groups_only_own_pointers_come(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry, spike]).await;
    for number in 2..MAX_RECEIPT_MEMBERS {
        let user = node.user(&format!("mouse{number}")).await;
        node.add(tom, group.id, user).await.unwrap();
    }
    let sent = node.say(tom, Recipient::Group(group.id), "hi").await;
    let start = end(&node).await;
    node.confirm(jerry, sent.conversation, 1).await;
    assert_eq!(kinds(&since(&node, jerry, start).await), ["receipt"]);
    assert!(since(&node, tom, start).await.is_empty());
    let events = node.sink.events();
    let Change::PointersMoved(live) = &events.last().unwrap().change else { panic!("no receipt") };
    assert_eq!(live[0].audience, chat_core::conversations::Audience::User(jerry));
}

pub async fn pages_have_no_hole_between_them(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry, spike]).await;
    let mut at = PageStart::from(end(&node).await);
    let routes = [
        (tom, Recipient::User(jerry)),
        (spike, Recipient::Group(group.id)),
        (spike, Recipient::User(jerry)),
        (jerry, Recipient::Group(group.id)),
    ];
    let mut sent = Vec::new();
    for number in 0..200 {
        let (sender, to) = routes[number % routes.len()];
        sent.push(node.say(sender, to, "hi").await);
        if number % 7 == 0 {
            node.store.react(command(jerry, &sent[number / 2]), "👍".into(), true).await.unwrap();
        }
    }
    assert_eq!(node.store.n_missed(jerry, at.after).await.unwrap(), 200);
    assert_eq!(node.store.n_missed(tom, at.after).await.unwrap(), 150);
    let mouse = node.user("mouse").await;
    assert_eq!(node.store.n_missed(mouse, at.after).await.unwrap(), 0);
    let mut received = Vec::new();
    loop {
        let mut page = node.store.changes(jerry, at, 7).await.unwrap();
        assert!(page.events.len() <= 7);
        received.extend(posted(&page.events));
        at = page.next_start();
        if page.complete {
            break;
        }
    }
    assert!(received.iter().map(|message| message.id).eq(sent.iter().map(|message| message.id)));
    received.retain(|message| message.conversation == group.conversation);
    assert_eq!(seqs(&received), Vec::from_iter(1..=100));
    assert_eq!(at.after, end(&node).await);
}
