//! A page of what changed for a user: what it holds, where it ends, and which events it becomes once the present state is
//! read. Pure: stores look up where something changed, fill a page with log positions and ids, and read what it asks for.

use std::collections::HashMap;

use super::Changes;
use crate::changes::MessageEvent;
use crate::conversations::{Conversation, ConversationView, Counts, Departure};
use crate::event::{Change, Event};
use crate::ids::{ConversationId, MessageId, Position, Seq, UserId};
use crate::messages::Message;
use crate::receipts::{MAX_TOLD_MEMBERS, Place, Pointers};

/// A conversation of the user's in which something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Concerned {
    /// The conversation.
    pub id: ConversationId,
    /// Its last message.
    pub last: Seq,
    /// How many members it has.
    pub n_members: u32,
    /// The last change of any kind but receipts.
    pub changed: Position,
    /// The last change of what all members see of the conversation itself.
    pub meta: Position,
    /// The last receipt.
    pub receipts: Position,
    /// When the user became a member.
    pub joined: Position,
    /// The last change of the user's own part.
    pub state: Position,
    /// Whether the user was a member before, and not in between.
    pub is_back: bool,
}

impl Concerned {
    /// The log position after which its messages are in the page of a user who asks for what is after `after`.
    pub fn messages_after(&self, after: Position) -> Position {
        // New members load what is there, and the page has what comes after. A client that was offline while its user left
        // and joined again has what was there before, and needs what came in between.
        if self.is_back { after } else { after.max(self.joined) }
    }

    /// Whether members receive each other's receipts, and not only their own.
    pub fn is_told_of_receipts(&self) -> bool {
        self.n_members <= MAX_TOLD_MEMBERS
    }

    /// The first log position at which the conversation itself changed, so that a client knows it before what is in it. A
    /// client that resumes between two of its changes gets it again.
    fn seen_at(&self, after: Position) -> Option<Position> {
        [self.meta, self.joined, self.state].into_iter().filter(|&position| position > after).min()
    }
}

/// Something that changed, and its log position.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Item {
    position: Position,
    what: What,
}

/// What changed.
#[derive(Debug, Clone, PartialEq, Eq)]
enum What {
    /// The conversation itself, or the user's own part of it.
    Seen(ConversationId),
    Posted(MessageId),
    Changed(MessageId, MessageEvent),
    /// These members' pointers.
    Moved(ConversationId, Vec<(UserId, Pointers)>),
    Hidden(ConversationId, MessageId),
    Saved(MessageId, bool),
    /// The user is no longer a member; how it was then, where that is known.
    Left(ConversationId, Option<Departure>),
}

/// A page while it is filled. Each source gives its first changes in the order of their log positions, up to
/// [`Filling::enough`] of them.
#[derive(Debug)]
pub struct Filling {
    after: Position,
    end: Position,
    horizon: Position,
    limit: usize,
    items: Vec<Item>,
}

impl Filling {
    /// An empty page for what changed after a log position and up to `end`. It holds about `limit` changes.
    pub fn new(after: Position, end: Position, limit: u16) -> Self {
        Self { after, end, horizon: end, limit: usize::from(limit.max(1)), items: Vec::new() }
    }

    /// The log position after which the page begins.
    pub fn after(&self) -> Position {
        self.after
    }

    /// The log position beyond which nothing is looked up any more. It never grows.
    pub fn horizon(&self) -> Position {
        self.horizon
    }

    /// How many changes each source gives at most: one more than the page holds.
    pub fn enough(&self) -> i64 {
        i64::try_from(self.limit + 1).unwrap_or(i64::MAX)
    }

    /// Adds the conversation itself, if it or the user's own part of it changed.
    pub fn conversation(&mut self, concerned: &Concerned) {
        if let Some(position) = concerned.seen_at(self.after) {
            self.items.push(Item { position, what: What::Seen(concerned.id) });
        }
    }

    /// Adds a message that was posted.
    pub fn posted(&mut self, position: Position, message: MessageId) {
        self.items.push(Item { position, what: What::Posted(message) });
    }

    /// Adds a message that was changed. `event` names the last change as stores do.
    pub fn changed(&mut self, position: Position, message: MessageId, event: &str) {
        let event = MessageEvent::parse(event).unwrap_or(MessageEvent::Edited);
        self.items.push(Item { position, what: What::Changed(message, event) });
    }

    /// Adds a member's pointers. Pointers that moved together share a log position and follow each other.
    pub fn moved(&mut self, position: Position, id: ConversationId, member: (UserId, Pointers)) {
        match self.items.last_mut() {
            Some(Item { position: last, what: What::Moved(_, members) }) if *last == position => {
                members.push(member);
            }
            _ => self.items.push(Item { position, what: What::Moved(id, vec![member]) }),
        }
    }

    /// Adds a message that the user has hidden.
    pub fn hidden(&mut self, position: Position, conversation: ConversationId, message: MessageId) {
        self.items.push(Item { position, what: What::Hidden(conversation, message) });
    }

