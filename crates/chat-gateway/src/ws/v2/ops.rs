//! What each op of a v2 client does: decodes its fields, calls one use case, and makes the answer.

use std::sync::Arc;

use bytes::Bytes;
use chat_core::ids::{ConversationId, MessageId, Seq, UserId};
use chat_core::live_text::Appended;
use chat_core::messages::{Message, Posted};
use chat_core::presence::Choice;
use chat_protocol::v2::{self, Ack, Id, Pong, ServerFrame};
use serde::de::DeserializeOwned;

use crate::audit::By;
use crate::http::problem::Problem;
use crate::hub::Connection;
use crate::limits::Policy;
use crate::metrics::Door;
use crate::presence::Companion;
use crate::sends::Sender;
use crate::ws::session::send;
use crate::{App, commands, presence, sends, wire};

/// Most conversations that a client can look at.
const MAX_VIEWED: usize = 20;

/// How often members are read anew because somebody was removed meanwhile, wherever.
const LOOKS: usize = 50;

/// A frame that a client sent.
pub(super) struct Asked {
    pub(super) op: String,
    pub(super) id: Option<Id>,
    pub(super) text: String,
}

impl Asked {
    fn fields<T: DeserializeOwned>(&self) -> Result<T, Problem> {
        serde_json::from_str(&self.text).map_err(Problem::invalid)
    }
}

/// What an `ack` carries beside the client's `id`.
#[derive(Default)]
struct Done {
    message: Option<Message>,
    duplicate: Option<bool>,
    appended: Option<Appended>,
}

impl From<Message> for Done {
    fn from(message: Message) -> Self {
        Self { message: Some(message), ..Self::default() }
    }
}

impl From<Posted> for Done {
    fn from(posted: Posted) -> Self {
        let (message, duplicate) = match posted {
            Posted::New { message, .. } => (message, false),
            Posted::Duplicate(message) => (message, true),
        };
        Self { message: Some(message), duplicate: Some(duplicate), appended: None }
    }
}

impl From<()> for Done {
    fn from((): ()) -> Self {
        Self::default()
    }
}

/// Does what a frame asks for and gives the one answer to it.
pub(super) async fn answer(app: &App, connection: Arc<Connection>, asked: Asked) -> Bytes {
    let user = connection.user();
    if asked.op == "ping" {
        let server_time = wire::time(app.chat.now());
        return wire::v2::frame(&ServerFrame::Pong(Pong { id: asked.id, server_time }));
    }
    let done = match counted(app, &connection, &asked.op) {
        Ok(()) => perform(app, &connection, &asked).await,
        Err(problem) => Err(problem),
    };
    match done {
        Ok(done) => ack(asked.id, done, user),
        Err(problem) => {
            if let Some(cause) = problem.cause() {
                tracing::error!(
                    user.id = user.0,
                    op = asked.op,
                    cause,
                    code = problem.code(),
                    "a frame failed"
                );
            }
            super::refusal(asked.id, &problem)
        }
    }
}

/// Counts a frame for its user, before its fields are read.
pub(super) fn counted(app: &App, connection: &Connection, op: &str) -> Result<(), Problem> {
    let policy = match op {
        "send" | "forward" => Policy::Send,
        "typing" => Policy::Typing,
        _ => Policy::Default,
    };
    let user = connection.user();
    app.limits.user(policy, user).map(drop).map_err(|refused| {
        let session = connection.name();
        app.too_much(
            refused,
            By {
                user: Some(user),
                address: Some(connection.client()),
                session: Some(&session),
                account: None,
            },
        )
    })
}

fn ack(id: Option<Id>, done: Done, user: UserId) -> Bytes {
    let appended = done.appended.as_ref();
    wire::v2::frame(&ServerFrame::Ack(Ack {
        id,
        message: done.message.map(|message| Box::new(wire::message(&message, user))),
        duplicate: done.duplicate,
        message_id: appended.map(|appended| appended.message.0),
        rev: appended.map(|appended| appended.rev.0),
        length: appended.map(|appended| appended.length),
    }))
}

fn sender(connection: &Connection) -> Sender {
    Sender { user: connection.user(), from: connection.client(), door: Door::V2 }
}

