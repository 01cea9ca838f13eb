//! The encoding of each change: its kind, and the body for this kind.

use std::borrow::Cow;

use chat_core::changes::MessageEvent;
use chat_core::event::Change;
use chat_core::ids::{ConversationId, MessageId, Position, UserId};
use serde::{Deserialize, Serialize, Serializer};

use crate::Malformed;
use crate::event::access::Revoked;
use crate::event::conversation::{Conversation, OwnPart, View};
use crate::event::live_text::Appended;
use crate::event::message::Message;
use crate::event::receipt::{Counted, Receipt};
use crate::fields::Unknown;

/// The names of the kinds of changes.
#[derive(Debug, Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Kind {
    MessagePosted,
    MessageChanged,
    TextAppended,
    ConversationChanged,
    MemberChanged,
    MemberRemoved,
    OwnPartChanged,
    PointersMoved,
    MessageHidden,
    MessageSaved,
    AccessRevoked,
    #[serde(other, skip_serializing)]
    Unknown,
}

/// Serializes an event.
pub(super) fn write<S: Serializer>(
    position: Position,
    change: &Change,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let to = (position, serializer);
    match change {
        Change::MessagePosted(message) => put(to, Kind::MessagePosted, Message::from(message)),
        Change::MessageChanged { message, what } => {
            let body = Changed { message: message.into(), what: what.as_str().into() };
            put(to, Kind::MessageChanged, body)
        }
        Change::TextAppended(appended) => put(to, Kind::TextAppended, Appended::from(appended)),
        Change::ConversationChanged(conversation) => {
            put(to, Kind::ConversationChanged, Conversation::from(conversation))
        }
        Change::MemberChanged { conversation, user, own } => {
            let body = Member { conversation: conversation.into(), user: user.0, own: own.into() };
            put(to, Kind::MemberChanged, body)
        }
        Change::MemberRemoved { conversation, user } => {
            put(to, Kind::MemberRemoved, Removed { conversation: conversation.into(), user: user.0 })
        }
        Change::OwnPartChanged { user, view } => {
            put(to, Kind::OwnPartChanged, Own { user: user.0, view: view.as_ref().into() })
        }
        Change::PointersMoved(receipts) => {
            put(to, Kind::PointersMoved, Moved { receipts: receipts.iter().map(Receipt::from).collect() })
        }
        Change::MessageHidden { user, conversation, message, counted } => {
            let (user, conversation, message) = (user.0, conversation.0, message.0);
            put(
                to,
                Kind::MessageHidden,
                Hidden { user, conversation, message, counts: counted.map(Into::into) },
            )
        }
        Change::MessageSaved { user, message, saved } => {
            put(to, Kind::MessageSaved, Saved { user: user.0, message: message.0, saved: *saved })
        }
        Change::AccessRevoked { user, which } => {
            put(to, Kind::AccessRevoked, Ended { user: user.0, which: (*which).into() })
        }
    }
}

fn put<S: Serializer>(
    (position, serializer): (Position, S),
    kind: Kind,
    body: impl Serialize,
) -> Result<S::Ok, S::Error> {
    Written { position: position.0, kind, body }.serialize(serializer)
}

/// Parses the change of an event; `None` if its kind, or something in it, is unknown here.
pub(super) fn read(kind: Kind, body: &str) -> Result<Option<Change>, Malformed> {
    match kind {
        Kind::MessagePosted => {
            take(body, |message: Message<'_>| Ok(Change::MessagePosted(message.try_into()?)))
        }
        Kind::MessageChanged => take(body, |body: Changed<'_>| {
            let what = MessageEvent::parse(&body.what).unwrap_or(MessageEvent::Edited);
            Ok(Change::MessageChanged { message: body.message.try_into()?, what })
        }),
        Kind::TextAppended => take(body, |body: Appended<'_>| Ok(Change::TextAppended(body.try_into()?))),
        Kind::ConversationChanged => {
            take(body, |body: Conversation<'_>| Ok(Change::ConversationChanged(body.try_into()?)))
        }
        Kind::MemberChanged => take(body, |Member { conversation, user, own }: Member<'_>| {
            let (conversation, user) = (conversation.try_into()?, UserId(user));
            Ok(Change::MemberChanged { conversation, user, own: own.into() })
        }),
        Kind::MemberRemoved => take(body, |body: Removed<'_>| {
            Ok(Change::MemberRemoved { conversation: body.conversation.try_into()?, user: UserId(body.user) })
        }),
        Kind::OwnPartChanged => take(body, |body: Own<'_>| {
            Ok(Change::OwnPartChanged { user: UserId(body.user), view: Box::new(body.view.try_into()?) })
        }),
        Kind::PointersMoved => take(body, |body: Moved| {
            let receipts: Result<_, Unknown> = body.receipts.into_iter().map(TryInto::try_into).collect();
            receipts.map(Change::PointersMoved)
        }),
        Kind::MessageHidden => take(body, |body: Hidden| {
            Ok(Change::MessageHidden {
                user: UserId(body.user),
                conversation: ConversationId(body.conversation),
                message: MessageId(body.message),
                counted: body.counts.map(Into::into),
            })
        }),
        Kind::MessageSaved => take(body, |Saved { user, message, saved }| {
            Ok(Change::MessageSaved { user: UserId(user), message: MessageId(message), saved })
        }),
        Kind::AccessRevoked => take(body, |Ended { user, which }| {
            Ok(Change::AccessRevoked { user: UserId(user), which: which.try_into()? })
        }),
        Kind::Unknown => Ok(None),
    }
}

fn take<'a, Body: Deserialize<'a>>(
    body: &'a str,
    make: impl FnOnce(Body) -> Result<Change, Unknown>,
) -> Result<Option<Change>, Malformed> {
    Ok(make(serde_json::from_str(body)?).ok())
}

/// The counterpart of `Envelope` for writing.
#[derive(Serialize)]
struct Written<Body> {
    position: i64,
    kind: Kind,
    body: Body,
}

#[derive(Serialize, Deserialize)]
struct Changed<'a> {
    #[serde(borrow)]
    message: Message<'a>,
    #[serde(borrow, default)]
    what: Cow<'a, str>,
}

#[derive(Serialize, Deserialize)]
struct Member<'a> {
    #[serde(borrow)]
    conversation: Conversation<'a>,
    user: i64,
    own: OwnPart<'a>,
}

#[derive(Serialize, Deserialize)]
struct Removed<'a> {
    #[serde(borrow)]
    conversation: Conversation<'a>,
    user: i64,
}

#[derive(Serialize, Deserialize)]
struct Own<'a> {
    user: i64,
    #[serde(borrow)]
    view: View<'a>,
}

#[derive(Serialize, Deserialize)]
struct Moved {
    receipts: Vec<Receipt>,
}

#[derive(Serialize, Deserialize)]
struct Hidden {
    user: i64,
    #[serde(rename = "in")]
    conversation: i64,
    message: i64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    counts: Option<Counted>,
}

#[derive(Serialize, Deserialize)]
struct Saved {
    user: i64,
    message: i64,
    saved: bool,
}

#[derive(Serialize, Deserialize)]
struct Ended {
    user: i64,
    which: Revoked,
}
