//! Limits guesses of passwords. Only wrong guesses count. Each is counted before it is checked, so that parallel
//! guesses do not evade the limit, and given back if it was right or never checked. If a bucket is empty only because
//! of unfinished checks, the next guess waits for their results, so right guesses refuse nobody. A device from which
//! the account has logged in before counts separately, so strangers cannot lock owners out of their own devices.

use std::time::Duration;

use chat_core::ids::UserId;
use tokio::time::{Instant, timeout_at};

use super::buckets::Taken;
use super::under_way::Settled;
use super::{Key, Limiter, Policy, Refused};
use crate::client_address::ClientAddress;

/// Upper bound for waiting for other guesses that are being checked.
const MAX_WAIT: Duration = Duration::from_secs(10);

/// The origin of a guess and the account or name that it is for.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Guess {
    /// From a known device of the account's owner, by its number.
    KnownDevice(u64),
    /// From a client with a token of the account that is asked for the password again.
    Bearer(UserId),
    /// From anywhere, for an account.
    AtAccount(UserId),
    /// From anywhere, for a name that no account has. It counts like any other, so that the limit does not reveal
    /// whether the name exists.
    AtName(String),
}

/// Why a password is not checked.
#[derive(Debug)]
pub(crate) enum NoGuess {
    /// Too many guesses were wrong.
    Refused(Refused),
    /// Too many guesses are being checked, and the wait for their results timed out.
    Busy,
}

/// A guess that counts as wrong until it is settled, even if its client has gone.
pub(crate) struct Attempt<'a> {
    limiter: &'a Limiter,
    counted: [Option<(Policy, Key)>; 3],
    counts: bool,
}

/// Result of asking for one more guess.
enum Decision {
    Counted,
    Refused(Refused),
    /// The decision depends on unfinished checks. Without their results, one becomes available after this time.
    Wait(Settled, Duration),
}

impl Limiter {
    /// Whether strangers at this address may guess at all; checked before the request is read.
    pub(crate) fn may_guess(&self, address: ClientAddress) -> Result<(), Refused> {
        let key = self.address_key(address);
        let guesses = self.guesses.lock();
        self.check(Policy::LoginAddress, key, guesses.of(Policy::LoginAddress, key))
    }

    /// Counts one more guess; waits if the decision depends on unfinished checks.
    pub(crate) async fn guess(&self, guess: &Guess, address: ClientAddress) -> Result<Attempt<'_>, NoGuess> {
        self.guess_until(guess, address, Instant::now() + MAX_WAIT).await
    }

    async fn guess_until(
        &self,
        guess: &Guess,
        address: ClientAddress,
        deadline: Instant,
    ) -> Result<Attempt<'_>, NoGuess> {
        let own = self.key(("guess", guess));
        // Always in this order, so that no two guesses wait for each other.
        let counts = match guess {
            Guess::KnownDevice(_) => [Some((Policy::Login, own)), None, None],
            Guess::Bearer(_) => [Some((Policy::Login, own)), Some((Policy::LoginAccount, own)), None],
            Guess::AtAccount(_) | Guess::AtName(_) => [
                Some((Policy::Login, self.key((own.0, address.key())))),
                Some((Policy::LoginAddress, self.address_key(address))),
                Some((Policy::LoginAccount, own)),
            ],
        };
        // A refused guess does not count, and neither does one that is dropped before it is checked.
        let mut attempt = Attempt { limiter: self, counted: [None; 3], counts: false };
        for (counted, count) in attempt.counted.iter_mut().zip(counts) {
            let Some((policy, key)) = count else { continue };
            self.count_guess(policy, key, deadline).await?;
            *counted = Some((policy, key));
        }
        attempt.counts = true;
        Ok(attempt)
    }

    async fn count_guess(&self, policy: Policy, key: Key, deadline: Instant) -> Result<(), NoGuess> {
        loop {
            match self.ask(policy, key) {
                Decision::Counted => return Ok(()),
                Decision::Refused(refused) => return Err(NoGuess::Refused(refused)),
                Decision::Wait(..) if Instant::now() >= deadline => return Err(NoGuess::Busy),
                Decision::Wait(settled, refilled) => {
                    let until = deadline.min(Instant::now() + refilled.min(MAX_WAIT));
                    let _ = timeout_at(until, settled).await;
                }
            }
        }
    }

    fn ask(&self, policy: Policy, key: Key) -> Decision {
        let rule = self.rule(policy);
        let Some((rate, cells)) = rule.limit else { return Decision::Counted };
        let mut guesses = self.guesses.lock();
        let Taken::No { wait_ns } = rule.buckets.take(key.0, cells, self.now()) else {
            guesses.begin(policy, key);
            return Decision::Counted;
        };
        if let Err(refused) = self.check(policy, key, guesses.of(policy, key)) {
            return Decision::Refused(refused);
        }
        match guesses.wait(policy, key) {
            Some(settled) => Decision::Wait(settled, Duration::from_nanos(wait_ns)),
            None => Decision::Refused(rule.refuse(rate, key, wait_ns)),
        }
    }

    /// Settles a guess; wakes those that wait for it.
    fn settle_guess(&self, policy: Policy, key: Key, counts: bool) {
        if self.rule(policy).limit.is_none() {
            return;
        }
        let mut guesses = self.guesses.lock();
        guesses.end(policy, key);
        if !counts {
            self.give_back(policy, key);
            guesses.wake_one(policy, key);
        } else if self.check(policy, key, guesses.of(policy, key)).is_err() {
            guesses.wake_all(policy, key);
        }
    }
}

