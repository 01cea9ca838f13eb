//! Tests of the feed: its entries are the log's changes, each once and in order, while there is a reader and until
//! they expire.

use std::sync::Arc;
use std::time::Duration;

use chat_core::event::Event;
use chat_core::feed::{Entry, Keep, Page, Pruned, Reader, ReaderName, Start, Why};
use chat_core::ids::{Position, UserId};
use chat_core::messages::Recipient;
use chat_core::ports::Store;
use chat_core::sync::Cursor;
use chat_core::time::Timestamp;
use proptest::prelude::*;
use tokio::task::JoinSet;

use super::cluster::{Cases, Cluster, one_node};
use super::random;
use super::samples::{NOW, code, message};
use super::test_store::{Stores, TestStore};

/// Longer than any test here takes.
const DEADLINE: Duration = Duration::from_secs(60);
const WEEK: Keep = Keep { age: Duration::from_secs(7 * 24 * 3600), entries: 1_000_000 };
/// Later than anything that is committed here.
const LATER: Timestamp = Timestamp(i64::MAX);
const LONG_AGO: Timestamp = Timestamp(0);

pub fn reader_name(text: &str) -> ReaderName {
    ReaderName::parse(text).unwrap()
}

pub async fn add_reader(store: &dyn Store, reader: &str, start: Start) -> Reader {
    store.add_reader(reader_name(reader), start, NOW).await.unwrap()
}

/// The entries of a page, and the cursor to acknowledge.
pub async fn read_page(store: &dyn Store, reader: &str, limit: u16) -> (Vec<Entry>, Cursor) {
    match store.read_feed(reader_name(reader), limit).await.unwrap() {
        Page::Entries { entries, up_to, .. } => {
            assert_eq!(entries.last().map_or(up_to.position, |last| last.position), up_to.position);
            (entries, up_to)
        }
        Page::Reload(reload) => panic!("{reload:?}"),
    }
}

/// Why the reader has to reload, and the cursor to continue from.
pub async fn must_reload(store: &dyn Store, reader: &str) -> (Why, Cursor) {
    match store.read_feed(reader_name(reader), 10).await.unwrap() {
        Page::Reload(reload) => (reload.why, reload.from),
        page => panic!("{page:?}"),
    }
}

/// Reads all entries that the reader has not acknowledged, page by page, and acknowledges each page.
pub async fn read_rest(store: &dyn Store, reader: &str, limit: u16) -> Vec<Entry> {
    let mut all = Vec::new();
    loop {
        let (entries, up_to) = read_page(store, reader, limit).await;
        if entries.is_empty() {
            return all;
        }
        assert!(entries.len() <= usize::from(limit));
        all.extend(entries);
        assert_eq!(store.acknowledge(reader_name(reader), up_to).await.unwrap().at, up_to);
    }
}

/// Asserts that the entries are those of these events. Their times are the store's own.
pub fn assert_entries(entries: &[Entry], events: &[Arc<Event>]) {
    let wanted: Vec<_> =
        events.iter().zip(entries).map(|(event, entry)| Entry::of(event, entry.at)).collect();
    assert_eq!(entries, wanted);
    assert_eq!(entries.len(), events.len());
}

fn after(events: &[Arc<Event>], position: Position) -> Vec<Arc<Event>> {
    events.iter().filter(|event| event.position > position).cloned().collect()
}

async fn chatting(stores: &dyn Stores) -> (TestStore, UserId, UserId) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    node.say(tom, Recipient::User(jerry), "before anybody reads").await;
    (node, tom, jerry)
}

async fn say(node: &TestStore, (tom, jerry): (UserId, UserId), count: usize) {
    for number in 0..count {
        node.say(tom, Recipient::User(jerry), &format!("{number}")).await;
    }
}

