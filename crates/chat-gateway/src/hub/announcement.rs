//! An event or a signal with its frames, each encoded once and only if a client needs it.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use bytes::Bytes;
use chat_core::conversations::Audience;
use chat_core::event::{Change, Event, Signal};
use chat_core::ids::UserId;
use chat_core::sync::{Cursor, Epoch};
use chat_websocket::Deflate;
use chat_wire::Form;

use super::delivery_trace::TracedMessage;
use super::outbox::{Delivery, StreamPosition};
use super::shared_frame::SharedFrame;
use super::{Protocol, StreamForm};
use crate::wire;

/// An event on its way to clients.
pub(crate) struct Announcement {
    pub(crate) event: Arc<Event>,
    pub(crate) audience: Audience,
    /// Delivery trace, for a new message.
    pub(crate) traced: Option<Arc<TracedMessage>>,
    epoch: Epoch,
    v1: OnceLock<SharedFrame>,
    v2: V2Frames,
    lean: V2Frames,
}

/// The frames of the v2 stream in one form.
#[derive(Default)]
struct V2Frames {
    common: OnceLock<Option<SharedFrame>>,
    /// Frames that look different to some users: to those who reacted, to the one that a change is about.
    variants: Mutex<HashMap<u64, Option<Arc<SharedFrame>>>>,
}

impl V2Frames {
    fn get(
        &self,
        variant: u64,
        deflate: Option<Deflate>,
        encode: impl FnOnce() -> Option<Bytes>,
    ) -> Option<Bytes> {
        if variant == 0 {
            let frame = self.common.get_or_init(|| encode().map(SharedFrame::new));
            return frame.as_ref().map(|frame| frame.bytes(deflate));
        }
        let frame = {
            let mut variants = self.variants.lock().unwrap_or_else(PoisonError::into_inner);
            let shared = || encode().map(|frame| Arc::new(SharedFrame::new(frame)));
            variants.entry(variant).or_insert_with(shared).clone()
        };
        frame.map(|frame| frame.bytes(deflate))
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
    pub(crate) fn frame(&self, user: UserId, stream: StreamForm) -> Option<(Bytes, StreamPosition)> {
        match stream.protocol {
            Protocol::V1 => self.v1_frame(user, stream.deflate),
            Protocol::V2 => {
                let position = StreamPosition { at: self.event.position.0, delivery: None };
                self.v2_frame(user, stream).map(|frame| (frame, position))
            }
        }
    }

    fn v1_frame(&self, user: UserId, deflate: Option<Deflate>) -> Option<(Bytes, StreamPosition)> {
        let Change::MessagePosted(message) = &self.event.change else { return None };
        let frame = self.v1.get_or_init(|| SharedFrame::new(wire::v1::message(message)));
        let (conversation, seq) = (message.conversation, message.seq);
        let delivery = Delivery { conversation, seq, confirm: user != message.sender };
        Some((frame.bytes(deflate), StreamPosition { at: message.id.0, delivery: Some(delivery) }))
    }

    fn v2_frame(&self, user: UserId, StreamForm { form, deflate, .. }: StreamForm) -> Option<Bytes> {
        let cursor = Cursor { epoch: self.epoch, position: self.event.position };
        let frames = match form {
            Form::Complete => &self.v2,
            Form::Lean => &self.lean,
        };
        let variant = chat_wire::v2::variant(&self.event.change, user, form);
        frames.get(variant, deflate, || wire::v2::change(&self.event.change, cursor, user, form))
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
