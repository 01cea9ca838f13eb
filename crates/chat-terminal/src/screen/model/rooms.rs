//! The conversations as a list: their order, their names, and what waits in them.

use chat_client::v2::Room;
use chat_protocol::conversation::Conversation;
use chat_protocol::message::Message;
use chat_protocol::rest::Member;
use chat_protocol::time::Time;

use super::{Model, Place};
use crate::clean::clean_name;

/// What waits in a conversation.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Count {
    pub(crate) unread: u32,
    pub(crate) mentions: u32,
    /// Messages up to this `seq` are in it.
    upto: i64,
}

impl Model {
    /// What the list shows, top first: what is pinned, then what has the newest message.
    pub(crate) fn listing(&self) -> Vec<Place> {
        let mut listed: Vec<_> = self
            .state
            .rooms()
            .iter()
            .filter(|(_, room)| room.about().is_some())
            .filter_map(|(id, room)| {
                let own = room.own()?;
                let is_shown = own.role.is_some() && (own.archived == self.shows_archived);
                is_shown.then_some(((!own.pinned, -last_at(room)), Place::Room(*id)))
            })
            .collect();
        listed.sort();
        let mut places: Vec<_> = listed.into_iter().map(|(_, place)| place).collect();
        if let Some(place @ Place::User(_)) = self.place {
            places.insert(0, place);
        }
        places
    }

    /// The name of a place.
    pub(crate) fn title(&self, place: Place) -> String {
        match place {
            Place::User(user) => self.name(user).into_owned(),
            Place::Room(id) | Place::Thread(id, _) => match self.about(id) {
                Some(Conversation { user_id: Some(user), .. }) => self.name(*user).into_owned(),
                Some(Conversation { name: Some(name), .. }) => clean_name(name),
                _ => format!("conversation {id}"),
            },
        }
    }

    /// The other side of a direct conversation.
    pub(crate) fn other_side(&self, place: Place) -> Option<i64> {
        match place {
            Place::User(user) => Some(user),
            Place::Room(id) | Place::Thread(id, _) => self.about(id)?.user_id,
        }
    }

    pub(crate) fn about(&self, id: i64) -> Option<&Conversation> {
        self.state.rooms().get(&id)?.about()
    }

    pub(crate) fn room(&self, id: i64) -> Option<&Room> {
        self.state.rooms().get(&id)
    }

    /// The last message that is known of a conversation.
    pub(crate) fn last_message(&self, id: i64) -> Option<&Message> {
        self.room(id)?.messages().last_key_value().map(|(_, message)| message)
    }

    /// What waits there.
    pub(crate) fn count(&self, id: i64) -> Count {
        self.counts.get(&id).copied().unwrap_or_default()
    }

    /// The members of the open group, once they are known.
    pub(crate) fn members(&self) -> &[Member] {
        let desk = self.place.and_then(|place| self.desks.get(&place.entry()));
        desk.map(|desk| desk.members.as_slice()).unwrap_or_default()
    }

    /// The message of this `seq` in the open conversation.
    pub(crate) fn message_at(&self, seq: i64) -> Option<&Message> {
        self.room(self.room_id()?)?.messages().get(&seq)
    }

    /// The conversation with this user, if there is one.
    pub(super) fn place_of_user(&self, user: i64) -> Place {
        let found = self
            .state
            .rooms()
            .iter()
            .find(|(_, room)| room.about().is_some_and(|about| about.user_id == Some(user)));
        found.map_or(Place::User(user), |(id, _)| Place::Room(*id))
    }

    /// The conversation of this group, once it is known.
    pub(super) fn place_of_group(&self, group: i64) -> Option<Place> {
        let mut rooms = self.state.rooms().iter();
        let found = rooms.find(|(_, room)| room.about().is_some_and(|about| about.group_id == Some(group)));
        found.map(|(id, _)| Place::Room(*id))
    }

    /// The server said what waits in a conversation whose last message was this.
    pub(super) fn count_as_told(&mut self, id: i64, told: (u32, u32), upto: i64) {
        let count = self.counts.entry(id).or_default();
        if upto >= count.upto {
            *count = Count { unread: told.0, mentions: told.1, upto };
        }
    }

    /// A message came; it waits unless it is one's own or was counted.
    pub(super) fn count_message(&mut self, message: &Message) {
        let me = self.me();
        let read_to = self.room(message.conversation_id).and_then(Room::own).map_or(0, |own| own.read_seq);
        let count = self.counts.entry(message.conversation_id).or_default();
        if message.seq <= count.upto {
            return;
        }
        count.upto = message.seq;
        if message.sender_id != me && message.seq > read_to && message.deleted_at.is_none() {
            count.unread += 1;
            let is_for_me = message.mention_all || message.mentions.contains(&me);
            count.mentions += u32::from(is_for_me);
        }
    }

    /// The highest `seq` that is known of a conversation.
    pub(super) fn top(&self, id: i64) -> i64 {
        self.last_message(id).map_or(0, |message| message.seq)
    }

    /// Unread messages in the other conversations that are not muted.
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

fn last_at(room: &Room) -> i64 {
    let message = room.messages().last_key_value().map(|(_, message)| message.timestamp.0);
    let made = room.about().map(|about| about.created_at.0);
    message.or(made).unwrap_or_default()
}