pub async fn entries_are_written_only_while_there_is_a_reader(stores: &dyn Stores) {
    let (node, tom, jerry) = chatting(stores).await;
    assert_eq!(node.rows().await.feed, [0; 0]);
    let end = node.store.log_end().await.unwrap();
    let reader = add_reader(&*node.store, "a", Start::Oldest).await;
    assert_eq!(reader.at, end, "nothing was kept so far");
    say(&node, (tom, jerry), 2).await;
    let first = end.position.0 + 1;
    assert_eq!(node.rows().await.feed, [first, first + 1]);
    let second = add_reader(&*node.store, "b", Start::Oldest).await;
    assert_eq!(second.at, end, "everything was kept since");
    let third = add_reader(&*node.store, "c", Start::End).await;
    assert_eq!(third.at.position.0, first + 1);
    for gone in ["a", "b", "c"] {
        say(&node, (tom, jerry), 1).await;
        node.store.remove_reader(reader_name(gone)).await.unwrap();
    }
    say(&node, (tom, jerry), 1).await;
    assert_eq!(node.rows().await.feed.last(), Some(&(first + 4)), "the last one has no reader");
    assert_eq!(code(node.store.remove_reader(reader_name("a")).await), "unknown_reader");
    // The remaining entries have no reader, so they are removed.
    assert_eq!(node.store.prune_feed(WEEK, LONG_AGO).await.unwrap(), Pruned { has_more: false });
    assert_eq!(node.rows().await.feed, [0; 0]);
    let reader = add_reader(&*node.store, "a", Start::Oldest).await;
    assert_eq!(reader.at, node.store.log_end().await.unwrap());
    say(&node, (tom, jerry), 1).await;
    assert_eq!(read_rest(&*node.store, "a", 10).await.len(), 1);
}

pub async fn a_readers_cursor_stays_where_it_was_acknowledged_and_never_goes_back(stores: &dyn Stores) {
    let (node, tom, jerry) = chatting(stores).await;
    let start = add_reader(&*node.store, "a", Start::End).await.at;
    let taken = node.store.add_reader(reader_name("a"), Start::End, NOW).await;
    assert_eq!(code(taken), "reader_exists");
    say(&node, (tom, jerry), 5).await;
    let (two, up_to) = read_page(&*node.store, "a", 2).await;
    assert_eq!(read_page(&*node.store, "a", 2).await, (two, up_to), "nothing was acknowledged");
    node.store.acknowledge(reader_name("a"), up_to).await.unwrap();
    for cursor in [start, start.before(), up_to] {
        assert_eq!(node.store.acknowledge(reader_name("a"), cursor).await.unwrap().at, up_to);
    }
    let beyond = Cursor { position: Position(start.position.0 + 6), ..start };
    assert_eq!(code(node.store.acknowledge(reader_name("a"), beyond).await), "beyond_the_end");
    let other = Cursor { epoch: chat_core::sync::Epoch(start.epoch.0 ^ 1), ..up_to };
    assert_eq!(code(node.store.acknowledge(reader_name("a"), other).await), "other_log");
    assert_eq!(code(node.store.acknowledge(reader_name("b"), up_to).await), "unknown_reader");
    assert_eq!(code(node.store.read_feed(reader_name("b"), 1).await), "unknown_reader");

    let events = node.sink.events();
    let node = node.reopen().await;
    say(&node, (tom, jerry), 2).await;
    let [progress] = node.store.feed_readers().await.unwrap().try_into().unwrap();
    assert_eq!((progress.reader.at, progress.lag, progress.reload), (up_to, 5, None));
    let entries = read_rest(&*node.store, "a", 2).await;
    assert_eq!(progress.oldest_at, Some(entries[0].at));
    assert_entries(&entries, &after(&[events, node.sink.events()].concat(), up_to.position));
    let [progress] = node.store.feed_readers().await.unwrap().try_into().unwrap();
    assert_eq!((progress.lag, progress.oldest_at), (0, None));
}

pub async fn a_name_of_a_later_release_breaks_no_other_reader(stores: &dyn Stores) {
    let node = stores.fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    add_reader(&*node.store, "a", Start::End).await;
    node.backend.add_second_reader("tom & jerry").await;
    node.say(tom, Recipient::User(jerry), "for both").await;
    let read = read_rest(&*node.store, "a", 10).await;
    let found = node.store.feed_readers().await.unwrap();
    let found: Vec<_> = found.iter().map(|it| (it.reader.name.as_str(), it.lag)).collect();
    assert_eq!(found, [("a", 0), ("tom & jerry", read.len() as u64)]);
    node.store.remove_reader(reader_name("a")).await.unwrap();
    node.say(tom, Recipient::User(jerry), "for the other").await;
    assert!(node.rows().await.feed.len() > read.len(), "it is still a reader");
}

