//! Counts what unread counts cost, in steps of SQLite's virtual machine: no more with very many unread messages, and
//! with very many of them deleted, hidden or with mentions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use chat_core::conversations::ConversationPage;
use chat_core::ids::MessageId;
use chat_core::messages::{Mentions, Message};
use chat_core::unread::BLOCK;

use super::*;
use crate::conversations::{conversations, own_counts, totals, with_last_message};
use crate::{load, schema};

const JERRY: UserId = UserId(2);
const GROUP: ConversationId = ConversationId(1);
/// More than a block of the second level.
const MANY: i64 = 140_000;
/// Upper bound for one conversation. Counting many messages one by one takes more than a million.
const STEPS: u64 = 30_000;

/// The schema of the previous release.
const BEFORE: [&str; 2] = [
    include_str!("../../../migrations/0001_initial.sql"),
    include_str!("../../../migrations/0002_stream.sql"),
];

struct Fixture {
    db: Connection,
    steps: Arc<AtomicU64>,
}

impl Fixture {
    /// A group with messages of three members in turn, Jerry being the second; all have read up to `read`. With
    /// `exceptions`, some of each block mention everybody or Jerry, are deleted, or hidden by him, or several of these.
    fn new(messages: i64, read: i64, exceptions: bool) -> Self {
        let mut db = Connection::open_in_memory().unwrap();
        schema::migrate(&mut db, 0).unwrap();
        let fixture = Self::filled(db, messages, read, exceptions);
        for block in 0..messages / BLOCK {
            own_counts::note_full_block(&fixture.db, GROUP, block).unwrap();
        }
        fixture.write_mentions_again();
        fixture
    }

    /// Writes the mentions again, as posting does.
    fn write_mentions_again(&self) {
        let mut statement = self.db.prepare("SELECT seq, user_id FROM mentions ORDER BY seq").unwrap();
        let rows = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        let all: Vec<(i64, i64)> = rows.collect::<rusqlite::Result<_>>().unwrap();
        self.db.execute("DELETE FROM mentions", ()).unwrap();
        for (seq, user) in all {
            let message = load::one(&self.db, MessageId(seq)).unwrap().unwrap().message;
            let users = if user == 0 { Vec::new() } else { vec![UserId(user)] };
            let mentions = Mentions { users, all: user == 0 };
            mentions::insert(&self.db, &Message { mentions, ..message }).unwrap();
        }
    }

    /// The same, written by the previous release.
    fn of_previous_release() -> Self {
        let db = Connection::open_in_memory().unwrap();
        BEFORE.iter().for_each(|migration| db.execute_batch(migration).unwrap());
        let mut fixture = Self::filled(db, MANY, 0, true);
        schema::migrate(&mut fixture.db, 2).unwrap();
        fixture
    }

