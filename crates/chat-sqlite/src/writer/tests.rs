//! Tests with batches of known contents: a first write blocks the thread until all others of the batch are queued.

use std::future::Future;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::Mutex;
use std::sync::mpsc::{Receiver, Sender as Release, channel};
use std::task::{Context, Poll, Waker};

use chat_core::Unique;
use chat_core::event::{Change, Signal};
use chat_core::ids::{MessageId, UserId};
use chat_core::saved::Saved;
use tempfile::TempDir;

use super::*;

#[derive(Default)]
struct Recorder(Mutex<Vec<(Position, UserId)>>);

impl EventSink for Recorder {
    fn publish(&self, events: &[Arc<Event>]) {
        let named = events.iter().map(|event| match event.change {
            Change::MessageSaved { user, .. } => (event.position, user),
            _ => panic!("{event:?}"),
        });
        self.0.lock().unwrap().extend(named);
    }

    fn signal(&self, _: Signal) {}
}

type Answer<T> = Pin<Box<dyn Future<Output = chat_core::Result<T>> + Send>>;

struct Bench {
    writer: Arc<Writer>,
    sink: Arc<Recorder>,
    path: PathBuf,
    _folder: TempDir,
}

impl Bench {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("chat.db");
        let mut connection = Connection::open(&path).unwrap();
        crate::schema::migrate(&mut connection, 0).unwrap();
        // The second table makes a commit fail, because its constraint is checked only then.
        connection
            .execute_batch(
                "CREATE TABLE numbers (n INTEGER PRIMARY KEY);
                 CREATE TABLE orphans (n INTEGER REFERENCES numbers (n) DEFERRABLE INITIALLY DEFERRED);",
            )
            .unwrap();
        let sink = Arc::new(Recorder::default());
        let writer = Arc::new(
            Writer::start(
                &path,
                (Shm::none(&path), Arc::new(Announced::unrecorded())),
                sink.clone(),
                WriterMetrics::default(),
            )
            .unwrap(),
        );
        Self { writer, sink, path, _folder: folder }
    }

    /// Queues a write at once.
    fn queue<T: Outcome + Send + 'static>(
        &self,
        work: impl FnMut(&Tx<'_>) -> Result<T> + Send + 'static,
    ) -> Answer<T> {
        let writer = self.writer.clone();
        let mut answer: Answer<T> = Box::pin(async move { writer.write(work).await });
        match answer.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(done) => Box::pin(std::future::ready(done)),
            Poll::Pending => answer,
        }
    }

    /// Blocks the thread in a batch of its own, so that the writes queued from now on form the next batch.
    fn hold(&self) -> (Answer<()>, Release<()>) {
        let (inside, is_inside) = channel();
        let (release, held): (Release<()>, Receiver<()>) = channel();
        let answer = self.queue(move |_| {
            let _ = inside.send(());
            let _ = held.recv();
            Ok(())
        });
        is_inside.recv().unwrap();
        (answer, release)
    }

    /// Queues a write of a number. Its event says that the user with that number saved a message.
    fn insert(&self, n: i64) -> Answer<Saved> {
        self.queue(move |tx| insert(tx, n))
    }

    fn numbers(&self) -> Vec<i64> {
        let connection = Connection::open(&self.path).unwrap();
        let mut statement = connection.prepare("SELECT n FROM numbers ORDER BY n").unwrap();
        statement.query_map((), |row| row.get(0)).unwrap().map(rusqlite::Result::unwrap).collect()
    }

    fn events(&self) -> Vec<(i64, i64)> {
        self.sink.0.lock().unwrap().iter().map(|(position, user)| (position.0, user.0)).collect()
    }
}

fn insert(tx: &Tx<'_>, n: i64) -> Result<Saved> {
    tx.execute("INSERT INTO numbers VALUES (?1)", [n])?;
    Ok(Saved::Now { user: UserId(n), message: MessageId(1), saved: true })
}

#[tokio::test]
async fn a_write_that_panics_after_a_change_does_not_lose_its_neighbours() {
    let bench = Bench::new();
    let (held, release) = bench.hold();
    let before = bench.insert(1);
    let panics = bench.queue(|tx| -> Result<Saved> {
        insert(tx, 2)?;
        panic!("on purpose")
    });
    let after = bench.insert(3);
    drop(release);
    held.await.unwrap();
    assert!(before.await.is_ok());
    assert!(matches!(panics.await, Err(Error::Internal(_))));
    assert!(after.await.is_ok());
    assert_eq!(bench.numbers(), [1, 3]);
    assert_eq!(bench.events(), [(1, 1), (2, 3)], "once each, in order, without the one that failed");
}

#[tokio::test]
async fn a_write_that_fails_after_a_change_does_not_lose_its_neighbours() {
    let bench = Bench::new();
    let (held, release) = bench.hold();
    let before = bench.insert(1);
    let fails = bench.queue(|tx| {
        insert(tx, 2)?;
        insert(tx, 1)
    });
    let refused = bench.queue(|tx| -> Result<Saved> {
        insert(tx, 4)?;
        Err(Error::NotMember.into())
    });
    let after = bench.insert(3);
    drop(release);
    held.await.unwrap();
    assert!(before.await.is_ok());
    assert!(matches!(fails.await, Err(Error::Internal(_))));
    assert!(matches!(refused.await, Err(Error::NotMember)), "though it had already changed something");
    assert!(after.await.is_ok());
    assert_eq!(bench.numbers(), [1, 3]);
    assert_eq!(bench.events(), [(1, 1), (2, 3)]);
}

