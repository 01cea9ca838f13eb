//! A thread beside the runtime that notices when the runtime is stuck. It logs the status and ends the process, so that
//! its supervisor restarts it: a server that answers nobody is of no use.
//!
//! It counts its own ticks and not the time: a process that was stopped and continued, or a machine that slept, is not
//! stuck. Nor is a busy runtime: any work that gets done is a sign of life.

use std::process::exit;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use chat_core::failpoints;
use tokio::runtime::{Handle, RuntimeMetrics};

/// Exit status of a process that was stuck or did not shut down in time (`EX_SOFTWARE`).
pub(crate) const STUCK: i32 = 70;

const TICK: Duration = Duration::from_secs(1);
/// A tick that took longer than this says nothing about the runtime: this thread was not scheduled either.
const LONG: Duration = Duration::from_secs(2);
/// Ticks in a row without a sign of life.
const PATIENCE: u32 = 5;
/// Upper bound for each step that may hang as well: asking for the status, and logging it.
const REPORT_TIMEOUT: Duration = Duration::from_millis(300);

/// Function that describes the server's status.
pub(crate) type Status = Box<dyn Fn() -> String + Send>;

/// Function that counts the requests answered so far.
pub(crate) type Answered = Box<dyn Fn() -> u64 + Send>;

/// Watches the runtime until the process ends. Call it only when the server is ready: a slow start is not a stuck
/// runtime.
pub(crate) fn watch(runtime: Handle, status: Status, answered: Answered) -> std::io::Result<()> {
    if failpoints::is_broken("no_watchdog") {
        return Ok(());
    }
    thread::Builder::new().name("watchdog".into()).spawn(move || {
        let mut watch = Watch::begin(runtime, answered);
        loop {
            let began = Instant::now();
            thread::sleep(TICK);
            if watch.tick(began.elapsed()) {
                give_up(&watch.runtime, status);
            }
        }
    })?;
    Ok(())
}

/// Observes the runtime. Signs of life are a finished probe (a task spawned here), an answered request, and work that a
/// thread of the runtime has done. The probe alone is not enough: if a hundred slow requests are handled one after the
/// other, it waits behind all of them, but the runtime is not stuck.
struct Watch {
    runtime: Handle,
    answered: Answered,
    signs: Arc<AtomicU64>,
    n_signs: u64,
    n_answered: u64,
    worked: u64,
    count: Count,
}

impl Watch {
    fn begin(runtime: Handle, answered: Answered) -> Self {
        let (n_answered, worked) = (answered(), worked(&runtime.metrics()));
        let signs = Arc::default();
        let watch = Self { runtime, answered, signs, n_signs: 0, n_answered, worked, count: Count(0) };
        watch.probe();
        watch
    }

    /// Counts a tick that took this long. Returns `true` after too many without a sign of life.
    fn tick(&mut self, took: Duration) -> bool {
        let is_alive = self.is_alive();
        self.count.tick(took, is_alive)
    }

    /// Whether there was a sign of life since the last call.
    fn is_alive(&mut self) -> bool {
        let (n_signs, n_answered) = (self.signs.load(Ordering::Relaxed), (self.answered)());
        let worked = worked(&self.runtime.metrics());
        // One probe at a time: they would pile up in a stuck runtime.
        let is_probed = n_signs != self.n_signs;
        let is_alive = is_probed || n_answered != self.n_answered || worked != self.worked;
        (self.n_signs, self.n_answered, self.worked) = (n_signs, n_answered, worked);
        if is_probed {
            self.probe();
        }
        is_alive
    }

    fn probe(&self) {
        let signs = self.signs.clone();
        self.runtime.spawn(async move { signs.fetch_add(1, Ordering::Relaxed) });
    }
}

/// Returns a number that changes whenever a thread of the runtime goes to sleep or has finished some tasks. It does not
/// change while the thread is inside of a task.
#[cfg(target_has_atomic = "64")]
fn worked(metrics: &RuntimeMetrics) -> u64 {
    let workers = (0..metrics.num_workers()).map(|worker| {
        let busy = metrics.worker_total_busy_duration(worker).as_nanos();
        metrics.worker_park_count(worker).wrapping_add(u64::try_from(busy).unwrap_or(u64::MAX))
    });
    workers.fold(0, u64::wrapping_add)
}

/// Returns 0: on this target the runtime has no such counters.
#[cfg(not(target_has_atomic = "64"))]
fn worked(_: &RuntimeMetrics) -> u64 {
    0
}

/// Number of ticks in a row without a sign of life.
struct Count(u32);

impl Count {
    /// Counts a tick. Returns `true` after too many.
    fn tick(&mut self, took: Duration, is_alive: bool) -> bool {
        self.0 = if is_alive || took > LONG { 0 } else { self.0 + 1 };
        self.0 >= PATIENCE
    }
}

