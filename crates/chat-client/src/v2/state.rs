//! The knowledge of a client from REST answers and stream frames, in whatever order they arrive. Pure: the
//! rules of docs/stream.md and nothing else.
//!
//! A message's `status` and `quote` are as of the moment when the server sent them: they follow from receipts
//! and from other messages and move no `rev`. The same holds for the counts in the per-member state.

use std::collections::{BTreeMap, BTreeSet};

use chat_protocol::conversation::{Conversation, OwnPart};
use chat_protocol::message::Message;
use chat_protocol::v2::{AppendFrame, Hidden, Receipt, ServerFrame};

/// Everything that a client knows.
#[derive(Debug, Clone, Default)]
pub struct State {
    rooms: BTreeMap<i64, Room>,
    /// Ids of messages that the user deleted for themselves.
    hidden: BTreeSet<i64>,
    /// Appended text for messages that are not known yet, by message id: a REST answer may still show a state
    /// before it.
    early: BTreeMap<i64, Vec<AppendFrame>>,
    user: Option<i64>,
    clock: u64,
}

/// A point in time between two frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

/// Effect of one frame or answer on the client's knowledge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The client knows more than before.
    New,
    /// The client knew it, or knows something newer.
    Known,
    /// Text before this piece of a growing message is missing, which the stream never allows.
    Gap,
}

/// A client's knowledge of a conversation.
#[derive(Debug, Clone, Default)]
pub struct Room {
    about: Option<Conversation>,
    own: Option<OwnPart>,
    /// Clock value at which the stream last sent the per-member state.
    own_received_at: u64,
    pointers: BTreeMap<i64, (i64, i64)>,
    messages: BTreeMap<i64, Message>,
}

impl Room {
    /// Returns the part that all members see, if it is known.
    pub fn about(&self) -> Option<&Conversation> {
        self.about.as_ref()
    }

    /// Returns the user's per-member state, if it is known.
    pub fn own(&self) -> Option<&OwnPart> {
        self.own.as_ref()
    }

    /// Returns the `delivered_seq` and `read_seq` of the members whose pointers are known, by user id.
    pub fn pointers(&self) -> &BTreeMap<i64, (i64, i64)> {
        &self.pointers
    }

    /// Returns the known messages, by `seq`.
    pub fn messages(&self) -> &BTreeMap<i64, Message> {
        &self.messages
    }

    fn has_left(&self) -> bool {
        self.own.as_ref().is_some_and(|own| own.role.is_none())
    }

    fn put_about(&mut self, received: &Conversation) -> Applied {
        if self.about.as_ref().is_some_and(|about| received.rev < about.rev) {
            return Applied::Known;
        }
        self.about = Some(Conversation { own: None, last_message: None, ..received.clone() });
        Applied::New
    }

    fn put_own(&mut self, received: &OwnPart, user: Option<i64>) {
        let known = self.own.as_ref().map_or((0, 0), |own| (own.delivered_seq, own.read_seq));
        let pointers = user.and_then(|user| self.pointers.get(&user)).copied().unwrap_or_default();
        let mut own = received.clone();
        own.delivered_seq = own.delivered_seq.max(known.0).max(pointers.0);
        own.read_seq = own.read_seq.max(known.1).max(pointers.1);
        self.own = Some(own);
        if self.has_left() {
            self.messages.clear();
            self.pointers.clear();
        }
    }
}

impl State {
    /// Returns the current moment. The caller takes it before a REST call, whose answer may be older than the
    /// frames that arrive after this moment.
    pub fn now(&self) -> Moment {
        Moment(self.clock)
    }

    /// Returns the conversations, by id. Those that the user has left have a role of `None`.
    pub fn rooms(&self) -> &BTreeMap<i64, Room> {
        &self.rooms
    }

    /// Whether the user has deleted this message for themselves, as far as this client knows.
    pub fn has_hidden(&self, message: i64) -> bool {
        self.hidden.contains(&message)
    }

