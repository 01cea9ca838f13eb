//! The small durable write that shows whether the server is ready. Anybody may ask without a token, so all who wait
//! share one write: one at a time, and at most ten a second. A write that began before a caller asked is no answer for
//! it, because it says nothing about now.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chat_core::Chat;
use futures_util::future::BoxFuture;
use tokio::sync::watch;
use tokio::time::Instant;

use crate::http::problem::Problem;

/// Minimum time between two writes. Callers in between wait for the next one together.
const SPACING: Duration = Duration::from_millis(100);

/// Result of a probe, once there is one.
type Found = Option<Result<(), Problem>>;

/// Callers that wait for a write, and the one write for all of them.
pub(crate) struct Probes {
    write: Box<dyn Fn() -> BoxFuture<'static, chat_core::Result<()>> + Send + Sync>,
    /// Result of the next write. `None`: nobody waits for it.
    next: Mutex<Option<watch::Receiver<Found>>>,
    /// Held by the task that writes; contains the time when the last write began.
    turn: tokio::sync::Mutex<Option<Instant>>,
    spacing: Duration,
}

impl Probes {
    pub(crate) fn new(chat: Chat) -> Arc<Self> {
        let write = move || -> BoxFuture<'static, _> {
            let chat = chat.clone();
            Box::pin(async move { chat.check_ready().await })
        };
        Self::of(write, SPACING)
    }

    fn of(
        write: impl Fn() -> BoxFuture<'static, chat_core::Result<()>> + Send + Sync + 'static,
        spacing: Duration,
    ) -> Arc<Self> {
        let (next, turn) = (Mutex::default(), tokio::sync::Mutex::default());
        Arc::new(Self { write: Box::new(write), next, turn, spacing })
    }

    /// Succeeds only if a durable write succeeds that begins after this call and ends within this time.
    pub(crate) async fn ready(self: &Arc<Self>, within: Duration) -> Result<(), Problem> {
        let mut answer = self.next();
        let found = tokio::time::timeout(within, answer.wait_for(Option::is_some)).await;
        match found {
            Ok(Ok(found)) => found.clone().unwrap_or_else(|| Err(unanswered())),
            // The write is still under way, or its task has panicked.
            Ok(Err(_)) | Err(_) => Err(unanswered()),
        }
    }

    /// The result of the next write, which begins as soon as none is under way. It runs in its own task, so that
    /// callers that give up do not affect others.
    fn next(self: &Arc<Self>) -> watch::Receiver<Found> {
        let mut next = self.next.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(answer) = &*next {
            return answer.clone();
        }
        let (sender, answer) = watch::channel(None);
        *next = Some(answer.clone());
        tokio::spawn(self.clone().probe(sender));
        answer
    }

    /// Waits for a write that hangs: a second one behind it would reveal no more.
    async fn probe(self: Arc<Self>, sender: watch::Sender<Found>) {
        let mut last = self.turn.lock().await;
        if let Some(last) = *last {
            tokio::time::sleep_until(last + self.spacing).await;
        }
        *last = Some(Instant::now());
        // Callers from here on get the result of the write after this one.
        *self.next.lock().unwrap_or_else(PoisonError::into_inner) = None;
        let written = (self.write)().await;
        sender.send_replace(Some(written.map_err(Problem::from)));
    }
}

