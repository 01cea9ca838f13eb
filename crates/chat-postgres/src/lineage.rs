//! Which log a session has before it, compared with the one that this server has told of: at the beginning of each session
//! whether it is the same server, timeline and tables, and whenever the log's end is read, whether it has the same epoch
//! and has not become shorter. What follows is for the core to say; here the facts are read, and the log gets its new
//! epoch, once, by whoever is first.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};

use chat_core::ids::Position;
use chat_core::lineage::{Facts, Known, Landmark, Origin, Verdict, Why};
use chat_core::ports::EventSink;
use chat_core::sync::{Cursor, Epoch};
use tokio_postgres::Row;

use crate::db::Db;
use crate::fault::{Fault, Result};
use crate::origin;

/// A database that changes its mind more often while one looks at it is in no state to be used.
pub(crate) const LOOKS: usize = 3;

/// The end of the log, as every session reads it that has to do with more than a single row.
const END: &str = "SELECT epoch, position, tableoid::bigint FROM log";

/// The last commit that is known, as the journal has it: two histories may have something at the same place, but not from
/// the same moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// The last place of the commit.
    pub(crate) position: i64,
    /// When its transaction began, in microseconds by the database's clock.
    pub(crate) at: i64,
}

/// The log's end as a session has read it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct End {
    pub(crate) cursor: Cursor,
    /// The number of the table that it stands in, which is another once a dump was loaded.
    tables: i64,
}

impl End {
    /// Reads the columns `epoch`, `position` and the table's number, which begin there.
    pub(crate) fn of(row: &Row, first: usize) -> Result<Self> {
        let epoch = epoch(row.try_get(first)?);
        let position = Position(row.try_get(first + 1)?);
        Ok(Self { cursor: Cursor { epoch, position }, tables: row.try_get(first + 2)? })
    }
}

fn epoch(number: i64) -> Epoch {
    Epoch(u32::try_from(number).unwrap_or(0))
}

/// What was known before something was read.
#[derive(Clone)]
pub(crate) struct Before {
    known: Known,
    tables: i64,
    mark: Option<Mark>,
}

impl Before {
    /// Whether the end that was read since is one of the same log.
    pub(crate) fn agrees(&self, end: &End) -> bool {
        end.cursor.epoch == self.known.epoch
            && end.cursor.position >= self.known.position
            && end.tables == self.tables
    }
}

/// What all sessions of this server share.
pub(crate) struct Lineage {
    /// Grows when the log turns out to be another one. Sessions from before are of no use any more.
    generation: AtomicU64,
    state: Mutex<Before>,
    sink: OnceLock<Arc<dyn EventSink>>,
}

impl Lineage {
    /// Begins with the log that this session finds, which gets a new epoch if it is not where it was when it got its own.
    pub(crate) fn begin(db: &Db) -> Result<Self> {
        let Step { found, why } = look(db, None)?;
        if let Some(why) = why {
            warn(found.end.cursor.epoch, &why);
        }
        // What nodes before this one have left, this one does not go to either.
        let Cursor { epoch, position } = found.end.cursor;
        let known = Known { epoch, position, left: found.left, origin: found.facts.origin };
        let state = Before { known, tables: found.end.tables, mark: None };
        Ok(Self { generation: AtomicU64::new(0), state: Mutex::new(state), sink: OnceLock::new() })
    }

    /// From now on this sink is told when the log is another one.
    pub(crate) fn tell(&self, sink: Arc<dyn EventSink>) {
        let state = self.lock();
        if self.generation() > 0 {
            sink.turned(Cursor { epoch: state.known.epoch, position: state.known.position });
        }
        // A second call would change nothing; there is none.
        let _ = self.sink.set(sink);
    }

    pub(crate) fn epoch(&self) -> Epoch {
        self.lock().known.epoch
    }

    pub(crate) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    /// What is known now; to be asked for before the reading that it is compared with.
    pub(crate) fn before(&self) -> Before {
        self.lock().clone()
    }

    /// Hands on what was committed in this epoch, unless the log has become another one meanwhile; then nobody may be told
    /// of it, and whether it is still there is not known.
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

    /// A reading has shown this end, and perhaps a commit.
    pub(crate) fn saw(&self, cursor: Cursor, mark: Option<Mark>) {
        let mut state = self.lock();
        if state.known.epoch == cursor.epoch {
            state.known.position = state.known.position.max(cursor.position);
            let is_later = |mark: &Mark| state.mark.is_none_or(|known| known.position < mark.position);
            if let Some(mark) = mark.filter(is_later) {
                state.mark = Some(mark);
            }
        }
    }

