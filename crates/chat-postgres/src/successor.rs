//! Finds out whether another host has replaced the one that a session is on. A promoted server has a later
//! timeline. The old one may still accept connections and even writes, or never answer. Sessions share the
//! result, so that a server that hangs does not cost a connection to the other hosts for every session.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chat_core::lineage::Origin;
use tokio::time::{sleep, timeout};

use crate::connect::Address;
use crate::fault::Fault;
use crate::origin;
use crate::race::{self, Refusals};

/// A statement that takes the server longer is reason to ask the others. Normally one takes milliseconds.
const FIRST_SEARCH_AFTER: Duration = Duration::from_secs(1);
const NEXT_SEARCH_AFTER: Duration = Duration::from_millis(500);
/// After a promoted host was found, time in which the hosts are asked whether another was promoted even
/// later.
const LATER_PROMOTION_TIME: Duration = Duration::from_millis(500);

/// Index of a host, and the identity of its server.
pub(crate) type Successor = (usize, Origin);

/// The state of the search that all sessions of a server share.
#[derive(Default)]
pub(crate) struct SuccessorSearch {
    found: Mutex<Option<Successor>>,
    /// Whether a session is asking the hosts.
    is_searching: AtomicBool,
}

/// Held by the session that asks.
struct SearchGuard<'a>(&'a AtomicBool);

impl Drop for SearchGuard<'_> {
    fn drop(&mut self) {
        self.0.store(false, Ordering::Release);
    }
}

impl SuccessorSearch {
    /// Returns the result of an earlier search, if that host has replaced this one.
    fn known(&self, host: usize, origin: &Origin) -> Option<usize> {
        let found = self.found.lock().unwrap_or_else(PoisonError::into_inner);
        found
            .as_ref()
            .filter(|(other, later)| *other != host && later.succeeds(origin))
            .map(|(other, _)| *other)
    }

    fn try_begin(&self) -> Option<SearchGuard<'_>> {
        (!self.is_searching.swap(true, Ordering::Acquire)).then(|| SearchGuard(&self.is_searching))
    }

    fn remember(&self, found: &Successor) {
        *self.found.lock().unwrap_or_else(PoisonError::into_inner) = Some(found.clone());
    }
}

/// Returns when the server of a pending statement has been replaced, with the host that has replaced it.
pub(crate) async fn until_replaced(address: &Address, host: usize, origin: Option<&Origin>) -> usize {
    let Some(origin) = origin.filter(|_| address.n_hosts() > 1) else {
        return std::future::pending().await;
    };
    sleep(FIRST_SEARCH_AFTER).await;
    loop {
        if let Some(successor) = address.successor_search().known(host, origin) {
            return successor;
        }
        // Usually another session is already asking.
        if let Some(_guard) = address.successor_search().try_begin()
            && let Some(found) = latest(address, host, origin).await
        {
            address.successor_search().remember(&found);
            return found.0;
        }
        sleep(NEXT_SEARCH_AFTER).await;
    }
}

/// Returns the host that was promoted last of those that accept writes, if that was after the known one.
pub(crate) async fn latest(address: &Address, host: usize, before: &Origin) -> Option<Successor> {
    let mut latest = next(address, host, before).await?;
    while let Ok(Some(later)) = timeout(LATER_PROMOTION_TIME, next(address, latest.0, &latest.1)).await {
        latest = later;
    }
    Some(latest)
}

/// Returns the first host that reports that it has replaced this one.
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
    // The reasons of the others do not matter.
    race::first(others, ask, &mut Refusals::new()).await
}
