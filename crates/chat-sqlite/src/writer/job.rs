//! The queued writes, without their types, and the errors of storage.

use chat_core::Error;
use chat_core::error::Obstacle;
use chat_core::event::{Change, Outcome};
use chat_store::catch_panic;
use rusqlite::ErrorCode;
use tokio::sync::oneshot;

use super::Tx;
use crate::fault::{self, Fault, Result};

/// A queued write, without its type. `run` may be called again after a rollback.
pub(super) trait Job: Send {
    /// Whether it asks if there is space for a message.
    fn asks_for_room(&self) -> bool;
    fn run(&mut self, tx: &Tx<'_>) -> RunResult;
    /// Answers the caller: with the result of `run`, or with the reason why there was no commit.
    fn answer(self: Box<Self>, commit: std::result::Result<(), &Failure>);
}

/// Result of one run of a job.
pub(super) struct RunResult {
    pub(super) changes: Vec<Change>,
    pub(super) failed: bool,
    /// The reason, if the storage is the cause.
    pub(super) storage: Option<Failure>,
}

/// Why storage refused.
#[derive(Debug, Clone)]
pub(super) struct Failure {
    pub(super) reason: String,
    pub(super) obstacle: Option<Obstacle>,
    pub(super) is_busy: bool,
}

impl Failure {
    pub(super) fn of(error: &rusqlite::Error) -> Self {
        let is_busy = error.sqlite_error_code() == Some(ErrorCode::DatabaseBusy);
        Self { reason: error.to_string(), obstacle: fault::obstacle(error), is_busy }
    }
}

pub(super) struct Write<T, F> {
    asks_for_room: bool,
    work: F,
    result: Option<Result<T>>,
    reply: oneshot::Sender<chat_core::Result<T>>,
}

impl<T, F> Write<T, F> {
    pub(super) fn new(work: F, reply: oneshot::Sender<chat_core::Result<T>>) -> Self {
        Self { asks_for_room: false, work, result: None, reply }
    }

    /// The same write, but it fails if there is no space for a message.
    pub(super) fn asking_for_room(self) -> Self {
        Self { asks_for_room: true, ..self }
    }
}

impl<T, F> Job for Write<T, F>
where
    T: Outcome + Send,
    F: FnMut(&Tx<'_>) -> Result<T> + Send,
{
    fn asks_for_room(&self) -> bool {
        self.asks_for_room
    }

    fn run(&mut self, tx: &Tx<'_>) -> RunResult {
        let result = catch_panic("a write panicked", || (self.work)(tx));
        let changes = result.as_ref().map(Outcome::changes).unwrap_or_default();
        let storage = match &result {
            Err(Fault::Sql(error)) if fault::is_passing(error) => Some(Failure::of(error)),
            _ => None,
        };
        let ran = RunResult { changes, failed: result.is_err(), storage };
        self.result = Some(result);
        ran
    }

    fn answer(self: Box<Self>, commit: std::result::Result<(), &Failure>) {
        let answer = match (self.result, commit) {
            // Not even a refusal is valid: its reason may be another write's change that was rolled back.
            (_, Err(failure)) => Err(fault::refusal(failure.obstacle, failure.reason.as_str())),
            (Some(result), Ok(())) => result.map_err(Error::from),
            (None, Ok(())) => Err(Error::internal("a write was answered before it ran")),
        };
        // The caller may have gone. The write is committed all the same.
        let _ = self.reply.send(answer);
    }
}
