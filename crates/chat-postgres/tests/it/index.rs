//! The search index: it can index any text, any node updates it, and a search finds the same messages by
//! either of its two ways.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use chat_core::Error;
use chat_core::ids::{ConversationId, MessageId, UserId};
use chat_core::messages::Recipient;
use chat_core::search::{Order, Search, parse_terms};
use chat_core::time::Timestamp;

use crate::support::PostgresStore;
use chat_contract::ids;
use chat_contract::{settle, texts, wait_for};

const DEADLINE: Duration = Duration::from_secs(60);

#[tokio::test]
async fn every_text_can_be_indexed() {
    let node = PostgresStore::fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    // Every character, between letters and alone.
    let all: Vec<char> = ('\u{1}'..=char::MAX).collect();
    let mut odd: Vec<String> = all
        .chunks(2000)
        .map(|some| some.iter().flat_map(|c| ['a', *c, 'b', ' ', *c, ' ']).collect())
        .collect();
    odd.push("x".repeat(16_000));
    odd.push("\u{1d15e}".repeat(4000));
    odd.push((0..3000).map(|number| format!("{number} ")).collect());
    odd.push("'\\' \\\\ '':1A,2 & | ! <-> :* ".repeat(500));
    for (number, text) in odd.iter().enumerate() {
        node.say(tom, Recipient::User(jerry), &format!("marker{number} {text}")).await;
    }
    settle(&node).await;
    for (number, text) in odd.iter().enumerate() {
        let expected = format!("marker{number} {text}");
        assert!(texts(&node, jerry, &format!("marker{number}")).await == [expected], "{number}");
    }
}

#[tokio::test]
async fn any_running_node_updates_the_index() {
    let node = PostgresStore::fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    let second = node.second().await;
    node.say(tom, Recipient::User(jerry), "blue cheese").await;
    // Either before it has indexed this, or after.
    node.close().await;
    wait_for(&second, jerry, "cheese", &["blue cheese"]).await;
    second.say(jerry, Recipient::User(tom), "red cheese").await;
    wait_for(&second, jerry, "cheese", &["red cheese", "blue cheese"]).await;
}

/// A row of the table of messages.
struct Row {
    id: i64,
    conversation: i64,
    sender: i64,
    words: Vec<String>,
    has_media: bool,
    is_deleted: bool,
    sent_at: i64,
}

const MESSAGES: i64 = 12_000;
const CONVERSATIONS: i64 = 200;
/// By user, from 1 to 5: one in this many conversations has the user as a member.
const ONE_IN: [i64; 5] = [100, 10, 2, 1, 1];

/// Creates messages. Later conversations are more recent, and later words are rarer.
fn written() -> Vec<Row> {
    let mut state = 4711_u64;
    let mut dice = |bound: i64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        i64::try_from(state >> 33).unwrap() % bound
    };
    let row = |id: i64| {
        let age = id * CONVERSATIONS / MESSAGES;
        let conversation = 1 + if dice(2) == 0 { dice(CONVERSATIONS) } else { dice(age + 1) };
        // Every word is half as frequent as the one before it.
        let words = (1..=12).filter(|rank| dice(1 << rank) == 0).map(|rank| format!("word{rank}")).collect();
        let (sender, has_media, is_deleted) = (1 + dice(50), dice(10) == 0, dice(20) == 0);
        Row { id, conversation, sender, words, has_media, is_deleted, sent_at: id * 1_000_000 }
    };
    (1..=MESSAGES).map(row).collect()
}

