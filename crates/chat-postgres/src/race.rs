//! Several ways of which one is wanted, tried beside each other: the next begins when those before it have failed, or have
//! been silent for a moment (RFC 8305, section 5, does so with the addresses of a name). A way that is not heard of at all
//! costs that moment, then, and not the time after which it is given up. Knows nothing of databases.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::fault::{Fault, Result};

/// How long those before it are listened for; what RFC 8305 recommends.
const HEAD_START: Duration = Duration::from_millis(250);

/// Why ways could not be gone, by their numbers: of each the last reason.
pub(crate) type Refusals = BTreeMap<usize, Fault>;

/// What is at the end of the first way that can be gone, and its number. Those that refuse for a reason that may pass are
/// tried again as long as another is silent: a standby may be promoted meanwhile. `None` when all have refused.
pub(crate) async fn first<T, F>(
    order: Vec<usize>,
    begin: impl Fn(usize) -> F,
    refusals: &mut Refusals,
) -> Option<(usize, T)>
where
    T: Send + 'static,
    F: Future<Output = Result<T>> + Send + 'static,
{
    let mut untried = VecDeque::from(order);
    let mut refused = VecDeque::new();
    let mut under_way = JoinSet::new();
    let mut next = untried.pop_front();
    loop {
        if let Some(number) = next.take() {
            let attempt = begin(number);
            under_way.spawn(async move { (number, attempt.await) });
        }
        match timeout(HEAD_START, under_way.join_next()).await {
            Ok(Some(Ok((number, Ok(found))))) => return Some((number, found)),
            Ok(Some(Ok((number, Err(fault))))) => {
                // Not with a password that is wrong: somebody counts that.
                if fault.is_passing() {
                    refused.push_back(number);
                }
                refusals.insert(number, fault);
                next = untried.pop_front();
            }
            // The attempt has panicked; there may be others.
            Ok(Some(Err(_))) => next = untried.pop_front(),
            Ok(None) => return None,
            Err(_) => next = untried.pop_front().or_else(|| refused.pop_front()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use tokio::time::Instant;

    use super::*;

    /// What a way does: after so many milliseconds it leads somewhere, or nowhere.
    type Way = (u64, bool);

    /// Tries ways, of which each takes what it does from its list, attempt by attempt; gives the winner, the time that it
    /// took in milliseconds, and who has refused.
    async fn tried(ways: &[&[Way]]) -> (Option<usize>, u128, Vec<usize>) {
        let left: Mutex<Vec<VecDeque<Way>>> =
            Mutex::new(ways.iter().map(|way| way.iter().copied().collect()).collect());
        let began = Instant::now();
        let begin = |number: usize| {
            let way = left.lock().unwrap()[number].pop_front().unwrap_or((0, false));
            async move {
                tokio::time::sleep(Duration::from_millis(way.0)).await;
                if way.1 { Ok(()) } else { Err(Fault::Broken("nobody there".into())) }
            }
        };
        let mut refusals = Refusals::new();
        let found = first((0..ways.len()).collect(), begin, &mut refusals).await;
        (found.map(|(number, ())| number), began.elapsed().as_millis(), refusals.into_keys().collect())
    }

    const SILENT: Way = (3000, false);

    #[tokio::test(start_paused = true)]
    async fn the_first_that_answers_is_taken_and_no_other_is_begun() {
        assert_eq!(tried(&[&[(40, true)], &[(0, true)]]).await, (Some(0), 40, vec![]));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_refuses_is_passed_over_at_once_and_one_that_is_silent_after_a_moment() {
        assert_eq!(tried(&[&[(2, false)], &[(5, true)]]).await, (Some(1), 7, vec![0]));
        assert_eq!(tried(&[&[SILENT], &[(5, true)]]).await, (Some(1), 255, vec![]));
        assert_eq!(tried(&[&[SILENT], &[SILENT], &[(5, true)]]).await, (Some(2), 505, vec![]));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_is_only_slow_still_wins() {
        assert_eq!(tried(&[&[(300, true)], &[SILENT]]).await, (Some(0), 300, vec![]));
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_has_refused_is_asked_again_while_another_is_silent() {
        let promoted = [(1, false), (1, false), (1, true)];
        let (won, took, refused) = tried(&[&[SILENT], &promoted]).await;
        assert_eq!((won, refused), (Some(1), vec![1]));
        assert!((700..1000).contains(&took), "{took}");
    }

    #[tokio::test(start_paused = true)]
    async fn one_that_will_not_change_its_mind_is_asked_once() {
        let n_asked = Mutex::new(0);
        let begin = |number: usize| {
            if number == 1 {
                *n_asked.lock().unwrap() += 1;
            }
            async move {
                if number == 0 {
                    tokio::time::sleep(Duration::from_secs(3)).await;
                }
                Err::<(), _>(Fault::Refused(chat_core::Error::internal("a wrong password")))
            }
        };
        let mut refusals = Refusals::new();
        assert!(first(vec![0, 1], begin, &mut refusals).await.is_none());
        assert_eq!((*n_asked.lock().unwrap(), refusals.len()), (1, 2));
    }

    #[tokio::test(start_paused = true)]
    async fn it_ends_when_all_have_refused() {
        assert_eq!(tried(&[&[(1, false)], &[(2, false)]]).await, (None, 3, vec![0, 1]));
        let (won, took, refused) = tried(&[&[SILENT], &[]]).await;
        assert_eq!((won, refused), (None, vec![0, 1]));
        assert!((3000..3300).contains(&took), "{took}");
        assert_eq!(tried(&[]).await, (None, 0, vec![]));
    }
}
