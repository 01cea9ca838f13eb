//! In whose turn a password is hashed: owners on their own devices, strangers and newcomers do not wait for each other, and
//! none of them for others of their kind from elsewhere.

use chat_core::ports::{Rank, Turn};

use crate::app::Shared;
use crate::client_address::ClientAddress;
use crate::limits::Guess;

/// The turn of somebody who registers.
pub(crate) fn newcomer(app: &Shared, from: ClientAddress) -> Turn {
    Turn { rank: Rank::Newcomer, share: app.limits.address_key(from).share() }
}

/// The turn of a guess.
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
