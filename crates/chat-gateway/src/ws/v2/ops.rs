//! Executes the ops of a v2 client: decodes the fields, calls one use case, and makes the answer.

use std::sync::Arc;

use bytes::Bytes;
use chat_core::ids::{ConversationId, MessageId, Seq, UserId};
use chat_core::live_text::Appended;
use chat_core::messages::Message;
use chat_core::posting::Posted;
use chat_core::presence::PresenceStatus;
use chat_protocol::v2::{self, Ack, Id, Op, OpName, Pong, ServerFrame};

use crate::audit::By;
use crate::http::problem::Problem;
use crate::hub::Connection;
use crate::hub::presence::{Companion, MAX_COMPANIONS};
use crate::limits::Policy;
use crate::metrics::Transport;
use crate::sends::Sender;
use crate::{App, commands, sends, wire};

/// Upper bound for the conversations that a client can watch.
const MAX_VIEWED: usize = 20;

/// Upper bound for reading the members again because somebody was removed meanwhile, in any conversation.
const VIEW_ATTEMPTS: usize = 50;

/// A client's frame.
pub(super) struct Asked {
    /// `None`: there is no such op.
    pub(super) op: Option<OpName>,
    pub(super) id: Option<Id>,
    pub(super) text: String,
}

/// Content of an `ack` beside the client's `id`.
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

/// Executes a frame and returns its one answer.
pub(super) async fn answer(app: &App, connection: Arc<Connection>, asked: Asked) -> Bytes {
    let Asked { op, id, text } = asked;
    if op == Some(OpName::Ping) {
        let server_time = chat_wire::time(app.chat.now());
        return wire::v2::frame(&ServerFrame::Pong(Pong { id, server_time }));
    }
    let user = connection.user();
    let done = match counted(app, &connection, op).and_then(|()| read(op, &text)) {
        Ok(op) => perform(app, &connection, op).await,
        Err(problem) => Err(problem),
    };
    match done {
        Ok(done) => ack(id, done, &connection),
        Err(problem) => {
            if let Some(cause) = problem.cause() {
                let op = op.map(OpName::as_str);
                tracing::error!(user.id = user.0, op, cause, code = problem.code(), "a frame failed");
            }
            wire::v2::refusal(id, &problem)
        }
    }
}

/// Decodes the op with its fields.
fn read(op: Option<OpName>, text: &str) -> Result<Op, Problem> {
    let unknown = || Problem::new(400, "unknown_op", "Unknown op; docs/stream.md lists all ops");
    op.ok_or_else(unknown)?.read(text).map_err(Problem::invalid)
}

