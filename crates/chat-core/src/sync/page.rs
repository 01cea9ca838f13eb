//! A page of what changed for a user: what it holds, where it ends, and which events it becomes once the present state
//! is read. Pure functions: stores look up where something changed, fill a page with log positions and ids, and read
//! what it asks for.

use std::collections::HashMap;

use super::Changes;
use crate::changes::MessageEvent;
use crate::conversations::{Conversation, ConversationView, Counted, Departure};
use crate::event::{Change, Event};
use crate::ids::{ConversationId, MessageId, Position, Seq, UserId};
use crate::messages::Message;
use crate::receipts::{MAX_RECEIPT_MEMBERS, PointerScope, Pointers};

/// A conversation of the user's in which something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ChangedConversation {
    pub id: ConversationId,
    /// `seq` of its last message.
    pub last: Seq,
    pub n_members: u32,
    /// Log position of the last change of any kind but receipts.
    pub changed: Position,
    /// Log position of the last change of the part that all members see.
    pub meta: Position,
    /// Log position of the last receipt.
    pub receipts: Position,
    /// Log position at which the user became a member.
    pub joined: Position,
    /// Log position of the last change of the user's own part.
    pub state: Position,
    /// Whether the user was a member before, then left and joined again.
    pub is_back: bool,
}

impl ChangedConversation {
    /// Returns the log position after which messages of the conversation belong to the changes after `after`.
    pub fn messages_after(&self, after: Position) -> Position {
        // New members load older messages over REST; the page has what comes later. A client that was offline while its
        // user left and joined again already has the older messages, and needs what came in between.
        if self.is_back { after } else { after.max(self.joined) }
    }

    /// Whether members receive each other's receipts, and not only their own.
    pub fn gets_receipts(&self) -> bool {
        self.n_members <= MAX_RECEIPT_MEMBERS
    }

    /// Returns the first log position at which the conversation itself changed, so that a client knows the conversation
    /// before its contents. A client that resumes between two such changes gets the conversation again.
    pub(super) fn seen_at(&self, after: Position) -> Option<Position> {
        self.shown_at().into_iter().filter(|&position| position > after).min()
    }

    /// Returns the log positions at which the conversation itself changed last, in log order.
    pub fn shown_at(&self) -> [Position; 3] {
        let mut shown = [self.meta, self.joined, self.state];
        shown.sort_unstable();
        shown
    }
}

/// A change and its log position.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    position: Position,
    what: What,
}

/// The kind and object of a change.
#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// The conversation itself, or the user's own part of it.
    Seen(ConversationId),
    Posted(MessageId),
    Changed(MessageId, MessageEvent),
    /// Pointers of these members.
    Moved(ConversationId, Vec<(UserId, Pointers)>),
    Hidden(ConversationId, MessageId),
    Saved(MessageId, bool),
    /// The user is no longer a member. Holds the state at the departure, if it is known.
    Left(ConversationId, Option<Departure>),
}

/// A page while it is being filled. Each source adds its first changes in log order, up to [`PageBuilder::enough`] of them.
#[derive(Debug)]
pub struct PageBuilder {
    after: Position,
    end: Position,
    horizon: Position,
    limit: usize,
    items: Vec<Item>,
}

impl PageBuilder {
    /// Makes an empty page for about `limit` changes after a log position and up to `end`. Later changes are ignored.
    pub fn new(after: Position, end: Position, limit: u16) -> Self {
        Self { after, end, horizon: end, limit: usize::from(limit.max(1)), items: Vec::new() }
    }

    /// Returns the log position after which the page begins.
    pub fn after(&self) -> Position {
        self.after
    }

    /// Returns the log position after which nothing needs to be looked up. It never grows.
    pub fn horizon(&self) -> Position {
        self.horizon
    }

    /// Returns the maximum number of changes from each source: one more than the page holds.
    pub fn enough(&self) -> i64 {
        i64::try_from(self.limit + 1).unwrap_or(i64::MAX)
    }

    /// Adds the conversation itself, if it or the user's own part of it changed.
    pub fn conversation(&mut self, concerned: &ChangedConversation) {
        if let Some(position) = concerned.seen_at(self.after) {
            self.push(position, What::Seen(concerned.id));
        }
    }