    /// Sees to it that this session has the log before it that this server tells of, and says where it is. Fails for a
    /// session that must not be used.
    pub(crate) fn meet(&self, db: &Db) -> Result<Origin> {
        let step = look(db, Some(self))?;
        self.turn(&step);
        Ok(step.found.facts.origin)
    }

    fn turn(&self, Step { found, why }: &Step) {
        let to = found.end.cursor;
        let mut state = self.lock();
        state.tables = found.end.tables;
        // A session that may not ask keeps what others have read.
        state.known.origin = found.facts.origin.clone().or(&state.known.origin);
        if state.known.epoch == to.epoch {
            return;
        }
        warn(to.epoch, why.as_ref().map_or(&RENEWED as &dyn std::fmt::Display, |why| why));
        let left = state.known.epoch;
        state.known.left.push(left);
        // It may have been away for more than one of them.
        state.known.left.extend(&found.left);
        state.known.left.retain(|left| *left != to.epoch);
        state.known.epoch = to.epoch;
        state.known.position = to.position;
        state.mark = None;
        self.generation.fetch_add(1, Ordering::AcqRel);
        // Nothing is read or published meanwhile.
        if let Some(sink) = self.sink.get() {
            sink.turned(to);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Before> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const RENEWED: &str = "another node or an operator has given it a new epoch";

/// The one line that says so.
fn warn(epoch: Epoch, why: &dyn std::fmt::Display) {
    tracing::warn!(
        why = %why,
        epoch = %format_args!("{:08x}", epoch.0),
        "the database is not the one that clients know: it has a new epoch, and all clients reload"
    );
}

/// What came of a look at the log with its row locked.
struct Step {
    found: Found,
    /// Why it was given a new epoch, if it was.
    why: Option<Why>,
}

/// Looks at the log, and gives it a new epoch if it needs one.
fn look(db: &Db, lineage: Option<&Lineage>) -> Result<Step> {
    let origin = origin::of(db)?;
    let before = lineage.map(Lineage::before);
    let found = Found::read(db, origin.clone(), before.as_ref().and_then(|before| before.mark))?;
    let verdict = found.facts.judge(before.as_ref().map(|before| &before.known));
    if verdict == Verdict::GoesOn && found.facts.to_record().is_none() {
        return Ok(Step { found, why: None });
    }
    // Not before the log's row is locked is it certain what is so, and that nobody else is about to say it.
    let before = lineage.map(Lineage::before);
    db.batch("BEGIN")?;
    let done = locked(db, origin, before.as_ref());
    let ended = db.batch(if done.is_ok() { "COMMIT" } else { "ROLLBACK" });
    if ended.is_err() {
        db.give_up();
    }
    let step = done?;
    ended?;
    Ok(step)
}

fn locked(db: &Db, origin: Origin, before: Option<&Before>) -> Result<Step> {
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
    Ok(Step { found, why })
}

/// What a session finds.
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
            landmark: mark.map_or(Ok(Landmark::Unknown), |mark| look_for(db, mark))?,
            is_one_of_several: db.is_one_of_several(),
        };
        let left = row.try_get::<_, Vec<i64>>(6)?.into_iter().map(epoch).collect();
        Ok(Self { facts, end, left })
    }
}

/// Whether the commit is where it was.
fn look_for(db: &Db, mark: Mark) -> Result<Landmark> {
    let sql = "SELECT first, (extract(epoch FROM at) * 1000000)::bigint FROM journal
               WHERE last >= $1 ORDER BY last LIMIT 1";
    let Some(row) = db.opt(sql, &[&mark.position])? else { return Ok(Landmark::Unknown) };
    let (first, at): (i64, i64) = (row.try_get(0)?, row.try_get(1)?);
    Ok(match () {
        () if first > mark.position => Landmark::Unknown,
        () if at == mark.at => Landmark::Kept,
        () => Landmark::Other,
    })
}

/// The log's end, of the log that this server tells of.
pub(crate) fn end(db: &Db) -> Result<Cursor> {
    let Some(lineage) = db.lineage() else { return Ok(End::of(&db.row(END, &[])?, 0)?.cursor) };
    for _ in 0..LOOKS {
        let before = lineage.before();
        let end = End::of(&db.row(END, &[])?, 0)?;
        if before.agrees(&end) {
            lineage.saw(end.cursor, None);
            return Ok(end.cursor);
        }
        db.meet()?;
    }
    Err(unsettled())
}

/// What is said after too many looks.
pub(crate) fn unsettled() -> Fault {
    Fault::Broken("the log changes while it is being read".into())
}
