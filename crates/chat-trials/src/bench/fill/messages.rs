//! The messages of a filled database, and the edits and reactions that follow some of them.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use chat_core::command::MessageCommand;
use chat_core::ids::{GroupId, MessageId, UserId};
use chat_core::intention::Intention;
use chat_core::media::MessageKind;
use chat_core::messages::{Mentions, Recipient};
use chat_core::ports::Store;
use chat_core::posting::{Body, NewMessage};
use chat_core::time::Timestamp;
use tokio::task::JoinSet;

use super::filled::{Filled, Written};
use super::plan::few;
use super::{AT_ONCE, Filler, Keys, SPAN, Words, key};
use crate::bench::table::number;
use crate::bench::testbed::User;
use crate::rng::Rng;

/// How often something happens to a message, in thousandths.
const EDITS: u64 = 20;
const REACTIONS: u64 = 30;
const MENTIONS: u64 = 5;
const EMOJIS: [&str; 5] = ["👍", "❤️", "😂", "🎉", "👀"];
/// How often progress is printed.
const REPORT: Duration = Duration::from_secs(10);

/// Sends all messages. Returns how much was written.
pub(super) async fn write(
    filler: &mut Filler<'_>,
    filled: &Filled,
    crowd: &[User],
    keys: Keys,
) -> Result<Written> {
    let store = filler.database.store.clone();
    let mut author = Author::new(filler, filled, crowd, keys);
    let mut written = Written::default();
    let (mut running, mut following) = (JoinSet::new(), VecDeque::new());
    let (began, mut reported) = (Instant::now(), Instant::now());
    loop {
        while running.len() < AT_ONCE
            && let Some(write) = following.pop_front().or_else(|| author.next())
        {
            count(&mut written, &write);
            running.spawn(perform(store.clone(), write));
        }
        let Some(ended) = running.join_next().await else { return Ok(written) };
        let ended = ended.context("a write was lost")?.context("the database cannot be filled")?;
        if let Some(posted) = ended {
            following.extend(author.follow_ups(&posted));
        }
        if reported.elapsed() >= REPORT {
            reported = Instant::now();
            let rate = written.messages as f64 / began.elapsed().as_secs_f64();
            eprintln!("filling: {} messages, {}/s", number(written.messages as f64), number(rate));
        }
    }
}

/// A write to the store.
enum Write {
    /// A message, and the index of its place.
    Post(NewMessage, u32),
    Edit(MessageCommand, String),
    React(MessageCommand, &'static str),
}

/// A message that is stored now.
struct Stored {
    id: MessageId,
    sender: UserId,
    at: Timestamp,
    place: u32,
}

fn count(written: &mut Written, write: &Write) {
    match write {
        Write::Post(new, _) => {
            written.messages += 1;
            written.mentions += u64::from(!new.body.mentions.users.is_empty());
        }
        Write::Edit(..) => written.edits += 1,
        Write::React(..) => written.reactions += 1,
    }
}

async fn perform(store: Arc<dyn Store>, write: Write) -> chat_core::Result<Option<Stored>> {
    match write {
        Write::Post(new, place) => {
            let posted = store.post(new).await?;
            let message = posted.message();
            Ok(Some(Stored { id: message.id, sender: message.sender, at: message.sent_at, place }))
        }
        Write::Edit(command, content) => store.edit(command, content).await.map(|_| None),
        Write::React(command, emoji) => store.react(command, emoji.into(), true).await.map(|_| None),
    }
}

/// Where messages go.
struct Place {
    to: Recipient,
    /// Users who write here.
    writers: Vec<i64>,
    /// Users who may be mentioned here, beside the writers.
    silent: Option<i64>,
}

/// Writes the messages: which come next, and what follows them.
struct Author<'a> {
    rng: &'a mut Rng,
    words: Words,
    keys: Keys,
    places: Vec<Place>,
    /// Index of the place of each message, in the order of sending.
    order: Vec<u32>,
    next: usize,
    began: Timestamp,
}

