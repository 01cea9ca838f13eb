//! Races several attempts, of which one is needed: the next begins when those before it have failed, or have
//! been silent for a moment (RFC 8305, section 5, does so with the addresses of a name). So an attempt
//! without any answer costs that moment, and not its full timeout. Knows nothing of databases.

use std::collections::{BTreeMap, VecDeque};
use std::future::Future;
use std::time::Duration;

use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::fault::{Fault, Result};

/// Time that earlier attempts get before the next one begins, as RFC 8305 recommends.
const HEAD_START: Duration = Duration::from_millis(250);

/// Reasons for which attempts failed, by number; the last reason of each.
pub(crate) type Refusals = BTreeMap<usize, Fault>;

/// Returns the result of the first attempt that succeeds, and its number. An attempt that failed for a
/// temporary reason is repeated while another is silent: a standby may be promoted meanwhile. Returns `None`
/// if all have failed.
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
                // Not with a wrong password: servers count failed logins.
                if fault.is_temporary() {
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

    /// One attempt of a target: after this number of milliseconds it succeeds or fails.
    type Attempt = (u64, bool);

    /// Races targets, each with a list of its attempts. Returns the winner, the time in milliseconds, and the
    /// targets that have refused.
    async fn tried(targets: &[&[Attempt]]) -> (Option<usize>, u128, Vec<usize>) {
        let left: Mutex<Vec<VecDeque<Attempt>>> =
            Mutex::new(targets.iter().map(|attempt| attempt.iter().copied().collect()).collect());
        let began = Instant::now();
        let begin = |number: usize| {
            let attempt = left.lock().unwrap()[number].pop_front().unwrap_or((0, false));
            async move {
                tokio::time::sleep(Duration::from_millis(attempt.0)).await;
                if attempt.1 { Ok(()) } else { Err(Fault::Broken("nobody there".into())) }
            }
        };
        let mut refusals = Refusals::new();
        let found = first((0..targets.len()).collect(), begin, &mut refusals).await;
        (found.map(|(number, ())| number), began.elapsed().as_millis(), refusals.into_keys().collect())
    }

    const SILENT: Attempt = (3000, false);

    #[tokio::test(start_paused = true)]
    async fn the_first_success_wins_and_no_other_attempt_begins() {
        assert_eq!(tried(&[&[(40, true)], &[(0, true)]]).await, (Some(0), 40, vec![]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_is_skipped_at_once_and_a_silent_target_after_a_moment() {
        assert_eq!(tried(&[&[(2, false)], &[(5, true)]]).await, (Some(1), 7, vec![0]));
        assert_eq!(tried(&[&[SILENT], &[(5, true)]]).await, (Some(1), 255, vec![]));
        assert_eq!(tried(&[&[SILENT], &[SILENT], &[(5, true)]]).await, (Some(2), 505, vec![]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_target_can_still_win() {
        assert_eq!(tried(&[&[(300, true)], &[SILENT]]).await, (Some(0), 300, vec![]));
    }

    #[tokio::test(start_paused = true)]
    async fn a_target_that_refused_is_tried_again_while_another_is_silent() {
        let promoted = [(1, false), (1, false), (1, true)];
        let (won, took, refused) = tried(&[&[SILENT], &promoted]).await;
        assert_eq!((won, refused), (Some(1), vec![1]));
        assert!((700..1000).contains(&took), "{took}");
    }

    #[tokio::test(start_paused = true)]
    async fn a_permanent_refusal_is_not_repeated() {
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
    async fn the_race_ends_when_all_have_refused() {
        assert_eq!(tried(&[&[(1, false)], &[(2, false)]]).await, (None, 3, vec![0, 1]));
        let (won, took, refused) = tried(&[&[SILENT], &[]]).await;
        assert_eq!((won, refused), (None, vec![0, 1]));
        assert!((3000..3300).contains(&took), "{took}");
        assert_eq!(tried(&[]).await, (None, 0, vec![]));
    }
}
