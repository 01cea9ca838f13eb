//! The MUSTs of `ConversationStore`.

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

use super::house::{House, NOW, code, deed, message};

const NOT_FOUND: &str = "conversation_not_found";

async fn list(house: &House, user: UserId) -> Vec<ConversationView> {
    house.store.conversations(user, ConversationPage { after: None, limit: 200 }).await.unwrap()
}

async fn own(house: &House, user: UserId, id: ConversationId) -> OwnPart {
    house.store.conversation(user, id).await.unwrap().own
}

async fn counts(house: &House, user: UserId, id: ConversationId) -> (u32, u32) {
    let Counts { unread, mentions } = own(house, user, id).await.counts;
    (unread, mentions)
}

async fn read(house: &House, user: UserId, id: ConversationId, seq: i64) {
    let to = Pointers { delivered: Seq(seq), read: Seq(seq) };
    house.store.move_pointers(user, id, to).await.unwrap();
}

fn calling(sender: UserId, to: Recipient, users: &[UserId], all: bool) -> NewMessage {
    let mentions = Mentions { users: users.to_vec(), all };
    let body = Body { content: "hey".into(), mentions, ..Body::default() };
    NewMessage { body, ..message(sender, to, "") }
}

#[tokio::test]
async fn the_list_begins_with_the_newest_message_and_goes_on_page_by_page() {
    let house = House::fresh().await;
    let [tom, jerry, spike] = house.users(["tom", "jerry", "spike"]).await;
    let groups = [house.group(tom, &[]).await, house.group(tom, &[]).await, house.group(tom, &[jerry]).await];
    house.say(jerry, Recipient::User(tom), "1").await;
    let spikes = house.say(spike, Recipient::User(tom), "2").await;
    let in_group = house.say(jerry, Recipient::Group(groups[2].id), "3").await;
    let jerrys = house.say(tom, Recipient::User(jerry), "4").await;
    house.say(jerry, Recipient::User(spike), "not Tom's").await;
    let expected = [
        (jerrys.conversation, Some(jerrys)),
        (in_group.conversation, Some(in_group)),
        (spikes.conversation, Some(spikes)),
        (groups[1].conversation, None),
        (groups[0].conversation, None),
    ];
    let summary = |view: ConversationView| (view.conversation.id, view.last_message);
    assert!(list(&house, tom).await.into_iter().map(summary).eq(expected.clone()));
    for limit in 1..=6 {
        let (mut after, mut seen) = (None, Vec::new());
        loop {
            let page = house.store.conversations(tom, ConversationPage { after, limit }).await.unwrap();
            assert!(page.len() <= usize::from(limit));
            let Some(last) = page.last() else { break };
            let newest = last.last_message.as_ref().map_or(MessageId(0), |message| message.id);
            after = Some((newest, last.conversation.id));
            seen.extend(page.into_iter().map(summary));
        }
        assert!(seen.into_iter().eq(expected.clone()), "in pages of {limit}");
    }
}

#[tokio::test]
async fn a_conversation_is_what_it_is_between_and_for_its_members_only() {
    let house = House::fresh().await;
    let [tom, jerry, spike] = house.users(["tom", "jerry", "spike"]).await;
    let group = house.group(tom, &[jerry]).await;
    let sent = house.say(jerry, Recipient::User(tom), "hi").await;
    let direct = house.store.conversation(tom, sent.conversation).await.unwrap();
    assert_eq!(direct.conversation.kind, ConversationKind::Direct(tom, jerry));
    assert_eq!((direct.conversation.n_members, direct.conversation.last_seq.0), (2, 1));
    assert_eq!((direct.conversation.created_at, direct.own.role), (NOW, Some(Role::Member)));
    assert_eq!(direct.last_message, Some(sent.clone()));
    let grouped = house.store.conversation(jerry, group.conversation).await.unwrap();
    let kind = ConversationKind::Group { id: group.id, name: "Cheese".into(), owner: tom };
    assert_eq!((grouped.conversation.kind, grouped.last_message), (kind, None));
    for id in [sent.conversation, group.conversation, ConversationId(99)] {
        assert_eq!(code(house.store.conversation(spike, id).await), NOT_FOUND);
        assert_eq!(code(house.store.companions(spike, id, 10).await), NOT_FOUND);
        assert_eq!(code(house.store.recipient(spike, id).await), NOT_FOUND);
        assert_eq!(code(house.store.change_own_part(spike, id, OwnChange::default()).await), NOT_FOUND);
    }
    assert_eq!(list(&house, spike).await, []);
}