fn unanswered() -> Problem {
    let sentence = "Storage does not respond at present; try again later";
    Problem::new(503, "storage_unavailable", sentence).retry_after(1)
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use chat_core::Error;
    use chat_core::error::Obstacle;
    use tokio::sync::Semaphore;

    use super::*;

    const LONG: Duration = Duration::from_secs(20);

    /// Counts writes, which end when the test permits it.
    #[derive(Default)]
    struct Disk {
        begun: AtomicUsize,
        under_way: AtomicUsize,
        most: AtomicUsize,
    }

    fn slow(disk: &Arc<Disk>, done: &Arc<Semaphore>) -> Arc<Probes> {
        spaced(disk, done, Duration::ZERO)
    }

    fn spaced(disk: &Arc<Disk>, done: &Arc<Semaphore>, spacing: Duration) -> Arc<Probes> {
        let (disk, done) = (disk.clone(), done.clone());
        let write = move || -> BoxFuture<'static, _> {
            let (disk, done) = (disk.clone(), done.clone());
            Box::pin(async move {
                disk.begun.fetch_add(1, Ordering::SeqCst);
                let at_once = disk.under_way.fetch_add(1, Ordering::SeqCst) + 1;
                disk.most.fetch_max(at_once, Ordering::SeqCst);
                done.acquire().await.unwrap().forget();
                disk.under_way.fetch_sub(1, Ordering::SeqCst);
                Ok(())
            })
        };
        Probes::of(write, spacing)
    }

    /// Starts `count` probes; all of them have begun to wait when this returns.
    async fn asked(probes: &Arc<Probes>, count: usize) -> Vec<tokio::task::JoinHandle<bool>> {
        let ask = |probes: Arc<Probes>| tokio::spawn(async move { probes.ready(LONG).await.is_ok() });
        let asking = (0..count).map(|_| ask(probes.clone())).collect();
        // On one thread, each spawned task has run once when this task runs again, and the writer after them.
        for _ in 0..3 {
            tokio::task::yield_now().await;
        }
        asking
    }

    #[tokio::test]
    async fn all_who_wait_share_the_next_write_and_none_that_began_before_they_asked() {
        let (disk, done) = (Arc::new(Disk::default()), Arc::new(Semaphore::new(0)));
        let probes = slow(&disk, &done);
        let first = asked(&probes, 1).await;
        assert_eq!(disk.begun.load(Ordering::SeqCst), 1);
        let others = asked(&probes, 200).await;
        done.add_permits(1);
        assert!(first.into_iter().next().unwrap().await.unwrap());
        assert!(others.iter().all(|other| !other.is_finished()), "that write began before they asked");
        done.add_permits(1);
        for other in others {
            assert!(other.await.unwrap());
        }
        assert_eq!((disk.begun.load(Ordering::SeqCst), disk.most.load(Ordering::SeqCst)), (2, 1));
    }

    #[tokio::test]
    async fn a_caller_that_gives_up_takes_nothing_from_the_others() {
        let (disk, done) = (Arc::new(Disk::default()), Arc::new(Semaphore::new(0)));
        let probes = slow(&disk, &done);
        let leaving = asked(&probes, 1).await;
        let staying = asked(&probes, 2).await;
        leaving.iter().for_each(tokio::task::JoinHandle::abort);
        staying[0].abort();
        done.add_permits(2);
        assert!(staying.into_iter().nth(1).unwrap().await.unwrap());
    }

    #[tokio::test]
    async fn a_write_that_fails_or_hangs_is_no_readiness_and_hangs_alone() {
        let full = || -> BoxFuture<'static, _> { Box::pin(async { Err(Error::Obstructed(Obstacle::Full)) }) };
        let failing = Probes::of(full, Duration::ZERO);
        let (disk, done) = (Arc::new(Disk::default()), Arc::new(Semaphore::new(0)));
        let hanging = slow(&disk, &done);
        let failed = failing.ready(LONG).await.unwrap_err();
        let hung = hanging.ready(Duration::from_millis(20)).await.unwrap_err();
        assert!(failed.sentence().contains("disk is full"), "{failed:?}");
        for problem in [failed, hung] {
            assert_eq!((problem.code(), problem.retry_after_ms()), ("storage_unavailable", Some(1000)));
        }
        for _ in 0..3 {
            hanging.ready(Duration::from_millis(5)).await.unwrap_err();
        }
        assert_eq!(disk.begun.load(Ordering::SeqCst), 1);
        done.add_permits(2);
        hanging.ready(LONG).await.unwrap();
    }

    #[tokio::test]
    async fn one_that_panics_is_no_readiness_and_the_next_one_counts() {
        let disk = Arc::new(Disk::default());
        let write = move || -> BoxFuture<'static, _> {
            assert!(disk.begun.fetch_add(1, Ordering::SeqCst) > 0, "the first one");
            Box::pin(std::future::ready(Ok(())))
        };
        let probes = Probes::of(write, Duration::ZERO);
        probes.ready(LONG).await.unwrap_err();
        probes.ready(LONG).await.unwrap();
    }

    #[tokio::test]
    async fn writes_keep_their_distance_however_often_somebody_asks() {
        let (disk, done) = (Arc::new(Disk::default()), Arc::new(Semaphore::new(1000)));
        let spacing = Duration::from_millis(30);
        let probes = spaced(&disk, &done, spacing);
        let began = Instant::now();
        for _ in 0..5 {
            probes.ready(LONG).await.unwrap();
        }
        assert!(began.elapsed() >= spacing * 4, "{:?}", began.elapsed());
        assert_eq!(disk.begun.load(Ordering::SeqCst), 5, "each asked after the write before had begun");
    }
}
