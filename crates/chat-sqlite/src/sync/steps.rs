//! Counts what resuming costs, in steps of SQLite's virtual machine: a frame costs the same however far a client is
//! behind, and wherever in the log it is.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chat_core::ids::{Position, UserId};
use rusqlite::Connection;

use super::{PageStart, changes};
use crate::schema;

const JERRY: UserId = UserId(2);
const PAGE: u16 = 200;

/// A database in which Tom has written messages to Jerry, in groups that take turns.
struct Log {
    db: Connection,
    steps: Arc<AtomicU64>,
    end: i64,
}

impl Log {
    /// Creates a log of `messages` messages in `groups` groups. One message in ten was edited, some time later.
    fn new(groups: i64, messages: i64) -> Self {
        let mut db = Connection::open_in_memory().unwrap();
        schema::migrate(&mut db, 0).unwrap();
        db.set_prepared_statement_cache_capacity(128);
        let run = |sql: &str, params: &[i64]| {
            db.execute(sql, rusqlite::params_from_iter(params)).unwrap();
        };
        let numbers = "WITH RECURSIVE n (n) AS (SELECT 0 UNION ALL SELECT n + 1 FROM n WHERE n + 1 < ?1)";
        run(
            &format!(
                "{numbers} INSERT INTO conversations (id, last_seq, n_members, position)
                 SELECT n + 1, (?2 - n + ?1 - 1) / ?1, 2, ?3 FROM n"
            ),
            &[groups, messages, 2 * messages],
        );
        run(
            &format!(
                "{numbers} INSERT INTO groups (id, conversation_id, name, owner_id, created_at)
                 SELECT n + 1, n + 1, 'mice', 1, 0 FROM n"
            ),
            &[groups],
        );
        for user in [1, JERRY.0] {
            run(
                &format!(
                    "{numbers} INSERT INTO members (conversation_id, user_id, role, joined_at)
                     SELECT n + 1, ?2, 'member', 0 FROM n"
                ),
                &[groups, user],
            );
        }
        run(
            &format!(
                "{numbers} INSERT INTO messages (id, conversation_id, seq, rev, position, sender_id, recipient_id,
                                                 group_id, kind, content, media_url, sent_at)
                 SELECT n + 1, n % ?2 + 1, n / ?2 + 1, 1, 2 * n + 1, 1, 0, n % ?2 + 1, 'text', 'hi', '', 0 FROM n"
            ),
            &[messages, groups],
        );
        run(
            &format!(
                "{numbers} INSERT INTO message_changes (message_id, conversation_id, position, event)
                 SELECT n - 299, (n - 300) % ?2 + 1, 2 * n + 2, 'edited' FROM n WHERE n >= 300 AND n % 10 = 0"
            ),
            &[messages, groups],
        );
        run("UPDATE log SET position = ?1", &[2 * messages]);
        let steps = Arc::new(AtomicU64::new(0));
        let counted = steps.clone();
        let count = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            false
        };
        db.progress_handler(1, Some(count)).unwrap();
        Self { db, steps, end: 2 * messages }
    }

    /// Resumes from `from` to `to` in pages. Returns the number of events and of steps.
    fn resume(&self, from: i64, to: i64) -> (u64, u64) {
        let before = self.steps.load(Ordering::Relaxed);
        let (mut start, mut events) = (PageStart::from(Position(from)), 0);
        while start.after.0 < to {
            let mut page = changes(&self.db, JERRY, start, PAGE).unwrap();
            events += page.events.len() as u64;
            start = page.next_start();
        }
        (events, self.steps.load(Ordering::Relaxed) - before)
    }

    /// Returns the number of steps for one event, in thousandths.
    fn cost(&self, from: i64, to: i64) -> u64 {
        let (events, steps) = self.resume(from, to);
        assert!(events > 0);
        steps * 1000 / events
    }
}

/// Fails unless `far` is at most a quarter more than `near`.
#[track_caller]
fn assert_no_dearer(far: u64, near: u64) {
    assert!(far <= near + near / 4, "{far} thousandths of a step for one event, and {near} nearby");
}

#[test]
fn an_event_costs_the_same_however_far_behind_the_client_is() {
    for groups in [1, 10, 200] {
        let log = Log::new(groups, 10_000);
        // Statements are prepared, which takes steps too.
        log.resume(log.end - 1000, log.end);
        let near = log.cost(log.end - 4000, log.end);
        assert_no_dearer(log.cost(0, log.end), near);
        assert_no_dearer(log.cost(0, 4000), near);
    }
}
