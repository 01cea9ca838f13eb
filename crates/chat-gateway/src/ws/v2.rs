//! The v2 dialogue: takes a client's frames in order, starts what each asks for, and sends exactly one answer to each
//! when it is done (docs/stream.md). `ops.rs` executes the ops.

mod ops;

use std::pin::Pin;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use chat_core::sync::Cursor;
use chat_protocol::close_codes;
use chat_protocol::v2::{FEATURES, Head, Hello, Id, OpName, Refusal, Resync, ServerFrame};
use futures_util::future::poll_immediate;
use futures_util::stream::{FuturesUnordered, StreamExt};
use tracing::Instrument;

use crate::http::problem::Problem;
use crate::hub::Connection;
use crate::{App, wire};

/// Frames of one client that may be under way at a time; the next one waits.
const MAX_UNDER_WAY: usize = 64;
/// Burst of frames that a client may send, in seconds of its rate.
const BURST_S: f64 = 2.0;
/// A client with more refusals is closed; each accepted frame cancels one.
const MAX_REFUSALS: u32 = 200;
/// Longest `id` of a frame, in characters.
const MAX_ID: usize = 64;

type Answer<'a> = Pin<Box<dyn Future<Output = Bytes> + Send + 'a>>;

/// State of the dialogue with one client.
pub(super) struct Dialogue<'a> {
    app: &'a App,
    connection: Arc<Connection>,
    /// `None` while nothing is under way, so that an idle client costs little.
    under_way: Option<Box<FuturesUnordered<Answer<'a>>>>,
    allowance: Allowance,
    refusals: u32,
}

impl<'a> Dialogue<'a> {
    pub(super) fn new(app: &'a App, connection: Arc<Connection>) -> Self {
        let allowance = Allowance::full(app.options.frames_per_second, app.hub.started());
        Self { app, connection, under_way: None, allowance, refusals: 0 }
    }

    /// Starts what a frame asks for. Waits only while too many frames are under way.
    pub(super) async fn take(&mut self, text: String) {
        let head = head(&text);
        if let Err(wait_ms) = self.allowance.take(self.app.hub.started()) {
            let id = head.map_or_else(|(id, _)| id, |head| head.id);
            return self.refuse_for_now(id, wait_ms);
        }
        self.refusals = self.refusals.saturating_sub(1);
        let head = match head {
            Ok(head) => head,
            // Malformed frames count like any other, over all of the user's streams.
            Err((id, problem)) => {
                let counted = ops::counted(self.app, &self.connection, None);
                return self.connection.send_answer(wire::v2::refusal(id, &counted.err().unwrap_or(problem)));
            }
        };
        while self.under_way.as_ref().is_some_and(|under_way| under_way.len() >= MAX_UNDER_WAY) {
            let answer = self.next_answer().await;
            self.connection.send_answer(answer);
        }
        if self.connection.is_closing() {
            return self.connection.send_answer(wire::v2::refusal(head.id, &Problem::not_done()));
        }
        let session = self.connection.name();
        let span = tracing::debug_span!("op", op = &*head.op, id = id_text(head.id.as_ref()), session);
        let (op, id) = (OpName::parse(&head.op), head.id);
        let asked = ops::Asked { op, id, text };
        let answer = ops::answer(self.app, self.connection.clone(), asked);
        let mut answer: Answer<'a> = Box::pin(answer.instrument(span));
        // Polled at once, so that a client's frames are started in the order of their arrival.
        match poll_immediate(answer.as_mut()).await {
            Some(answer) => self.connection.send_answer(answer),
            None => self.under_way.get_or_insert_default().push(answer),
        }
    }

    /// Answers that a frame was not executed.
    pub(super) fn refuse_unexecuted(&self, text: &str) {
        let id = head(text).map_or_else(|(id, _)| id, |head| head.id);
        self.connection.send_answer(wire::v2::refusal(id, &Problem::not_done()));
    }

    /// Whether an answer is still to come.
    pub(super) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// The next answer that is ready. Never resolves while nothing is under way.
    pub(super) async fn next_answer(&mut self) -> Bytes {
        let Some(under_way) = &mut self.under_way else { return std::future::pending().await };
        let answer = under_way.next().await;
        if under_way.is_empty() {
            self.under_way = None;
        }
        match answer {
            Some(answer) => answer,
            None => std::future::pending().await,
        }
    }

    fn refuse_for_now(&mut self, id: Option<Id>, wait_ms: u64) {
        self.refusals += 1;
        let sentence = "You send too many frames; wait a moment";
        self.connection.send_answer(wire::v2::frame(&ServerFrame::Error(Refusal {
            id,
            code: "rate_limited".into(),
            error: sentence.into(),
            temporary: true,
            retry_after_ms: Some(wait_ms),
            policy: Some("frames".into()),
        })));
        if self.refusals > MAX_REFUSALS {
            self.connection.close(close_codes::TOO_MANY, "too many frames: slow down");
        }
    }
}

