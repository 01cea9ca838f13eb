//! Tickets: a browser can't send an `Authorization` header with a WebSocket, and a token in a URL ends up in logs, so
//! a token may be exchanged for something that works once and not for long (contract.md part 2).

mod waiting;

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use chat_core::access::{Fingerprint, Ticket, TicketStore};
use chat_core::time::Timestamp;
use chat_core::{Error, Result};
use ring::rand::{SecureRandom, SystemRandom};

use crate::App;
use crate::client_address::ClientAddress;
use crate::http::problem::Problem;
use crate::tokens::{Granted, fingerprint};
use waiting::Holder;

/// How long a ticket waits for its use.
pub(crate) const LIFETIME: Duration = Duration::from_secs(30);
/// Tickets that may wait at a time; further ones are refused until some have been used or expired.
const CAPACITY: usize = 10_000;

/// A new ticket.
pub(crate) async fn issue(
    app: &App,
    granted: Granted,
    client: ClientAddress,
) -> std::result::Result<String, Problem> {
    let mut random = [0; 24];
    SystemRandom::new().fill(&mut random).map_err(|_| Error::internal("no randomness"))?;
    let ticket: String = random.iter().map(|byte| format!("{byte:02x}")).collect();
    let lifetime_us = i64::try_from(LIFETIME.as_micros()).unwrap_or(i64::MAX);
    let now = app.chat.now();
    let until = Timestamp(now.0.saturating_add(lifetime_us));
    let Granted { user, counts_from, expires_at, fingerprint: token } = granted;
    let fingerprint = fingerprint(&ticket);
    app.tickets.add(fingerprint, Holder { user, address: client.strangers_key(), until }, now)?;
    let kept =
        app.chat.keep_ticket(Ticket { fingerprint, user, token, counts_from, expires_at, until }).await;
    kept.inspect_err(|_| app.tickets.remove(fingerprint))?;
    Ok(ticket)
}

/// Uses a ticket up.
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

/// The tickets of a server that is alone.
#[derive(Default)]
pub struct MemoryTickets(Mutex<HashMap<Fingerprint, Ticket>>);

#[async_trait]
impl TicketStore for MemoryTickets {
    async fn keep_ticket(&self, ticket: Ticket, _now: Timestamp) -> Result<()> {
        let mut waiting = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if waiting.len() >= CAPACITY {
            // Nothing older than one lifetime before the newest can still be used.
            let lifetime_us = i64::try_from(LIFETIME.as_micros()).unwrap_or(i64::MAX);
            waiting.retain(|_, other| other.until.0 > ticket.until.0 - lifetime_us);
        }
        if waiting.len() >= CAPACITY {
            return Err(Error::Overloaded);
        }
        waiting.insert(ticket.fingerprint, ticket);
        Ok(())
    }

    async fn redeem_ticket(&self, fingerprint: Fingerprint, now: Timestamp) -> Result<Option<Ticket>> {
        let found = self.0.lock().unwrap_or_else(PoisonError::into_inner).remove(&fingerprint);
        Ok(found.filter(|ticket| ticket.until > now))
    }
}

#[cfg(test)]
mod tests {
    use chat_core::ids::UserId;

    use super::*;

    fn ticket(number: usize, until: i64) -> Ticket {
        let mut fingerprint = [0; 16];
        fingerprint[..8].copy_from_slice(&number.to_le_bytes());
        let (user, token) = (UserId(3), Fingerprint([7; 16]));
        Ticket {
            fingerprint: Fingerprint(fingerprint),
            user,
            token,
            counts_from: 0,
            expires_at: 10,
            until: Timestamp(until),
        }
    }

    async fn redeem(tickets: &MemoryTickets, number: usize, now: i64) -> Option<Ticket> {
        tickets.redeem_ticket(ticket(number, 0).fingerprint, Timestamp(now)).await.unwrap()
    }

    #[tokio::test]
    async fn a_ticket_works_once() {
        let tickets = MemoryTickets::default();
        tickets.keep_ticket(ticket(1, 100), Timestamp(0)).await.unwrap();
        assert_eq!(redeem(&tickets, 2, 50).await, None);
        assert_eq!(redeem(&tickets, 1, 50).await, Some(ticket(1, 100)));
        assert_eq!(redeem(&tickets, 1, 50).await, None);
    }

    #[tokio::test]
    async fn a_ticket_works_until_it_expires() {
        let tickets = MemoryTickets::default();
        for number in [1, 2] {
            tickets.keep_ticket(ticket(number, 100), Timestamp(0)).await.unwrap();
        }
        assert_eq!(redeem(&tickets, 1, 99).await, Some(ticket(1, 100)));
        assert_eq!(redeem(&tickets, 2, 100).await, None);
    }

    #[tokio::test]
    async fn tickets_are_bounded_and_those_that_expired_make_room() {
        let tickets = MemoryTickets::default();
        for number in 0..CAPACITY {
            tickets.keep_ticket(ticket(number, 100), Timestamp(0)).await.unwrap();
        }
        let full = tickets.keep_ticket(ticket(CAPACITY, 100), Timestamp(0)).await;
        assert!(matches!(full, Err(Error::Overloaded)), "{full:?}");
        let lifetime_us = i64::try_from(LIFETIME.as_micros()).unwrap();
        tickets.keep_ticket(ticket(CAPACITY, 100 + lifetime_us), Timestamp(0)).await.unwrap();
        assert_eq!(redeem(&tickets, CAPACITY, 100).await, Some(ticket(CAPACITY, 100 + lifetime_us)));
    }
}
