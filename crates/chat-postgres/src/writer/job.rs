//! What waits for the writer, its type forgotten: writes that are stored together, and any other write. Each may be run
//! again after a rollback.

use std::any::{Any, TypeId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use chat_core::event::Outcome;
use chat_core::{Error, Result as Answer};
use chat_store::caught;
use tokio::sync::oneshot;

use super::{Aborted, Tx};
use crate::fault::{Fault, Result};

/// Whether a write that waits has begun, or its caller has given it up before it did. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Turn(Arc<AtomicU8>);

const WAITING: u8 = 0;
const BEGUN: u8 = 1;
const GIVEN_UP: u8 = 2;

impl Turn {
    /// The writer begins, perhaps not for the first time; `false`: nobody wants it any more.
    pub(super) fn begin(&self) -> bool {
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

/// A write of which many are stored in a few statements where they follow each other in a batch.
pub(crate) trait Batched: Send + Sized + 'static {
    /// What came of one of them.
    type Outcome: Outcome + Send + 'static;

    /// Whether this one may be stored together with others.
    fn goes_together(&self) -> bool {
        true
    }

    /// Stores it alone. MUST make its refusals before its first change.
    fn store(&self, tx: &Tx<'_>) -> Result<Self::Outcome>;

    /// Stores several, and answers in their order exactly as one after the other would. A refusal of one of them changes
    /// nothing; an error means that nothing was stored.
    fn store_all(tx: &Tx<'_>, writes: &[&Self]) -> Result<Vec<Result<Self::Outcome>>>;
}

/// A queued write.
pub(super) type Job = Box<dyn Task>;

/// A queued write, its type forgotten.
pub(super) trait Task: Any + Send {
    /// Whether it has begun.
    fn turn(&self) -> &Turn;

    /// The type of the writes that it may be stored together with; `None` if it is run alone.
    fn kind(&self) -> Option<TypeId>;

    /// Runs it alone.
    fn run(&mut self, tx: &Tx<'_>) -> std::result::Result<(), Aborted>;

    /// Runs it and those after it, which are of its kind. `is_alone`: there is no other write in the transaction.
    fn run_with(
        &mut self,
        others: &mut [Job],
        tx: &Tx<'_>,
        is_alone: bool,
    ) -> std::result::Result<(), Aborted>;

    /// Tells the caller what came of it, or why there was no commit.
    fn answer(self: Box<Self>, commit: std::result::Result<(), &Fault>);
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

/// A write that may be stored together with others.
pub(super) struct Pending<C: Batched> {
    command: C,
    result: Option<Result<C::Outcome>>,
    reply: Reply<C::Outcome>,
}

impl<C: Batched> Pending<C> {
    pub(super) fn new(command: C, reply: Reply<C::Outcome>) -> Self {
        Self { command, result: None, reply }
    }

    /// Keeps what came of it and announces that.
    fn done(&mut self, tx: &Tx<'_>, result: Result<C::Outcome>) {
        if let Ok(outcome) = &result {
            tx.announce(outcome.changes());
        }
        self.result = Some(result);
    }
}

impl<C: Batched> Task for Pending<C> {
    fn turn(&self) -> &Turn {
        &self.reply.turn
    }

    fn kind(&self) -> Option<TypeId> {
        self.command.goes_together().then(TypeId::of::<Self>)
    }

    fn run(&mut self, tx: &Tx<'_>) -> std::result::Result<(), Aborted> {
        run(tx, &mut self.result, |tx| self.command.store(tx))
    }

    fn run_with(
        &mut self,
        others: &mut [Job],
        tx: &Tx<'_>,
        is_alone: bool,
    ) -> std::result::Result<(), Aborted> {
        if self.kind().is_none() {
            return self.run(tx);
        }
        let others = others.iter_mut().filter_map(|job| {
            let job: &mut dyn Any = &mut **job;
            job.downcast_mut::<Self>()
        });
        let mut writes: Vec<&mut Self> = std::iter::once(self).chain(others).collect();
        let commands: Vec<&C> = writes.iter().map(|write| &write.command).collect();
        match C::store_all(tx, &commands) {
            Ok(results) => {
                for (write, result) in writes.iter_mut().zip(results) {
                    write.done(tx, result);
                }
                Ok(())
            }
            Err(fault) if fault.is_passing() => Err(Aborted::ByStorage(fault)),
            Err(fault) => {
                // Among several nobody knows whose it is.
                if let (true, Some(write)) = (is_alone, writes.first_mut()) {
                    write.done(tx, Err(fault));
                }
                Err(Aborted::ByOne)
            }
        }
    }

    fn answer(self: Box<Self>, commit: std::result::Result<(), &Fault>) {
        answer(self.reply, self.result, commit);
    }
}

/// A write that is run alone.
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
    T: Outcome + Send + 'static,
    F: FnMut(&Tx<'_>) -> Result<T> + Send + 'static,
{
    fn turn(&self) -> &Turn {
        &self.reply.turn
    }

    fn kind(&self) -> Option<TypeId> {
        None
    }

    fn run(&mut self, tx: &Tx<'_>) -> std::result::Result<(), Aborted> {
        run(tx, &mut self.result, &mut self.work)
    }

    fn run_with(&mut self, _: &mut [Job], tx: &Tx<'_>, _: bool) -> std::result::Result<(), Aborted> {
        self.run(tx)
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
    let result = caught("a write panicked", || work(tx));
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
