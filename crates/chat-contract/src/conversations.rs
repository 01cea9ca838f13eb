//! Tests that every `ConversationStore` must pass.

use chat_core::conversations::{
    ConversationKind, ConversationPage, ConversationView, Counts, OwnChange, OwnPart, Totals,
};
use chat_core::event::Change;
use chat_core::groups::Role;
use chat_core::ids::{ConversationId, MessageId, Seq, UserId};
use chat_core::messages::{Mentions, Message, Recipient};
use chat_core::posting::{Body, NewMessage};
use chat_core::receipts::Pointers;
use chat_core::time::Timestamp;

use super::samples::{NOW, code, command, message};
use super::test_store::{Stores, TestStore};

const NOT_FOUND: &str = "conversation_not_found";

async fn list(node: &TestStore, user: UserId) -> Vec<ConversationView> {
    node.store.conversations(user, ConversationPage { after: None, limit: 200 }).await.unwrap()
}

async fn own(node: &TestStore, user: UserId, id: ConversationId) -> OwnPart {
    node.store.conversation(user, id).await.unwrap().own
}

async fn counts(node: &TestStore, user: UserId, id: ConversationId) -> (u32, u32) {
    let Counts { unread, mentions } = own(node, user, id).await.counts;
    (unread, mentions)
}

async fn read(node: &TestStore, user: UserId, id: ConversationId, seq: i64) {
    let to = Pointers { delivered: Seq(seq), read: Seq(seq) };
    node.store.move_pointers(user, id, to).await.unwrap();
}

fn calling(sender: UserId, to: Recipient, users: &[UserId], all: bool) -> NewMessage {
    let mentions = Mentions { users: users.to_vec(), all };
    let body = Body { content: "hey".into(), mentions, ..Body::default() };
    NewMessage { body, ..message(sender, to, "") }
}

pub async fn the_list_begins_with_the_newest_message_and_goes_on_page_by_page(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let groups = [node.group(tom, &[]).await, node.group(tom, &[]).await, node.group(tom, &[jerry]).await];
    node.say(jerry, Recipient::User(tom), "1").await;
    let spikes = node.say(spike, Recipient::User(tom), "2").await;
    let in_group = node.say(jerry, Recipient::Group(groups[2].id), "3").await;
    let jerrys = node.say(tom, Recipient::User(jerry), "4").await;
    node.say(jerry, Recipient::User(spike), "not Tom's").await;
    let expected = [
        (jerrys.conversation, Some(jerrys)),
        (in_group.conversation, Some(in_group)),
        (spikes.conversation, Some(spikes)),
        (groups[1].conversation, None),
        (groups[0].conversation, None),
    ];
    let summary = |view: ConversationView| (view.conversation.id, view.last_message);
    assert!(list(&node, tom).await.into_iter().map(summary).eq(expected.clone()));
    for limit in 1..=6 {
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = node.store.conversations(tom, ConversationPage { after, limit }).await.unwrap();
            assert!(page.len() <= usize::from(limit));
            let Some(last) = page.last() else { break };
            let newest = last.last_message.as_ref().map_or(MessageId(0), |message| message.id);
            after = Some((newest, last.conversation.id));
            seen.extend(page.into_iter().map(summary));
        }
        assert!(seen.into_iter().eq(expected.clone()), "in pages of {limit}");
    }
}

pub async fn a_conversation_is_visible_to_its_members_only(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry]).await;
    let sent = node.say(jerry, Recipient::User(tom), "hi").await;
    let direct = node.store.conversation(tom, sent.conversation).await.unwrap();
    assert_eq!(direct.conversation.kind, ConversationKind::Direct(tom, jerry));
    assert_eq!((direct.conversation.n_members, direct.conversation.last_seq.0), (2, 1));
    assert_eq!((direct.conversation.created_at, direct.own.role), (NOW, Some(Role::Member)));
    assert_eq!(direct.last_message, Some(sent.clone()));
    let grouped = node.store.conversation(jerry, group.conversation).await.unwrap();
    let kind = ConversationKind::Group { id: group.id, name: "Cheese".into(), owner: tom };
    assert_eq!((grouped.conversation.kind, grouped.last_message), (kind, None));
    for id in [sent.conversation, group.conversation, ConversationId(99)] {
        assert_eq!(code(node.store.conversation(spike, id).await), NOT_FOUND);
        assert_eq!(code(node.store.companions(spike, id, 10).await), NOT_FOUND);
        assert_eq!(code(node.store.recipient(spike, id).await), NOT_FOUND);
        assert_eq!(code(node.store.change_own_part(spike, id, OwnChange::default()).await), NOT_FOUND);
    }
    assert_eq!(list(&node, spike).await, []);
}

