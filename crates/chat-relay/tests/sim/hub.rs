//! A model of one node's hub: each client's outbox holds live frames back until the client has got what it missed, and
//! closes the connection when it is full.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::Arc;

use chat_core::event::{Change, Event};
use chat_core::messages::Recipient;
use serde::{Deserialize, Serialize};
use tokio::sync::Notify;

use crate::net::{Out, json};

/// Frames that may be held back for one client.
const HELD: usize = 12;

/// A frame from a node to a client.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(crate) enum ToClient {
    Message { position: i64, conversation: i64, seq: i64 },
    Live { up_to: i64 },
    Ack { key: u64 },
    Joined,
    Refused,
}

/// A client's connection.
pub(crate) struct Connection {
    pub(crate) user: i64,
    pub(crate) groups: BTreeSet<i64>,
    pub(crate) out: Out,
    pub(crate) closing: Rc<Notify>,
    /// No further frame reaches the client.
    is_closed: bool,
    /// Live frames with their log positions, until the client has got what it missed; `None` from then on.
    held: Option<Vec<(i64, Vec<u8>)>>,
    /// More frames came than may be held back, and they were dropped.
    has_dropped: bool,
    given: i64,
}

impl Connection {
    pub(crate) fn new(user: i64, out: Out) -> Self {
        let closing = Rc::new(Notify::new());
        Self {
            user,
            groups: BTreeSet::new(),
            out,
            closing,
            is_closed: false,
            held: Some(Vec::new()),
            has_dropped: false,
            given: 0,
        }
    }

    fn push(&mut self, position: i64, frame: Vec<u8>) {
        if position <= self.given || self.is_closed {
            return;
        }
        match &mut self.held {
            Some(held) if held.len() < HELD => held.push((position, frame)),
            Some(held) => {
                held.clear();
                self.has_dropped = true;
            }
            None if self.out.try_send(frame).is_ok() => {}
            None => self.close(),
        }
    }

    fn close(&mut self) {
        self.is_closed = true;
        self.closing.notify_one();
    }

    /// Goes live after the client has got everything up to `given`. Returns `false` if frames were dropped and have to
    /// be read.
    pub(crate) fn go_live(&mut self, given: i64) -> bool {
        if std::mem::take(&mut self.has_dropped) {
            self.held = Some(Vec::new());
            return false;
        }
        self.given = given;
        for (position, frame) in self.held.take().unwrap_or_default() {
            self.push(position, frame);
        }
        true
    }
}

/// All clients of a node.
#[derive(Default)]
pub(crate) struct Hub {
    pub(crate) connections: BTreeMap<u64, Connection>,
}

pub(crate) fn frame(event: &Event) -> Option<Vec<u8>> {
    let Change::MessagePosted(message) = &event.change else { return None };
    let (position, conversation, seq) = (event.position.0, message.conversation.0, message.seq.0);
    Some(json(&ToClient::Message { position, conversation, seq }))
}

impl Hub {
    /// Delivers an event to its audience. Returns the groups that a client here joined by it.
    pub(crate) fn publish(&mut self, event: &Arc<Event>) -> Vec<i64> {
        match &event.change {
            Change::MessagePosted(message) => {
                let frame = frame(event).unwrap_or_default();
                for connection in self.connections.values_mut() {
                    let is_recipient = match message.to {
                        Recipient::User(to) => connection.user == to.0 || connection.user == message.sender.0,
                        Recipient::Group(_) => connection.groups.contains(&message.conversation.0),
                    };
                    if is_recipient {
                        connection.push(event.position.0, frame.clone());
                    }
                }
                Vec::new()
            }
            Change::MemberChanged { conversation, user, .. } => {
                let of_user = self.connections.values_mut().filter(|connection| connection.user == user.0);
                let joined = of_user.filter_map(|one| one.groups.insert(conversation.id.0).then_some(()));
                joined.map(|()| conversation.id.0).collect()
            }
            _ => Vec::new(),
        }
    }

    /// Closes all connections, so that the clients resume.
    pub(crate) fn close_all(&mut self) {
        self.connections.values_mut().for_each(Connection::close);
    }

    pub(crate) fn has_user(&self, user: i64) -> bool {
        self.connections.values().any(|connection| connection.user == user)
    }

    pub(crate) fn has_group(&self, group: i64) -> bool {
        self.connections.values().any(|connection| connection.groups.contains(&group))
    }
}
