//! Whether another of the hosts has taken the place of the one that a session is on. One that was promoted says so by its
//! timeline; the one of before may still take connections, and even writes, or say nothing for ever.

use std::time::Duration;

use chat_core::lineage::Origin;
use tokio::time::sleep;

use crate::connect::Address;
use crate::fault::Fault;
use crate::origin;
use crate::race::Refusals;

/// A statement for which the server takes longer is reason to ask the others. As a rule one takes milliseconds.
const ASK_AFTER: Duration = Duration::from_secs(1);
const ASK_AGAIN: Duration = Duration::from_millis(500);

/// Ends when the server of a statement that is being waited for has been replaced; with the host that has its place.
pub(crate) async fn awaited(address: &Address, host: usize, origin: Option<&Origin>) -> usize {
    let Some(origin) = origin.filter(|_| address.n_hosts() > 1) else {
        return std::future::pending().await;
    };
    sleep(ASK_AFTER).await;
    loop {
        if let Some(successor) = find(address, host, origin).await {
            return successor;
        }
        sleep(ASK_AGAIN).await;
    }
}

/// The host that takes writes on a later timeline of the same server, if one does.
pub(crate) async fn find(address: &Address, host: usize, before: &Origin) -> Option<usize> {
    let others = (0..address.n_hosts()).filter(|other| *other != host).collect();
    let ask = |other| {
        let (begun, before) = (address.begin(other), before.clone());
        async move {
            let found = origin::of_client(&begun.await?).await?;
            match found.succeeds(&before) {
                true => Ok(()),
                false => Err(Fault::Broken("it has not taken the place of another".into())),
            }
        }
    };
    // Why the others have not does not matter.
    let found = crate::race::first(others, ask, &mut Refusals::new()).await;
    found.map(|(successor, ())| successor)
}
