//! A client of the v2 stream that keeps frames until a test looks for them, in their order, so that none is lost.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::{Got, Server, User, Ws};

/// Name of the subprotocol.
pub const V2: &str = "chatserver.v2";

/// An open v2 stream.
pub struct Stream {
    pub ws: Ws,
    /// Frames read while looking for another, oldest first.
    kept: VecDeque<Value>,
    /// Cursor of the last frame that was taken and had one.
    pub cursor: String,
    n_ops: u64,
}

impl Stream {
    /// Opens a stream in some way. `Err` is the status of a refusal.
    pub async fn open(server: &Server, path: &str, headers: &[(&str, &str)]) -> Result<Self, u16> {
        let ws = Ws::open(server, path, headers).await?;
        Ok(Self { ws, kept: VecDeque::new(), cursor: String::new(), n_ops: 0 })
    }

    /// Opens a user's stream; `hello` is still to come.
    pub async fn greeted_next(server: &Server, user: &User, path: &str) -> Self {
        let bearer = format!("Bearer {}", user.token);
        let headers = [("Authorization", bearer.as_str()), ("Sec-WebSocket-Protocol", V2)];
        let opened = Self::open(server, path, &headers).await;
        opened.unwrap_or_else(|status| panic!("refused with {status}"))
    }

    /// Opens a stream that authenticates with its first frame, which is still to be sent.
    pub async fn unknown(server: &Server) -> Self {
        let opened = Self::open(server, "/ws", &[("Sec-WebSocket-Protocol", V2)]).await;
        opened.unwrap_or_else(|status| panic!("refused with {status}"))
    }

    /// Opens a user's stream and takes its first frames.
    pub async fn connect(server: &Server, user: &User) -> Self {
        Self::connect_at(server, user, "/ws").await
    }

    /// Opens a user's stream for lean frames, and takes its first frames.
    pub async fn connect_lean(server: &Server, user: &User) -> Self {
        Self::connect_at(server, user, "/ws?lean=1").await
    }

    async fn connect_at(server: &Server, user: &User, path: &str) -> Self {
        let mut stream = Self::greeted_next(server, user, path).await;
        let hello = stream.frame().await;
        assert_eq!((&hello["type"], &hello["resumed"]), (&json!("hello"), &json!(false)), "{hello}");
        assert_eq!(stream.frame().await["type"], "live");
        stream
    }

    /// Resumes a user's stream. Also returns the missed frames.
    pub async fn resume(server: &Server, user: &User, cursor: &str) -> (Self, Vec<Value>) {
        let mut stream = Self::resumed(server, user, cursor).await;
        let mut missed = stream.until(|frame| frame["type"] == "live").await;
        missed.pop();
        (stream, missed)
    }

    /// Resumes a user's stream. The missed frames are still to come.
    pub async fn resumed(server: &Server, user: &User, cursor: &str) -> Self {
        let mut stream = Self::greeted_next(server, user, &format!("/ws?cursor={cursor}")).await;
        let hello = stream.frame().await;
        assert_eq!((&hello["type"], &hello["resumed"]), (&json!("hello"), &json!(true)), "{hello}");
        stream
    }

    /// Returns the next frame.
    pub async fn frame(&mut self) -> Value {
        let frame = match self.kept.pop_front() {
            Some(frame) => frame,
            None => self.ws.frame().await,
        };
        if let Some(cursor) = frame["cursor"].as_str() {
            self.cursor = cursor.into();
        }
        frame
    }