/// Counts a frame for its user, before its fields are decoded.
pub(super) fn counted(app: &App, connection: &Connection, op: Option<OpName>) -> Result<(), Problem> {
    let policy = match op {
        Some(OpName::Send | OpName::Forward) => Policy::Send,
        Some(OpName::Typing) => Policy::Typing,
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

fn ack(id: Option<Id>, done: Done, connection: &Connection) -> Bytes {
    let (user, appended) = (connection.user(), done.appended.as_ref());
    let ack = Ack {
        id,
        message: done.message.map(|message| Box::new(chat_wire::message(&message, user))),
        duplicate: done.duplicate,
        message_id: appended.map(|appended| appended.message.0),
        rev: appended.map(|appended| appended.rev.0),
        length: appended.map(|appended| appended.length),
    };
    wire::v2::in_form(ServerFrame::Ack(ack), user, connection.form())
}

fn sender(connection: &Connection) -> Sender {
    Sender { user: connection.user(), from: connection.client(), transport: Transport::V2 }
}

async fn perform(app: &App, connection: &Arc<Connection>, op: Op) -> Result<Done, Problem> {
    let (chat, user) = (&app.chat, connection.user());
    Ok(match op {
        Op::Send(v2::Send { to_user, to_group, conversation_id, body }) => {
            let to = commands::destination(to_user, to_group, conversation_id)?;
            sends::post(app, sender(connection), commands::post(to, body)?).await?.into()
        }
        Op::Forward(v2::Forward { message_id, to }) => {
            sends::forward(app, sender(connection), commands::forward(message_id, to)?).await?.into()
        }
        Op::Edit(v2::Edit { message_id, edit }) => {
            chat.edit(user, MessageId(message_id), edit.content).await?.into()
        }
        Op::Delete(delete) => remove(app, user, delete).await?,
        Op::React(react) => set_reaction(app, user, react, true).await?,
        Op::Unreact(react) => set_reaction(app, user, react, false).await?,
        Op::Pin(of) => chat.pin(user, MessageId(of.message_id), true).await?.into(),
        Op::Unpin(of) => chat.pin(user, MessageId(of.message_id), false).await?.into(),
        Op::Save(of) => chat.save(user, MessageId(of.message_id), true).await?.into(),
        Op::Unsave(of) => chat.save(user, MessageId(of.message_id), false).await?.into(),
        Op::Append(v2::Append { message_id, chunk }) => {
            let appended = chat.append(user, MessageId(message_id), commands::chunk(chunk)).await?;
            Done { appended: Some(appended), ..Done::default() }
        }
        Op::Finish(v2::Finish { message_id, finish }) => {
            chat.finish(user, MessageId(message_id), commands::finish(finish)).await?.into()
        }
        Op::Delivered(v2::Pointer { conversation_id, seq, .. }) => {
            chat.delivered(user, ConversationId(conversation_id), Seq(seq)).await?.into()
        }
        Op::Read(v2::Pointer { conversation_id, seq, thread_id }) => {
            let (conversation, seq) = (ConversationId(conversation_id), Seq(seq));
            match thread_id {
                Some(thread) => chat.read_thread(user, conversation, MessageId(thread), seq).await?.into(),
                None => chat.read(user, conversation, seq).await?.into(),
            }
        }
        Op::Typing(v2::TypingIn { conversation_id }) => {
            chat.typing_in(user, ConversationId(conversation_id)).await?.into()
        }
        Op::Presence(v2::SetPresence { status }) => {
            let wrong = || Problem::invalid("status must be one of online, away, invisible");
            let choice = PresenceStatus::parse(&status).ok_or_else(wrong)?;
            app.hub.presence().choose(connection, choice, chat.now());
            Done::default()
        }
        Op::View(seen) => view(app, connection, seen).await?.into(),
        // Answered before the frame is counted.
        Op::Ping(v2::Ping {}) => Done::default(),
    })
}

async fn remove(app: &App, user: UserId, delete: v2::Delete) -> Result<Done, Problem> {
    let message = MessageId(delete.message_id);
    match delete.scope.as_deref() {
        None | Some("everyone") => Ok(app.chat.delete(user, message).await?.into()),
        Some("me") => Ok(app.chat.hide(user, message).await?.into()),
        Some(_) => Err(Problem::invalid("for must be everyone or me")),
    }
}

async fn set_reaction(app: &App, user: UserId, react: v2::React, is_set: bool) -> Result<Done, Problem> {
    Ok(app.chat.react(user, MessageId(react.message_id), react.emoji, is_set).await?.into())
}

/// Replaces the conversations that the client watches, and sends the presence of their members.
async fn view(app: &App, connection: &Arc<Connection>, view: v2::View) -> Result<(), Problem> {
    if view.conversation_ids.len() > MAX_VIEWED {
        return Err(Problem::invalid(format!("conversation_ids must have at most {MAX_VIEWED} entries")));
    }
    for _ in 0..VIEW_ATTEMPTS {
        let as_of = app.hub.presence().n_removals();
        let companions = companions(app, connection.user(), &view.conversation_ids).await?;
        // If somebody was removed meanwhile, the members that were read may be out of date.
        if let Some(frames) = app.hub.presence().watch(connection, &companions, as_of) {
            frames.into_iter().for_each(|frame| connection.send(frame));
            return Ok(());
        }
    }
    Err(Problem::new(503, "overloaded", "Members come and go too quickly; try again in a moment")
        .retry_after(1))
}

async fn companions(app: &App, user: UserId, conversations: &[i64]) -> Result<Vec<Companion>, Problem> {
    let mut companions = Vec::new();
    for id in conversations {
        let conversation = ConversationId(*id);
        let members = app.chat.companions(user, conversation, MAX_COMPANIONS).await?;
        companions.extend(members.into_iter().map(|(user, seen)| (conversation, user, seen)));
    }
    Ok(companions)
}
