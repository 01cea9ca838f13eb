//! Encodes the frames of the v1 stream.

use bytes::Bytes;
use chat_core::event::Signal;
use chat_core::messages::Message;
use chat_core::time::Timestamp;
use chat_protocol::v1::ErrorFrame;

use super::text_frame;
use crate::http::problem::Problem;

pub(crate) fn message(message: &Message) -> Bytes {
    text_frame(&chat_wire::v1::message(message))
}

/// The first frame of a stream.
pub(crate) fn welcome(now: Timestamp) -> Bytes {
    text_frame(&chat_wire::v1::welcome(now))
}

pub(crate) fn signal(signal: &Signal) -> Bytes {
    text_frame(&chat_wire::v1::signal(signal))
}

/// The error for a v1 frame.
pub(crate) fn error(problem: &Problem) -> Bytes {
    text_frame(&ErrorFrame {
        kind: "error".into(),
        error: problem.sentence().into(),
        code: problem.code().into(),
        temporary: problem.policy().map(|_| true),
        policy: problem.policy().map(Into::into),
        retry_after_ms: problem.policy().and(problem.retry_after_ms()),
    })
}
