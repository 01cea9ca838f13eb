//! What waits for the writer: a message, or any other write with its type forgotten. Either may be run again after a
//! rollback.

use std::panic::{AssertUnwindSafe, catch_unwind};

use chat_core::event::Outcome;
use chat_core::messages::Posted;
use chat_core::posting::NewMessage;
use chat_core::{Error, Result as Answer};
use tokio::sync::oneshot;

use super::{Aborted, Tx};
use crate::fault::{Fault, Result};
use crate::posting;

/// A queued write.
pub(super) enum Job {
    Post(Post),
    Other(Box<dyn Task>),
}

impl Job {
    /// Whether it is a message that can be stored together with others.
    pub(super) fn is_ordinary_post(&self) -> bool {
        matches!(self, Self::Post(post) if post.is_ordinary())
    }

    pub(super) fn as_post(&mut self) -> Option<&mut Post> {
        match self {
            Self::Post(post) => Some(post),
            Self::Other(_) => None,
        }
    }

    /// Tells the caller what came of it, or why there was no commit.
    pub(super) fn answer(self, commit: std::result::Result<(), &str>) {
        match self {
            Self::Post(post) => answer(post.reply, post.result, commit),
            Self::Other(task) => task.answer(commit),
        }
    }
}

fn answer<T>(
    reply: oneshot::Sender<Answer<T>>,
    result: Option<Result<T>>,
    commit: std::result::Result<(), &str>,
) {
    let answer = match (result, commit) {
        // Not even a refusal stands: its reason may have been a neighbour's change that came to nothing.
        (_, Err(reason)) => Err(Error::Unavailable(reason.into())),
        (Some(result), Ok(())) => result.map_err(Error::from),
        (None, Ok(())) => Err(Error::internal("a write was answered before it ran")),
    };
    // Nobody listens any more if the caller has gone; the write stands all the same.
    let _ = reply.send(answer);
}

/// A message that waits.
pub(super) struct Post {
    pub(super) new: NewMessage,
    pub(super) result: Option<Result<Posted>>,
    pub(super) reply: oneshot::Sender<Answer<Posted>>,
}

impl Post {
    /// Whether nothing else has to be looked up than where it goes.
    pub(super) fn is_ordinary(&self) -> bool {
        let body = &self.new.body;
        body.reply_to.is_none()
            && body.thread.is_none()
            && body.mentions.users.is_empty()
            && !body.mentions.all
    }

    /// Stores it alone.
    pub(super) fn run(&mut self, tx: &Tx<'_>) -> std::result::Result<(), Aborted> {
        let new = &self.new;
        run(tx, &mut self.result, |tx| posting::post(tx, new))
    }

    /// Keeps what came of it and announces that.
    pub(super) fn done(&mut self, tx: &Tx<'_>, result: Result<Posted>) {
        if let Ok(posted) = &result {
            tx.announce(posted.changes());
        }
        self.result = Some(result);
    }
}

/// Any other write.
pub(super) trait Task: Send {
    fn run(&mut self, tx: &Tx<'_>) -> std::result::Result<(), Aborted>;
    fn answer(self: Box<Self>, commit: std::result::Result<(), &str>);
}

/// A write of a feature's.
pub(super) struct Write<T, F> {
    work: F,
    result: Option<Result<T>>,
    reply: oneshot::Sender<Answer<T>>,
}

impl<T, F> Write<T, F> {
    pub(super) fn new(work: F, reply: oneshot::Sender<Answer<T>>) -> Self {
        Self { work, result: None, reply }
    }
}

impl<T, F> Task for Write<T, F>
where
    T: Outcome + Send,
    F: FnMut(&Tx<'_>) -> Result<T> + Send,
{
    fn run(&mut self, tx: &Tx<'_>) -> std::result::Result<(), Aborted> {
        run(tx, &mut self.result, &mut self.work)
    }

    fn answer(self: Box<Self>, commit: std::result::Result<(), &str>) {
        answer(self.reply, self.result, commit);
    }
}

fn run<T: Outcome>(
    tx: &Tx<'_>,
    kept: &mut Option<Result<T>>,
    work: impl FnOnce(&Tx<'_>) -> Result<T>,
) -> std::result::Result<(), Aborted> {
    let changes_before = tx.n_changes();
    let result = catch_unwind(AssertUnwindSafe(|| work(tx)))
        .unwrap_or_else(|_| Err(Fault::Refused(Error::internal("a write panicked"))));
    let ran = match &result {
        Ok(outcome) => {
            tx.announce(outcome.changes());
            Ok(())
        }
        // A refusal changes nothing, unless it comes too late; a failed statement has ended the transaction.
        Err(Fault::Refused(_)) if tx.n_changes() == changes_before => Ok(()),
        Err(fault) if fault.is_passing() => Err(Aborted::ByStorage(Fault::Broken(format!("{fault:?}")))),
        Err(_) => Err(Aborted::ByOne),
    };
    *kept = Some(result);
    ran
}
