//! A database that is filled from another store. At the end it equals the source, whatever it contained
//! before. Servers refuse it until then, and it refuses to be filled if data would be lost.

use std::collections::BTreeMap;

use chat_core::ids::{MessageId, Position};
use chat_core::messages::Recipient;
use chat_core::sync::Epoch;
use chat_core::transfer::{
    Batch, Digest, End, Failure, Kind, Range, Row, Source, TABLES, Table, Target, Value, transfer,
};
use chat_engines::Database;
use chat_postgres::{Import, OpenError, Options, Postgres};
use tokio::task::{block_in_place, spawn_blocking};

use crate::support::PostgresStore;

const EPOCH: Epoch = Epoch(4_000_000_001);
const KEY: &str = "a key that signs tokens, of the file's server";

/// The tables that are not moved, and the reasons.
const LEFT_OUT: [(&str, &str); 11] = [
    ("log", "its end is set at the end"),
    ("schema_version", "it is the database's own"),
    ("secrets", "the one that there is elsewhere is set at the end"),
    ("journal", "it is for nodes that run"),
    ("tickets", "they are good for a moment"),
    ("message_words", "they are made of the messages again"),
    ("name_keys", "they are made of the names again"),
    ("own_counts", "they are counted again"),
    ("unread_corrections", "they are made of the messages again"),
    ("mention_counts", "they are made of the messages again"),
    ("search_index", "it is built again"),
];

fn table(name: &str) -> &'static Table {
    TABLES.iter().find(|table| table.name == name).unwrap()
}

/// A store with these rows, in the order of their keys.
struct Rows {
    rows: BTreeMap<&'static str, Vec<Row>>,
    step: usize,
}

impl Rows {
    fn of(users: &[(i64, &str)]) -> Self {
        let rows = users.iter().map(|(id, name)| user(*id, name)).collect();
        Self { rows: BTreeMap::from([("users", rows)]), step: 2 }
    }
}

impl Source for Rows {
    fn is_final(&self) -> bool {
        true
    }

    fn count(&mut self, table: &'static Table) -> Result<u64, Failure> {
        Ok(self.rows.get(table.name).map_or(0, |rows| rows.len() as u64))
    }

    fn next(&mut self, table: &'static Table, after: Option<&[Value]>, _: usize) -> Result<Batch, Failure> {
        let rows = self.rows.get(table.name).into_iter().flatten();
        let rows = rows.filter(|row| after.is_none_or(|after| table.key_of(row) > after));
        Ok(Batch { rows: rows.take(self.step).cloned().collect(), ..Batch::default() })
    }

    fn end(&mut self) -> Result<End, Failure> {
        let position = Position(1000);
        Ok(End {
            epoch: EPOCH,
            position,
            feed_from: Position(990),
            messages: 500,
            users: 70,
            conversations: 60,
            groups: 0,
        })
    }
}

fn user(id: i64, name: &str) -> Row {
    let text = |text: String| Value::Text(text);
    let email = format!("{name}@example.com");
    vec![
        Value::Integer(id),
        text(name.into()),
        text(name.into()),
        text(email.clone()),
        text(email),
        text("x".into()),
        Value::Integer(1),
        Value::Integer(0),
        Value::Flag(false),
    ]
}

/// Creates a row for a table with numbers derived from `number`. Nullable columns are NULL unless
/// `is_filled`.
fn any(table: &Table, number: i64, is_filled: bool) -> Row {
    let value = |(index, column): (usize, &chat_core::transfer::Column)| match column.kind {
        _ if column.is_optional && !is_filled => Value::Null,
        Kind::Flag => Value::Flag(number % 2 == 0),
        // The smaller of two users comes first.
        Kind::Integer => Value::Integer(number * 10 + i64::from(index == 1)),
        Kind::Text => Value::Text(format!("🧀 {number}")),
        Kind::Bytes => Value::Bytes(vec![0, 255, number.to_le_bytes()[0]]),
    };
    table.columns.iter().enumerate().map(value).collect()
}

fn new_database() -> Database {
    chat_engines::shared().database().unwrap_or_else(|error| panic!("no PostgreSQL: {error:#}"))
}

fn begin(database: &Database, epoch: Epoch) -> Result<Import, OpenError> {
    Import::begin(&options(database), epoch, Some(KEY.into()))
}

#[track_caller]
fn refused(database: &Database, epoch: Epoch) -> OpenError {
    match begin(database, epoch) {
        Ok(_) => panic!("it was begun"),
        Err(error) => error,
    }
}

