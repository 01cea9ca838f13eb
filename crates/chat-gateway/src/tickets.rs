//! Tickets: a browser can't send an `Authorization` header with a WebSocket, and a token in a URL ends up in logs, so
//! a token may be exchanged for something that works once and not for long (contract.md part 2).

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use ring::rand::{SecureRandom, SystemRandom};

use crate::tokens::Granted;

/// How long a ticket waits for its use.
pub(crate) const LIFETIME: Duration = Duration::from_secs(30);
/// Tickets that may wait at a time; further ones are refused until some have been used or expired.
const CAPACITY: usize = 10_000;

/// The tickets that wait.
#[derive(Default)]
pub(crate) struct Tickets(Mutex<HashMap<String, (Granted, Instant)>>);

impl Tickets {
    /// A new ticket; `None` if there are too many.
    pub(crate) fn issue(&self, granted: Granted) -> Option<String> {
        let mut random = [0; 24];
        SystemRandom::new().fill(&mut random).ok()?;
        let ticket: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= CAPACITY {
            let now = Instant::now();
            waiting.retain(|_, (_, until)| *until > now);
        }
        if waiting.len() >= CAPACITY {
            return None;
        }
        waiting.insert(ticket.clone(), (granted, Instant::now() + LIFETIME));
        Some(ticket)
    }

    /// Uses a ticket up.
    pub(crate) fn redeem(&self, ticket: &str) -> Option<Granted> {
        let (granted, until) = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(ticket)?;
        (until > Instant::now()).then_some(granted)
    }
}

#[cfg(test)]
mod tests {
    use chat_core::ids::UserId;

    use super::*;

    fn granted() -> Granted {
        let fingerprint = chat_core::access::Fingerprint([0; 16]);
        Granted { user: UserId(3), issued_at: 0, expires_at: 10, fingerprint }
    }

    #[test]
    fn a_ticket_works_once() {
        let tickets = Tickets::default();
        let granted = granted();
        let ticket = tickets.issue(granted).unwrap();
        assert_eq!(ticket.len(), 48);
        assert_eq!(tickets.redeem("nonsense"), None);
        assert_eq!(tickets.redeem(&ticket), Some(granted));
        assert_eq!(tickets.redeem(&ticket), None);
    }

    #[test]
    fn tickets_are_bounded() {
        let tickets = Tickets::default();
        let granted = granted();
        assert!((0..CAPACITY).all(|_| tickets.issue(granted).is_some()));
        assert_eq!(tickets.issue(granted), None);
    }
}
