//! Tests that every `Journal` must pass: it yields all published events, in the order of publication.

use std::sync::Arc;
use std::time::Duration;

use chat_core::access::{Ended, Revoked};
use chat_core::cluster::{Journal, JournalPage};
use chat_core::conversations::OwnChange;
use chat_core::event::{Change, Event};
use chat_core::groups::{ChangeRole, RemoveMember, Role};
use chat_core::ids::{Position, UserId};
use chat_core::live_text::{Chunk, Finish};
use chat_core::messages::{Message, Recipient, Streaming};
use chat_core::posting::{Body, NewMessage};
use tokio::task::JoinSet;

use crate::cluster::Cluster;
use crate::posting::rich;
use crate::samples::{command, keyed, message};
use crate::test_store::{Stores, TestStore};

/// Longest time for all writers together.
const DEADLINE: Duration = Duration::from_secs(60);

async fn page(journal: &dyn Journal, after: Position, limit: u16) -> (Vec<Arc<Event>>, Position) {
    match journal.read(after, limit).await.unwrap() {
        JournalPage::Events { events, up_to } => (events, up_to),
        JournalPage::Gone => panic!("{after:?} is gone, though nothing is old"),
    }
}

/// Reads one page. Checks that it begins right after the position, has no gap and ends at the position that it states.
async fn whole_page(journal: &dyn Journal, after: Position, limit: u16) -> (Vec<Arc<Event>>, Position) {
    let (events, up_to) = page(journal, after, limit).await;
    let positions: Vec<_> = events.iter().map(|event| event.position.0).collect();
    assert!(positions.iter().copied().eq(after.0 + 1..=up_to.0), "{positions:?} from {after:?} to {up_to:?}");
    (events, up_to)
}

/// Reads everything after a position, page by page.
async fn rest(journal: &dyn Journal, mut after: Position, limit: u16) -> Vec<Arc<Event>> {
    let mut all = Vec::new();
    loop {
        let (events, up_to) = whole_page(journal, after, limit).await;
        if events.is_empty() {
            return all;
        }
        all.extend(events);
        after = up_to;
    }
}

/// Compares printed events, since events do not implement `PartialEq`.
fn assert_same(found: &[Arc<Event>], expected: &[Arc<Event>]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    }
}

/// Number of the kind of change. Add a new kind here and to [`everything`].
fn kind(change: &Change) -> usize {
    match change {
        Change::MessagePosted(_) => 0,
        Change::MessageChanged { .. } => 1,
        Change::TextAppended(_) => 2,
        Change::ConversationChanged(_) => 3,
        Change::MemberChanged { .. } => 4,
        Change::MemberRemoved { .. } => 5,
        Change::OwnPartChanged { .. } => 6,
        Change::PointersMoved(_) => 7,
        Change::MessageHidden { .. } => 8,
        Change::MessageSaved { .. } => 9,
        Change::AccessRevoked { .. } => 10,
    }
}

const KINDS: usize = 11;

async fn change_messages(node: &TestStore, [tom, jerry]: [UserId; 2], sent: &Message) {
    let store = &node.store;
    store.edit(command(tom, sent), "Käse\n🧀 \"\u{7f}".into()).await.unwrap();
    store.react(command(jerry, sent), "🧀".into(), true).await.unwrap();
    store.pin(command(jerry, sent), true).await.unwrap();
    store.save(command(jerry, sent), true).await.unwrap();
    store.save(command(jerry, sent), false).await.unwrap();
    store.hide(command(jerry, sent)).await.unwrap();
    let answer =
        Body { content: "re".into(), thread: Some(sent.id), reply_to: Some(sent.id), ..Body::default() };
    node.post(NewMessage { body: answer, ..message(tom, Recipient::User(jerry), "") }).await;
    let growing = NewMessage {
        streaming: Some(Streaming::Growing),
        ..keyed(tom, Recipient::User(jerry), "Once", "grows")
    };
    let growing = node.post(growing).await;
    store.append(command(tom, &growing), Chunk { offset: 4, content: " upon".into() }, 1000).await.unwrap();
    let finish = Finish { state: Streaming::Abandoned, content: None };
    store.finish(command(tom, &growing), finish).await.unwrap();
    store.delete(command(tom, sent)).await.unwrap();
}