    /// Adds a message that was posted.
    pub fn posted(&mut self, position: Position, message: MessageId) {
        self.push(position, What::Posted(message));
    }

    /// Adds a message that changed. `event` is the stored name of the last change.
    pub fn changed(&mut self, position: Position, message: MessageId, event: &str) {
        let event = MessageEvent::parse(event).unwrap_or(MessageEvent::Edited);
        self.push(position, What::Changed(message, event));
    }

    /// Adds a member's pointers. Pointers that moved together have the same log position and are added one after
    /// another.
    pub fn moved(&mut self, position: Position, id: ConversationId, member: (UserId, Pointers)) {
        match self.items.last_mut() {
            Some(Item { position: last, what: What::Moved(_, members) }) if *last == position => {
                members.push(member);
            }
            _ => self.push(position, What::Moved(id, vec![member])),
        }
    }

    /// Adds a message that the user has hidden.
    pub fn hidden(&mut self, position: Position, conversation: ConversationId, message: MessageId) {
        self.push(position, What::Hidden(conversation, message));
    }

    /// Adds a message that the user has saved, or removed from the saved ones.
    pub fn saved(&mut self, position: Position, message: MessageId, saved: bool) {
        self.push(position, What::Saved(message, saved));
    }

    fn push(&mut self, position: Position, what: What) {
        if position <= self.horizon {
            self.items.push(Item { position, what });
        }
    }

    /// Drops what is beyond a full page, and moves the horizon to the page's end.
    pub fn narrow(&mut self) {
        if self.items.len() > self.limit {
            self.arrange();
        }
    }

    fn arrange(&mut self) {
        // Among changes at one log position, the conversation comes before its contents.
        self.items.sort_by_key(|item| (item.position, !matches!(item.what, What::Seen(_))));
        if let Some(beyond) = self.items.get(self.limit) {
            self.horizon = beyond.position;
            self.items.truncate(self.items.partition_point(|item| item.position <= self.horizon));
        }
    }

    /// Completes the page with the conversations that the user is no longer a member of.
    pub fn finish(mut self, left: Vec<(Position, ConversationId, Option<Departure>)>) -> Page {
        self.arrange();
        let mut items = self.items;
        // The page has no later changes of such a conversation. A client that was disconnected before it removes the
        // conversation would miss them if its user became a member again; so the departures come first.
        let first = items.iter().map(|item| item.position).chain(left.iter().map(|left| left.0)).min();
        // The page may end before a departure.
        let first = first.map(|first| first.min(self.end));
        let complete = items.len() <= self.limit;
        let mut up_to = self.end;
        if let (false, Some(last)) = (complete, items.get(self.limit - 1)) {
            // No cursor points between changes at the same log position.
            up_to = last.position;
            items.truncate(items.partition_point(|item| item.position <= up_to));
        }
        let left = left.into_iter().zip(first.into_iter().cycle());
        let left = left.map(|((_, id, then), position)| Item { position, what: What::Left(id, then) });
        items.splice(..0, left);
        Page { items, up_to, complete }
    }
}

/// A page of changes, before the present state is read.
#[derive(Debug)]
pub struct Page {
    items: Vec<Item>,
    up_to: Position,
    complete: bool,
}

/// The present state of the objects in a page, without those that no longer exist.
#[derive(Debug, Default)]
pub struct Present {
    /// For [`Page::messages`].
    pub messages: Vec<Message>,
    /// For [`Page::seen`].
    pub views: Vec<ConversationView>,
    /// For [`Page::moved`].
    pub places: Vec<PointerScope>,
    /// For [`Page::counted`]: the user's unread counts.
    pub counted: Vec<(ConversationId, Counted)>,
    /// For [`Page::left`].
    pub left: Vec<Conversation>,
}

impl Page {
    /// Returns the messages in the page.
    pub fn messages(&self) -> Vec<MessageId> {
        self.each(|what| match what {
            What::Posted(id) | What::Changed(id, _) => Some(*id),
            _ => None,
        })
    }

    /// Returns the log position up to which the page has everything.
    pub fn up_to(&self) -> Position {
        self.up_to
    }