/// The first frame of a stream.
pub(super) fn hello(connection: &Connection, at: Cursor, resumed: bool) -> Bytes {
    wire::v2::frame(&ServerFrame::Hello(Hello {
        user_id: connection.user().0,
        session_id: connection.name(),
        cursor: at.to_string(),
        heartbeat_ms: connection.heartbeat_ms(),
        resumed,
        features: FEATURES.into_iter().map(Into::into).collect(),
        server_version: env!("CARGO_PKG_VERSION").into(),
    }))
}

/// States that the client has to reload, and why.
pub(super) fn resync(at: Cursor, code: &'static str) -> Bytes {
    wire::v2::frame(&ServerFrame::Resync(Resync { cursor: at.to_string(), code: Some(code.into()) }))
}

/// A frame's `id` for the log.
fn id_text(id: Option<&Id>) -> Option<String> {
    id.map(|id| match id {
        Id::Number(number) => number.to_string(),
        Id::Text(text) => text.clone(),
    })
}

/// The head of a frame. On an error, returns the frame's `id` too if it can be read.
fn head(text: &str) -> Result<Head<'_>, (Option<Id>, Problem)> {
    #[derive(serde::Deserialize)]
    struct OnlyId {
        id: Option<Id>,
    }
    if !text.trim_start().starts_with('{') {
        return Err((None, Problem::invalid("a frame is one JSON object")));
    }
    let head: Head<'_> = serde_json::from_str(text).map_err(|error| {
        let id = serde_json::from_str::<OnlyId>(text).ok().and_then(|only| only.id);
        (id, Problem::invalid(error))
    })?;
    match &head.id {
        Some(Id::Text(id)) if id.chars().nth(MAX_ID).is_some() => {
            Err((None, Problem::invalid(format!("id must be at most {MAX_ID} characters"))))
        }
        _ => Ok(head),
    }
}

/// A token bucket for a client's frames.
struct Allowance {
    frames: f64,
    per_ms: f64,
    /// On the hub's clock.
    at_ms: u128,
}

impl Allowance {
    fn full(per_second: u32, started: Instant) -> Self {
        let per_second = f64::from(per_second);
        Self {
            frames: per_second * BURST_S,
            per_ms: per_second / 1000.0,
            at_ms: started.elapsed().as_millis(),
        }
    }

    /// Takes one frame, or returns the milliseconds until one is available.
    fn take(&mut self, started: Instant) -> Result<(), u64> {
        self.take_at(started.elapsed().as_millis())
    }

    fn take_at(&mut self, now_ms: u128) -> Result<(), u64> {
        let passed_ms = u32::try_from(now_ms.saturating_sub(self.at_ms)).unwrap_or(u32::MAX);
        self.at_ms = now_ms;
        let most = self.per_ms * 1000.0 * BURST_S;
        self.frames = (self.frames + f64::from(passed_ms) * self.per_ms).min(most);
        if self.frames >= 1.0 {
            self.frames -= 1.0;
            return Ok(());
        }
        Err(std::time::Duration::from_secs_f64((1.0 - self.frames) / self.per_ms.max(0.001) / 1000.0)
            .as_millis()
            .try_into()
            .unwrap_or(u64::MAX)
            .max(1))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_is_an_object_with_an_op() {
        assert_eq!(head(r#"{"op":"ping","id":"a"}"#).unwrap().id, Some(Id::Text("a".into())));
        assert_eq!(head(r#"{"op":"ping"}"#).unwrap().id, None);
        for bad in ["", "[]", "5", "{}", r#"{"op":5}"#, r#"{"op":"x","id":[1]}"#, "hello"] {
            assert!(head(bad).is_err(), "{bad}");
        }
        let (id, _) = head(r#"{"id":7,"op":{}}"#).unwrap_err();
        assert_eq!(id, Some(Id::Number(7)));
        assert!(head(&format!(r#"{{"op":"ping","id":"{}"}}"#, "x".repeat(65))).is_err());
    }

    #[test]
    fn an_allowance_is_used_up_and_fills_again() {
        let mut allowance = Allowance { frames: 2.0, per_ms: 0.01, at_ms: 0 };
        assert_eq!(allowance.take_at(0), Ok(()));
        assert_eq!(allowance.take_at(0), Ok(()));
        assert_eq!(allowance.take_at(0), Err(100));
        assert_eq!(allowance.take_at(50), Err(50));
        assert_eq!(allowance.take_at(100), Ok(()));
        assert_eq!(allowance.take_at(1_000_000), Ok(()));
        assert!((allowance.frames - 19.0).abs() < 1e-9, "no more is saved up than a burst");
    }
}
