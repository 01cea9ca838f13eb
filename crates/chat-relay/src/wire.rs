//! Messages between nodes: one letter for the kind, then the content. A node ignores messages of a kind that it does
//! not know, so that old and new releases can run in one cluster.

use std::sync::Arc;

use bytes::{BufMut, Bytes, BytesMut};
use chat_core::cluster::NodeId;
use chat_core::event::{Event, Signal};
use chat_core::ids::Position;
use serde::{Deserialize, Serialize};

use crate::key::Key;
use crate::presence::Statement;

const HEADER: u8 = b'H';
const EVENTS: u8 = b'E';
const SIGNAL: u8 = b'S';
const NODE: u8 = b'N';

/// Upper bound for a message; larger bundles are split. Buses have a limit: 1 MiB for NATS by default.
const MAX_BYTES: usize = 256 * 1024;
/// Upper bound for the log positions in one header.
const MAX_POSITIONS: usize = 2048;
/// Bytes before each event: its log position and its length.
const PREFIX_BYTES: usize = 12;

/// The header of a batch: the audiences of events that a node has committed at consecutive log positions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// Log position of the first event.
    #[serde(rename = "f", with = "number")]
    pub first: Position,
    /// The keys of each event's audience.
    #[serde(rename = "k")]
    pub keys: Vec<Vec<Key>>,
}

/// A received event.
#[derive(Debug, Clone)]
pub struct ReceivedEvent {
    /// Its log position.
    pub position: Position,
    /// The event; `None` for one that this release does not know.
    pub event: Option<Arc<Event>>,
    /// Its size on the wire.
    pub bytes: usize,
}

/// A message from another node.
#[derive(Debug)]
pub enum Message {
    /// The header of a batch.
    Header(Header),
    /// Committed events.
    Events(Vec<ReceivedEvent>),
    /// A notice for connected clients only.
    Signal(Signal),
    /// A node's statement about itself.
    Node(NodeId, Statement),
}

#[derive(Serialize, Deserialize)]
struct NodeStatement {
    n: u64,
    s: Statement,
}

mod number {
    //! Log positions as plain numbers.

    use chat_core::ids::Position;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(position: &Position, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(position.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Position, D::Error> {
        i64::deserialize(deserializer).map(Position)
    }
}

/// Encodes the headers of a batch at consecutive log positions.
pub fn headers(first: Position, keys: Vec<Vec<Key>>) -> Vec<Bytes> {
    let mut first = first.0;
    let mut headers = Vec::new();
    for chunk in keys.chunks(MAX_POSITIONS) {
        headers.push(json(HEADER, &Header { first: Position(first), keys: chunk.to_vec() }));
        first = first.saturating_add(i64::try_from(chunk.len()).unwrap_or(i64::MAX));
    }
    headers
}

/// Encoded events for one subject.
#[derive(Debug, Default)]
pub struct Bundle(BytesMut);

impl Bundle {
    /// Adds an event. If it does not fit, returns the bundle so far and begins a new one.
    #[must_use]
    pub fn add(&mut self, position: Position, event: &[u8]) -> Option<Bytes> {
        let is_full = !self.0.is_empty() && self.0.len() + PREFIX_BYTES + event.len() > MAX_BYTES;
        let full = is_full.then(|| self.0.split().freeze());
        if self.0.is_empty() {
            self.0.put_u8(EVENTS);
        }
        self.0.put_i64(position.0);
        self.0.put_u32(u32::try_from(event.len()).unwrap_or(u32::MAX));
        self.0.put_slice(event);
        full
    }

    /// The encoded bundle. At least one event must have been added.
    pub fn into_bytes(self) -> Bytes {
        self.0.freeze()
    }
}

/// Encodes a signal.
pub fn signal(signal: &Signal) -> Bytes {
    prefixed(SIGNAL, &chat_codec::signal::encode(signal))
}

/// Encodes a node's statement about itself.
pub fn statement(node: NodeId, statement: &Statement) -> Bytes {
    json(NODE, &NodeStatement { n: node.0, s: statement.clone() })
}

fn json(kind: u8, value: &impl Serialize) -> Bytes {
    // Plain numbers and strings always serialize. Should that fail, the other nodes ignore the empty message.
    prefixed(kind, &serde_json::to_vec(value).unwrap_or_default())
}

fn prefixed(kind: u8, rest: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(rest.len() + 1);
    bytes.put_u8(kind);
    bytes.put_slice(rest);
    bytes.freeze()
}

/// Decodes a message from another node. Returns `None` for one that cannot be decoded.
pub fn read(bytes: &[u8]) -> Option<Message> {
    let (kind, rest) = bytes.split_first()?;
    match *kind {
        HEADER => serde_json::from_slice(rest).ok().map(Message::Header),
        EVENTS => events(rest).map(Message::Events),
        SIGNAL => chat_codec::signal::decode(rest).ok().flatten().map(Message::Signal),
        NODE => {
            let NodeStatement { n, s } = serde_json::from_slice(rest).ok()?;
            Some(Message::Node(NodeId(n), s))
        }
        _ => None,
    }
}

fn events(mut rest: &[u8]) -> Option<Vec<ReceivedEvent>> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (position, after) = rest.split_first_chunk()?;
        let (length, after) = after.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (event, after) = after.split_at_checked(length)?;
        let position = Position(i64::from_be_bytes(*position));
        let decoded = chat_codec::event::decode_one(event).ok()?;
        // An event of another log position would be delivered at this one.
        if decoded.as_ref().is_some_and(|event| event.position != position) {
            return None;
        }
        found.push(ReceivedEvent { position, event: decoded.map(Arc::new), bytes: length });
        rest = after;
    }
    Some(found)
}

