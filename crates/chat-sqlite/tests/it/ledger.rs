//! What holds after any writes: the events count every change once, and the rows say the same as the events.

use std::collections::BTreeMap;

use chat_core::conversations::ConversationKind;
use chat_core::event::{Change, Event};
use chat_core::ids::{ConversationId, MessageId};
use chat_core::messages::{Message, MessageEvent};
use rusqlite::{Connection, OptionalExtension, Params};

use crate::support::House;

/// What the events so far say of one conversation.
#[derive(Default)]
struct Tally {
    rev: i64,
    position: i64,
    meta_position: i64,
}

/// The last change of a message: where, what, and the `rev` it gave.
type Last = (i64, MessageEvent, i64);

/// Checks that the rows of a house's file agree with all events since the file was made.
pub fn check(house: &House) {
    let rows = house.rows();
    let mut tallies: BTreeMap<ConversationId, Tally> = BTreeMap::new();
    let mut last: BTreeMap<MessageId, Last> = BTreeMap::new();
    let events = house.sink.events();
    for (event, position) in events.iter().zip(1..) {
        assert_eq!(event.position.0, position, "one place for each change, and none for nothing: {events:?}");
        match &event.change {
            Change::MessagePosted(message) => {
                assert_eq!(number(&rows, POSTED_AT, [message.id.0]), Some(position), "{message:?}");
                count_message(&mut tallies, event, message);
                last.insert(message.id, (position, MessageEvent::Created, message.rev.0));
            }
            Change::MessageChanged { message, what } => {
                count_message(&mut tallies, event, message);
                last.insert(message.id, (position, *what, message.rev.0));
            }
            Change::TextAppended(piece) => {
                assert_eq!(count(&mut tallies, event, piece.conversation), piece.rev.0, "{event:?}");
                last.insert(piece.message, (position, MessageEvent::Appended, piece.rev.0));
            }
            // That a pair's conversation came into being is told, and is none of the changes that its `rev` counts.
            Change::ConversationChanged(made) if matches!(made.kind, ConversationKind::Direct(..)) => {
                let tally = tallies.entry(made.id).or_default();
                (tally.position, tally.meta_position) = (position, position);
            }
            Change::ConversationChanged(conversation)
            | Change::MemberChanged { conversation, .. }
            | Change::MemberRemoved { conversation, .. } => {
                count(&mut tallies, event, conversation.id);
                tallies.entry(conversation.id).or_default().meta_position = position;
            }
            Change::MessageHidden { .. } | Change::MessageSaved { .. } => check_own(&rows, &events, event),
            _ => {}
        }
    }
    check_conversations(&rows, &tallies);
    check_messages(&rows, &last);
    let end = number(&rows, "SELECT position FROM log", []);
    assert_eq!(end, i64::try_from(events.len()).ok());
}

const POSTED_AT: &str = "SELECT position FROM messages WHERE id = ?1";

fn number(rows: &Connection, sql: &str, params: impl Params) -> Option<i64> {
    rows.query_row(sql, params, |row| row.get(0)).optional().unwrap()
}

/// One more change of a conversation; the answer is its `rev` now.
fn count(tallies: &mut BTreeMap<ConversationId, Tally>, event: &Event, conversation: ConversationId) -> i64 {
    let tally = tallies.entry(conversation).or_default();
    tally.rev += 1;
    tally.position = event.position.0;
    tally.rev
}

fn count_message(tallies: &mut BTreeMap<ConversationId, Tally>, event: &Event, message: &Message) {
    assert_eq!(count(tallies, event, message.conversation), message.rev.0, "{event:?}");
}

fn check_conversations(rows: &Connection, tallies: &BTreeMap<ConversationId, Tally>) {
    for (id, tally) in tallies {
        let sql = "SELECT rev, position, meta_position FROM conversations WHERE id = ?1";
        let found: (i64, i64, i64) =
            rows.query_row(sql, [id.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?))).unwrap();
        assert_eq!(found, (tally.rev, tally.position, tally.meta_position), "conversation {id}");
    }
}

/// The present `rev` of each message, and its row among the changes if it ever changed in place.
fn check_messages(rows: &Connection, last: &BTreeMap<MessageId, Last>) {
    let mut changed = 0;
    for (id, (position, what, rev)) in last {
        assert_eq!(
            number(rows, "SELECT rev FROM messages WHERE id = ?1", [id.0]),
            Some(*rev),
            "message {id}"
        );
        let sql = "SELECT c.position, c.event, c.conversation_id = m.conversation_id
                   FROM message_changes c JOIN messages m ON m.id = c.message_id WHERE m.id = ?1";
        let found: Option<(i64, String, bool)> = rows
            .query_row(sql, [id.0], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
            .optional()
            .unwrap();
        let wanted = (*what != MessageEvent::Created).then(|| (*position, what.as_str().to_owned(), true));
        changed += i64::from(wanted.is_some());
        assert_eq!(found, wanted, "message {id}");
    }
    assert_eq!(number(rows, "SELECT count(*) FROM message_changes", []), Some(changed));
}

/// What concerns one user only: its row has the place of the last event about it.
fn check_own(rows: &Connection, events: &[std::sync::Arc<Event>], event: &Event) {
    let position = event.position.0;
    match event.change {
        Change::MessageHidden { user, conversation, message } => {
            let sql = "SELECT position FROM hidden_messages
                       WHERE user_id = ?1 AND message_id = ?2 AND conversation_id = ?3";
            assert_eq!(number(rows, sql, [user.0, message.0, conversation.0]), Some(position));
        }
        Change::MessageSaved { user, message, saved } => {
            let is_later = |other: &Event| {
                other.position.0 > position
                    && matches!(other.change, Change::MessageSaved { user: u, message: m, .. } if (u, m) == (user, message))
            };
            if !events.iter().any(|other| is_later(other)) {
                let sql = "SELECT position FROM saved_messages WHERE user_id = ?1 AND message_id = ?2 AND saved = ?3";
                assert_eq!(number(rows, sql, [user.0, message.0, saved.into()]), Some(position));
            }
        }
        _ => {}
    }
}
