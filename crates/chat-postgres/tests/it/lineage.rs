//! A database that goes back in time under a running store. In every case the log gets a new epoch before
//! anything of it is announced, and each sink learns of it once.

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

/// Records its notifications, in order.
#[derive(Default)]
struct RecordingSink(Mutex<Vec<Notification>>);

#[derive(Debug, Clone, Copy, PartialEq)]
enum Notification {
    Event(Position),
    LogReplaced(Cursor),
}

impl EventSink for RecordingSink {
    fn publish(&self, events: &[Arc<Event>]) {
        self.0.lock().unwrap().extend(events.iter().map(|event| Notification::Event(event.position)));
    }

    fn signal(&self, _: Signal) {}

    fn log_replaced(&self, to: Cursor) {
        self.0.lock().unwrap().push(Notification::LogReplaced(to));
    }
}

impl RecordingSink {
    fn take(&self) -> Vec<Notification> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }

    fn replacements(&self) -> Vec<Cursor> {
        let turned =
            |notification| if let Notification::LogReplaced(to) = notification { Some(to) } else { None };
        self.take().into_iter().filter_map(turned).collect()
    }
}

fn options(database: &Database) -> Options {
    Options { url: database.url(), readers: 2, search: true, ..Options::default() }
}

async fn opened(database: &Database, sink: &Arc<RecordingSink>) -> Arc<Postgres> {
    let (options, sink) = (options(database), sink.clone());
    let store = spawn_blocking(move || Postgres::prepare(&options)?.open(sink)).await.unwrap();
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
fn end_sessions(database: &Database) {
    let others = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
                  WHERE datname = current_database() AND pid <> pg_backend_pid()";
    execute(database, others);
}

/// Puts the database back to this end of the log, with one message.
fn restore(database: &Database, end: Cursor) {
    execute(database, &restoration(end));
}

fn restoration(end: Cursor) -> String {
    let end = end.position.0;
    format!(
        "DELETE FROM messages WHERE content LIKE 'lost%'; DELETE FROM journal WHERE last > {end};
         UPDATE conversations SET last_seq = 1, rev = 1;
         UPDATE log SET position = {end}, message_id = 1"
    )
}

/// Returns the log's end, with retries: a session that was cut off is noticed when it is used.
async fn log_end_of(store: &dyn Store) -> Cursor {
    for _ in 0..200 {
        match store.log_end().await {
            Ok(end) => return end,
            Err(_) => tokio::time::sleep(std::time::Duration::from_millis(10)).await,
        }
    }
    panic!("the log's end cannot be read")
}

/// Posts a message, with retries: a session that was cut off is noticed when it is used.
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

/// Opens two nodes on a database with two users and a message.
async fn two_nodes() -> (Database, [Arc<Postgres>; 2], [Arc<RecordingSink>; 2]) {
    let database = block_in_place(new_database);
    let sinks = [Arc::new(RecordingSink::default()), Arc::new(RecordingSink::default())];
    let stores = [opened(&database, &sinks[0]).await, opened(&database, &sinks[1]).await];
    for name in ["tom", "jerry"] {
        stores[0].create_account(chat_contract::account(name)).await.unwrap();
    }
    written(&*stores[0], "before").await;
    (database, stores, sinks)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operators_new_epoch_is_noticed_by_reads_of_the_end_and_by_writes() {
    let (database, [one, other], sinks) = two_nodes().await;
    let before = other.log_end().await.unwrap();
    sinks.iter().for_each(|sink| drop(sink.take()));
    execute(&database, "UPDATE log SET epoch = 4711");
    let to = Cursor { epoch: Epoch(4711), ..before };
    assert_eq!(other.log_end().await.unwrap(), to);
    assert_eq!(sinks[1].take(), [Notification::LogReplaced(to)]);
    let after = written(&*one, "after").await;
    // The new epoch comes first, and later events belong to the new log.
    assert_eq!(
        sinks[0].take()[..2],
        [Notification::LogReplaced(to), Notification::Event(Position(before.position.0 + 1))]
    );
    assert_eq!(one.log_end().await.unwrap(), Cursor { position: after, ..to });
    assert_eq!(sinks.each_ref().map(|sink| sink.replacements()), [vec![], vec![]], "and once");
    close(one).await;
    close(other).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_became_shorter_gets_one_new_epoch_for_all_nodes() {
    let (database, [one, other], sinks) = two_nodes().await;
    let earlier = one.log_end().await.unwrap();
    written(&*one, "lost").await;
    written(&*other, "lost too").await;
    let before = one.log_end().await.unwrap();
    sinks.iter().for_each(|sink| drop(sink.take()));
    restore(&database, earlier);
    let end = other.log_end().await.unwrap();
    assert!(end.epoch != before.epoch && end.position == earlier.position, "{end}");
    assert_eq!(sinks[1].replacements(), [end]);
    assert_eq!(one.log_end().await.unwrap(), end, "the other takes it over");
    assert_eq!(sinks[0].replacements(), [end]);
    close(one).await;
    close(other).await;
}

/// As if a dump of the data, or a copy of the server's folder, is restored more than once.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_is_restored_repeatedly_gets_a_new_epoch_each_time() {
    let (database, [one, other], sinks) = two_nodes().await;
    let earlier = one.log_end().await.unwrap();
    let mut epochs = vec![earlier.epoch];
    for _ in 0..3 {
        written(&*one, "lost").await;
        sinks.iter().for_each(|sink| drop(sink.take()));
        let epoch = format!("UPDATE log SET epoch = {}, left_epochs = '{{}}'", earlier.epoch.0);
        execute(&database, &format!("{}; {epoch}", restoration(earlier)));
        // The node that has published the lost message notices first.
        let end = log_end_of(&*one).await;
        assert!(!epochs.contains(&end.epoch) && end.position == earlier.position, "{end} {epochs:?}");
        assert_eq!(log_end_of(&*other).await, end);
        assert_eq!(sinks.each_ref().map(|sink| sink.replacements()), [vec![end], vec![end]]);
        epochs.push(end.epoch);
    }
    close(one).await;
    close(other).await;
}

/// A reader of the journal may be further in the old log than the new one goes, and read after that position
/// before it learns of the new epoch.
#[tokio::test(flavor = "multi_thread")]
async fn a_read_beyond_the_end_of_the_new_log_does_not_replace_it() {
    let (database, [one, other], sinks) = two_nodes().await;
    let earlier = one.log_end().await.unwrap();
    let far = written(&*one, "lost").await;
    let (follower, sink) = (options(&database), Arc::new(RecordingSink::default()));
    let follower_sink = sink.clone();
    let (journal, follower) = spawn_blocking(move || {
        let prepared = Postgres::prepare(&follower).unwrap();
        (prepared.journal().unwrap(), Arc::new(prepared.open(follower_sink).unwrap()))
    })
    .await
    .unwrap();
    restore(&database, earlier);
    let end = one.log_end().await.unwrap();
    assert_eq!(follower.log_end().await.unwrap(), end);
    let page = journal.read(far, 10).await.unwrap();
    assert!(matches!(page, JournalPage::Events { events, .. } if events.is_empty()));
    assert_eq!(follower.log_end().await.unwrap(), end);
    assert_eq!((sink.replacements(), sinks[0].replacements()), (vec![end], vec![end]), "and no other");
    for store in [one, other, follower] {
        close(store).await;
    }
}

/// The role cannot read the timeline, and when it looks, the log is as long as before.
#[tokio::test(flavor = "multi_thread")]
async fn a_replaced_commit_is_noticed_by_the_next_session() {
    let (database, [one, other], sinks) = two_nodes().await;
    let earlier = one.log_end().await.unwrap();
    written(&*one, "lost").await;
    let before = one.log_end().await.unwrap();
    close(other).await;
    restore(&database, earlier);
    // Only a node that begins with this state has seen it.
    let sink = Arc::new(RecordingSink::default());
    let third = opened(&database, &sink).await;
    for content in ["one", "two", "three"] {
        written(&*third, content).await;
    }
    assert!(third.log_end().await.unwrap().position > before.position);
    assert_eq!(sink.replacements(), []);
    sinks[0].take();
    end_sessions(&database);
    written(&*one, "four").await;
    let replacements = sinks[0].replacements();
    assert!(replacements.len() == 1 && replacements[0].epoch != before.epoch, "{replacements:?}");
    assert_eq!(log_end_of(&*third).await.epoch, replacements[0].epoch);
    close(one).await;
    close(third).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn sessions_that_are_cut_off_find_the_same_log_again() {
    let (database, [one, other], sinks) = two_nodes().await;
    let before = one.log_end().await.unwrap();
    end_sessions(&database);
    let end = written(&*one, "after").await;
    assert_eq!(log_end_of(&*one).await, Cursor { position: end, ..before });
    assert_eq!(sinks.each_ref().map(|sink| sink.replacements()), [vec![], vec![]]);
    close(one).await;
    close(other).await;
}

/// A restored dump of another database has that database's epoch.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_other_tables_gets_a_new_epoch_at_once() {
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
    // One session has the plan for the old table, and one is new.
    let renewed = node.store.log_end().await.unwrap().epoch;
    assert_ne!(renewed, epoch);
    assert_eq!(node.second().await.store.log_end().await.unwrap().epoch, renewed, "once");
    node.close().await;
}

/// Like the roles that some hosting providers give out.
#[tokio::test(flavor = "multi_thread")]
async fn a_role_that_may_not_read_the_servers_identity_works() {
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
    let sink = Arc::new(RecordingSink::default());
    let store_sink = sink.clone();
    let store = spawn_blocking(move || Postgres::prepare(&options)?.open(store_sink)).await.unwrap().unwrap();
    let store = Arc::new(store);
    let end = store.log_end().await.unwrap();
    let origin = execute(&database, "SELECT origin FROM log");
    assert!(origin.starts_with("-/-/") && origin.len() > 5, "{origin}");
    // A role with more permissions adds what it can read.
    let privileged = opened(&database, &sink).await;
    assert!(!execute(&database, "SELECT origin FROM log").contains('-'));
    assert_eq!((privileged.log_end().await.unwrap(), sink.replacements()), (end, vec![]));
    close(store).await;
    close(privileged).await;
    let grant = "GRANT EXECUTE ON FUNCTION pg_control_system(), pg_walfile_name(pg_lsn) TO PUBLIC";
    execute(&database, &format!("{grant}; DROP OWNED BY {role} CASCADE; DROP ROLE {role}"));
}
