//! A client of the v2 stream that keeps what it was not asked for yet: frames come in the order in which a test looks for
//! them, and nothing is lost on the way.

use std::collections::VecDeque;

use serde_json::{Value, json};

use super::{Got, Server, User, Ws};

/// The subprotocol's name.
pub const V2: &str = "chatserver.v2";

/// An open v2 stream.
pub struct Stream {
    pub ws: Ws,
    /// Read on the way to something else, oldest first.
    kept: VecDeque<Value>,
    /// Of the last frame that was taken and carried one.
    pub cursor: String,
    n_ops: u64,
}

impl Stream {
    /// Opens a stream in some way; refused, it gives the status.
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

    /// A stream that says who it is by its first frame, which is still to be sent.
    pub async fn unknown(server: &Server) -> Self {
        let opened = Self::open(server, "/ws", &[("Sec-WebSocket-Protocol", V2)]).await;
        opened.unwrap_or_else(|status| panic!("refused with {status}"))
    }

    /// Opens a user's stream and takes what it begins with.
    pub async fn connect(server: &Server, user: &User) -> Self {
        let mut stream = Self::greeted_next(server, user, "/ws").await;
        let hello = stream.frame().await;
        assert_eq!((&hello["type"], &hello["resumed"]), (&json!("hello"), &json!(false)), "{hello}");
        assert_eq!(stream.frame().await["type"], "live");
        stream
    }

    /// Opens a user's stream where it was left; gives what was missed too.
    pub async fn resume(server: &Server, user: &User, cursor: &str) -> (Self, Vec<Value>) {
        let mut stream = Self::resumed(server, user, cursor).await;
        let mut missed = stream.until(|frame| frame["type"] == "live").await;
        missed.pop();
        (stream, missed)
    }

    /// Opens a user's stream where it was left; what was missed is still to come.
    pub async fn resumed(server: &Server, user: &User, cursor: &str) -> Self {
        let mut stream = Self::greeted_next(server, user, &format!("/ws?cursor={cursor}")).await;
        let hello = stream.frame().await;
        assert_eq!((&hello["type"], &hello["resumed"]), (&json!("hello"), &json!(true)), "{hello}");
        stream
    }

    /// The next frame.
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

    /// Every frame up to and including the first that is so.
    pub async fn until(&mut self, mut is_so: impl FnMut(&Value) -> bool) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            frames.push(self.frame().await);
            if frames.last().is_some_and(&mut is_so) {
                return frames;
            }
        }
    }

    /// The first frame that is so; what comes before it is let go of.
    pub async fn find(&mut self, is_so: impl FnMut(&Value) -> bool) -> Value {
        self.until(is_so).await.pop().unwrap()
    }

    /// The first frame of a type; what comes before it is let go of.
    pub async fn next(&mut self, kind: &str) -> Value {
        self.find(|frame| frame["type"] == kind).await
    }

    /// Everything up to the message that says this, less the answers to ops.
    pub async fn told_until(&mut self, content: &str) -> Vec<Value> {
        let mut frames = self.until(|frame| frame["message"]["content"] == content && is_told(frame)).await;
        frames.retain(is_told);
        frames
    }

    /// Sends a frame and does not wait for the answer.
    pub async fn say(&mut self, frame: &Value) {
        self.ws.json(frame).await;
    }

    /// Sends an op and gives the answer; what comes meanwhile is kept.
    pub async fn op(&mut self, mut op: Value) -> Value {
        self.n_ops += 1;
        let id = json!(format!("op {}", self.n_ops));
        op["id"] = id.clone();
        self.say(&op).await;
        loop {
            let frame = self.ws.frame().await;
            if !is_told(&frame) && frame["id"] == id {
                return frame;
            }
            self.kept.push_back(frame);
        }
    }

    /// Sends an op that must succeed; gives the answer.
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

    /// Sends a message and gives it.
    pub async fn send(&mut self, to: Value, content: &str) -> Value {
        let mut op = to;
        op["op"] = json!("send");
        op["content"] = json!(content);
        self.ok(op).await["message"].take()
    }

    /// Nothing has come in but what was taken: whatever was queued before the answer to this would be here.
    #[track_caller]
    pub fn is_quiet(&mut self) -> impl Future<Output = ()> {
        let caller = std::panic::Location::caller();
        async move {
            assert_eq!(self.ok(json!({"op": "ping"})).await["type"], "pong");
            assert!(self.kept.is_empty(), "{:?} at {caller}", self.kept);
        }
    }

    /// The closing frame, after whatever else.
    pub async fn closed(&mut self) -> u16 {
        self.ws.closed().await.0
    }

    /// The closing frame, and not a byte before it.
    pub async fn closed_at_once(&mut self) -> u16 {
        self.turned_away().await.0
    }

    /// The same, with its reason.
    pub async fn turned_away(&mut self) -> (u16, String) {
        match self.ws.next().await {
            Got::Closed(code, reason) => (code, reason),
            other => panic!("{other:?} instead of a closing frame"),
        }
    }
}

/// Whether a frame tells of something, in contrast to answering an op.
pub fn is_told(frame: &Value) -> bool {
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