pub async fn the_last_message_is_the_last_that_the_user_has_not_hidden(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let one = node.say(tom, Recipient::User(jerry), "1").await;
    let two = node.say(tom, Recipient::User(jerry), "2").await;
    let last = async |user| list(&node, user).await.remove(0).last_message.map(|message| message.id);
    node.store.hide(command(jerry, &two)).await.unwrap();
    assert_eq!((last(tom).await, last(jerry).await), (Some(two.id), Some(one.id)));
    node.store.hide(command(jerry, &one)).await.unwrap();
    assert_eq!(last(jerry).await, None);
    node.store.delete(command(tom, &two)).await.unwrap();
    let view = list(&node, tom).await.remove(0);
    assert!(view.last_message.is_some_and(|message| message.id == two.id && message.deleted_at.is_some()));
}

pub async fn unread_messages_are_those_of_others_after_the_pointer_except_deleted_ones(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry, spike]).await;
    let (id, to) = (group.conversation, Recipient::Group(group.id));
    assert_eq!(counts(&node, jerry, id).await, (0, 0));
    node.say(tom, to, "1").await;
    node.say(jerry, to, "2, Jerry's own").await;
    node.post(calling(tom, to, &[jerry], true)).await;
    node.post(calling(spike, to, &[jerry], false)).await;
    node.post(calling(spike, to, &[tom], false)).await;
    node.post(calling(jerry, to, &[jerry], true)).await;
    assert_eq!(counts(&node, jerry, id).await, (4, 2), "a message with two mentions counts once");
    assert_eq!(counts(&node, tom, id).await, (4, 2));
    let gone = node.post(calling(tom, to, &[jerry], false)).await;
    assert_eq!(counts(&node, jerry, id).await, (5, 3));
    node.store.delete(command(tom, &gone)).await.unwrap();
    assert_eq!(counts(&node, jerry, id).await, (4, 2));
    read(&node, jerry, id, 3).await;
    assert_eq!(counts(&node, jerry, id).await, (2, 1));
    let Message { id: root, .. } = node.say(tom, to, "8").await;
    let body = Body { content: "9".into(), thread: Some(root), ..Body::default() };
    node.post(NewMessage { body, ..message(spike, to, "") }).await;
    assert_eq!(counts(&node, jerry, id).await, (4, 1), "replies in threads are unread too");
    read(&node, jerry, id, 9).await;
    assert_eq!(counts(&node, jerry, id).await, (0, 0));
}

pub async fn totals_leave_out_what_is_muted_and_count_what_is_marked(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry]).await;
    let from_tom = node.say(tom, Recipient::User(jerry), "1").await;
    node.say(tom, Recipient::User(jerry), "2").await;
    let from_spike = node.say(spike, Recipient::User(jerry), "3").await;
    node.post(calling(tom, Recipient::Group(group.id), &[], true)).await;
    let total = async |now| {
        let Totals { counts, n_conversations } = node.store.totals(jerry, Timestamp(now)).await.unwrap();
        (counts.unread, counts.mentions, n_conversations)
    };
    assert_eq!(total(50).await, (4, 1, 3));
    let change = async |id, change| node.store.change_own_part(jerry, id, change).await.unwrap();
    let muted = |until| OwnChange { muted_until: Some(Some(Timestamp(until))), ..OwnChange::default() };
    change(from_tom.conversation, muted(100)).await;
    assert_eq!((total(99).await, total(100).await), ((2, 1, 2), (4, 1, 3)));
    read(&node, jerry, from_spike.conversation, 1).await;
    assert_eq!(total(99).await, (1, 1, 1));
    let marked = OwnChange { marked_unread: Some(true), ..OwnChange::default() };
    change(from_spike.conversation, marked.clone()).await;
    change(from_tom.conversation, marked).await;
    assert_eq!(total(99).await, (1, 1, 2), "a mark counts as a conversation, but not in a muted one");
    assert_eq!(node.store.totals(UserId(99), NOW).await.unwrap(), Totals::default());
}

