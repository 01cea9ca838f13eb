//! Jobs in the writer's queue, independent of their types: writes that are stored together, and any other
//! write. Each may run again after a rollback.

use std::any::{Any, TypeId};
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

use chat_core::event::Outcome;
use chat_core::{Error, Result as Answer};
use chat_store::catch_panic;
use tokio::sync::oneshot;

use super::{Aborted, Tx};
use crate::fault::{Fault, Result};

/// Whether a waiting write has begun, or its caller has given it up before. Cheap to clone.
#[derive(Clone, Default)]
pub(super) struct Claim(Arc<AtomicU8>);

const WAITING: u8 = 0;
const BEGUN: u8 = 1;
const GIVEN_UP: u8 = 2;

impl Claim {
    /// The writer begins, perhaps not for the first time. Returns `false` if the caller has given up.
    pub(super) fn begin(&self) -> bool {
        self.0.compare_exchange(WAITING, BEGUN, Ordering::AcqRel, Ordering::Acquire) != Err(GIVEN_UP)
    }

    /// The caller gives up. Returns `false` if the write has begun, so that the caller must wait for its
    /// outcome.
    pub(super) fn give_up(&self) -> bool {
        self.0.compare_exchange(WAITING, GIVEN_UP, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// The channel for a write's outcome.
pub(super) struct Reply<T> {
    pub(super) claim: Claim,
    pub(super) sender: oneshot::Sender<Answer<T>>,
}

/// A write of a kind that is stored in a few statements for many consecutive ones of a batch.
pub(crate) trait Batched: Send + Sized + 'static {
    /// Result of one write.
    type Outcome: Outcome + Send + 'static;

    /// Returns whether this one may be stored together with others.
    fn can_be_batched(&self) -> bool {
        true
    }

    /// Stores it alone. MUST make its refusals before its first change.
    fn store(&self, tx: &Tx<'_>) -> Result<Self::Outcome>;

    /// Stores several, and returns, in their order, exactly the answers of storing one after the other. A
    /// refusal of one of them changes nothing; an error means that nothing was stored.
    fn store_all(tx: &Tx<'_>, writes: &[&Self]) -> Result<Vec<Result<Self::Outcome>>>;
}

/// A queued write.
pub(super) type Job = Box<dyn Task>;

/// A queued write, independent of its type.
pub(super) trait Task: Any + Send {
    /// Returns the claim, which tells whether it has begun.
    fn claim(&self) -> &Claim;

    /// Returns the type of the writes that it may be stored together with; `None` if it runs alone.
    fn kind(&self) -> Option<TypeId>;

    /// Runs it alone.
    fn run(&mut self, tx: &Tx<'_>) -> std::result::Result<(), Aborted>;

    /// Runs it and the following ones, which are of its kind. `is_alone`: there is no other write in the
    /// transaction.
    fn run_with(
        &mut self,
        others: &mut [Job],
        tx: &Tx<'_>,
        is_alone: bool,
    ) -> std::result::Result<(), Aborted>;

    /// Sends the outcome to the caller, or the reason why there was no commit.
    fn answer(self: Box<Self>, commit: std::result::Result<(), &Fault>);
}

fn answer<T>(reply: Reply<T>, result: Option<Result<T>>, commit: std::result::Result<(), &Fault>) {
    let answer = match (result, commit) {
        // Not even a refusal is valid: its reason may have been another write's change that was rolled back.
        (_, Err(fault)) => Err(fault.duplicate().into()),
        (Some(result), Ok(())) => result.map_err(Error::from),
        (None, Ok(())) => Err(Error::internal("a write was answered before it ran")),
    };
    // If the caller is gone, nobody listens any more; the write is stored all the same.
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

    /// Keeps the result and records its changes.
    fn done(&mut self, tx: &Tx<'_>, result: Result<C::Outcome>) {
        if let Ok(outcome) = &result {
            tx.announce(outcome.changes());
        }
        self.result = Some(result);
    }
}

impl<C: Batched> Task for Pending<C> {
    fn claim(&self) -> &Claim {
        &self.reply.claim
    }

    fn kind(&self) -> Option<TypeId> {
        self.command.can_be_batched().then(TypeId::of::<Self>)
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
            Err(fault) if fault.is_temporary() => Err(Aborted::ByStorage(fault)),
            Err(fault) => {
                // Among several writes, the fault cannot be attributed to one.
                if let (true, Some(write)) = (is_alone, writes.first_mut()) {
                    write.done(tx, Err(fault));
                }
                Err(Aborted::ByOneWrite)
            }
        }
    }

    fn answer(self: Box<Self>, commit: std::result::Result<(), &Fault>) {
        answer(self.reply, self.result, commit);
    }
}

/// A write that runs alone.
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
    fn claim(&self) -> &Claim {
        &self.reply.claim
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
    let result = catch_panic("a write panicked", || work(tx));
    let ran = match &result {
        Ok(outcome) => {
            tx.announce(outcome.changes());
            Ok(())
        }
        // A refusal that comes before the first change changes nothing. A failed statement has ended the transaction.
        Err(Fault::Refused(_)) if tx.n_changes() == changes_before => Ok(()),
        Err(fault) if fault.is_temporary() => Err(Aborted::ByStorage(fault.duplicate())),
        Err(_) => Err(Aborted::ByOneWrite),
    };
    *kept = Some(result);
    ran
}

#[cfg(test)]
mod tests {
    use super::Claim;

    #[test]
    fn the_first_of_writer_and_caller_decides() {
        let (begun, given_up) = (Claim::default(), Claim::default());
        assert!(begun.begin() && !begun.give_up() && begun.begin());
        assert!(given_up.give_up() && !given_up.begin());
    }
}