#[tokio::test]
async fn the_last_message_is_the_last_that_the_user_has_not_hidden() {
    let house = House::fresh().await;
    let [tom, jerry] = house.users(["tom", "jerry"]).await;
    let one = house.say(tom, Recipient::User(jerry), "1").await;
    let two = house.say(tom, Recipient::User(jerry), "2").await;
    let last = async |user| list(&house, user).await.remove(0).last_message.map(|message| message.id);
    house.store.hide(deed(jerry, &two)).await.unwrap();
    assert_eq!((last(tom).await, last(jerry).await), (Some(two.id), Some(one.id)));
    house.store.hide(deed(jerry, &one)).await.unwrap();
    assert_eq!(last(jerry).await, None);
    house.store.delete(deed(tom, &two)).await.unwrap();
    let view = list(&house, tom).await.remove(0);
    assert!(view.last_message.is_some_and(|message| message.id == two.id && message.deleted_at.is_some()));
}

#[tokio::test]
async fn what_waits_is_what_others_wrote_after_the_pointer_and_did_not_delete() {
    let house = House::fresh().await;
    let [tom, jerry, spike] = house.users(["tom", "jerry", "spike"]).await;
    let group = house.group(tom, &[jerry, spike]).await;
    let (id, to) = (group.conversation, Recipient::Group(group.id));
    assert_eq!(counts(&house, jerry, id).await, (0, 0));
    house.say(tom, to, "1").await;
    house.say(jerry, to, "2, Jerry's own").await;
    house.post(calling(tom, to, &[jerry], true)).await;
    house.post(calling(spike, to, &[jerry], false)).await;
    house.post(calling(spike, to, &[tom], false)).await;
    house.post(calling(jerry, to, &[jerry], true)).await;
    assert_eq!(counts(&house, jerry, id).await, (4, 2), "one that calls twice counts once");
    assert_eq!(counts(&house, tom, id).await, (4, 2));
    let gone = house.post(calling(tom, to, &[jerry], false)).await;
    assert_eq!(counts(&house, jerry, id).await, (5, 3));
    house.store.delete(deed(tom, &gone)).await.unwrap();
    assert_eq!(counts(&house, jerry, id).await, (4, 2));
    read(&house, jerry, id, 3).await;
    assert_eq!(counts(&house, jerry, id).await, (2, 1));
    let Message { id: root, .. } = house.say(tom, to, "8").await;
    let body = Body { content: "9".into(), thread: Some(root), ..Body::default() };
    house.post(NewMessage { body, ..message(spike, to, "") }).await;
    assert_eq!(counts(&house, jerry, id).await, (4, 1), "replies in threads wait too");
    read(&house, jerry, id, 9).await;
    assert_eq!(counts(&house, jerry, id).await, (0, 0));
}

#[tokio::test]
async fn totals_leave_out_what_is_muted_and_count_what_is_marked() {
    let house = House::fresh().await;
    let [tom, jerry, spike] = house.users(["tom", "jerry", "spike"]).await;
    let group = house.group(tom, &[jerry]).await;
    let from_tom = house.say(tom, Recipient::User(jerry), "1").await;
    house.say(tom, Recipient::User(jerry), "2").await;
    let from_spike = house.say(spike, Recipient::User(jerry), "3").await;
    house.post(calling(tom, Recipient::Group(group.id), &[], true)).await;
    let total = async |now| {
        let Totals { counts, n_conversations } = house.store.totals(jerry, Timestamp(now)).await.unwrap();
        (counts.unread, counts.mentions, n_conversations)
    };
    assert_eq!(total(50).await, (4, 1, 3));
    let change = async |id, change| house.store.change_own_part(jerry, id, change).await.unwrap();
    let muted = |until| OwnChange { muted_until: Some(Some(Timestamp(until))), ..OwnChange::default() };
    change(from_tom.conversation, muted(100)).await;
    assert_eq!((total(99).await, total(100).await), ((2, 1, 2), (4, 1, 3)));
    read(&house, jerry, from_spike.conversation, 1).await;
    assert_eq!(total(99).await, (1, 1, 1));
    let marked = OwnChange { marked_unread: Some(true), ..OwnChange::default() };
    change(from_spike.conversation, marked.clone()).await;
    change(from_tom.conversation, marked).await;
    assert_eq!(total(99).await, (1, 1, 2), "a mark counts as a conversation, but not in a muted one");
    assert_eq!(house.store.totals(UserId(99), NOW).await.unwrap(), Totals::default());
}

