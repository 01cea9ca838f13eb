//! Compares the log that a session finds with the one that this server has announced to clients. At the
//! beginning of each session it compares server, timeline and tables; whenever the log's end is read, it
//! compares the epoch and checks that the log has not become shorter. The core decides what follows. This
//! module reads the facts, and the first session that notices gives the log its new epoch, once.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use chat_core::ids::Position;
use chat_core::lineage::{Facts, Known, LastCommit, Origin, Verdict, Why};
use chat_core::ports::EventSink;
use chat_core::sync::{Cursor, Epoch};
use tokio_postgres::Row;

use crate::db::Db;
use crate::fault::{Fault, Result};
use crate::origin;

/// Upper bound for the number of attempts to read the log. A database that changes more often meanwhile is in
/// no usable state.
pub(crate) const ATTEMPTS: usize = 3;

/// Query for the log's end. Every session that works with more than a single row runs it.
const END: &str = "SELECT epoch, position, tableoid::bigint FROM log";

/// The last known commit, as the journal has it. Two histories may have different commits at the same log
/// position, but not with the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The last log position of the commit.
    pub(crate) position: i64,
    /// The time when its transaction began, in microseconds by the database's clock.
    pub(crate) at: i64,
}

/// The log's end as a session has read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) cursor: Cursor,
    /// The oid of the log's table, which changes when a dump is restored.
    tables: i64,
}

impl End {
    /// Reads the columns `epoch`, `position` and the table's oid, from this column on.
    pub(crate) fn of(row: &Row, first: usize) -> Result<Self> {
        let epoch = epoch(row.try_get(first)?);
        let position = Position(row.try_get(first + 1)?);
        Ok(Self { cursor: Cursor { epoch, position }, tables: row.try_get(first + 2)? })
    }
}

fn epoch(number: i64) -> Epoch {
    Epoch(u32::try_from(number).unwrap_or(0))
}

/// The known state of the log, before something else is read.
#[derive(Clone)]
pub(crate) struct LogState {
    known: Known,
    tables: i64,
    mark: Option<Mark>,
}

impl LogState {
    /// Returns whether an end that was read afterwards is one of the same log.
    pub(crate) fn agrees(&self, end: &End) -> bool {
        end.cursor.epoch == self.known.epoch
            && end.cursor.position >= self.known.position
            && end.tables == self.tables
    }
}

/// The state that all sessions of this server share.
pub(crate) struct Lineage {
    /// Grows when the log is replaced by another one. Sessions from before cannot be used any more.
    generation: AtomicU64,
    state: Mutex<LogState>,
    sink: OnceLock<Arc<dyn EventSink>>,
}

impl Lineage {
    /// Begins with the log that this session finds. Gives it a new epoch if it is not where it was when it
    /// got its own.
    pub(crate) fn begin(db: &Db) -> Result<Self> {
        let Inspection { found, why } = inspect(db, None)?;
        if let Some(why) = why {
            warn(found.end.cursor.epoch, &why);
        }
        // This node refuses the epochs that earlier nodes have left, too.
        let Cursor { epoch, position } = found.end.cursor;
        let known = Known { epoch, position, left: found.left, origin: found.facts.origin };
        let state = LogState { known, tables: found.end.tables, mark: None };
        Ok(Self { generation: AtomicU64::new(0), state: Mutex::new(state), sink: OnceLock::new() })
    }

