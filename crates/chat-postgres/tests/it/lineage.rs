//! A database that has gone back under a store: whatever way it was, the log has a new epoch before anything is told of
//! it, and everybody is told once.

use std::sync::{Arc, Mutex};

use chat_core::accounts::AccountStore as _;
use chat_core::cluster::{Journal as _, JournalPage};
use chat_core::event::{Event, Signal};
use chat_core::ids::Position;
use chat_core::messages::Recipient;
use chat_core::ports::{EventSink, Store};
use chat_core::sync::{Cursor, Epoch, SyncStore as _};
use chat_engines::Database;
use chat_postgres::{Options, Postgres};
use tokio::task::{block_in_place, spawn_blocking};

use crate::support::PostgresStore;
use chat_contract::message;

/// Keeps what it is told, in order.
#[derive(Default)]
struct Ear(Mutex<Vec<Told>>);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Told {
    Event(Position),
    Turned(Cursor),
}

impl EventSink for Ear {
    fn publish(&self, events: &[Arc<Event>]) {
        self.0.lock().unwrap().extend(events.iter().map(|event| Told::Event(event.position)));
    }

    fn signal(&self, _: Signal) {}

    fn turned(&self, to: Cursor) {
        self.0.lock().unwrap().push(Told::Turned(to));
    }
}

impl Ear {
    fn take(&self) -> Vec<Told> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    fn turns(&self) -> Vec<Cursor> {
        let turned = |told| if let Told::Turned(to) = told { Some(to) } else { None };
        self.take().into_iter().filter_map(turned).collect()
    }
}

fn options(database: &Database) -> Options {
    Options { url: database.url(), readers: 2, search: true, ..Options::default() }
}

async fn opened(database: &Database, ear: &Arc<Ear>) -> Arc<Postgres> {
    let (options, ear) = (options(database), ear.clone());
    let store = spawn_blocking(move || Postgres::prepare(&options)?.open(ear)).await.unwrap();
    Arc::new(store.unwrap_or_else(|error| panic!("{error}")))
}

async fn close(store: Arc<Postgres>) {
    spawn_blocking(move || store.close()).await.unwrap();
}

fn new_database() -> Database {
    chat_engines::shared().database().unwrap_or_else(|error| panic!("no PostgreSQL: {error:#}"))
}

fn execute(database: &Database, statements: &str) -> String {
    block_in_place(|| database.execute(&format!("SET search_path = chatserver; {statements}")).unwrap())
}

/// Ends all sessions of servers, as a failover does.
fn cut_off(database: &Database) {
    let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    execute(database, others);
}

/// Puts the database back to where the log ended there, with one message.
fn go_back(database: &Database, end: Cursor) {
    execute(database, &back_to(end));
}

fn back_to(end: Cursor) -> String {
    let end = end.position.0;
    format!(
        "DELETE FROM messages WHERE content LIKE 'lost%'; DELETE FROM journal WHERE last > {end};
         UPDATE conversations SET last_seq = 1, rev = 1;
         UPDATE log SET position = {end}, message_id = 1"
    )
}

