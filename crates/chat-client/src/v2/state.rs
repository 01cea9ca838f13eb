//! What a client knows by what it was told, over REST and by the stream, in whatever order the two come in. Pure: the
//! rules of docs/stream.md and nothing else.
//!
//! A message's `status` and `quote` are as of the moment of their telling: they follow from receipts and from other
//! messages and move no `rev`. The same holds for the counts in a member's own part.

use std::collections::{BTreeMap, BTreeSet};

use chat_protocol::conversation::{Conversation, OwnPart};
use chat_protocol::message::Message;
use chat_protocol::v2::{AppendFrame, Receipt, ServerFrame};

/// All that a client knows.
#[derive(Debug, Clone, Default)]
pub struct State {
    rooms: BTreeMap<i64, Room>,
    /// Messages that the user deleted for themselves.
    hidden: BTreeSet<i64>,
    /// Pieces for messages that are not known yet, by message: REST may still tell of a state before them.
    early: BTreeMap<i64, Vec<AppendFrame>>,
    user: Option<i64>,
    clock: u64,
}

/// A moment between two frames.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(u64);

/// What telling the client something has done.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Applied {
    /// The client knows more than before.
    New,
    /// It was known, or is older than what is known.
    Known,
    /// Pieces of a growing text before this one are missing, which the stream never allows.
    Hole,
}

/// What a client knows of a conversation.
#[derive(Debug, Clone, Default)]
pub struct Room {
    about: Option<Conversation>,
    own: Option<OwnPart>,
    /// When the stream last told of the own part.
    own_told: u64,
    pointers: BTreeMap<i64, (i64, i64)>,
    messages: BTreeMap<i64, Message>,
}

impl Room {
    /// What all members see of it, if that is known.
    pub fn about(&self) -> Option<&Conversation> {
        self.about.as_ref()
    }

    /// The user's own part, if it is known.
    pub fn own(&self) -> Option<&OwnPart> {
        self.own.as_ref()
    }

    /// The `delivered_seq` and `read_seq` of the members whose pointers were told of.
    pub fn pointers(&self) -> &BTreeMap<i64, (i64, i64)> {
        &self.pointers
    }

    /// The messages that are known, by `seq`.
    pub fn messages(&self) -> &BTreeMap<i64, Message> {
        &self.messages
    }

    fn has_left(&self) -> bool {
        self.own.as_ref().is_some_and(|own| own.role.is_none())
    }

    fn put_about(&mut self, told: &Conversation) -> Applied {
        if self.about.as_ref().is_some_and(|about| told.rev < about.rev) {
            return Applied::Known;
        }
        self.about = Some(Conversation { own: None, last_message: None, ..told.clone() });
        Applied::New
    }

    fn put_own(&mut self, told: &OwnPart, user: Option<i64>) {
        let known = self.own.as_ref().map_or((0, 0), |own| (own.delivered_seq, own.read_seq));
        let told_apart = user.and_then(|user| self.pointers.get(&user)).copied().unwrap_or_default();
        let mut own = told.clone();
        own.delivered_seq = own.delivered_seq.max(known.0).max(told_apart.0);
        own.read_seq = own.read_seq.max(known.1).max(told_apart.1);
        self.own = Some(own);
        if self.has_left() {
            self.messages.clear();
            self.pointers.clear();
        }
    }
}

impl State {
    /// Now. To be asked for before a REST call, whose answer may be older than the frames that come from now on.
    pub fn now(&self) -> Moment {
        Moment(self.clock)
    }

    /// The conversations, by id; those that the user has left have a role of `None`.
    pub fn rooms(&self) -> &BTreeMap<i64, Room> {
        &self.rooms
    }

    /// Takes a frame of the stream.
    pub fn apply(&mut self, frame: &ServerFrame) -> Applied {
        self.clock += 1;
        match frame {
            ServerFrame::Hello(hello) => {
                self.user = Some(hello.user_id);
                Applied::Known
            }
            ServerFrame::Message(told) => self.put_message(&told.message),
            ServerFrame::Append(piece) => self.append(piece),
            ServerFrame::Conversation(told) => {
                let room = self.rooms.entry(told.conversation.id).or_default();
                let mut applied = room.put_about(&told.conversation);
                if let Some(own) = &told.conversation.own {
                    room.own_told = self.clock;
                    room.put_own(own, self.user);
                    applied = Applied::New;
                }
                applied
            }
            ServerFrame::Receipt(receipt) => self.forward(receipt),
            ServerFrame::Hidden(told) => self.hide(told.conversation_id, told.message_id),
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

    /// Takes a conversation from REST that was asked for at this moment.
    ///
    /// What all members see has a `rev` that says which is newer; the own part has none. But what the stream has told
    /// since is either newer than the answer, or followed by a frame with what the answer had.
    pub fn load_conversation(&mut self, asked: Moment, told: &Conversation) {
        let user = self.user;
        let room = self.rooms.entry(told.id).or_default();
        room.put_about(told);
        if let Some(own) = told.own.as_ref().filter(|_| room.own_told <= asked.0) {
            room.put_own(own, user);
        }
    }

    /// Takes messages from REST.
    pub fn load_messages(&mut self, messages: &[Message]) {
        for message in messages {
            self.put_message(message);
        }
    }

    fn put_message(&mut self, told: &Message) -> Applied {
        let room = self.rooms.entry(told.conversation_id).or_default();
        let is_newer = room.messages.get(&told.seq).is_none_or(|known| known.rev < told.rev);
        if !is_newer || room.has_left() || self.hidden.contains(&told.id) {
            return Applied::Known;
        }
        room.messages.insert(told.seq, told.clone());
        let mut applied = Applied::New;
        for piece in self.early.remove(&told.id).unwrap_or_default() {
            if self.append(&piece) == Applied::Hole {
                applied = Applied::Hole;
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
            return Applied::Hole;
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
            own.unread = receipt.unread.unwrap_or(own.unread);
            own.mentions = receipt.mentions.unwrap_or(own.mentions);
            // Only what was read comes with counts, and reading takes the mark away; no other frame tells of that.
            if receipt.unread.is_some() && own.marked_unread {
                own.marked_unread = false;
                room.own_told = self.clock;
            }
        }
        if before == after { Applied::Known } else { Applied::New }
    }

    fn hide(&mut self, conversation: i64, message: i64) -> Applied {
        self.early.remove(&message);
        let room = self.rooms.entry(conversation).or_default();
        room.messages.retain(|_, known| known.id != message);
        if self.hidden.insert(message) { Applied::New } else { Applied::Known }
    }
}

#[cfg(test)]
mod tests;
