//! Guesses of passwords. Only wrong ones count: each is counted before it is checked, so that many at once are no way
//! around, and given back if it was right or never checked. A device that its account has been logged in from before is
//! counted by itself, so whatever strangers do, nobody is locked out of their own devices.

use chat_core::ids::UserId;

use super::{Key, Limiter, Policy, Refused};
use crate::client_address::ClientAddress;

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

/// A guess that counts as wrong until something else is said.
pub(crate) struct Attempt<'a> {
    limiter: &'a Limiter,
    counted: [Option<(Policy, Key)>; 3],
}

impl Limiter {
    /// Whether strangers at this address may guess at all; asked before anything is read.
    pub(crate) fn may_guess(&self, address: ClientAddress) -> Result<(), Refused> {
        self.look(Policy::LoginAddress, self.address_key(address))
    }

    /// One more guess.
    pub(crate) fn guess(&self, guess: &Guess, address: ClientAddress) -> Result<Attempt<'_>, Refused> {
        let own = self.key(("guess", guess));
        let counts = match guess {
            Guess::KnownDevice(_) => [Some((Policy::Login, own)), None, None],
            Guess::Bearer(_) => [Some((Policy::Login, own)), Some((Policy::LoginAccount, own)), None],
            Guess::AtAccount(_) | Guess::AtName(_) => [
                Some((Policy::Login, self.key((own.0, address.key())))),
                Some((Policy::LoginAddress, self.address_key(address))),
                Some((Policy::LoginAccount, own)),
            ],
        };
        let mut attempt = Attempt { limiter: self, counted: [None; 3] };
        for (counted, count) in attempt.counted.iter_mut().zip(counts) {
            let Some((policy, key)) = count else { continue };
            match self.take(policy, key) {
                Ok(_) => *counted = Some((policy, key)),
                Err(refused) => {
                    // A refusal is no guess.
                    attempt.forgive();
                    return Err(refused);
                }
            }
        }
        Ok(attempt)
    }
}

impl Attempt<'_> {
    /// It was right, or it was not checked: it does not count.
    pub(crate) fn forgive(self) {
        for (policy, key) in self.counted.into_iter().flatten() {
            self.limiter.give_back(policy, key);
        }
    }

    /// Counts it as what came of it: wrong where the password was, and not at all else.
    pub(crate) fn settle<T>(self, outcome: &chat_core::Result<T>) {
        if !matches!(outcome, Err(chat_core::Error::WrongCredentials)) {
            self.forgive();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;

    use super::super::RateLimits;
    use super::*;
    use crate::client_address::Way;

    const OWNER: UserId = UserId(7);

    fn address(number: u8) -> ClientAddress {
        ClientAddress::new(Ipv4Addr::new(203, 0, 113, number).into(), Way::Direct)
    }

    fn limiter() -> Limiter {
        Limiter::new(&RateLimits::default())
    }

    /// How many wrong guesses are taken before one is refused, and by which policy.
    fn until_refused(
        limiter: &Limiter,
        mut guess: impl FnMut(u32) -> (Guess, ClientAddress),
    ) -> (u32, Policy) {
        for number in 0..100_000 {
            let (guess, address) = guess(number);
            if let Err(refused) = limiter.guess(&guess, address) {
                return (number, refused.policy);
            }
        }
        panic!("never refused");
    }

    #[test]
    fn one_account_from_one_address() {
        let limiter = limiter();
        let refused = until_refused(&limiter, |_| (Guess::AtAccount(OWNER), address(1)));
        assert_eq!(refused, (10, Policy::Login));
        assert!(limiter.may_guess(address(1)).is_ok(), "others behind the same address may go on");
        assert!(limiter.guess(&Guess::AtAccount(UserId(8)), address(1)).is_ok());
    }

    #[test]
    fn many_accounts_from_one_address() {
        let limiter = limiter();
        let refused = until_refused(&limiter, |number| (Guess::AtName(number.to_string()), address(1)));
        assert_eq!(refused, (60, Policy::LoginAddress));
        assert!(limiter.may_guess(address(1)).is_err());
        assert!(limiter.may_guess(address(2)).is_ok());
    }

    #[test]
    fn one_account_from_many_addresses_and_its_owner_gets_in() {
        let limiter = limiter();
        let many = |number: u32| address(u8::try_from(number % 250).unwrap());
        let refused = until_refused(&limiter, |number| (Guess::AtAccount(OWNER), many(number)));
        assert_eq!(refused, (100, Policy::LoginAccount));
        assert!(limiter.guess(&Guess::AtAccount(OWNER), address(251)).is_err());
        for _ in 0..1000 {
            limiter.guess(&Guess::KnownDevice(5), address(1)).unwrap().forgive();
            limiter.guess(&Guess::Bearer(OWNER), address(1)).unwrap().forgive();
        }
        let stolen = until_refused(&limiter, |_| (Guess::KnownDevice(5), address(1)));
        assert_eq!(stolen, (10, Policy::Login), "a stolen device has little of its own");
    }

    #[test]
    fn names_without_an_account_are_counted_alike() {
        let limiter = limiter();
        let refused = until_refused(&limiter, |_| (Guess::AtName("nobody".into()), address(1)));
        assert_eq!(refused, (10, Policy::Login));
    }

    #[test]
    fn a_refusal_and_a_right_password_count_nothing() {
        let limiter = limiter();
        let _ = until_refused(&limiter, |_| (Guess::AtAccount(OWNER), address(1)));
        for _ in 0..1000 {
            assert!(limiter.guess(&Guess::AtAccount(OWNER), address(1)).is_err());
        }
        let counted =
            |address: ClientAddress| until_refused(&limiter, |n| (Guess::AtName(n.to_string()), address)).0;
        assert_eq!(counted(address(1)), 50, "the ten wrong ones and no more were counted for the address");
        limiter.guess(&Guess::AtAccount(OWNER), address(2)).unwrap().settle(&Ok(()));
        let busy: chat_core::Result<()> = Err(chat_core::Error::Overloaded);
        limiter.guess(&Guess::AtAccount(OWNER), address(2)).unwrap().settle(&busy);
        let wrong: chat_core::Result<()> = Err(chat_core::Error::WrongCredentials);
        limiter.guess(&Guess::AtAccount(OWNER), address(2)).unwrap().settle(&wrong);
        assert_eq!(counted(address(2)), 59);
    }
}
