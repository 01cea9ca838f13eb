//! `chatserver bench --fill --keep`: the database that it leaves is one that a server serves. Everything that the server
//! says about it is compared with plain counting over its rows.

use std::process::Command;

use rusqlite::{Connection, Params};
use serde_json::{Value, json};

use crate::support::people::User;
use crate::support::{Server, Setup, eventually};

const MESSAGES: u64 = 2_000;
/// What a user has not read: the messages of others after the pointer.
const UNREAD: &str = "SELECT count(*) FROM messages m JOIN members o USING (conversation_id)
    WHERE o.user_id = ?1 AND m.sender_id != ?1 AND m.seq > o.read_seq AND m.deleted_at IS NULL";
const MENTIONED: &str = "SELECT count(*) FROM mentions m JOIN members o USING (conversation_id, user_id)
    WHERE o.user_id = ?1 AND m.seq > o.read_seq";

/// Fills a database, and starts a server on it. Returns the report's part about the contents, too.
fn filled() -> (Server, Connection, Value) {
    let setup = Setup::new().on_one_node("the database is a file");
    let kept = setup.path("kept");
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatserver"));
    command.current_dir(setup.path("")).env_remove("CHATSERVER_FAILPOINTS");
    command.args(["bench", "--json", "--fill", &MESSAGES.to_string(), "--keep"]).arg(&kept);
    command.args(["--only", "growth-users", "--runs", "1", "--seconds", "1"]);
    let output = command.output().unwrap();
    assert!(output.status.success(), "{output:?}");
    let report: Value = serde_json::from_slice(&output.stdout).unwrap();
    std::fs::rename(kept.join("chat.db"), setup.database()).unwrap();
    let server = setup.start();
    let database = Connection::open(setup.database()).unwrap();
    (server, database, report["filled"].clone())
}

fn count(database: &Connection, sql: &str, params: impl Params) -> i64 {
    database.query_row(sql, params, |row| row.get(0)).unwrap()
}

async fn login(server: &Server, contents: &Value, username: &str) -> User {
    let body = json!({ "username": username, "password": contents["password"] });
    let answer = server.post("/v1/users/login", &body).await.expect(200);
    let token = answer["token"].as_str().unwrap();
    let id = server.send(crate::support::Request::get("/v1/test-auth").bearer(token)).await.expect(200);
    User::with_token(server, id["user_id"].as_i64().unwrap(), token)
}

#[tokio::test]
async fn a_filled_database_is_what_a_server_would_have_written() {
    let (server, database, contents) = filled();
    let integrity: String = database.query_row("PRAGMA integrity_check", (), |row| row.get(0)).unwrap();
    assert_eq!(integrity, "ok");
    everything_is_there(&database, &contents);
    let special = ["read_nothing", "read_all", "many_conversations"];
    let special = special.map(|part| contents[part]["username"].as_str().unwrap().to_owned());
    for name in special.iter().map(String::as_str).chain(["fill-7", "crowd-1"]) {
        let user = login(&server, &contents, name).await;
        counts_are_right(&user, &database).await;
    }
    let reader = login(&server, &contents, &special[1]).await;
    assert_eq!(reader.get("/v1/unread").await.expect(200)["unread"], 0);
    let unread = login(&server, &contents, &special[0]).await;
    history_is_whole(&unread, &contents, &database).await;
    words_are_found(&unread, &database).await;
}

/// The report's numbers are those of the rows, and every conversation's number is that of its messages.
fn everything_is_there(database: &Connection, contents: &Value) {
    assert_eq!(contents["messages"], MESSAGES);
    for (name, sql) in [
        ("messages", "SELECT count(*) FROM messages WHERE client_msg_id IS NOT NULL"),
        ("edits", "SELECT count(*) FROM messages WHERE edited_at IS NOT NULL"),
        ("edits", "SELECT count(*) FROM message_versions"),
        ("reactions", "SELECT count(*) FROM reactions"),
        ("mentions", "SELECT count(*) FROM mentions"),
    ] {
        assert_eq!(contents[name], count(database, sql, ()), "{name}: {sql}");
    }
    let shares = [("edits", 10..=80), ("reactions", 20..=110), ("mentions", 1..=30)];
    for (name, range) in shares {
        assert!(range.contains(&contents[name].as_u64().unwrap()), "{name} in {contents:#}");
    }
    let wrong = "SELECT count(*) FROM conversations c
                 WHERE last_seq != (SELECT count(*) FROM messages m WHERE m.conversation_id = c.id)";
    assert_eq!(count(database, wrong, ()), 0);
    let by_seq = "SELECT count(*) FROM messages one JOIN messages other
                  ON other.conversation_id = one.conversation_id AND other.seq = one.seq + 1
                  WHERE other.sent_at < one.sent_at OR other.id < one.id";
    assert_eq!(count(database, by_seq, ()), 0, "later messages have later times");
    let sizes: Vec<i64> =
        contents["groups"].as_array().unwrap().iter().map(|it| it["messages"].as_i64().unwrap()).collect();
    assert!(sizes[0] > 20 * sizes[sizes.len() - 1], "{sizes:?}");
}