    /// Makes this sink receive later replacements of the log.
    pub(crate) fn set_sink(&self, sink: Arc<dyn EventSink>) {
        let state = self.lock();
        if self.generation() > 0 {
            sink.log_replaced(Cursor { epoch: state.known.epoch, position: state.known.position });
        }
        // There is only one call; a second would change nothing.
        let _ = self.sink.set(sink);
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.lock().known.epoch
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// Returns the known state. The caller takes it before the reading that it compares.
    pub(crate) fn state(&self) -> LogState {
        self.lock().clone()
    }

    /// Publishes what was committed in this epoch. Returns `false` if the log was replaced meanwhile: the
    /// commit may be lost, and nobody may be informed of it.
    pub(crate) fn publish(&self, epoch: Epoch, mark: Mark, publish: impl FnOnce()) -> bool {
        let mut state = self.lock();
        if state.known.epoch != epoch {
            return false;
        }
        publish();
        state.known.position = state.known.position.max(Position(mark.position));
        state.mark = Some(mark);
        true
    }

    /// Records the end, and perhaps a commit, that a reading has shown.
    pub(crate) fn observe(&self, cursor: Cursor, mark: Option<Mark>) {
        let mut state = self.lock();
        if state.known.epoch == cursor.epoch {
            state.known.position = state.known.position.max(cursor.position);
            let is_later = |mark: &Mark| state.mark.is_none_or(|known| known.position < mark.position);
            if let Some(mark) = mark.filter(is_later) {
                state.mark = Some(mark);
            }
        }
    }

    /// Checks that this session finds the log of the lineage, and returns the identity of its server. Fails
    /// for a session that must not be used.
    pub(crate) fn check(&self, db: &Db) -> Result<Origin> {
        let inspection = inspect(db, Some(self))?;
        self.switch(&inspection);
        Ok(inspection.found.facts.origin)
    }

    fn switch(&self, Inspection { found, why }: &Inspection) {
        let to = found.end.cursor;
        let mut state = self.lock();
        state.tables = found.end.tables;
        // If this session may not read its server's identity, keep what others have read.
        state.known.origin = found.facts.origin.clone().or(&state.known.origin);
        if state.known.epoch == to.epoch {
            return;
        }
        warn(to.epoch, why.as_ref().map_or(&RENEWED as &dyn std::fmt::Display, |why| why));
        let left = state.known.epoch;
        state.known.left.push(left);
        // The log may have had several new epochs since.
        state.known.left.extend(&found.left);
        state.known.left.retain(|left| *left != to.epoch);
        state.known.epoch = to.epoch;
        state.known.position = to.position;
        state.mark = None;
        self.generation.fetch_add(1, Ordering::AcqRel);
        // Under the lock, nothing is read or published meanwhile.
        if let Some(sink) = self.sink.get() {
            sink.log_replaced(to);
        }
    }

    fn lock(&self) -> MutexGuard<'_, LogState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const RENEWED: &str = "another node or an operator has given it a new epoch";

/// Logs the replacement.
fn warn(epoch: Epoch, why: &dyn std::fmt::Display) {
    tracing::warn!(
        why = %why,
        epoch = %format_args!("{:08x}", epoch.0),
        "the database is not the one that clients know: it has a new epoch, and all clients reload"
    );
}

/// Result of an inspection of the log.
struct Inspection {
    found: Found,
    /// Reason for the new epoch, if the inspection gave it one.
    why: Option<Why>,
}

/// Inspects the log, and gives it a new epoch if it needs one.
fn inspect(db: &Db, lineage: Option<&Lineage>) -> Result<Inspection> {
    let origin = origin::of(db)?;
    let before = lineage.map(Lineage::state);
    let found = Found::read(db, origin.clone(), before.as_ref().and_then(|before| before.mark))?;
    let verdict = found.facts.judge(before.as_ref().map(|before| &before.known));
    if verdict == Verdict::GoesOn && found.facts.to_record().is_none() {
        return Ok(Inspection { found, why: None });
    }
    // Only while the log's row is locked are the facts certain, and no other session about to act on them.
    let before = lineage.map(Lineage::state);
    db.batch("BEGIN")?;
    let done = inspect_locked(db, origin, before.as_ref());
    let ended = db.batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" });
    if ended.is_err() {
        db.give_up();
    }
    let step = done?;
    ended?;
    Ok(step)
}

fn inspect_locked(db: &Db, origin: Origin, before: Option<&LogState>) -> Result<Inspection> {
    db.row("SELECT 1 FROM log FOR UPDATE", &[])?;
    let mut found = Found::read(db, origin, before.and_then(|before| before.mark))?;
    let why = match found.facts.judge(before.map(|before| &before.known)) {
        Verdict::GoesOn | Verdict::Renewed => None,
        Verdict::WentBack(why) => Some(why),
        Verdict::Abandoned => {
            let reason = "this is the database from before a failover, which this node no longer uses; if it was put \
                          back on purpose, restart all nodes";
            return Err(Fault::Broken(reason.into()));
        }
    };
    if why.is_some() {
        let sql = "UPDATE log SET epoch = 1 + floor(random() * 4294967294)::bigint, origin = $1,
                          left_epochs = (epoch || left_epochs)[1:16]
                   RETURNING epoch";
        let row = db.row(sql, &[&found.facts.origin.to_string()])?;
        found.left.push(found.end.cursor.epoch);
        found.end.cursor.epoch = epoch(row.try_get(0)?);
    } else if let Some(origin) = found.facts.to_record() {
        db.execute("UPDATE log SET origin = $1", &[&origin.to_string()])?;
    }
    Ok(Inspection { found, why })
}

/// The log and its server as a session finds them.
struct Found {
    facts: Facts,
    end: End,
    /// Epochs that the log had before.
    left: Vec<Epoch>,
}

impl Found {
    fn read(db: &Db, mut origin: Origin, mark: Option<Mark>) -> Result<Self> {
        let sql = "SELECT epoch, position, tableoid::bigint, origin, pg_is_in_recovery(),
                          (SELECT oid::bigint FROM pg_database WHERE datname = current_database()), left_epochs
                   FROM log";
        let row = db.row(sql, &[])?;
        if row.try_get(4)? {
            let reason = "the server is a standby; DATABASE_URL must lead to the primary";
            return Err(Fault::Broken(reason.into()));
        }
        let end = End::of(&row, 0)?;
        origin.tables = Some(format!("{}.{}", row.try_get::<_, i64>(5)?, end.tables));
        let facts = Facts {
            epoch: end.cursor.epoch,
            position: end.cursor.position,
            recorded: row.try_get::<_, Option<&str>>(3)?.map(Origin::parse),
            origin,
            landmark: mark.map_or(Ok(LastCommit::Unknown), |mark| find_mark(db, mark))?,
            is_one_of_several: db.is_one_of_several(),
        };
        let left = row.try_get::<_, Vec<i64>>(6)?.into_iter().map(epoch).collect();
        Ok(Self { facts, end, left })
    }
}

/// Checks whether the journal still has the commit at its log position.
fn find_mark(db: &Db, mark: Mark) -> Result<LastCommit> {
    let sql = "SELECT first, (extract(epoch FROM at) * 1000000)::bigint FROM journal
               WHERE last >= $1 ORDER BY last LIMIT 1";
    let Some(row) = db.opt(sql, &[&mark.position])? else { return Ok(LastCommit::Unknown) };
    let (first, at): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    Ok(match () {
        () if first > mark.position => LastCommit::Unknown,
        () if at == mark.at => LastCommit::Kept,
        () => LastCommit::Other,
    })
}

/// Returns the log's end, and checks that the log is the lineage's.
pub(crate) fn end(db: &Db) -> Result<Cursor> {
    let Some(lineage) = db.lineage() else { return Ok(End::of(&db.row(END, &[])?, 0)?.cursor) };
    for _ in 0..ATTEMPTS {
        let before = lineage.state();
        let end = End::of(&db.row(END, &[])?, 0)?;
        if before.agrees(&end) {
            lineage.observe(end.cursor, None);
            return Ok(end.cursor);
        }
        db.check_lineage()?;
    }
    Err(unsettled())
}

/// Returns the error after too many attempts.
pub(crate) fn unsettled() -> Fault {
    Fault::Broken("the log changes while it is being read".into())
}
