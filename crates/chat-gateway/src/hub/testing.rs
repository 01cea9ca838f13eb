//! Helpers for tests of the hub and its users: clients over real sockets, events, and a recorder of announcements to
//! other nodes.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::http::Extensions;
use chat_core::access::Fingerprint;
use chat_core::cluster::LocalMembers;
use chat_core::event::{Change, Event};
use chat_core::ids::{ConversationId, MessageId, Position, Rev, Seq, UserId};
use chat_core::media::MessageKind;
use chat_core::messages::{Mentions, Message, Recipient, Status};
use chat_core::ports::Clock;
use chat_core::presence::PresenceStatus;
use chat_core::sync::Epoch;
use chat_core::time::Timestamp;
use chat_websocket::{Decoder, Incoming, Role};
use chat_wire::Form;
use serde_json::Value;
use tokio::net::{TcpListener, TcpStream};

use super::{
    Bearer, Connection, ConnectionContext, Hub, HubParts, OutboxLimits, Protocol, Slowest, StreamForm,
};
use crate::client_address::ClientAddress;
use crate::metrics::Requests;
use crate::tokens::Granted;

/// Upper bound for a frame to arrive on a busy machine.
const PATIENCE: Duration = Duration::from_secs(20);

/// Something that reached a client.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Got {
    Frame(Value),
    Closed(u16, String),
}

/// A client's end of a connection.
pub(crate) struct Client {
    stream: TcpStream,
    decoder: Decoder,
    got: VecDeque<Got>,
}

impl Client {
    /// The next frame or close.
    pub(crate) async fn next(&mut self) -> Got {
        let next = async {
            loop {
                if let Some(got) = self.got.pop_front() {
                    return got;
                }
                self.stream.readable().await.unwrap();
                self.read();
            }
        };
        tokio::time::timeout(PATIENCE, next).await.expect("nothing came")
    }

    /// The next frame; panics on a close.
    #[track_caller]
    pub(crate) fn frame(&mut self) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            match self.next().await {
                Got::Frame(frame) => frame,
                Got::Closed(code, reason) => panic!("closed with {code} {reason}, at {caller}"),
            }
        }
    }

    /// Whether something has arrived that was not taken.
    pub(crate) fn has_more(&mut self) -> bool {
        self.read();
        !self.got.is_empty()
    }

    fn read(&mut self) {
        let mut buffer = [0; 4096];
        while let Ok(count @ 1..) = self.stream.try_read(&mut buffer) {
            let got = &mut self.got;
            let fed = self.decoder.feed(&mut buffer[..count], |incoming| match incoming {
                Incoming::Text(text) => got.push_back(Got::Frame(serde_json::from_str(text).unwrap())),
                Incoming::Close { code, reason } => {
                    got.push_back(Got::Closed(code.unwrap_or(1005), reason.to_owned()));
                }
                Incoming::Ping(_) | Incoming::Pong(_) | Incoming::Binary(_) | Incoming::Compressed { .. } => {
                }
            });
            fed.unwrap();
        }
    }
}

/// A hub with this many shards, on a log of epoch 1, with a stopped clock. A single server if `local_members` is
/// `None`.
pub(crate) fn hub(shards: usize, local_members: Option<Arc<dyn LocalMembers>>) -> Hub {
    Hub::spawn(HubParts {
        shards,
        clock: Arc::new(Stopped(Timestamp(0))),
        epoch: Epoch(1),
        local_members,
        requests: Arc::new(Requests::of(&crate::openapi())),
    })
}

/// A connection without a session, and the client at its other end. It still holds live frames back.
pub(crate) async fn connect(hub: &Hub, user: UserId, protocol: Protocol) -> (Arc<Connection>, Client) {
    connect_in_form(hub, user, protocol, Form::Complete).await
}

/// The same, for a client that asked for this form.
pub(crate) async fn connect_in_form(
    hub: &Hub,
    user: UserId,
    protocol: Protocol,
    form: Form,
) -> (Arc<Connection>, Client) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let stream = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (served, _) = listener.accept().await.unwrap();
    let granted = Granted { user, counts_from: 100, expires_at: 0, fingerprint: Fingerprint([0; 16]) };
    let client = ClientAddress::of(&Extensions::new());
    let bearer = Bearer {
        granted,
        expires_at: u64::MAX,
        stream: StreamForm { protocol, form, deflate: None },
        client,
    };
    let id = hub.next_connection_id();
    let context = ConnectionContext {
        limits: OutboxLimits::default(),
        slowest: Slowest::default(),
        heartbeat: Duration::from_secs(15),
        started: hub.started(),
        metrics: hub.metrics().clone(),
        node: None,
    };
    let connection = Connection::new(id, bearer, served.into(), Arc::new(context));
    let client = Client { stream, decoder: Decoder::new(Role::Client, 1 << 20), got: VecDeque::new() };
    (Arc::new(connection), client)
}

/// A clock that always shows the same time.
pub(crate) struct Stopped(pub(crate) Timestamp);

impl Clock for Stopped {
    fn now(&self) -> Timestamp {
        self.0
    }
}

/// Publishes events as a store's thread does, and waits until that returns.
pub(crate) async fn publish(hub: &Hub, events: Vec<Event>) {
    let sink = hub.sink();
    let events: Vec<_> = events.into_iter().map(Arc::new).collect();
    tokio::task::spawn_blocking(move || sink.publish(&events)).await.unwrap();
}

/// A message to a user whose log position, id and seq are all `position`.
pub(crate) fn message(position: i64, sender: UserId, to: Recipient) -> Event {
    let message = Message {
        id: MessageId(position),
        conversation: ConversationId(1),
        seq: Seq(position),
        rev: Rev(position),
        sender,
        to,
        kind: MessageKind::Text,
        content: position.to_string(),
        media: Vec::new(),
        reply_to: None,
        thread: None,
        replies: None,
        forwarded: None,
        mentions: Mentions::default(),
        custom: None,
        reactions: Vec::new(),
        client_msg_id: None,
        sent_at: Timestamp(0),
        edited_at: None,
        deleted_at: None,
        pin: None,
        streaming: None,
        status: Status::Sent,
    };
    Event { position: Position(position), change: Change::MessagePosted(message) }
}

/// An announcement to the other nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Received {
    User(UserId, bool),
    Group(ConversationId, bool),
    Presence(UserId, Option<PresenceStatus>),
}

/// Records the announcements to the other nodes.
#[derive(Default)]
pub(crate) struct Recorder(Mutex<Vec<Received>>);

impl Recorder {
    /// The announcements since the last call.
    pub(crate) fn take(&self) -> Vec<Received> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    fn note(&self, received: Received) {
        self.0.lock().unwrap().push(received);
    }
}

impl LocalMembers for Recorder {
    fn user(&self, user: UserId, is_here: bool) {
        self.note(Received::User(user, is_here));
    }

    fn group(&self, conversation: ConversationId, is_here: bool) {
        self.note(Received::Group(conversation, is_here));
    }

    fn presence(&self, user: UserId, choice: Option<PresenceStatus>) {
        self.note(Received::Presence(user, choice));
    }
}