/// List, single conversations and totals say what plain counting says.
async fn counts_are_right(user: &User, database: &Connection) {
    let list = user.get("/v1/conversations?limit=200").await.expect(200);
    let list = list["conversations"].as_array().unwrap();
    let memberships = count(database, "SELECT count(*) FROM members WHERE user_id = ?1", [user.id]);
    assert_eq!(i64::try_from(list.len()).unwrap(), memberships);
    for shown in list {
        let id = shown["id"].as_i64().unwrap();
        let wanted = |sql: &str| count(database, &format!("{sql} AND conversation_id = ?2"), [user.id, id]);
        assert_eq!(shown["unread"], wanted(UNREAD), "{shown:#}");
        assert_eq!(shown["mentions"], wanted(MENTIONED), "{shown:#}");
        assert_eq!(user.conversation(&shown["id"]).await["unread"], shown["unread"]);
    }
    let totals = user.get("/v1/unread").await.expect(200);
    assert_eq!(totals["unread"], count(database, UNREAD, [user.id]), "{totals:#}");
    assert_eq!(totals["mentions"], count(database, MENTIONED, [user.id]), "{totals:#}");
}

async fn history_is_whole(user: &User, contents: &Value, database: &Connection) {
    let groups = contents["groups"].as_array().unwrap();
    for group in [&groups[0], &groups[groups.len() - 1]] {
        let messages = user.all_messages(&format!("/v1/groups/{}/messages", group["group_id"])).await;
        assert!(
            messages.iter().map(|it| it["seq"].as_i64().unwrap()).eq(1..=group["messages"].as_i64().unwrap())
        );
        let reacted = "SELECT count(*) FROM reactions r JOIN messages m ON m.id = r.message_id
                       WHERE m.conversation_id = ?1";
        let shown: i64 = messages
            .iter()
            .flat_map(|it| it["reactions"].as_array().cloned().unwrap_or_default())
            .map(|it| it["count"].as_i64().unwrap())
            .sum();
        assert_eq!(shown, count(database, reacted, [group["conversation_id"].as_i64().unwrap()]));
    }
}

/// The index is made by the server after its start, in the background.
async fn words_are_found(user: &User, database: &Connection) {
    let sql = "SELECT content FROM messages m JOIN members o USING (conversation_id) WHERE o.user_id = ?1";
    let mut statement = database.prepare(sql).unwrap();
    let texts: Vec<String> =
        statement.query_map([user.id], |row| row.get(0)).unwrap().map(Result::unwrap).collect();
    let has = |text: &str, word: &str| text.split(' ').any(|it| it == word);
    let times = |word: &str| texts.iter().filter(|text| has(text, word)).count();
    let words = texts[0].split(' ').chain(texts[1].split(' '));
    let word = words.filter(|word| times(word) < 50).max_by_key(|word| times(word)).unwrap();
    let wanted = times(word);
    let path = format!("/v1/search?q={word}&limit=200");
    eventually(30, "the index has all messages", async || user.messages(&path).await.len() >= wanted).await;
    let found = user.messages(&path).await;
    let hits = found.iter().filter(|it| has(it["content"].as_str().unwrap(), word)).count();
    assert_eq!((found.len(), hits), (wanted, wanted), "{word}");
}

/// Every row is measured on both servers, and none of them refuses or loses anything.
#[test]
fn growth_is_measured_on_a_filled_and_a_small_server() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_chatserver"));
    command.current_dir(folder.path()).env_remove("CHATSERVER_FAILPOINTS");
    command.args(["bench", "--json", "--fill", "2000", "--runs", "1", "--seconds", "1"]);
    let rows = ["sends", "history", "lists", "cold", "users", "connect", "resume", "read"];
    let rows = rows.map(|row| format!("growth-{row}"));
    let output = command.args(["--only", &rows.join(",")]).output().unwrap();
    let report: Value =
        serde_json::from_slice(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"));
    assert!(output.status.success(), "{report:#}");
    let scenarios = report["scenarios"].as_array().unwrap();
    for row in rows {
        let of_row = |it: &&Value| it["scenario"].as_str().unwrap().starts_with(&format!("{row}, "));
        assert!(scenarios.iter().any(|it| of_row(&it)), "{row} in {report:#}");
    }
    for scenario in scenarios {
        assert!(scenario["ratio"].as_f64().is_some_and(|ratio| ratio > 0.0), "{scenario:#}");
        for side in ["filled", "small"] {
            let run = &scenario["runs"][side][0];
            assert!(run["main"].as_f64().unwrap() > 0.0, "{scenario:#}");
            assert!(run["faults"].as_object().unwrap().values().all(|count| *count == 0), "{scenario:#}");
        }
    }
    let left: Vec<_> = std::fs::read_dir(folder.path()).unwrap().flatten().collect();
    assert!(left.is_empty(), "it leaves {left:?} behind");
}
