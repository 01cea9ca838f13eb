//! Guesses of passwords. Only wrong ones count: each is counted before it is checked, so that many at once are no way
//! around, and given back if it was right or never checked. Where a bucket is empty only by what is still being checked,
//! the next guess waits for what comes of it: right ones refuse nobody. A device that its account has been logged in from
//! before is counted by itself, so whatever strangers do, nobody is locked out of their own devices.

use std::time::Duration;

use chat_core::ids::UserId;
use tokio::time::{Instant, timeout_at};

use super::buckets::Taken;
use super::under_way::Settled;
use super::{Key, Limiter, Policy, Refused};
use crate::client_address::ClientAddress;

/// How long a guess waits for others that are being checked.
const PATIENCE: Duration = Duration::from_secs(10);

/// Who guesses, and at whose password.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub(crate) enum Guess {
    /// A device of the account's owner, by its number.
    KnownDevice(u64),
    /// Whoever has a token of the account and is asked for the password once more.
    Bearer(UserId),
    /// Anybody, at an account.
    AtAccount(UserId),
    /// Anybody, at a name that no account has. It is counted as any other, so that nothing is told by it.
    AtName(String),
}

/// Why a password is not checked.
#[derive(Debug)]
pub(crate) enum NoGuess {
    /// Too many were wrong.
    Refused(Refused),
    /// So many are being checked that it is not known in time whether too many are wrong.
    Busy,
}

/// A guess that counts as wrong until something else is said; also where its client has gone meanwhile.
pub(crate) struct Attempt<'a> {
    limiter: &'a Limiter,
    counted: [Option<(Policy, Key)>; 3],
    counts: bool,
}

/// What became of asking for one more guess.
enum Asked {
    Counted,
    Refused(Refused),
    /// It depends on what is being checked; else one will be there after so long.
    Wait(Settled, Duration),
}

impl Limiter {
    /// Whether strangers at this address may guess at all; asked before anything is read.
    pub(crate) fn may_guess(&self, address: ClientAddress) -> Result<(), Refused> {
        let key = self.address_key(address);
        let guesses = self.guesses.lock();
        self.look(Policy::LoginAddress, key, guesses.of(Policy::LoginAddress, key))
    }

    /// One more guess.
    pub(crate) async fn guess(&self, guess: &Guess, address: ClientAddress) -> Result<Attempt<'_>, NoGuess> {
        self.guess_until(guess, address, Instant::now() + PATIENCE).await
    }

    async fn guess_until(
        &self,
        guess: &Guess,
        address: ClientAddress,
        deadline: Instant,
    ) -> Result<Attempt<'_>, NoGuess> {
        let own = self.key(("guess", guess));
        // Always in this order: nobody waits for one who waits for him.
        let counts = match guess {
            Guess::KnownDevice(_) => [Some((Policy::Login, own)), None, None],
            Guess::Bearer(_) => [Some((Policy::Login, own)), Some((Policy::LoginAccount, own)), None],
            Guess::AtAccount(_) | Guess::AtName(_) => [
                Some((Policy::Login, self.key((own.0, address.key())))),
                Some((Policy::LoginAddress, self.address_key(address))),
                Some((Policy::LoginAccount, own)),
            ],
        };
        // A refusal is no guess, and neither is one that is given up before it is checked.
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
                Asked::Counted => return Ok(()),
                Asked::Refused(refused) => return Err(NoGuess::Refused(refused)),
                Asked::Wait(..) if Instant::now() >= deadline => return Err(NoGuess::Busy),
                Asked::Wait(settled, refilled) => {
                    let until = deadline.min(Instant::now() + refilled.min(PATIENCE));
                    let _ = timeout_at(until, settled).await;
                }
            }
        }
    }

    fn ask(&self, policy: Policy, key: Key) -> Asked {
        let rule = self.rule(policy);
        let Some((rate, cells)) = rule.limit else { return Asked::Counted };
        let mut guesses = self.guesses.lock();
        let Taken::No { wait_ns } = rule.buckets.take(key.0, cells, self.now()) else {
            guesses.begin(policy, key);
            return Asked::Counted;
        };
        if let Err(refused) = self.look(policy, key, guesses.of(policy, key)) {
            return Asked::Refused(refused);
        }
        match guesses.wait(policy, key) {
            Some(settled) => Asked::Wait(settled, Duration::from_nanos(wait_ns)),
            None => Asked::Refused(rule.refuse(rate, key, wait_ns)),
        }
    }

    /// It is known what came of a guess.
    fn settle_guess(&self, policy: Policy, key: Key, counts: bool) {
        if self.rule(policy).limit.is_none() {
            return;
        }
        let mut guesses = self.guesses.lock();
        guesses.end(policy, key);
        if !counts {
            self.give_back(policy, key);
            guesses.wake_one(policy, key);
        } else if self.look(policy, key, guesses.of(policy, key)).is_err() {
            guesses.wake_all(policy, key);
        }
    }
}

impl Attempt<'_> {
    /// Counts it as what came of it: wrong where the password was, and not at all else.
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
    use crate::client_address::Way;

    const OWNER: UserId = UserId(7);
    const RIGHT: chat_core::Result<()> = Ok(());
    const WRONG: chat_core::Result<()> = Err(chat_core::Error::WrongCredentials);

    fn address(number: u8) -> ClientAddress {
        ClientAddress::new(Ipv4Addr::new(203, 0, 113, number).into(), Way::Direct)
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

    /// How many wrong guesses are taken before one is refused, and by which policy.
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

    /// What comes of so many guesses at once, each of which takes a moment to be checked: how many are checked, and how
    /// many at most at a time.
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
    async fn whoever_waits_in_vain_is_not_refused_and_counts_nothing() {
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
    async fn whoever_goes_away_while_waiting_counts_nothing() {
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