    /// Adds a message that the user saves, or no longer saves.
    pub fn saved(&mut self, position: Position, message: MessageId, saved: bool) {
        self.items.push(Item { position, what: What::Saved(message, saved) });
    }

    /// Drops what is beyond a full page, and brings the horizon to its end.
    pub fn narrow(&mut self) {
        // Of what shares a position, the conversation comes before what is in it.
        self.items.sort_by_key(|item| (item.position, !matches!(item.what, What::Seen(_))));
        if let Some(beyond) = self.items.get(self.limit) {
            self.horizon = beyond.position;
            self.items.truncate(self.items.partition_point(|item| item.position <= self.horizon));
        }
    }

    /// The page, with the conversations that the user is no longer a member of.
    pub fn finish(mut self, left: Vec<(Position, ConversationId, Option<Departure>)>) -> Page {
        self.narrow();
        let mut items = self.items;
        // The page has no later changes of such a conversation. A client that is cut off before it forgets the conversation
        // would miss them if its user became a member again; so this comes first.
        let first = items.iter().map(|item| item.position).chain(left.iter().map(|left| left.0)).min();
        let complete = items.len() <= self.limit;
        let mut up_to = self.end;
        if let (false, Some(last)) = (complete, items.get(self.limit - 1)) {
            // No cursor lies between changes that share a position.
            up_to = last.position;
            items.truncate(items.partition_point(|item| item.position <= up_to));
        }
        let left = left.into_iter().zip(first.into_iter().cycle());
        let left = left.map(|((_, id, then), position)| Item { position, what: What::Left(id, then) });
        items.splice(..0, left);
        Page { items, up_to, complete }
    }
}

/// A page of what changed, before the present state is read.
#[derive(Debug)]
pub struct Page {
    items: Vec<Item>,
    up_to: Position,
    complete: bool,
}

/// The present state of what is in a page, without what no longer exists.
#[derive(Debug, Default)]
pub struct Present {
    /// Of [`Page::messages`].
    pub messages: Vec<Message>,
    /// Of [`Page::seen`].
    pub views: Vec<ConversationView>,
    /// Of [`Page::moved`].
    pub places: Vec<Place>,
    /// What waits for the user after each of [`Page::readings`], in their order.
    pub counts: Vec<Counts>,
    /// Of [`Page::left`].
    pub left: Vec<Conversation>,
}

impl Page {
    /// The messages in it.
    pub fn messages(&self) -> Vec<MessageId> {
        self.each(|what| match what {
            What::Posted(id) | What::Changed(id, _) => Some(*id),
            _ => None,
        })
    }

    /// The conversations that changed themselves.
    pub fn seen(&self) -> Vec<ConversationId> {
        self.each(|what| if let What::Seen(id) = what { Some(*id) } else { None })
    }

    /// The conversations in which pointers moved, each once.
    pub fn moved(&self) -> Vec<ConversationId> {
        let mut moved = self.each(|what| if let What::Moved(id, _) = what { Some(*id) } else { None });
        moved.sort_unstable();
        moved.dedup();
        moved
    }

    /// The conversations in which the user's own pointers moved, and up to where the user has read.
    pub fn readings(&self, user: UserId) -> Vec<(UserId, ConversationId, Seq)> {
        self.each(|what| {
            let What::Moved(id, members) = what else { return None };
            members.iter().find(|(member, _)| *member == user).map(|(_, own)| (user, *id, own.read))
        })
    }

    /// The conversations that the user is no longer a member of.
    pub fn left(&self) -> Vec<ConversationId> {
        self.each(|what| if let What::Left(id, _) = what { Some(*id) } else { None })
    }

    fn each<T>(&self, part: impl Fn(&What) -> Option<T>) -> Vec<T> {
        self.items.iter().filter_map(|item| part(&item.what)).collect()
    }

    /// The page as events for the user. What no longer exists is left out.
    pub fn changes(self, user: UserId, present: Present) -> Changes {
        let readings = self.readings(user).into_iter().map(|(_, id, _)| id);
        let mut state = State {
            counts: readings.zip(present.counts).collect(),
            messages: present.messages.into_iter().map(|it| (it.id, it)).collect(),
            views: present.views.into_iter().map(|it| (it.conversation.id, it)).collect(),
            places: present.places.into_iter().map(|it| (it.conversation, it)).collect(),
            left: present.left.into_iter().map(|it| (it.id, it)).collect(),
        };
        let event =
            |Item { position, what }| state.change(user, what).map(|change| Event { position, change });
        let events = self.items.into_iter().filter_map(event).collect();
        Changes { events, up_to: self.up_to, complete: self.complete }
    }
}

/// The present state, by id.
struct State {
    messages: HashMap<MessageId, Message>,
    views: HashMap<ConversationId, ConversationView>,
    places: HashMap<ConversationId, Place>,
    counts: HashMap<ConversationId, Counts>,
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
                Some(Change::MessageHidden { user, conversation, message })
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
            own.counts = self.counts.get(&id).copied();
        }
        Some(Change::PointersMoved(receipts))
    }
}

#[cfg(test)]
mod tests;
