//! The frames of the v2 stream. Most are the same for the whole audience; [`variant`] tells which viewers get the same
//! frames, so that each is made once.

use std::collections::HashMap;

use chat_core::changes::MessageEvent;
use chat_core::conversations::{Audience, Conversation, ConversationKind, ConversationView, Counts, OwnPart};
use chat_core::event::{Change, Signal};
use chat_core::ids::{MessageId, Rev, UserId};
use chat_core::live_text::Appended;
use chat_core::messages::Message;
use chat_core::receipts::Receipt;
use chat_core::sync::Cursor;
use chat_protocol::v2::{self, LeanFrame, ServerFrame};

use super::Form;

/// How long a typing signal is valid unless it is repeated.
const TYPING_MS: u32 = 6000;

/// Variant of the lean frame that has the sender's key, in addition to the bits of the reactions.
const WITH_KEY: u64 = 1 << 32;

/// The number of the variant of a change's frames that this viewer gets in a form. Viewers with the same number get the
/// same frames.
pub fn variant(change: &Change, viewer: UserId, form: Form) -> u64 {
    let key = if form == Form::Lean && has_key_for(change, viewer) { WITH_KEY } else { 0 };
    key | u64::from(complete_variant(change, viewer))
}

/// Whether the change's message has a key that was made by this viewer.
fn has_key_for(change: &Change, viewer: UserId) -> bool {
    match change {
        Change::MessagePosted(message) | Change::MessageChanged { message, .. } => {
            message.sender == viewer && message.client_msg_id.is_some()
        }
        _ => false,
    }
}

fn complete_variant(change: &Change, viewer: UserId) -> u32 {
    match change {
        Change::MessagePosted(message) | Change::MessageChanged { message, .. } => {
            reacted_with(message, viewer)
        }
        Change::ConversationChanged(Conversation { kind: ConversationKind::Direct(low, _), .. }) => {
            u32::from(*low == viewer)
        }
        Change::MemberChanged { user, .. } | Change::MemberRemoved { user, .. } => u32::from(*user == viewer),
        Change::PointersMoved(receipts) => {
            let own = receipts.iter().position(|receipt| receipt.user == viewer);
            own.and_then(|index| u32::try_from(index + 1).ok()).unwrap_or(0)
        }
        Change::ConversationChanged(_)
        | Change::TextAppended(_)
        | Change::OwnPartChanged { .. }
        | Change::MessageHidden { .. }
        | Change::MessageSaved { .. }
        | Change::AccessRevoked { .. } => 0,
    }
}

/// A bit for each emoji that the viewer used. A message has fewer emoji than there are bits.
fn reacted_with(message: &Message, viewer: UserId) -> u32 {
    let used = message.reactions.iter().map(|reaction| reaction.users.contains(&viewer));
    used.zip(0..u32::BITS).filter(|(used, _)| *used).fold(0, |bits, (_, index)| bits | 1 << index)
}

/// The frames of a change for this viewer, in order. There is one frame, except for pointers, which have one each in the
/// complete form, and for revoked tokens, which have none.
pub fn change(change: &Change, cursor: Cursor, viewer: UserId, form: Form) -> Vec<ServerFrame> {
    let frame = match change {
        Change::MessagePosted(posted) => message(posted, MessageEvent::Created, cursor, viewer),
        Change::MessageChanged { message: changed, what } => message(changed, *what, cursor, viewer),
        Change::TextAppended(appended) => append(appended, cursor),
        Change::ConversationChanged(common) => conversation(super::common(common, viewer), cursor),
        Change::MemberChanged { conversation: common, user, own } => {
            conversation(member(common, (*user == viewer).then_some(own), viewer), cursor)
        }
        Change::MemberRemoved { conversation: common, user } => {
            let gone = OwnPart::default();
            conversation(member(common, (*user == viewer).then_some(&gone), viewer), cursor)
        }
        Change::OwnPartChanged { view, .. } => conversation(super::conversation(view, viewer), cursor),
        Change::PointersMoved(several) if form == Form::Lean && several.len() > 1 => {
            receipts(several, Some(cursor), viewer)
        }
        Change::PointersMoved(receipts) => return all_receipts(receipts, cursor, viewer),
        Change::MessageHidden { conversation, message, counted, .. } => ServerFrame::Hidden(v2::Hidden {
            conversation_id: conversation.0,
            message_id: message.0,
            unread: counted.map(|counted| counted.counts.unread),
            mentions: counted.map(|counted| counted.counts.mentions),
            read_seq: counted.map(|counted| counted.read.0),
            last_seq: counted.map(|counted| counted.last.0),
            rev: counted.map(|counted| counted.rev.0),
            cursor: cursor.to_string(),
        }),
        Change::MessageSaved { message: MessageId(message_id), saved, .. } => ServerFrame::Saved(v2::Saved {
            message_id: *message_id,
            saved: *saved,
            cursor: cursor.to_string(),
        }),
        Change::AccessRevoked { .. } => return Vec::new(),
    };
    vec![frame]
}

