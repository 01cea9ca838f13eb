//! Events as the journal keeps them and nodes tell each other of them: each an object of its place in the log, the
//! kind of its change and, by kind, the change itself; a batch is an array of these.

mod access;
mod audience;
mod change;
mod conversation;
mod live_text;
mod message;
mod receipt;

use std::sync::Arc;

use chat_core::event::Event;
use chat_core::ids::Position;
use serde::ser::SerializeSeq;
use serde::{Deserialize, Serialize, Serializer};
use serde_json::value::RawValue;

use crate::Malformed;
use crate::event::change::Kind;

/// A batch of events.
pub fn encode(events: &[Arc<Event>]) -> Vec<u8> {
    written(&Batch(events))
}

/// One event.
pub fn encode_one(event: &Event) -> Vec<u8> {
    written(&One(event))
}

/// The events of a batch, in its order. What only a later release knows is left out, so there may be fewer than were
/// encoded, and the places of those that are left out are missing.
pub fn decode(bytes: &[u8]) -> Result<Vec<Event>, Malformed> {
    let batch: Vec<Envelope<'_>> = serde_json::from_slice(bytes)?;
    batch.iter().filter_map(|envelope| envelope.open().transpose()).collect()
}

/// One event; none where only a later release knows it.
pub fn decode_one(bytes: &[u8]) -> Result<Option<Event>, Malformed> {
    serde_json::from_slice::<Envelope<'_>>(bytes)?.open()
}

fn written(value: &impl Serialize) -> Vec<u8> {
    // Numbers, texts and lists of them can always be written to memory; nothing at all would not be decoded.
    serde_json::to_vec(value).unwrap_or_default()
}

struct Batch<'a>(&'a [Arc<Event>]);

impl Serialize for Batch<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut array = serializer.serialize_seq(Some(self.0.len()))?;
        for event in self.0 {
            array.serialize_element(&One(event))?;
        }
        array.end()
    }
}

struct One<'a>(&'a Event);

impl Serialize for One<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        change::write(self.0.position, &self.0.change, serializer)
    }
}

/// An event whose change has not been looked at, so that one of an unknown kind may hold anything.
#[derive(Deserialize)]
struct Envelope<'a> {
    position: i64,
    kind: Kind,
    #[serde(borrow, default)]
    body: Option<&'a RawValue>,
}

impl Envelope<'_> {
    fn open(&self) -> Result<Option<Event>, Malformed> {
        let position = Position(self.position);
        let change = change::read(self.kind, self.body.map_or("null", RawValue::get))?;
        if change.is_none() {
            tracing::debug!(%position, "skipped an event of a later release");
        }
        Ok(change.map(|change| Event { position, change }))
    }
}