    /// Applies a frame of the stream.
    pub fn apply(&mut self, frame: &ServerFrame) -> Applied {
        self.clock += 1;
        match frame {
            ServerFrame::Hello(hello) => {
                self.user = Some(hello.user_id);
                Applied::Known
            }
            ServerFrame::Message(received) => self.put_message(&received.message),
            ServerFrame::Append(piece) => self.append(piece),
            ServerFrame::Conversation(received) => {
                let room = self.rooms.entry(received.conversation.id).or_default();
                let mut applied = room.put_about(&received.conversation);
                if let Some(own) = &received.conversation.own {
                    room.own_received_at = self.clock;
                    room.put_own(own, self.user);
                    applied = Applied::New;
                }
                applied
            }
            ServerFrame::Receipt(receipt) => self.forward(receipt),
            ServerFrame::Receipts(gathered) => {
                let applied: Vec<_> = gathered.each().map(|receipt| self.forward(&receipt)).collect();
                if applied.contains(&Applied::New) { Applied::New } else { Applied::Known }
            }
            ServerFrame::Hidden(received) => self.hide(received),
            ServerFrame::Saved(_)
            | ServerFrame::Typing(_)
            | ServerFrame::Presence(_)
            | ServerFrame::Live(_)
            | ServerFrame::Resync(_)
            | ServerFrame::Ack(_)
            | ServerFrame::Error(_)
            | ServerFrame::Pong(_) => Applied::Known,
        }
    }

    /// Applies a conversation from a REST answer that was requested at this moment.
    ///
    /// The `rev` of the part that all members see shows which version is newer; the per-member state has no
    /// `rev`. Instead, anything that the stream has sent since is either newer than the answer, or followed
    /// by a frame with the answer's content.
    /// Returns whether it took the per-member state.
    pub fn load_conversation(&mut self, asked: Moment, received: &Conversation) -> bool {
        let user = self.user;
        let room = self.rooms.entry(received.id).or_default();
        room.put_about(received);
        let Some(own) = received.own.as_ref().filter(|_| room.own_received_at <= asked.0) else {
            return false;
        };
        room.put_own(own, user);
        true
    }

    /// Applies messages from a REST answer.
    pub fn load_messages(&mut self, messages: &[Message]) {
        for message in messages {
            self.put_message(message);
        }
    }

    fn put_message(&mut self, received: &Message) -> Applied {
        let room = self.rooms.entry(received.conversation_id).or_default();
        let is_newer = room.messages.get(&received.seq).is_none_or(|known| known.rev < received.rev);
        if !is_newer || room.has_left() || self.hidden.contains(&received.id) {
            return Applied::Known;
        }
        room.messages.insert(received.seq, received.clone());
        let mut applied = Applied::New;
        for piece in self.early.remove(&received.id).unwrap_or_default() {
            if self.append(&piece) == Applied::Gap {
                applied = Applied::Gap;
            }
        }
        applied
    }

    fn append(&mut self, piece: &AppendFrame) -> Applied {
        let room = self.rooms.entry(piece.conversation_id).or_default();
        if room.has_left() || self.hidden.contains(&piece.message_id) {
            return Applied::Known;
        }
        let Some(message) = room.messages.get_mut(&piece.seq) else {
            self.early.entry(piece.message_id).or_default().push(piece.clone());
            return Applied::New;
        };
        if piece.rev <= message.rev {
            return Applied::Known;
        }
        if u32::try_from(message.content.chars().count()) != Ok(piece.offset) {
            return Applied::Gap;
        }
        message.content.push_str(&piece.content);
        message.rev = piece.rev;
        Applied::New
    }

    fn forward(&mut self, receipt: &Receipt) -> Applied {
        let room = self.rooms.entry(receipt.conversation_id).or_default();
        let pointers = room.pointers.entry(receipt.user_id).or_default();
        let before = *pointers;
        *pointers = (before.0.max(receipt.delivered_seq), before.1.max(receipt.read_seq));
        let after = *pointers;
        if self.user == Some(receipt.user_id)
            && let Some(own) = &mut room.own
        {
            own.delivered_seq = own.delivered_seq.max(after.0);
            own.read_seq = own.read_seq.max(after.1);
            own.mentions = receipt.mentions.unwrap_or(own.mentions);
            // A receipt carries counts only if something was read, and reading removes the mark; no other
            // frame reports that.
            if let Some(unread) = receipt.unread {
                (own.unread, own.marked_unread) = (unread, false);
                room.own_received_at = self.clock;
            }
        }
        if before == after { Applied::Known } else { Applied::New }
    }

    fn hide(&mut self, received: &Hidden) -> Applied {
        let message = received.message_id;
        self.early.remove(&message);
        let room = self.rooms.entry(received.conversation_id).or_default();
        room.messages.retain(|_, known| known.id != message);
        // Counts from before a reading that is already known, by a REST answer, are followed by those of its receipt.
        if let Some(own) = &mut room.own
            && received.read_seq.is_some_and(|read_seq| read_seq >= own.read_seq)
        {
            own.unread = received.unread.unwrap_or(own.unread);
            own.mentions = received.mentions.unwrap_or(own.mentions);
            room.own_received_at = self.clock;
        }
        if self.hidden.insert(message) { Applied::New } else { Applied::Known }
    }
}

#[cfg(test)]
mod tests;
