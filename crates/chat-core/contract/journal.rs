//! The MUSTs of `Journal`: what is read of it is what was published, all of it and in that order.

use std::sync::Arc;
use std::time::Duration;

use chat_core::access::{Ended, Revoked};
use chat_core::cluster::{Journal, JournalPage};
use chat_core::conversations::OwnChange;
use chat_core::event::{Change, Event};
use chat_core::groups::{ChangeRole, RemoveMember, Role};
use chat_core::ids::{Position, UserId};
use chat_core::live_text::{Ending, Piece};
use chat_core::messages::{Message, Recipient, Streaming};
use chat_core::posting::{Body, NewMessage};
use tokio::task::JoinSet;

use crate::contract::house::{House, Nodes, deed, keyed, message};
use crate::contract::posting::rich;

/// How long all writers together may take before a test gives up on them.
const DEADLINE: Duration = Duration::from_secs(60);

async fn page(journal: &dyn Journal, after: Position, limit: u16) -> (Vec<Arc<Event>>, Position) {
    match journal.read(after, limit).await.unwrap() {
        JournalPage::Events { events, up_to } => (events, up_to),
        JournalPage::Gone => panic!("{after:?} is gone, though nothing is old"),
    }
}

/// One page; checks that it begins right after the place, has no gap and ends where it says.
async fn whole_page(journal: &dyn Journal, after: Position, limit: u16) -> (Vec<Arc<Event>>, Position) {
    let (events, up_to) = page(journal, after, limit).await;
    let places: Vec<_> = events.iter().map(|event| event.position.0).collect();
    assert!(places.iter().copied().eq(after.0 + 1..=up_to.0), "{places:?} from {after:?} to {up_to:?}");
    (events, up_to)
}

/// Everything after a place, page by page.
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

/// Events cannot be compared, but all of their parts can be printed.
fn assert_same(found: &[Arc<Event>], expected: &[Arc<Event>]) {
    assert_eq!(found.len(), expected.len());
    for (found, expected) in found.iter().zip(expected) {
        assert_eq!(format!("{found:?}"), format!("{expected:?}"));
    }
}

/// Which kind of change; a kind that is added has to be added here, and to [`everything`].
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

async fn change_messages(house: &House, [tom, jerry]: [UserId; 2], sent: &Message) {
    let store = &house.store;
    store.edit(deed(tom, sent), "Käse\n🧀 \"\u{7f}".into()).await.unwrap();
    store.react(deed(jerry, sent), "🧀".into(), true).await.unwrap();
    store.pin(deed(jerry, sent), true).await.unwrap();
    store.save(deed(jerry, sent), true).await.unwrap();
    store.save(deed(jerry, sent), false).await.unwrap();
    store.hide(deed(jerry, sent)).await.unwrap();
    let answer =
        Body { content: "re".into(), thread: Some(sent.id), reply_to: Some(sent.id), ..Body::default() };
    house.post(NewMessage { body: answer, ..message(tom, Recipient::User(jerry), "") }).await;
    let growing = NewMessage {
        streaming: Some(Streaming::Growing),
        ..keyed(tom, Recipient::User(jerry), "Once", "grows")
    };
    let growing = house.post(growing).await;
    store.append(deed(tom, &growing), Piece { offset: 4, content: " upon".into() }, 1000).await.unwrap();
    let ending = Ending { state: Streaming::Abandoned, content: None };
    store.finish(deed(tom, &growing), ending).await.unwrap();
    store.delete(deed(tom, sent)).await.unwrap();
}