fn options(database: &Database) -> Options {
    Options { url: database.url(), readers: 1, search: true, ..Options::default() }
}

fn prepare(database: &Database) -> Result<(), OpenError> {
    Postgres::prepare(&options(database)).map(drop)
}

const COLUMNS: &str = "
    SELECT c.table_name, c.column_name, c.data_type, c.is_nullable,
           coalesce(array_position(i.indkey::smallint[], a.attnum), -1)
    FROM information_schema.columns c
    JOIN pg_class t ON t.relname = c.table_name AND t.relnamespace = 'chatserver'::regnamespace
    JOIN pg_attribute a ON a.attrelid = t.oid AND a.attname = c.column_name
    LEFT JOIN pg_index i ON i.indrelid = t.oid AND i.indisprimary
    WHERE c.table_schema = 'chatserver'";

#[test]
fn every_column_is_moved_or_left_out_for_a_reason() {
    let database = new_database();
    prepare(&database).unwrap();
    let printed = database.execute(COLUMNS).unwrap();
    let mut found: BTreeMap<&str, Vec<Vec<&str>>> = BTreeMap::new();
    for line in printed.lines() {
        let cells: Vec<_> = line.split('|').collect();
        found.entry(cells[0]).or_default().push(cells[1..].to_vec());
    }
    for (name, _) in LEFT_OUT {
        assert!(found.remove(name).is_some(), "{name} is not there");
    }
    for table in &TABLES {
        let mut columns = found.remove(table.name).unwrap_or_else(|| panic!("{} is not there", table.name));
        columns.sort_by_key(|it| (it[3] == "-1", it[3], it[0]));
        let mut listed: Vec<_> = table.columns.iter().collect();
        listed[table.n_keys..].sort_by_key(|it| it.name);
        assert_eq!(columns.iter().filter(|it| it[3] != "-1").count(), table.n_keys, "{}", table.name);
        assert_eq!(columns.len(), listed.len(), "{}: {columns:?}", table.name);
        for (column, listed) in columns.iter().zip(listed) {
            let of_kind = match listed.kind {
                Kind::Flag => "boolean",
                Kind::Integer => "bigint",
                Kind::Text => "text",
                Kind::Bytes => "bytea",
            };
            let is_nullable = if listed.is_optional { "YES" } else { "NO" };
            assert_eq!(column[..3], [listed.name, of_kind, is_nullable], "{}", table.name);
        }
    }
    assert!(found.is_empty(), "these are neither moved nor left out: {:?}", found.keys());
}

#[test]
fn rows_of_every_table_survive_a_round_trip() {
    let database = new_database();
    let mut import = begin(&database, EPOCH).unwrap();
    let everything = Range { after: None, upto: None };
    for table in &TABLES {
        let mut rows: Vec<_> = (1..=6).map(|number| any(table, number, number % 2 == 0)).collect();
        import.replace(table, everything, &rows).unwrap();
        assert_eq!(import.digest(table, everything).unwrap(), Digest::of(&rows), "{}", table.name);
        // The bounds: after the first key, up to the fourth.
        let (first, fourth) = (table.key_of(&rows[0]).to_vec(), table.key_of(&rows[3]).to_vec());
        let inside = Range { after: Some(&first), upto: Some(&fourth) };
        assert_eq!(import.digest(table, inside).unwrap(), Digest::of(&rows[1..4]), "{}", table.name);
        import.replace(table, inside, &rows[2..3]).unwrap();
        rows.drain(3..4);
        rows.drain(1..2);
        assert_eq!(import.digest(table, everything).unwrap(), Digest::of(&rows), "{}", table.name);
        let rest = Range { after: Some(&first), upto: None };
        import.replace(table, rest, &[]).unwrap();
        assert_eq!(import.digest(table, everything).unwrap(), Digest::of(&rows[..1]), "{}", table.name);
    }
}

/// Distinct names have moved to other ids in the meantime.
#[test]
fn conflicting_rows_are_replaced() {
    let database = new_database();
    for users in [
        vec![(1, "ann"), (2, "ben"), (3, "cay"), (4, "dan"), (5, "eve")],
        vec![(1, "eve"), (2, "dan"), (3, "cay"), (4, "ben"), (5, "ann"), (6, "fay")],
        vec![(1, "fay"), (4, "ann")],
    ] {
        let (mut source, mut import) = (Rows::of(&users), begin(&database, EPOCH).unwrap());
        // Only the tables: the transfer must stay unfinished.
        let mut target = Unfinished(&mut import);
        transfer(&mut source, &mut target, &mut |_| {}).unwrap();
        let rows = database.execute("SELECT id, username FROM users ORDER BY id").unwrap();
        let expected: Vec<_> = users.iter().map(|(id, name)| format!("{id}|{name}")).collect();
        assert_eq!(rows.lines().collect::<Vec<_>>(), expected);
    }
}

