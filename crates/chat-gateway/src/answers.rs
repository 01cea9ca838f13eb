//! Bounds the bytes of large responses that clients have not read yet, in total and per address. When there is no room,
//! the response that has waited longest is dropped, but only after [`GRACE`]. Pages reserve their room before they are
//! encoded ([`Answers::room`]).

use std::collections::{BTreeMap, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use axum::body::Body;
use axum::http::header::CONTENT_TYPE;
use axum::http::response::Parts;
use axum::http::{Extensions, HeaderValue};
use axum::response::{IntoResponse, Response};
use bytes::Bytes;
use http_body_util::BodyExt;
use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::gauge::Gauge;
use tokio::sync::Notify;

use crate::arrival::Arrival;
use crate::client_address::AddressKey;
use crate::http::problem::Problem;
use crate::link::Link;

/// Smaller responses are not counted, in bytes; a connection has one at a time.
const SMALL_BYTES: u64 = 16 * 1024;
/// Bound for all responses together, in bytes.
const ALL_BYTES: u64 = 64 * 1024 * 1024;
/// Bound per address, in bytes. An address with nothing waiting always gets one response.
const ADDRESS_BYTES: u64 = ALL_BYTES / 4;
/// Time during which a response cannot be dropped.
const GRACE: Duration = Duration::from_secs(1);
/// Upper bound for waiting for room. Clients that do read their responses are quick.
const MAX_WAIT: Duration = Duration::from_millis(500);
/// Interval between checks for a response whose grace has passed.
const CHECK_INTERVAL: Duration = Duration::from_millis(100);

/// Metrics of waiting responses. Clones share their values.
#[derive(Debug, Clone, Default)]
pub(crate) struct AnswerCounts {
    pub(crate) waiting: Gauge,
    /// Connections cut off to make room.
    pub(crate) dropped: Counter,
}

#[derive(Debug, Default)]
pub(crate) struct Answers {
    state: Mutex<Held>,
    /// Notified when room was given back.
    freed: Notify,
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
    /// Since when the client can read it. `None`: it is still being made and cannot be dropped.
    since: Option<Instant>,
    client: Option<AddressKey>,
    link: Arc<Link>,
}

/// Permission to hold a response. Dropping it gives the room back, once the client has read everything.
struct Permit {
    answers: Arc<Answers>,
    number: u64,
}

/// Room for a response that is being made. The response keeps it among its extensions, in case its body is made again.
#[derive(Clone)]
pub(crate) struct Room(Arc<Permit>);

/// Marks a response that has its room already, or needs none.
#[derive(Clone, Copy)]
struct HasRoom;

/// A response's bytes, which keep their room until the last reference is dropped.
struct Kept {
    bytes: Bytes,
    _permit: Arc<Permit>,
}

impl AsRef<[u8]> for Kept {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

impl Answers {
    pub(crate) fn new(counts: AnswerCounts) -> Arc<Self> {
        Arc::new(Self { counts, ..Self::default() })
    }

    /// Reserves room for a response of about `bytes` bytes. Waits up to [`MAX_WAIT`], then fails with 503 `overloaded`.
    pub(crate) async fn room(
        self: &Arc<Self>,
        bytes: u64,
        client: Option<AddressKey>,
        link: &Arc<Link>,
    ) -> Result<Room, Problem> {
        let found = async {
            loop {
                let freed = self.freed.notified();
                let mut freed = std::pin::pin!(freed);
                freed.as_mut().enable();
                if let Some(permit) = self.hold(bytes, client, link.clone(), None) {
                    return Room(Arc::new(permit));
                }
                // Wakes up early too: the grace of another response may have passed.
                let _ = tokio::time::timeout(CHECK_INTERVAL, freed).await;
            }
        };
        tokio::time::timeout(MAX_WAIT, found).await.map_err(|_| no_room())
    }

    /// Reserves room for a response that the client can read since `since`. `None`: nothing may be dropped for it yet.
    fn hold(
        self: &Arc<Self>,
        bytes: u64,
        client: Option<AddressKey>,
        link: Arc<Link>,
        since: Option<Instant>,
    ) -> Option<Permit> {
        let now = Instant::now();
        let mut held = self.held();
        while held.has_no_room_for(bytes, client) {
            let oldest = held.oldest_droppable(bytes, client, now)?;
            if let Some(dropped) = held.remove(oldest) {
                dropped.link.end();
                self.counts.dropped.inc();
            }
        }
        let number = held.insert(Answer { bytes, since, client, link });
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

    /// The oldest response that may be dropped: of the same address if that is over its bound, else of any.
    fn oldest_droppable(&self, bytes: u64, client: Option<AddressKey>, now: Instant) -> Option<u64> {
        let of_the_same = self.is_too_much_for(bytes, client);
        let droppable = self.answers.iter().filter(|(_, answer)| !of_the_same || answer.client == client);
        let made = droppable.filter_map(|(number, answer)| Some((answer.since?, *number)));
        let (since, number) = made.min()?;
        (now.saturating_duration_since(since) >= GRACE).then_some(number)
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

    /// The response was made and has this many bytes.
    fn made(&mut self, number: u64, bytes: u64) {
        let Some(answer) = self.answers.get_mut(&number) else { return };
        self.total = self.total - answer.bytes + bytes;
        if let Some(of_address) = answer.client.and_then(|key| self.of_address.get_mut(&key)) {
            *of_address = *of_address - answer.bytes + bytes;
        }
        answer.bytes = bytes;
        answer.since = Some(Instant::now());
    }
}

impl Room {
    /// The response with its body in the reserved room, if it needs any.
    pub(crate) fn filled(room: Option<Self>, json: Vec<u8>) -> Response {
        let bytes = Bytes::from(json);
        let body = match room.clone() {
            None => Body::from(bytes),
            Some(room) => room.fill(bytes),
        };
        let mut response = Response::new(body);
        if let Some(room) = room {
            response.extensions_mut().insert(room);
        }
        response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        response.extensions_mut().insert(HasRoom);
        response
    }

    /// The room of a response whose body is made again, smaller than before. Until [`Room::fill`] the client can read
    /// nothing, so it is not slow and the response cannot be dropped.
    pub(crate) fn begin_again(extensions: &mut Extensions) -> Option<Self> {
        let room: Self = extensions.remove()?;
        if let Some(answer) = room.0.answers.held().answers.get_mut(&room.0.number) {
            answer.since = None;
        }
        Some(room)
    }

    /// Returns the body. From now on the client can read it.
    pub(crate) fn fill(self, bytes: Bytes) -> Body {
        self.0.made(bytes.len());
        Body::from(Bytes::from_owner(Kept { bytes, _permit: self.0 }))
    }
}

impl Permit {
    fn made(&self, bytes: usize) {
        let mut held = self.answers.held();
        held.made(self.number, u64::try_from(bytes).unwrap_or(u64::MAX));
        self.answers.show(&held);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut held = self.answers.held();
        held.remove(self.number);
        self.answers.show(&held);
        drop(held);
        self.answers.freed.notify_waiters();
    }
}

fn no_room() -> Problem {
    let sentence = "Too many responses are waiting for slow clients; try again, or request less";
    Problem::new(503, "overloaded", sentence).retry_after(1)
}

/// Marks a response whose bytes are in memory anyway, so that it needs no room of its own.
pub(crate) async fn has_room(mut response: Response) -> Response {
    response.extensions_mut().insert(HasRoom);
    response
}

/// Marks a response whose bytes were replaced: it needs room.
pub(crate) fn needs_room(parts: &mut Parts) {
    parts.extensions.remove::<HasRoom>();
}

/// Counts a response until the client has read it, or refuses it if there is no room.
pub(crate) async fn bound(
    answers: &Arc<Answers>,
    arrival: Option<&Arrival>,
    mut response: Response,
) -> Response {
    let bytes = axum::body::HttpBody::size_hint(response.body()).exact().unwrap_or(0);
    let Some(arrival) = arrival.filter(|_| bytes >= SMALL_BYTES) else { return response };
    if response.extensions_mut().remove::<HasRoom>().is_some() {
        return response;
    }
    let (client, link) = (arrival.client.strangers_key(), arrival.link.clone());
    let Some(permit) = answers.hold(bytes, client, link, Some(Instant::now())) else {
        return no_room().into_response();
    };
    let (parts, body) = response.into_parts();
    // Collecting does not copy, because all of these bodies are in one piece.
    let Ok(body) = body.collect().await else {
        return Problem::new(500, "internal", "Internal error").into_response();
    };
    let kept = Kept { bytes: body.to_bytes(), _permit: Arc::new(permit) };
    Response::from_parts(parts, Body::from(Bytes::from_owner(kept)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1024 * 1024;

    fn address(last: u8) -> Option<AddressKey> {
        Some(AddressKey::of([192, 0, 2, last].into()))
    }

    fn hold(
        answers: &Arc<Answers>,
        bytes: u64,
        client: Option<AddressKey>,
        link: Arc<Link>,
    ) -> Option<Permit> {
        answers.hold(bytes, client, link, Some(Instant::now()))
    }

    /// Makes all responses older by `by`.
    fn age(answers: &Answers, by: Duration) {
        for answer in answers.held().answers.values_mut() {
            answer.since = answer.since.map(|since| since.checked_sub(by).unwrap());
        }
    }

    #[test]
    fn an_address_has_a_quarter_and_then_makes_room_for_itself() {
        let answers = Arc::new(Answers::default());
        let links: Vec<Arc<Link>> = (0..4).map(|_| Arc::default()).collect();
        let hold_own = |link: &Arc<Link>| hold(&answers, 6 * MIB, address(1), link.clone());
        let (first, _second) = (hold_own(&links[0]), hold_own(&links[1]));
        assert!(first.is_some());
        assert!(hold_own(&links[2]).is_none(), "what is new is left alone");
        let _other = hold(&answers, 16 * MIB, address(2), Arc::default()).unwrap();
        age(&answers, GRACE);
        let _third = hold_own(&links[2]).unwrap();
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
            .map(|n| hold(&answers, 15 * MIB, address(n), links[usize::from(n)].clone()).unwrap())
            .collect();
        assert!(hold(&answers, 15 * MIB, address(5), links[0].clone()).is_none());
        age(&answers, GRACE);
        let new = hold(&answers, 15 * MIB, address(5), links[0].clone()).unwrap();
        assert!(links[1].is_ended() && links.iter().skip(2).all(|link| !link.is_ended()));
        drop((held, new));
        let rest = answers.held();
        assert!(rest.total == 0 && rest.answers.is_empty() && rest.of_address.is_empty());
    }

    #[test]
    fn one_answer_is_always_given_however_large() {
        let answers = Arc::new(Answers::default());
        assert!(hold(&answers, 100 * MIB, address(1), Arc::default()).is_some());
        let _some = hold(&answers, 20 * MIB, address(1), Arc::default()).unwrap();
        assert!(hold(&answers, 20 * MIB, address(2), Arc::default()).is_some());
        assert!(hold(&answers, 20 * MIB, None, Arc::default()).is_some(), "this machine has all of it");
    }

    #[test]
    fn a_response_that_is_being_made_counts_and_is_not_dropped() {
        let answers = Arc::new(Answers::default());
        let link = Arc::new(Link::default());
        let making = answers.hold(60 * MIB, address(1), link.clone(), None).unwrap();
        age(&answers, GRACE);
        assert!(hold(&answers, 5 * MIB, address(2), Arc::default()).is_none());
        let rooms = || answers.held().total / MIB;
        let made = Room::filled(Some(Room(Arc::new(making))), vec![b' '; 2 * 1024 * 1024]);
        assert_eq!(rooms(), 2, "what it really is");
        assert!(!link.is_ended());
        let _other = hold(&answers, 62 * MIB, address(2), Arc::default()).unwrap();
        age(&answers, GRACE);
        let _third = hold(&answers, MIB, address(3), Arc::default()).unwrap();
        assert!(link.is_ended(), "now it is the oldest");
        drop(made);
    }

    #[test]
    fn a_body_that_is_made_again_keeps_its_room_and_is_not_dropped_meanwhile() {
        let answers = Arc::new(Answers::default());
        let link = Arc::new(Link::default());
        let making = answers.hold(60 * MIB, address(1), link.clone(), None).unwrap();
        let mut made = Room::filled(Some(Room(Arc::new(making))), vec![b' '; 60 * 1024 * 1024]);
        let room = Room::begin_again(made.extensions_mut()).unwrap();
        drop(made);
        age(&answers, GRACE);
        assert!(hold(&answers, 5 * MIB, address(2), Arc::default()).is_none());
        assert!(!link.is_ended());
        let body = room.fill(Bytes::from(vec![b' '; 1024 * 1024]));
        assert_eq!(answers.held().total, MIB);
        age(&answers, GRACE);
        let _large = hold(&answers, 64 * MIB, address(2), Arc::default()).unwrap();
        assert!(link.is_ended(), "the client could read it");
        drop(body);
    }

    #[tokio::test]
    async fn room_is_waited_for_a_little() {
        let answers = Arc::new(Answers::default());
        let first = hold(&answers, 64 * MIB, address(1), Arc::default()).unwrap();
        let link = Arc::default();
        assert!(answers.room(MIB, address(2), &link).await.is_err());
        let waits = tokio::spawn({
            let (answers, link) = (answers.clone(), link.clone());
            async move { answers.room(MIB, address(2), &link).await }
        });
        tokio::task::yield_now().await;
        drop(first);
        assert!(waits.await.unwrap().is_ok());
    }
}