    /// Returns every frame up to and including the first that fulfils the condition.
    pub async fn until(&mut self, mut is_so: impl FnMut(&Value) -> bool) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            frames.push(self.frame().await);
            if frames.last().is_some_and(&mut is_so) {
                return frames;
            }
        }
    }

    /// Returns the first frame that fulfils the condition. Frames before it are dropped.
    pub async fn find(&mut self, is_so: impl FnMut(&Value) -> bool) -> Value {
        self.until(is_so).await.pop().unwrap()
    }

    /// Returns the first frame of a type. Frames before it are dropped.
    pub async fn next(&mut self, kind: &str) -> Value {
        self.find(|frame| frame["type"] == kind).await
    }

    /// Returns all events up to the message with this content, without answers to ops.
    pub async fn received_until(&mut self, content: &str) -> Vec<Value> {
        let mut frames = self.until(|frame| frame["message"]["content"] == content && is_event(frame)).await;
        frames.retain(is_event);
        frames
    }

    /// Sends a frame and does not wait for the answer.
    pub async fn say(&mut self, frame: &Value) {
        self.ws.json(frame).await;
    }

    /// Sends an op and returns the answer. Other frames that arrive meanwhile are kept.
    pub async fn op(&mut self, mut op: Value) -> Value {
        self.n_ops += 1;
        let id = json!(format!("op {}", self.n_ops));
        op["id"] = id.clone();
        self.say(&op).await;
        loop {
            let frame = self.ws.frame().await;
            if !is_event(&frame) && frame["id"] == id {
                return frame;
            }
            self.kept.push_back(frame);
        }
    }

    /// Sends an op that must succeed, and returns the answer.
    #[track_caller]
    pub fn ok(&mut self, op: Value) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            let answer = self.op(op).await;
            assert_ne!(answer["type"], "error", "{answer}, at {caller}");
            answer
        }
    }

    /// Sends an op that must be refused with this code.
    #[track_caller]
    pub fn refused(&mut self, op: Value, code: &str) -> impl Future<Output = Value> {
        let caller = std::panic::Location::caller();
        async move {
            let answer = self.op(op.clone()).await;
            assert_eq!(
                (&answer["type"], &answer["code"]),
                (&json!("error"), &json!(code)),
                "{op} at {caller}"
            );
            answer
        }
    }

    /// Sends a message and returns it.
    pub async fn send(&mut self, to: Value, content: &str) -> Value {
        let mut op = to;
        op["op"] = json!("send");
        op["content"] = json!(content);
        self.ok(op).await["message"].take()
    }

    /// Checks that nothing else has arrived: a frame queued before the answer to this ping would be here.
    #[track_caller]
    pub fn is_quiet(&mut self) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            assert_eq!(self.ok(json!({"op": "ping"})).await["type"], "pong");
            assert!(self.kept.is_empty(), "{:?} at {caller}", self.kept);
        }
    }

    /// Returns the code of the closing frame, and skips other frames.
    pub async fn closed(&mut self) -> u16 {
        self.ws.closed().await.0
    }

    /// Returns the code of the closing frame, before which no byte may arrive.
    pub async fn closed_at_once(&mut self) -> u16 {
        self.turned_away().await.0
    }

    /// The same, with the reason.
    pub async fn turned_away(&mut self) -> (u16, String) {
        match self.ws.next().await {
            Got::Closed(code, reason) => (code, reason),
            other => panic!("{other:?} instead of a closing frame"),
        }
    }
}

/// Whether a frame is an event, in contrast to the answer to an op.
pub fn is_event(frame: &Value) -> bool {
    !["ack", "error", "pong"].iter().any(|kind| frame["type"] == *kind)
}

/// A frame in brief: its type, or its event.
pub fn brief(frame: &Value) -> &str {
    frame["event"].as_str().or_else(|| frame["type"].as_str()).unwrap_or("nothing")
}

/// Frames in brief.
pub fn briefs(frames: &[Value]) -> Vec<&str> {
    frames.iter().map(brief).collect()
}

/// Addresses a message to a user.
pub fn to_user(user: &User) -> Value {
    json!({ "to_user": user.id })
}

/// Addresses a message to a conversation.
pub fn into(conversation: &Value) -> Value {
    json!({ "conversation_id": conversation })
}
