//! A client: connects to any node, resumes where it was, writes messages under keys of its own until each is
//! acknowledged, and says how far it has come.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, sleep_until};

use crate::hub::ToClient;
use crate::ledger::{JOINED, JOINERS, conversations_of};
use crate::net::{Frames, Out, connect, json};
use crate::node::{self, N_NODES};
use crate::trace::{Chance, Trace};

/// Messages of each client, and how long it takes for them at least.
const N_MESSAGES: u64 = 7;
const WRITES_FOR: u64 = 3000;
const RESTLESS_FOR: Duration = Duration::from_millis(WRITES_FOR);
const CAPACITY: usize = 64;
const ASK_AGAIN: Duration = Duration::from_millis(700);
const CONNECT_AGAIN: u64 = 200;

/// What a client tells a node.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToNode {
    Hello { user: i64, cursor: i64 },
    Send { key: u64, conversation: i64 },
    Join { conversation: i64 },
    Delivered { conversation: i64, seq: i64 },
}

/// What a client has seen and done, for the checks.
#[derive(Default)]
pub(crate) struct Memory {
    /// The places of all messages it was given, in the order in which it was given them.
    pub(crate) seen: Vec<i64>,
    /// How far it has come in each conversation.
    pub(crate) seqs: BTreeMap<i64, i64>,
    pub(crate) acked: Vec<u64>,
    pub(crate) is_member: bool,
    pub(crate) n_connections: u64,
    cursor: i64,
}

impl Memory {
    pub(crate) fn is_done(&self, user: i64) -> bool {
        self.acked.len() as u64 == N_MESSAGES && (self.is_member || !JOINERS.contains(&user))
    }
}

struct Client {
    user: i64,
    chance: Chance,
    memory: Rc<RefCell<Memory>>,
    trace: Trace,
    /// When each message is to be written, and where.
    plan: Vec<(Instant, i64)>,
    joins_at: Option<Instant>,
}

/// Runs a client for ever.
pub(crate) async fn run(user: i64, mut chance: Chance, memory: Rc<RefCell<Memory>>, trace: Trace) {
    let started = Instant::now();
    let at = |chance: &mut Chance| started + Duration::from_millis(chance.below(WRITES_FOR));
    let conversations = conversations_of(user);
    let mut plan: Vec<_> =
        (0..N_MESSAGES).map(|_| (at(&mut chance), *chance.one_of(&conversations))).collect();
    plan.sort();
    let joins_at = JOINERS.contains(&user).then(|| at(&mut chance));
    let mut client = Client { user, chance, memory, trace, plan, joins_at };
    loop {
        let node = node::host(client.chance.below(N_NODES));
        if let Some((out, frames)) = connect(&node, node::PORT, CAPACITY).await {
            client.memory.borrow_mut().n_connections += 1;
            client.serve(&out, frames).await;
        }
        let pause = client.chance.below(CONNECT_AGAIN);
        sleep(Duration::from_millis(pause)).await;
    }
}

impl Client {
    /// Until the connection breaks, or the client has had enough of it.
    async fn serve(&mut self, out: &Out, mut frames: Frames) {
        let cursor = self.memory.borrow().cursor;
        self.trace.note(format_args!("client {} connects from {cursor}", self.user));
        let _ = out.try_send(json(&ToNode::Hello { user: self.user, cursor }));
        // Later nobody leaves, so that there is a state for all to agree on.
        let is_restless = turmoil::sim_elapsed().is_some_and(|elapsed| elapsed < RESTLESS_FOR);
        let leaves_after = if is_restless { self.chance.between(300, 6000) } else { 60_000 };
        let leaves_at = Instant::now() + Duration::from_millis(leaves_after);
        // Of this connection: what was said, and is not to be said again so soon.
        let mut said: BTreeMap<u64, Instant> = BTreeMap::new();
        loop {
            self.speak(out, &mut said);
            let next = self.next_at(&said).min(leaves_at);
            tokio::select! {
                biased;
                frame = frames.value::<ToClient>() => match frame {
                    Some(frame) => self.hear(&frame, out),
                    None => return,
                },
                () = sleep_until(next) => {
                    if Instant::now() >= leaves_at {
                        return;
                    }
                }
            }
        }
    }

    /// What is to be written now: what is due, was not acknowledged and was not said a moment ago.
    fn speak(&self, out: &Out, said: &mut BTreeMap<u64, Instant>) {
        let now = Instant::now();
        let memory = self.memory.borrow();
        for (key, (at, conversation)) in (0..).zip(&self.plan) {
            let is_soon = said.get(&key).is_some_and(|at| now < *at + ASK_AGAIN);
            if *at <= now && !is_soon && !memory.acked.contains(&key) {
                said.insert(key, now);
                let _ = out.try_send(json(&ToNode::Send { key, conversation: *conversation }));
            }
        }
        let is_soon = said.get(&N_MESSAGES).is_some_and(|at| now < *at + ASK_AGAIN);
        if self.joins_at.is_some_and(|at| at <= now) && !memory.is_member && !is_soon {
            said.insert(N_MESSAGES, now);
            let _ = out.try_send(json(&ToNode::Join { conversation: JOINED }));
        }
    }

    fn next_at(&self, said: &BTreeMap<u64, Instant>) -> Instant {
        let memory = self.memory.borrow();
        let due = (0..).zip(&self.plan).filter(|(key, _)| !memory.acked.contains(key));
        let again = |key: u64, at: Instant| said.get(&key).map_or(at, |said| *said + ASK_AGAIN);
        let writes = due.map(|(key, (at, _))| again(key, *at));
        let joins = self.joins_at.filter(|_| !memory.is_member).map(|at| again(N_MESSAGES, at));
        writes.chain(joins).min().unwrap_or_else(|| Instant::now() + Duration::from_secs(60))
    }

    fn hear(&self, frame: &ToClient, out: &Out) {
        self.trace.note(format_args!("client {} hears {frame:?}", self.user));
        let mut memory = self.memory.borrow_mut();
        match *frame {
            ToClient::Message { position, conversation, seq } => {
                memory.seen.push(position);
                memory.seqs.insert(conversation, seq);
                memory.cursor = position;
                let _ = out.try_send(json(&ToNode::Delivered { conversation, seq }));
            }
            ToClient::Live { up_to } => memory.cursor = memory.cursor.max(up_to),
            ToClient::Ack { key } if !memory.acked.contains(&key) => memory.acked.push(key),
            ToClient::Joined => memory.is_member = true,
            ToClient::Ack { .. } | ToClient::Refused => {}
        }
    }
}