/// The log's end, if not at once: each session that was cut off is noticed by whoever uses it.
async fn log_end_of(store: &dyn Store) -> Cursor {
    for _ in 0..200 {
        match store.log_end().await {
            Ok(end) => return end,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    }
    panic!("the log's end cannot be read")
}

/// Something is written, if not at once: sessions that were cut off are noticed by those who use them.
async fn written(store: &dyn Store, content: &str) -> Position {
    for _ in 0..200 {
        let new = message(chat_core::ids::UserId(1), Recipient::User(chat_core::ids::UserId(2)), content);
        if store.post(new).await.is_ok() {
            return log_end_of(store).await.position;
        }
        tokio::time::sleep(std::time::Duration::from_millis(10)).await;
    }
    panic!("nothing can be written")
}

/// Two nodes on a database with two users and a message.
async fn two() -> (Database, [Arc<Postgres>; 2], [Arc<Ear>; 2]) {
    let database = block_in_place(new_database);
    let ears = [Arc::new(Ear::default()), Arc::new(Ear::default())];
    let stores = [opened(&database, &ears[0]).await, opened(&database, &ears[1]).await];
    for name in ["tom", "jerry"] {
        stores[0].create_account(chat_contract::account(name)).await.unwrap();
    }
    written(&*stores[0], "before").await;
    (database, stores, ears)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_epoch_that_a_person_gives_is_noticed_by_whoever_reads_the_end_or_writes() {
    let (database, [one, other], ears) = two().await;
    let before = other.log_end().await.unwrap();
    ears.iter().for_each(|ear| drop(ear.take()));
    execute(&database, "UPDATE log SET epoch = 4711");
    let to = Cursor { epoch: Epoch(4711), ..before };
    assert_eq!(other.log_end().await.unwrap(), to);
    assert_eq!(ears[1].take(), [Told::Turned(to)]);
    let after = written(&*one, "after").await;
    // The turn comes first, and what was written then is told as of the new log.
    assert_eq!(ears[0].take()[..2], [Told::Turned(to), Told::Event(Position(before.position.0 + 1))]);
    assert_eq!(one.log_end().await.unwrap(), Cursor { position: after, ..to });
    assert_eq!(ears.each_ref().map(|ear| ear.turns()), [vec![], vec![]], "and once");
    close(one).await;
    close(other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_became_shorter_gets_one_new_epoch_for_all_nodes() {
    let (database, [one, other], ears) = two().await;
    let kept = one.log_end().await.unwrap();
    written(&*one, "lost").await;
    written(&*other, "lost too").await;
    let before = one.log_end().await.unwrap();
    ears.iter().for_each(|ear| drop(ear.take()));
    go_back(&database, kept);
    let end = other.log_end().await.unwrap();
    assert!(end.epoch != before.epoch && end.position == kept.position, "{end}");
    assert_eq!(ears[1].turns(), [end]);
    assert_eq!(one.log_end().await.unwrap(), end, "the other takes it over");
    assert_eq!(ears[0].turns(), [end]);
    close(one).await;
    close(other).await;
}

/// As by a dump of the data alone, or the server's folder, that is put back more than once.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_put_back_again_and_again_is_another_one_each_time() {
    let (database, [one, other], ears) = two().await;
    let kept = one.log_end().await.unwrap();
    let mut epochs = vec![kept.epoch];
    for _ in 0..3 {
        written(&*one, "lost").await;
        ears.iter().for_each(|ear| drop(ear.take()));
        let epoch = format!("UPDATE log SET epoch = {}, left_epochs = '{{}}'", kept.epoch.0);
        execute(&database, &format!("{}; {epoch}", back_to(kept)));
        // Who has told of what is gone notices first.
        let end = log_end_of(&*one).await;
        assert!(!epochs.contains(&end.epoch) && end.position == kept.position, "{end} {epochs:?}");
        assert_eq!(log_end_of(&*other).await, end);
        assert_eq!(ears.each_ref().map(|ear| ear.turns()), [vec![end], vec![end]]);
        epochs.push(end.epoch);
    }
    close(one).await;
    close(other).await;
}

/// Whoever follows the journal may have come further in the old log than the new one goes, and ask for what is after that
/// before it hears of the turn.
#[tokio::test(flavor = "multi_thread")]
async fn whoever_asks_for_what_is_beyond_the_new_log_does_not_end_it() {
    let (database, [one, other], ears) = two().await;
    let kept = one.log_end().await.unwrap();
    let far = written(&*one, "lost").await;
    let (follower, ear) = (options(&database), Arc::new(Ear::default()));
    let told = ear.clone();
    let (journal, follower) = spawn_blocking(move || {
        let prepared = Postgres::prepare(&follower).unwrap();
        (prepared.journal().unwrap(), Arc::new(prepared.open(told).unwrap()))
    })
    .await
    .unwrap();
    go_back(&database, kept);
    let end = one.log_end().await.unwrap();
    assert_eq!(follower.log_end().await.unwrap(), end);
    let page = journal.read(far, 10).await.unwrap();
    assert!(matches!(page, JournalPage::Events { events, .. } if events.is_empty()));
    assert_eq!(follower.log_end().await.unwrap(), end);
    assert_eq!((ear.turns(), ears[0].turns()), (vec![end], vec![end]), "and no other");
    for store in [one, other, follower] {
        close(store).await;
    }
}

/// The timeline cannot be read, and by the time that it looks, the log is as long as ever.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_told_and_is_something_else_now_is_noticed_by_the_next_session() {
    let (database, [one, other], ears) = two().await;
    let kept = one.log_end().await.unwrap();
    written(&*one, "lost").await;
    let before = one.log_end().await.unwrap();
    close(other).await;
    go_back(&database, kept);
    // Nobody has seen that state but a node that begins with it.
    let ear = Arc::new(Ear::default());
    let third = opened(&database, &ear).await;
    for content in ["one", "two", "three"] {
        written(&*third, content).await;
    }
    assert!(third.log_end().await.unwrap().position > before.position);
    assert_eq!(ear.turns(), []);
    ears[0].take();
    cut_off(&database);
    written(&*one, "four").await;
    let turns = ears[0].turns();
    assert!(turns.len() == 1 && turns[0].epoch != before.epoch, "{turns:?}");
    assert_eq!(log_end_of(&*third).await.epoch, turns[0].epoch);
    close(one).await;
    close(third).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_are_cut_off_find_the_same_log_again() {
    let (database, [one, other], ears) = two().await;
    let before = one.log_end().await.unwrap();
    cut_off(&database);
    let end = written(&*one, "after").await;
    assert_eq!(log_end_of(&*one).await, Cursor { position: end, ..before });
    assert_eq!(ears.each_ref().map(|ear| ear.turns()), [vec![], vec![]]);
    close(one).await;
    close(other).await;
}

/// The dump of a database that is loaded into another one has the epoch of the first.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_other_tables_than_it_was_has_a_new_epoch_from_the_start() {
    let node = PostgresStore::fresh().await;
    let epoch = node.store.log_end().await.unwrap().epoch;
    assert_eq!(node.second().await.store.log_end().await.unwrap().epoch, epoch);
    let db = node.connect().await;
    let origin: String = db.query_one("SELECT origin FROM log", &[]).await.unwrap().get(0);
    let parts: Vec<_> = origin.split('/').collect();
    assert!(parts.len() == 3 && parts[1] == "00000001" && parts.iter().all(|part| *part != "-"), "{origin}");
    db.batch_execute(
        "ALTER TABLE log RENAME TO old_log; CREATE TABLE log (LIKE old_log INCLUDING ALL);
         INSERT INTO log SELECT * FROM old_log; DROP TABLE old_log",
    )
    .await
    .unwrap();
    // A session that has the old table's plan, and one that begins.
    let renewed = node.store.log_end().await.unwrap().epoch;
    assert_ne!(renewed, epoch);
    assert_eq!(node.second().await.store.log_end().await.unwrap().epoch, renewed, "once");
    node.close().await;
}

/// As some who are given a database by others are.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_without_rights_to_ask_where_it_is_works_all_the_same() {
    let database = block_in_place(new_database);
    let role = format!("{}_blind", database.name());
    execute(
        &database,
        &format!(
            "CREATE ROLE {role} LOGIN; GRANT CREATE ON DATABASE {} TO {role};
             REVOKE EXECUTE ON FUNCTION pg_control_system(), pg_walfile_name(pg_lsn) FROM PUBLIC",
            database.name()
        ),
    );
    let url = database.url().replacen("postgres@", &format!("{role}@"), 1);
    assert_ne!(url, database.url());
    let options = Options { url, readers: 1, ..Options::default() };
    let ear = Arc::new(Ear::default());
    let sink = ear.clone();
    let store = spawn_blocking(move || Postgres::prepare(&options)?.open(sink)).await.unwrap().unwrap();
    let store = Arc::new(store);
    let end = store.log_end().await.unwrap();
    let origin = execute(&database, "SELECT origin FROM log");
    assert!(origin.starts_with("-/-/") && origin.len() > 5, "{origin}");
    // One with more rights adds what it knows.
    let sighted = opened(&database, &ear).await;
    assert!(!execute(&database, "SELECT origin FROM log").contains('-'));
    assert_eq!((sighted.log_end().await.unwrap(), ear.turns()), (end, vec![]));
    close(store).await;
    close(sighted).await;
    let grant = "GRANT EXECUTE ON FUNCTION pg_control_system(), pg_walfile_name(pg_lsn) TO PUBLIC";
    execute(&database, &format!("{grant}; DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
}
