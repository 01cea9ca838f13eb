//! Compares live events with resuming: a client that resumes from just before an event must get the same change. So
//! the positions stored in the tables must be those of the published events.

use std::sync::Arc;

use chat_core::conversations::Audience;
use chat_core::event::{Change, Event};
use chat_core::ids::{ConversationId, MessageId, Position, UserId};
use chat_core::ports::Store;

/// The subject of a change, as far as a resuming client has to get it again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum About {
    Conversation(ConversationId),
    Message(MessageId),
    Pointers(ConversationId, UserId),
    Hidden(MessageId),
    Saved(MessageId),
    Departure(ConversationId),
}

fn about(change: &Change, recipient: UserId) -> Vec<About> {
    match change {
        Change::MessagePosted(message) | Change::MessageChanged { message, .. } => {
            vec![About::Message(message.id)]
        }
        Change::TextAppended(appended) => vec![About::Message(appended.message)],
        Change::ConversationChanged(conversation) | Change::MemberChanged { conversation, .. } => {
            vec![About::Conversation(conversation.id)]
        }
        Change::MemberRemoved { conversation, user } if *user == recipient => {
            vec![About::Departure(conversation.id)]
        }
        Change::MemberRemoved { conversation, .. } => vec![About::Conversation(conversation.id)],
        Change::OwnPartChanged { view, .. } => vec![About::Conversation(view.conversation.id)],
        Change::PointersMoved(receipts) => {
            let pointers = receipts.iter().map(|receipt| About::Pointers(receipt.conversation, receipt.user));
            pointers.collect()
        }
        Change::MessageHidden { message, .. } => vec![About::Hidden(*message)],
        Change::MessageSaved { message, .. } => vec![About::Saved(*message)],
        Change::AccessRevoked { .. } => Vec::new(),
    }
}

fn conversation(change: &Change) -> Option<ConversationId> {
    match change {
        Change::MessagePosted(message) | Change::MessageChanged { message, .. } => Some(message.conversation),
        Change::TextAppended(appended) => Some(appended.conversation),
        Change::ConversationChanged(conversation)
        | Change::MemberChanged { conversation, .. }
        | Change::MemberRemoved { conversation, .. } => Some(conversation.id),
        Change::OwnPartChanged { view, .. } => Some(view.conversation.id),
        Change::PointersMoved(receipts) => receipts.first().map(|receipt| receipt.conversation),
        Change::MessageHidden { .. } | Change::MessageSaved { .. } | Change::AccessRevoked { .. } => None,
    }
}

/// Whether the user joined or left the conversation after this position. A client then loads it again or drops it.
fn came_or_went(events: &[Arc<Event>], user: UserId, id: ConversationId, after: Position) -> bool {
    events.iter().filter(|event| event.position > after).any(|event| match &event.change {
        Change::MemberChanged { conversation, user: member, .. }
        | Change::MemberRemoved { conversation, user: member } => conversation.id == id && *member == user,
        _ => false,
    })
}

fn is_in_audience(event: &Change, user: UserId, members: &[UserId]) -> bool {
    let is_removed = matches!(event, Change::MemberRemoved { user: removed, .. } if *removed == user);
    is_removed
        || match event.audience() {
            Audience::User(one) => one == user,
            Audience::Pair(one, other) => one == user || other == user,
            Audience::Group(_) => members.contains(&user),
        }
}

/// Checks one event against the page that a client of each user gets that resumes from just before it.
pub async fn check(store: &dyn Store, users: &[UserId], events: &[Arc<Event>], event: &Event) {
    let after = Position(event.position.0 - 1);
    for &user in users {
        let id = conversation(&event.change);
        let members: Vec<UserId> = match id {
            Some(id) => {
                let receipts = store.receipts(user, id, UserId(0), 1000).await;
                receipts.map(|receipts| receipts.iter().map(|(user, _)| *user).collect()).unwrap_or_default()
            }
            None => Vec::new(),
        };
        let moved_on = id.is_some_and(|id| came_or_went(events, user, id, event.position));
        if moved_on || !is_in_audience(&event.change, user, &members) {
            continue;
        }
        let page = store.changes(user, after.into(), u16::MAX).await.unwrap();
        let received: Vec<About> = page.events.iter().flat_map(|event| about(&event.change, user)).collect();
        for about in about(&event.change, user) {
            let is_over = match about {
                About::Pointers(_, member) => !members.contains(&member),
                About::Message(id) => received.contains(&About::Hidden(id)) || is_hidden(events, user, id),
                _ => false,
            };
            assert!(is_over || received.contains(&about), "{user} does not get {about:?}, but {received:?}");
        }
    }
}

fn is_hidden(events: &[Arc<Event>], user: UserId, id: MessageId) -> bool {
    events.iter().any(|event| match event.change {
        Change::MessageHidden { user: by, message, .. } => by == user && message == id,
        _ => false,
    })
}