#[tokio::test]
async fn the_own_part_changes_as_far_as_asked_and_concerns_nobody_else() {
    let house = House::fresh().await;
    let [tom, jerry] = house.users(["tom", "jerry"]).await;
    let sent = house.say(tom, Recipient::User(jerry), "hi").await;
    let id = sent.conversation;
    let before = house.store.conversation(jerry, id).await.unwrap();
    let events = house.sink.events().len();
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
        let changed = house.store.change_own_part(jerry, id, step).await.unwrap();
        assert_eq!((changed.user, &changed.view.own), (jerry, &expected));
        assert_eq!(changed.view.conversation, before.conversation, "nothing that others see has changed");
        assert_eq!(house.store.conversation(jerry, id).await.unwrap(), changed.view);
    }
    assert_eq!(own(&house, tom, id).await, OwnPart { role: Some(Role::Member), ..OwnPart::default() });
    let told = house.sink.events();
    assert_eq!(told.len(), events + 6);
    assert!(
        told[events..]
            .iter()
            .all(|event| matches!(&event.change, Change::OwnPartChanged { user, .. } if *user == jerry))
    );
}

#[tokio::test]
async fn times_of_being_seen_grow_and_are_for_companions() {
    let house = House::fresh().await;
    let [tom, jerry, spike] = house.users(["tom", "jerry", "spike"]).await;
    let group = house.group(tom, &[jerry, spike]).await;
    let at = |time| Some(Timestamp(time));
    house.store.note_last_seen(vec![(jerry, Timestamp(5)), (tom, Timestamp(1))]).await.unwrap();
    house.store.note_last_seen(vec![(jerry, Timestamp(3)), (tom, Timestamp(2))]).await.unwrap();
    let seen = async |viewer, limit| house.store.companions(viewer, group.conversation, limit).await.unwrap();
    assert_eq!(seen(tom, 10).await, [(jerry, at(5)), (spike, None)]);
    assert_eq!(seen(spike, 10).await, [(tom, at(2)), (jerry, at(5))]);
    assert_eq!(seen(spike, 1).await, [(tom, at(2))]);
    // By a clock that is a year ahead, and by the same when it has been set right.
    let year = 365 * 24 * 3600 * 1_000_000;
    house.store.note_last_seen(vec![(jerry, Timestamp(year))]).await.unwrap();
    assert_eq!(seen(tom, 1).await, [(jerry, at(year))]);
    house.store.note_last_seen(vec![(jerry, Timestamp(7))]).await.unwrap();
    assert_eq!(seen(tom, 1).await, [(jerry, at(7))]);
}

#[tokio::test]
async fn where_a_message_to_somebody_goes_is_known_from_either_side() {
    let house = House::fresh().await;
    let [tom, jerry, spike] = house.users(["tom", "jerry", "spike"]).await;
    let group = house.group(tom, &[jerry]).await;
    let sent = house.say(tom, Recipient::User(jerry), "hi").await;
    for (user, other) in [(tom, jerry), (jerry, tom)] {
        assert_eq!(house.store.direct_with(user, other).await.unwrap(), Some(sent.conversation));
        let to = house.store.recipient(user, sent.conversation).await.unwrap();
        assert_eq!(to, Recipient::User(other));
        let to = house.store.recipient(user, group.conversation).await.unwrap();
        assert_eq!(to, Recipient::Group(group.id));
    }
    assert_eq!(house.store.direct_with(tom, spike).await.unwrap(), None);
    assert_eq!(code(house.store.direct_with(tom, UserId(99)).await), "user_not_found");
}
