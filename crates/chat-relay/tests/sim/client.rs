//! A client: connects to any node, resumes from its cursor, sends each message under its own key until it is
//! acknowledged, and confirms deliveries.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::time::{Instant, sleep, sleep_until};

use crate::database::{JOINED, JOINERS, conversations_of};
use crate::hub::ToClient;
use crate::net::{Frames, Out, connect, json};
use crate::node::{self, N_NODES};
use crate::trace::{Rng, Trace};

/// Messages of each client, and the time in milliseconds over which it sends them.
const N_MESSAGES: u64 = 7;
const WRITES_FOR: u64 = 3000;
const RESTLESS_FOR: Duration = Duration::from_millis(WRITES_FOR);
const CAPACITY: usize = 64;
const ASK_AGAIN: Duration = Duration::from_millis(700);
const CONNECT_AGAIN: u64 = 200;

/// A frame from a client to a node.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum ToNode {
    Hello { user: i64, cursor: i64 },
    Send { key: u64, conversation: i64 },
    Join { conversation: i64 },
    Delivered { conversation: i64, seq: i64 },
}

/// What a client has received and done, for the checks. Survives its connections.
#[derive(Default)]
pub(crate) struct Memory {
    /// Log positions of all received messages, in the order of arrival.
    pub(crate) seen: Vec<i64>,
    /// Highest received seq in each conversation.
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
    rng: Rng,
    memory: Rc<RefCell<Memory>>,
    trace: Trace,
    /// When each message is sent, and in which conversation.
    plan: Vec<(Instant, i64)>,
    joins_at: Option<Instant>,
}

/// Runs a client without end.
pub(crate) async fn run(user: i64, mut rng: Rng, memory: Rc<RefCell<Memory>>, trace: Trace) {
    let started = Instant::now();
    let at = |rng: &mut Rng| started + Duration::from_millis(rng.below(WRITES_FOR));
    let conversations = conversations_of(user);
    let mut plan: Vec<_> = (0..N_MESSAGES).map(|_| (at(&mut rng), *rng.one_of(&conversations))).collect();
    plan.sort();
    let joins_at = JOINERS.contains(&user).then(|| at(&mut rng));
    let mut client = Client { user, rng, memory, trace, plan, joins_at };
    loop {
        let node = node::host(client.rng.below(N_NODES));
        if let Some((out, frames)) = connect(&node, node::PORT, CAPACITY).await {
            client.memory.borrow_mut().n_connections += 1;
            client.serve(&out, frames).await;
        }
        let pause = client.rng.below(CONNECT_AGAIN);
        sleep(Duration::from_millis(pause)).await;
    }
}

impl Client {
    /// Serves a connection until it breaks or the client leaves.
    async fn serve(&mut self, out: &Out, mut frames: Frames) {
        let cursor = self.memory.borrow().cursor;
        self.trace.note(format_args!("client {} connects from {cursor}", self.user));
        let _ = out.try_send(json(&ToNode::Hello { user: self.user, cursor }));
        // Later, clients stay connected, so that all nodes can agree on one state.
        let is_restless = turmoil::sim_elapsed().is_some_and(|elapsed| elapsed < RESTLESS_FOR);
        let leaves_after = if is_restless { self.rng.between(300, 6000) } else { 60_000 };
        let leaves_at = Instant::now() + Duration::from_millis(leaves_after);
        // When each request was last sent over this connection, to delay its repetition.
        let mut sent_at: BTreeMap<u64, Instant> = BTreeMap::new();
        loop {
            self.send_due(out, &mut sent_at);
            let next = self.next_at(&sent_at).min(leaves_at);
            tokio::select! {
                biased;
                frame = frames.value::<ToClient>() => match frame {
                    Some(frame) => self.receive(&frame, out),
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

    /// Sends what is due, unacknowledged and was not sent within [`ASK_AGAIN`].
    fn send_due(&self, out: &Out, sent_at: &mut BTreeMap<u64, Instant>) {
        let now = Instant::now();
        let memory = self.memory.borrow();
        for (key, (at, conversation)) in (0..).zip(&self.plan) {
            let is_soon = sent_at.get(&key).is_some_and(|at| now < *at + ASK_AGAIN);
            if *at <= now && !is_soon && !memory.acked.contains(&key) {
                sent_at.insert(key, now);
                let _ = out.try_send(json(&ToNode::Send { key, conversation: *conversation }));
            }
        }
        let is_soon = sent_at.get(&N_MESSAGES).is_some_and(|at| now < *at + ASK_AGAIN);
        if self.joins_at.is_some_and(|at| at <= now) && !memory.is_member && !is_soon {
            sent_at.insert(N_MESSAGES, now);
            let _ = out.try_send(json(&ToNode::Join { conversation: JOINED }));
        }
    }

    fn next_at(&self, sent_at: &BTreeMap<u64, Instant>) -> Instant {
        let memory = self.memory.borrow();
        let due = (0..).zip(&self.plan).filter(|(key, _)| !memory.acked.contains(key));
        let again = |key: u64, at: Instant| sent_at.get(&key).map_or(at, |sent_at| *sent_at + ASK_AGAIN);
        let writes = due.map(|(key, (at, _))| again(key, *at));
        let joins = self.joins_at.filter(|_| !memory.is_member).map(|at| again(N_MESSAGES, at));
        writes.chain(joins).min().unwrap_or_else(|| Instant::now() + Duration::from_secs(60))
    }

    fn receive(&self, frame: &ToClient, out: &Out) {
        self.trace.note(format_args!("client {} receives {frame:?}", self.user));
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
