//! The list of conversations: order, names and unread counts.

use chat_client::v2::Room;
use chat_protocol::conversation::Conversation;
use chat_protocol::message::Message;
use chat_protocol::rest::Member;
use chat_protocol::time::Time;

use super::{Chat, Model};
use crate::clean::clean_name;

/// Unread messages of a conversation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) unread: u32,
    pub(crate) mentions: u32,
    /// Messages up to this `seq` are counted.
    upto: i64,
    /// Deletions up to this `rev` of the conversation are contained.
    rev: i64,
}

impl Model {
    /// What the list shows, top first: a user without a conversation if open, pinned conversations, then the others by
    /// newest message.
    pub(crate) fn listing(&self) -> Vec<Chat> {
        let mut listed: Vec<_> = self
            .state
            .rooms()
            .iter()
            .filter(|(_, room)| room.about().is_some())
            .filter_map(|(id, room)| {
                let own = room.own()?;
                let is_shown = own.role.is_some() && (own.archived == self.shows_archived);
                is_shown.then_some(((!own.pinned, -last_at(room)), Chat::Room(*id)))
            })
            .collect();
        listed.sort();
        let mut chats: Vec<_> = listed.into_iter().map(|(_, chat)| chat).collect();
        if let Some(chat @ Chat::User(_)) = self.chat {
            chats.insert(0, chat);
        }
        chats
    }

    /// The name to show: a user's or a group's, or `conversation ID` until it is known.
    pub(crate) fn title(&self, chat: Chat) -> String {
        match chat {
            Chat::User(user) => self.name(user).into_owned(),
            Chat::Room(id) | Chat::Thread(id, _) => match self.about(id) {
                Some(Conversation { user_id: Some(user), .. }) => self.name(*user).into_owned(),
                Some(Conversation { name: Some(name), .. }) => clean_name(name),
                _ => format!("conversation {id}"),
            },
        }
    }

    /// The other user of a direct conversation; `None` for a group.
    pub(crate) fn other_side(&self, chat: Chat) -> Option<i64> {
        match chat {
            Chat::User(user) => Some(user),
            Chat::Room(id) | Chat::Thread(id, _) => self.about(id)?.user_id,
        }
    }

    pub(crate) fn about(&self, id: i64) -> Option<&Conversation> {
        self.state.rooms().get(&id)?.about()
    }

    pub(crate) fn room(&self, id: i64) -> Option<&Room> {
        self.state.rooms().get(&id)
    }

    /// The last known message of a conversation.
    pub(crate) fn last_message(&self, id: i64) -> Option<&Message> {
        self.room(id)?.messages().last_key_value().map(|(_, message)| message)
    }

    pub(crate) fn count(&self, id: i64) -> Count {
        self.counts.get(&id).copied().unwrap_or_default()
    }

    /// The members of the open group; empty until they are loaded.
    pub(crate) fn members(&self) -> &[Member] {
        let pane = self.chat.and_then(|chat| self.panes.get(&chat.entry()));
        pane.map(|pane| pane.members.as_slice()).unwrap_or_default()
    }

    /// The message of this `seq` in the open conversation.
    pub(crate) fn message_at(&self, seq: i64) -> Option<&Message> {
        self.room(self.room_id()?)?.messages().get(&seq)
    }

    /// The conversation with this user, or the user if there is none yet.
    pub(super) fn chat_with_user(&self, user: i64) -> Chat {
        let found = self
            .state
            .rooms()
            .iter()
            .find(|(_, room)| room.about().is_some_and(|about| about.user_id == Some(user)));
        found.map_or(Chat::User(user), |(id, _)| Chat::Room(*id))
    }

    /// The conversation of this group; `None` until it is loaded.
    pub(super) fn chat_of_group(&self, group: i64) -> Option<Chat> {
        let mut rooms = self.state.rooms().iter();
        let found = rooms.find(|(_, room)| room.about().is_some_and(|about| about.group_id == Some(group)));
        found.map(|(id, _)| Chat::Room(*id))
    }

    /// Takes the server's counts of unread messages and mentions up to the `seq` `upto`, in which deletions up to `rev`
    /// are contained (0 if the server does not say). Ignores them if they are older than the known counts.
    pub(super) fn set_count(&mut self, id: i64, (unread, mentions): (u32, u32), (upto, rev): (i64, i64)) {
        let count = self.counts.entry(id).or_default();
        let is_older = upto < count.upto || (upto == count.upto && rev != 0 && rev < count.rev);
        if !is_older {
            *count = Count { unread, mentions, upto, rev: rev.max(count.rev) };
        }
    }

    /// Counts a new message as unread, unless it is the user's own, read, deleted or already counted.
    pub(super) fn count_message(&mut self, message: &Message) {
        let (me, read_to) = (self.me(), self.read_to(message.conversation_id));
        let count = self.counts.entry(message.conversation_id).or_default();
        if message.seq <= count.upto {
            return;
        }
        count.upto = message.seq;
        if message.sender_id != me && message.seq > read_to && message.deleted_at.is_none() {
            count.unread += 1;
            count.mentions += u32::from(mentions(message, me));
        }
    }

    /// Lowers the counts by a message that was deleted, or asks for them if it is not known here: then only the server
    /// knows whether it mentioned the user, or was hidden.
    pub(super) fn uncount_message(&mut self, deleted: &Message) {
        let (id, me, read_to) = (deleted.conversation_id, self.me(), self.read_to(deleted.conversation_id));
        let count = self.count(id);
        let is_counted = deleted.sender_id != me
            && deleted.seq > read_to
            && deleted.seq <= count.upto
            && deleted.rev > count.rev
            && !self.state.has_hidden(deleted.id);
        if !is_counted {
            return;
        }
        let Some(known) = self.room(id).and_then(|room| room.messages().get(&deleted.seq)) else {
            return self.load_conversation(id);
        };
        if known.deleted_at.is_none() {
            let of_mention = u32::from(mentions(known, me));
            let (unread, mentions) =
                (count.unread.saturating_sub(1), count.mentions.saturating_sub(of_mention));
            self.counts.insert(id, Count { unread, mentions, rev: deleted.rev, ..count });
        }
    }

    /// `seq` of the last message that the user has read; 0 if nothing is known.
    pub(super) fn read_to(&self, id: i64) -> i64 {
        self.room(id).and_then(Room::own).map_or(0, |own| own.read_seq)
    }

    /// The highest known `seq` of a conversation; 0 if no message is known.
    pub(super) fn top(&self, id: i64) -> i64 {
        self.last_message(id).map_or(0, |message| message.seq)
    }

    /// Number of unread messages in the other conversations, without muted ones.
    pub(crate) fn unread_elsewhere(&self) -> u32 {
        let others =
            self.counts.iter().filter(|(id, _)| self.room_id() != Some(**id) && !self.is_muted(**id));
        others.map(|(_, count)| count.unread).sum()
    }

    pub(crate) fn is_muted(&self, id: i64) -> bool {
        let until = self.room(id).and_then(Room::own).and_then(|own| own.muted_until);
        until.is_some_and(|Time(until)| until > self.now.as_microsecond())
    }
}

fn mentions(message: &Message, user: i64) -> bool {
    message.mention_all || message.mentions.contains(&user)
}

fn last_at(room: &Room) -> i64 {
    let message = room.messages().last_key_value().map(|(_, message)| message.timestamp.0);
    let made = room.about().map(|about| about.created_at.0);
    message.or(made).unwrap_or_default()
}
