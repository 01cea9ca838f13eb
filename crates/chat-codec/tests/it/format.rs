//! The format itself, one example of each kind. These texts are in journals, so they must be read as they are for as
//! long as a release that wrote them may be running.

use chat_codec::event::{decode_one, encode_one};
use chat_core::access::{Fingerprint, Revoked};
use chat_core::changes::MessageEvent;
use chat_core::conversations::{
    Audience, Conversation, ConversationKind, ConversationView, Counted, Counts, OwnPart,
};
use chat_core::event::{Change, Event};
use chat_core::groups::Role;
use chat_core::ids::{ConversationId, GroupId, MessageId, Position, Rev, Seq, UserId};
use chat_core::live_text::{Appended, Chunk};
use chat_core::media::{Media, MessageKind};
use chat_core::messages::{
    Forwarded, Mentions, Message, Pin, Quote, Recipient, Status, Streaming, ThreadSummary,
};
use chat_core::reactions::Reaction;
use chat_core::receipts::{Pointers, Receipt};
use chat_core::time::Timestamp;
use serde_json::{Value, json};

fn check(change: Change, kind: &str, body: &Value) {
    let event = Event { position: Position(77), change };
    let expected = json!({"position": 77, "kind": kind, "body": body});
    let written: Value = serde_json::from_slice(&encode_one(&event)).unwrap();
    assert_eq!(written, expected);
    assert_eq!(decode_one(expected.to_string().as_bytes()).unwrap(), Some(event));
}

fn plain() -> Message {
    Message {
        id: MessageId(1),
        conversation: ConversationId(2),
        seq: Seq(3),
        rev: Rev(4),
        sender: UserId(5),
        to: Recipient::User(UserId(6)),
        kind: MessageKind::Text,
        content: "hi".into(),
        media: Vec::new(),
        reply_to: None,
        thread: None,
        replies: None,
        forwarded: None,
        mentions: Mentions::default(),
        custom: None,
        reactions: Vec::new(),
        client_msg_id: None,
        sent_at: Timestamp(7),
        edited_at: None,
        deleted_at: None,
        pin: None,
        streaming: None,
        status: Status::Pending,
    }
}

fn plain_json() -> Value {
    json!({"id": 1, "in": 2, "seq": 3, "rev": 4, "by": 5, "to": {"user": 6}, "kind": "text", "content": "hi",
           "sent_at": 7, "status": "PENDING"})
}

fn rich() -> Message {
    Message {
        to: Recipient::Group(GroupId(6)),
        kind: MessageKind::Image,
        media: vec![Media {
            url: "https://example.com/a.png".into(),
            kind: Some(MessageKind::Image),
            name: Some("a.png".into()),
            size: Some(8),
            width: Some(9),
            height: Some(10),
        }],
        reply_to: Some(Quote {
            message: MessageId(11),
            sender: UserId(12),
            content: "q".into(),
            deleted: true,
        }),
        thread: Some(MessageId(13)),
        replies: Some(ThreadSummary { n_replies: 14, last_reply_at: Timestamp(15) }),
        forwarded: Some(Forwarded { message: MessageId(16), sender: UserId(17) }),
        mentions: Mentions { users: vec![UserId(18), UserId(19)], all: true },
        custom: Some("{ \"a\": 1.0 }".into()),
        reactions: vec![Reaction { emoji: "👍".into(), count: 2, users: vec![UserId(20), UserId(21)] }],
        client_msg_id: Some("key".into()),
        edited_at: Some(Timestamp(22)),
        deleted_at: Some(Timestamp(23)),
        pin: Some(Pin { by: UserId(24), at: Timestamp(25) }),
        streaming: Some(Streaming::Abandoned),
        status: Status::Sent,
        ..plain()
    }
}

fn rich_json() -> Value {
    json!({
        "id": 1, "in": 2, "seq": 3, "rev": 4, "by": 5, "to": {"group": 6}, "kind": "image", "content": "hi",
        "media": [{"url": "https://example.com/a.png", "kind": "image", "name": "a.png", "size": 8, "width": 9,
                   "height": 10}],
        "reply_to": {"message": 11, "by": 12, "content": "q", "deleted": true},
        "thread": 13,
        "replies": {"n": 14, "last_at": 15},
        "forwarded": {"message": 16, "by": 17},
        "mentions": [18, 19], "mention_all": true,
        "custom": "{ \"a\": 1.0 }",
        "reactions": [{"emoji": "👍", "count": 2, "users": [20, 21]}],
        "client_msg_id": "key",
        "sent_at": 7, "edited_at": 22, "deleted_at": 23,
        "pin": {"by": 24, "at": 25},
        "streaming": "abandoned",
        "status": "SENT"
    })
}

fn direct() -> Conversation {
    Conversation {
        id: ConversationId(1),
        kind: ConversationKind::Direct(UserId(2), UserId(3)),
        rev: Rev(4),
        last_seq: Seq(5),
        n_members: 2,
        created_at: Timestamp(6),
    }
}

fn direct_json() -> Value {
    json!({"id": 1, "direct": [2, 3], "rev": 4, "last_seq": 5, "n_members": 2, "created_at": 6})
}

fn group() -> Conversation {
    let kind = ConversationKind::Group { id: GroupId(7), name: "Mice".into(), owner: UserId(2) };
    Conversation { kind, ..direct() }
}

fn group_json() -> Value {
    json!({"id": 1, "group": {"id": 7, "name": "Mice", "owner": 2}, "rev": 4, "last_seq": 5, "n_members": 2,
           "created_at": 6})
}

