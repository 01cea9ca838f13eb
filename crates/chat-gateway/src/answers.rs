//! The bytes of large answers that clients have yet to take: so many in all, and of these so many for one address. Who
//! comes when there is no room takes that of the answer that has waited longest; one that is new gets its time first.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::BodyExt;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;

use crate::client_address::{AddressKey, ClientAddress};
use crate::http::problem::Problem;
use crate::link::Link;

/// Answers that are smaller are not counted; a connection has one at a time.
const SMALL_BYTES: u64 = 16 * 1024;
/// For all that is waiting to be taken.
const ALL_BYTES: u64 = 64 * 1024 * 1024;
/// For what one address has waiting. Whoever has nothing waiting is always given one.
const ADDRESS_BYTES: u64 = ALL_BYTES / 4;
/// How long an answer is left alone.
const GRACE: Duration = Duration::from_secs(1);

/// What is counted of them; clones count together.
#[derive(Debug, Clone, Default)]
pub(crate) struct AnswerCounts {
    /// Bytes that wait.
    pub(crate) waiting: Gauge,
    /// Connections that had to make room.
    pub(crate) dropped: Counter,
}

/// What is held at present.
#[derive(Debug, Default)]
pub(crate) struct Answers {
    state: Mutex<Held>,
    counts: AnswerCounts,
}

#[derive(Debug, Default)]
struct Held {
    total: u64,
    of_address: HashMap<AddressKey, u64>,
    /// By age.
    answers: BTreeMap<u64, Answer>,
    next: u64,
}

#[derive(Debug)]
struct Answer {
    bytes: u64,
    since: Instant,
    client: Option<AddressKey>,
    link: Arc<Link>,
}

/// The right to hold an answer; dropping it, when the client has taken all, gives it back.
struct Permit {
    answers: Arc<Answers>,
    number: u64,
}

/// An answer's bytes, for as long as anybody has them.
struct Kept {
    bytes: Bytes,
    _permit: Permit,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Answers {
    pub(crate) fn new(counts: AnswerCounts) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), counts })
    }

    fn hold(self: &Arc<Self>, bytes: u64, client: Option<AddressKey>, link: Arc<Link>) -> Option<Permit> {
        let now = Instant::now();
        let mut held = self.held();
        while held.has_no_room_for(bytes, client) {
            let oldest = held.oldest_that_is_in_the_way(bytes, client, now)?;
            if let Some(dropped) = held.remove(oldest) {
                dropped.link.end();
                self.counts.dropped.inc();
            }
        }
        let number = held.insert(Answer { bytes, since: now, client, link });
        self.show(&held);
        Some(Permit { answers: self.clone(), number })
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn show(&self, held: &Held) {
        self.counts.waiting.set(i64::try_from(held.total).unwrap_or(i64::MAX));
    }
}

impl Held {
    fn of(&self, client: Option<AddressKey>) -> u64 {
        client.and_then(|key| self.of_address.get(&key)).copied().unwrap_or(0)
    }

    fn is_too_much_for(&self, bytes: u64, client: Option<AddressKey>) -> bool {
        let already = self.of(client);
        already > 0 && already.saturating_add(bytes) > ADDRESS_BYTES
    }

    fn has_no_room_for(&self, bytes: u64, client: Option<AddressKey>) -> bool {
        let is_full = self.total > 0 && self.total.saturating_add(bytes) > ALL_BYTES;
        is_full || self.is_too_much_for(bytes, client)
    }

    /// Of the same address if that has too much, else of anybody.
    fn oldest_that_is_in_the_way(&self, bytes: u64, client: Option<AddressKey>, now: Instant) -> Option<u64> {
        let of_the_same = self.is_too_much_for(bytes, client);
        let mut in_the_way =
            self.answers.iter().filter(|(_, answer)| !of_the_same || answer.client == client);
        let (number, oldest) = in_the_way.next()?;
        (now.saturating_duration_since(oldest.since) >= GRACE).then_some(*number)
    }

    fn insert(&mut self, answer: Answer) -> u64 {
        let number = self.next;
        self.next += 1;
        self.total += answer.bytes;
        if let Some(key) = answer.client {
            *self.of_address.entry(key).or_default() += answer.bytes;
        }
        self.answers.insert(number, answer);
        number
    }

