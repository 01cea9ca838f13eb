//! Encodes the frames of the v2 stream.

use bytes::{Bytes, BytesMut};
use chat_core::event::{Change, Signal};
use chat_core::ids::UserId;
use chat_core::sync::Cursor;
use chat_protocol::v2::{self, ServerFrame};
use chat_wire::Form;

use super::text_frame;
use crate::http::problem::Problem;

/// The frames of a change as this viewer sees them, concatenated. `None`: clients get no frame for it.
pub(crate) fn change(change: &Change, cursor: Cursor, viewer: UserId, form: Form) -> Option<Bytes> {
    let frames = chat_wire::v2::change(change, cursor, viewer, form);
    let is_one = frames.len() == 1;
    let mut encoded = frames.into_iter().map(|frame| in_form(frame, viewer, form));
    if is_one {
        return encoded.next();
    }
    let mut bytes = BytesMut::new();
    encoded.for_each(|one| bytes.extend_from_slice(&one));
    Some(bytes.freeze()).filter(|bytes| !bytes.is_empty())
}

/// A signal. `None`: this stream has no frame for it.
pub(crate) fn signal(signal: &Signal) -> Option<Bytes> {
    chat_wire::v2::signal(signal).as_ref().map(frame)
}

/// A frame that has one form only.
pub(crate) fn frame(frame: &ServerFrame) -> Bytes {
    text_frame(frame)
}

/// A frame in the form that its client asked for.
pub(crate) fn in_form(frame: ServerFrame, viewer: UserId, form: Form) -> Bytes {
    match form {
        Form::Complete => text_frame(&frame),
        Form::Lean => text_frame(&chat_wire::v2::lean(frame, viewer)),
    }
}

/// The error for a frame, with the frame's `id` if it has one.
pub(crate) fn refusal(id: Option<v2::Id>, problem: &Problem) -> Bytes {
    frame(&ServerFrame::Error(v2::Refusal {
        id,
        code: problem.code().into(),
        error: problem.sentence().into(),
        temporary: problem.is_temporary(),
        retry_after_ms: problem.retry_after_ms(),
        policy: problem.policy().map(Into::into),
    }))
}