async fn perform(app: &App, connection: &Arc<Connection>, asked: &Asked) -> Result<Done, Problem> {
    let (chat, user) = (&app.chat, connection.user());
    match asked.op.as_str() {
        "send" => {
            let v2::Send { to_user, to_group, conversation_id, body } = asked.fields()?;
            let to = commands::destination(to_user, to_group, conversation_id)?;
            Ok(sends::post(app, sender(connection), commands::post(to, body)?).await?.into())
        }
        "forward" => {
            let v2::Forward { message_id, to } = asked.fields()?;
            Ok(sends::forward(app, sender(connection), commands::forward(message_id, to)?).await?.into())
        }
        "delivered" | "read" => pointer(app, user, asked).await.map(Done::from),
        "typing" => {
            let v2::TypingIn { conversation_id } = asked.fields()?;
            Ok(chat.typing_in(user, ConversationId(conversation_id)).await?.into())
        }
        "presence" => {
            let v2::SetPresence { status } = asked.fields()?;
            let wrong = || Problem::invalid("status must be one of online, away, invisible");
            let choice = Choice::parse(&status).ok_or_else(wrong)?;
            app.hub.presence().choose(connection, choice, chat.now());
            Ok(Done::default())
        }
        "view" => view(app, connection, asked.fields()?).await.map(Done::from),
        _ => with_message(app, user, asked).await,
    }
}

/// The ops about one message.
async fn with_message(app: &App, user: UserId, asked: &Asked) -> Result<Done, Problem> {
    let chat = &app.chat;
    Ok(match asked.op.as_str() {
        "edit" => {
            let v2::Edit { message_id, edit } = asked.fields()?;
            chat.edit(user, MessageId(message_id), edit.content).await?.into()
        }
        "delete" => {
            let v2::Delete { message_id, scope } = asked.fields()?;
            match scope.as_deref() {
                None | Some("everyone") => chat.delete(user, MessageId(message_id)).await?.into(),
                Some("me") => chat.hide(user, MessageId(message_id)).await?.into(),
                Some(_) => return Err(Problem::invalid("for must be everyone or me")),
            }
        }
        "react" | "unreact" => {
            let v2::React { message_id, emoji } = asked.fields()?;
            chat.react(user, MessageId(message_id), emoji, asked.op == "react").await?.into()
        }
        "pin" | "unpin" => {
            let v2::OfMessage { message_id } = asked.fields()?;
            chat.pin(user, MessageId(message_id), asked.op == "pin").await?.into()
        }
        "save" | "unsave" => {
            let v2::OfMessage { message_id } = asked.fields()?;
            chat.save(user, MessageId(message_id), asked.op == "save").await?.into()
        }
        "append" => {
            let v2::Append { message_id, piece } = asked.fields()?;
            let appended = chat.append(user, MessageId(message_id), commands::piece(piece)).await?;
            Done { appended: Some(appended), ..Done::default() }
        }
        "finish" => {
            let v2::Finish { message_id, ending } = asked.fields()?;
            chat.finish(user, MessageId(message_id), commands::ending(ending)).await?.into()
        }
        _ => return Err(Problem::new(400, "unknown_op", "Unknown op; docs/stream.md lists those there are")),
    })
}

async fn pointer(app: &App, user: UserId, asked: &Asked) -> Result<(), Problem> {
    let v2::Pointer { conversation_id, seq, thread_id } = asked.fields()?;
    let (conversation, seq) = (ConversationId(conversation_id), Seq(seq));
    match (asked.op.as_str(), thread_id) {
        ("read", Some(thread)) => app.chat.read_thread(user, conversation, MessageId(thread), seq).await?,
        ("read", None) => app.chat.read(user, conversation, seq).await?,
        _ => app.chat.delivered(user, conversation, seq).await?,
    }
    Ok(())
}

/// From now on the client looks at the members of these conversations; each one's presence comes at once.
async fn view(app: &App, connection: &Arc<Connection>, view: v2::View) -> Result<(), Problem> {
    if view.conversation_ids.len() > MAX_VIEWED {
        return Err(Problem::invalid(format!("conversation_ids must have at most {MAX_VIEWED} entries")));
    }
    for _ in 0..LOOKS {
        let as_of = app.hub.presence().n_removals();
        let companions = companions(app, connection.user(), &view.conversation_ids).await?;
        // Where somebody was removed meanwhile, what was read may no longer be so.
        if let Some(frames) = app.hub.presence().look(connection, &companions, as_of) {
            frames.into_iter().for_each(|frame| send(connection, frame));
            return Ok(());
        }
    }
    Err(Problem::new(503, "overloaded", "Members come and go too quickly; look again in a moment")
        .retry_after(1))
}

async fn companions(app: &App, user: UserId, conversations: &[i64]) -> Result<Vec<Companion>, Problem> {
    let mut companions = Vec::new();
    for id in conversations {
        let conversation = ConversationId(*id);
        let members = app.chat.companions(user, conversation, presence::MAX_COMPANIONS).await?;
        companions.extend(members.into_iter().map(|(user, seen)| (conversation, user, seen)));
    }
    Ok(companions)
}