pub async fn own_state_changes_only_as_requested_and_for_nobody_else(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let sent = node.say(tom, Recipient::User(jerry), "hi").await;
    let id = sent.conversation;
    let before = node.store.conversation(jerry, id).await.unwrap();
    let events = node.sink.events().len();
    let plain = OwnChange::default;
    let steps = [
        OwnChange { marked_unread: Some(true), ..plain() },
        OwnChange { muted_until: Some(Some(NOW)), archived: Some(true), ..plain() },
        OwnChange { pinned: Some(true), draft: Some(Some("Dear".into())), ..plain() },
        OwnChange { draft: Some(Some("Dear Tom".into())), archived: Some(false), ..plain() },
        plain(),
        OwnChange { marked_unread: Some(false), muted_until: Some(None), draft: Some(None), ..plain() },
    ];
    let mut expected = before.own.clone();
    for step in steps {
        expected.marked_unread = step.marked_unread.unwrap_or(expected.marked_unread);
        expected.muted_until = step.muted_until.unwrap_or(expected.muted_until);
        expected.archived = step.archived.unwrap_or(expected.archived);
        expected.pinned = step.pinned.unwrap_or(expected.pinned);
        expected.draft = step.draft.clone().unwrap_or(expected.draft);
        let changed = node.store.change_own_part(jerry, id, step).await.unwrap();
        assert_eq!((changed.user, &changed.view.own), (jerry, &expected));
        assert_eq!(changed.view.conversation, before.conversation, "nothing that others see has changed");
        assert_eq!(node.store.conversation(jerry, id).await.unwrap(), changed.view);
    }
    assert_eq!(own(&node, tom, id).await, OwnPart { role: Some(Role::Member), ..OwnPart::default() });
    let published = node.sink.events();
    assert_eq!(published.len(), events + 6);
    assert!(
        published[events..]
            .iter()
            .all(|event| matches!(&event.change, Change::OwnPartChanged { user, .. } if *user == jerry))
    );
}

pub async fn last_seen_times_grow_and_are_for_companions(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry, spike]).await;
    let at = |time| Some(Timestamp(time));
    node.store.note_last_seen(vec![(jerry, Timestamp(5)), (tom, Timestamp(1))]).await.unwrap();
    node.store.note_last_seen(vec![(jerry, Timestamp(3)), (tom, Timestamp(2))]).await.unwrap();
    let seen = async |viewer, limit| node.store.companions(viewer, group.conversation, limit).await.unwrap();
    assert_eq!(seen(tom, 10).await, [(jerry, at(5)), (spike, None)]);
    assert_eq!(seen(spike, 10).await, [(tom, at(2)), (jerry, at(5))]);
    assert_eq!(seen(spike, 1).await, [(tom, at(2))]);
    // First from a clock that is a year ahead, then from the same clock after a correction.
    let year = 365 * 24 * 3600 * 1_000_000;
    node.store.note_last_seen(vec![(jerry, Timestamp(year))]).await.unwrap();
    assert_eq!(seen(tom, 1).await, [(jerry, at(year))]);
    node.store.note_last_seen(vec![(jerry, Timestamp(7))]).await.unwrap();
    assert_eq!(seen(tom, 1).await, [(jerry, at(7))]);
}

pub async fn a_direct_conversation_is_found_from_either_side(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry]).await;
    let sent = node.say(tom, Recipient::User(jerry), "hi").await;
    for (user, other) in [(tom, jerry), (jerry, tom)] {
        assert_eq!(node.store.direct_with(user, other).await.unwrap(), Some(sent.conversation));
        let to = node.store.recipient(user, sent.conversation).await.unwrap();
        assert_eq!(to, Recipient::User(other));
        let to = node.store.recipient(user, group.conversation).await.unwrap();
        assert_eq!(to, Recipient::Group(group.id));
    }
    assert_eq!(node.store.direct_with(tom, spike).await.unwrap(), None);
    assert_eq!(code(node.store.direct_with(tom, UserId(99)).await), "user_not_found");
}
