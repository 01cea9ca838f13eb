//! The encoding of events in the journal and between nodes. Each event is an object with its log position, the kind of
//! its change and the change itself; a batch is an array of these.

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

/// Encodes a batch of events.
pub fn encode(events: &[Arc<Event>]) -> Vec<u8> {
    written(&Batch(events))
}

/// Encodes one event.
pub fn encode_one(event: &Event) -> Vec<u8> {
    written(&One(event))
}

/// Decodes a batch of events, in its order. Events that only a later release knows are left out, so there may be fewer
/// than were encoded, with gaps in the log positions.
///
/// # Errors
/// [`Malformed`] if a known event lacks a required field, or the bytes are no batch.
pub fn decode(bytes: &[u8]) -> Result<Vec<Event>, Malformed> {
    let batch: Vec<Envelope<'_>> = serde_json::from_slice(bytes)?;
    batch.iter().filter_map(|envelope| envelope.open().transpose()).collect()
}

/// Decodes one event; `None` if only a later release knows it.
///
/// # Errors
/// [`Malformed`] as for [`decode`].
pub fn decode_one(bytes: &[u8]) -> Result<Option<Event>, Malformed> {
    serde_json::from_slice::<Envelope<'_>>(bytes)?.open()
}

fn written(value: &impl Serialize) -> Vec<u8> {
    // Numbers, texts and lists of them can always be written to memory. The fallback, an empty text, could not be
    // decoded.
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

/// An event whose change has not been parsed yet, so an unknown kind may have any body.
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