    /// Notes where the log ends. If the page ends before, it is not the last one.
    #[must_use]
    pub fn in_log(self, end: Position) -> Self {
        Self { complete: self.complete && self.up_to >= end, ..self }
    }

    /// Returns the conversations that changed themselves.
    pub fn seen(&self) -> Vec<ConversationId> {
        self.each(|what| if let What::Seen(id) = what { Some(*id) } else { None })
    }

    /// Returns the conversations in which pointers moved, each once.
    pub fn moved(&self) -> Vec<ConversationId> {
        let mut moved = self.each(|what| if let What::Moved(id, _) = what { Some(*id) } else { None });
        moved.sort_unstable();
        moved.dedup();
        moved
    }

    /// Returns the conversations whose unread counts the page contains: those in which the user's own pointers moved or
    /// the user has hidden messages. Each once.
    pub fn counted(&self, user: UserId) -> Vec<ConversationId> {
        let mut counted = self.each(|what| match what {
            What::Moved(id, members) => members.iter().any(|(member, _)| *member == user).then_some(*id),
            What::Hidden(id, _) => Some(*id),
            _ => None,
        });
        counted.sort_unstable();
        counted.dedup();
        counted
    }

    /// Returns the conversations that the user is no longer a member of.
    pub fn left(&self) -> Vec<ConversationId> {
        self.each(|what| if let What::Left(id, _) = what { Some(*id) } else { None })
    }

    fn each<T>(&self, part: impl Fn(&What) -> Option<T>) -> Vec<T> {
        self.items.iter().filter_map(|item| part(&item.what)).collect()
    }

    /// Converts the page to events for the user. Objects that no longer exist are left out.
    pub fn changes(self, user: UserId, present: Present) -> Changes {
        let mut state = State {
            counted: present.counted.into_iter().collect(),
            messages: present.messages.into_iter().map(|it| (it.id, it)).collect(),
            views: present.views.into_iter().map(|it| (it.conversation.id, it)).collect(),
            places: present.places.into_iter().map(|it| (it.conversation, it)).collect(),
            left: present.left.into_iter().map(|it| (it.id, it)).collect(),
        };
        let event =
            |Item { position, what }| state.change(user, what).map(|change| Event { position, change });
        let events = self.items.into_iter().filter_map(event).collect();
        Changes { events, up_to: self.up_to, complete: self.complete, survey: None }
    }
}

/// The present state of objects, by id.
struct State {
    messages: HashMap<MessageId, Message>,
    views: HashMap<ConversationId, ConversationView>,
    places: HashMap<ConversationId, PointerScope>,
    counted: HashMap<ConversationId, Counted>,
    left: HashMap<ConversationId, Conversation>,
}

impl State {
    fn change(&mut self, user: UserId, what: What) -> Option<Change> {
        match what {
            What::Seen(id) => {
                let view = Box::new(self.views.remove(&id)?);
                Some(Change::OwnPartChanged { user, view })
            }
            What::Posted(id) => self.messages.remove(&id).map(Change::MessagePosted),
            What::Changed(id, what) => {
                let message = self.messages.remove(&id)?;
                Some(Change::MessageChanged { message, what })
            }
            What::Moved(id, moved) => self.pointers_moved(user, id, &moved),
            What::Hidden(conversation, message) => {
                let counted = self.counted.get(&conversation).copied();
                Some(Change::MessageHidden { user, conversation, message, counted })
            }
            What::Saved(message, saved) => Some(Change::MessageSaved { user, message, saved }),
            What::Left(id, then) => {
                let conversation = self.left.remove(&id)?.as_left(then);
                Some(Change::MemberRemoved { conversation, user })
            }
        }
    }

    fn pointers_moved(
        &self,
        user: UserId,
        id: ConversationId,
        moved: &[(UserId, Pointers)],
    ) -> Option<Change> {
        let place = self.places.get(&id)?;
        let mut receipts: Vec<_> =
            moved.iter().map(|(member, pointers)| place.receipt(*member, *pointers)).collect();
        if let Some(own) = receipts.iter_mut().find(|receipt| receipt.user == user) {
            own.counts = self.counted.get(&id).copied();
        }
        Some(Change::PointersMoved(receipts))
    }
}

#[cfg(test)]
mod tests;