#[cfg(test)]
mod tests {
    use chat_core::event::Change;
    use chat_core::ids::{MessageId, UserId};
    use proptest::prelude::*;

    use super::*;

    fn event(position: i64) -> Event {
        let change =
            Change::MessageSaved { user: UserId(1), message: MessageId(position), saved: position % 2 == 0 };
        Event { position: Position(position), change }
    }

    fn bundle(positions: &[i64]) -> Bytes {
        let mut bundle = Bundle::default();
        for position in positions {
            let encoded = chat_codec::event::encode_one(&event(*position));
            assert_eq!(bundle.add(Position(*position), &encoded), None);
        }
        bundle.into_bytes()
    }

    #[test]
    fn events_survive_a_round_trip() {
        let Some(Message::Events(events)) = read(&bundle(&[3, 7])) else { panic!("no events") };
        let positions: Vec<_> = events.iter().map(|received| received.position.0).collect();
        assert_eq!(positions, [3, 7]);
        assert_eq!(*events[1].event.clone().unwrap(), event(7));
    }

    #[test]
    fn an_event_of_a_later_release_keeps_its_log_position() {
        let text = String::from_utf8(chat_codec::event::encode_one(&event(3))).unwrap();
        let later = text.replace("message_saved", "message_painted");
        assert_ne!(later, text);
        let mut bundle = Bundle::default();
        assert_eq!(bundle.add(Position(3), later.as_bytes()), None);
        let Some(Message::Events(events)) = read(&bundle.into_bytes()) else { panic!("no events") };
        assert_eq!(events[0].position, Position(3));
        assert!(events[0].event.is_none());
    }

    #[test]
    fn an_event_at_the_wrong_log_position_is_refused() {
        let mut bundle = Bundle::default();
        assert_eq!(bundle.add(Position(4), &chat_codec::event::encode_one(&event(3))), None);
        assert!(read(&bundle.into_bytes()).is_none());
    }

    #[test]
    fn a_bundle_that_grows_too_large_is_split() {
        let mut bundle = Bundle::default();
        let event = vec![b'x'; MAX_BYTES / 2];
        assert_eq!(bundle.add(Position(1), &event), None);
        let full = bundle.add(Position(2), &event).unwrap();
        assert!(full.len() <= MAX_BYTES);
        assert_eq!(full.len(), bundle.into_bytes().len());
    }

    #[test]
    fn large_batches_have_several_headers() {
        let keys = vec![vec![Key::Everyone]; MAX_POSITIONS + 1];
        let firsts: Vec<_> = headers(Position(10), keys)
            .iter()
            .map(|bytes| match read(bytes) {
                Some(Message::Header(header)) => (header.first.0, header.keys.len()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(firsts, [(10, MAX_POSITIONS), (10 + i64::try_from(MAX_POSITIONS).unwrap(), 1)]);
    }

    #[test]
    fn statements_name_their_node() {
        let bytes = statement(NodeId(u64::MAX), &Statement::Beat { number: 3 });
        assert!(matches!(read(&bytes), Some(Message::Node(NodeId(u64::MAX), Statement::Beat { number: 3 }))));
    }

    #[test]
    fn signals_survive_a_round_trip() {
        let typing = Signal::TypingToUser {
            from: UserId(1),
            to: UserId(2),
            conversation: None,
            at: chat_core::time::Timestamp(5),
        };
        let Some(Message::Signal(read)) = read(&signal(&typing)) else { panic!("no signal") };
        assert_eq!(read, typing);
    }

    proptest! {
        #[test]
        fn any_bytes_are_decoded_or_ignored(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn truncated_or_altered_messages_are_decoded_or_ignored(at in 0..200_usize, flip in any::<u8>()) {
            let whole = bundle(&[1, 2]);
            let _ = read(&whole[..at.min(whole.len())]);
            let mut altered = whole.to_vec();
            let at = at % altered.len();
            altered[at] ^= flip;
            let _ = read(&altered);
        }
    }
}
