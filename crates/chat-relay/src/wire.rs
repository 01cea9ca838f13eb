//! What nodes write to each other: one letter for the kind, then the rest. News of a kind that a release does not know
//! is left alone, so that old and new nodes can stand side by side.

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

/// Larger ones are told in several pieces: buses have a limit, for NATS 1 MiB unless it was changed.
const MAX_BYTES: usize = 256 * 1024;
/// Most positions in one header.
const MAX_POSITIONS: usize = 2048;
/// A position and a length stand before each event.
const PREFIX_BYTES: usize = 12;

/// A batch in brief: whom the events concern that a node has committed one after the other.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Header {
    /// The place of the first.
    #[serde(rename = "f", with = "number")]
    pub first: Position,
    /// Whom each of them concerns.
    #[serde(rename = "k")]
    pub keys: Vec<Vec<Key>>,
}

/// An event as it came.
#[derive(Debug, Clone)]
pub struct Carried {
    /// Its place.
    pub position: Position,
    /// What it is; `None` for one that this release does not know.
    pub event: Option<Arc<Event>>,
    /// How many bytes it took.
    pub bytes: usize,
}

/// What came from another node.
#[derive(Debug)]
pub enum News {
    /// What was committed, in brief.
    Header(Header),
    /// Events.
    Events(Vec<Carried>),
    /// Something for those who are connected now.
    Signal(Signal),
    /// What a node says of itself.
    Node(NodeId, Statement),
}

#[derive(Serialize, Deserialize)]
struct Signed {
    n: u64,
    s: Statement,
}

mod number {
    //! Positions as plain numbers.

    use chat_core::ids::Position;
    use serde::{Deserialize, Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(position: &Position, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_i64(position.0)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Position, D::Error> {
        i64::deserialize(deserializer).map(Position)
    }
}

/// The headers of a batch, whose positions follow each other.
pub fn headers(first: Position, keys: Vec<Vec<Key>>) -> Vec<Bytes> {
    let mut first = first.0;
    let mut headers = Vec::new();
    for chunk in keys.chunks(MAX_POSITIONS) {
        headers.push(json(HEADER, &Header { first: Position(first), keys: chunk.to_vec() }));
        first = first.saturating_add(i64::try_from(chunk.len()).unwrap_or(i64::MAX));
    }
    headers
}

/// Encoded events on their way to one subject.
#[derive(Debug, Default)]
pub struct Bundle(BytesMut);

impl Bundle {
    /// Adds one; gives back what was gathered so far if there is no room for both.
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

    /// What was gathered; at least one event was added.
    pub fn into_bytes(self) -> Bytes {
        self.0.freeze()
    }
}

/// A signal.
pub fn signal(signal: &Signal) -> Bytes {
    prefixed(SIGNAL, &chat_codec::signal::encode(signal))
}

/// What a node says of itself.
pub fn statement(node: NodeId, statement: &Statement) -> Bytes {
    json(NODE, &Signed { n: node.0, s: statement.clone() })
}

fn json(kind: u8, value: &impl Serialize) -> Bytes {
    // Plain numbers and strings can be written; if not, the others take nothing for something they do not know.
    prefixed(kind, &serde_json::to_vec(value).unwrap_or_default())
}

fn prefixed(kind: u8, rest: &[u8]) -> Bytes {
    let mut bytes = BytesMut::with_capacity(rest.len() + 1);
    bytes.put_u8(kind);
    bytes.put_slice(rest);
    bytes.freeze()
}

/// Reads what came from another node; `None` for what can't be read.
pub fn read(bytes: &[u8]) -> Option<News> {
    let (kind, rest) = bytes.split_first()?;
    match *kind {
        HEADER => serde_json::from_slice(rest).ok().map(News::Header),
        EVENTS => events(rest).map(News::Events),
        SIGNAL => chat_codec::signal::decode(rest).ok().flatten().map(News::Signal),
        NODE => {
            let Signed { n, s } = serde_json::from_slice(rest).ok()?;
            Some(News::Node(NodeId(n), s))
        }
        _ => None,
    }
}

fn events(mut rest: &[u8]) -> Option<Vec<Carried>> {
    let mut found = Vec::new();
    while !rest.is_empty() {
        let (position, after) = rest.split_first_chunk()?;
        let (length, after) = after.split_first_chunk()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (event, after) = after.split_at_checked(length)?;
        let position = Position(i64::from_be_bytes(*position));
        let decoded = chat_codec::event::decode_one(event).ok()?;
        // An event of another place would be handed on in this one's.
        if decoded.as_ref().is_some_and(|event| event.position != position) {
            return None;
        }
        found.push(Carried { position, event: decoded.map(Arc::new), bytes: length });
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
    fn events_survive_the_way() {
        let Some(News::Events(events)) = read(&bundle(&[3, 7])) else { panic!("no events") };
        let positions: Vec<_> = events.iter().map(|carried| carried.position.0).collect();
        assert_eq!(positions, [3, 7]);
        assert_eq!(*events[1].event.clone().unwrap(), event(7));
    }

    #[test]
    fn an_event_of_a_later_release_keeps_its_place() {
        let text = String::from_utf8(chat_codec::event::encode_one(&event(3))).unwrap();
        let later = text.replace("message_saved", "message_painted");
        assert_ne!(later, text);
        let mut bundle = Bundle::default();
        assert_eq!(bundle.add(Position(3), later.as_bytes()), None);
        let Some(News::Events(events)) = read(&bundle.into_bytes()) else { panic!("no events") };
        assert_eq!(events[0].position, Position(3));
        assert!(events[0].event.is_none());
    }

    #[test]
    fn an_event_does_not_take_the_place_of_another() {
        let mut bundle = Bundle::default();
        assert_eq!(bundle.add(Position(4), &chat_codec::event::encode_one(&event(3))), None);
        assert!(read(&bundle.into_bytes()).is_none());
    }

    #[test]
    fn a_bundle_that_grows_too_large_is_given_out() {
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
                Some(News::Header(header)) => (header.first.0, header.keys.len()),
                other => panic!("{other:?}"),
            })
            .collect();
        assert_eq!(firsts, [(10, MAX_POSITIONS), (10 + i64::try_from(MAX_POSITIONS).unwrap(), 1)]);
    }

    #[test]
    fn statements_are_signed() {
        let bytes = statement(NodeId(u64::MAX), &Statement::Beat { number: 3 });
        assert!(matches!(read(&bytes), Some(News::Node(NodeId(u64::MAX), Statement::Beat { number: 3 }))));
    }

    #[test]
    fn signals_survive_the_way() {
        let typing = Signal::TypingToUser {
            from: UserId(1),
            to: UserId(2),
            conversation: None,
            at: chat_core::time::Timestamp(5),
        };
        let Some(News::Signal(read)) = read(&signal(&typing)) else { panic!("no signal") };
        assert_eq!(read, typing);
    }

    proptest! {
        #[test]
        fn whatever_comes_is_read_or_left_alone(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
            let _ = read(&bytes);
        }

        #[test]
        fn what_is_cut_off_or_altered_is_read_or_left_alone(at in 0..200_usize, flip in any::<u8>()) {
            let whole = bundle(&[1, 2]);
            let _ = read(&whole[..at.min(whole.len())]);
            let mut altered = whole.to_vec();
            let at = at % altered.len();
            altered[at] ^= flip;
            let _ = read(&altered);
        }
    }
}