/// Changes of all kinds, and writes that change nothing in between.
async fn everything(house: &House) {
    let store = &house.store;
    let [tom, jerry, spike] = house.users(["tom", "jerry", "spike"]).await;
    let group = house.group(tom, &[jerry, spike]).await;
    house.post(rich(jerry, Recipient::Group(group.id), &[tom, jerry])).await;
    house.store.post(rich(jerry, Recipient::Group(group.id), &[tom, jerry])).await.unwrap();
    let sent = house.say(tom, Recipient::User(jerry), "hi").await;
    change_messages(house, [tom, jerry], &sent).await;
    assert!(store.edit(deed(jerry, &sent), "not Jerry's".into()).await.is_err());
    house.confirm(jerry, sent.conversation, 2).await;
    house.confirm(jerry, sent.conversation, 2).await;
    let role = ChangeRole { actor: tom, group: group.id, user: spike, role: Role::Owner };
    store.change_role(role).await.unwrap();
    store.rename_group(spike, group.id, "Crumbs".into()).await.unwrap();
    store.remove_member(RemoveMember { actor: spike, group: group.id, user: jerry }).await.unwrap();
    let own = OwnChange { pinned: Some(true), draft: Some(Some("Dear".into())), ..OwnChange::default() };
    store.change_own_part(tom, sent.conversation, own).await.unwrap();
    store.revoke(Ended { user: tom, which: Revoked::IssuedBefore(7) }).await.unwrap();
}

#[tokio::test]
async fn what_was_published_is_read_in_order_and_from_any_place() {
    let house = House::fresh().await;
    everything(&house).await;
    let published = house.sink.events();
    for wanted in 0..KINDS {
        assert!(published.iter().any(|event| kind(&event.change) == wanted), "none of kind {wanted}");
    }
    let journal = house.journal().await;
    for limit in [1, 3, 1000] {
        for after in 0..=published.len() {
            let found = rest(&*journal, Position(i64::try_from(after).unwrap()), limit).await;
            assert_same(&found, &published[after..]);
        }
    }
}

#[tokio::test]
async fn it_ends_where_the_log_ends_also_after_a_restart() {
    let house = House::fresh().await;
    let journal = house.journal().await;
    assert_eq!(journal.end().await.unwrap(), Position(0));
    assert_eq!(whole_page(&*journal, Position(0), 10).await.1, Position(0));
    everything(&house).await;
    let published = house.sink.events();
    let end = house.store.log_end().await.unwrap().position;
    assert_eq!(journal.end().await.unwrap(), end);
    assert_eq!(whole_page(&*journal, end, 10).await.1, end);
    let house = house.reopen().await;
    let journal = house.journal().await;
    assert_same(&rest(&*journal, Position(0), 10).await, &published);
    house.group(UserId(1), &[]).await;
    assert_same(&rest(&*journal, end, 10).await, &house.sink.events());
}

#[tokio::test]
async fn a_page_is_about_as_long_as_was_asked_for() {
    const LIMIT: u16 = 10;
    let house = House::fresh().await;
    let [tom, jerry] = house.users(["tom", "jerry"]).await;
    for _ in 0..60 {
        house.say(tom, Recipient::User(jerry), "hi").await;
    }
    let journal = house.journal().await;
    let end = journal.end().await.unwrap();
    let mut after = Position(0);
    while after < end {
        let (events, up_to) = whole_page(&*journal, after, LIMIT).await;
        // What was committed together may be read together, and one after the other it was not.
        assert!((1..=usize::from(LIMIT) + 2).contains(&events.len()), "{} events", events.len());
        after = up_to;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_missing_though_servers_write_at_once_while_it_is_read() {
    const WRITERS: usize = 12;
    const EACH: usize = 25;
    let house = House::fresh().await;
    let nodes = Nodes::from(vec![house.second().await, house]);
    let [tom, jerry] = nodes.house().users(["tom", "jerry"]).await;
    nodes.house().say(tom, Recipient::User(jerry), "the first of all").await;
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let store = nodes.house().store.clone();
        let sender = [tom, jerry][writer / 2 % 2];
        let receiver = Recipient::User(if sender == tom { jerry } else { tom });
        writers.spawn(async move {
            for number in 0..EACH {
                store.post(message(sender, receiver, &format!("{writer}/{number}"))).await.unwrap();
            }
        });
    }
    let journal = nodes.house().journal().await;
    let read = async {
        let (mut all, mut after) = (Vec::new(), Position(0));
        // The first message brought their conversation with it.
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
    nodes.check().await;
    assert_same(&all, &nodes.events());
}
