//! Tickets. A browser can't send an `Authorization` header with a WebSocket, and tokens in URLs end up in logs. So a
//! client may exchange a token for a ticket that works once and expires soon (docs/contract.md, "Authentication").

mod waiting;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;
use chat_core::access::{Fingerprint, Ticket, TicketStore};
use chat_core::time::Timestamp;
use chat_core::{Error, Result};
use data_encoding::HEXLOWER;
use ring::rand::{SecureRandom, SystemRandom};

use crate::App;
use crate::client_address::ClientAddress;
use crate::http::problem::Problem;
use crate::tokens::{Granted, fingerprint};
use waiting::Holder;

/// Time until an unused ticket expires.
pub(crate) const LIFETIME: Duration = Duration::from_secs(30);
/// Upper bound for unused tickets; further ones are refused until some have been used or expired.
const CAPACITY: usize = 10_000;

/// Issues a ticket for a token.
pub(crate) async fn issue(
    app: &App,
    granted: Granted,
    client: ClientAddress,
) -> std::result::Result<String, Problem> {
    let mut random = [0; 24];
    SystemRandom::new().fill(&mut random).map_err(|_| Error::internal("no randomness"))?;
    let ticket = HEXLOWER.encode(&random);
    let lifetime_us = i64::try_from(LIFETIME.as_micros()).unwrap_or(i64::MAX);
    let now = app.chat.now();
    let until = Timestamp(now.0.saturating_add(lifetime_us));
    let Granted { user, counts_from, expires_at, fingerprint: token } = granted;
    let fingerprint = fingerprint(&ticket);
    app.tickets.add(fingerprint, Holder { user, address: client.strangers_key() }, Instant::now())?;
    let kept =
        app.chat.keep_ticket(Ticket { fingerprint, user, token, counts_from, expires_at, until }).await;
    kept.inspect_err(|_| app.tickets.remove(fingerprint))?;
    Ok(ticket)
}

/// Redeems a ticket; it does not work again.
pub(crate) async fn redeem(app: &App, ticket: &str) -> Result<Option<Granted>> {
    let fingerprint = fingerprint(ticket);
    let found = app.chat.redeem_ticket(fingerprint).await?;
    app.tickets.remove(fingerprint);
    Ok(found.map(|Ticket { user, token, counts_from, expires_at, .. }| Granted {
        user,
        counts_from,
        expires_at,
        fingerprint: token,
    }))
}

pub(crate) use waiting::Waiting;

/// Ticket store of a single server. Each ticket has the time when it was made, on a monotonic clock.
#[derive(Default)]
pub struct MemoryTickets(Mutex<HashMap<Fingerprint, (Ticket, Instant)>>);

#[async_trait]
impl TicketStore for MemoryTickets {
    async fn keep_ticket(&self, ticket: Ticket, _now: Timestamp) -> Result<()> {
        self.keep(ticket, Instant::now())
    }

    async fn redeem_ticket(&self, fingerprint: Fingerprint, _now: Timestamp) -> Result<Option<Ticket>> {
        Ok(self.redeem(fingerprint, Instant::now()))
    }
}

impl MemoryTickets {
    fn keep(&self, ticket: Ticket, now: Instant) -> Result<()> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= CAPACITY {
            waiting.retain(|_, (_, made)| is_valid(*made, now));
        }
        if waiting.len() >= CAPACITY {
            return Err(Error::Overloaded);
        }
        waiting.insert(ticket.fingerprint, (ticket, now));
        Ok(())
    }

    fn redeem(&self, fingerprint: Fingerprint, now: Instant) -> Option<Ticket> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&fingerprint);
        found.filter(|(_, made)| is_valid(*made, now)).map(|(ticket, _)| ticket)
    }
}

fn is_valid(made: Instant, now: Instant) -> bool {
    now.saturating_duration_since(made) < LIFETIME
}

#[cfg(test)]
mod tests {
    use chat_core::ids::UserId;

    use super::*;

    fn ticket(number: usize) -> Ticket {
        let mut fingerprint = [0; 16];
        fingerprint[..8].copy_from_slice(&number.to_le_bytes());
        let (user, token) = (UserId(3), Fingerprint([7; 16]));
        Ticket {
            fingerprint: Fingerprint(fingerprint),
            user,
            token,
            counts_from: 0,
            expires_at: 10,
            until: Timestamp(100),
        }
    }

    fn redeem(tickets: &MemoryTickets, number: usize, now: Instant) -> Option<Ticket> {
        tickets.redeem(ticket(number).fingerprint, now)
    }

    #[test]
    fn a_ticket_works_once() {
        let (tickets, now) = (MemoryTickets::default(), Instant::now());
        tickets.keep(ticket(1), now).unwrap();
        assert_eq!(redeem(&tickets, 2, now), None);
        assert_eq!(redeem(&tickets, 1, now), Some(ticket(1)));
        assert_eq!(redeem(&tickets, 1, now), None);
    }

    #[test]
    fn a_ticket_works_until_it_expires() {
        let (tickets, now) = (MemoryTickets::default(), Instant::now());
        for number in [1, 2] {
            tickets.keep(ticket(number), now).unwrap();
        }
        assert_eq!(redeem(&tickets, 1, now + LIFETIME - Duration::from_millis(1)), Some(ticket(1)));
        assert_eq!(redeem(&tickets, 2, now + LIFETIME), None);
    }

    #[test]
    fn tickets_are_bounded_and_those_that_expired_make_room() {
        let (tickets, now) = (MemoryTickets::default(), Instant::now());
        for number in 0..CAPACITY {
            tickets.keep(ticket(number), now).unwrap();
        }
        let full = tickets.keep(ticket(CAPACITY), now);
        assert!(matches!(full, Err(Error::Overloaded)), "{full:?}");
        tickets.keep(ticket(CAPACITY), now + LIFETIME).unwrap();
        assert_eq!(redeem(&tickets, CAPACITY, now + LIFETIME), Some(ticket(CAPACITY)));
    }
}
