//! What waits for the writer: a message, a member's pointers, or any other write with its type forgotten. Each may be run
//! again after a rollback.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use chat_core::event::Outcome;
use chat_core::posting::{NewMessage, Posted};
use chat_core::receipts::Moved;
use chat_core::{Error, Result as Answer};
use tokio::sync::oneshot;

use super::{Aborted, Tx};
use crate::fault::{Fault, Result};
use crate::posting;
use crate::receipts::moves::{self, Move};

/// Whether a write that waits has begun, or its caller has given it up before it did. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Turn(Arc<AtomicU8>);

const WAITING: u8 = 0;
const BEGUN: u8 = 1;
const GIVEN_UP: u8 = 2;

impl Turn {
    /// The writer begins, perhaps not for the first time; `false`: nobody wants it any more.
    fn begin(&self) -> bool {
        self.0.compare_exchange(WAITING, BEGUN, Ordering::AcqRel, Ordering::Acquire) != Err(GIVEN_UP)
    }

    /// The caller gives it up; `false`: it has begun, and what becomes of it has to be waited for.
    pub(super) fn give_up(&self) -> bool {
        self.0.compare_exchange(WAITING, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// To whom a write's outcome is told.
pub(super) struct Reply<T> {
    pub(super) turn: Turn,
    pub(super) sender: oneshot::Sender<Answer<T>>,
}

/// A queued write.
pub(super) enum Job {
    Post(Box<Pending<NewMessage, Posted>>),
    Move(Box<Pending<Move, Moved>>),
    Other(Box<dyn Task>),
}

/// Writes that are stored together where they stand together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    OrdinaryPost,
    Move,
}

impl Job {
    /// With what it can be stored together, if with anything.
    pub(super) fn sort(&self) -> Option<Sort> {
        match self {
            Self::Post(post) => is_ordinary(&post.command).then_some(Sort::OrdinaryPost),
            Self::Move(_) => Some(Sort::Move),
            Self::Other(_) => None,
        }
    }

    pub(super) fn as_post(&mut self) -> Option<&mut Pending<NewMessage, Posted>> {
        if let Self::Post(post) = self { Some(post) } else { None }
    }

    pub(super) fn as_move(&mut self) -> Option<&mut Pending<Move, Moved>> {
        if let Self::Move(one) = self { Some(one) } else { None }
    }

    /// Runs it alone.
    pub(super) fn run(&mut self, tx: &Tx<'_>) -> std::result::Result<(), Aborted> {
        match self {
            Self::Post(post) => run(tx, &mut post.result, |tx| posting::post(tx, &post.command)),
            Self::Move(one) => run(tx, &mut one.result, |tx| moves::move_pointers(tx, one.command)),
            Self::Other(task) => task.run(tx),
        }
    }

    /// Whether it is still wanted; from then on it can't be given up.
    pub(super) fn begin(&self) -> bool {
        match self {
            Self::Post(post) => post.reply.turn.begin(),
            Self::Move(one) => one.reply.turn.begin(),
            Self::Other(task) => task.turn().begin(),
        }
    }

    /// Tells the caller what came of it, or why there was no commit.
    pub(super) fn answer(self, commit: std::result::Result<(), &Fault>) {
        match self {
            Self::Post(post) => answer(post.reply, post.result, commit),
            Self::Move(one) => answer(one.reply, one.result, commit),
            Self::Other(task) => task.answer(commit),
        }
    }
}

/// Whether nothing else has to be looked up for a message than where it goes.
fn is_ordinary(new: &NewMessage) -> bool {
    let body = &new.body;
    body.reply_to.is_none() && body.thread.is_none() && body.mentions.users.is_empty() && !body.mentions.all
}

fn answer<T>(reply: Reply<T>, result: Option<Result<T>>, commit: std::result::Result<(), &Fault>) {
    let answer = match (result, commit) {
        // Not even a refusal stands: its reason may have been a neighbour's change that came to nothing.
        (_, Err(fault)) => Err(fault.again().into()),
        (Some(result), Ok(())) => result.map_err(Error::from),
        (None, Ok(())) => Err(Error::internal("a write was answered before it ran")),
    };
    // Nobody listens any more if the caller has gone; the write stands all the same.
    let _ = reply.sender.send(answer);
}

/// A write of which many may be stored together.
pub(super) struct Pending<C, T> {
    pub(super) command: C,
    result: Option<Result<T>>,
    reply: Reply<T>,
}

impl<C, T: Outcome> Pending<C, T> {
    pub(super) fn new(command: C, reply: Reply<T>) -> Box<Self> {
        Box::new(Self { command, result: None, reply })
    }

    /// Keeps what came of it and announces that.
    pub(super) fn done(&mut self, tx: &Tx<'_>, result: Result<T>) {
        if let Ok(outcome) = &result {
            tx.announce(outcome.changes());
        }
        self.result = Some(result);
    }
}

/// Any other write.
pub(super) trait Task: Send {
    fn turn(&self) -> &Turn;
    fn run(&mut self, tx: &Tx<'_>) -> std::result::Result<(), Aborted>;
    fn answer(self: Box<Self>, commit: std::result::Result<(), &Fault>);
}

/// A write of a feature's.
pub(super) struct Write<T, F> {
    work: F,
    result: Option<Result<T>>,
    reply: Reply<T>,
}

impl<T, F> Write<T, F> {
    pub(super) fn new(work: F, reply: Reply<T>) -> Self {
        Self { work, result: None, reply }
    }
}

impl<T, F> Task for Write<T, F>
where
    T: Outcome + Send,
    F: FnMut(&Tx<'_>) -> Result<T> + Send,
{
    fn turn(&self) -> &Turn {
        &self.reply.turn
    }

    fn run(&mut self, tx: &Tx<'_>) -> std::result::Result<(), Aborted> {
        run(tx, &mut self.result, &mut self.work)
    }

    fn answer(self: Box<Self>, commit: std::result::Result<(), &Fault>) {
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
        Err(fault) if fault.is_passing() => Err(Aborted::ByStorage(fault.again())),
        Err(_) => Err(Aborted::ByOne),
    };
    *kept = Some(result);
    ran
}

#[cfg(test)]
mod tests {
    use super::Turn;

    #[test]
    fn who_comes_first_decides() {
        let (begun, given_up) = (Turn::default(), Turn::default());
        assert!(begun.begin() && !begun.give_up() && begun.begin());
        assert!(given_up.give_up() && !given_up.begin());
    }
}
