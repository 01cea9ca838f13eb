//! The journal of PostgreSQL, beyond the contract for every journal: it reports batches that are missing or
//! cannot be read, and returns all others.

use std::time::{Duration, Instant};

use chat_core::cluster::{Journal, JournalPage};
use chat_core::ids::Position;
use chat_core::messages::Recipient;

use crate::support::PostgresStore;

const DEADLINE: Duration = Duration::from_secs(60);

/// Creates a store with this number of events in its journal. Each is in a batch of its own, except for the
/// first two: a conversation is created with its first message.
async fn with_events(count: usize) -> PostgresStore {
    let node = PostgresStore::fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    while node.sink.n_events() < count {
        node.say(tom, Recipient::User(jerry), "cheese").await;
    }
    let db = node.connect().await;
    let batches = db.query_one("SELECT count(*), min(last), max(last) FROM journal", &[]).await.unwrap();
    let count = i64::try_from(count).unwrap();
    assert_eq!((batches.get(0), batches.get(1), batches.get(2)), (count - 1, 2_i64, count));
    node
}

/// Returns the log positions that a read after `after` gives, and the one up to which nothing is missing.
/// `None` means that the next batch is gone.
async fn positions_after(journal: &dyn Journal, after: i64, limit: u16) -> Option<(Vec<i64>, i64)> {
    match journal.read(Position(after), limit).await.unwrap() {
        JournalPage::Events { events, up_to } => {
            Some((events.iter().map(|event| event.position.0).collect(), up_to.0))
        }
        JournalPage::Gone => None,
    }
}

#[tokio::test]
async fn trimmed_batches_are_gone_and_the_rest_is_there() {
    let node = with_events(6).await;
    let (db, journal) = (node.connect().await, node.journal().await);
    db.execute("DELETE FROM journal WHERE last <= 3", &[]).await.unwrap();
    for after in 0..3 {
        assert_eq!(positions_after(&*journal, after, 10).await, None, "after {after}");
    }
    assert_eq!(positions_after(&*journal, 3, 10).await, Some((vec![4, 5, 6], 6)));
    db.execute("DELETE FROM journal", &[]).await.unwrap();
    for after in 0..6 {
        assert_eq!(positions_after(&*journal, after, 10).await, None, "after {after}");
    }
    assert_eq!(positions_after(&*journal, 6, 10).await, Some((vec![], 6)));
}

#[tokio::test]
async fn old_batches_are_trimmed_during_writes() {
    let node = with_events(4).await;
    let (db, journal) = (node.connect().await, node.journal().await);
    db.execute("UPDATE journal SET at = now() - interval '1 hour' WHERE last <= 2", &[]).await.unwrap();
    let began = Instant::now();
    while db.query_one("SELECT min(last) FROM journal", &[]).await.unwrap().get::<_, i64>(0) <= 2 {
        assert!(began.elapsed() < DEADLINE, "nothing is trimmed");
        node.store.probe_write().await.unwrap();
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert_eq!(positions_after(&*journal, 1, 10).await, None);
    assert_eq!(positions_after(&*journal, 2, 10).await, Some((vec![3, 4], 4)));
}

#[tokio::test]
async fn an_unreadable_batch_ends_a_page_and_then_counts_as_gone() {
    let unreadable = ["", "{", r#"[{"position":4,"kind":"message_posted","body":{"text":"cheese"}}]"#];
    for body in unreadable {
        let node = with_events(6).await;
        let (db, journal) = (node.connect().await, node.journal().await);
        db.execute("UPDATE journal SET body = $1 WHERE last = 4", &[&body.as_bytes()]).await.unwrap();
        for limit in [1, 10] {
            assert_eq!(positions_after(&*journal, 2, limit).await, Some((vec![3], 3)), "{body}");
            assert_eq!(positions_after(&*journal, 3, limit).await, None, "{body}");
        }
        assert_eq!(positions_after(&*journal, 0, 10).await, Some((vec![1, 2, 3], 3)), "{body}");
        assert_eq!(positions_after(&*journal, 4, 10).await, Some((vec![5, 6], 6)), "{body}");
        assert_eq!(journal.end().await.unwrap(), Position(6));
    }
}

#[tokio::test]
async fn a_change_of_a_later_release_is_skipped() {
    let node = with_events(4).await;
    let (db, journal) = (node.connect().await, node.journal().await);
    let body = r#"[{"position":3,"kind":"message_painted","body":{"colour":"blue"}}]"#;
    db.execute("UPDATE journal SET body = $1 WHERE last = 3", &[&body.as_bytes()]).await.unwrap();
    assert_eq!(positions_after(&*journal, 0, 10).await, Some((vec![1, 2, 4], 4)));
    assert_eq!(positions_after(&*journal, 2, 1).await, Some((vec![4], 4)));
}