    fn filled(mut db: Connection, messages: i64, read: i64, exceptions: bool) -> Self {
        db.set_prepared_statement_cache_capacity(128);
        let run = |sql: &str| assert!(db.execute(sql, [messages, read]).unwrap() > 0);
        run("INSERT INTO conversations (id, last_seq, n_members) SELECT 1, ?1, 3 WHERE ?2 >= 0");
        run("INSERT INTO groups (id, conversation_id, name, owner_id, created_at)
             SELECT 1, 1, 'mice', 1, 0 WHERE ?1 >= ?2");
        run("INSERT INTO members (conversation_id, user_id, role, read_seq, joined_at)
             SELECT 1, u, 'member', ?2, 0 FROM (SELECT 1 AS u UNION SELECT 2 UNION SELECT 3) WHERE ?1 >= 0");
        run("WITH RECURSIVE n (n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM n WHERE n < ?1)
             INSERT INTO messages (id, conversation_id, seq, rev, position, sender_id, recipient_id, group_id, kind,
                                   content, media_url, sent_at)
             SELECT n, 1, n, n, n, n % 3 + 1, 0, 1, 'text', 'hi', '', 0 FROM n WHERE ?2 >= 0");
        if exceptions {
            db.execute_batch(
                "INSERT INTO mentions SELECT 1, CASE id % 3 WHEN 0 THEN 0 ELSE 2 END, seq FROM messages
                 WHERE id % 20 = 0 AND id % 70 <> 0;
                 UPDATE messages SET deleted_at = 1 WHERE id % 50 IN (2, 4);
                 INSERT INTO hidden_messages SELECT 2, id, 1, 1 FROM messages WHERE id % 50 IN (1, 4, 20)",
            )
            .unwrap();
        }
        let steps = Arc::new(AtomicU64::new(0));
        let counted = steps.clone();
        let count = move || {
            counted.fetch_add(1, Ordering::Relaxed);
            false
        };
        db.progress_handler(1, Some(count)).unwrap();
        Self { db, steps }
    }

    fn read_up_to(&self, seq: i64) {
        self.db.execute("UPDATE members SET read_seq = ?1", [seq]).unwrap();
    }

    /// Steps of this work, whose statements are prepared already.
    fn cost<T>(&self, work: impl Fn(&Connection) -> T) -> u64 {
        work(&self.db);
        let before = self.steps.load(Ordering::Relaxed);
        work(&self.db);
        self.steps.load(Ordering::Relaxed) - before
    }

    /// The cost of one conversation, of the list and of the totals.
    fn costs(&self) -> [u64; 3] {
        let page = ConversationPage { after: None, limit: 50 };
        [
            self.cost(|db| with_last_message(db, JERRY, GROUP).unwrap()),
            self.cost(|db| conversations(db, JERRY, page).unwrap()),
            self.cost(|db| totals(db, JERRY, Timestamp(0)).unwrap()),
        ]
    }

    /// The messages that are unread for a user who has read nothing: `seq`, and whether it counts as a mention.
    fn unread(&self, user: UserId) -> Vec<(i64, bool)> {
        let sql = "SELECT m.seq, EXISTS (
                       SELECT 1 FROM mentions n WHERE n.conversation_id = 1 AND n.seq = m.seq
                           AND n.user_id IN (0, ?1))
                   FROM messages m WHERE m.sender_id <> ?1 AND m.deleted_at IS NULL AND NOT EXISTS (
                       SELECT 1 FROM hidden_messages h WHERE h.user_id = ?1 AND h.message_id = m.id)";
        let mut statement = self.db.prepare(sql).unwrap();
        let rows = statement.query_map([user.0], |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
        rows.collect::<rusqlite::Result<_>>().unwrap()
    }
}

#[track_caller]
fn assert_right_wherever_the_pointer_is(fixture: &Fixture) {
    let ends = [1, 255, 256, 257, 511, 512, 65_535, 65_536, 65_537, 131_071, 131_072, MANY - 1, MANY];
    for user in [UserId(1), JERRY, UserId(9)] {
        let unread = fixture.unread(user);
        for read in (0..MANY).step_by(9973).chain(ends) {
            let after = || unread.iter().filter(|(seq, _)| *seq > read);
            let count = |n: usize| u32::try_from(n).unwrap();
            let expected = Counts {
                unread: count(after().count()),
                mentions: count(after().filter(|(_, is_mention)| *is_mention).count()),
            };
            let found = counts(&fixture.db, user, GROUP, Seq(read)).unwrap();
            assert_eq!(found, expected, "{user:?} after {read}");
        }
    }
}

#[test]
fn counts_are_right_wherever_the_pointer_is() {
    assert_right_wherever_the_pointer_is(&Fixture::new(MANY, 0, true));
}

#[test]
fn messages_of_the_previous_release_count_too() {
    assert_right_wherever_the_pointer_is(&Fixture::of_previous_release());
}

#[test]
fn very_many_unread_messages_cost_no_more_than_some() {
    for exceptions in [false, true] {
        let some = Fixture::new(1000, 0, exceptions).costs();
        let many = Fixture::new(MANY, 0, exceptions);
        for read in [0, 1, 65_535, 100_000] {
            many.read_up_to(read);
            for (cost, some) in many.costs().into_iter().zip(some) {
                assert!(cost <= STEPS, "{cost} steps after {read}, and {some} with 1000 messages");
            }
        }
    }
}

#[test]
fn a_member_that_every_message_mentions_is_counted_with_few_rows() {
    const N: i64 = 20_000;
    let fixture = Fixture::new(N, 0, false);
    let sql = "INSERT INTO mentions SELECT 1, iif(seq % 2, 0, 2), seq FROM messages";
    fixture.db.execute(sql, ()).unwrap();
    fixture.write_mentions_again();
    let unread = fixture.unread(JERRY);
    for read in [0, 1, 63, 64, 4095, 4096, 8200, N - 65] {
        let cost = fixture.cost(|db| counts(db, JERRY, GROUP, Seq(read)).unwrap());
        assert!(cost <= STEPS / 2, "{cost} steps after {read}");
        let found = counts(&fixture.db, JERRY, GROUP, Seq(read)).unwrap();
        let expected = u32::try_from(unread.iter().filter(|(seq, _)| *seq > read).count()).unwrap();
        assert_eq!(found, Counts { unread: expected, mentions: expected }, "after {read}");
    }
}

#[test]
fn few_unread_messages_are_cheap() {
    let fixture = Fixture::new(MANY, MANY - 3, true);
    for cost in fixture.costs() {
        assert!(cost < 1500, "{cost} steps");
    }
    assert_eq!(counts(&fixture.db, JERRY, GROUP, Seq(MANY)).unwrap(), Counts::default());
}

#[test]
fn mentioning_a_hundred_members_writes_a_row_for_each() {
    const N: i64 = 200;
    let fixture = Fixture::new(N, 0, false);
    let users: Vec<_> = (11..111).map(UserId).collect();
    let before = fixture.db.total_changes();
    for id in 1..=N {
        let message = load::one(&fixture.db, MessageId(id)).unwrap().unwrap().message;
        let mentions = Mentions { users: users.clone(), all: false };
        mentions::insert(&fixture.db, &Message { mentions, ..message }).unwrap();
    }
    let rows = fixture.db.total_changes() - before;
    // Three blocks have been counted for each member. Each mention made five rows before.
    assert_eq!(rows, 100 * 200 + 3 * 100);
    let message = load::one(&fixture.db, MessageId(70)).unwrap().unwrap().message;
    let message = Message { mentions: Mentions { users, all: false }, ..message };
    let before = fixture.db.total_changes();
    mentions::delete(&fixture.db, &message).unwrap();
    assert_eq!(fixture.db.total_changes() - before, 2 * 100, "the mention and its block of each");
    let found = counts(&fixture.db, UserId(11), GROUP, Seq(0)).unwrap();
    assert_eq!(found, Counts { unread: 200, mentions: 199 });
}