impl Attempt<'_> {
    /// Settles the guess: it counts if the password was wrong, and not otherwise.
    pub(crate) fn settle<T>(mut self, outcome: &chat_core::Result<T>) {
        self.counts = matches!(outcome, Err(chat_core::Error::WrongCredentials));
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        for (policy, key) in self.counted.into_iter().flatten() {
            self.limiter.settle_guess(policy, key, self.counts);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;
    use std::net::Ipv4Addr;

    use futures_util::FutureExt;

    use super::super::RateLimits;
    use super::*;
    use crate::client_address::AddressSource;

    const OWNER: UserId = UserId(7);
    const RIGHT: chat_core::Result<()> = Ok(());
    const WRONG: chat_core::Result<()> = Err(chat_core::Error::WrongCredentials);

    fn address(number: u8) -> ClientAddress {
        ClientAddress::new(Ipv4Addr::new(203, 0, 113, number).into(), AddressSource::Direct)
    }

    fn limiter() -> Limiter {
        Limiter::new(&RateLimits::default())
    }

    fn policy(why: &NoGuess) -> Policy {
        match why {
            NoGuess::Refused(refused) => refused.policy,
            NoGuess::Busy => panic!("nothing is under way"),
        }
    }

    /// Number of wrong guesses before the first refusal, and the policy that refused.
    async fn until_refused(
        limiter: &Limiter,
        mut guess: impl FnMut(u32) -> (Guess, ClientAddress),
    ) -> (u32, Policy) {
        for number in 0..100_000 {
            let (guess, address) = guess(number);
            if let Err(why) = limiter.guess(&guess, address).await {
                return (number, policy(&why));
            }
        }
        panic!("never refused");
    }

    #[tokio::test]
    async fn one_account_from_one_address() {
        let limiter = limiter();
        let refused = until_refused(&limiter, |_| (Guess::AtAccount(OWNER), address(1))).await;
        assert_eq!(refused, (10, Policy::Login));
        assert!(limiter.may_guess(address(1)).is_ok(), "others behind the same address may go on");
        assert!(limiter.guess(&Guess::AtAccount(UserId(8)), address(1)).await.is_ok());
    }

    #[tokio::test]
    async fn many_accounts_from_one_address() {
        let limiter = limiter();
        let refused = until_refused(&limiter, |number| (Guess::AtName(number.to_string()), address(1))).await;
        assert_eq!(refused, (60, Policy::LoginAddress));
        assert!(limiter.may_guess(address(1)).is_err());
        assert!(limiter.may_guess(address(2)).is_ok());
    }

    #[tokio::test]
    async fn one_account_from_many_addresses_and_its_owner_gets_in() {
        let limiter = limiter();
        let many = |number: u32| address(u8::try_from(number % 250).unwrap());
        let refused = until_refused(&limiter, |number| (Guess::AtAccount(OWNER), many(number))).await;
        assert_eq!(refused, (100, Policy::LoginAccount));
        assert!(limiter.guess(&Guess::AtAccount(OWNER), address(251)).await.is_err());
        for _ in 0..1000 {
            limiter.guess(&Guess::KnownDevice(5), address(1)).await.unwrap().settle(&RIGHT);
            limiter.guess(&Guess::Bearer(OWNER), address(1)).await.unwrap().settle(&RIGHT);
        }
        let stolen = until_refused(&limiter, |_| (Guess::KnownDevice(5), address(1))).await;
        assert_eq!(stolen, (10, Policy::Login), "a stolen device has little of its own");
    }

    #[tokio::test]
    async fn names_without_an_account_are_counted_alike() {
        let limiter = limiter();
        let refused = until_refused(&limiter, |_| (Guess::AtName("nobody".into()), address(1))).await;
        assert_eq!(refused, (10, Policy::Login));
    }

    #[tokio::test]
    async fn a_refusal_and_a_right_password_count_nothing() {
        let limiter = limiter();
        let _ = until_refused(&limiter, |_| (Guess::AtAccount(OWNER), address(1))).await;
        for _ in 0..1000 {
            assert!(limiter.guess(&Guess::AtAccount(OWNER), address(1)).await.is_err());
        }
        let counted = async |address: ClientAddress| {
            until_refused(&limiter, |n| (Guess::AtName(n.to_string()), address)).await.0
        };
        assert_eq!(
            counted(address(1)).await,
            50,
            "the ten wrong ones and no more were counted for the address"
        );
        limiter.guess(&Guess::AtAccount(OWNER), address(2)).await.unwrap().settle(&RIGHT);
        let busy: chat_core::Result<()> = Err(chat_core::Error::Overloaded);
        limiter.guess(&Guess::AtAccount(OWNER), address(2)).await.unwrap().settle(&busy);
        limiter.guess(&Guess::AtAccount(OWNER), address(2)).await.unwrap().settle(&WRONG);
        assert_eq!(counted(address(2)).await, 59);
    }

    /// Makes `count` guesses at once, each of which takes a moment to check. Returns how many were checked, and the
    /// most at a time.
    async fn at_once(
        limiter: &Limiter,
        count: u32,
        comes: impl Fn(u32) -> chat_core::Result<()>,
    ) -> (u32, u32) {
        let (checked, now, most) = (Cell::new(0), Cell::new(0), Cell::new(0));
        let guesses = (0..count).map(async |number| {
            let Ok(attempt) = limiter.guess(&Guess::AtAccount(OWNER), address(1)).await else { return };
            checked.set(checked.get() + 1);
            now.set(now.get() + 1);
            most.set(most.get().max(now.get()));
            tokio::task::yield_now().await;
            now.set(now.get() - 1);
            attempt.settle(&comes(number));
        });
        futures_util::future::join_all(guesses).await;
        assert_eq!(limiter.guesses.lock().n_keys(), 0, "nothing is under way any more");
        (checked.get(), most.get())
    }

    #[tokio::test]
    async fn right_ones_at_once_refuse_nobody_and_wrong_ones_do() {
        let limiter = limiter();
        assert_eq!(at_once(&limiter, 300, |_| RIGHT).await, (300, 10));
        let nine = |number| if number < 9 { WRONG } else { RIGHT };
        assert_eq!(at_once(&limiter, 40, nine).await, (40, 10), "one at a time is there for the right ones");
        assert_eq!(at_once(&limiter, 300, |_| WRONG).await, (1, 1));
    }

    #[tokio::test]
    async fn wrong_ones_at_once_are_as_many_as_one_after_another() {
        assert_eq!(at_once(&limiter(), 300, |_| WRONG).await, (10, 10));
    }

    #[tokio::test]
    async fn a_guess_that_waits_in_vain_is_not_refused_and_does_not_count() {
        let limiter = limiter();
        let mut checked = Vec::new();
        for _ in 0..10 {
            checked.push(limiter.guess(&Guess::AtAccount(OWNER), address(1)).await.unwrap());
        }
        let deadline = Instant::now() + Duration::from_millis(20);
        let busy = limiter.guess_until(&Guess::AtAccount(OWNER), address(1), deadline).await;
        assert!(matches!(busy, Err(NoGuess::Busy)) && Instant::now() >= deadline);
        checked.into_iter().for_each(|attempt| attempt.settle(&RIGHT));
        let refused = until_refused(&limiter, |_| (Guess::AtAccount(OWNER), address(1))).await;
        assert_eq!(refused, (10, Policy::Login));
    }

    #[tokio::test]
    async fn a_guess_that_is_given_up_while_waiting_does_not_count() {
        let limiter = limiter();
        let guess = || limiter.guess(&Guess::AtAccount(OWNER), address(1));
        let mut checked = Vec::new();
        for _ in 0..10 {
            checked.push(guess().await.unwrap());
        }
        let (mut first, mut second) = (Box::pin(guess()), Box::pin(guess()));
        assert!((&mut first).now_or_never().is_none() && (&mut second).now_or_never().is_none());
        checked.pop().unwrap().settle(&RIGHT);
        drop(first);
        second.await.unwrap().settle(&RIGHT);
        drop(checked);
        let refused = until_refused(&limiter, |_| (Guess::AtAccount(OWNER), address(1))).await;
        assert_eq!(refused, (1, Policy::Login), "the nine that were being checked count");
    }
}