    fn remove(&mut self, number: u64) -> Option<Answer> {
        let answer = self.answers.remove(&number)?;
        self.total -= answer.bytes;
        if let Some(key) = answer.client
            && let Some(bytes) = self.of_address.get_mut(&key)
        {
            *bytes -= answer.bytes;
            if *bytes == 0 {
                self.of_address.remove(&key);
            }
        }
        Some(answer)
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut held = self.answers.held();
        held.remove(self.number);
        self.answers.show(&held);
    }
}

/// Counts an answer until the client has taken it, or refuses where there is no room for it.
pub(crate) async fn bound(State(answers): State<Arc<Answers>>, request: Request, next: Next) -> Response {
    let client = ClientAddress::of(request.extensions()).strangers_key();
    let link = request.extensions().get::<Arc<Link>>().cloned();
    let response = next.run(request).await;
    let bytes = axum::body::HttpBody::size_hint(response.body()).exact().unwrap_or(0);
    let Some(link) = link.filter(|_| bytes >= SMALL_BYTES) else { return response };
    let Some(permit) = answers.hold(bytes, client, link) else {
        let sentence = "Too many answers wait to be taken by slow clients; ask again, or for less";
        return Problem::new(503, "overloaded", sentence).retry_after(1).into_response();
    };
    let (parts, body) = response.into_parts();
    // A body of one piece, as all of these are, is not copied.
    let Ok(body) = body.collect().await else {
        return Problem::new(500, "internal", "Internal error").into_response();
    };
    let kept = Kept { bytes: body.to_bytes(), _permit: permit };
    Response::from_parts(parts, Body::from(Bytes::from_owner(kept)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn address(last: u8) -> Option<AddressKey> {
        Some(AddressKey::of([192, 0, 2, last].into()))
    }

    /// As if it had waited for so long.
    fn age(answers: &Answers, by: Duration) {
        for answer in answers.held().answers.values_mut() {
            answer.since = answer.since.checked_sub(by).unwrap();
        }
    }

    #[test]
    fn an_address_has_a_quarter_and_then_makes_room_for_itself() {
        let answers = Arc::new(Answers::default());
        let links: Vec<Arc<Link>> = (0..4).map(|_| Arc::default()).collect();
        let hold = |link: &Arc<Link>| answers.hold(6 * MIB, address(1), link.clone());
        let (first, _second) = (hold(&links[0]), hold(&links[1]));
        assert!(first.is_some());
        assert!(hold(&links[2]).is_none(), "what is new is left alone");
        let _other = answers.hold(16 * MIB, address(2), Arc::default()).unwrap();
        age(&answers, GRACE);
        let _third = hold(&links[2]).unwrap();
        assert_eq!(links.iter().map(|link| link.is_ended()).collect::<Vec<_>>(), [true, false, false, false]);
        assert_eq!(answers.counts.waiting.get(), i64::try_from(28 * MIB).unwrap());
        drop(first);
        assert_eq!(
            answers.counts.waiting.get(),
            i64::try_from(28 * MIB).unwrap(),
            "it was given back before"
        );
    }

    #[test]
    fn when_all_is_full_the_oldest_of_all_makes_room() {
        let answers = Arc::new(Answers::default());
        let links: Vec<Arc<Link>> = (0..5).map(|_| Arc::default()).collect();
        let held: Vec<_> = (1..=4)
            .map(|n| answers.hold(15 * MIB, address(n), links[usize::from(n)].clone()).unwrap())
            .collect();
        assert!(answers.hold(15 * MIB, address(5), links[0].clone()).is_none());
        age(&answers, GRACE);
        let new = answers.hold(15 * MIB, address(5), links[0].clone()).unwrap();
        assert!(links[1].is_ended() && links.iter().skip(2).all(|link| !link.is_ended()));
        drop((held, new));
        let rest = answers.held();
        assert!(rest.total == 0 && rest.answers.is_empty() && rest.of_address.is_empty());
    }

    #[test]
    fn one_answer_is_always_given_however_large() {
        let answers = Arc::new(Answers::default());
        assert!(answers.hold(100 * MIB, address(1), Arc::default()).is_some());
        let _some = answers.hold(20 * MIB, address(1), Arc::default()).unwrap();
        assert!(answers.hold(20 * MIB, address(2), Arc::default()).is_some());
        assert!(answers.hold(20 * MIB, None, Arc::default()).is_some(), "this machine has all of it");
    }
}
