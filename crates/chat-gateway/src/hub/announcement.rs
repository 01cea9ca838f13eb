//! An event or a signal with its frames, each encoded once and only if a client needs it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use chat_core::conversations::Audience;
use chat_core::event::{Change, Event, Signal};
use chat_core::ids::UserId;
use chat_core::sync::{Cursor, Epoch};
use chat_wire::Form;

use super::Protocol;
use super::delivery_trace::TracedMessage;
use super::outbox::{Delivery, StreamPosition};
use crate::wire;

/// An event on its way to clients.
pub(crate) struct Announcement {
    pub(crate) event: Arc<Event>,
    pub(crate) audience: Audience,
    /// Delivery trace, for a new message.
    pub(crate) traced: Option<Arc<TracedMessage>>,
    epoch: Epoch,
    v1: OnceLock<Bytes>,
    v2: V2Frames,
    lean: V2Frames,
}

/// The frames of the v2 stream in one form.
#[derive(Default)]
struct V2Frames {
    common: OnceLock<Option<Bytes>>,
    /// Frames that look different to some users: to those who reacted, to the one that a change is about.
    variants: Mutex<HashMap<u64, Option<Bytes>>>,
}

impl V2Frames {
    fn get(&self, variant: u64, encode: impl FnOnce() -> Option<Bytes>) -> Option<Bytes> {
        if variant == 0 {
            return self.common.get_or_init(encode).clone();
        }
        let mut variants = self.variants.lock().unwrap_or_else(PoisonError::into_inner);
        variants.entry(variant).or_insert_with(encode).clone()
    }
}

impl Announcement {
    pub(crate) fn new(event: Arc<Event>, epoch: Epoch, traced: Option<Arc<TracedMessage>>) -> Self {
        Self {
            audience: event.change.audience(),
            event,
            traced,
            epoch,
            v1: OnceLock::new(),
            v2: V2Frames::default(),
            lean: V2Frames::default(),
        }
    }

    /// The frame for a client of this user, and its position in the client's stream. `None`: this stream has no frame
    /// for the event.
    pub(crate) fn frame(
        &self,
        user: UserId,
        protocol: Protocol,
        form: Form,
    ) -> Option<(Bytes, StreamPosition)> {
        match protocol {
            Protocol::V1 => self.v1_frame(user),
            Protocol::V2 => {
                let position = StreamPosition { at: self.event.position.0, delivery: None };
                self.v2_frame(user, form).map(|frame| (frame, position))
            }
        }
    }

    fn v1_frame(&self, user: UserId) -> Option<(Bytes, StreamPosition)> {
        let Change::MessagePosted(message) = &self.event.change else { return None };
        let frame = self.v1.get_or_init(|| wire::v1::message(message));
        let (conversation, seq) = (message.conversation, message.seq);
        let delivery = Delivery { conversation, seq, confirm: user != message.sender };
        Some((frame.clone(), StreamPosition { at: message.id.0, delivery: Some(delivery) }))
    }

    fn v2_frame(&self, user: UserId, form: Form) -> Option<Bytes> {
        let cursor = Cursor { epoch: self.epoch, position: self.event.position };
        let frames = match form {
            Form::Complete => &self.v2,
            Form::Lean => &self.lean,
        };
        let variant = chat_wire::v2::variant(&self.event.change, user, form);
        frames.get(variant, || wire::v2::change(&self.event.change, cursor, user, form))
    }
}

/// A signal and its frames.
pub(crate) struct Notice {
    pub(crate) signal: Signal,
    pub(crate) v1: Bytes,
    pub(crate) v2: Option<Bytes>,
}

impl Notice {
    pub(crate) fn new(signal: Signal) -> Self {
        Self { v1: wire::v1::signal(&signal), v2: wire::v2::signal(&signal), signal }
    }
}
