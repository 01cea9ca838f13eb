//! The order in which passwords are hashed: owners on their own devices, strangers and new users do not wait for each
//! other, nor for others of their kind from elsewhere.

use chat_core::ports::{Rank, Turn};

use crate::app::Shared;
use crate::client_address::ClientAddress;
use crate::limits::Guess;

pub(crate) fn newcomer(app: &Shared, from: ClientAddress) -> Turn {
    Turn { rank: Rank::Newcomer, share: app.limits.address_key(from).share() }
}

pub(crate) fn guess(app: &Shared, guess: &Guess, from: ClientAddress) -> Turn {
    match guess {
        Guess::KnownDevice(_) | Guess::Bearer(_) => {
            Turn { rank: Rank::Known, share: app.limits.key(guess).share() }
        }
        Guess::AtAccount(_) | Guess::AtName(_) => {
            Turn { rank: Rank::Stranger, share: app.limits.address_key(from).share() }
        }
    }
}