fn own() -> OwnPart {
    OwnPart {
        role: Some(Role::Owner),
        pointers: Pointers { delivered: Seq(5), read: Seq(4) },
        counts: Counts { unread: 1, mentions: 1 },
        marked_unread: true,
        muted_until: Some(Timestamp(8)),
        archived: true,
        pinned: true,
        draft: Some("Dear".into()),
    }
}

fn own_json() -> Value {
    json!({"role": "owner", "pointers": {"delivered": 5, "read": 4}, "counts": {"unread": 1, "mentions": 1},
           "marked_unread": true, "muted_until": 8, "archived": true, "pinned": true, "draft": "Dear"})
}

#[test]
fn messages() {
    check(Change::MessagePosted(plain()), "message_posted", &plain_json());
    check(Change::MessagePosted(rich()), "message_posted", &rich_json());
    check(
        Change::MessageChanged { message: rich(), what: MessageEvent::Reaction },
        "message_changed",
        &json!({"message": rich_json(), "what": "reaction"}),
    );
}

#[test]
fn growing_text() {
    let appended = Appended {
        message: MessageId(1),
        conversation: ConversationId(2),
        seq: Seq(3),
        rev: Rev(4),
        audience: Audience::Pair(UserId(5), UserId(6)),
        chunk: Chunk { offset: 0, content: "Once".into() },
        length: 4,
        already: false,
    };
    let body = json!({"message": 1, "in": 2, "seq": 3, "rev": 4, "audience": {"pair": [5, 6]}, "offset": 0,
                      "content": "Once", "length": 4});
    check(Change::TextAppended(appended), "text_appended", &body);
}

#[test]
fn conversations() {
    check(Change::ConversationChanged(direct()), "conversation_changed", &direct_json());
    check(Change::ConversationChanged(group()), "conversation_changed", &group_json());
    check(
        Change::MemberChanged { conversation: group(), user: UserId(2), own: own() },
        "member_changed",
        &json!({"conversation": group_json(), "user": 2, "own": own_json()}),
    );
    check(
        Change::MemberRemoved { conversation: group(), user: UserId(3) },
        "member_removed",
        &json!({"conversation": group_json(), "user": 3}),
    );
}

#[test]
fn own_parts() {
    let view = ConversationView { conversation: direct(), own: own(), last_message: Some(plain()) };
    check(
        Change::OwnPartChanged { user: UserId(2), view: Box::new(view) },
        "own_part_changed",
        &json!({"user": 2, "view": {"conversation": direct_json(), "own": own_json(),
                                    "last_message": plain_json()}}),
    );
    let view = ConversationView { conversation: direct(), own: OwnPart::default(), last_message: None };
    check(
        Change::OwnPartChanged { user: UserId(2), view: Box::new(view) },
        "own_part_changed",
        &json!({"user": 2, "view": {"conversation": direct_json(), "own": {}}}),
    );
}

fn counted() -> Counted {
    let counts = Counts { unread: 3, mentions: 0 };
    Counted { counts, read: Seq(4), last: Seq(8), rev: Rev(9) }
}

fn counted_json() -> Value {
    json!({"unread": 3, "read": 4, "last": 8, "rev": 9})
}

#[test]
fn counts_of_earlier_releases_are_understood() {
    let receipt =
        json!({"user": 1, "in": 2, "pointers": {}, "audience": {"user": 1}, "counts": {"unread": 3}});
    let event = json!({"position": 77, "kind": "pointers_moved", "body": {"receipts": [receipt]}});
    let decoded = decode_one(event.to_string().as_bytes()).unwrap().unwrap();
    let Change::PointersMoved(receipts) = decoded.change else { panic!("{decoded:?}") };
    let counts = Counts { unread: 3, mentions: 0 };
    assert_eq!(receipts[0].counts, Some(Counted { counts, ..Counted::default() }));
}

#[test]
fn receipts() {
    let audiences =
        [(Audience::User(UserId(1)), Some(counted())), (Audience::Group(ConversationId(2)), None)];
    let receipts = audiences.map(|(audience, counts)| Receipt {
        user: UserId(1),
        conversation: ConversationId(2),
        pointers: Pointers { delivered: Seq(5), read: Seq(0) },
        audience,
        counts,
    });
    let body = json!({"receipts": [
        {"user": 1, "in": 2, "pointers": {"delivered": 5}, "audience": {"user": 1}, "counts": counted_json()},
        {"user": 1, "in": 2, "pointers": {"delivered": 5}, "audience": {"group": 2}},
    ]});
    check(Change::PointersMoved(receipts.to_vec()), "pointers_moved", &body);
}

#[test]
fn changes_for_one_user() {
    let (user, conversation, message) = (UserId(1), ConversationId(2), MessageId(3));
    check(
        Change::MessageHidden { user, conversation, message, counted: None },
        "message_hidden",
        &json!({"user": 1, "in": 2, "message": 3}),
    );
    check(
        Change::MessageHidden { user, conversation, message, counted: Some(counted()) },
        "message_hidden",
        &json!({"user": 1, "in": 2, "message": 3, "counts": counted_json()}),
    );
    check(
        Change::MessageSaved { user, message, saved: false },
        "message_saved",
        &json!({"user": 1, "message": 3, "saved": false}),
    );
    let mut token = [0; 16];
    (token[0], token[15]) = (0x0a, 0xff);
    check(
        Change::AccessRevoked { user, which: Revoked::One { token: Fingerprint(token), expires_at: 4 } },
        "access_revoked",
        &json!({"user": 1, "which": {"token": "0a0000000000000000000000000000ff", "expires_at": 4}}),
    );
    check(
        Change::AccessRevoked { user, which: Revoked::IssuedBefore(5) },
        "access_revoked",
        &json!({"user": 1, "which": {"issued_before": 5}}),
    );
}
