//! Query plans: they are made while the tables are still empty and then kept, so they must also be good for
//! large tables.

use std::time::{Duration, Instant};

use chat_core::conversations::ConversationPage;
use chat_core::messages::{Page, Recipient};
use chat_core::reactions::ReactionStore;
use tokio_postgres::Client;

use crate::support::PostgresStore;
use chat_contract::command;

const DEADLINE: Duration = Duration::from_secs(60);
/// Number of repetitions of each operation.
const ROUNDS: i64 = 300;
/// The tables that grow with the number of messages.
const GROWING: [&str; 5] = ["messages", "conversations", "members", "reactions", "message_changes"];

#[tokio::test]
async fn no_statement_reads_a_growing_table_from_end_to_end() {
    let node = PostgresStore::fresh().await;
    let [tom, jerry, butch] = node.users(["tom", "jerry", "butch"]).await;
    let group = node.group(tom, &[jerry, butch]).await;
    for round in 0..ROUNDS {
        let said = node.say(tom, Recipient::User(jerry), "Is there cheese?").await;
        node.say(jerry, Recipient::Group(group.id), "There is.").await;
        node.confirm(jerry, said.conversation, said.seq.0).await;
        node.postgres.react(command(jerry, &said), "+1".into(), true).await.unwrap();
        if round % 10 == 0 {
            let page = Page { before: None, limit: 20 };
            node.store.direct_history(jerry, tom, page).await.unwrap();
            node.store.conversations(jerry, ConversationPage { after: None, limit: 20 }).await.unwrap();
        }
    }
    node.close().await;
    let read = rows_read_in_sequence(&node.connect().await).await;
    // Rows that are read before the first page of a table is full do not matter.
    assert!(read.iter().all(|(_, rows)| *rows <= ROUNDS), "rows read in sequence: {read:?}");
}

/// Returns how many rows of each table were read sequentially, once the server's statistics include these
/// sessions.
async fn rows_read_in_sequence(db: &Client) -> Vec<(String, i64)> {
    let began = Instant::now();
    let tables = GROWING.as_slice();
    while began.elapsed() < DEADLINE {
        let counted = "SELECT n_tup_ins FROM pg_stat_user_tables WHERE relname = 'messages'";
        if db.query_one(counted, &[]).await.unwrap().get::<_, i64>(0) >= 2 * ROUNDS {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let sql = "SELECT relname::text, seq_tup_read FROM pg_stat_user_tables WHERE relname = ANY($1)";
    let rows = db.query(sql, &[&tables]).await.unwrap();
    assert_eq!(rows.len(), tables.len());
    rows.iter().map(|row| (row.get(0), row.get(1))).collect()
}