/// The lean form of a frame for this viewer.
pub fn lean(frame: ServerFrame, viewer: UserId) -> LeanFrame {
    LeanFrame::new(frame, viewer.0)
}

/// The frame of a signal; `None` if the v2 stream has no frame for it.
pub fn signal(signal: &Signal) -> Option<ServerFrame> {
    let (from, conversation) = match *signal {
        Signal::TypingToUser { from, conversation, .. } => (from, conversation?),
        Signal::TypingToGroup { from, conversation, .. } => (from, conversation),
    };
    Some(ServerFrame::Typing(v2::Typing {
        conversation_id: conversation.0,
        user_id: from.0,
        expires_in_ms: TYPING_MS,
    }))
}

fn message(message: &Message, what: MessageEvent, cursor: Cursor, viewer: UserId) -> ServerFrame {
    ServerFrame::Message(v2::MessageFrame {
        event: what.as_str().into(),
        conversation_id: message.conversation.0,
        message: Box::new(super::message(message, viewer)),
        cursor: cursor.to_string(),
    })
}

fn append(appended: &Appended, cursor: Cursor) -> ServerFrame {
    ServerFrame::Append(v2::AppendFrame {
        conversation_id: appended.conversation.0,
        message_id: appended.message.0,
        seq: appended.seq.0,
        rev: appended.rev.0,
        offset: appended.chunk.offset,
        content: appended.chunk.content.clone(),
        cursor: cursor.to_string(),
    })
}

fn conversation(conversation: chat_protocol::conversation::Conversation, cursor: Cursor) -> ServerFrame {
    let conversation = Box::new(conversation);
    ServerFrame::Conversation(v2::ConversationFrame { conversation, cursor: cursor.to_string() })
}

/// A group's conversation after a member changed, with the per-member state `own` for that member only.
fn member(
    common: &Conversation,
    own: Option<&OwnPart>,
    viewer: UserId,
) -> chat_protocol::conversation::Conversation {
    match own {
        Some(own) => {
            let view =
                ConversationView { conversation: common.clone(), own: own.clone(), last_message: None };
            super::conversation(&view, viewer)
        }
        None => super::common(common, viewer),
    }
}

/// Receipts of one conversation that waited for others, as everybody sees them who does not see their own counts.
pub fn gathered(receipts: &[Receipt]) -> ServerFrame {
    let nobody = UserId(0);
    self::receipts(receipts, None, nobody)
}

/// Receipts of one conversation as one frame, in the order of their last moves.
fn receipts(receipts: &[Receipt], cursor: Option<Cursor>, viewer: UserId) -> ServerFrame {
    let mut last: HashMap<UserId, usize> = HashMap::new();
    last.extend(receipts.iter().enumerate().map(|(index, receipt)| (receipt.user, index)));
    let is_last = |(index, receipt): &(usize, &Receipt)| last.get(&receipt.user) == Some(index);
    let moved = |(_, receipt): (usize, &Receipt)| {
        let (counts, (last_seq, rev)) = own_counts(receipt, viewer);
        v2::MovedPointers {
            user_id: receipt.user.0,
            delivered_seq: receipt.pointers.delivered.0,
            read_seq: receipt.pointers.read.0,
            unread: counts.map(|counts| counts.unread),
            mentions: counts.map(|counts| counts.mentions),
            last_seq,
            rev,
        }
    };
    ServerFrame::Receipts(v2::Receipts {
        conversation_id: receipts.first().map_or(0, |receipt| receipt.conversation.0),
        receipts: receipts.iter().enumerate().filter(is_last).map(moved).collect(),
        cursor: cursor.map(|cursor| cursor.to_string()),
    })
}

/// Whether receipts may wait for others before this viewer gets them: those of a group, unless the viewer has read.
pub fn may_wait(change: &Change, viewer: UserId) -> bool {
    let Change::PointersMoved(receipts) = change else { return false };
    let is_own_reading = |receipt: &Receipt| receipt.user == viewer && receipt.counts.is_some();
    matches!(change.audience(), Audience::Group(_)) && !receipts.iter().any(is_own_reading)
}

/// The counts of a receipt that the viewer may see, with the last message and the `rev` in which they hold, if known.
fn own_counts(receipt: &Receipt, viewer: UserId) -> (Option<Counts>, (Option<i64>, Option<i64>)) {
    let own = receipt.counts.filter(|_| receipt.user == viewer);
    let held = own.filter(|counted| counted.rev > Rev(0)).map(|counted| (counted.last.0, counted.rev.0));
    (own.map(|counted| counted.counts), held.unzip())
}

/// Only the last receipt has the change's own cursor: a client that disconnects before it gets all of them again.
fn all_receipts(receipts: &[Receipt], cursor: Cursor, viewer: UserId) -> Vec<ServerFrame> {
    let frame = |(index, receipt): (usize, &Receipt)| {
        let cursor = if index + 1 < receipts.len() { cursor.before() } else { cursor };
        let (counts, (last_seq, rev)) = own_counts(receipt, viewer);
        ServerFrame::Receipt(v2::Receipt {
            conversation_id: receipt.conversation.0,
            user_id: receipt.user.0,
            delivered_seq: receipt.pointers.delivered.0,
            read_seq: receipt.pointers.read.0,
            unread: counts.map(|counts| counts.unread),
            mentions: counts.map(|counts| counts.mentions),
            last_seq,
            rev,
            cursor: cursor.to_string(),
        })
    };
    receipts.iter().enumerate().map(frame).collect()
}