fn give_up(runtime: &Handle, status: Status) -> ! {
    let metrics = runtime.metrics();
    let (workers, tasks, queue) =
        (metrics.num_workers(), metrics.num_alive_tasks(), metrics.global_queue_depth());
    // Asking for the status may hang too.
    let status = within(status).unwrap_or_else(|| "nothing else can be asked".into());
    let threads = within(threads).unwrap_or_default();
    say(format!(
        "no progress for {PATIENCE} s: this process exits so that its supervisor restarts it \
         ({status}; {tasks} tasks, {queue} of them not started, on {workers} threads; {threads})"
    ));
    exit(STUCK)
}

/// Writes a line to the log and to standard error, and does not wait longer than `REPORT_TIMEOUT`.
pub(crate) fn say(line: String) {
    within(move || {
        tracing::error!("{line}");
        eprintln!("chatserver: {line}");
        // Gives the log's own thread time to write it.
        thread::sleep(REPORT_TIMEOUT / 2);
    });
}

/// Runs something that may never end, and waits `REPORT_TIMEOUT` for its result.
fn within<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> Option<T> {
    let (done, waited) = mpsc::channel();
    let spawned = thread::Builder::new().spawn(move || done.send(work()));
    spawned.ok().and_then(|_| waited.recv_timeout(REPORT_TIMEOUT).ok())
}

/// Lists the process's threads with their states: R is running, S sleeping, D waiting for a disk.
fn threads() -> String {
    let entries = std::fs::read_dir("/proc/self/task").into_iter().flatten().flatten();
    let stats = entries.filter_map(|entry| std::fs::read_to_string(entry.path().join("stat")).ok());
    let described = stats.filter_map(|stat| {
        let (name, rest) = stat.split_once('(')?.1.rsplit_once(')')?;
        Some(format!("{name} {}", rest.trim_start().chars().next()?))
    });
    let mut all: Vec<_> = described.collect();
    all.sort_unstable();
    all.join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn five_ticks_in_a_row_without_a_sign_of_life_are_too_many() {
        let mut count = Count(0);
        let ticks = [false, false, false, false, true, false, false, false, false, false];
        let verdicts = ticks.map(|is_alive| count.tick(TICK, is_alive));
        assert_eq!(verdicts.iter().position(|stuck| *stuck), Some(9));
    }

    /// The runtime of this test never runs a task. Only the count of answered requests changes.
    #[test]
    fn a_runtime_that_answers_requests_is_not_stuck_however_long_a_probe_waits() {
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let answered = Arc::new(AtomicU64::new(7));
        let asked = answered.clone();
        let mut watch =
            Watch::begin(runtime.handle().clone(), Box::new(move || asked.load(Ordering::Relaxed)));
        for _ in 0..20 {
            answered.fetch_add(1, Ordering::Relaxed);
            assert!(!watch.tick(TICK));
        }
        let verdicts: Vec<_> = (0..5).map(|_| watch.tick(TICK)).collect();
        assert_eq!(verdicts, [false, false, false, false, true]);
        runtime.block_on(async { tokio::task::yield_now().await });
        assert!(!watch.tick(TICK), "the probe has its turn");
    }

    #[test]
    fn a_tick_that_was_itself_held_up_restarts_the_count() {
        let mut count = Count(0);
        let hour = Duration::from_secs(3600);
        let ticks = [TICK, TICK, TICK, TICK, hour, TICK, TICK, TICK, TICK, TICK];
        let verdicts = ticks.map(|took| count.tick(took, false));
        assert_eq!(verdicts.iter().position(|stuck| *stuck), Some(9));
    }

    /// Whether a runtime whose only thread repeats `work` shows a sign of life within a second.
    fn is_seen(mut work: impl FnMut() + Send + 'static, mut look: impl FnMut(&mut Watch) -> bool) -> bool {
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).event_interval(1).build().unwrap();
        let begun = Arc::new(AtomicU64::new(0));
        let begins = begun.clone();
        runtime.spawn(async move {
            loop {
                begins.store(1, Ordering::Relaxed);
                work();
                tokio::task::yield_now().await;
            }
        });
        let mut watch = Watch::begin(runtime.handle().clone(), Box::new(|| 0));
        while begun.load(Ordering::Relaxed) == 0 {
            thread::sleep(Duration::from_millis(1));
        }
        // Ignores what it had done until then.
        look(&mut watch);
        let until = Instant::now() + Duration::from_secs(1);
        let is_seen = std::iter::from_fn(|| (Instant::now() < until).then(|| look(&mut watch)))
            .inspect(|_| thread::sleep(Duration::from_millis(10)))
            .any(|is_alive| is_alive);
        runtime.shutdown_background();
        is_seen
    }

    #[test]
    #[cfg(target_has_atomic = "64")]
    fn work_that_is_done_is_a_sign_of_life() {
        let mut before = 0;
        let look = |watch: &mut Watch| {
            let worked = worked(&watch.runtime.metrics());
            std::mem::replace(&mut before, worked) != worked
        };
        assert!(is_seen(|| thread::sleep(Duration::from_millis(50)), look));
    }

    #[test]
    fn a_thread_that_does_not_return_gives_no_sign_of_life() {
        assert!(!is_seen(|| thread::sleep(Duration::from_secs(3)), Watch::is_alive));
    }
}