#[tokio::test]
async fn a_write_that_fails_before_any_change_leaves_the_batch_whole() {
    let bench = Bench::new();
    let (held, release) = bench.hold();
    let before = bench.insert(1);
    let panics = bench.queue(|_| -> Result<Saved> { panic!("on purpose") });
    let fails = bench.insert(1);
    let after = bench.insert(3);
    drop(release);
    held.await.unwrap();
    assert!(before.await.is_ok() && panics.await.is_err() && fails.await.is_err() && after.await.is_ok());
    assert_eq!((bench.numbers(), bench.events()), (vec![1, 3], vec![(1, 1), (2, 3)]));
}

#[tokio::test]
async fn a_failed_commit_refuses_the_whole_batch_and_the_next_one_works() {
    let bench = Bench::new();
    let (held, release) = bench.hold();
    let neighbour = bench.insert(1);
    let spoils = bench.queue(|tx| Ok(tx.execute("INSERT INTO orphans VALUES (99)", ()).map(drop)?));
    // This write is refused because of a change by the first one, which is then rolled back.
    let refused = bench.queue(|tx| {
        let taken = tx.prepare("SELECT 1 FROM numbers WHERE n = 1")?.exists(())?;
        if taken { Err(Error::Taken(Unique::Username).into()) } else { insert(tx, 1) }
    });
    drop(release);
    held.await.unwrap();
    for answer in [neighbour.await.map(drop), spoils.await, refused.await.map(drop)] {
        assert!(matches!(answer, Err(Error::Unavailable(_))), "{answer:?}");
    }
    assert_eq!((bench.numbers(), bench.events()), (vec![], vec![]));
    bench.insert(5).await.unwrap();
    assert_eq!((bench.numbers(), bench.events()), (vec![5], vec![(1, 5)]));
}

#[tokio::test]
async fn closing_writes_what_is_queued_and_refuses_what_comes_later() {
    let bench = Bench::new();
    let (held, release) = bench.hold();
    // More than one batch.
    let queued: Vec<_> = (1..=1500).map(|n| bench.insert(n)).collect();
    let late = std::thread::scope(|scope| {
        scope.spawn(|| bench.writer.close());
        while !bench.writer.queue.is_closed() {
            std::thread::yield_now();
        }
        let late = bench.insert(2000);
        drop(release);
        late
    });
    let late = late.await;
    assert!(matches!(late, Err(Error::Unavailable(_))), "{late:?}");
    held.await.unwrap();
    for answer in queued {
        answer.await.unwrap();
    }
    assert_eq!(bench.numbers(), Vec::from_iter(1..=1500));
    assert_eq!(bench.events(), Vec::from_iter((1..=1500).map(|n| (n, n))));
}

#[tokio::test]
async fn an_outcome_without_a_change_takes_no_position() {
    let bench = Bench::new();
    bench.insert(1).await.unwrap();
    bench.queue(|_| Ok(Saved::Already)).await.unwrap();
    bench.insert(2).await.unwrap();
    assert_eq!(bench.events(), [(1, 1), (2, 2)]);
}

#[tokio::test]
async fn what_is_rolled_back_leaves_nothing_in_the_feed() {
    let bench = Bench::new();
    let rows = Connection::open(&bench.path).unwrap();
    rows.execute_batch("INSERT INTO feed_readers VALUES ('a', 0, 0, 0); UPDATE log SET feed_readers = 1")
        .unwrap();
    let (held, release) = bench.hold();
    let before = bench.insert(1);
    let fails = bench.queue(|tx| -> Result<Saved> {
        insert(tx, 2)?;
        insert(tx, 2)
    });
    let after = bench.insert(3);
    release.send(()).unwrap();
    held.await.unwrap();
    before.await.unwrap();
    fails.await.unwrap_err();
    after.await.unwrap();
    // A commit that fails, and its whole batch with it.
    let (held, release) = bench.hold();
    let neighbour = bench.insert(4);
    let orphan = bench.queue(|tx| -> Result<Saved> {
        tx.execute("INSERT INTO orphans VALUES (99)", ())?;
        Ok(Saved::Now { user: UserId(5), message: MessageId(1), saved: true })
    });
    release.send(()).unwrap();
    held.await.unwrap();
    neighbour.await.unwrap_err();
    orphan.await.unwrap_err();
    bench.insert(6).await.unwrap();
    let mut statement = rows.prepare("SELECT position, user_id FROM feed ORDER BY position").unwrap();
    let feed = statement.query_map((), |row| Ok((row.get(0)?, row.get(1)?))).unwrap();
    assert_eq!(feed.collect::<rusqlite::Result<Vec<(i64, i64)>>>().unwrap(), bench.events());
    assert_eq!(bench.events(), [(1, 1), (2, 3), (3, 6)]);
}