/// Makes changes of all kinds, and writes that change nothing in between.
async fn everything(node: &TestStore) {
    let store = &node.store;
    let [tom, jerry, spike] = node.users(["tom", "jerry", "spike"]).await;
    let group = node.group(tom, &[jerry, spike]).await;
    node.post(rich(jerry, Recipient::Group(group.id), &[tom, jerry])).await;
    node.store.post(rich(jerry, Recipient::Group(group.id), &[tom, jerry])).await.unwrap();
    let sent = node.say(tom, Recipient::User(jerry), "hi").await;
    change_messages(node, [tom, jerry], &sent).await;
    assert!(store.edit(command(jerry, &sent), "not Jerry's".into()).await.is_err());
    node.confirm(jerry, sent.conversation, 2).await;
    node.confirm(jerry, sent.conversation, 2).await;
    let role = ChangeRole { actor: tom, group: group.id, user: spike, role: Role::Owner };
    store.change_role(role).await.unwrap();
    store.rename_group(spike, group.id, "Crumbs".into()).await.unwrap();
    store.remove_member(RemoveMember { actor: spike, group: group.id, user: jerry }).await.unwrap();
    let own = OwnChange { pinned: Some(true), draft: Some(Some("Dear".into())), ..OwnChange::default() };
    store.change_own_part(tom, sent.conversation, own).await.unwrap();
    store.revoke(Ended { user: tom, which: Revoked::IssuedBefore(7) }).await.unwrap();
}

pub async fn published_events_are_read_in_order_from_any_position(stores: &dyn Stores) {
    let node = stores.fresh().await;
    everything(&node).await;
    let published = node.sink.events();
    for wanted in 0..KINDS {
        assert!(published.iter().any(|event| kind(&event.change) == wanted), "none of kind {wanted}");
    }
    let journal = node.journal().await;
    for limit in [1, 3, 1000] {
        for after in 0..=published.len() {
            let found = rest(&*journal, Position(i64::try_from(after).unwrap()), limit).await;
            assert_same(&found, &published[after..]);
        }
    }
}

pub async fn it_ends_where_the_log_ends_also_after_a_restart(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let journal = node.journal().await;
    assert_eq!(journal.end().await.unwrap(), Position(0));
    assert_eq!(whole_page(&*journal, Position(0), 10).await.1, Position(0));
    everything(&node).await;
    let published = node.sink.events();
    let end = node.store.log_end().await.unwrap().position;
    assert_eq!(journal.end().await.unwrap(), end);
    assert_eq!(whole_page(&*journal, end, 10).await.1, end);
    let node = node.reopen().await;
    let journal = node.journal().await;
    assert_same(&rest(&*journal, Position(0), 10).await, &published);
    node.group(UserId(1), &[]).await;
    assert_same(&rest(&*journal, end, 10).await, &node.sink.events());
}

pub async fn a_page_is_about_as_long_as_was_asked_for(stores: &dyn Stores) {
    const LIMIT: u16 = 10;
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    for _ in 0..60 {
        node.say(tom, Recipient::User(jerry), "hi").await;
    }
    let journal = node.journal().await;
    let end = journal.end().await.unwrap();
    let mut after = Position(0);
    while after < end {
        let (events, up_to) = whole_page(&*journal, after, LIMIT).await;
        // Changes that were committed together may be in one page. These were committed one after another.
        assert!((1..=usize::from(LIMIT) + 2).contains(&events.len()), "{} events", events.len());
        after = up_to;
    }
}

pub async fn nothing_is_missing_though_servers_write_at_once_while_it_is_read(stores: &dyn Stores) {
    const WRITERS: usize = 12;
    const EACH: usize = 25;
    let node = stores.fresh().await;
    let cluster = Cluster::from(vec![node.second().await, node]);
    let [tom, jerry] = cluster.node().users(["tom", "jerry"]).await;
    cluster.node().say(tom, Recipient::User(jerry), "the first of all").await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = cluster.node().store.clone();
        let sender = [tom, jerry][writer / 2 % 2];
        let receiver = Recipient::User(if sender == tom { jerry } else { tom });
        writers.spawn(async move {
            for number in 0..EACH {
                store.post(message(sender, receiver, &format!("{writer}/{number}"))).await.unwrap();
            }
        });
    }
    let journal = cluster.node().journal().await;
    let read = async {
        let (mut all, mut after) = (Vec::new(), Position(0));
        // The first message also created the conversation.
        while all.len() < WRITERS * EACH + 2 {
            let (events, up_to) = whole_page(&*journal, after, 20).await;
            if events.is_empty() {
                tokio::time::sleep(Duration::from_millis(1)).await;
            }
            all.extend(events);
            after = up_to;
        }
        all
    };
    let read = tokio::time::timeout(DEADLINE, read).await;
    let all = read.unwrap_or_else(|_| panic!("not all of it has come"));
    writers.join_all().await;
    cluster.check().await;
    assert_same(&all, &cluster.events());
}