#[cfg(test)]
mod tests {
    use chat_core::conversations::Counted;
    use chat_core::ids::{ConversationId, Position, Seq};
    use chat_core::receipts::Pointers;
    use chat_core::sync::Epoch;

    use super::*;

    fn receipt(user: i64, read: i64) -> Receipt {
        Receipt {
            user: UserId(user),
            conversation: ConversationId(1),
            pointers: Pointers { delivered: Seq(read), read: Seq(read) },
            audience: Audience::Group(ConversationId(1)),
            counts: Some(Counted {
                counts: Counts { unread: 2, mentions: 1 },
                read: Seq(read),
                last: Seq(9),
                rev: Rev(12),
            }),
        }
    }

    #[test]
    fn gathered_receipts_have_each_member_once_and_nobodys_counts() {
        let frame = gathered(&[receipt(1, 5), receipt(2, 5), receipt(1, 6)]);
        let json = serde_json::json!({"type": "receipts", "conversation_id": 1, "receipts": [
            {"user_id": 2, "delivered_seq": 5, "read_seq": 5}, {"user_id": 1, "delivered_seq": 6, "read_seq": 6}]});
        assert_eq!(serde_json::to_value(frame).unwrap(), json);
    }

    #[test]
    fn several_receipts_are_one_lean_frame_with_a_cursor_and_the_viewers_counts() {
        let change_of = |receipts: &[Receipt]| Change::PointersMoved(receipts.to_vec());
        let cursor = Cursor { epoch: Epoch(1), position: Position(7) };
        let both = change_of(&[receipt(1, 5), receipt(2, 6)]);
        let frames = change(&both, cursor, UserId(2), Form::Lean);
        let json = serde_json::json!([{"type": "receipts", "conversation_id": 1, "cursor": "00000001-7", "receipts": [
            {"user_id": 1, "delivered_seq": 5, "read_seq": 5},
            {"user_id": 2, "delivered_seq": 6, "read_seq": 6, "unread": 2, "mentions": 1,
             "last_seq": 9, "rev": 12}]}]);
        assert_eq!(serde_json::to_value(frames).unwrap(), json);
        assert_eq!(change(&both, cursor, UserId(2), Form::Complete).len(), 2);
        let one = change(&change_of(&[receipt(1, 5)]), cursor, UserId(2), Form::Lean);
        assert!(matches!(one[..], [ServerFrame::Receipt(_)]), "{one:?}");
    }

    #[test]
    fn only_what_others_did_in_a_group_may_wait() {
        let waits =
            |receipt: Receipt, viewer| may_wait(&Change::PointersMoved(vec![receipt]), UserId(viewer));
        assert!(waits(receipt(1, 5), 2));
        assert!(!waits(receipt(1, 5), 1), "one's own reading is news for one's other clients");
        assert!(waits(Receipt { counts: None, ..receipt(1, 5) }, 1), "one's own client has the message");
        for audience in [Audience::User(UserId(1)), Audience::Pair(UserId(1), UserId(2))] {
            assert!(!waits(Receipt { audience, ..receipt(1, 5) }, 2));
        }
    }

    #[test]
    fn counts_of_earlier_releases_come_without_the_state_in_which_they_hold() {
        let counts = Counts { unread: 2, mentions: 1 };
        let of_earlier = Receipt { counts: Some(Counted { counts, ..Counted::default() }), ..receipt(1, 5) };
        let cursor = Cursor { epoch: Epoch(1), position: Position(7) };
        let json = serde_json::json!([{"type": "receipt", "conversation_id": 1, "cursor": "00000001-7", "user_id": 1,
            "delivered_seq": 5, "read_seq": 5, "unread": 2, "mentions": 1}]);
        assert_eq!(serde_json::to_value(all_receipts(&[of_earlier], cursor, UserId(1))).unwrap(), json);
    }

    #[test]
    fn only_the_last_of_several_receipts_has_the_changes_cursor() {
        let receipt = |user| Receipt {
            user: UserId(user),
            conversation: ConversationId(1),
            pointers: Pointers { delivered: Seq(1), read: Seq(1) },
            audience: Audience::Group(ConversationId(1)),
            counts: None,
        };
        let cursor = Cursor { epoch: Epoch(1), position: Position(7) };
        let frames = all_receipts(&[receipt(1), receipt(2), receipt(3)], cursor, UserId(9));
        let cursor = |frame: &ServerFrame| match frame {
            ServerFrame::Receipt(receipt) => receipt.cursor.clone(),
            other => panic!("{other:?}"),
        };
        let cursors: Vec<_> = frames.iter().map(cursor).collect();
        assert_eq!(cursors, ["00000001-6", "00000001-6", "00000001-7"]);
    }
}