struct Unfinished<'a>(&'a mut Import);

impl Target for Unfinished<'_> {
    fn digest(&mut self, table: &'static Table, range: Range<'_>) -> Result<Digest, Failure> {
        self.0.digest(table, range)
    }

    fn replace(&mut self, table: &'static Table, range: Range<'_>, rows: &[Row]) -> Result<(), Failure> {
        self.0.replace(table, range, rows)
    }

    fn finish(&mut self, _: &End) -> Result<(), Failure> {
        Ok(())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_continues_a_complete_database() {
    let database = block_in_place(new_database);
    block_in_place(|| {
        let mut import = begin(&database, EPOCH).unwrap();
        transfer(&mut Rows::of(&[(7, "tom"), (9, "jerry")]), &mut import, &mut |_| {}).unwrap();
        let prepared = Postgres::prepare(&options(&database)).unwrap();
        assert_eq!(prepared.epoch(), EPOCH);
        assert_eq!(prepared.kept_secret("another").unwrap(), KEY);
    });
    let node = PostgresStore::on_database(database).await;
    let spike = node.user("spike").await;
    assert_eq!(spike.0, 71, "the highest id ever given out was 70");
    let group = node.group(spike, &[]).await;
    assert_eq!((group.id.0, group.conversation.0), (1, 61));
    let end = node.rows().await.log_end;
    let message = node.say(spike, Recipient::Group(group.id), "hello").await;
    assert_eq!(message.id, MessageId(501));
    assert!(end >= 1000 && node.rows().await.log_end == end + 1);
    node.close().await;
}

#[test]
fn an_incomplete_database_is_refused_by_servers() {
    let database = new_database();
    let mut import = begin(&database, EPOCH).unwrap();
    import.replace(table("users"), Range { after: None, upto: None }, &[user(1, "tom")]).unwrap();
    for _ in 0..2 {
        let error = prepare(&database).unwrap_err();
        assert!(matches!(error, OpenError::Unfinished(_)), "{error}");
        assert!(error.to_string().contains("chatserver migrate"), "{error}");
    }
    drop(import);
    // It continues where it was interrupted.
    let mut import = begin(&database, EPOCH).unwrap();
    transfer(&mut Rows::of(&[(1, "tom")]), &mut import, &mut |_| {}).unwrap();
    prepare(&database).unwrap();
}

#[test]
fn a_database_with_another_stores_rows_is_refused() {
    let database = new_database();
    drop(begin(&database, EPOCH).unwrap());
    let error = refused(&database, Epoch(5));
    assert!(matches!(error, OpenError::OtherSource(_)), "{error}");
    let mut import = begin(&database, EPOCH).unwrap();
    transfer(&mut Rows::of(&[(1, "tom")]), &mut import, &mut |_| {}).unwrap();
    drop(import);
    let error = refused(&database, EPOCH);
    assert!(matches!(error, OpenError::AlreadyMoved(_)), "{error}");
    let error = refused(&database, Epoch(5));
    assert!(matches!(error, OpenError::NotEmpty(_)), "{error}");
    prepare(&database).expect("it is as it was");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_served_or_filled_database_is_refused() {
    let database = block_in_place(new_database);
    let target = options(&database);
    let try_it = async || {
        let target = target.clone();
        let begun = spawn_blocking(move || Import::begin(&target, EPOCH, None).err()).await.unwrap();
        begun.expect("it was begun")
    };
    let node = PostgresStore::on_database(database).await;
    let error = try_it().await;
    assert!(matches!(error, OpenError::Busy { who: "a server is running", .. }), "{error}");
    node.user("tom").await;
    let error = try_it().await;
    assert!(matches!(error, OpenError::NotEmpty(_)), "{error}");
    node.user("the server is as it was").await;
    let node = node.reopen().await;
    node.close().await;
}

#[test]
fn two_at_a_time_are_refused() {
    let database = new_database();
    let import = begin(&database, EPOCH).unwrap();
    let error = refused(&database, EPOCH);
    assert!(
        matches!(error, OpenError::Busy { who: "another `chatserver migrate` is running", .. }),
        "{error}"
    );
    drop(import);
    begin(&database, EPOCH).unwrap();
}
