//! Whether another of the hosts has taken the place of the one that a session is on. One that was promoted says so by its
//! timeline; the one of before may still take connections, and even writes, or say nothing for ever. Sessions share what
//! one of them finds, so that a server that hangs does not cost the others a connection of every session.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chat_core::lineage::Origin;
use tokio::time::{sleep, timeout};

use crate::connect::Address;
use crate::fault::Fault;
use crate::origin;
use crate::race::{self, Refusals};

/// A statement for which the server takes longer is reason to ask the others. As a rule one takes milliseconds.
const ASK_AFTER: Duration = Duration::from_secs(1);
const ASK_AGAIN: Duration = Duration::from_millis(500);
/// How long the hosts are asked after one was found whether another was promoted later still.
const LATER_STILL: Duration = Duration::from_millis(500);

/// A host, and where its server is.
pub(crate) type Successor = (usize, Origin);

/// What the sessions of a server know of it together.
#[derive(Default)]
pub(crate) struct Search {
    found: Mutex<Option<Successor>>,
    /// Whether a session asks the hosts.
    is_under_way: AtomicBool,
}

/// Held by the session that asks.
struct Turn<'a>(&'a AtomicBool);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl Search {
    /// What was found before, if that has the place of this one.
    fn known(&self, host: usize, origin: &Origin) -> Option<usize> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found
            .as_ref()
            .filter(|(other, later)| *other != host && later.succeeds(origin))
            .map(|(other, _)| *other)
    }

    fn turn(&self) -> Option<Turn<'_>> {
        (!self.is_under_way.swap(true, Ordering::Acquire)).then(|| Turn(&self.is_under_way))
    }

    fn keep(&self, found: &Successor) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
    }
}

/// Ends when the server of a statement that is being waited for has been replaced; with the host that has its place.
pub(crate) async fn awaited(address: &Address, host: usize, origin: Option<&Origin>) -> usize {
    let Some(origin) = origin.filter(|_| address.n_hosts() > 1) else {
        return std::future::pending().await;
    };
    sleep(ASK_AFTER).await;
    loop {
        if let Some(successor) = address.search().known(host, origin) {
            return successor;
        }
        // Another session asks already, as a rule.
        if let Some(_turn) = address.search().turn()
            && let Some(found) = latest(address, host, origin).await
        {
            address.search().keep(&found);
            return found.0;
        }
        sleep(ASK_AGAIN).await;
    }
}

/// The host that was promoted last of those that take writes, if it was after the one that is known.
pub(crate) async fn latest(address: &Address, host: usize, before: &Origin) -> Option<Successor> {
    let mut latest = next(address, host, before).await?;
    while let Ok(Some(later)) = timeout(LATER_STILL, next(address, latest.0, &latest.1)).await {
        latest = later;
    }
    Some(latest)
}

/// The first host that is heard to have taken the place of this one.
async fn next(address: &Address, host: usize, before: &Origin) -> Option<Successor> {
    let others = (0..address.n_hosts()).filter(|other| *other != host).collect();
    let ask = |other| {
        let (begun, before) = (address.begin(other), before.clone());
        async move {
            let found = origin::of_client(&begun.await?).await?;
            match found.succeeds(&before) {
                true => Ok(found),
                false => Err(Fault::Broken("it has not replaced another server".into())),
            }
        }
    };
    // Why the others have not does not matter.
    race::first(others, ask, &mut Refusals::new()).await
}