async fn fill(node: &PostgresStore, rows: &[Row]) {
    let db = node.connect().await;
    let numbers = |of: fn(&Row) -> i64| rows.iter().map(of).collect::<Vec<_>>();
    let contents: Vec<String> = rows.iter().map(|row| row.words.join(" ")).collect();
    let [media, deleted] = [|row: &Row| row.has_media, |row: &Row| row.is_deleted]
        .map(|of| rows.iter().map(of).collect::<Vec<_>>());
    let sql = "INSERT INTO conversations (id, last_seq) SELECT c, $1::bigint / $2::bigint
               FROM generate_series(1, $2::bigint) c";
    db.execute(sql, &[&MESSAGES, &CONVERSATIONS]).await.unwrap();
    let sql = "INSERT INTO members (conversation_id, user_id, role, joined_at)
               SELECT c, u, 'member', 0
               FROM generate_series(1, $2::bigint) c, unnest($1::bigint[]) WITH ORDINALITY AS e (every, u)
               WHERE c % every = 0";
    db.execute(sql, &[&ONE_IN.as_slice(), &CONVERSATIONS]).await.unwrap();
    let sql = "INSERT INTO messages (id, conversation_id, seq, rev, position, sender_id, recipient_id, group_id, kind,
                                     content, media_url, sent_at, deleted_at)
               SELECT id, c, id, 1, id, s, 0, c, 'text', w, CASE WHEN m THEN 'https://example.com' ELSE '' END, at,
                      CASE WHEN d THEN 0 END
               FROM unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::text[], $5::bool[], $6::bool[], $7::bigint[])
                    AS t (id, c, s, w, m, d, at)";
    db.execute(
        sql,
        &[
            &numbers(|row| row.id),
            &numbers(|row| row.conversation),
            &numbers(|row| row.sender),
            &contents,
            &media,
            &deleted,
            &numbers(|row| row.sent_at),
        ],
    )
    .await
    .unwrap();
    db.execute("UPDATE log SET message_id = $1, position = $1", &[&MESSAGES]).await.unwrap();
    let began = Instant::now();
    let sql = "SELECT message FROM search_index";
    while db.query_one(sql, &[]).await.unwrap().get::<_, i64>(0) < MESSAGES {
        assert!(began.elapsed() < DEADLINE, "the index does not catch up");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Returns the expected result of a search, by checking messages one by one.
fn expected_matches(
    rows: &[Row],
    reader: i64,
    hidden: &HashSet<i64>,
    search: &Search,
    query: &str,
) -> Vec<i64> {
    let every = ONE_IN[usize::try_from(reader - 1).unwrap()];
    let fits = |row: &&Row| {
        row.conversation % every == 0
            && !row.is_deleted
            && !hidden.contains(&row.id)
            && search.sender.is_none_or(|sender| sender.0 == row.sender)
            && search.conversation.is_none_or(|id| id.0 == row.conversation)
            && search.has_media.is_none_or(|has_media| has_media == row.has_media)
            && search.since.is_none_or(|at| row.sent_at >= at.0)
            && search.until.is_none_or(|at| row.sent_at < at.0)
            && search.before.is_none_or(|id| row.id < id.0)
            && query.split(' ').filter(|word| !word.is_empty()).all(|word| match word.strip_suffix('*') {
                Some(beginning) => row.words.iter().any(|word| word.starts_with(beginning)),
                None => row.words.iter().any(|there| there == word),
            })
    };
    rows.iter().rev().filter(fits).map(|row| row.id).take(usize::from(search.limit)).collect()
}

/// Returns the filters that are combined with every query.
fn searches(query: &str) -> Vec<Search> {
    let all = || Search { terms: parse_terms(query).unwrap(), limit: 20, ..Search::default() };
    let at = |hundredth: i64| Some(Timestamp(MESSAGES / 100 * hundredth * 1_000_000));
    vec![
        all(),
        Search { limit: 100, ..all() },
        Search { before: Some(MessageId(MESSAGES / 3)), ..all() },
        Search { sender: Some(UserId(7)), ..all() },
        Search { has_media: Some(true), ..all() },
        Search { has_media: Some(false), ..all() },
        Search { conversation: Some(ConversationId(200)), ..all() },
        Search { since: at(40), until: at(41), ..all() },
        Search { since: at(99), ..all() },
        Search { until: at(2), ..all() },
    ]
}

/// Hides some messages from most readers, and most messages from the last one.
async fn hide(node: &PostgresStore, rows: &[Row]) -> Vec<HashSet<i64>> {
    let db = node.connect().await;
    let mut hidden = vec![HashSet::new(); ONE_IN.len()];
    for row in rows {
        let reader = if row.id % 10 == 3 { row.id / 10 % 4 } else { 4 };
        hidden[usize::try_from(reader).unwrap()].insert(row.id);
    }
    for (user, hidden) in (1_i64..).zip(&hidden) {
        let ids: Vec<i64> = hidden.iter().copied().collect();
        let sql =
            "INSERT INTO hidden_messages SELECT $1, id, conversation_id, 0 FROM messages WHERE id = ANY($2)";
        db.execute(sql, &[&user, &ids]).await.unwrap();
    }
    hidden
}

#[tokio::test]
async fn both_ways_of_searching_find_the_same() {
    let node = PostgresStore::fresh().await;
    let rows = written();
    fill(&node, &rows).await;
    let hidden = hide(&node, &rows).await;
    let check = async |query: &str, search: Search, reader: i64| {
        let hidden = &hidden[usize::try_from(reader - 1).unwrap()];
        let expected = expected_matches(&rows, reader, hidden, &search, query);
        let found = node.store.search(UserId(reader), search.clone()).await.unwrap();
        assert_eq!(ids(&found), expected, "{query:?} for {reader}: {search:?}");
        let best = Search { order: Order::Best, ..search.clone() };
        let found = node.store.search(UserId(reader), best).await.unwrap();
        assert_eq!(found.len(), expected.len(), "the best of {query:?} for {reader}: {search:?}");
    };
    // At first PostgreSQL has no statistics of the words and uses its defaults.
    for analysed in [false, true] {
        if analysed {
            node.connect().await.batch_execute("ANALYZE").await.unwrap();
        }
        for query in
            ["", "word1", "word4", "word7", "word12", "word3 word9", "word1*", "wo* word2", "nothing"]
        {
            for search in searches(query) {
                for reader in 1..=5 {
                    check(query, search.clone(), reader).await;
                }
            }
        }
        // For the reader who has hidden most messages, the search goes far back, over many ranges of the
        // table.
        for before in (MESSAGES / 2..MESSAGES).step_by(97) {
            for (query, limit) in [("", 100), ("word1", 1000)] {
                let terms = parse_terms(query).unwrap();
                let before = Some(MessageId(before));
                check(query, Search { terms, before, limit, ..Search::default() }, 5).await;
            }
        }
    }
}

#[tokio::test]
async fn a_search_that_takes_too_long_is_given_up_and_leaves_its_connection_usable() {
    let node = PostgresStore::fresh().await;
    let [tom, jerry] = node.users(["tom", "jerry"]).await;
    node.say(tom, Recipient::User(jerry), "blue cheese").await;
    settle(&node).await;
    let db = node.connect().await;
    let slow = "ALTER TABLE message_words RENAME TO kept;
                CREATE VIEW message_words AS SELECT kept.* FROM kept, pg_sleep(60)";
    db.batch_execute(slow).await.unwrap();
    let search = Search { terms: parse_terms("cheese").unwrap(), limit: 20, ..Search::default() };
    // Repeat it more often than there are connections for it.
    for _ in 0..3 {
        let (began, answer) = (Instant::now(), node.store.search(jerry, search.clone()).await);
        assert!(matches!(answer, Err(Error::SearchTooSlow)), "{answer:?}");
        assert!(began.elapsed() < DEADLINE / 2, "{:?}", began.elapsed());
    }
    db.batch_execute("DROP VIEW message_words; ALTER TABLE kept RENAME TO message_words").await.unwrap();
    assert_eq!(texts(&node, jerry, "cheese").await, ["blue cheese"]);
}