pub async fn a_reader_that_stays_away_too_long_has_to_reload(stores: &dyn Stores) {
    let (node, tom, jerry) = chatting(stores).await;
    let start = add_reader(&*node.store, "a", Start::End).await.at;
    say(&node, (tom, jerry), 10).await;
    let kept = |count: i64| Cursor { position: Position(start.position.0 + 10 - count), ..start };
    assert_eq!(node.store.prune_feed(WEEK, NOW).await.unwrap(), Pruned { has_more: false });
    assert_eq!(read_page(&*node.store, "a", 100).await.0.len(), 10);
    node.store.prune_feed(Keep { entries: 3, ..WEEK }, NOW).await.unwrap();
    assert_eq!(node.rows().await.feed.len(), 3);
    assert_eq!(must_reload(&*node.store, "a").await, (Why::TooOld, kept(3)));
    assert_eq!(add_reader(&*node.store, "b", Start::Oldest).await.at, kept(3));
    let node = node.reopen().await;
    assert_eq!(must_reload(&*node.store, "a").await, (Why::TooOld, kept(3)));
    node.store.acknowledge(reader_name("a"), kept(3)).await.unwrap();
    assert_eq!(read_rest(&*node.store, "a", 2).await.len(), 3);
    // Now all entries are too old.
    node.store.prune_feed(WEEK, LATER).await.unwrap();
    assert_eq!(node.rows().await.feed, [0; 0]);
    assert_eq!(must_reload(&*node.store, "b").await, (Why::TooOld, kept(0)));
    assert_eq!(read_rest(&*node.store, "a", 2).await, [], "it has read everything");
    say(&node, (tom, jerry), 1).await;
    assert_eq!(read_rest(&*node.store, "a", 2).await.len(), 1);
    assert_eq!(must_reload(&*node.store, "b").await, (Why::TooOld, kept(0)));
}

/// Refused messages in between leave no entry, and messages that are committed at the same time come in log order.
pub async fn run_beside_readers(cluster: &Cluster) {
    const SENDERS: usize = 8;
    const EACH: usize = 10;
    let [tom, jerry] = cluster.new_users(["tom", "jerry"]).await;
    let start = add_reader(cluster.store(), "first", Start::End).await.at.position;
    add_reader(cluster.store(), "second", Start::End).await;
    let mut senders = JoinSet::new();
    for sender in 0..SENDERS {
        let store = cluster.node().store.clone();
        senders.spawn(async move {
            for number in 0..EACH {
                let to = if number % 3 == 2 { UserId(i64::MAX) } else { jerry };
                let new = message(tom, Recipient::User(to), &format!("{sender}/{number}"));
                assert_eq!(store.post(new).await.is_ok(), to == jerry);
            }
        });
    }
    let mut readers = JoinSet::new();
    for (reader, limit) in [("first", 1), ("second", 7)] {
        let store = cluster.node().store.clone();
        readers.spawn(async move {
            let mut all: Vec<Entry> = Vec::new();
            while all.len() < SENDERS * (EACH - EACH / 3) {
                all.extend(read_rest(&*store, reader, limit).await);
                tokio::task::yield_now().await;
            }
            all
        });
    }
    let found = async {
        senders.join_all().await;
        readers.join_all().await
    };
    let found =
        tokio::time::timeout(DEADLINE, found).await.unwrap_or_else(|_| panic!("something is missing"));
    let rest_of = async |reader| read_rest(cluster.store(), reader, 100).await;
    assert_eq!((rest_of("first").await, rest_of("second").await), (Vec::new(), Vec::new()));
    for entries in found {
        assert_entries(&entries, &after(&cluster.events(), start));
    }
}

pub async fn readers_keep_up_with_senders(stores: &dyn Stores) {
    run_beside_readers(&one_node(stores).await).await;
}

/// Runs all actions while there is a reader, and compares the entries with the published events.
pub async fn run(cluster: &Cluster, actions: Vec<random::Action>, limit: u16) {
    let readers = cluster.store().feed_readers().await.unwrap();
    if readers.is_empty() {
        add_reader(cluster.store(), "all", Start::End).await;
    }
    let start = cluster.store().log_end().await.unwrap().position;
    random::run(cluster, actions).await;
    let entries = read_rest(cluster.store(), "all", limit).await;
    assert_entries(&entries, &after(&cluster.events(), start));
    assert_eq!(entries.last().unwrap().position, cluster.store().log_end().await.unwrap().position);
}

pub fn any_sequence_of_actions_is_read_as_published(stores: &dyn Stores) {
    let cases = Cases::on(async || one_node(stores).await);
    proptest!(ProptestConfig::with_cases(16), |(actions in random::actions(), limit in 1..50_u16)| {
        cases.run(async |cluster| run(cluster, actions, limit).await);
    });
}