impl<'a> Author<'a> {
    fn new(filler: &'a mut Filler<'_>, filled: &Filled, crowd: &[User], keys: Keys) -> Self {
        let (mut places, mut order) = (Vec::new(), Vec::new());
        let mut place = |to, writers: Vec<i64>, silent, messages: u64| {
            let index = u32::try_from(places.len()).unwrap_or(u32::MAX);
            order.extend((0..messages).map(|_| index));
            places.push(Place { to, writers, silent });
        };
        for room in &filled.rooms {
            let silent = Some(filled.unread.id);
            place(Recipient::Group(GroupId(room.group)), room.writers.clone(), silent, room.messages);
        }
        for room in filled.busy_rooms.iter().chain([&filled.crowd]) {
            place(Recipient::Group(GroupId(room.group)), room.writers.clone(), None, room.messages);
        }
        let directs = (1..filler.plan.conversations).step_by(2);
        for (number, contact) in directs.zip(crowd) {
            let to = Recipient::User(UserId(filled.busy.id));
            place(to, vec![contact.id], None, few(number as u64));
        }
        shuffle(&mut order, &mut filler.rng);
        let began = filler.began;
        Self { rng: &mut filler.rng, words: Words::new(), keys, places, order, next: 0, began }
    }

    /// Returns the next message; `None` after the last one.
    fn next(&mut self) -> Option<Write> {
        let index = *self.order.get(self.next)?;
        let place = self.places.get(usize::try_from(index).ok()?)?;
        let done = i64::try_from(self.next).ok()? + 1;
        let all = i64::try_from(self.order.len()).ok()?;
        let at = Timestamp(self.began.0 + SPAN / all.max(1) * done);
        self.next += 1;
        let sender = *self.rng.one_of(&place.writers)?;
        let content = self.words.text(self.rng);
        let mut body = Body { content, ..Body::default() };
        if self.rng.between(1, 1000) <= MENTIONS {
            let mentioned = if self.rng.percent(20) { place.silent } else { None };
            let mentioned = mentioned.or_else(|| self.rng.one_of(&place.writers).copied());
            let users = mentioned.filter(|user| *user != sender).map(UserId).into_iter().collect();
            body.mentions = Mentions { users, all: false };
        }
        let kind = MessageKind::implied(&body.media);
        let intention = Some(Intention::of_message(kind, &body, false));
        let new = NewMessage {
            sender: UserId(sender),
            to: place.to.into(),
            kind,
            body,
            forwarded: None,
            streaming: None,
            client_msg_id: Some(key(self.keys, at, self.rng)),
            intention,
            at,
        };
        Some(Write::Post(new, index))
    }

    /// Returns what becomes of a stored message: an edit by its sender, a reaction by somebody who writes there, both
    /// or nothing.
    fn follow_ups(&mut self, stored: &Stored) -> Vec<Write> {
        let command = MessageCommand::new(stored.sender, stored.id, stored.at);
        let mut writes = Vec::new();
        if self.rng.between(1, 1000) <= EDITS {
            writes.push(Write::Edit(command, self.words.text(self.rng)));
        }
        if self.rng.between(1, 1000) <= REACTIONS {
            let place = usize::try_from(stored.place).ok().and_then(|place| self.places.get(place));
            let actor = place.and_then(|place| self.rng.one_of(&place.writers).copied().map(UserId));
            let command = MessageCommand { actor: actor.unwrap_or(stored.sender), ..command };
            writes.push(Write::React(command, self.rng.one_of(&EMOJIS).copied().unwrap_or("👍")));
        }
        writes
    }
}

/// Puts the elements into a random order (Fisher-Yates).
fn shuffle(order: &mut [u32], rng: &mut Rng) {
    for last in (1..order.len()).rev() {
        let other = usize::try_from(rng.between(0, last as u64)).unwrap_or(last);
        order.swap(last, other);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shuffled_order_has_the_same_elements_in_another_order() {
        let mut order: Vec<u32> = (0..1000).collect();
        shuffle(&mut order, &mut Rng::new(1, "order", 0));
        assert!(!order.is_sorted());
        order.sort_unstable();
        assert!(order.into_iter().eq(0..1000));
    }
}
